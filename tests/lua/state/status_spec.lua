local codec = require "scw.state.codec"
local core = require "core"
local errors = require "scw.errors"
local json = require "scw.json"
local lock = require "scw.state.lock"
local memory = require "tests.lua.state.memory"
local queue = require "scw.state.queue"
local status = require "scw.state.status"
local store = require "scw.state.store"

local NAME = "shop.state"

local function record(address)
  return { address = address, type = "value", id = address, place = {}, inputs = { input = 1 }, outputs = {},
    dependencies = core.array({}), status = "ready", schema = 1, options = {} }
end

--- The state, sealed with a key or not.
local function state(backend, key)
  return store.new({ backend = backend, codec = codec.new({ stack = "shop", key = key }), name = NAME, stack = "shop" })
end

local function begun(backend, key)
  local made = state(backend, key)
  assert(made:load())
  assert(made:begin())
  return made
end

local function look(backend, more)
  local facts = { backend = backend, name = NAME, host = { name = "box" }, load = function() return state(backend):load() end }
  for name, value in next, more or {} do facts[name] = value end
  local before = backend.puts
  local seen, err = status.read(facts)
  assert.equal(before, backend.puts) -- writes nothing
  return seen, err
end

local function acquire(backend, more)
  local request = {
    backend = backend, name = NAME, command = "scwlua apply", environment = {}, host = { name = "far", user = "ann", pid = 7 }, lease = 60,
  }
  for name, value in next, more or {} do request[name] = value end
  return assert(lock.acquire(request))
end

--- Somebody in line.
local function join(backend, who)
  local line = queue.new({
    backend = backend, name = NAME, lease = 30, elapsed = function() return 0 end,
    facts = { id = "id-" .. who, who = who, host = "far", pid = 8, command = "scwlua apply", created = "2026-01-02T03:04:05Z" },
  })
  assert(line:join())
  return line
end

