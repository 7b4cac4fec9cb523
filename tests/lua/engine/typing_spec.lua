local cloud = require "tests.lua.engine.cloud"

describe("values that come late", function()
  --- A server whose fields are made from a value's input (known while planning) or output (known while applying).
  local function stack(given, fields)
    return cloud.stack(function(declare)
      local value = declare("value", "x", { input = given })
      declare("server", "web", fields(value))
      return value
    end)
  end

  local function name_from(fn)
    return function(value) return { name = "s", image = fn(value) } end
  end

  --- The one error of an apply that sent nothing.
  local function refused(made)
    local world = cloud.world()
    local result = world:apply(made)
    assert.equal(1, #result.failures)
    assert.equal(0, world.cloud:count("create"))
    local failure = result.failures[1]
    assert.equal("server.web", failure.address)
    assert.equal("test.lua:2", failure.source)
    return failure.message
  end

  it("fit their field, or nothing is sent", function()
    assert.equal("image must be text, not 5", refused(stack(5, name_from(function(value)
      return value.output:map(function(given) return given end)
    end))))
    assert.equal("image must be text, not a table", refused(stack({ 1 }, name_from(function(value) return value.output end))))
    assert.equal("image has no value: value.x.output:map(…) gives nothing", refused(stack(5, name_from(function(value)
      return value.output:map(function() return nil end)
    end))))
    assert.equal("image has no value: value.x.output.deep.er gives nothing", refused(stack({ deep = {} }, name_from(function(value)
      return value.output.deep.er
    end))))
    assert.equal("", cloud.failures((cloud.world():apply(stack("a:1", name_from(function(value) return value.output end))))))
  end)

  it("are checked by the plan when they are known by then", function()
    local made, err = cloud.world():session(stack(5, name_from(function(value) return value.input end))):plan()
    assert.is_nil(made)
    assert.equal("server.web: image must be text, not 5", err.message)
    assert.equal("test.lua:2", err.source)
  end)

  it("never show when they are secret", function()
    local function secret(answer)
      return cloud.stack(function(declare)
        local owner = declare("server", "one", { name = "one" })
        declare("server", "web", { name = "web", password = owner.certificate:map(function(text) return answer and { text } or nil end) })
      end)
    end
    for _, answer in ipairs({ true, false }) do
      local world = cloud.world()
      local result = world:apply(secret(answer))
      assert.equal(1, #result.failures)
      assert.equal(1, world.cloud:count("create"))
      assert.matches("^password ", result.failures[1].message)
      assert.is_nil(result.failures[1].message:find("certificate of", 1, true))
    end
  end)
end)
