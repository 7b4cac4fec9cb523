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

--- A state with a replica: the two sides, what makes a new run, and what cuts a side off, "here" or "there".
local function twins()
  local world, primary, replica, out = cloud.world(), memory.new(), memory.new(), nil
  local function place(inner, name)
    local outer = { inner = inner }
    function outer:describe(key) return name .. (key and "/" .. key or "") end -- luacheck: ignore 212
    for _, call in ipairs({ "get", "put", "copy", "delete", "list", "prepare", "now" }) do
      outer[call] = function(_, ...)
        if name == out and call ~= "now" then return nil, { kind = "connect", message = "gone" } end
        return inner[call](inner, ...)
      end
    end
    return outer
  end
  local function run()
    world.backend = mirror.new({ primary = place(primary, "here"), replica = place(replica, "there"), patience = 0.2 })
    return world
  end
  return primary, replica, run, function(name) out = name end
end

--- Damages the snapshot on both sides, once the run that died there holds nothing any more.
local function spoil(...)
  for _, one in ipairs({ ... }) do
    abandon(one)
    one.objects["test.state"].bytes = "garbage"
  end
end

local function knows(document, id)
  local count = 0
  for _, present in next, document.resources do count = count + (present.id == id and 1 or 0) end
  return count
end

local function named(said, account, id)
  return said:find(id, 1, true) ~= nil or table.concat(account and account.dropped or {}, " "):find(id, 1, true) ~= nil
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

  it("takes the place of its own, though the history was made before it was sealed", function()
    local world = cloud.world()
    world:apply(stack())
    local document = copy(world:state())
    world.key = core.key({ raw = ("k"):rep(32) })
    world.backend:put("test.state", "garbage")
    local record, err = force(world, stack(), document)
    assert.is_truthy(record, err and err.message .. " // " .. tostring(err.hint))
  end)

  it("deletes nothing that lives after a move that it does not know, cannot read, or whose form is broken", function()
    local both = stack({ "front", "a" })
    for _, how in ipairs({ "earlier", "unreadable", "broken" }) do
      local world = cloud.world()
      world:apply(stack())
      local document = copy(world:state())
      local id = document.resources["net.a"].id
      if how == "earlier" then assert(amend.move(world:session(stack()), "net.a", "net.front")) end
      die(world, both, function(present)
        world.cloud.objects["net-77"] = {
          id = "net-77", type = "net", fields = { name = "a" }, outputs = { cidr = "10.9", revision = 1 }, at = 0,
        }
        if how == "earlier" then return made("net.front", "net.a", "net-77")(present) end
        local entries = made("net.a", "net.a", "net-77")(present)
        table.insert(entries, 1, { op = "move", from = "net.a", address = "net.front" })
        return entries
      end)
      local move = world.backend:list("test.state.log/")[1]
      if how == "unreadable" then world.backend:put(move, "garbage") end
      if how == "broken" then
        local bytes, count = world.backend.objects[move].bytes:gsub('"from":"net.a"', '"from":5')
        assert.equal(1, count)
        world.backend:put(move, bytes)
      end
      world.backend:put("test.state", "garbage")
      local record, err, said, account = force(world, both, document)
      assert.is_truthy(record, err and err.message)
      assert.same({ "net.a (net-77)" }, account.dropped, said)
      world:apply(both)
      assert.is_truthy(world.cloud.objects[id], how .. ": the live net was deleted")
    end
  end)

  it("tells what a log made that goes on from another deployment", function()
    local world = cloud.world()
    world:apply(stack())
    world:apply(stack({ "a", "b" }))
    local backup = copy(world:state())
    world.backend:put("test.state", "garbage")
    assert(force(world, stack({ "a", "b" }), copy(backup)))
    die(world, stack({ "a", "b" }), made("net.a", "net.c", "net-77"))
    assert.is_truthy(world:state().resources["net.c"])
    world.backend:put("test.state", "garbage")
    local record, err, _, account = force(world, stack({ "a", "b" }), copy(backup))
    assert.is_truthy(record, err and err.message)
    assert.same({ "net.c (net-77)" }, account.dropped) -- it goes on from another deployment than the one that is pushed
  end)

  it("is not kept out by a record in the log that does not fit its type", function()
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

  it("drops no entry of a newer program in silence", function()
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
    local primary, replica, run, cut = twins()
    run():apply(stack())
    local backup = copy(run():state())
    cut("here")
    die(run(), stack(), made("net.a", "net.c", "net-77"), false)
    cut()
    spoil(primary, replica)
    local record, err = force(run(), stack(), backup)
    assert.is_truthy(record, err and err.message)
    assert.equal("net-77", (run():state().resources["net.c"] or {}).id)
  end)

  it("reads of a segment what the other side has", function()
    local primary, replica, run = twins()
    run():apply(stack())
    local backup = copy(run():state())
    die(run(), stack(), made("net.a", "net.c", "net-77"), false)
    spoil(primary, replica)
    primary.objects[primary:list("test.state.log/")[2]].bytes = "garbage"
    local record, err = force(run(), stack(), backup)
    assert.is_truthy(record, err and err.message)
    assert.equal("net-77", (run():state().resources["net.c"] or {}).id)
  end)

  it("gets the environment of the stack in an empty place", function()
    local one, other, s, t = cloud.world(), cloud.world(), stack(), stack()
    s.environment, t.environment = "staging", "live"
    one:apply(s)
    assert(amend.push(other:session(t), copy(assert(one:session(s):state()))))
    local found, err = other:session(t):state()
    assert.is_truthy(found, err and (err.message .. " // " .. tostring(err.hint)))
  end)

  it("forgets nothing that stood where something was moved to", function()
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

  it("takes an entry that is nonsense for damage", function()
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

  it("takes the place of a plain one where a sealed one has to be", function()
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

  it("is not asked for when only the memory for the key was lacking", function()
    local keyring, world, key = require "scw.state.keyring", cloud.world(), core.key({ raw = ("k"):rep(32) })
    world.key = key
    world:apply(stack())
    world.key = keyring.new({ { name = "k", key = { find = function() return nil, { kind = "memory", message = "out of memory" } end } } })
    local document, err = world:session(stack()):state()
    assert.is_nil(document)
    assert.is_nil(err.damaged)
  end)

  it("does not take the place of what a newer program sealed", function()
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

  it("does not begin to count its log anew", function()
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

  it("takes the name that its environment has now, with a replica, too", function()
    local _, _, run = twins()
    local s, live = stack(), stack()
    s.environment, live.environment = "staging", "live"
    run():apply(s)
    local document = copy(assert(run():session(s):state()))
    local record, err = force(run(), live, document)
    assert.is_truthy(record, err and err.message .. " // " .. tostring(err.hint))
    assert.equal("live", assert(run():session(live):state()).environment)
  end)

  it("counts its log on from a backup that was pushed to an empty place", function()
    local old, world = cloud.world(), cloud.world()
    for index = 1, 6 do old:apply(stack(index % 2 == 0 and { "a", "b" } or { "a" })) end
    local backup = copy(old:state())
    world.cloud = old.cloud
    assert(amend.push(world:session(stack({ "a", "b" })), copy(backup)))
    die(world, stack({ "a", "b" }), made("net.a", "net.c", "net-77"))
    assert.is_truthy(world:state().resources["net.c"])
    world.backend:put("test.state", "garbage")
    local record, err, said, account = force(world, stack({ "a", "b" }), copy(backup))
    assert.is_truthy(record, err and err.message)
    assert.is_true(knows(world:state(), "net-77") > 0 or named(said, account, "net-77"), "silent: " .. said)
  end)

  it("tells what a log made whose fences began anew: the lock object was lost", function()
    local world = cloud.world()
    for index = 1, 6 do world:apply(stack(index % 2 == 0 and { "a", "b" } or { "a" })) end
    local backup = copy(world:state())
    world.backend:put("test.state", "garbage")
    world.backend.objects["test.state.lock"] = nil
    assert(force(world, stack({ "a", "b" }), copy(backup)))
    die(world, stack({ "a", "b" }), made("net.a", "net.c", "net-77"))
    world.backend:put("test.state", "garbage")
    local record, err, said, account = force(world, stack({ "a", "b" }), copy(backup))
    assert.is_truthy(record, err and err.message)
    assert.is_true(knows(world:state(), "net-77") > 0 or named(said, account, "net-77"), "silent: " .. said)
  end)

  it("is not kept out by outputs in the log that do not fit", function()
    local world = cloud.world()
    world:apply(stack())
    local backup = copy(world:state())
    die(world, stack(), function() return { { op = "patch", address = "net.a", fields = { outputs = { cidr = 5, revision = "x" } } } } end)
    world.backend:put("test.state", "garbage")
    assert(force(world, stack(), backup))
    local found, err = world:session(stack()):plan()
    assert.is_truthy(found, err and err.message)
  end)

  it("knows or tells what was made behind a gap, moved, and followed by another at its address", function()
    local world = cloud.world()
    world:apply(stack())
    local latest = copy(world:state())
    die(world, stack(), function(document)
      local entries = { { op = "fence", fence = document.fence } }
      for _, entry in ipairs(made("net.a", "net.c", "net-77")(document)) do entries[#entries + 1] = entry end
      entries[#entries + 1] = { op = "move", from = "net.c", address = "net.d" }
      for _, entry in ipairs(made("net.a", "net.c", "net-88")(document)) do entries[#entries + 1] = entry end
      entries[#entries + 1] = { op = "remove", address = "net.c" }
      return entries
    end)
    world.backend:put(world.backend:list("test.state.log/")[1], "garbage")
    world.backend:put("test.state", "garbage")
    local record, err, said, account = force(world, stack(), latest)
    assert.is_truthy(record, err and err.message)
    assert.is_true(knows(world:state(), "net-77") > 0 or named(said, account, "net-77"), said)
  end)

  it("knows or tells what was made after a version was given up whose numbers were used twice", function()
    local primary, replica, run, cut = twins()
    run():apply(stack())
    cut("there")
    for index = 1, 4 do run():apply(stack(index % 2 == 0 and { "a" } or { "a", "b" })) end
    local given_up = copy(run():state())
    cut("here")
    run():apply(stack({ "a", "e" }))
    cut()
    local s = run():session(stack({ "a", "e" }), { keep = "replica" })
    assert(amend.resolve(s))
    die(run(), stack({ "a", "e" }), made("net.a", "net.c", "net-77"), false)
    spoil(primary, replica)
    local record, err, said, account = force(run(), stack({ "a" }), given_up)
    assert.is_truthy(record, err and err.message)
    assert.is_true(knows(run():state(), "net-77") > 0 or named(said, account, "net-77"), "silent: " .. said)
  end)

  it("renames no environment unforced", function()
    local world, s, none = cloud.world(), stack(), stack()
    s.environment = "staging"
    world:apply(s)
    local document = copy(assert(world:session(s):state()))
    document.environment = "live"
    none.environment = nil
    assert.is_nil((amend.push(world:session(none), document)))
    local found, failure = world:session(s):state()
    assert.is_truthy(found, failure and failure.message)
  end)

  it("knows or tells what either side of a replica made alone", function()
    local primary, replica, run, cut = twins()
    run():apply(stack())
    local backup = copy(run():state())
    cut("there")
    die(run(), stack(), made("net.a", "net.c", "net-77"), false)
    cut("here")
    die(run(), stack(), made("net.a", "net.d", "net-88"), false)
    cut()
    spoil(primary, replica)
    local record, err, said, account = force(run(), stack(), backup)
    assert.is_truthy(record, err and err.message)
    local document = run():state()
    for _, id in ipairs({ "net-77", "net-88" }) do
      assert.is_true(knows(document, id) > 0 or named(said, account, id), id .. " silent: " .. said)
    end
  end)
end)
