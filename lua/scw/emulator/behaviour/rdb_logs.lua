--- Logs of managed databases: prepared on demand, listed, read, purged. Actions of the instance.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"

local rdb_logs = {}

local REGION = "/rdb/v1/regions/{region}"
local PREPARING_SECONDS, DAY_SECONDS = 15, 86400

local function of(call, record)
  local logs, shown = call.emulator.resources.rdb_log, {}
  for index, log in ipairs(logs:by("instance_id", record.id)) do shown[index] = logs:show(call, log) end
  return json.array(shown)
end

rdb_logs.actions = {
  ["POST prepare-logs"] = function(call, record)
    local emulator = call.emulator
    emulator.resources.rdb_instance:refuse_passing(record)
    local logs, clock = emulator.resources.rdb_log, emulator.clock
    local made = logs:insert({
      instance_id = record.id, status = "creating", node_name = ("%d"):format(10000000 + record.sequence), download_url = json.null,
      region = record.body.region, created_at = clock:timestamp(), expires_at = clock:timestamp(clock:now() + DAY_SECONDS),
    }, { builtin = true })
    logs:plan(made, { { after = PREPARING_SECONDS, quiet = true, set = { status = "ready",
      download_url = ("https://s3.%s.scw.cloud/emulated-logs/%s?signature=%s"):format(
        record.body.region, made.id, core.hex(core.random(16))),
    } } })
    return answer.reply(200, { instance_logs = json.array { logs:show(call, made) } })
  end,

  ["GET logs"] = function(call, record) return answer.reply(200, { instance_logs = of(call, record) }) end,

  ["GET logs-details"] = function(_, record)
    local details = {}
    if not record.purged then details[1] = { log_name = "postgresql.log", size = 4096 } end
    return answer.reply(200, { details = json.array(details) })
  end,

  ["POST purge-logs"] = function(call, record)
    local instances = call.emulator.resources.rdb_instance
    instances:refuse_passing(record)
    record.purged = true
    instances.collection:put(record)
    return answer.reply(204)
  end,
}

rdb_logs.resources = { {
  kind = "rdb_log",
  path = REGION .. "/logs",
  create = false, update = false, delete = false, list = false,
  noun = "instance_log",
  owner = "none",
  parent = { kind = "rdb_instance", field = "instance_id" },
  fields = { instance_id = { kind = "str", hidden = true } },
} }

return rdb_logs
