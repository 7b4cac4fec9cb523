--- Managed PostgreSQL and MySQL: instances. The password of the first user is checked and forgotten. A maintenance
--- waits for instances that are made with the tag "maintenance".
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"
local rdb_access = require "scw.emulator.behaviour.rdb_access"
local rdb_acl = require "scw.emulator.behaviour.rdb_acl"
local rdb_backup = require "scw.emulator.behaviour.rdb_backup"
local rdb_catalogue = require "scw.emulator.behaviour.rdb_catalogue"
local rdb_endpoint = require "scw.emulator.behaviour.rdb_endpoint"
local rdb_logs = require "scw.emulator.behaviour.rdb_logs"
local rdb_state = require "scw.emulator.behaviour.rdb_state"
local rdb_upgrade = require "scw.emulator.behaviour.rdb_upgrade"

local rdb_instance = {}

local CONFIGURING_SECONDS, RESTARTING_SECONDS, MAINTENANCE_SECONDS = 15, 30, 60
local DAY_SECONDS = 86400

local KINDS = { load_balancer = true, private_network = true }

local CERTIFICATE = [[
-----BEGIN CERTIFICATE-----
MIIBtDCCAVmgAwIBAgIUIWpaesXFr1NcIXJgvGA6xV5INi8wCgYIKoZIzj0EAwIw
LjERMA8GA1UECgwIRW11bGF0ZWQxGTAXBgNVBAMMEG1hbmFnZWQtZGF0YWJhc2Uw
IBcNMjYxMTIwMTQ1MTQwWhgPMjEyNjEwMjcxNDUxNDBaMC4xETAPBgNVBAoMCEVt
dWxhdGVkMRkwFwYDVQQDDBBtYW5hZ2VkLWRhdGFiYXNlMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAE9kMVh4oqpLOXs8vImA02Xx6ngtB2LQ3zBWGVZ99EPinYwTe2
+ROEH6zNb7HwHg7YbGNRgzLtoF/7wOSJq5vbw6NTMFEwHQYDVR0OBBYEFMvgdqrJ
iH+1KwCTRYRsY9Zjo0XKMB8GA1UdIwQYMBaAFMvgdqrJiH+1KwCTRYRsY9Zjo0XK
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAJuUVwgkTMqF18cC
YjUROpWTSrRtyvFfy/dOQ6B+8fGuAiEAxTKUlElOZonyprBNA5Gn4M2nxirH2Q6l
jGa0pdnOnwE=
-----END CERTIFICATE-----
]]

-- Creation ----------------------------------------------------------------------------------------------------------------

local function next_run(emulator, schedule)
  if schedule.disabled then return json.null end
  return emulator.clock:timestamp(emulator.clock:now() + schedule.frequency * 3600)
end

local function text(value)
  return type(value) == "string" and value ~= "" and value or nil
end

--- The first user of an instance, if one is asked for.
local function check_user(call)
  local name, password = text(call.body.user_name), text(call.body.password)
  if name then rdb_access.check_user_name(call.body.engine, name, "user_name") end
  if password then rdb_access.check_password(password) end
  return name
end

local function is_true(value) return value == true end

local function high_availability(body)
  local mode = body.high_availability_mode
  if mode == "single_zone" or mode == "multiple_zone" then return mode end
  return is_true(body.is_ha_cluster) and "single_zone" or rdb_upgrade.NO_STANDBY
end

local function maintenances_of(emulator, tags)
  if not (" " .. table.concat(tags or {}, " ") .. " "):find(" maintenance ", 1, true) then return json.array {} end
  local now = emulator.clock:now()
  return json.array { {
    starts_at = emulator.clock:timestamp(now), stops_at = emulator.clock:timestamp(now + 7 * DAY_SECONDS),
    forced_at = emulator.clock:timestamp(now + 7 * DAY_SECONDS), closed_at = json.null, status = "pending", is_applicable = true,
    reason = "A maintenance will be applied on your instance. The database will be unavailable for a few minutes.",
  } }
end

