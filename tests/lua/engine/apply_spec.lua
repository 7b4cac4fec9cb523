local cloud = require "tests.lua.engine.cloud"
local core = require "core"
local errors = require "scw.errors"
local json = require "scw.json"

describe("apply", function()
  local function simple(fields)
    fields = fields or {}
    return cloud.stack(function(declare, output)
      local net = declare("net", "main", { name = "n", size = fields.size, kind = fields.kind }, fields.net_options)
      local server = declare("server", "web", { name = "s", network = net, image = fields.image or "a:1", password = "very secret" },
        fields.options)
      output("ip", server.ip)
      output("where", net.cidr)
    end)
  end

  it("creates what a stack declares, needed ones first, and then plans nothing", function()
    local world = cloud.world()
    local result, made = world:apply(simple())
    assert.same({ "create net.main", "create server.web" }, cloud.actions(made))
    assert.equal("", cloud.failures(result))
    assert.same({ { name = "ip", value = "1.2.3.2", secret = false }, { name = "where", value = "10.1", secret = false } }, result.outputs)
    assert.equal(2, world.cloud:size())
    local again = world:plan(simple())
    assert.same({}, cloud.actions(again))
    assert.equal("none", again.outputs[1].action)
  end)

  it("updates in place what can be", function()
    local world = cloud.world()
    world:apply(simple())
    local _, made = world:apply(simple({ size = 4, image = "a:2" }))
    assert.same({ "update net.main", "update server.web" }, cloud.actions(made))
    assert.equal(4, world.cloud.objects["net-1"].fields.size)
    assert.same({}, cloud.actions(world:plan(simple({ size = 4, image = "a:2" }))))
  end)

  it("shows emptied lists as lists, in the plan and in the state", function()
    local world = cloud.world()
    local function tagged(tags) return cloud.stack(function(declare) declare("net", "main", { name = "n", tags = tags }) end) end
    world:apply(tagged({ "a" }))
    local change = world:plan(tagged({})).steps[1].changes[1]
    assert.equal('["a"] -> []', json.encode(change.old) .. " -> " .. json.encode(change.new))
    world:apply(tagged({}))
    assert.equal("[]", json.encode(world:state().resources["net.main"].inputs.tags))
    change = world:plan(tagged({ "b" })).steps[1].changes[1]
    assert.equal('[] -> ["b"]', json.encode(change.old) .. " -> " .. json.encode(change.new))
  end)

  it("replaces what cannot change in place, and what depends on its id", function()
    local world = cloud.world()
    world:apply(simple())
    local result, made = world:apply(simple({ kind = "fast" }))
    assert.same({ "replace net.main", "replace server.web" }, cloud.actions(made))
    assert.equal("kind cannot be changed in place", made.steps[1].reason)
    assert.equal("network cannot be changed in place", made.steps[2].reason)
    assert.equal("", cloud.failures(result))
    assert.equal(2, world.cloud:size())
    assert.same({}, cloud.actions(world:plan(simple({ kind = "fast" }))))
  end)

  it("creates first when a dependant is replaced that way, and leaves nothing behind", function()
    local world = cloud.world()
    local options = { create_before_destroy = true }
    world:apply(simple({ options = options }))
    local result, made = world:apply(simple({ options = options, kind = "fast" }))
    assert.equal("create_first", made.steps[1].order)
    assert.equal("create_first", made.steps[2].order)
    assert.equal("", cloud.failures(result))
    assert.equal(2, world.cloud:size())
    assert.is_nil(world:state().resources["net.main"].deposed)
    assert.same({}, cloud.actions(world:plan(simple({ options = options, kind = "fast" }))))
  end)

  it("lets a type's wish to create first give way to what is replaced the other way round", function()
    local world = cloud.world()
    local function stack(format, text)
      return cloud.stack(function(declare)
        local disk = declare("disk", "main", { name = "d", format = format })
        declare("version", "v", { name = "v", disk = disk, text = text })
      end)
    end
    world:apply(stack("a", "one"))
    local result, made = world:apply(stack("a", "two"))
    assert.equal("", cloud.failures(result))
    assert.equal("create_first", made.steps[2].order)
    result, made = world:apply(stack("b", "two"), { replace = { "disk.main" } })
    assert.equal("", cloud.failures(result))
    assert.equal("delete_first", made.steps[1].order)
    assert.equal("delete_first", made.steps[2].order)
    assert.equal(2, world.cloud:size())
    assert.same({}, cloud.actions(world:plan(stack("b", "two"))))
  end)

  it("says how to get around what is still used when it is to be replaced", function()
    local world = cloud.world()
    local function stack(kind)
      return cloud.stack(function(declare)
        declare("net", "main", { name = "n", kind = kind })
      end)
    end
    world:apply(stack("slow"))
    world.cloud.fail = function(verb) return verb == "delete" and errors.new { code = "INFRA_005", message = "in use", status = 412 } end
    local result = world:apply(stack("fast"))
    assert.match("create_before_destroy", result.failures[1].hint)
  end)

  it("finishes a replacement whose deletion failed", function()
    local world = cloud.world()
    local options = { create_before_destroy = true }
    world:apply(simple({ net_options = options, options = options }))
    local failing = errors.new { code = "INFRA_005", message = "cannot delete", status = 500 }
    world.cloud.fail = function(verb) return verb == "delete" and failing or nil end
    local result = world:apply(simple({ net_options = options, options = options, kind = "fast" }))
    assert.equal(1, #result.failures) -- the network is skipped: the old server still uses it
    assert.equal(4, world.cloud:size())
    world.cloud.fail = function() end
    local stack = simple({ net_options = options, options = options, kind = "fast" })
    local made
    result, made = world:apply(stack)
    assert.same({ "delete net.main (old)", "delete server.web (old)" }, cloud.actions(made))
    assert.equal("", cloud.failures(result))
    assert.equal(2, world.cloud:size())
    assert.same({}, cloud.actions(world:plan(stack)))
  end)

  it("deletes what is no longer declared after those that depended on it, and destroys everything", function()
    local world = cloud.world()
    world:apply(simple())
    local result, made = world:apply(cloud.stack(function() end))
    assert.same({ "delete net.main", "delete server.web" }, cloud.actions(made))
    assert.equal("", cloud.failures(result))
    assert.equal(0, world.cloud:size())
    world:apply(simple())
    result = world:destroy(simple())
    assert.equal("", cloud.failures(result))
    assert.equal(0, world.cloud:size())
    assert.same({}, world:state().resources)
    assert.same({}, result.outputs)
  end)

  it("deletes only after what used it has changed", function()
    local world = cloud.world()
    local function stack(second)
      return cloud.stack(function(declare)
        local one = not second and declare("net", "one", { name = "one" })
        local two = second and declare("net", "two", { name = "two" })
        declare("value", "user", { input = (one or two).id })
      end)
    end
    world:apply(stack(false))
    local order = {}
    world.cloud.before = function(verb, address)
      if verb == "delete" then order[#order + 1] = verb .. " " .. address end
    end
    local opened = world:session(stack(true))
    assert(opened:apply(assert(opened:plan()), function(event)
      if event.kind == "step_done" then order[#order + 1] = event.action .. " " .. event.address end
    end))
    assert.same({ "create net.two", "update value.user", "delete net.one", "delete net.one" }, order)
  end)

  it("stops only the dependants of a failure and goes on where it stopped", function()
    local world = cloud.world()
    local function stack()
      return cloud.stack(function(declare)
        local bad = declare("net", "bad", { name = "bad" })
        local on_bad = declare("server", "on_bad", { name = "on_bad", network = bad })
        declare("value", "last", { input = on_bad.ip })
        declare("net", "good", { name = "good" })
      end)
    end
    world.cloud.fail = function(verb, _, _, address)
      if verb == "create" and address == "net.bad" then return errors.new { code = "INFRA_002", message = "quota", status = 403 } end
    end
    local result, _, events = world:apply(stack())
    assert.equal(1, #result.failures)
    assert.equal("net.bad", result.failures[1].address)
    assert.equal("test.lua:1", result.failures[1].source)
    assert.equal(2, result.skipped)
    local skipped = {}
    for _, event in ipairs(events) do
      if event.kind == "step_skipped" then skipped[event.address] = event.needs[1] end
    end
    assert.same({ ["server.on_bad"] = "net.bad", ["value.last"] = "net.bad" }, skipped)
    assert.same({}, world:state().intents)
    world.cloud.fail = function() end
    local made
    result, made = world:apply(stack())
    assert.equal("", cloud.failures(result))
    assert.same({ "create net.bad", "create server.on_bad", "create value.last" }, cloud.actions(made))
    assert.same({}, cloud.actions(world:plan(stack())))
  end)

  it("keeps a resource that was made but did not become ready, and finishes or replaces it", function()
    local world = cloud.world()
    local failing = errors.new { code = "INFRA_005", kind = "failed", message = "it is in error" }
    world.cloud.fail = function(verb) return verb == "ready" and failing or nil end
    local stack = cloud.stack(function(declare) declare("net", "main", { name = "n" }) end)
    local result = world:apply(stack)
    assert.equal(1, #result.failures)
    assert.equal("tainted", world:state().resources["net.main"].status)
    world.cloud.fail = function() end
    local made = world:plan(stack)
    assert.same({ "replace net.main" }, cloud.actions(made))
    assert.match("its creation failed: it is in error", made.steps[1].reason)
    -- another declaration may be the cure: then it is changed in place
    local cured = cloud.stack(function(declare) declare("net", "main", { name = "n", size = 3 }) end)
    result, made = world:apply(cured)
    assert.equal("", cloud.failures(result))
    assert.same({ "update net.main" }, cloud.actions(made))
    assert.equal("ready", world:state().resources["net.main"].status)
    assert.same({}, cloud.actions(world:plan(cured)))
    assert.equal(1, world.cloud:size())
  end)

  it("never calls it done while something that is as declared does not work", function()
    local world = cloud.world()
    local stack = cloud.stack(function(declare) declare("net", "main", { name = "n" }) end)
    world:apply(stack)
    for _, object in pairs(world.cloud.objects) do object.failure = "net is in error: no power" end
    local result, made = world:apply(stack)
    assert.same({ "update net.main" }, cloud.actions(made))
    assert.equal("net is in error: no power", made.steps[1].reason)
    assert.match("no power", cloud.failures(result))
    for _, object in pairs(world.cloud.objects) do object.failure = nil end
    assert.equal("", cloud.failures(world:apply(stack)))
    assert.same({}, cloud.actions(world:plan(stack)))
    assert.equal(1, world.cloud:count("create"))
  end)

  it("does not hold an outage during the wait against the resource", function()
    for _, status in ipairs({ 503, 403, 429 }) do
      local world = cloud.world()
      local failing = errors.new { code = "INFRA_010", kind = "io", message = "unavailable", status = status }
      world.cloud.fail = function(verb) return verb == "ready" and failing or nil end
      local stack = cloud.stack(function(declare) declare("net", "main", { name = "n" }) end)
      assert.equal(1, #world:apply(stack).failures)
      world.cloud.fail = function() end
      assert.same({ "update net.main" }, cloud.actions(world:plan(stack)))
      assert.equal("", cloud.failures(world:apply(stack)))
      assert.equal(1, world.cloud:count("create"))
      assert.equal(0, world.cloud:count("delete"))
    end
  end)

  it("gives each creation whose reply was lost its own resource, whatever they are called", function()
    local world = cloud.world()
    local lost = errors.new { code = "INFRA_010", kind = "io", message = "no answer" }
    lost.uncertain, lost.landed = true, true
    world.cloud.fail = function(verb) return verb == "create" and lost or nil end
    world.cloud.delay_ms = 2
    local stack = cloud.stack(function(declare)
      for index = 1, 6 do declare("net", "n" .. index, { name = "same" }) end
    end)
    assert.equal(6, #world:apply(stack).failures) -- nobody can tell them apart while others are open
    world.cloud.fail = function() end
    local result, made = world:apply(stack)
    assert.equal("", cloud.failures(result))
    assert.equal(6, made.summary.adopt)
    assert.equal(6, world.cloud:size())
    local ids = {}
    for _, record in pairs(world:state().resources) do ids[record.id] = true end
    for id in pairs(world.cloud.objects) do assert.is_true(ids[id]) end
    assert.same({}, cloud.actions(world:plan(stack)))
  end)

  describe("when nobody knows what became of a creation", function()
    local function failing(world, times, failure)
      world.cloud.fail = function(verb)
        if verb ~= "create" or times == 0 then return nil end
        times = times - 1
        return failure
      end
    end

    local function one() return cloud.stack(function(declare) declare("net", "main", { name = "n" }) end) end

    for name, failure in pairs({
      ["an error of the service"] = { status = 503, message = "unavailable", sent = true, uncertain = true },
      ["a lost connection"] = { kind = "io", message = "closed", sent = true, uncertain = true },
    }) do
      it("sends it again once a look shows that it is not there, after " .. name, function()
        local world = cloud.world()
        failing(world, 2, failure)
        local result, _, events = world:apply(one())
        assert.equal("", cloud.failures(result))
        assert.equal(3, world.cloud:count("create"))
        assert.equal(4, world.cloud:count("find"))
        assert.equal(1, world.cloud:size())
        assert.same({}, cloud.actions(world:plan(one())))
        local retries = 0
        for _, event in ipairs(events) do retries = retries + (event.kind == "retry" and event.address == "net.main" and 1 or 0) end
        assert.equal(2, retries)
      end)
    end

    it("takes over what turns up during the pause", function()
      local world = cloud.world()
      failing(world, 1, { status = 500, message = "unavailable", sent = true, uncertain = true })
      local looks = 0
      world.cloud.before = function(verb)
        if verb ~= "find" then return end
        looks = looks + 1
        if looks == 2 then
          local fields = { name = "n", size = 1, tags = {} }
          world.cloud.objects["net-9"] = { id = "net-9", type = "net", fields = fields, outputs = { cidr = "x" }, at = 0 }
        end
      end
      assert.equal("", cloud.failures((world:apply(one()))))
      assert.equal(1, world.cloud:count("create"))
      assert.equal("net-9", world:state().resources["net.main"].id)
    end)

    it("gives up after some attempts, and the intent stays", function()
      local world = cloud.world()
      failing(world, 100, { status = 503, message = "unavailable", sent = true, uncertain = true })
      assert.matches("unavailable", world:apply(one()).failures[1].message)
      assert.equal(6, world.cloud:count("create"))
      assert.truthy(world:state().intents["net.main"])
    end)

    it("never sends it again when siblings may be alike, when the look fails, or after a timeout", function()
      local world = cloud.world()
      failing(world, 1, { status = 503, message = "unavailable", sent = true, uncertain = true })
      local function token() return cloud.stack(function(declare) declare("token", "main", { name = "n" }) end) end
      assert.equal(1, #world:apply(token()).failures)
      assert.equal(1, world.cloud:count("create"))

      world = cloud.world()
      local down = { status = 503, message = "down", sent = true }
      world.cloud.fail = function(verb) return (verb == "create" or verb == "find") and down or nil end
      assert.equal(1, #world:apply(one()).failures)
      assert.equal(1, world.cloud:count("create"))

      world = cloud.world()
      failing(world, 1, { kind = "timeout", message = "no answer", sent = true, uncertain = true })
      assert.equal(1, #world:apply(one()).failures)
      assert.equal(1, world.cloud:count("create"))
    end)
  end)

  it("sends a secret again when nobody knows whether an update took it", function()
    local world = cloud.world()
    local function stack(password)
      return cloud.stack(function(declare)
        declare("server", "web", { name = "web", password = password, secrets = { A = password, B = "b" } })
      end)
    end
    world:apply(stack("first"))
    local lost = errors.new { code = "INFRA_010", kind = "io", message = "no answer" }
    world.cloud.before = function(verb, _, values)
      if verb ~= "update" then return end
      local _, object = next(world.cloud.objects)
      object.fields.password, object.fields.secrets.A = values.password, values.secrets.A
    end
    world.cloud.fail = function(verb) return verb == "update" and lost or nil end
    assert.equal(1, #world:apply(stack("second")).failures)
    world.cloud.before, world.cloud.fail = function() end, function() end
    assert.equal("", cloud.failures(world:apply(stack("first"))))
    local _, object = next(world.cloud.objects)
    assert.equal("first", object.fields.password)
    assert.same({ A = "first", B = "b" }, object.fields.secrets)
    assert.same({}, cloud.actions(world:plan(stack("first"))))
  end)

  it("leaves the old one where it is when what is retained is replaced", function()
    local world = cloud.world()
    local function stack(kind)
      return cloud.stack(function(declare) declare("net", "main", { name = "n", kind = kind }, { retain_on_delete = true }) end)
    end
    world:apply(stack("slow"))
    local result, made = world:apply(stack("fast"))
    assert.equal("", cloud.failures(result))
    assert.equal("create_first", made.steps[1].order)
    assert.match("the old one stays", made.steps[1].reason)
    assert.equal(0, world.cloud:count("delete"))
    assert.equal(2, world.cloud:size())
    assert.is_nil(world:state().resources["net.main"].deposed)
  end)

  it("goes on waiting when the wait was what failed", function()
    local world = cloud.world()
    local failing = errors.new { code = "INFRA_006", kind = "timeout", message = "still not ready" }
    world.cloud.fail = function(verb) return verb == "ready" and failing or nil end
    local stack = cloud.stack(function(declare) declare("net", "main", { name = "n" }) end)
    world:apply(stack)
    assert.equal("creating", world:state().resources["net.main"].status)
    world.cloud.fail = function() end
    local result, made = world:apply(stack)
    assert.equal("", cloud.failures(result))
    assert.same({ "update net.main" }, cloud.actions(made))
    assert.equal(1, world.cloud:count("wait"))
    assert.equal(1, world.cloud:size())
  end)

  it("finds what was created although the answer was lost", function()
    local world = cloud.world()
    local lost
    world.cloud.fail = function(verb)
      if verb == "create" and not lost then
        lost = errors.new { code = "INFRA_010", kind = "timeout", message = "no answer", sent = true, uncertain = true }
        lost.landed = true
        return lost
      end
    end
    -- the service took the name, but not yet what is sent after the creation
    world.cloud.before = function(verb)
      if verb == "find" then world.cloud.objects["net-1"].fields.size = 1 end
    end
    local stack = cloud.stack(function(declare) declare("net", "main", { name = "n", size = 5 }) end)
    local result = world:apply(stack)
    assert.equal("", cloud.failures(result))
    assert.equal(1, world.cloud:size())
    assert.equal(1, world.cloud:count("update"))
    assert.equal(5, world.cloud.objects["net-1"].fields.size)
    assert.same({}, cloud.actions(world:plan(stack)))
  end)

  it("says again that an update failed until it succeeds", function()
    local world = cloud.world()
    world:apply(simple())
    world.cloud.fail = function(verb) return verb == "update" and errors.new { code = "INFRA_005", message = "no", status = 500 } or nil end
    world:apply(simple({ image = "a:2" }))
    world.cloud.fail = function() end
    world.cloud.objects["server-2"].fields.image = "a:2" -- it had come through after all
    local result, made = world:apply(simple({ image = "a:2" }))
    assert.same({ "update server.web" }, cloud.actions(made))
    assert.match("its last update did not end well: no", made.steps[2].reason)
    assert.equal("", cloud.failures(result))
    assert.same({}, cloud.actions(world:plan(simple({ image = "a:2" }))))
  end)

  it("creates again what disappeared and puts right what drifted", function()
    local world = cloud.world()
    world:apply(simple())
    world.cloud.objects["server-2"].fields.image = "by hand"
    local _, made = world:apply(simple())
    assert.same({ "update server.web" }, cloud.actions(made))
    assert.equal("a:1", world.cloud.objects["server-2"].fields.image)
    world.cloud.objects["server-2"] = nil
    local result
    result, made = world:apply(simple())
    assert.same({ "create server.web" }, cloud.actions(made))
    assert.equal("it no longer exists", made.steps[2].reason)
    assert.equal("", cloud.failures(result))
    assert.same({}, cloud.actions(world:plan(simple())))
  end)

  it("never drops a resource that it may not see", function()
    local world = cloud.world()
    world:apply(simple())
    local refused = errors.new { code = "INFRA_003", kind = "denied", status = 403, message = "no" }
    world.cloud.fail = function(verb) return verb == "read" and refused or nil end
    local made = world:plan(simple())
    assert.same({}, cloud.actions(made))
    assert.match("cannot be read", made.warnings[1].message)
  end)

  it("refuses a plan when the state changed since", function()
    local world = cloud.world()
    local first, second = world:session(simple()), world:session(simple())
    local plan_one, plan_two = assert(first:plan()), assert(second:plan())
    assert(first:apply(plan_one))
    local result, err = second:apply(plan_two)
    assert.is_nil(result)
    assert.equal("INFRA_011", err.code)
    assert.equal(2, world.cloud:size())
  end)

  it("works on as many steps at once as it may, and no more", function()
    local world = cloud.world()
    world.cloud.delay_ms = 2
    local now, most = 0, 0
    local stack = cloud.stack(function(declare)
      for i = 1, 30 do declare("net", "n" .. i, { name = "n" .. i }) end
    end)
    local opened = world:session(stack, { parallel = 7 })
    assert(opened:apply(assert(opened:plan()), function(event)
      if event.kind == "step_started" then now = now + 1 elseif event.kind == "step_done" then now = now - 1 end
      most = math.max(most, now)
    end))
    assert.equal(7, most)
  end)

  local function chain(count)
    return cloud.stack(function(declare)
      local last
      for i = 1, count do last = declare("server", "s" .. i, { name = "s" .. i, image = last and last.ip }) end
    end)
  end

  it("starts nothing new after the first interrupt, and the next run goes on", function()
    local world = cloud.world()
    world.cloud.delay_ms = 2
    local opened = world:session(chain(5))
    local made = assert(opened:plan())
    local result = assert(opened:apply(made, function(event)
      if event.kind == "step_done" and event.address == "server.s2" then opened:stop() end
    end))
    assert.is_true(result.interrupted)
    assert.equal(0, #result.failures)
    assert.equal(2, result.done)
    assert.equal(2, world.cloud:size())
    assert.equal("released", require("scw.state.lock").read(world.backend, "test.state").state)
    result = world:apply(chain(5))
    assert.equal("", cloud.failures(result))
    assert.equal(5, world.cloud:size())
  end)

  it("is done when an interrupt left nothing out", function()
    local world = cloud.world()
    local function with_tail(last)
      return cloud.stack(function(declare)
        declare("net", "first", { name = last })
        declare("server", "unchanged", { name = "unchanged", image = "1" }, { depends_on = { "net.first" } })
      end)
    end
    world:apply(with_tail("before"))
    local opened = world:session(with_tail("after"))
    local result = assert(opened:apply(assert(opened:plan()), function(event)
      if event.kind == "step_started" then opened:stop() end
    end))
    assert.is_false(result.interrupted)
    assert.equal(1, result.done)
    local deployments = world:state().deployments
    assert.equal("done", deployments[#deployments].result)
  end)

  it("gives up waiting after the second interrupt, saves and unlocks", function()
    local world, waits = cloud.world(), core.event()
    world.cloud.before = function(verb)
      if verb ~= "ready" then return end
      waits:set()
      core.sleep(60000)
    end
    world.cloud.fail = function(verb) return verb == "ready" and { kind = "cancelled", message = "interrupted" } or nil end
    local opened = world:session(chain(3))
    local made = assert(opened:plan())
    local stopper = core.spawn(function()
      waits:wait()
      opened:stop()
      core.sleep(20)
      opened:abort()
    end)
    local result = assert(opened:apply(made))
    stopper:join()
    assert.is_true(result.interrupted)
    assert.equal(0, #result.failures)
    assert.equal("creating", world:state().resources["server.s1"].status)
    assert.equal("released", require("scw.state.lock").read(world.backend, "test.state").state)
    world.cloud.before, world.cloud.fail = function() end, function() end
    result = world:apply(chain(3))
    assert.equal("", cloud.failures(result))
    assert.equal(3, world.cloud:size())
  end)

  it("stops when the state can no longer be saved, and keeps what it did", function()
    local world = cloud.world()
    world:apply(chain(1))
    local broken = false
    world.backend.on_put = function(key)
      if key:find("%.log/") and broken then return { kind = "denied", message = "read only" } end
    end
    world.cloud.before = function(verb) broken = broken or verb == "ready" end
    local opened = world:session(chain(4))
    local result = assert(opened:apply(assert(opened:plan())))
    assert.equal("INFRA_003: cannot save the state: read only", cloud.failures(result))
    broken = nil
    world.cloud.before = function() end
    assert.equal("", cloud.failures(world:apply(chain(4)))) -- the snapshot could still be written
    assert.equal(4, world.cloud:size())
  end)
end)
