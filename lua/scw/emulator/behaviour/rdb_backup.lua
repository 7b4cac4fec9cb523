--- Backups of logical databases, and snapshots of whole volumes, of which new instances can be made.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"
local model = require "scw.emulator.model"
local rdb_access = require "scw.emulator.behaviour.rdb_access"
local rdb_catalogue = require "scw.emulator.behaviour.rdb_catalogue"
local rdb_state = require "scw.emulator.behaviour.rdb_state"
local rdb_upgrade = require "scw.emulator.behaviour.rdb_upgrade"

local rdb_backup = {}

local REGION = "/rdb/v1/regions/{region}"
local BACKUP_SECONDS, SNAPSHOT_SECONDS, YEAR_SECONDS, DAY_SECONDS = 15, 30, 365 * 86400, 86400
local BACKUP_BYTES = 1255

--- How a date is written in answers, and whether it is one.
local function check_date(body)
  local date = body.expires_at
  if date ~= nil and date ~= json.null and not tostring(date):find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d") then
    answer.refuse(answer.invalid_argument("expires_at", "format", "is not a date"))
  end
end

-- Backups -----------------------------------------------------------------------------------------------------------------

local backups = {
  kind = "rdb_database_backup",
  path = REGION .. "/backups",
  list = "database_backups",
  noun = "database_backup",
  owner = "parent",
  parent = { kind = "rdb_instance", field = "instance_id", ready = true, keep = true },
  fields = {
    instance_id = { kind = "str", required = true, update = false },
    database_name = { kind = "str", required = true, update = false },
    name = { kind = "str", required = true },
    expires_at = { kind = "str", default = json.null },
  },
  body = { size = json.null, same_region = false, download_url = json.null, download_url_expires_at = json.null },
  status = { deleting = { "deleting", 5 }, busy = { "creating", "restoring", "exporting" } },
  hooks = {
    prepare = function(call, values)
      check_date(call.body)
      rdb_access.need_database(call.emulator, values.instance_id, values.database_name)
      local instances = call.emulator.resources.rdb_instance
      local instance = instances:get(values.instance_id)
      rdb_state.refuse(instances, instance)
      values.instance_name, values.same_region = instance.body.name, instance.body.backup_same_region
    end,
    patching = function(call) check_date(call.body) end,
    created = function(call, record)
      local instances = call.emulator.resources.rdb_instance
      rdb_state.pass(instances, instances:get(record.body.instance_id), "backuping", BACKUP_SECONDS)
      record.body.updated_at = json.null
      record.body.status = "creating"
      call.emulator.resources.rdb_database_backup:plan(record,
        { { after = BACKUP_SECONDS, set = { status = "ready", size = BACKUP_BYTES } } })
    end,
  },
}

backups.actions = {
  ["POST restore"] = function(call, record)
    local own, instances = call.emulator.resources.rdb_database_backup, call.emulator.resources.rdb_instance
    own:refuse_passing(record)
    local instance = instances:need(call.body.instance_id)
    local name = call.body.database_name
    if type(name) ~= "string" or name == "" then name = record.body.database_name end
    rdb_state.pass(instances, instance, "backuping", BACKUP_SECONDS, { database = name })
    record.body.status = "restoring"
    own:plan(record, { { after = BACKUP_SECONDS, set = { status = "ready" } } })
  end,

  ["POST export"] = function(call, record)
    local own, clock = call.emulator.resources.rdb_database_backup, call.emulator.clock
    own:refuse_passing(record)
    record.body.status = "exporting"
    own:plan(record, { { after = BACKUP_SECONDS, set = {
      status = "ready", download_url_expires_at = clock:timestamp(clock:now() + DAY_SECONDS),
      download_url = ("https://s3.%s.scw.cloud/emulated-backups/%s?signature=%s"):format(
        record.body.region, record.id, core.hex(core.random(16))),
    } } })
  end,
}

-- Snapshots ---------------------------------------------------------------------------------------------------------------

local function from_snapshot(call, record)
  local emulator = call.emulator
  local instances = emulator.resources.rdb_instance
  emulator.resources.rdb_snapshot:refuse_passing(record)
  local given, changes = call.body, { name = call.body.instance_name }
  if type(changes.name) ~= "string" or changes.name == "" then
    answer.refuse(answer.invalid_argument("instance_name", "required", "is required"))
  end
  local source = record.source
  local asked = given.node_type
  local node = rdb_catalogue.node(type(asked) == "string" and asked ~= "" and asked or source.body.node_type)
  rdb_catalogue.storage(node, source.body.volume.type)
  changes.node_type = node.name
  local mode = given.high_availability_mode
  if mode ~= "single_zone" and mode ~= "multiple_zone" then
    mode = given.is_ha_cluster == true and "single_zone" or rdb_upgrade.NO_STANDBY
  end
  changes.high_availability_mode, changes.is_ha_cluster = mode, mode ~= rdb_upgrade.NO_STANDBY
  local made = rdb_upgrade.make(emulator, { body = model.copy(source.body), project_id = source.project_id, access = source.access },
    changes, { open = { { load_balancer = {} } } })
  return answer.reply(200, instances:show(call, made))
end

local snapshots = {
  kind = "rdb_snapshot",
  path = REGION .. "/snapshots",
  list = "snapshots",
  noun = "instance_snapshot",
  create = false,
  fields = { name = "str", expires_at = "str" },
  status = { deleting = { "deleting", 30 }, busy = { "creating", "restoring" } },
  hooks = { patching = function(call) check_date(call.body) end },
  actions = { ["POST create-instance"] = from_snapshot },
}

rdb_backup.resources = { backups, snapshots }

rdb_backup.actions = {
  ["POST snapshots"] = function(call, record)
    local emulator, body = call.emulator, record.body
    local own, clock = emulator.resources.rdb_snapshot, emulator.clock
    local name, expires_at = call.body.name, call.body.expires_at
    if type(name) ~= "string" or name == "" then answer.refuse(answer.invalid_argument("name", "required", "is required")) end
    check_date(call.body)
    if body.volume.class ~= "sbs" then
      answer.refuse(answer.precondition("unknown_precondition", "snapshots are made of block storage only"))
    end
    rdb_state.refuse(emulator.resources.rdb_instance, record)
    local source = rdb_upgrade.source(emulator, record)
    rdb_state.pass(emulator.resources.rdb_instance, record, "snapshotting", SNAPSHOT_SECONDS)
    local made = own:insert({
      name = name, instance_id = record.id, instance_name = body.name, node_type = body.node_type, region = body.region,
      volume_type = { type = body.volume.type, class = body.volume.class }, size = json.null, status = "creating",
      created_at = clock:timestamp(), updated_at = json.null,
      expires_at = type(expires_at) == "string" and expires_at or clock:timestamp(clock:now() + YEAR_SECONDS),
    }, { place = { region = body.region }, project_id = record.project_id, source = source })
    own:plan(made, { { after = SNAPSHOT_SECONDS, set = { status = "ready", size = body.volume.size } } })
    return answer.reply(200, own:show(call, made))
  end,
}

return rdb_backup
