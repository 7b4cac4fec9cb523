local amend = require "scw.engine.amend"
local cloud = require "tests.lua.engine.cloud"
local core = require "core"
local moments = require "tests.lua.engine.moments"
local reference = require "scw.dsl.reference"

--- A stack by what differs between two deployments.
local function stack(facts)
  return cloud.stack(function(declare, output)
    local net = declare("net", "main", { name = "n", kind = facts.kind, size = facts.size })
    if facts.disk then
      declare("disk", "data", { name = "d", format = facts.format, space = facts.space, mirrored = facts.mirrored },
        { protect = facts.protect })
    end
    local web = declare("server", "web", {
      name = "web", network = net, image = (facts.image or "web:1") .. " " .. net.cidr, password = facts.password, secrets = facts.secrets,
    })
    for _, name in ipairs(facts.more or {}) do declare("net", name, { name = name }) end
    output("address", "http://" .. web.ip)
    output("certificate", web.certificate)
    if facts.password then output("password", facts.password) end
  end)
end

local function outside(value) return reference.from_outside("PASSWORD", value) end

local function server(world)
  for _, object in next, world.cloud.objects do
    if object.type == "server" then return object end
  end
end

--- What is wrong with going back, as lines.
local function refused(world, options, to)
  local made, err = world:session(cloud.stack(function() end), options, "rollback"):rollback_plan(to)
  assert.is_nil(made)
  local lines = {}
  for index, problem in ipairs(require("scw.errors").list(err)) do lines[index] = problem.message end
  return table.concat(lines, "\n"), err
end

local function warned(plan)
  local lines = {}
  for index, warning in ipairs(plan.warnings) do lines[index] = warning.message end
  return table.concat(lines, "\n")
end

--- The old source finds nothing to do.
local function assert_back(world, old)
  local plan = world:plan(old)
  assert.same({}, cloud.actions(plan))
  for _, output in ipairs(plan.outputs) do assert.same({ output.name, "none" }, { output.name, output.action }) end
end

