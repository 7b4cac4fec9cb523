local amend = require "scw.engine.amend"
local cloud = require "tests.lua.engine.cloud"
local core = require "core"
local errors = require "scw.errors"
local lock = require "scw.state.lock"

local function stack()
  return cloud.stack(function(declare, output)
    local net = declare("net", "main", { name = "n" })
    declare("server", "app/web", { name = "s", network = net, image = "a" })
    output("cidr", net.cidr)
  end)
end

describe("a session", function()
  it("refreshes: says what differs, records what is there, changes nothing", function()
    local world = cloud.world()
    world:apply(stack())
    local found = assert(world:session(stack()):refresh())
    assert.same({ {}, 2 }, { found.changes, found.count })
    world.cloud.objects["server-2"].fields.image = "b"
    world.cloud.objects["net-1"].outputs.cidr = "10.77"
    local result = assert(world:session(stack()):refresh())
    assert.equal(1, #result.changes)
    assert.equal("app/server.web", result.changes[1].address)
    assert.equal("changed", result.changes[1].action)
    assert.same({ path = "image", field = "image", old = "a", new = "b" }, result.changes[1].changes[1])
    assert.equal("10.77", world:state().resources["net.main"].outputs.cidr)
    world.cloud.objects["server-2"] = nil
    result = assert(world:session(stack()):refresh())
    assert.equal("gone", result.changes[1].action)
    assert.is_nil(world:state().resources["app/server.web"])
    assert.equal(0, world.cloud:count("update") + world.cloud:count("delete"))
  end)

  it("keeps what it may not see", function()
    local world = cloud.world()
    world:apply(stack())
    local refused = errors.new { code = "INFRA_003", kind = "denied", status = 403, message = "not allowed" }
    world.cloud.fail = function() return refused end
    local result = assert(world:session(stack()):refresh())
    assert.equal("unreadable", result.changes[1].action)
    assert.is_truthy(world:state().resources["net.main"])
  end)

  it("shows outputs, resources and the graph", function()
    local world = cloud.world()
    local opened = world:session(stack())
    assert.same({}, assert(opened:outputs()))
    world:apply(stack())
    assert.same({ { name = "cidr", value = "10.1", secret = false } }, assert(opened:outputs()))
    local document = assert(opened:state())
    assert.same({ "net.main" }, { table.unpack(document.resources["app/server.web"].dependencies) })
    assert.equal("net-1", assert(amend.find(document, "net.main")).id)
    local _, err = amend.find(document, "net.mian")
    assert.match("net.main", err.hint)
    local graph = assert(opened:graph())
    assert.same({ { from = "app/server.web", to = "net.main" } }, graph.edges)
    assert.equal("app", graph.nodes[1].module)
  end)

  it("waits for nobody: a held lock is an error that names the holder, and can be removed", function()
    local world = cloud.world()
    local held = assert(lock.acquire({ backend = world.backend, name = "test.state", command = "scwlua destroy", environment = {},
      host = { name = "far", user = "bob", pid = 9 } }))
    local opened = world:session(stack())
    local made = assert(opened:plan()) -- planning takes no lock
    local result, err = opened:apply(made)
    assert.is_nil(result)
    assert.equal("INFRA_008", err.code)
    assert.match("bob on far", err.details[1])
    assert(opened:unlock(held.facts.id))
    assert(opened:apply(made))
    assert.equal(2, world.cloud:size())
  end)

  it("waits for its turn when told so, and says that the plan is outdated", function()
    local world = cloud.world()
    local said = {}
    local held = assert(lock.acquire({ backend = world.backend, name = "test.state", command = "scwlua apply", environment = {},
      host = { name = "far", user = "bob", pid = 9 }, lease = 1 }))
    local opened = world:session(stack(), { lock_wait = 60 })
    opened.environment = { SCWLUA_LEASE = "1s" }
    opened.on_message = function(line)
      said[#said + 1] = line
      assert(held:release())
    end
    local made = assert(opened:plan())
    local turn, outdated = opened:turn(made)
    assert.is_truthy(turn, tostring(outdated))
    assert.is_false(outdated)
    assert.equal(1, #said)
    assert.match("^Waiting for the state, place 1 in the queue: it is held by bob on far %(process 9%) since .* running `scwlua apply`%.$",
      said[1])
    assert(opened:apply(made)) -- as part of the turn
    assert.equal("held", assert(lock.read(world.backend, "test.state")).state)
    turn:close()
    turn:close()
    assert.equal("released", assert(lock.read(world.backend, "test.state")).state)
    local late = world:session(stack())
    made = assert(late:plan())
    world:apply(cloud.stack(function(declare) declare("net", "main", { name = "other" }) end))
    local again <close>, changed = late:turn(made)
    assert.is_truthy(again)
    assert.is_true(changed)
    local _, stale = late:apply(made)
    assert.equal("the state changed since the plan was made", stale.message)
    assert.match("^latest deployment: %S+ on %S+, begun %S+, %d+ seconds? ago, `scwlua apply`$", stale.details[1])
    made = assert(late:plan())
    assert(late:apply(made))
  end)

  it("refreshes again when others changed the state meanwhile, and then for good", function()
    local world = cloud.world()
    world:apply(stack())
    world.cloud.objects["net-1"].outputs.cidr = "10.77"
    local opened, raced = world:session(stack()), false
    local take = world.backend.put
    function world.backend.put(backend, key, ...)
      if key == "test.state.lock" and not raced then
        raced = true
        world.backend.put = take
        world:apply(cloud.stack(function(declare) declare("net", "main", { name = "n", tags = { "x" } }) end))
      end
      return take(backend, key, ...)
    end
    assert(opened:refresh())
    assert.is_true(raced)
    assert.equal("released", assert(lock.read(world.backend, "test.state")).state)
    assert.equal("10.77", world:state().resources["net.main"].outputs.cidr)
  end)

  it("gives the lock back when a step fails, and when the program breaks", function()
    local world = cloud.world()
    world.cloud.fail = function(verb) return verb == "create" and errors.new { code = "INFRA_005", message = "no" } or nil end
    assert.equal(1, #world:apply(stack()).failures)
    assert.equal("released", assert(lock.read(world.backend, "test.state")).state)
    world.cloud.fail = function() error("broken") end
    assert.is_false(pcall(world.apply, world, stack()))
    assert.equal("released", assert(lock.read(world.backend, "test.state")).state)
  end)

  it("says in a plan that a deployment is under way", function()
    local world, said = cloud.world(), nil
    world.cloud.before = function(verb)
      if verb == "create" then said = said or world:plan(stack()).warnings end
    end
    assert.equal("", cloud.failures(world:apply(stack())))
    assert.match("a deployment is under way: .* that of me on here", said[1].message)
    assert.same({}, world:plan(stack()).warnings)
  end)

  it("says so no longer when it plans again, later", function()
    local world, waiting, first = cloud.world(), nil, nil
    world.cloud.before = function(verb)
      if verb ~= "create" or waiting then return end
      waiting = world:session(stack())
      first = assert(waiting:plan())
    end
    assert.equal("", cloud.failures(world:apply(stack())))
    assert.equal(1, #first.warnings)
    assert.same({}, assert(waiting:plan()).warnings)
  end)

  it("puts away what a run left that died when all was done, unless somebody works on the state", function()
    local world, name = cloud.world(), "test.state"
    local held, segment
    world.backend.on_put = function(key)
      if key == name .. ".lock" then held = world.backend.objects[key] end -- before its release, at last
      if key == name then segment = world.backend.objects[name .. ".log/0000000001"] end
    end
    world:apply(stack())
    world.backend.on_put = function() end
    world.backend.objects[name .. ".lock"], world.backend.objects[name .. ".log/0000000001"] = held, segment
    assert.equal("held", assert(lock.read(world.backend, name)).state)
    local serial = world:state().serial

    local function put_away()
      local opened = world:session(stack())
      local made = assert(opened:plan())
      assert.same({}, cloud.actions(made))
      opened:put_away(made)
    end
    put_away()
    assert.equal(serial, world:state().serial) -- its lease has not ended: it may be at work
    world.backend.time = core.now() + lock.LEASE + 10
    put_away()
    assert.same({}, world.backend:list(name .. ".log/"))
    assert.equal("released", assert(lock.read(world.backend, name)).state)
    assert.equal(serial + 2, world:state().serial) -- the snapshot that fences it off, and the one that folds the log
    put_away()
    assert.equal(serial + 2, world:state().serial) -- there is nothing left to put away
  end)

  it("refuses a lease that is none", function()
    local world = cloud.world()
    local opened = world:session(stack())
    local made = assert(opened:plan())
    for _, wrong in ipairs({ "soon", "2h", "0s" }) do
      opened.environment = { SCWLUA_LEASE = wrong }
      local _, err = opened:apply(made)
      assert.equal("INFRA_001", err.code)
      assert.match("SCWLUA_LEASE is no duration from 1s to 1h: '" .. wrong, err.message)
    end
  end)

  it("fails with one error when the plan cannot be made, and leaves no lock", function()
    local world = cloud.world()
    world:apply(stack())
    local down = errors.new { code = "INFRA_010", kind = "connect", message = "unreachable" }
    world.cloud.fail = function(verb) return (verb == "list" or verb == "read") and down or nil end
    local made, err = world:session(stack()):plan()
    assert.is_nil(made)
    assert.equal("INFRA_010", err.code)
    assert.equal("released", lock.read(world.backend, "test.state").state)
  end)

  it("ends with an error when its task is cancelled while planning", function()
    local world = cloud.world()
    world:apply(stack())
    world.cloud.delay_ms = 60000
    local made, err
    local plans = core.event()
    world.cloud.before = function() plans:set() end
    local task = core.spawn(function() made, err = world:session(stack()):plan() end)
    plans:wait()
    task:cancel()
    task:join()
    assert.is_nil(made)
    assert.equal("cancelled", err.kind)
  end)

  it("works sealed as well, and not without the key", function()
    local world = cloud.world({ key = assert(core.key({ raw = ("k"):rep(32) })) })
    world:apply(stack())
    assert.is_nil(world.backend.objects["test.state"].bytes:find("net.main", 1, true))
    assert.same({}, cloud.actions(world:plan(stack())))
    world.key = assert(core.key({ raw = ("x"):rep(32) }))
    local made, err = world:session(stack()):plan()
    assert.is_nil(made)
    assert.equal("INFRA_011", err.code)
  end)

  it("records each deployment", function()
    local world = cloud.world()
    world:apply(stack())
    world.cloud.fail = function(verb) return verb == "update" and { kind = "failed", message = "no" } or nil end
    world.cloud.objects["server-2"].fields.image = "b"
    world:apply(stack())
    local deployments = world:state().deployments
    assert.equal(2, #deployments)
    assert.equal("done", deployments[1].result)
    assert.same({ create = 2 }, deployments[1].planned)
    assert.equal("failed", deployments[2].result)
    assert.equal("me", deployments[2].who)
  end)
end)
