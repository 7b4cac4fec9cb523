local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"
local terminal = require "tests.e2e.terminal"

local function expected(name)
  return assert(core.file_read(program.root .. "/tests/e2e/expected/" .. name))
end

describe("the command line", function()
  it("says its version", function()
    local result = program.run { "version" }
    assert.are.equal(0, result.status)
    assert.matches("^scwlua %d+%.%d+%.%d+\n$", result.stdout)
    assert.are.equal("scwlua", json.decode(program.run({ "version", "--json" }).stdout).program)
  end)

  it("shows an overview without a command", function()
    local result = program.run {}
    assert.are.equal(0, result.status)
    assert.matches("usage: scwlua COMMAND", result.stdout)
    assert.are.equal(result.stdout, program.run({ "--help" }).stdout)
  end)

  it("shows the help of a command", function()
    assert.are.equal(expected("help-plan.txt"), program.run({ "help", "plan" }).stdout)
    assert.are.equal(expected("help-plan.txt"), program.run({ "plan", "--help" }).stdout)
  end)

  it("explains wrong usage in one error, exit code 1, nothing on standard output", function()
    local result = program.run { "paln", "stacks/staging.lua" }
    assert.are.equal(1, result.status)
    assert.are.equal("", result.stdout)
    assert.are.equal("error INFRA_001: there is no command 'paln'\n  hint: did you mean 'plan'?; see 'scwlua help'\n", result.stderr)
  end)

  it("writes errors as JSON when asked to", function()
    local result = program.run { "plan", "--json", "no/such/stack.lua" }
    assert.are.equal(1, result.status)
    assert.are.equal("", result.stdout)
    local err = json.decode(result.stderr)
    assert.are.equal("INFRA_004", err.code)
    assert.are.equal("there is no stack no/such/stack.lua", err.message)
    assert.is_table(err.details)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", err.timestamp)
  end)

  it("suggests the stack that was meant", function()
    local result = program.run { "validate", "stacks/stagging.lua" }
    assert.matches("did you mean 'stacks/staging.lua'%?", result.stderr)
  end)

  it("colours a terminal only, and not when told otherwise", function()
    assert.is_nil(program.run({ "help" }).stdout:find("\27", 1, true))
    assert.is_truthy(terminal.run({ "help" }):find("\27[1m", 1, true))
    assert.is_nil(terminal.run({ "help", "--no-color" }):find("\27", 1, true))
    assert.is_nil(terminal.run({ "help" }, { environment = { NO_COLOR = "1" } }):find("\27", 1, true))
  end)

  it("never shows the credentials it was given", function()
    local secret = "11111111-2222-4333-8444-555555555555"
    local result = program.run({ "plan", secret }, { environment = { SCW_SECRET_KEY = secret } })
    assert.are.equal(1, result.status)
    assert.is_nil(result.stderr:find(secret, 1, true))
    assert.is_truthy(result.stderr:find("there is no stack (secret)", 1, true))
  end)
end)

describe("completion in bash", function()
  --- What the shell offers for the words so far.
  local function offers(...)
    local words = { "scwlua", ... }
    local script = ([[
      source <("$0" completion)
      COMP_WORDS=(%s); COMP_CWORD=%d
      _scwlua
      printf '%%s\n' "${COMPREPLY[@]}"
    ]]):format("'" .. table.concat(words, "' '") .. "'", #words - 1)
    local result = program.run({}, { wrapper = { "bash", "-c", script } })
    assert.are.equal(0, result.status, result.stderr)
    return result.stdout
  end

  it("offers commands, second words, options and stacks", function()
    assert.are.equal("plan\n", offers("pl"))
    assert.are.equal("list\n", offers("state", "l"))
    assert.are.equal("--target\n", offers("plan", "stacks/staging.lua", "--tar"))
    assert.are.equal("stacks/staging.lua\n", offers("plan", "stacks/st"))
    assert.are.equal("destroy\n", offers("help", "des"))
  end)
end)
