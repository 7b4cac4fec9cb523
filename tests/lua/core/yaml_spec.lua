local core = require "core"

describe("YAML", function()
  it("becomes Lua values", function()
    local value = assert(core.yaml_decode "a: 1\nb: [x, 1.5, true, ~]\nc: []\nd: '1'\n")
    assert.are.same({ a = 1, b = { "x", 1.5, true, core.null }, c = {}, d = "1" }, value)
    assert.are.equal("integer", math.type(value.a))
    assert.is_true(core.is_array(value.c))
  end)

  it("that is wrong is refused with a line, without quoting it", function()
    for _, text in ipairs { "a: [secret", "a: *secret", "a: &secret 1", "a: 1\na: secret" } do
      local value, err = core.yaml_decode(text)
      assert.is_nil(value)
      assert.are.equal("invalid", err.kind)
      assert.matches("line %d", err.message)
      assert.not_matches("secret", err.message)
    end
  end)
end)