describe("the status of a state", function()
  it("that was never written says so", function()
    local seen = assert(look(memory.new()))
    assert.is_false(seen.exists)
    assert.is_nil(seen.sealed)
    assert.equal("free", seen.lock)
    assert.same({}, seen.waiting)
    assert.equal("apply", status.advice(seen))
  end)

  it("tells what is there, and that nothing has to be done", function()
    local backend = memory.new()
    local made = begun(backend)
    made:write({ op = "set", record = record("value.a") })
    assert(made:fold())
    local seen = assert(look(backend))
    assert.is_true(seen.exists)
    assert.is_false(seen.sealed)
    assert.equal(0, seen.segments)
    assert.is_truthy(seen.document.resources["value.a"])
    assert.equal("nothing", status.advice(seen))
  end)

  it("tells what was cut off", function()
    local backend = memory.new()
    local made = begun(backend)
    assert(made:fold())
    assert(made:commit(made:write({ op = "intent", record = record("value.a") })))
    assert(backend:put("shop.state.log/notes.txt", "of somebody", {}))
    local seen = assert(look(backend))
    assert.equal(1, seen.segments)
    assert.is_truthy(seen.document.intents["value.a"])
    assert.equal("apply", status.advice(seen))
    assert(made:fold())
    seen = assert(look(backend))
    assert.equal(0, seen.segments)
    assert.equal("apply", status.advice(seen)) -- the intent is still open
  end)

  it("tells who has it, who waits, and when nobody has to", function()
    local backend = memory.new()
    backend.time = 1000000
    local held = acquire(backend, { elapsed = function() return 0 end })
    join(backend, "bob")
    join(backend, "cid")
    local seen = assert(look(backend))
    assert.equal("held", seen.lock)
    assert.equal(held.facts.id, seen.holder.id)
    assert.is_false(seen.holder.died)
    assert.is_false(seen.holder.expired)
    assert.equal("bob", seen.waiting[1].who)
    assert.equal("cid", seen.waiting[2].who)
    assert.equal("wait", status.advice(seen))
    assert(held:release())
    seen = assert(look(backend))
    assert.is_nil(seen.holder)
    assert.equal("wait", status.advice(seen)) -- it is theirs
    backend.time = 1000100
    assert.same({}, assert(look(backend)).waiting) -- their places ended
    assert.equal(2, #assert(queue.list(backend, NAME)))
    backend.objects[queue.key(NAME, 1)].bytes = "damaged"
    assert.equal("cid", assert(queue.list(backend, NAME))[1].who)
    backend.time = 1000000
    for _, damaged in ipairs({ {}, { witness = {} }, { who = 7 } }) do -- nobody can wait in an object like this
      local place = { id = "id", who = "x", host = "box", pid = 9, command = "c", created = "s", state = "waiting", expires = 1e10 }
      if not next(damaged) then place.expires = nil end
      for name, value in next, damaged do place[name] = value end
      backend.objects[queue.key(NAME, 1)].bytes = assert(json.encode(place))
      assert.equal("cid", assert(look(backend)).waiting[1].who)
    end
  end)

  it("tells when the next one takes over", function()
    local backend = memory.new()
    backend.time = 1000000
    acquire(backend, { elapsed = function() return 0 end })
    backend.time = 1000100
    local seen = assert(look(backend))
    assert.is_true(seen.holder.expired)
    assert.equal("take_over", status.advice(seen))
  end)

  it("knows of a process that died on this machine, and goes on knowing", function()
    local root, backend = os.tmpname(), memory.new()
    os.remove(root)
    local held = acquire(backend, { host = { name = "box", user = "ann", pid = 7 }, environment = { XDG_RUNTIME_DIR = root } })
    assert.is_false(assert(look(backend)).holder.died)
    held.witness.held:release() -- what the kernel does
    for _ = 1, 2 do
      local seen = assert(look(backend))
      assert.is_true(seen.holder.died)
      assert.equal("take_over", status.advice(seen))
    end
    assert.is_false(assert(look(backend, { host = { name = "elsewhere" } })).holder.died)
    os.execute("rm -rf '" .. root .. "'")
  end)

  it("tells nobody to take over what cannot be read", function()
    local backend = memory.new()
    backend.time = 1000000
    acquire(backend, { elapsed = function() return 0 end })
    backend.objects[NAME] = { bytes = "junk", etag = "e" }
    local seen = assert(look(backend))
    assert.equal("wait", status.advice(seen))
    backend.time = 1000100
    seen = assert(look(backend))
    assert.is_true(seen.holder.expired)
    assert.equal("read", status.advice(seen))
    assert.is_true(status.is_damaged(seen))
  end)

  it("shows what can be seen without the key", function()
    local backend = memory.new()
    local made = begun(backend, assert(core.key({ raw = ("k"):rep(32) })))
    assert(made:commit(made:write({ op = "set", record = record("value.a") })))
    local problem = errors.new({ code = "INFRA_001", message = "no key" })
    local seen = assert(look(backend, { load = function() return nil, problem end }))
    assert.is_true(seen.sealed)
    assert.same({ "a key file" }, seen.recipients)
    assert.equal(1, seen.segments)
    assert.equal("free", seen.lock)
    assert.equal(problem, seen.problem)
    assert.is_false(status.is_damaged(seen))
    assert.equal("read", status.advice(seen))
  end)

  it("names a lock that is damaged before one whose holder is gone", function()
    local mirror, one, other = require "scw.state.mirror", memory.new(), memory.new()
    one.time, other.time = 1000000, 1000000
    acquire(one, { elapsed = function() return 0 end })
    one.time, other.time = 1000100, 1000100
    other.objects["shop.state.lock"] = { bytes = "junk", etag = "e" }
    for _, sides in ipairs({ { one, other }, { other, one } }) do
      local both = mirror.new({ primary = sides[1], replica = sides[2], patience = 1, on_message = function() end })
      local seen = assert(status.read({ backend = both, name = NAME, host = { name = "box" }, load = function() return nil end }))
      assert.same({ "damaged", "repair" }, { seen.lock, status.advice(seen) })
    end
  end)

  it("names a lock that is damaged", function()
    local backend = memory.new()
    backend.objects["shop.state.lock"] = { bytes = json.encode({ id = 7 }), etag = "e" }
    local seen = assert(look(backend))
    assert.equal("damaged", seen.lock)
    assert.equal("memory:shop.state.lock", seen.lock_place)
    assert.equal("repair", status.advice(seen))
  end)

  it("is an error when the place cannot be reached", function()
    for _, call in ipairs({ "get", "list" }) do
      local backend = memory.new()
      backend[call] = function() return nil, { kind = "denied", message = "no", hint = "ask" } end
      local seen, err = look(backend)
      assert.is_nil(seen)
      assert.equal("INFRA_003", err.code)
      assert.equal("ask", err.hint)
    end
  end)
end)
