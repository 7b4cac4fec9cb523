local amend = require "scw.engine.amend"
local cloud = require "tests.lua.engine.cloud"
local core = require "core"
local json = require "scw.json"
local memory = require "tests.lua.state.memory"
local mirror = require "scw.state.mirror"
local model = require "scw.state.model"

--- A stack of nets.
local function stack(names)
  return cloud.stack(function(declare) for _, name in ipairs(names or { "a" }) do declare("net", name, { name = name }) end end)
end

local function copy(document) return assert(model.unpack(assert(json.decode(assert(json.encode(model.pack(document))))))) end
local function abandon(backend)
  local lock = json.decode(backend.objects["test.state.lock"].bytes)
  lock.abandoned = true
  backend:put("test.state.lock", assert(json.encode(lock)))
end

--- A run that dies after it wrote these entries, each in a segment of its own.
local function die(world, s, entries_of, abandoned)
  local opened = world:session(s)
  assert(opened:state())
  local ok, err = pcall(function()
    return opened:rewrite(function(begun)
      for _, entry in ipairs(entries_of(begun.store.document)) do assert(begun.store:commit(begun.store:write(entry))) end
      error("died")
    end)
  end)
  assert(not ok and tostring(err):find("died", 1, true), tostring(err))
  if abandoned ~= false then abandon(world.backend) end
end

local function net(document, from, address, id)
  local record = copy(document).resources[from]
  record.address, record.id, record.deposed = address, id, nil
  return record
end

--- A resource like another one, made.
local function made(from, address, id)
  return function(document)
    local record = net(document, from, address)
    record.id = nil
    return { { op = "intent", record = record }, { op = "created", address = address, id = id } }
  end
end

