--- What was allocated is freed: valgrind over the main job.
local core = require "core"
local program = require "tests.e2e.program"

local LEAKS, SANITIZED = 97, "__asan_init"

describe("apply and destroy", function()
  if not core.exec { argv = { "valgrind", "--version" } } then
    pending "skipped: valgrind is not installed"
    return
  end
  if assert(core.file_read(program.path)):find(SANITIZED, 1, true) then
    pending "skipped: the sanitizers look for leaks themselves"
    return
  end

  it("leak nothing", function()
    local directory = program.directory()
    for _, command in ipairs { "apply", "destroy" } do
      local result = program.run({ command, "--emulator", "--yes", program.root .. "/stacks/staging.lua" }, {
        wrapper = { "valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
          "--error-exitcode=" .. LEAKS },
        directory = directory, environment = { HOME = directory }, timeout_ms = 240000,
      })
      assert.are.equal(0, result.status, result.stdout:sub(-2000) .. result.stderr:sub(1, 4000))
    end
    program.remove(directory)
  end)
end)
