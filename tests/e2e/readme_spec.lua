local core = require "core"
local program = require "tests.e2e.program"

describe("the README", function()
  local text = assert(core.file_read(program.root .. "/README.md"))
  local directory

  before_each(function()
    directory = program.directory()
    assert(core.file_write(directory .. "/hello.lua", assert(text:match("```lua\n(.-)```"))))
  end)

  after_each(function() program.remove(directory) end)

  --- The lines of its example of a plan, without their indentation.
  local function promised()
    local lines = {}
    for line in text:match("A plan reads like this:\n\n(.-)\n\nChange"):gmatch("[^\n]*") do lines[#lines + 1] = line:sub(5) end
    return table.concat(lines, "\n") .. "\n"
  end

  it("shows the plan that its stack gives", function()
    local result = program.run({ "plan", "--emulator", "hello.lua" }, { directory = directory })
    assert.are.equal(promised(), result.stdout, result.stderr)
  end)

  it("tells the truth about its stack: valid, applied, then one line for one change", function()
    assert.are.equal(0, program.run({ "validate", "hello.lua" }, { directory = directory }).status)
    local applied = program.run({ "apply", "--emulator", "--yes", "hello.lua" }, { directory = directory })
    assert.are.equal(0, applied.status, applied.stderr)
    assert.matches("\nOutputs\n  url  https://", applied.stdout)
    assert.are.equal("", applied.stderr)
    local words = {}
    for command in applied.stdout:gmatch("\n%u[^\n]*: +/%S+scwlua ([^\n]*hello%.lua)") do words[#words + 1] = command end
    assert.are.same({ "state list --emulator hello.lua", "apply --emulator hello.lua", "destroy --emulator hello.lua" }, words)
    local listed = program.run({ "state", "list", "--emulator", "hello.lua" }, { directory = directory })
    assert.matches("^container%.app +container +%S+ +ready\n", listed.stdout)
    local again = program.run({ "apply", "--emulator", "hello.lua" }, { directory = directory })
    assert.are.equal(0, again.status)
    assert.matches("^Nothing to do: 2 resources are as declared%.\n", again.stdout)
    local changed_stack = assert(core.file_read(directory .. "/hello.lua")):gsub("max_scale = 2", "max_scale = 4")
    assert(core.file_write(directory .. "/hello.lua", changed_stack))
    local changed = program.run({ "plan", "--emulator", "--exit-code", "hello.lua" }, { directory = directory })
    assert.are.equal(2, changed.status)
    assert.is_truthy(changed.stdout:find("\n      ~ max_scale: 2 -> 4\n", 1, true))
    assert.matches("\nPlan: 1 to update, 1 unchanged%.\n$", changed.stdout)
  end)

  it("names files that exist", function()
    for path in text:gmatch("%]%(([%w_./-]+)%)") do
      assert.is_truthy(core.file_stat(program.root .. "/" .. path), path)
    end
  end)
end)