local function prepare(call, values)
  local body, emulator = call.body, call.emulator
  rdb_catalogue.check_engine(values.engine)
  local node = rdb_catalogue.node(values.node_type)
  values.node_type = node.name
  values.volume = rdb_upgrade.volume(node, text(body.volume_type) or "lssd", body.volume_size)
  values.high_availability_mode = high_availability(body)
  values.is_ha_cluster = values.high_availability_mode ~= rdb_upgrade.NO_STANDBY
  values.init_settings = rdb_catalogue.init_settings(values.engine, body.init_settings)
  values.settings = json.array {}
  values.backup_schedule = { disabled = is_true(body.disable_backup), frequency = 24, retention = 7 }
  values.backup_schedule.next_run_at = next_run(emulator, values.backup_schedule)
  values.encryption = { enabled = type(body.encryption) == "table" and is_true(body.encryption.enabled) }
  values.logs_policy = { max_age_retention = 30, total_disk_retention = json.null }
  values.maintenances = maintenances_of(emulator, values.tags)
  values.upgradable_version = rdb_catalogue.upgradable(values.engine)
  call.first_user = check_user(call)
  call.specs = rdb_endpoint.check(call, body.init_endpoints, KINDS)
end

--- Nobody asked for an endpoint: a public one. Private ones are there at once, public ones when the instance is ready.
local function created(call, record)
  record.acl, record.first_user = rdb_acl.open(), call.first_user
  local later = rdb_endpoint.open_private(call.emulator, rdb_state.owner(record), call.specs)
  if #call.specs == 0 then later = { { load_balancer = {} } } end
  rdb_state.make(call.emulator.resources.rdb_instance, record, {
    set = { settings = rdb_catalogue.default_settings(record.body.engine, record.body.node_type) }, open = later, first = true,
  })
end

--- What a step brings when it is over.
local function settled(emulator, record, step)
  local owner = rdb_state.owner(record)
  if step.first then rdb_access.begin(emulator, record) end
  if step.access then rdb_access.restore(emulator, record, step.access) end
  if step.take then rdb_endpoint.move(emulator, step.take, owner) end
  for _, spec in ipairs(step.open or {}) do rdb_endpoint.open(emulator, owner, spec) end
  if step.close then rdb_endpoint.close(emulator, record.id, step.close) end
  if step.database then rdb_access.ensure_database(emulator, record, step.database) end
end

-- Changes -----------------------------------------------------------------------------------------------------------------

local SCHEDULE = {
  disabled = "is_backup_schedule_disabled", frequency = "backup_schedule_frequency", retention = "backup_schedule_retention",
}

local function patching(call, record, values)
  local schedule, changed = {}, false
  for name, value in next, record.body.backup_schedule do schedule[name] = value end
  for name, wire in next, SCHEDULE do
    local given = call.body[wire]
    if given ~= nil and given ~= json.null then
      if name ~= "disabled" and (not math.tointeger(given) or given < 1 or given > 365) then
        answer.refuse(answer.invalid_argument(wire, "constraint", "must be between 1 and 365"))
      end
      changed = changed or schedule[name] ~= given
      schedule[name] = given
    end
  end
  if changed then
    schedule.next_run_at = next_run(call.emulator, schedule)
    values.backup_schedule = schedule
  end
  if type(values.logs_policy) == "table" then
    for name, value in next, record.body.logs_policy do
      if values.logs_policy[name] == nil then values.logs_policy[name] = value end
    end
  end
end

local function view(call, record, body)
  local emulator = call.emulator
  local endpoints, replicas = rdb_endpoint.shown(emulator, record.id), {}
  for index, replica in ipairs(emulator.resources.rdb_read_replica:by("instance_id", record.id)) do
    replicas[index] = emulator.resources.rdb_read_replica:show(call, replica)
  end
  body.updated_at = nil
  body.endpoints, body.endpoint, body.read_replicas = endpoints, json.null, json.array(replicas)
  for _, endpoint in ipairs(endpoints) do
    if endpoint.load_balancer then body.endpoint = endpoint end
  end
end

