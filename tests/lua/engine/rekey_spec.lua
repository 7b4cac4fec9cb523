local cloud = require "tests.lua.engine.cloud"
local codec = require "scw.state.codec"
local core = require "core"
local history = require "scw.state.history"
local keyring = require "scw.state.keyring"
local parallel = require "scw.parallel"
local rekey = require "scw.engine.rekey"

local OLD, NEW, OTHER = core.key({ raw = ("o"):rep(32) }), core.key({ raw = ("n"):rep(32) }), core.key({ raw = ("x"):rep(32) })
local LATER_S = 10000

--- A run that has these keys: recipients, then former ones.
local function ring(recipients, former)
  local members = {}
  for _, key in ipairs(recipients) do members[#members + 1] = { name = "key " .. #members + 1, key = key } end
  for _, key in ipairs(former or {}) do members[#members + 1] = { name = "former", key = key, former = true } end
  return keyring.new(members)
end

local function stack(size)
  return cloud.stack(function(declare) declare("net", "main", { name = "n", size = size }) end)
end

--- A state under the old key, with three deployments in its history and a version that lost a race.
local function applied(key)
  local world = cloud.world()
  for size = 1, 3 do
    world.key = key == nil and ring({ OLD }) or key
    assert.equal("", cloud.failures((world:apply(stack(size)))))
  end
  world.backend:put("test.state.unsaved-7-12345678", world.backend:get("test.state"))
  return world
end

local function session(world, key, options)
  world.key = key
  return world:session(stack(3), options)
end

--- Everything that is sealed, as the owner of these keys reads it: how many objects, or an error.
local function read_all(world, key)
  local opened = session(world, key)
  local state, err = opened:state()
  if not state then return nil, err end
  assert.equal("net.main", state.resources["net.main"].address)
  local store = opened:place()
  local places = assert(history.places(store))
  local records
  records, err = history.records(store)
  if not records then return nil, err end
  assert.equal(#places, #records)
  local documents
  documents, err = parallel.map(places, 4, function(place) return history.document(store, place) end)
  if not documents then return nil, err end
  for _, name in ipairs(world.backend:list("test.state.unsaved-")) do
    local ok
    ok, err = store.codec:decode(world.backend:get(name), { kind = "snapshot", beside = true })
    if not ok then return nil, err end
  end
  return #records + #documents
end

--- No object opens with this key alone.
local function opens_nothing(world, key)
  local sealed = 0
  for name, object in pairs(world.backend.objects) do
    if not name:match("%.lock$") and not name:match("%.queue/") then
      sealed = sealed + 1
      local seal, err = key:find(object.bytes)
      assert(not seal, name)
      assert.equal("denied", err.kind)
    end
  end
  assert(sealed > 5)
end

describe("a new seal", function()
  it("is for the keys that are named now: a former one opens nothing any more", function()
    local world = applied()
    assert.equal(6, read_all(world, ring({ OLD })))
    local done = assert(rekey.run(session(world, ring({ NEW, OTHER }, { OLD }))))
    assert.equal(7, done.resealed) -- the latest copy is that of the state itself, before
    assert.same({ "key 1", "key 2" }, done.recipients)
    for _, key in ipairs({ NEW, OTHER }) do assert.equal(8, read_all(world, ring({ key }))) end
    local count, err = read_all(world, ring({ OLD }))
    assert.is_nil(count)
    assert.match("it is sealed for other keys", err.message)
    opens_nothing(world, OLD)
    local last = assert(history.records(session(world, ring({ NEW })):place()))[1]
    assert.same({ done.deployment, 7 }, { last.id, last.counts.resealed })
  end)

  it("is also for what the history lacked until then", function()
    for _, copies in ipairs({ true, false }) do
      local world = applied()
      local latest = assert(history.places(session(world, ring({ OLD })):place()))[1].key
      world.backend.objects[latest .. ".snapshot"] = nil
      local copy = world.backend.copy
      if not copies then
        world.backend.copy = function() return nil, { kind = "refused", message = "no" } end
      end
      assert.equal(7, assert(rekey.run(session(world, ring({ NEW }, { OLD })))).resealed)
      world.backend.copy = copy
      opens_nothing(world, OLD)
      assert.equal(8, read_all(world, ring({ NEW })))
    end
  end)

  it("is made again for the same keys too: who had the former one is out", function()
    local world = applied()
    local seals = {}
    for name, object in pairs(world.backend.objects) do
      if not name:match("%.lock$") then seals[#seals + 1] = assert(OLD:find(object.bytes)) end
    end
    local function leaked()
      local made = keyring.new({})
      for index = 1, 3 do made.seals[index] = seals[index] end
      return made
    end
    assert.equal(6, read_all(world, leaked())) -- all of it under one
    assert(rekey.run(session(world, ring({ OLD }))))
    assert.equal(8, read_all(world, ring({ OLD })))
    local opened = session(world, leaked())
    assert.is_nil((opened:state()))
    local store = opened:place()
    for _, place in ipairs(assert(history.places(store))) do assert.is_nil((history.document(store, place))) end
    assert.is_nil((history.records(store)))
  end)

  it("needs a key that opens the state, and changes nothing without", function()
    local world = applied()
    local before = world.backend:twin()
    local done, err = rekey.run(session(world, ring({ NEW }, { OTHER })))
    assert.is_nil(done)
    assert.equal("INFRA_011", err.code)
    assert.same(before.objects, world.backend.objects)
  end)

  it("leaves what is damaged beside the state, and says where it is", function()
    local world = applied()
    local junk = { "test.state.damaged-12345678", "test.state.unsaved-8-87654321" }
    for _, key in ipairs(junk) do world.backend:put(key, "garbage") end
    local record = world.backend:list("test.state.history/")[1]
    world.backend:put(record, "garbage")
    local expected = {}
    for index, key in ipairs({ record, junk[2], junk[1] }) do expected[index] = world.backend:describe(key) end
    assert.same(expected, assert(rekey.run(session(world, ring({ NEW }, { OLD })))).damaged)
    for _, key in ipairs({ record, junk[1], junk[2] }) do assert.equal("garbage", (world.backend:get(key))) end
  end)

  it("refuses to go on where an object is sealed for somebody else, or not at all", function()
    for _, bytes in ipairs({ assert(codec.new({ stack = "test", key = keyring.of(OTHER) }):encode({ lineage = "l" },
      { kind = "snapshot", beside = true })), "{}" }) do
      local world = applied()
      world.backend:put("test.state.unsaved-8-87654321", bytes)
      local done, err = rekey.run(session(world, ring({ NEW }, { OLD })))
      assert.is_nil(done)
      assert.same({ "INFRA_011", "object: " .. world.backend:describe("test.state.unsaved-8-87654321") },
        { err.code, err.details[#err.details] })
    end
  end)

  it("is finished by another run, wherever the first one ended: old and new keys read everything meanwhile", function()
    local world = applied()
    local moments = {}
    world.backend.on_put = function() moments[#moments + 1] = world.backend:twin() end
    assert(rekey.run(session(world, ring({ NEW }, { OLD }))))
    world.backend.on_put = function() end
    moments[#moments + 1] = world.backend:twin()
    assert(#moments > 12)
    local under_new = 0
    for _, backend in ipairs(moments) do
      local crashed = cloud.world({ backend = backend, cloud = world.cloud })
      backend.time = core.now() + LATER_S -- its lease has ended
      assert(read_all(crashed, ring({ NEW }, { OLD })) >= 6)
      under_new = under_new + (read_all(crashed, ring({ NEW })) and 1 or 0)
      assert(rekey.run(session(crashed, ring({ NEW }, { OLD }))))
      assert(read_all(crashed, ring({ NEW })) >= 8)
      opens_nothing(crashed, OLD)
    end
    assert(under_new > 0 and under_new < #moments)
  end)

  it("comes to a state that was not sealed only when that is asked for", function()
    local world = applied(false)
    local done, err = rekey.run(session(world, ring({ NEW })))
    assert.is_nil(done)
    assert.match("is not sealed, but it has to be", err.message)
    assert.match("state rekey %-%-unsealed", err.hint)
    assert(rekey.run(session(world, ring({ NEW }), { unsealed = true })))
    assert.equal(8, read_all(world, ring({ NEW })))
    opens_nothing(world, OLD)
  end)

  it("needs a state, and a stack that wants it sealed", function()
    local world = cloud.world()
    local _, err = rekey.run(session(world, ring({ NEW })))
    assert.equal("INFRA_004", err.code)
    assert.match("there is no state yet", err.message)
    assert.same({}, world.backend.objects)
    world = applied(false)
    _, err = rekey.run(session(world, false))
    assert.match("the stack says that its state is not sealed", err.message)
  end)

  it("says when an old segment stays, which a former key would open", function()
    local world = applied()
    local delete = world.backend.delete
    world.backend.delete = function(self, key)
      if key:match("%.log/") then return nil, { kind = "io", message = "no" } end
      return delete(self, key)
    end
    local done, err = rekey.run(session(world, ring({ NEW }, { OLD })))
    assert.is_nil(done)
    assert.match("old segments of the log could not be removed %(1%)", err.message)
    world.backend.delete = delete
    assert(rekey.run(session(world, ring({ NEW }))))
    assert.same({}, world.backend:list("test.state.log/"))
  end)
end)