describe("rollback", function()
  local world, ids
  before_each(function() world, ids = cloud.world(), {} end)

  --- Applies and notes the id of the deployment.
  local function deploy(facts, options)
    local declared = stack(facts)
    local result = world:apply(declared, options)
    local all = world:state().deployments
    ids[#ids + 1] = all[#all].id
    return result, declared
  end

  local function last()
    local all = world:state().deployments
    return all[#all]
  end

  it("is not content with a deployment that wanted the same, though its resources had other ids", function()
    deploy({ image = "web:1" })
    deploy({ image = "web:2" })
    deploy({ image = "web:2" }, { replace = { "net.main" } })
    local made = assert(world:session(cloud.stack(function() end), nil, "rollback"):rollback_plan())
    assert.equal(ids[1], made.back_to.id)
  end)

  it("restores what changed, deletes what was added, makes what was removed, and is a deployment of its own", function()
    local _, old = deploy { size = 1, more = { "gone" } }
    local _, new = deploy { size = 5, image = "web:2", more = { "added" } }
    local before = cloud.actions(world:plan(old))
    local result, plan = world:rollback()
    assert.equal("", cloud.failures(result))
    assert.same({ "create net.gone", "delete net.added", "update net.main", "update server.web" }, cloud.actions(plan))
    assert.same(before, cloud.actions(plan))
    assert.equal(ids[1], plan.back_to.id)
    assert.same({ ids[1], "done", core.program .. " rollback" }, { last().back_to, last().result, last().command })
    assert_back(world, old)
    assert.same({ "create net.added", "delete net.gone", "update net.main", "update server.web" }, cloud.actions(world:plan(new)))
  end)

  it("goes back to the latest that ended well, after a failure and without one, and to any that is named", function()
    local _, first = deploy { size = 1 }
    local _, second = deploy { size = 2 }
    world.cloud.fail = function(verb, type) return verb == "update" and type == "server" and { status = 400, message = "no" } or nil end
    assert.equal(1, #deploy({ size = 3, image = "web:bad" }).failures)
    world.cloud.fail = function() end
    local _, plan = world:rollback()
    assert.equal(ids[2], plan.back_to.id)
    assert_back(world, second)
    _, plan = world:rollback() -- the last one ended well and wanted what there is: the one before
    assert.equal(ids[1], plan.back_to.id)
    assert_back(world, first)
    world:rollback({}, ids[2]:sub(1, 8))
    assert_back(world, second)
    assert.matches("no deployment 'zzzz'", (refused(world, {}, "zzzz")))
  end)

  it("has nowhere to go when nothing was deployed, or nothing else", function()
    assert.matches("no earlier deployment", (refused(world)))
    deploy { size = 1 }
    assert.matches("no earlier deployment", (refused(world)))
  end)

  it("takes neither a refresh nor a moved record for a deployment", function()
    deploy { size = 1 }
    deploy { size = 2 }
    world.cloud.objects[world:state().resources["net.main"].id].outputs.cidr = "10.99"
    assert(world:session(stack { size = 2 }):refresh())
    local _, plan = world:rollback()
    assert.equal(ids[1], plan.back_to.id)
  end)

  it("gives dependants the new id of what it makes anew", function()
    local _, old = deploy { kind = "a" }
    deploy { kind = "b" } -- another network: the server is replaced as well
    local result, plan = world:rollback()
    assert.equal("", cloud.failures(result))
    assert.same({ "replace net.main", "replace server.web" }, cloud.actions(plan))
    local state = world:state()
    assert.equal(state.resources["net.main"].id, server(world).fields.network)
    assert.equal("web:1 " .. state.resources["net.main"].outputs.cidr, server(world).fields.image)
    assert.equal("http://" .. state.resources["server.web"].outputs.ip, state.outputs.address.value)
    assert_back(world, old)
  end)

  it("brings back what vanished", function()
    local _, old = deploy { size = 1 }
    deploy { size = 2 }
    world.cloud.objects[world:state().resources["server.web"].id] = nil
    local _, plan = world:rollback()
    assert.same({ "create server.web", "update net.main" }, cloud.actions(plan))
    assert_back(world, old)
  end)

  it("goes on after a rollback that failed", function()
    local _, old = deploy { size = 1 }
    deploy { size = 2, image = "web:2" }
    world.cloud.fail = function(verb, type) return verb == "update" and type == "server" and { status = 400, message = "no" } or nil end
    assert.equal(1, #world:rollback().failures)
    assert.same({ ids[1], "failed" }, { last().back_to, last().result })
    world.cloud.fail = function() end
    local _, plan = world:rollback()
    assert.same({ ids[1], { "update server.web" } }, { plan.back_to.id, cloud.actions(plan) })
    assert_back(world, old)
  end)

  it("plans again towards the same deployment when somebody else was faster", function()
    local _, old = deploy { size = 1 }
    deploy { size = 2 }
    local session = world:session(cloud.stack(function() end), { lock_wait = 0 }, "rollback")
    local plan = assert(session:rollback_plan())
    assert.equal(ids[1], plan.back_to.id)
    deploy { size = 3, more = { "later" } }
    local turn <close>, outdated = session:turn(plan)
    assert.is_true(turn ~= nil and outdated)
    plan = assert(session:rollback_plan())
    assert.same({ ids[1], { "delete net.later", "update net.main" } }, { plan.back_to.id, cloud.actions(plan) })
    assert.same({}, assert(session:apply(plan)).failures)
    assert_back(world, old)
  end)

  it("ends where it should from every moment at which a deployment, or a rollback, was killed", function()
    local _, old = deploy { size = 1, kind = "a", disk = true, more = { "gone" } }
    local new = stack { size = 4, kind = "b", image = "web:2", disk = true, more = { "begun" } }
    local function check(taken)
      assert.is_true(#taken > 8)
      for index, moment in ipairs(taken) do
        local where = ("moment %d of %d, %s"):format(index, #taken, moment.what)
        local fresh = moments.after_crash(moment)
        assert.equal("", cloud.failures((fresh:rollback({}, ids[1]))), where)
        assert_back(fresh, old)
        assert.equal(4, fresh.cloud:size(), where)
        assert.same({}, fresh:state().intents, where)
      end
    end
    check(moments.of(world, function() return (world:apply(new)) end))
    check(moments.of(world, function() return (world:rollback()) end))
  end)

  it("repairs what the failed deployment left unfinished", function()
    local _, old = deploy { size = 1 }
    world.cloud.fail = function(verb, type) return verb == "ready" and type == "net" and { kind = "failed", message = "broken" } or nil end
    deploy { size = 1, more = { "broken" } }
    assert.equal("tainted", world:state().resources["net.broken"].status)
    world.cloud.fail = function() end
    local object = server(world)
    object.failure = "server has the status error"
    world.cloud.before = function(verb) if verb == "wait" then object.failure = nil end end
    local result, plan = world:rollback()
    assert.equal("", cloud.failures(result))
    assert.same({ "delete net.broken", "update server.web" }, cloud.actions(plan))
    assert_back(world, old)
  end)

  it("finds what moved since under its address of then", function()
    local _, old = deploy { more = { "a" } }
    world:apply(cloud.stack(function(declare, output)
      local net = declare("net", "main", { name = "n" })
      local web = declare("server", "web", { name = "web", network = net, image = "web:1 " .. net.cidr })
      declare("net", "b", { name = "b" }, { aliases = { "net.a" } })
      output("address", "http://" .. web.ip)
      output("certificate", web.certificate)
    end))
    local _, plan = world:rollback()
    assert.same({ "update net.a" }, cloud.actions(plan))
    assert_back(world, old)
  end)

  it("goes back to a state in which an address was changed by hand, with references to it", function()
    deploy {}
    local moved = assert(amend.move(world:session(stack {}), "net.main", "net.renamed"))
    local function renamed(kind)
      return cloud.stack(function(declare, output)
        local net = declare("net", "renamed", { name = "n", kind = kind })
        local web = declare("server", "web", { name = "web", network = net, image = "web:1 " .. net.cidr })
        output("address", "http://" .. web.ip)
        output("certificate", web.certificate)
      end)
    end
    world:apply(renamed("k")) -- another id
    assert.equal("", cloud.failures((world:rollback({}, moved.id))))
    local state = world:state()
    assert.equal(state.resources["net.renamed"].id, state.resources["server.web"].inputs.network)
    assert.equal("web:1 " .. state.resources["net.renamed"].outputs.cidr, server(world).fields.image)
    assert_back(world, renamed())
  end)

  it("passes over a deployment whose state could not be kept, and says so when it is named", function()
    deploy { image = "web:1" }
    world.backend.on_put = function(key) return key:find("%.snapshot$") and { kind = "io", message = "disk full" } or nil end
    deploy { image = "web:2" } -- at its end, and before the next one replaces it
    deploy { image = "web:3" }
    world.backend.on_put = function() end
    deploy { image = "web:3" }
    local message, err = refused(world, {}, ids[2])
    assert.equal("the history does not hold the state that deployment " .. ids[2] .. " left", message)
    assert.same({ "INFRA_011", "not_found" }, { err.code, err.kind })
    local _, plan = world:rollback()
    assert.equal(ids[1], plan.back_to.id)
    assert.equal("web:1 10.1", server(world).fields.image)
  end)

  it("passes over deployments in the history that are damaged", function()
    local _, first = deploy { size = 1 }
    deploy { size = 2 }
    deploy { size = 3 }
    deploy { size = 4 }
    for index, ending in ipairs({ ".record", ".snapshot" }) do
      local key = world.backend:list("test.state.history/")
      for _, name in ipairs(key) do
        if name:find(ids[index + 1], 1, true) and name:sub(-#ending) == ending then world.backend:put(name, "junk") end
      end
    end
    local _, plan = world:rollback()
    assert.equal(ids[1], plan.back_to.id)
    assert_back(world, first)
    assert.matches("^the record of deployment " .. ids[2]:sub(1, 8), (refused(world, {}, ids[2])))
  end)

  it("takes back what was forgotten and still exists, instead of making a second one", function()
    local _, old = deploy { disk = true, password = outside("p") }
    deploy { disk = true, password = outside("p"), image = "web:2" }
    local record, objects = world:state().resources["disk.data"], world.cloud:size()
    assert(amend.remove(world:session(stack {}), "disk.data"))
    assert(amend.remove(world:session(stack {}), "server.web"))
    for _, option in ipairs({ "exclude", "leave" }) do
      local made = assert(world:session(cloud.stack(function() end), { [option] = { "disk.data" } }, "rollback"):rollback_plan(ids[1]))
      assert.same({ "adopt server.web" }, cloud.actions(made))
      for _, entry in ipairs(made.adoption) do assert.equal("server.web", entry.record.address) end
    end
    world.cloud.fail = function(verb, type)
      return (verb == "read" or verb == "list") and type == "disk" and { status = 403, message = "no" } or nil
    end
    assert.matches("cannot tell whether disk.data %(disk%-%d+%) still exists$", (refused(world, {}, ids[1])))
    world.cloud.fail = function() end
    local _, plan = world:rollback({}, ids[1])
    assert.same({ "adopt disk.data", "adopt server.web" }, cloud.actions(plan))
    assert.equal("the state had forgotten it, and it still exists", plan.entries["disk.data"].step.reason)
    assert.equal(objects, world.cloud:size())
    assert.equal(record.id, world:state().resources["disk.data"].id)
    assert.same({ "update server.web" }, cloud.actions(world:plan(old))) -- nobody can tell whether its password is what it was
    assert(amend.remove(world:session(stack {}), "disk.data"))
    world.cloud.objects[record.id] = nil
    assert.matches("it held data that does not come back", (refused(world, {}, ids[1])))
  end)

  it("does not take a secret for what it was then, of what it takes back", function()
    local _, one = deploy { password = outside("one") }
    deploy { password = outside("two"), image = "web:2" }
    assert(amend.remove(world:session(stack {}), "server.web"))
    local _, plan = world:rollback({}, ids[1])
    assert.equal("server.web: password stays as it is: the secret it was is not known any more", warned(plan))
    assert.equal("two", server(world).fields.password)
    assert.equal("web:1 10.1", server(world).fields.image)
    assert.same({ "update server.web" }, cloud.actions(world:plan(one)))
    assert.equal("", cloud.failures(world:apply(one)))
    assert.equal("one", server(world).fields.password)
    assert_back(world, one)
  end)

  it("takes nothing back that still had to be deleted then: it may be somebody's by now", function()
    local function servers(name, kept)
      return cloud.stack(function(declare)
        local net = declare("net", "main", { name = "n" })
        declare("server", "web", { name = name, network = net }, { create_before_destroy = true })
        if kept then declare("server", "kept", { name = "one", network = net }, { import = kept }) end
      end)
    end
    world:apply(servers("one"))
    local old = world:state().resources["server.web"].id
    world.cloud.fail = function(verb, type) return verb == "delete" and type == "server" and { status = 500, message = "no" } or nil end
    world:apply(servers("two"), { replace = { "server.web" } })
    world.cloud.fail = function() end
    assert.equal(old, world:state().resources["server.web"].deposed[1].id)
    local to = last().id
    assert(amend.remove(world:session(servers("two")), "server.web"))
    assert.equal("", cloud.failures(world:apply(servers("three", old))))
    assert(amend.remove(world:session(servers("three")), "server.web"))
    local result, plan = world:rollback({ leave = { "server.kept" } }, to)
    assert.equal("", cloud.failures(result))
    assert.same({ "adopt server.web" }, cloud.actions(plan))
    assert.is_truthy(world.cloud.objects[old])
  end)

  it("refuses a state, of now or then, that does not fit its types", function()
    deploy { size = 1 }
    local function record(size) -- another program may
      local opened = world:session(stack {})
      assert(opened:state())
      return assert(opened:rewrite(function(begun)
        begun.store:write({ op = "patch", address = "net.main", fields = { inputs = { name = "n", size = size } } })
        return begun:finish({ result = "done", counts = {} })
      end))
    end
    local misfit = record("one")
    assert.match("^the state is damaged: the net net.main has no valid 'inputs.size'", refused(world))
    record(2)
    assert.match("^cannot go back to deployment " .. misfit.id:sub(1, 8) .. ": the state is damaged: the net net.main has no valid",
      refused(world, {}, misfit.id))
  end)

  it("leaves alone what changes are ignored of, then", function()
    local function ignoring(size, tags)
      return cloud.stack(function(declare)
        declare("net", "main", { name = "n", size = size, tags = tags }, { ignore_changes = { "size" } })
      end)
    end
    world:apply(ignoring(1, { "a" }))
    world:apply(ignoring(1, { "b" }))
    world.cloud.objects[world:state().resources["net.main"].id].fields.size = 7
    local _, plan = world:rollback()
    assert.same({ "update net.main" }, cloud.actions(plan))
    assert.same({ 7, { "a" } }, { world.cloud.objects["net-1"].fields.size, world.cloud.objects["net-1"].fields.tags })
  end)

  describe("with secrets", function()
    it("leaves alone the same ones", function()
      local _, old = deploy { password = outside "one", size = 1, secrets = { KEY = outside "two" } }
      deploy { password = outside "one", size = 2, secrets = { KEY = outside "two" } }
      local _, plan = world:rollback()
      assert.same({ { "update net.main" }, "" }, { cloud.actions(plan), warned(plan) })
      assert_back(world, old)
    end)

    it("keeps those it cannot restore, and says so", function()
      local _, old = deploy { password = outside "one", image = "web:1", secrets = { KEY = outside "a", GONE = outside "b" } }
      local _, new = deploy { password = outside "two", image = "web:2", secrets = { KEY = outside "c", MORE = outside "d" } }
      local result, plan = world:rollback()
      assert.equal("", cloud.failures(result))
      assert.same({ "update server.web" }, cloud.actions(plan))
      assert.equal("server.web: password stays as it is: the secret it was is not known any more\n"
        .. "server.web: secrets.GONE does not come back: this secret is not known any more\n"
        .. "server.web: secrets.KEY stays as it is: the secret it was is not known any more", warned(plan))
      assert.same({ "two", { KEY = "c" } }, { server(world).fields.password, server(world).fields.secrets })
      assert.matches("^web:1", server(world).fields.image)
      local changes = world:plan(new).steps
      for _, step in ipairs(changes) do
        if step.address == "server.web" then
          local paths = {}
          for index, change in ipairs(step.changes) do paths[index] = change.path end
          assert.same({ "image", "secrets.MORE" }, paths)
        end
      end
      assert.same({ "update server.web" }, cloud.actions(world:plan(old)))
    end)

    it("keeps those of which nobody knows whether they changed", function()
      deploy { password = outside "one", secrets = { KEY = outside "a" } }
      world.cloud.fail = function(verb, type) return verb == "update" and type == "server" and { status = 500, message = "no" } or nil end
      assert.equal(1, #deploy({ password = outside "two", secrets = { KEY = outside "b" }, image = "web:2" }).failures)
      world.cloud.fail = function() end
      local result, plan = world:rollback()
      assert.equal("", cloud.failures(result))
      assert.matches("password stays.-secrets%.KEY stays", warned(plan))
      assert.same({ "one", { KEY = "a" } }, { server(world).fields.password, server(world).fields.secrets }) -- as the service had them
      -- the next source that knows them sends them
      world:apply(stack { password = outside "three", secrets = { KEY = outside "c" } })
      assert.same({ "three", { KEY = "c" } }, { server(world).fields.password, server(world).fields.secrets })
    end)

    it("restores those that something reads back, and follows what is new", function()
      local function linked(facts)
        return cloud.stack(function(declare)
          local net = declare("net", "main", { name = "n", kind = facts.kind })
          local one = declare("server", "one", { name = "one", network = net })
          local two = declare("server", "two", { name = "two", network = net })
          local chosen = facts.other and two or one
          declare("server", "user", { name = "user", password = "tcp://" .. one.ip .. ":" .. chosen.certificate,
            secrets = { A = chosen.certificate } })
        end)
      end
      local old = linked {}
      world:apply(old)
      world:apply(linked { other = true })
      local result, plan = world:rollback()
      assert.equal("", cloud.failures(result))
      assert.same({ { "update server.user" }, "" }, { cloud.actions(plan), warned(plan) })
      local function user()
        for _, object in next, world.cloud.objects do
          if object.fields.name == "user" then return object.fields end
        end
      end
      local function expected()
        local one = world:state().resources["server.one"]
        return { password = "tcp://" .. one.outputs.ip .. ":certificate of " .. one.id, secrets = { A = "certificate of " .. one.id } }
      end
      assert.same(expected(), { password = user().password, secrets = user().secrets })
      assert_back(world, old)
      world:apply(linked { kind = "b" }) -- other servers, other certificates
      assert.equal("", cloud.failures((world:rollback())))
      assert.same(expected(), { password = user().password, secrets = user().secrets })
      assert_back(world, old)
    end)

    it("refuses to make anew what needs one that nobody knows", function()
      deploy { password = outside "one", secrets = { ["A/B"] = "in the stack" } }
      world.cloud.objects[world:state().resources["server.web"].id] = nil
      local message, err = refused(world, {}, ids[1])
      assert.equal("server.web: it would have to be made anew, but its secret password is not known any more\n"
        .. "server.web: it would have to be made anew, but its secret secrets.A/B is not known any more", message)
      assert.equal("apply a source that gives it, or leave it out with --exclude server.web", err.problems[1].hint)
      local _, plan = world:rollback({ exclude = { "server.web" } }, ids[1])
      assert.same({}, cloud.actions(plan))
    end)

    it("needs none in clear that a replacement only hangs on", function()
      local function hanging(image, value)
        return cloud.stack(function(declare)
          declare("server", "web", { name = "web", image = image }, { replace_on = { value, "x" } })
        end)
      end
      for _, value in ipairs({ outside "one", "no secret" .. outside "one" }) do
        world = cloud.world()
        local old = hanging("web:1", value)
        world:apply(old)
        world:apply(hanging("web:2", value))
        world.cloud.objects[world:state().resources["server.web"].id] = nil
        local result, plan = world:rollback()
        assert.equal("", cloud.failures(result))
        assert.same({ "create server.web" }, cloud.actions(plan))
        assert_back(world, old)
        world:apply(hanging("web:3", value))
        local _, again = world:rollback()
        assert.same({ "update server.web" }, cloud.actions(again))
        world:apply(hanging("web:1", outside "two"))
        _, again = world:rollback()
        assert.same({ "replace server.web" }, cloud.actions(again))
        assert_back(world, old)
      end
    end)

    it("makes anew what tells a secret only once, when somebody needs it", function()
      local old = cloud.stack(function(declare)
        local one = declare("server", "one", { name = "one" })
        declare("server", "user", { name = "user", password = one.token })
      end)
      world:apply(old)
      world:apply(cloud.stack(function(declare)
        declare("server", "one", { name = "one" })
        declare("server", "user", { name = "user" })
      end))
      local result, plan = world:rollback()
      assert.equal("", cloud.failures(result))
      assert.same({ "replace server.one", "update server.user" }, cloud.actions(plan))
      assert_back(world, old)
    end)
  end)

  describe("with data", function()
    it("refuses to delete it, unless that is confirmed", function()
      deploy { size = 1 }
      deploy { size = 2, disk = true }
      local calls = #world.cloud.calls
      local message, err = refused(world)
      assert.equal("disk.data: it holds data, and did not exist then: it would be deleted", message)
      assert.equal("confirm it with --lose-data disk.data, or leave it as it is with --leave disk.data", err.hint)
      for index = calls + 1, #world.cloud.calls do
        local verb = world.cloud.calls[index].verb
        assert.is_true(verb == "read" or verb == "list")
      end
      local _, plan = world:rollback({ exclude = { "disk.data" } })
      assert.same({ "update net.main" }, cloud.actions(plan))
      _, plan = world:rollback({ lose_data = { "disk.data" } }, ids[1])
      assert.same({ { "delete disk.data" }, "disk.data holds data that will be lost" }, { cloud.actions(plan), warned(plan) })
    end)

    it("refuses to replace it, unless that is confirmed", function()
      local _, old = deploy { disk = true, format = "ext4" }
      deploy({ disk = true, format = "xfs", size = 2 }, { replace = { "disk.data" } })
      assert.equal("disk.data: it holds data that a replacement loses: format cannot be changed in place", (refused(world)))
      local _, plan = world:rollback({ lose_data = { "disk.data" } })
      assert.same({ "replace disk.data", "update net.main" }, cloud.actions(plan))
      assert.matches("disk%.data: it holds data that a replacement loses", warned(plan))
      assert_back(world, old)
    end)

    it("leaves what is to be kept as it is, and what needs it goes back", function()
      local function volume(facts)
        return cloud.stack(function(declare)
          local disk = declare("disk", "data", { name = "d", format = facts.format })
          declare("version", "v", { name = "v", disk = disk, text = facts.text })
          declare("server", "web", { name = "web", image = facts.image .. " on " .. disk.id })
          if facts.more then declare("disk", "more", { name = "more" }) end
        end)
      end
      world:apply(volume { format = "ext4", text = "a", image = "web:1" })
      world:apply(volume { format = "xfs", text = "a", image = "web:2", more = true }, { replace = { "disk.data" } })
      local _, excluded = world:rollback({ exclude = { "disk.data", "disk.more" } })
      assert.same({}, cloud.actions(excluded)) -- all that needs it stays behind
      local result, plan = world:rollback({ leave = { "disk.data", "disk.more" } }, world:state().deployments[1].id)
      assert.equal("", cloud.failures(result))
      assert.same({ "update server.web" }, cloud.actions(plan))
      local disk = world:state().resources["disk.data"]
      assert.equal("xfs", disk.inputs.format)
      assert.equal("web:1 on " .. disk.id, server(world).fields.image)
      assert.same({}, cloud.actions(world:plan(volume { format = "xfs", text = "a", image = "web:1", more = true })))
      local message = refused(world, { leave = { "disk.x" } }, world:state().deployments[1].id)
      assert.equal("--leave disk.x: there is no such resource, now or then", message)
    end)

    it("refuses to make it anew, empty, unless that is confirmed", function()
      local _, old = deploy { disk = true }
      deploy { size = 2 }
      assert.equal("disk.data: it held data that does not come back: it would be made anew, empty", (refused(world)))
      local _, plan = world:rollback({ lose_data = { "disk.data" } })
      assert.same({ "create disk.data", "update net.main" }, cloud.actions(plan))
      assert.matches("does not come back", warned(plan))
      assert_back(world, old)
    end)

    it("does not count what never became ready", function()
      deploy { size = 1 }
      world.cloud.fail = function(verb, type)
        return verb == "ready" and type == "disk" and { kind = "failed", message = "broken" } or nil
      end
      deploy { size = 1, disk = true }
      world.cloud.fail = function() end
      local _, plan = world:rollback()
      assert.same({ "delete disk.data" }, cloud.actions(plan))
    end)

    it("heeds protection, and tells everything at once", function()
      deploy { kind = "a", password = outside "one" }
      deploy { kind = "b", password = outside "one", disk = true, protect = true, more = { "x" } }
      local message = refused(world, { lose_data = { "disk.data" } })
      assert.matches("disk%.data: it is protected, but would be deleted", message)
      assert.matches("server%.web: it would have to be made anew", message)
    end)

    it("takes no confirmation for what does not exist", function()
      deploy { size = 1 }
      deploy { size = 2 }
      local message, err = refused(world, { lose_data = { "disk.dat" } })
      assert.matches("%-%-lose%-data disk%.dat: there is no such resource", message)
      assert.equal("INFRA_004", err.code)
      assert.matches("%-%-lose%-data disk: there is no", (refused(world, { lose_data = { "disk" } })))
    end)
  end)

  it("puts back what the service had decided", function()
    local function sized(mtu, size)
      return cloud.stack(function(declare) declare("net", "main", { name = "n", mtu = mtu, size = size }) end)
    end
    world:apply(sized(nil, 1))
    world.cloud.objects["net-1"].fields.mtu = 1500
    world:apply(sized(nil, 2))
    world:apply(sized(9000, 2))
    world:rollback()
    assert.equal(1500, world.cloud.objects["net-1"].fields.mtu)
    assert_back(world, sized(nil, 2))
  end)

  it("leaves what only grows, and what cannot be switched off, as it is, and says so", function()
    local _, old = deploy { disk = true, space = 1, mirrored = false }
    deploy { disk = true, space = 5, mirrored = true, image = "web:2" }
    local result, plan = world:rollback()
    assert.equal("", cloud.failures(result))
    assert.same({ "update server.web" }, cloud.actions(plan))
    assert.equal("disk.data: mirrored stays as it is: it cannot be changed back in place\n"
      .. "disk.data: space stays as it is: it cannot be changed back in place", warned(plan))
    assert.same({ 5, true }, { world:state().resources["disk.data"].inputs.space, world:state().resources["disk.data"].inputs.mirrored })
    assert.same({ "replace disk.data" }, cloud.actions(world:plan(old, { replace = { "disk.data" } })))
  end)

  describe("of what functions computed", function()
    local function computed(kind, text)
      return cloud.stack(function(declare)
        local net = declare("net", "main", { name = "n", kind = kind })
        declare("net", "other", { name = "o" }, { depends_on = { "net.main" } })
        declare("value", "text", { input = net.cidr:map(function(cidr) return text .. cidr end) })
      end)
    end

    it("restores the value while what it was computed from is the same", function()
      local old = computed("a", "one ")
      world:apply(old)
      world:apply(computed("a", "two "))
      local _, plan = world:rollback()
      assert.same({ "update value.text" }, cloud.actions(plan))
      assert_back(world, old)
    end)

    it("refuses when it is another", function()
      world:apply(computed("a", "one "))
      world:apply(computed("b", "one "))
      assert.equal("value.text: input was computed by the stack from net.main.cidr, which is not what it was then", (refused(world)))
      local _, plan = world:rollback({ exclude = { "value.text" } })
      assert.same({}, cloud.actions(plan)) -- nor is the network made anew without it
      assert.is_true(plan.left_out["net.main"])
    end)
  end)
end)
