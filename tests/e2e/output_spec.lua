local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "spoken", environment = "staging", region = "fr-par", state = scw.file { path = "spoken.state" },
  build = function(stack) stack:container_namespace("space", { name = "spoken" }) end,
}
]]

--- The JSON objects of a text with one a line.
local function lines_of(text)
  local found = {}
  for line in text:gmatch("[^\n]+") do found[#found + 1] = assert(json.decode(line)) end
  return found
end

describe("standard output that cannot be written", function()
  local function into(target, ...)
    return program.run({ ... }, { wrapper = { "sh", "-c", '"$0" "$@" ' .. target } })
  end

  it("is one error and exit code 1", function()
    for _, more in ipairs({ {}, { "--json" } }) do
      local result = into("> /dev/full", "types", table.unpack(more))
      assert.are.equal(1, result.status)
      assert.matches("INFRA_012", result.stderr)
      assert.matches("standard output: cannot write: No space left on device", result.stderr)
      assert.are.equal(more[1] and 1 or 2, select(2, result.stderr:gsub("\n", "")))
    end
  end)

  it("says nothing when the reader went away, but does not count as done", function()
    local result = program.run({ "types" }, { wrapper = { "bash", "-c", '"$0" "$@" | true; exit ${PIPESTATUS[0]}' } })
    assert.are.equal("", result.stderr)
    if result.status ~= 0 then assert.are.equal(141, result.status) end -- all of it may fit before the reader is gone
    local script = 'exec 3> >(exec 0<&-; sleep 1); sleep 0.2; "$0" "$@" >&3'
    result = program.run({ "types" }, { wrapper = { "bash", "-c", script } })
    assert.are.equal("", result.stderr)
    assert.are.equal(141, result.status)
  end)
end)

describe("an import of what is not there", function()
  it("says how an id looks when it cannot be one", function()
    local directory = program.directory()
    for id, hint in pairs({ nonsense = "look like 6170692e", ["fr-par/11111111-2222-4333-8444-555555555555"] = "in the console" }) do
      assert(core.file_write(directory .. "/spoken.lua", (STACK:gsub(" }%) end", (" }, { import = %q }) end"):format(id)))))
      local result = program.run({ "plan", "--emulator", "spoken.lua" }, { directory = directory })
      assert.are.equal(1, result.status)
      assert.matches("INFRA_004", result.stderr)
      assert.is_truthy(result.stderr:gsub("%s+", " "):find(hint, 1, true), result.stderr)
    end
    program.remove(directory)
  end)
end)

describe("a state without anything", function()
  it("is said on standard error", function()
    local directory = program.directory()
    assert(core.file_write(directory .. "/spoken.lua", STACK))
    for _, words in ipairs({ { "state", "list", "--emulator", "spoken.lua" }, { "output", "--emulator", "spoken.lua" } }) do
      local result = program.run(words, { directory = directory })
      assert.are.equal(0, result.status)
      assert.are.equal("", result.stdout)
      assert.matches("nothing was applied yet", result.stderr)
    end
    program.remove(directory)
  end)
end)

describe("output for programs", function()
  it("is JSON for help as well", function()
    local all = json.decode(program.run({ "help", "--json" }).stdout)
    assert.are.equal("scwlua", all.program)
    assert.are.equal("validate", all.commands[1].name)
    for _, words in ipairs({ { "help", "--json", "plan" }, { "plan", "--help", "--json" } }) do
      local plan = json.decode(program.run(words).stdout)
      assert.are.equal("plan", plan.name)
      assert.are.equal("STACK", plan.arguments[1].name)
      assert.are.equal("--exit-code", plan.options[1].name)
    end
    assert.are.equal("state diff", json.decode(program.run({ "help", "--json", "state" }).stdout).commands[1].name)
  end)

  it("tells a bug as one object", function()
    local directory = program.directory()
    assert(core.directory_create(directory .. "/lua/scw/cli/commands"))
    assert(core.file_write(directory .. "/lua/scw/cli/commands/version.lua",
      'return { name = "version", group = "Look", summary = "", run = function() error("ouch") end }'))
    local result = program.run({ "version", "--json" }, { environment = { SCWLUA_SOURCE = directory } })
    program.remove(directory)
    assert.are.equal(1, result.status)
    local bug = json.decode(result.stderr)
    assert.are.equal("BUG", bug.code)
    assert.matches("This is a bug in scwlua", bug.message)
    assert.matches("ouch", bug.details[1])
    assert.matches("^stack traceback", bug.traceback)
  end)

  describe("of a deployment", function()
    local directory
    before_each(function()
      directory = program.directory()
      assert(core.file_write(directory .. "/spoken.lua", STACK))
    end)
    after_each(function() program.remove(directory) end)

    it("ends with `finished` when it could not begin", function()
      local function last(status, ...)
        local result = program.run({ ... }, { directory = directory })
        assert.are.equal(status, result.status, result.stderr)
        local lines = lines_of(result.stdout)
        assert.are.equal("finished", lines[#lines].event)
        assert.are.equal("failed", lines[#lines].result)
        assert.are.equal(lines[#lines].errors[1].code, lines_of(result.stderr)[1].code)
        return lines[#lines].errors[1].code, lines
      end
      local code, lines = last(1, "apply", "--json", "--emulator", "spoken.lua")
      assert.are.equal("INFRA_001", code)
      assert.are.equal("plan", lines[1].event)
      assert.are.equal("INFRA_004", (last(1, "apply", "--json", "--yes", "nowhere.lua")))
      assert.are.equal("INFRA_004", (last(1, "destroy", "--json", "--yes", "nowhere.lua")))
    end)
  end)
end)
