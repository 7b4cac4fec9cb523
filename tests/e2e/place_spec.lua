local core = require "core"
local program = require "tests.e2e.program"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "placed", environment = "staging", region = "fr-par", state = scw.file { path = "kept/placed.state", key_file = "placed.key" },
  build = function(stack) stack:container_namespace("space", { name = "placed" }) end,
}
]]

describe("the state of a stack in a file", function()
  local directory, emulator, environment

  before_each(function()
    directory = program.directory()
    assert(core.directory_create(directory .. "/inner"))
    assert(core.file_write(directory .. "/inner/placed.lua", STACK))
    assert(core.key_create(directory .. "/inner/placed.key"))
    emulator = program.emulator()
    environment = {}
    for name, value in pairs(emulator.environment) do environment[name] = name ~= "SCWLUA_STATE_PASSPHRASE" and value or nil end
  end)

  after_each(function()
    emulator:stop()
    program.remove(directory)
  end)

  local function run(below, ...)
    return program.run({ ... }, { directory = directory .. below, environment = environment })
  end

  it("lies beside the stack, wherever the command runs", function()
    local applied = run("/inner", "apply", "--yes", "placed.lua")
    assert.are.equal(0, applied.status, applied.stderr)
    assert.is_truthy(core.file_stat(directory .. "/inner/kept/placed.state"))
    for below, stack in pairs({ [""] = "inner/placed.lua", ["/inner/kept"] = "../placed.lua", ["/"] = directory .. "/inner/placed.lua" }) do
      local planned = run(below, "plan", "--exit-code", stack)
      assert.are.equal(0, planned.status, planned.stdout .. planned.stderr)
      assert.matches("Nothing to do", planned.stdout)
    end
    assert.is_nil(core.file_stat(directory .. "/kept"))
  end)
end)

describe("the emulator of a directory", function()
  local directory

  before_each(function()
    directory = program.directory()
    assert(core.file_write(directory .. "/placed.lua", (STACK:gsub(", key_file = [^}]*", " "))))
  end)

  after_each(function() program.remove(directory) end)

  it("serves one command at a time, and says so", function()
    assert(core.directory_create(directory .. "/.scwlua/emulator"))
    local taken = assert(core.store(directory .. "/.scwlua/emulator/data.db"))
    local result = program.run({ "plan", "--emulator", "placed.lua" }, { directory = directory })
    taken:close()
    assert.are.equal(1, result.status)
    assert.matches("INFRA_008", result.stderr)
    assert.matches("hint: another command with %-%-emulator is at work", result.stderr)
  end)

  it("takes no profile", function()
    local result = program.run({ "plan", "--emulator", "--profile", "nope", "placed.lua" }, { directory = directory })
    assert.are.equal(1, result.status)
    assert.matches("%-%-profile has no meaning with %-%-emulator", result.stderr)
  end)
end)
