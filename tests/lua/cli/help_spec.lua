local core = require "core"
local commands = require "scw.cli.commands"
local help = require "scw.cli.help"
local style = require "scw.ui.style"

describe("help", function()
  it("lists every command in the overview", function()
    local shown = table.concat(help.overview(style.new()), "\n")
    for _, name in ipairs(commands.names()) do assert.is_truthy(shown:find("\n  " .. name .. " ", 1, true), name) end
  end)

  it("stays within 80 columns, examples aside", function()
    for _, line in ipairs(help.overview(style.new())) do assert.is_true(style.width(line) <= 80, line) end
    for _, name in ipairs(commands.names()) do
      for _, line in ipairs(help.command(commands.get(name), style.new())) do
        assert.is_true(style.width(line) <= 80, line)
      end
    end
  end)

  it("shows a command as recorded", function()
    local expected = assert(core.file_read("tests/e2e/expected/help-plan.txt"))
    assert.are.equal(expected, table.concat(help.command(commands.get("plan"), style.new()), "\n") .. "\n")
  end)

  it("is what docs/commands.md says", function()
    local written = assert(core.file_read("docs/commands.md"))
    assert.are.equal(help.markdown(), written, "docs/commands.md is out of date: ./bootstrap.sh docs")
  end)
end)
