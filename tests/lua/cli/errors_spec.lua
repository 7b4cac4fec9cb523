local commands = require "scw.cli.commands"
local core = require "core"
local errors = require "scw.errors"

describe("errors", function()
  it("refuse a code that is not documented", function()
    assert.has_error(function() errors.new({ code = "INFRA_999", message = "x" }) end)
  end)

  it("carry a UTC timestamp and read as code and message", function()
    local err = errors.new({ code = "INFRA_004", message = "no such secret" })
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", err.timestamp)
    assert.are.equal("INFRA_004: no such secret", tostring(err))
    assert.is_true(errors.is(err))
    assert.is_false(errors.is({ code = "INFRA_004" }))
  end)

  it("wrap what the core says once, with the code of its kind", function()
    local err = errors.wrap({ kind = "not_found", message = "no such file" }, "cannot read the stack")
    assert.are.equal("INFRA_004", err.code)
    assert.are.equal("cannot read the stack: no such file", err.message)
    assert.are.equal(err, errors.wrap(err, "cannot do more"))
  end)

  it("say once that something was interrupted", function()
    local cause = { kind = "cancelled", message = "interrupted while sleeping" }
    assert.are.equal("interrupted while waiting", errors.wrap(cause, "interrupted while waiting").message)
    assert.are.equal("cannot read the state: interrupted while sleeping", errors.wrap(cause, "cannot read the state").message)
    assert.are.equal("interrupted while waiting: no such task",
      errors.wrap({ kind = "invalid", message = "no such task" }, "interrupted while waiting").message)
  end)

  it("stand for several problems, sorted by file, line and address", function()
    local function problem(source, address) return errors.new({ code = "INFRA_001", message = "m", source = source, address = address }) end
    local late, early, other = problem("b.lua:10"), problem("b.lua:9", "z"), problem("a.lua:99")
    local earliest = problem("b.lua:9", "a")
    local all = errors.several({ late, errors.several({ early, other }), earliest })
    assert.are.same({ other, earliest, early, late }, errors.list(all))
    assert.are.equal("4 problems", all.message)
    assert.are.equal(late, errors.several({ late }))
  end)
end)

describe("hints", function()
  --- Comments, generated documents, the examples of commands (which go into those), what a seal is bound to.
  local ALLOWED = { "^%s*%-%-", "Generated", "examples = ", '^%s*{ "', '"scwlua state", self.stack' }

  it("call the program by its name of now", function()
    local found = core.exec { argv = { "grep", "-rn", "--include=*.lua", "scwlua [a-z]", "lua/scw" } }
    local spelled = {}
    for place, line in found.stdout:gmatch("([^:\n]+:%d+):([^\n]*)") do
      local command = line:match("scwlua (%l+)")
      local allowed = not commands.get(command)
      for _, pattern in ipairs(ALLOWED) do allowed = allowed or line:find(pattern) ~= nil end
      if not allowed then spelled[#spelled + 1] = place end
    end
    assert.is_true(#found.stdout > 0)
    assert.are.same({}, spelled)
  end)
end)
