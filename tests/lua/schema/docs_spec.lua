local catalogue = require "scw.schema.catalogue"
local core = require "core"
local docs = require "scw.schema.docs"
local json = require "scw.json"
local luacats = require "scw.schema.luacats"

local root = os.getenv("SCWLUA_SOURCE") or "."

describe("reference of types", function()
  it("is current: `scwlua docs --out docs` changes nothing", function()
    for _, page in ipairs(docs.pages()) do
      local found = core.file_read(root .. "/docs/" .. page.name)
      assert(found == page.text, page.name .. " is not what the types say: run scwlua docs --out docs")
    end
  end)

  it("has no page for what is no type", function()
    local known = { ["README.md"] = true }
    for _, name in ipairs(catalogue.names()) do known[name .. ".md"] = true end
    for _, name in ipairs(assert(core.file_list(root .. "/docs/types"))) do assert(known[name], name) end
  end)

  it("describes a type for terminals within the width, and for programs", function()
    for _, name in ipairs(catalogue.names()) do
      local type = catalogue.get(name)
      for _, line in ipairs(docs.lines(type, 80)) do assert(utf8.len(line) <= 110, line) end
      assert(json.encode(docs.public(type)))
    end
  end)

  it("makes editor types that are Lua", function()
    local text = luacats.generate()
    assert(load(text))
    assert.matches("function scope:container%(name, fields, options%) end", text)
    assert.matches('%-%-%-@field privacy%? "public"|"private"|scw.Reference', text)
  end)
end)