--- Pushes with --force; answers what was said, too.
local function force(world, s, document)
  local said = {}
  local opened = world:session(s, { salvage = true })
  function opened.on_message(line) said[#said + 1] = line end
  local record, err, account = amend.push(opened, document, true)
  return record, err, table.concat(said, "\n"), account
end

describe("a state that is pushed in the place of a damaged one", function()
  it("does not replace a healthy state of another stack that keeps no history", function()
    local key, world = core.key({ raw = ("k"):rep(32) }), cloud.world()
    world.key = key
    local theirs = stack()
    theirs.state.history = 0
    world:apply(theirs)
    local mine, document = stack(), copy(assert(world:session(theirs):state()))
    mine.name, document.stack, document.lineage = "bazaar", "bazaar", core.uuid()
    local record, err, said = force(world, mine, document)
    assert.is_nil(record, said)
    assert.is_truthy(err)
  end)

  it("own damaged state whose history was made before it was sealed", function()
    local world = cloud.world()
    world:apply(stack())
    local document = copy(world:state())
    world.key = core.key({ raw = ("k"):rep(32) })
    world.backend:put("test.state", "garbage")
    local record, err = force(world, stack(), document)
    assert.is_truthy(record, err and err.message .. " // " .. tostring(err.hint))
  end)

  it("a move between the pushed state and the log: what lives is not deleted", function()
    local world = cloud.world()
    world:apply(stack())
    local earlier = copy(world:state())
    local id = earlier.resources["net.a"].id
    assert(amend.move(world:session(stack()), "net.a", "net.front"))
    die(world, stack({ "front", "a" }), function(document)
      world.cloud.objects["net-77"] = {
        id = "net-77", type = "net", fields = { name = "a" }, outputs = { cidr = "10.9", revision = 1 }, at = 0,
      }
      return made("net.front", "net.a", "net-77")(document)
    end)
    world.backend:put("test.state", "garbage")
    local record, err = force(world, stack({ "front", "a" }), earlier)
    assert.is_truthy(record, err and err.message)
    world:apply(stack({ "front", "a" }))
    assert.is_truthy(world.cloud.objects[id], "the live net was deleted")
  end)

  it("the same behind a segment that cannot be read", function()
    local world = cloud.world()
    world:apply(stack())
    local latest = copy(world:state())
    local id = latest.resources["net.a"].id
    die(world, stack({ "front", "a" }), function(document)
      world.cloud.objects["net-77"] = {
        id = "net-77", type = "net", fields = { name = "a" }, outputs = { cidr = "10.9", revision = 1 }, at = 0,
      }
      local entries = made("net.a", "net.a", "net-77")(document)
      table.insert(entries, 1, { op = "move", from = "net.a", address = "net.front" })
      return entries
    end)
    world.backend:put(world.backend:list("test.state.log/")[1], "garbage")
    local record, err = force(world, stack({ "front", "a" }), latest)
    assert.is_truthy(record, err and err.message)
    world:apply(stack({ "front", "a" }))
    assert.is_truthy(world.cloud.objects[id], "the live net was deleted")
  end)

  it("the log counts although the pushed state knows of higher numbers", function()
    local world = cloud.world()
    world:apply(stack())
    world:apply(stack({ "a", "b" }))
    local backup = copy(world:state())
    world.backend:put("test.state", "garbage")
    assert(force(world, stack({ "a", "b" }), copy(backup)))
    die(world, stack({ "a", "b" }), made("net.a", "net.c", "net-77"))
    assert.is_truthy(world:state().resources["net.c"])
    world.backend:put("test.state", "garbage")
    local record, err = force(world, stack({ "a", "b" }), copy(backup))
    assert.is_truthy(record, err and err.message)
    assert.equal("net-77", (world:state().resources["net.c"] or {}).id)
  end)

  it("a record in the log that does not fit its type does not stand in the way", function()
    local world = cloud.world()
    world:apply(stack())
    local backup = copy(world:state())
    die(world, stack(), function(document)
      local record = net(document, "net.a", "net.c", "net-77")
      record.outputs = { cidr = 5, revision = "x" }
      return { { op = "set", record = record } }
    end)
    world.backend:put("test.state", "garbage")
    local record, err = force(world, stack(), backup)
    assert.is_truthy(record, err and err.message .. " // " .. tostring(err.hint))
  end)

  it("an entry of a newer program is not dropped in silence", function()
    local world = cloud.world()
    world:apply(stack())
    local backup = copy(world:state())
    die(world, stack(), made("net.a", "net.c", "net-77"))
    local key = world.backend:list("test.state.log/")[2]
    world.backend.objects[key].bytes = world.backend.objects[key].bytes:gsub('"created"', '"born"')
    world.backend:put("test.state", "garbage")
    local record, err, said, account = force(world, stack(), backup)
    if not record then return assert.match("newer", err.message .. (err.hint or "")) end
    assert.is_true(#account.dropped > 0 or said:find("net.c", 1, true) ~= nil or said:find("cannot be read", 1, true) ~= nil, said)
  end)

  it("reads the log that only the replica has", function()
    local world = cloud.world()
    local primary, replica = memory.new(), memory.new()
    local out = false
    local function place(inner, name)
      local outer = { inner = inner }
      function outer:describe(key) return name .. (key and "/" .. key or "") end -- luacheck: ignore 212
      for _, call in ipairs({ "get", "put", "copy", "delete", "list", "prepare", "now" }) do
        outer[call] = function(_, ...)
          if name == "here" and out and call ~= "now" then return nil, { kind = "connect", message = "gone" } end
          return inner[call](inner, ...)
        end
      end
      return outer
    end
    local function run()
      world.backend = mirror.new({ primary = place(primary, "here"), replica = place(replica, "there"), patience = 0.2 })
      return world
    end
    run():apply(stack())
    local backup = copy(run():state())
    out = true
    die(run(), stack(), made("net.a", "net.c", "net-77"), false)
    out = false
    for _, one in ipairs({ primary, replica }) do
      abandon(one)
      one.objects["test.state"].bytes = "garbage"
    end
    local record, err = force(run(), stack(), backup)
    assert.is_truthy(record, err and err.message)
    assert.equal("net-77", (run():state().resources["net.c"] or {}).id)
  end)

  it("reads of a segment what the other side has", function()
    local world = cloud.world()
    local primary, replica = memory.new(), memory.new()
    local function run()
      world.backend = mirror.new({ primary = primary, replica = replica, patience = 0.2 })
      return world
    end
    run():apply(stack())
    local backup = copy(run():state())
    die(run(), stack(), made("net.a", "net.c", "net-77"), false)
    for _, one in ipairs({ primary, replica }) do
      abandon(one)
      one.objects["test.state"].bytes = "garbage"
    end
    primary.objects[primary:list("test.state.log/")[2]].bytes = "garbage"
    local record, err = force(run(), stack(), backup)
    assert.is_truthy(record, err and err.message)
    assert.equal("net-77", (run():state().resources["net.c"] or {}).id)
  end)

  it("push of another environment's state, unforced, into an empty place", function()
    local one, other, s, t = cloud.world(), cloud.world(), stack(), stack()
    s.environment, t.environment = "staging", "live"
    one:apply(s)
    assert(amend.push(other:session(t), copy(assert(one:session(s):state()))))
    local found, err = other:session(t):state()
    assert.is_truthy(found, err and (err.message .. " // " .. tostring(err.hint)))
  end)

  it("a move onto an address that is taken, behind a gap: what stood there is named", function()
    local world = cloud.world()
    world:apply(stack({ "a", "b" }))
    local latest = copy(world:state())
    local id = latest.resources["net.b"].id
    die(world, stack({ "a", "b" }), function()
      return { { op = "move", from = "net.b", address = "net.c" }, { op = "move", from = "net.a", address = "net.b" } }
    end)
    world.backend:put(world.backend:list("test.state.log/")[1], "garbage")
    world.backend:put("test.state", "garbage")
    local record, err, said, account = force(world, stack({ "b", "c" }), latest)
    assert.is_truthy(record, err and err.message)
    local known = false
    for _, present in next, world:state().resources do known = known or present.id == id end
    assert.is_true(known or #account.dropped > 0 or said:find(id, 1, true) ~= nil, "a live net is known to nobody and was not named")
  end)

  it("an entry that is nonsense raises nothing", function()
    local world = cloud.world()
    world:apply(stack())
    local backup = copy(world:state())
    die(world, stack(), made("net.a", "net.c", "net-77"))
    local key = world.backend:list("test.state.log/")[2]
    local segment = json.decode(world.backend.objects[key].bytes)
    segment.entries = core.array({ { op = "set", record = 5 } })
    world.backend.objects[key].bytes = assert(json.encode(segment))
    world.backend:put("test.state", "garbage")
    local ok, err = pcall(force, world, stack(), backup)
    assert.is_true(ok, tostring(err))
  end)

  it("a plain state in the place of a sealed one can be replaced by what the history has", function()
    local world = cloud.world()
    world.key = core.key({ raw = ("k"):rep(32) })
    world:apply(stack())
    local good = copy(world:state())
    local planted = model.pack(good)
    planted.kind, planted.nonce = "snapshot", "00"
    world.backend:put("test.state", assert(json.encode(planted)))
    local record, err = force(world, stack(), good)
    assert.is_truthy(record, err and err.message .. " // " .. tostring(err.hint))
  end)

  it("a machine without memory for the key makes no damaged state", function()
    local keyring, world, key = require "scw.state.keyring", cloud.world(), core.key({ raw = ("k"):rep(32) })
    world.key = key
    world:apply(stack())
    world.key = keyring.new({ { name = "k", key = { find = function() return nil, { kind = "memory", message = "out of memory" } end } } })
    local document, err = world:session(stack()):state()
    assert.is_nil(document)
    assert.is_nil(err.damaged)
  end)

  it("a seal of a newer program is no damage", function()
    local world = cloud.world()
    world.key = core.key({ raw = ("k"):rep(32) })
    world:apply(stack())
    local good = copy(world:state())
    local bytes = world.backend.objects["test.state"].bytes
    local at
    for index = 1, 16 do -- the byte of the version
      local changed = bytes:sub(1, index - 1) .. string.char((bytes:byte(index) + 1) % 256) .. bytes:sub(index + 1)
      local _, failure = core.seal_look(changed)
      if failure and failure.message:find("another version", 1, true) then
        at = index
        world.backend:put("test.state", changed)
        break
      end
    end
    assert.is_truthy(at)
    local _, err = world:session(stack()):state()
    assert.equal("use that one", err.hint)
    assert.is_nil((force(world, stack(), good)))
  end)

  it("a damaged state does not begin to count its log anew", function()
    local world = cloud.world()
    world:apply(stack())
    world:apply(stack({ "a", "b" }))
    local folded = world:state().folded
    local backup = copy(world:state())
    world.backend:put("test.state", "garbage")
    assert(force(world, stack({ "a", "b" }), backup))
    assert.is_true(world:state().folded >= folded)
  end)

  it("takes the name that its environment has now", function()
    local world, s, live = cloud.world(), stack(), stack()
    s.environment, live.environment = "staging", "live"
    world:apply(s)
    local document, err = world:session(live):state()
    assert.is_nil(document)
    assert.match("is the state of 'test' in staging, not in live$", err.message)
    document = copy(assert(world:session(s):state()))
    assert.is_nil((amend.push(world:session(live), copy(document))))
    assert(force(world, live, document))
    assert.equal("live", assert(world:session(live):state()).environment)
  end)
end)
