local caller = require "tests.lua.emulator.caller"
local json = require "scw.json"

local REGION = "/serverless-jobs/v1alpha2/regions/fr-par"
local DEFINITIONS, RUNS, SECRETS = REGION .. "/job-definitions", REGION .. "/job-runs", REGION .. "/secrets"

describe("jobs", function()
  local call
  local function define(with)
    local status, made = with("POST", DEFINITIONS, { name = "backup", image_uri = "alpine:3", cpu_limit = 120, memory_limit = 256 })
    assert.are.equal(200, status)
    return made
  end
  before_each(function() call = select(2, caller.new()) end)

  it("are defined at once, with defaults", function()
    local made = define(call)
    assert.are.equal("86400s", made.job_timeout)
    assert.are.equal(json.null, made.cron_schedule)
    local _, changed = call("PATCH", DEFINITIONS .. "/" .. made.id, { cron_schedule = { schedule = "0 4 * * *", timezone = "UTC" } })
    assert.are.equal("0 4 * * *", changed.cron_schedule.schedule)
    _, changed = call("PATCH", DEFINITIONS .. "/" .. made.id, { cron_schedule = { schedule = "", timezone = "" } })
    assert.are.equal(json.null, changed.cron_schedule)
    assert.are.equal(204, (call("DELETE", DEFINITIONS .. "/" .. made.id)))
    local status, body = call("GET", DEFINITIONS .. "/" .. made.id)
    assert.are.equal(404, status)
    assert.are.same({ message = "job definition is not found" }, body)
  end)

  it("stay while a run goes on", function()
    local slow, slow_call = caller.new { speed = 0.001 }
    local made = define(slow_call)
    local _, started = slow_call("POST", DEFINITIONS .. "/" .. made.id .. "/start", {})
    local status, body = slow_call("DELETE", DEFINITIONS .. "/" .. made.id)
    assert.are.equal(403, status)
    assert.are.same({ message = "one or more job runs are still running" }, body)
    local _, stopped = slow_call("POST", RUNS .. "/" .. started.job_runs[1].id .. "/stop", {})
    assert.are.equal("interrupting", stopped.state)
    slow:close()
  end)

  it("run to their end", function()
    local made = define(call)
    local _, started = call("POST", DEFINITIONS .. "/" .. made.id .. "/start", { replicas = 2 })
    assert.are.equal(2, #started.job_runs)
    local _, runs = call("GET", RUNS .. "?job_definition_id=" .. made.id .. "&state=unknown_state")
    assert.are.equal("succeeded", runs.job_runs[1].state)
    assert.are.equal(204, (call("DELETE", DEFINITIONS .. "/" .. made.id)))
    assert.are.equal(404, (call("GET", RUNS .. "/" .. started.job_runs[1].id)))
  end)

  it("refuse references that are neither a file nor a variable", function()
    local made = define(call)
    for _, reference in ipairs { {}, { path = "relative" }, { path = "/a", env_var_name = "A" } } do
      reference.secret_manager_id = made.id
      assert.are.equal(400, (call("POST", SECRETS, { job_definition_id = made.id, secrets = { reference } })))
    end
  end)
end)
