--- Read replicas of managed databases.
local answer = require "scw.emulator.answer"
local rdb_endpoint = require "scw.emulator.behaviour.rdb_endpoint"
local rdb_state = require "scw.emulator.behaviour.rdb_state"
local rdb_upgrade = require "scw.emulator.behaviour.rdb_upgrade"

local rdb_replica = {}

local MOST_REPLICAS = 3
local CONFIGURING_SECONDS, RESET_SECONDS, PROMOTING_SECONDS = 15, 60, 30
local KINDS = { direct_access = true, private_network = true }

local function owner_of(emulator, record)
  local owner = rdb_state.owner(emulator.resources.rdb_instance:get(record.body.instance_id))
  owner.id, owner.name = record.id, "read-replica-" .. record.id:sub(1, 8)
  return owner
end

local function add_endpoints(call, record)
  local emulator = call.emulator
  local own = emulator.resources.rdb_read_replica
  local specs = rdb_endpoint.check(call, call.body.endpoint_spec, KINDS, rdb_endpoint.of(emulator, record.id))
  if #specs == 0 then answer.refuse(answer.invalid_argument("endpoint_spec", "required", "an endpoint is required")) end
  own:refuse_passing(record)
  local later = rdb_endpoint.open_private(emulator, owner_of(emulator, record), specs)
  rdb_state.pass(own, record, "initializing", CONFIGURING_SECONDS, { open = later })
end

--- The replica becomes an instance of its own, with its endpoints.
local function promote(call, record)
  local emulator = call.emulator
  local own, instances = emulator.resources.rdb_read_replica, emulator.resources.rdb_instance
  own:refuse_passing(record)
  local primary = instances:get(record.body.instance_id)
  local made = rdb_upgrade.make(emulator, rdb_upgrade.source(emulator, primary),
    { name = primary.body.name .. "-promoted" }, {})
  rdb_endpoint.move(emulator, record.id, rdb_state.owner(made))
  record.body.status = "promoting"
  own:plan(record, { { after = PROMOTING_SECONDS, remove = true } })
  return answer.reply(200, instances:show(call, made))
end

rdb_replica.resources = { {
  kind = "rdb_read_replica",
  path = "/rdb/v1/regions/{region}/read-replicas",
  list = false, update = false,
  noun = "read_replica",
  owner = "parent",
  untimed = true,
  parent = { kind = "rdb_instance", field = "instance_id", ready = true },
  fields = {
    instance_id = { kind = "str", required = true },
    same_zone = { kind = "bool", default = true },
  },
  status = { deleting = { "deleting", 30 }, busy = rdb_state.BUSY },
  uses = {
    private_network = function(record, id, emulator) return rdb_endpoint.uses(emulator, record.id, id) end,
  },
  hooks = {
    prepare = function(call, values)
      local instances = call.emulator.resources.rdb_instance
      rdb_state.refuse(instances, instances:get(values.instance_id))
      local count = #call.emulator.resources.rdb_read_replica:by("instance_id", values.instance_id)
      if count >= MOST_REPLICAS then answer.refuse(answer.quota("read_replica", MOST_REPLICAS, count)) end
      call.specs = rdb_endpoint.check(call, call.body.endpoint_spec, KINDS)
      if #call.specs == 0 then answer.refuse(answer.invalid_argument("endpoint_spec", "required", "an endpoint is required")) end
    end,
    created = function(call, record)
      local emulator = call.emulator
      local instances = emulator.resources.rdb_instance
      local later = rdb_endpoint.open_private(emulator, owner_of(emulator, record), call.specs)
      rdb_state.pass(instances, instances:get(record.body.instance_id), "configuring", CONFIGURING_SECONDS)
      rdb_state.make(emulator.resources.rdb_read_replica, record, { open = later })
    end,
    settled = function(emulator, record, step)
      for _, spec in ipairs(step.open or {}) do rdb_endpoint.open(emulator, owner_of(emulator, record), spec) end
      if step.close then rdb_endpoint.close(emulator, record.id, step.close) end
    end,
    view = function(call, record, body)
      body.endpoints, body.updated_at = rdb_endpoint.shown(call.emulator, record.id), nil
    end,
    removed = function(emulator, record) rdb_endpoint.close(emulator, record.id) end,
  },
  actions = {
    ["POST endpoints"] = add_endpoints,
    ["POST promote"] = promote,
    ["POST reset"] = function(call, record)
      rdb_state.pass(call.emulator.resources.rdb_read_replica, record, "initializing", RESET_SECONDS)
    end,
  },
} }

return rdb_replica
