local core = require "core"

describe("limited", function()
  it("hands over arguments and results", function()
    assert.are.same({ true, 3, "x", n = 3 }, table.pack(core.limited(function(a, b) return a + b, "x" end, {}, 1, 2)))
    local results = table.pack(core.limited(function(...) return ... end, { instructions = 1000 }, nil, nil))
    assert.are.equal(3, results.n)
  end)

  it("ends endless loops and says where", function()
    local ok, err = core.limited(function()
      while true do end
    end, { instructions = 10000 })
    assert.is_nil(ok)
    assert.are.equal("limit", err.kind)
    assert.matches("instruction ceiling reached at .*ceiling_spec.lua:%d+", err.message)
    assert.matches("ceiling_spec.lua:%d+", err.source)
  end)

  it("is not fooled by code that catches its error", function()
    for _, limits in ipairs { { instructions = 100000 }, { seconds = 0.05 } } do
      local _, err = core.limited(function()
        while true do pcall(function() while true do end end) end
      end, limits)
      assert.are.equal("limit", err.kind)
    end
    local _, err = core.limited(pcall, { instructions = 10000 }, function() while true do end end)
    assert.are.equal("limit", err.kind)
  end)

  it("holds in coroutines made inside", function()
    local _, err = core.limited(function()
      local inner = coroutine.wrap(function() while true do end end)
      while true do pcall(inner) end
    end, { instructions = 100000 })
    assert.are.equal("limit", err.kind)
  end)

  it("ends code that takes all memory", function()
    local before = collectgarbage("count")
    local _, err = core.limited(function()
      local all = {}
      while true do all[#all + 1] = ("x"):rep(100) .. #all end
    end, { memory = 8 * 1024 * 1024 })
    assert.are.equal("limit", err.kind)
    assert.matches("memory ceiling reached at .*ceiling_spec.lua:%d+", err.message)
    assert.matches("ceiling_spec.lua:%d+", err.source)
    collectgarbage()
    assert.is_true(collectgarbage("count") < before + 4096)
    assert.are.equal("limit", select(2, core.limited(string.rep, { memory = 1000000 }, "x", 1e9)).kind)
  end)

  it("gives back what the code raised", function()
    local object = setmetatable({ message = "wrong" }, {})
    local _, err = core.limited(function() error(object) end, {})
    assert.are.equal("invalid", err.kind)
    assert.are.equal(object, err.value)
    assert.are.equal("wrong", err.message)
    _, err = core.limited(function() error("boom") end, {})
    assert.matches("ceiling_spec.lua:%d+: boom", err.message)
    assert.are.equal(err.message, err.value)
    assert.matches("stack traceback", err.traceback)
    _, err = core.limited(function() error() end, {})
    assert.are.equal("invalid", err.kind)
    assert.matches("type nil", err.message)
  end)

  it("survives endless recursion", function()
    local function deeper() return 1 + deeper() end
    local _, err = core.limited(deeper, { instructions = 100000000 })
    assert.are.equal("invalid", err.kind)
    assert.matches("stack overflow", err.message)
  end)

  it("does not let the code wait", function()
    local _, err = core.limited(function() core.sleep(1) end, {})
    assert.are.equal("invalid", err.kind)
    assert.matches("impossible here", err.message)
    assert.is_true(core.sleep(0))
  end)

  it("checks what it is given", function()
    assert.has_error(function() core.limited(function() end) end)
    assert.has_error(function() core.limited(nil, {}) end)
    assert.has_error(function() core.limited(function() end, { instructions = -1 }) end)
    assert.has_error(function() core.limited(function() end, { seconds = "x" }) end)
  end)
end)
