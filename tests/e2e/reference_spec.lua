--- The program and its emulator against reference data of the real service, where this machine has it.
local core = require "core"
local program = require "tests.e2e.program"

local SERVICES = { "account", "container", "rdb", "secret", "cockpit", "iam", "vpc", "registry", "object", "jobs" }
local LEAST_STATUSES, LEAST_SHAPES = 80, 75

local function has(path) return core.file_stat(program.reference .. path) ~= nil end

describe("the traffic of both stacks", function()
  if not has "/contract/check_request.py" then
    pending("skipped: the contract of the service is not here (set SCWLUA_REFERENCE)")
    return
  end

  it("satisfies the contract, requests and answers", function()
    local directory = program.directory()
    local exchanges = directory .. "/exchanges.jsonl"
    local emulator = program.emulator { "--speed", "1000", "--exchanges", exchanges }
    for _, arguments in ipairs {
      { "apply", "--yes", "stacks/staging.lua" }, { "apply", "--yes", "--set", "release=2", "stacks/staging.lua" },
      { "destroy", "--yes", "stacks/staging.lua" }, { "apply", "--yes", "stacks/production.lua" }, { "plan", "stacks/production.lua" },
    } do
      local result = program.run(arguments, { environment = emulator.environment })
      assert.are.equal(0, result.status, result.stdout .. result.stderr)
    end
    emulator:stop()
    local result = assert(core.exec {
      argv = { "python3", program.reference .. "/contract/check_request.py", "--strict", exchanges }, timeout_ms = 60000,
    })
    assert.are.equal(0, result.status, result.stdout:sub(1, 4000) .. result.stderr:sub(1, 1000))
    program.remove(directory)
  end)
end)

describe("the emulator", function()
  if not has "/conformance/replay.py" then
    pending("skipped: recordings of the service are not here (set SCWLUA_REFERENCE)")
    return
  end

  it("answers recorded requests as the service did", function()
    local emulator = program.emulator { "--speed", "instant" }
    local ready = emulator.ready
    local argv = { "python3", program.reference .. "/conformance/replay.py", "--api-url", ready.api_url, "--s3-url", ready.s3_url,
      "--token", ready.secret_key, "--access-key", ready.access_key, "--secret-key", ready.secret_key,
      "--reset-url", "/_emulator/reset", "--diffs", "0" }
    for _, service in ipairs(SERVICES) do
      argv[#argv + 1], argv[#argv + 2] = "--service", service
    end
    local result = assert(core.exec { argv = argv, timeout_ms = 120000 })
    emulator:stop()
    local statuses, shapes = result.stdout:match("\ntotal .- status%s+([%d.]+)%%%s+shape%s+([%d.]+)%%")
    assert.is_truthy(statuses, result.stdout:sub(-2000) .. result.stderr)
    assert.is_true(tonumber(statuses) >= LEAST_STATUSES, "statuses: " .. statuses)
    assert.is_true(tonumber(shapes) >= LEAST_SHAPES, "shapes: " .. shapes)
  end)
end)
