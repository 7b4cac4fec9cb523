--- Serverless Jobs: definitions, references to secrets, runs. A run ends well after half a minute, unless its image has
--- "fail" in its name.
local answer = require "scw.emulator.answer"
local json = require "scw.json"

local jobs = {}

local REGION = "/serverless-jobs/v1alpha2/regions/{region}"
local DONE = { succeeded = true, failed = true, interrupted = true }

local function is_busy(record) return not DONE[record.body.state] end

local function run_steps(emulator, record)
  local failing = record.body_image:find("fail", 1, true) ~= nil
  local started = emulator.clock:timestamp(emulator.clock:after(5))
  local ended = emulator.clock:timestamp(emulator.clock:after(35))
  local last = { state = failing and "failed" or "succeeded", terminated_at = ended, run_duration = "30s" }
  if failing then last.exit_code, last.error_message, last.reason = 1, "exited with error", "exited_with_error" end
  return {
    { after = 2, set = { state = "queued" } },
    { after = 3, set = { state = "running", started_at = started } },
    { after = 30, set = last },
  }
end

local function start(call, record)
  local emulator, given, runs = call.emulator, call.body, {}
  local now = emulator.clock:timestamp()
  local definition = record.body
  local environment = {}
  for name, value in next, definition.environment_variables do environment[name] = value end
  for name, value in next, type(given.environment_variables) == "table" and given.environment_variables or {} do
    environment[name] = value
  end
  local function own(name)
    local value = given[name]
    return value ~= nil and value ~= json.null and value or definition[name]
  end
  local known = emulator.resources.job_run
  for index = 1, math.max(1, math.min(math.tointeger(given.replicas) or 1, 100)) do
    local run = known:insert({
      job_definition_id = record.id, state = "validated", region = definition.region,
      cpu_limit = definition.cpu_limit, memory_limit = definition.memory_limit,
      local_storage_capacity = definition.local_storage_capacity, command = own "command",
      startup_command = own "startup_command", args = own "args", environment_variables = environment,
      started_at = json.null, terminated_at = json.null, run_duration = json.null, created_at = now, updated_at = now,
    }, { project_id = record.project_id, body_image = definition.image_uri })
    known:plan(run, run_steps(emulator, run))
    runs[index] = known:show(call, run)
  end
  return answer.reply(200, { job_runs = json.array(runs) })
end

local definitions = {
  kind = "job_definition",
  owner = "bare",
  missing = function() return answer.message(404, "job definition is not found") end,
  fields = {
    command = { kind = "str", default = "" },
    retry_policy = { kind = "object", absent = true },
    cpu_limit = { default = 1120 },
    secrets = false,
  },
  hooks = {
    patching = function(_, _, values)
      local schedule = values.cron_schedule
      if type(schedule) == "table" and (schedule.schedule == nil or schedule.schedule == "") then
        values.cron_schedule = json.null -- empty texts clear it
      end
    end,
    removing = function(call, record)
      for _, run in ipairs(call.emulator.resources.job_run:by("job_definition_id", record.id)) do
        if is_busy(run) then answer.refuse(answer.message(403, "one or more job runs are still running")) end
      end
    end,
  },
  actions = { ["POST start"] = start },
}

local runs = {
  kind = "job_run",
  path = REGION .. "/job-runs",
  list = "job_runs",
  create = false, update = false, delete = false,
  missing = function() return answer.message(404, "job run is not found") end,
  parent = { kind = "job_definition", field = "job_definition_id" },
  filters = {
    states = function(record, value)
      for _, state in ipairs(type(value) == "table" and value or { value }) do
        if record.body.state == state then return true end
      end
      return false
    end,
  },
  actions = {
    ["POST stop"] = function(call, record)
      if not is_busy(record) then return end
      local known = call.emulator.resources.job_run
      record.body.state, record.body.reason = "interrupting", "cancellation"
      local ended = call.emulator.clock:timestamp(call.emulator.clock:after(5))
      known:plan(record, { { after = 5, set = { state = "interrupted", terminated_at = ended } } })
    end,
  },
}

-- References to secrets ---------------------------------------------------------------------------------------------------

local function place_of(given)
  local path, name = given.path, given.env_var_name
  local has_path, has_name = type(path) == "string" and path ~= "", type(name) == "string" and name ~= ""
  if has_path == has_name then
    answer.refuse(answer.invalid_argument("secrets", "constraint", "a path or the name of a variable is required"))
  end
  if has_path and path:sub(1, 1) ~= "/" then
    answer.refuse(answer.invalid_argument("secrets.path", "format", "must be absolute"))
  end
  return has_path and { path = path } or nil, has_name and { name = name } or nil
end

local function refer(call)
  local emulator = call.emulator
  local definition = emulator.resources.job_definition:need(call.body.job_definition_id)
  local made = {}
  for index, given in ipairs(type(call.body.secrets) == "table" and call.body.secrets or {}) do
    local file, variable = place_of(given)
    if emulator.resources.secret then emulator.resources.secret:need(given.secret_manager_id) end
    local record = emulator.resources.job_secret:insert({
      secret_manager_id = given.secret_manager_id, secret_manager_version = given.secret_manager_version or "latest",
      job_definition_id = definition.id, file = file, env_var = variable,
    }, { place = { region = call.parameters.region } })
    made[index] = emulator.resources.job_secret:show(call, record)
  end
  return answer.reply(200, { secrets = json.array(made) })
end

local references = {
  kind = "job_secret",
  path = REGION .. "/secrets",
  list = "secrets",
  create = false,
  untimed = true,
  missing = function() return answer.message(404, "secret is not found") end,
  parent = { kind = "job_definition", field = "job_definition_id" },
  fields = { secret_manager_version = { kind = "str" } },
  page_size = 100,
  hooks = {
    view = function(_, record, body)
      body.id, body.secret_id = nil, record.id
    end,
    patched = function(call, record)
      local given = call.body
      if given.path ~= nil or given.env_var_name ~= nil then record.body.file, record.body.env_var = place_of(given) end
    end,
  },
  routes = { ["POST " .. REGION .. "/secrets"] = refer },
}

jobs.resources = { definitions, runs, references }

jobs.routes = {
  ["GET " .. REGION .. "/job-limits"] = function() return answer.reply(200, { secrets_per_job_definition = 100 }) end,
  ["GET " .. REGION .. "/job-resources"] = function()
    local pairs_of = {}
    for index, pair in ipairs { { 70, 128 }, { 140, 256 }, { 280, 512 }, { 560, 1024 }, { 1120, 2048 }, { 1680, 3072 }, { 2240, 4096 } } do
      pairs_of[index] = { compute_limit_mvcpu = pair[1], memory_limit_bytes = pair[2] * 1048576 }
    end
    return answer.reply(200, { resources = json.array(pairs_of) })
  end,
}

return jobs
