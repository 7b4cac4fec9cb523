local core = require "core"
local commands = require "scw.cli.commands"
local errors = require "scw.errors"

describe("the documents", function()
  it("explain every error code with its meaning", function()
    local written = assert(core.file_read("docs/errors.md"))
    for code, meaning in pairs(errors.codes) do
      local line = written:match("| " .. code .. " | ([^\n]*)")
      assert.is_truthy(line, code)
      assert.are.equal(meaning:match("^%S+ ?%S*"):lower(), line:sub(1, #meaning:match("^%S+ ?%S*")):lower(), code)
    end
  end)

  it("describe the JSON of every command", function()
    local written = assert(core.file_read("docs/json.md"))
    for _, name in ipairs(commands.names()) do
      if name ~= "help" then assert.is_truthy(written:find("`" .. name, 1, true) or written:find("\n## [%w, ]*" .. name), name) end
    end
  end)
end)
