local core = require "core"
local module_docs = require "scw.dsl.module_docs"

describe("the reference of modules", function()
  it("is what docs/modules.md says", function()
    local written = assert(core.file_read("docs/modules.md"))
    assert.are.equal(module_docs.markdown(), written, "docs/modules.md is out of date: scwlua docs --out docs")
  end)

  it("names every input and every output", function()
    local text = module_docs.markdown()
    for _, pattern in ipairs { "## modules.service", "| `min_instances` | whole number | `0` |",
      "| `network` | `private_network` | required |",
      "| `schedules[…].cron` | text | required |", "| `secrets` | map of text, secret |", "| `url` | Where it answers. |" } do
      assert.is_true(text:find(pattern, 1, true) ~= nil, pattern)
    end
  end)
end)
