local cloud = require "tests.lua.engine.cloud"
local unknown = require "scw.unknown"

local function step_of(plan, address)
  for _, step in ipairs(plan.steps) do
    if step.address == address then return step end
  end
end

local function change_of(plan, address, path)
  for _, change in ipairs(step_of(plan, address).changes) do
    if change.path == path then return change end
  end
end

--- One declaration `type.main`.
local function one(type_name, fields, options)
  return cloud.stack(function(declare) declare(type_name, "main", fields, options) end)
end

describe("plan", function()
  it("shows declared fields of a creation, what is known only later, and counts", function()
    local world = cloud.world()
    local made = world:plan(cloud.stack(function(declare, output)
      local net = declare("net", "main", { name = "n" })
      declare("server", "web", { name = "s", network = net, image = "img-" .. net.cidr, password = "hidden value" })
      output("cidr", net.cidr)
      output("name", net.name)
    end))
    assert.equal("n", change_of(made, "net.main", "name").new)
    assert.is_nil(change_of(made, "net.main", "size")) -- a default is not declared
    assert.equal(unknown, change_of(made, "server.web", "network").new)
    assert.equal(unknown, change_of(made, "server.web", "image").new)
    local password = change_of(made, "server.web", "password")
    assert.is_true(password.secret)
    assert.is_string(password.new["$secret"])
    assert.same({ create = 2 }, made.summary)
    assert.equal(unknown, made.outputs[1].new)
    assert.equal("n", made.outputs[2].new)
    assert.same({ "net.main" }, step_of(made, "server.web").dependencies)
    assert.equal("test.lua:2", step_of(made, "server.web").source)
  end)

  it("keeps outputs known over an update, except those that follow what changes", function()
    local world = cloud.world()
    local function stack(size)
      return cloud.stack(function(declare)
        local net = declare("net", "main", { name = "n", size = size })
        declare("value", "cidr", { input = net.cidr })
        declare("value", "revision", { input = net.revision })
      end)
    end
    world:apply(stack(1))
    local made = world:plan(stack(2))
    assert.same({ "update net.main", "update value.revision" }, cloud.actions(made))
    assert.equal(unknown, change_of(made, "value.revision", "input").new)
    world:apply(stack(2))
    assert.equal(2, world:state().resources["value.revision"].outputs.output)
    assert.same({}, cloud.actions(world:plan(stack(2))))
  end)

  it("passes changes of a value on to those who refer to it", function()
    local world = cloud.world()
    local function stack(text)
      return cloud.stack(function(declare)
        local first = declare("value", "first", { input = text })
        local second = declare("value", "second", { input = { first.output, "and more" } })
        declare("value", "third", { triggers = { second.output[1] } })
      end)
    end
    world:apply(stack("a"))
    local _, made = world:apply(stack("b"))
    assert.same({ "replace value.third", "update value.first", "update value.second" }, cloud.actions(made))
    assert.same({ "b", "and more" }, world:state().resources["value.second"].outputs.output)
    assert.same({ "b" }, world:state().resources["value.third"].inputs.triggers)
  end)

  it("refuses to replace what holds data, or is protected, unless that is asked for", function()
    local world = cloud.world()
    world:apply(one("disk", { name = "d", format = "a" }))
    local _, err = world:session(one("disk", { name = "d", format = "b" })):plan()
    assert.match("holds data that a replacement loses: format cannot be changed in place", err.message)
    assert.equal("undo that change, or allow it with --replace disk.main", err.hint)
    local made = world:plan(one("disk", { name = "d", format = "b" }), { replace = { "disk.main" } })
    assert.same({ "replace disk.main" }, cloud.actions(made))
    world:apply(one("disk", { name = "d", format = "a" }, { protect = true }))
    _, err = world:session(one("disk", { name = "d", format = "b" }, { protect = true }), { replace = { "disk.main" } }):plan()
    assert.match("is protected, but would have to be replaced", err.message)
    _, err = world:session(cloud.stack(function() end)):plan()
    assert.match("is protected, but would be deleted", err.message)
    _, err = world:session(one("disk", { name = "d" }, { protect = true })):destroy_plan()
    assert.match("is protected", err.message)
    assert.same({ "delete disk.main" }, cloud.actions(assert(world:session(one("disk", { name = "d" })):destroy_plan())))
  end)

  it("makes anew what is being deleted, with what is a part of it, whatever its options say", function()
    for _, options in ipairs({ { protect = true }, { retain_on_delete = true }, { create_before_destroy = true } }) do
      local world, leaving = cloud.world(), nil
      local function stack()
        return cloud.stack(function(declare)
          local disk = declare("disk", "main", { name = "d" }, options)
          local other = declare("disk", "other", { name = "e" }, { protect = true })
          declare("version", "of", { name = "v", disk = disk }, options)
          declare("version", "apart", { name = "w", disk = other }, { protect = true, depends_on = { "disk.main" } })
        end)
      end
      world:apply(stack())
      for id, object in next, world.cloud.objects do
        if object.fields.name == "d" then object.leaving, leaving = true, id end
      end
      local made = world:plan(stack())
      assert.same({ replace = 2, none = 2 }, made.summary)
      for _, address in ipairs({ "disk.main", "version.of" }) do
        assert.equal("it is being deleted", step_of(made, address).reason)
        assert.equal("delete_first", step_of(made, address).order)
      end
      assert.equal("leaving", assert(world:session(stack()):refresh()).changes[1].action)
      assert.equal("", cloud.failures((world:apply(stack()))))
      assert.is_nil(world.cloud.objects[leaving])
      assert.equal(4, world.cloud:size())
      assert.same({ none = 4 }, world:plan(stack()).summary)
    end
  end)

  it("records changed options, so that a protection can be lifted", function()
    local world = cloud.world()
    world:apply(one("net", { name = "n" }, { protect = true }))
    local result, made = world:apply(one("net", { name = "n" }))
    assert.equal("", cloud.failures(result))
    assert.same({ "update net.main" }, cloud.actions(made))
    assert.equal(0, world.cloud:count("update"))
    assert.same({ "delete net.main" }, cloud.actions(world:plan(cloud.stack(function() end))))
  end)

  it("warns before it deletes data", function()
    local world = cloud.world()
    world:apply(one("disk", { name = "d" }))
    local made = world:plan(cloud.stack(function() end))
    assert.equal("disk.main holds data that will be lost", made.warnings[1].message)
  end)

  it("ignores changes where it is told to", function()
    local world = cloud.world()
    world:apply(one("net", { name = "n", size = 1 }, { ignore_changes = { "size" } }))
    world.cloud.objects["net-1"].fields.size = 7
    assert.same({}, cloud.actions(world:plan(one("net", { name = "n", size = 2 }, { ignore_changes = { "size" } }))))
    local _, made = world:apply(one("net", { name = "m", size = 2 }, { ignore_changes = { "size" } }))
    assert.same({ "update net.main" }, cloud.actions(made))
    assert.equal(7, world.cloud.objects["net-1"].fields.size)
    assert.equal("m", world.cloud.objects["net-1"].fields.name)
    assert.same({}, cloud.actions(world:plan(one("net", { name = "x", size = 2 }, { ignore_changes = { "*" } }))))
    for _, object in pairs(world.cloud.objects) do object.fields.size = 9 end -- what somebody else changed stays as well
    assert.same({}, cloud.actions(world:plan(one("net", { name = "x", size = 2 }, { ignore_changes = { "*" } }))))
  end)

  it("replaces when a value of replace_on changes", function()
    local world = cloud.world()
    local function stack(version)
      return cloud.stack(function(declare)
        local value = declare("value", "version", { input = version })
        declare("net", "main", { name = "n" }, { replace_on = { value.output } })
      end)
    end
    world:apply(stack(1))
    assert.same({}, cloud.actions(world:plan(stack(1))))
    local result, made = world:apply(stack(2))
    assert.same({ "replace net.main", "update value.version" }, cloud.actions(made))
    assert.equal("", cloud.failures(result))
    assert.same({}, cloud.actions(world:plan(stack(2))))
  end)

  it("leaves what is retained where it is", function()
    local world = cloud.world()
    world:apply(one("net", { name = "n" }, { retain_on_delete = true }))
    local _, made = world:apply(cloud.stack(function() end))
    assert.same({ "forget net.main" }, cloud.actions(made))
    assert.equal(1, world.cloud:size())
    assert.same({}, world:state().resources)
  end)

  it("forgets what somebody else deleted", function()
    local world = cloud.world()
    world:apply(one("net", { name = "n" }))
    world.cloud.objects["net-1"] = nil
    local _, made = world:apply(cloud.stack(function() end))
    assert.same({ "forget net.main" }, cloud.actions(made))
    assert.equal(0, world.cloud:count("delete"))
  end)

  it("moves a record to a new address, secrets included", function()
    local world = cloud.world()
    local function stack(name, aliases, extra)
      return cloud.stack(function(declare)
        local server = declare("server", name, { name = "s", password = "p4ssw0rd", secrets = { A = "aaa", B = extra or "bbb" } },
          { aliases = aliases })
        declare("server", "other", { name = "o", password = server.password })
      end)
    end
    world:apply(stack("old"))
    local _, result, made
    result, made = world:apply(stack("app/new", { "server.old" }))
    assert.same({ "move app/server.new" }, cloud.actions(made))
    assert.equal("server.old", step_of(made, "app/server.new").from)
    assert.equal("", cloud.failures(result))
    assert.equal(2, world.cloud:size())
    assert.same({}, cloud.actions(world:plan(stack("app/new", { "server.old" }))))
    _, made = world:apply(stack("newer", { "app/server.new" }, "changed"))
    assert.same({ "update server.newer" }, cloud.actions(made))
    assert.equal("changed", world.cloud.objects["server-1"].fields.secrets.B)
  end)

  it("takes over what exists by its id", function()
    local world = cloud.world()
    world.cloud.objects["net-x"] = {
      id = "net-x", type = "net", fields = { name = "n", size = 1, tags = {} }, outputs = { cidr = "10.9", revision = 1 },
    }
    local function stack(size)
      return cloud.stack(function(declare)
        local net = declare("net", "main", { name = "n", size = size }, { import = "fr-par/net-x" })
        declare("value", "v", { input = net.cidr })
      end)
    end
    local result, made = world:apply(stack(5))
    assert.same({ "create value.v", "import net.main" }, cloud.actions(made))
    assert.equal(5, change_of(made, "net.main", "size").new)
    assert.equal("", cloud.failures(result))
    assert.equal(5, world.cloud.objects["net-x"].fields.size)
    assert.equal("10.9", world:state().resources["value.v"].inputs.input)
    assert.same({}, cloud.actions(world:plan(stack(5))))
    local ignoring = one("net", { name = "n", size = 7, kind = "other" }, {
      import = "fr-par/net-x", ignore_changes = { "size", "kind" },
    })
    local another = cloud.world()
    another.cloud.objects["net-x"] = {
      id = "net-x", type = "net", fields = { name = "n", size = 1, kind = "slow", tags = {} }, outputs = {},
    }
    another:apply(ignoring)
    assert.equal(0, another.cloud:count("update"))
    assert.same({}, cloud.actions(another:plan(ignoring)))
    local _, err = cloud.world():session(one("net", { name = "n" }, { import = "missing" })):plan()
    assert.match("there is no net with the id missing to import", err.message)
    assert.equal("INFRA_004", err.code)
  end)

  it("reads what it is asked to look up, before or after what that depends on", function()
    local world = cloud.world()
    world.cloud.objects["net-x"] = { id = "net-x", type = "net", fields = { name = "shared", size = 3 }, outputs = { cidr = "10.9" } }
    local function stack(name)
      return cloud.stack(function(declare, _, lookup)
        local query = lookup("net", "query", { name = name or "shared" })
        declare("server", "web", { name = "s", network = query, image = query.cidr })
      end)
    end
    local made = world:plan(stack())
    assert.equal("net-x", change_of(made, "server.web", "network").new)
    assert.equal("10.9", change_of(made, "server.web", "image").new)
    world:apply(stack())
    assert.same({}, cloud.actions(world:plan(stack())))
    local _, err = world:session(stack("nobody")):plan()
    assert.match("there is no net with name nobody", err.message)
    world.cloud.objects["net-y"] = { id = "net-y", type = "net", fields = { name = "shared" }, outputs = {} }
    _, err = world:session(stack()):plan()
    assert.match("2 of net have name shared", err.message)
    local later = cloud.stack(function(declare, _, lookup)
      local net = declare("net", "new", { name = "new" })
      local query = lookup("net", "query", { name = "new", id = net.id })
      declare("value", "v", { input = query.cidr })
    end)
    local result
    result, made = world:apply(later)
    assert.equal("read", step_of(made, "lookup.net.query").action)
    assert.equal("", cloud.failures(result))
    assert.equal("10.2", world:state().resources["value.v"].inputs.input)
  end)

  it("replaces the owner of a secret that only its creation tells, when somebody needs it", function()
    local world = cloud.world()
    local function stack(with, image)
      return cloud.stack(function(declare)
        local server = declare("server", "owner", { name = "o" })
        if with then declare("server", "user", { name = "u", password = server.token, image = image }) end
      end)
    end
    world:apply(stack(false))
    local result, made = world:apply(stack(true, "a"))
    assert.same({ "create server.user", "replace server.owner" }, cloud.actions(made))
    assert.equal("server.user needs its token, which is told only at its creation", step_of(made, "server.owner").reason)
    assert.equal("", cloud.failures(result))
    assert.equal("token of server-2", world.cloud.objects["server-3"].fields.password)
    assert.same({}, cloud.actions(world:plan(stack(true, "a"))))
    -- another change of the user does not need the secret
    result, made = world:apply(stack(true, "b"))
    assert.same({ "update server.user" }, cloud.actions(made))
    assert.equal("", cloud.failures(result))
  end)

  it("changes exactly the secrets that changed", function()
    local world = cloud.world()
    local function stack(b)
      return cloud.stack(function(declare)
        local owner = declare("server", "owner", { name = "o" })
        declare("server", "user", { name = "u", password = "p", secrets = { A = "a " .. owner.certificate, B = b } })
      end)
    end
    world:apply(stack("b1"))
    assert.equal("a certificate of server-1", world.cloud.objects["server-2"].fields.secrets.A)
    assert.equal(1, world.cloud:count("fetch"))
    local _, made = world:apply(stack("b2"))
    assert.same({ "update server.user" }, cloud.actions(made))
    assert.equal("secrets.B", step_of(made, "server.user").changes[1].path)
    assert.equal(1, #step_of(made, "server.user").changes)
    assert.equal(1, world.cloud:count("fetch"))
    assert.equal("b2", world.cloud.objects["server-2"].fields.secrets.B)
  end)

  describe("of a part", function()
    local function stack()
      return cloud.stack(function(declare, output)
        local net = declare("net", "base", { name = "base" })
        local server = declare("server", "app/web", { name = "web", network = net })
        declare("server", "app/job", { name = "job", network = net })
        declare("value", "front", { input = server.ip })
        declare("net", "alone", { name = "alone" })
        output("ip", server.ip)
      end)
    end

    it("takes a target with what it needs", function()
      local world = cloud.world()
      local made = world:plan(stack(), { target = { "app/server.web" } })
      assert.same({ "create app/server.web", "create net.base" }, cloud.actions(made))
      local result
      result, made = world:apply(stack(), { target = { "app" } })
      assert.same({ "create app/server.job", "create app/server.web", "create net.base" }, cloud.actions(made))
      assert.equal("", cloud.failures(result))
      assert.equal("ip", result.outputs[1].name)
      assert.same({ "create net.alone", "create value.front" }, cloud.actions(world:plan(stack())))
    end)

    it("leaves out what is excluded and what needs it", function()
      local world = cloud.world()
      local made = world:plan(stack(), { exclude = { "app/server.web" } })
      assert.same({ "create app/server.job", "create net.alone", "create net.base" }, cloud.actions(made))
      world:apply(stack())
      local opened = world:session(stack(), { exclude = { "app/server.web" } })
      assert.same({ "delete app/server.job", "delete net.alone", "delete value.front" }, cloud.actions(assert(opened:destroy_plan())))
      opened = world:session(stack(), { target = { "net.base" } })
      assert.same({ "delete app/server.job", "delete app/server.web", "delete net.base", "delete value.front" },
        cloud.actions(assert(opened:destroy_plan())))
    end)

    it("says what matches nothing", function()
      local _, err = cloud.world():session(stack(), { target = { "app/server.wep" } }):plan()
      assert.equal("INFRA_004", err.code)
      assert.match("app/server.web", err.hint)
      _, err = cloud.world():session(stack(), { replace = { "nothing" } }):plan()
      assert.match("--replace nothing", err.message)
    end)
  end)

  it("reports a circle of dependencies as a path with sources", function()
    local stack = cloud.stack(function(declare)
      declare("value", "a", {}, { depends_on = { "value.c" } })
      declare("value", "b", {}, { depends_on = { "value.a" } })
      declare("value", "c", {}, { depends_on = { "value.b" } })
    end)
    local _, err = cloud.world():session(stack):validate()
    assert.equal("3 resources need each other in a circle", err.message)
    assert.equal(3, #err.details)
    for _, line in ipairs(err.details) do assert.match("^value%.%a needs value%.%a, declared at test%.lua:%d$", line) end
    assert.is_true(cloud.world():session(cloud.stack(function(declare) declare("value", "a") end)):validate())
  end)

  it("lists a type once instead of reading each resource", function()
    local world = cloud.world()
    local stack = cloud.stack(function(declare)
      for i = 1, 20 do declare("net", "n" .. i, { name = "n" .. i }) end
    end)
    world:apply(stack)
    world.cloud.calls = {}
    world:plan(stack)
    assert.equal(1, world.cloud:count("list"))
    assert.equal(0, world.cloud:count("read"))
  end)

  it("makes the same plan twice", function()
    local world = cloud.world()
    local stack = cloud.stack(function(declare)
      local net = declare("net", "main", { name = "n" })
      declare("server", "web", { name = "s", network = net, password = "x", secrets = { A = "1" } })
    end)
    world:apply(stack)
    local json = require "scw.json"
    local function public(plan) return json.encode({ steps = plan.steps, outputs = plan.outputs }) end
    assert.equal(public(world:plan(stack)), public(world:plan(stack)))
  end)
end)
