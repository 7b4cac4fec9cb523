local cloud = require "tests.lua.engine.cloud"

describe("checks of references", function()
  --- A stack with a check of what `condition(handles)` gives.
  local function with_check(condition, fields)
    return (function()
      local handles = {}
      local stack = cloud.stack(function(declare)
        handles.value = declare("value", "x", { input = fields and fields.input or 5 })
        handles.net = declare("net", "main", { name = "n", size = fields and fields.size or 1 })
        handles.server = declare("server", "web", { name = "s", network = handles.net, password = "very secret" })
      end)
      stack.checks = { { condition = condition(handles), message = "it must hold", source = "stacks/test.lua:7", details = {} } }
      return stack
    end)()
  end

  local function refused(world, stack)
    local made, err = world:session(stack):plan()
    assert.is_nil(made)
    return err
  end

  it("are decided by the plan when the value is known", function()
    local world = cloud.world()
    local function size(limit)
      return with_check(function(all) return all.net.size:map(function(given) return given > limit end) end, { size = 3 })
    end
    local err = refused(world, size(7))
    assert.equal("INFRA_001", err.code)
    assert.equal("stacks/test.lua:7", err.source)
    assert.equal("check failed: it must hold", err.message)
    assert.equal(0, world.cloud:size())
    assert.equal("", cloud.failures((world:apply(size(2)))))
  end)

  it("are decided once what they need is done, and undo nothing", function()
    local world = cloud.world()
    local function output(limit)
      return with_check(function(all) return all.value.output:map(function(given) return given > limit end) end)
    end
    local result = world:apply(output(7))
    assert.equal("INFRA_006: check failed: it must hold", cloud.failures(result))
    assert.equal("stacks/test.lua:7", result.failures[1].source)
    assert.equal(2, world.cloud:size())
    assert.equal("ready", world:state().resources["value.x"].status)
    assert.equal("INFRA_001", refused(world, output(7)).code) -- now the value is known
    assert.equal("", cloud.failures((world:apply(output(4)))))
  end)

  it("are not decided when what they need failed", function()
    local world = cloud.world()
    world.cloud.fail = function(verb, type) return verb == "create" and type == "net" and { status = 400, message = "no" } or nil end
    local result = world:apply(with_check(function(all) return all.net.cidr:map(function() return false end) end))
    assert.equal(1, #result.failures)
    assert.matches("no", result.failures[1].message)
  end)

  it("see secrets while applying only, and never tell them", function()
    local world = cloud.world()
    local seen = {}
    local function stack(answer)
      return with_check(function(all)
        return all.server.certificate:map(function(text)
          seen[#seen + 1] = text
          if answer == "error" then error("the certificate is " .. text) end
          return answer
        end)
      end)
    end
    local result = world:apply(stack(false))
    assert.same({ "certificate of server-2" }, seen)
    assert.equal("INFRA_006: check failed: it must hold", cloud.failures(result))
    result = world:apply(stack("error"))
    assert.equal('INFRA_006: cannot decide the check "it must hold": its condition fails', cloud.failures(result))
    assert.equal("", cloud.failures((world:apply(stack(true)))))
    assert.equal(3, #seen)
  end)

  it("leave alone what only a creation tells, later", function()
    local world, calls = cloud.world(), 0
    local function stack()
      return with_check(function(all) return all.server.token:map(function() calls = calls + 1 return true end) end)
    end
    assert.equal("", cloud.failures((world:apply(stack()))))
    assert.equal("", cloud.failures((world:apply(stack()))))
    assert.equal(1, calls)
  end)

  it("name the line when the condition itself fails", function()
    local err = refused(cloud.world(), with_check(function(all) return all.net.size:map(function(given) return given.x.y end) end))
    assert.equal("INFRA_001", err.code)
    assert.matches('cannot decide the check "it must hold": ', err.message, 1, true)
  end)

  it("do not stand in the way of a destroy", function()
    local world = cloud.world()
    local function stack(limit) return with_check(function(all) return all.net.size:map(function(given) return given > limit end) end) end
    world:apply(stack(0))
    assert.equal("", cloud.failures((world:destroy(stack(5)))))
    assert.equal(0, world.cloud:size())
  end)
end)