--- Changes the settings: by name, so that they are always listed in the same order.
local function set(call, record, by_name)
  local names, list = {}, {}
  for name in next, by_name do names[#names + 1] = name end
  table.sort(names)
  for index, name in ipairs(names) do list[index] = { name = name, value = by_name[name] } end
  rdb_state.pass(call.emulator.resources.rdb_instance, record, "configuring", CONFIGURING_SECONDS)
  record.body.settings = json.array(list)
end

local function named(settings)
  local by_name = {}
  for _, pair in ipairs(settings) do by_name[pair.name] = pair.value end
  return by_name
end

local actions = {
  ["PUT settings"] = function(call, record)
    local given = rdb_catalogue.settings(record.body.engine, call.body.settings)
    set(call, record, named(given))
    return answer.reply(200, { settings = given })
  end,

  ["POST settings"] = function(call, record)
    local given = rdb_catalogue.settings(record.body.engine, call.body.settings)
    local all = named(record.body.settings)
    for name, value in next, named(given) do all[name] = value end
    set(call, record, all)
    return answer.reply(200, { settings = record.body.settings })
  end,

  ["DELETE settings"] = function(call, record)
    local all = named(record.body.settings)
    for _, name in ipairs(type(call.body.setting_names) == "table" and call.body.setting_names or {}) do all[name] = nil end
    set(call, record, all)
    return answer.reply(200, { settings = record.body.settings })
  end,

  ["POST endpoints"] = function(call, record)
    local instances, owner = call.emulator.resources.rdb_instance, rdb_state.owner(record)
    local specs = rdb_endpoint.check(call, { call.body.endpoint_spec or {} }, KINDS, rdb_endpoint.of(call.emulator, record.id))
    rdb_state.refuse(instances, record)
    if type(specs[1].private_network) == "table" then
      local opened = rdb_endpoint.open(call.emulator, owner, specs[1])
      rdb_state.pass(instances, record, "initializing", CONFIGURING_SECONDS)
      return answer.reply(200, call.emulator.resources.rdb_endpoint:show(call, opened))
    end
    rdb_state.pass(instances, record, "initializing", CONFIGURING_SECONDS, { open = { { load_balancer = {} } } })
    return answer.reply(200, { id = "", name = json.null, port = 0 })
  end,

  ["POST restart"] = function(call, record)
    rdb_state.pass(call.emulator.resources.rdb_instance, record, "restarting", RESTARTING_SECONDS)
  end,

  ["POST apply-maintenance"] = function(call, record)
    local waiting
    for _, maintenance in ipairs(record.body.maintenances) do
      if maintenance.status == "pending" then waiting = maintenance end
    end
    if not waiting then answer.refuse(answer.precondition("unknown_precondition", "no maintenance is waiting")) end
    rdb_state.pass(call.emulator.resources.rdb_instance, record, "initializing", MAINTENANCE_SECONDS)
    waiting.status, waiting.is_applicable, waiting.closed_at = "done", false, call.emulator.clock:timestamp()
    return answer.reply(200, waiting)
  end,

  ["GET certificate"] = function()
    return answer.reply(200, {
      name = "ssl_certificate", content_type = "application/x-pem-file", content = core.base64(CERTIFICATE),
    })
  end,

  ["POST renew-certificate"] = function(call, record)
    rdb_state.pass(call.emulator.resources.rdb_instance, record, "configuring", CONFIGURING_SECONDS)
    return answer.reply(204)
  end,

  ["GET metrics"] = function() return answer.reply(200, { timeseries = json.array {} }) end,
}

for _, part in ipairs { rdb_acl, rdb_backup, rdb_logs, rdb_upgrade } do
  for name, action in next, part.actions do actions[name] = action end
end

rdb_instance.resources = { {
  kind = "rdb_instance",
  noun = "instance",
  fields = {
    engine = { update = false }, node_type = { update = false }, is_ha_cluster = { update = false },
    logs_policy = { create = false, update = "logs_policy" },
    user_name = false, password = false, endpoints = false, init_settings = false, settings = false,
  },
  filters = {
    has_maintenances = function(record, value) return (#record.body.maintenances > 0) == (value == "true") end,
  },
  status = { deleting = { "deleting", 30 }, busy = rdb_state.BUSY },
  uses = {
    private_network = function(record, id, emulator) return rdb_endpoint.uses(emulator, record.id, id) end,
  },
  hooks = {
    prepare = prepare, created = created, patching = patching, settled = settled, view = view,
    removed = function(emulator, record) rdb_endpoint.close(emulator, record.id) end,
  },
  actions = actions,
} }

return rdb_instance
