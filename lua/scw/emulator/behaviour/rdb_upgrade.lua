--- Changes of managed databases that take an upgrade, exactly one a call; and instances made from others.
local answer = require "scw.emulator.answer"
local json = require "scw.json"
local model = require "scw.emulator.model"
local rdb_access = require "scw.emulator.behaviour.rdb_access"
local rdb_acl = require "scw.emulator.behaviour.rdb_acl"
local rdb_catalogue = require "scw.emulator.behaviour.rdb_catalogue"
local rdb_state = require "scw.emulator.behaviour.rdb_state"

local rdb_upgrade = {}

local UPGRADE_SECONDS = 60

rdb_upgrade.NO_STANDBY = "unknown_high_availability_mode" -- what the service says when nobody chose a mode

local function wrong(argument, help)
  answer.refuse(answer.invalid_argument(argument, "constraint", help))
end

--- The storage of an instance: `kind` and `size` as asked for; what is not asked for, the node type gives.
---@param node table
---@param kind string
---@param size integer|nil
---@return { type: string, class: string, size: integer }
function rdb_upgrade.volume(node, kind, size)
  local storage = rdb_catalogue.storage(node, kind)
  if size == json.null or size == 0 then size = nil end
  if kind == "lssd" then
    if size then wrong("volume_size", "cannot be chosen with local storage") end
    return { type = kind, class = storage.class, size = storage.max_size }
  end
  size = size or storage.min_size
  if size < storage.min_size or size > storage.max_size or size % storage.chunk_size ~= 0 then
    wrong("volume_size",
      ("must be a multiple of %d bytes between %d and %d"):format(storage.chunk_size, storage.min_size, storage.max_size))
  end
  return { type = kind, class = storage.class, size = size }
end

-- Instances made from others ----------------------------------------------------------------------------------------------

---@class scw.emulator.RdbSource what an instance is made from
---@field body table of the instance
---@field project_id string
---@field access table users, databases and privileges

--- What another instance can be made from.
---@param emulator scw.emulator.Emulator
---@param record scw.emulator.Record
---@return scw.emulator.RdbSource
function rdb_upgrade.source(emulator, record)
  return { body = model.copy(record.body), project_id = record.project_id, access = rdb_access.save(emulator, record.id) }
end

--- Makes an instance from a source. It has no rule of its own and no endpoint before it is ready.
---@param emulator scw.emulator.Emulator
---@param source scw.emulator.RdbSource
---@param changes table values of the body
---@param step table what happens when it is ready
---@return scw.emulator.Record
function rdb_upgrade.make(emulator, source, changes, step)
  local instances = emulator.resources.rdb_instance
  local body = model.copy(source.body)
  body.id, body.is_ha_cluster, body.high_availability_mode = nil, false, rdb_upgrade.NO_STANDBY
  body.maintenances = json.array {}
  body.created_at = emulator.clock:timestamp()
  for name, value in next, changes do body[name] = value end
  body.upgradable_version = rdb_catalogue.upgradable(body.engine)
  local record = instances:insert(body, { place = { region = body.region }, project_id = source.project_id, acl = rdb_acl.open() })
  step.access = source.access
  rdb_state.make(instances, record, step)
  return record
end

-- Upgrades ----------------------------------------------------------------------------------------------------------------

local function version_of(record, id, argument)
  for _, version in ipairs(record.body.upgradable_version) do
    if version.id == id then return version end
  end
  wrong(argument, "is not a version this instance can be upgraded to")
end

local upgrades = {}

function upgrades.node_type(_, record, value)
  local node = rdb_catalogue.node(value)
  rdb_catalogue.storage(node, record.body.volume.type)
  return { node_type = value:lower() }
end

function upgrades.enable_ha(_, _, value)
  if value ~= true then wrong("enable_ha", "high availability cannot be disabled") end
  return { is_ha_cluster = true, high_availability_mode = "single_zone" }
end

function upgrades.high_availability_mode(_, record, value)
  if value ~= "single_zone" and value ~= "multiple_zone" then
    if record.body.is_ha_cluster then wrong("high_availability_mode", "high availability cannot be disabled") end
    return {}
  end
  return { is_ha_cluster = true, high_availability_mode = value }
end

function upgrades.enable_encryption(_, _, value)
  if value ~= true then wrong("enable_encryption", "encryption cannot be disabled") end
  return { encryption = { enabled = true } }
end

function upgrades.volume_size(_, record, value)
  local volume = record.body.volume
  local changed = rdb_upgrade.volume(rdb_catalogue.node(record.body.node_type), volume.type, value)
  if changed.size <= volume.size then wrong("volume_size", "can only grow") end
  return { volume = changed }
end

function upgrades.volume_type(_, record, value)
  local volume = record.body.volume
  return { volume = rdb_upgrade.volume(rdb_catalogue.node(record.body.node_type), value, value ~= "lssd" and volume.size or nil) }
end

function upgrades.upgradable_version_id(_, record, value)
  local engine = version_of(record, value, "upgradable_version_id").name
  return { engine = engine, upgradable_version = rdb_catalogue.upgradable(engine) }
end

--- Another instance takes over; the old one stays, without endpoints when they are to follow.
function upgrades.major_upgrade_workflow(call, record, value)
  local version = version_of(record, value.upgradable_version_id, "major_upgrade_workflow.upgradable_version_id")
  local step = value.with_endpoints == true and { take = record.id } or { open = { { load_balancer = {} } } }
  local made = rdb_upgrade.make(call.emulator, rdb_upgrade.source(call.emulator, record), { engine = version.name }, step)
  return nil, answer.reply(200, call.emulator.resources.rdb_instance:show(call, made))
end

--- The name of the one change that is asked for.
local function the_change(body)
  local found
  for name in next, upgrades do
    if body[name] ~= nil and body[name] ~= json.null then
      if found then wrong("upgrade_target", "exactly one change is possible in a call") end
      found = name
    end
  end
  if not found then answer.refuse(answer.invalid_argument("upgrade_target", "required", "a change is required")) end
  return found
end

rdb_upgrade.actions = {
  ["POST upgrade"] = function(call, record)
    local instances = call.emulator.resources.rdb_instance
    local name = the_change(call.body)
    local grows = name == "volume_size" or name == "node_type"
    rdb_state.refuse(instances, record, grows)
    local changes, own = upgrades[name](call, record, call.body[name])
    if own then return own end
    rdb_state.pass(instances, record, "initializing", UPGRADE_SECONDS, { grows = grows })
    for field, value in next, changes do record.body[field] = value end
  end,

  ["POST clone"] = function(call, record)
    local instances = call.emulator.resources.rdb_instance
    rdb_state.refuse(instances, record)
    local changes = { name = call.body.name }
    if type(call.body.node_type) == "string" and call.body.node_type ~= "" then
      local node = rdb_catalogue.node(call.body.node_type)
      rdb_catalogue.storage(node, record.body.volume.type)
      changes.node_type = node.name
    end
    local made = rdb_upgrade.make(call.emulator, rdb_upgrade.source(call.emulator, record), changes,
      { open = { { load_balancer = {} } } })
    return answer.reply(200, instances:show(call, made))
  end,
}

return rdb_upgrade
