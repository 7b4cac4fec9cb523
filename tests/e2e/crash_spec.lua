--- A deployment that is killed loses nothing and makes nothing twice.
local core = require "core"
local program = require "tests.e2e.program"

describe("a killed apply", function()
  local emulator
  before_each(function() emulator = program.emulator() end)
  after_each(function() emulator:stop() end)

  --- Kills the program once the emulator has answered `count` calls of the API.
  local function killed_after(count)
    local task = core.spawn(core.exec, {
      argv = { "sh", "-c", 'echo $$ > "$1"; exec "$0" apply --yes stacks/staging.lua', program.path, emulator.directory .. "/pid" },
      env = program.environment(emulator.environment),
      directory = program.root,
    })
    while not task:done() do
      local _, total = emulator:requests()
      if total >= count then
        core.exec { argv = { "kill", "-9", (core.file_read(emulator.directory .. "/pid"):gsub("%s", "")) } }
        break
      end
      core.sleep(1)
    end
    local _, result = task:join()
    assert.are.equal(9, result.signal, "it was over before it could be killed")
  end

  for _, count in ipairs { 5, 25, 60, 110 } do
    it(("is finished by the next one (after %d calls)"):format(count), function()
      killed_after(count)
      local result = program.run({ "apply", "--yes", "stacks/staging.lua" }, { environment = emulator.environment })
      assert.are.equal(0, result.status, result.stderr)
      result = program.run({ "plan", "--exit-code", "stacks/staging.lua" }, { environment = emulator.environment })
      assert.are.equal(0, result.status, result.stdout .. result.stderr)
      result = program.run({ "destroy", "--yes", "stacks/staging.lua" }, { environment = emulator.environment })
      assert.are.equal(0, result.status, result.stderr)
      local left = emulator:objects()
      left.bucket, left.object = nil, nil
      assert.are.same({}, left)
    end)
  end
end)
