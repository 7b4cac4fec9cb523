local stack_view = require "scw.ui.stack"
local style = require "scw.ui.style"

local function recorder(json)
  local console = { json = json, style = style.new(), printed = {}, documents = {} }
  function console:print(lines)
    for _, line in ipairs(type(lines) == "table" and lines or { lines }) do self.printed[#self.printed + 1] = line end
  end
  function console:data(value) self.documents[#self.documents + 1] = value end
  return console
end

local function stack()
  return {
    name = "shop", environment = "staging", declarations = { {}, {} }, outputs = { {} },
    messages = { { text = "hello\27", source = "stacks/shop.lua:3" } },
    warnings = { { message = "db/rdb_instance.main: node type is unknown", source = "stacks/shop.lua:9", hint = "check the name" } },
  }
end

describe("a valid stack", function()
  it("is one line, behind what it printed and what it warns of", function()
    local console = recorder(false)
    stack_view.checked(stack(), console)
    assert.are.same({
      "stacks/shop.lua:3: hello\\x1b", "warning: db/rdb_instance.main: node type is unknown", "  at stacks/shop.lua:9",
      "  hint: check the name", "shop is valid: 2 resources, 1 output.",
    }, console.printed)
  end)

  it("is one document for programs", function()
    local console = recorder(true)
    stack_view.checked(stack(), console)
    assert.are.equal(0, #console.printed)
    local document = console.documents[1]
    assert.are.same({ true, "shop", 2, 1 }, { document.valid, document.stack, document.resources, document.outputs })
    assert.are.equal("check the name", document.warnings[1].hint)
  end)
end)
