--- Cockpit: data sources, tokens, the alert manager of a project with its contact points and alerts, exporters, Grafana.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"
local listing = require "scw.emulator.listing"
local resource = require "scw.emulator.resource"

local cockpit = {}

local ROOT = "/cockpit/v1"
local REGION = ROOT .. "/regions/{region}"
local MANAGER = REGION .. "/alert-manager"

--- Days a source keeps its data when nothing is said, and at the most.
local RETENTION_DAYS = { metrics = 31, logs = 7, traces = 7 }
local MOST_DAYS = 1825

local function source_url(id, kind, region)
  return ("https://%s.%s.cockpit.%s.scw.cloud"):format(id, kind, region)
end

-- Data sources ----------------------------------------------------------------------------------------------------------

--- Every project has sources of its own that Scaleway's products write to.
local function adopt_sources(emulator, project, region)
  local sources = emulator.resources.cockpit_data_source
  if not resource.is_uuid(project) then return end
  for _, record in ipairs(sources:by("project_id", project)) do
    if record.builtin and record.body.region == region then return end
  end
  local now = emulator.clock:timestamp()
  for _, kind in ipairs { "metrics", "logs" } do
    local id = core.uuid()
    sources:insert({
      id = id, name = "Scaleway " .. kind:sub(1, 1):upper() .. kind:sub(2), origin = "scaleway", type = kind, project_id = project,
      region = region, created_at = now, updated_at = now, retention_days = RETENTION_DAYS[kind], url = source_url(id, kind, region),
      synchronized_with_grafana = true, current_month_usage = 0,
    }, { builtin = true })
  end
end

local function check_retention(values)
  local days = values.retention_days
  if days and (days < 1 or days > MOST_DAYS) then
    answer.refuse(answer.invalid_argument("retention_days", "constraint", ("must be between 1 and %d"):format(MOST_DAYS)))
  end
end

local sources = {
  kind = "cockpit_data_source",
  noun = "data source",
  fields = {
    retention_days = { kind = "int" },
    type = { kind = "str", required = true, enum = { "metrics", "logs", "traces" }, update = false },
  },
  before = function(call)
    if call.method == "GET" then adopt_sources(call.emulator, call.query.project_id, call.parameters.region) end
  end,
  filters = {
    types = function(record, value) return record.body.type == value or value == "unknown_type" end,
  },
  hooks = {
    prepare = function(call, values)
      check_retention(values)
      values.id = core.uuid()
      values.retention_days = values.retention_days or RETENTION_DAYS[values.type]
      values.url = source_url(values.id, values.type, call.parameters.region)
    end,
    patching = function(_, _, values) check_retention(values) end,
    view = function(_, _, body) body.organization_id = nil end,
    removing = function(_, record)
      if record.builtin then answer.refuse(answer.precondition("protected_resource", "the source belongs to Scaleway")) end
    end,
  },
  body = { origin = "custom", synchronized_with_grafana = false, current_month_usage = 0 },
}

-- Tokens ----------------------------------------------------------------------------------------------------------------

local tokens = {
  kind = "cockpit_token",
  noun = "token",
  fields = {
    scopes = { kind = "list", create = "token_scopes", update = false },
  },
  body = function() return { secret_key = core.uuid() } end,
  hooks = {
    created = function(call, record)
      local shown = call.emulator.resources.cockpit_token:show(call, record)
      shown.secret_key = record.body.secret_key
      record.body.secret_key = nil -- shown this once, kept nowhere
      call.emulator.resources.cockpit_token.collection:put(record)
      return answer.reply(200, shown)
    end,
    view = function(_, _, body)
      body.organization_id = nil
      if body.secret_key == nil then body.secret_key = json.null end
    end,
  },
}

-- The alert manager of a project ----------------------------------------------------------------------------------------

local function project_of(call)
  local project = call.body.project_id or call.query.project_id
  if project == nil or project == "" then project = call.emulator.project_id end
  if not resource.is_uuid(project) then
    answer.refuse(answer.invalid_argument("project_id", "format", "must be a valid UUID"))
  end
  return project
end

local function manager_id(call) return call.parameters.region .. "/" .. project_of(call) end

local function manager_of(call)
  return call.emulator.resources.cockpit_alert_manager:get(manager_id(call))
end

local function show_manager(call, record)
  return answer.reply(200, {
    alert_manager_enabled = record ~= nil, alert_manager_url = record and record.body.url or json.null,
    managed_alerts_enabled = record ~= nil and record.body.managed_alerts == true, region = call.parameters.region,
  })
end

local function need_manager(call)
  local record = manager_of(call)
  if not record then
    answer.refuse(answer.precondition("attribute_must_be_set", "the alert manager must be enabled first"))
  end
  return record
end

local function set_managed_alerts(value)
  return function(call)
    local record = need_manager(call)
    record.body.managed_alerts = value
    call.emulator.resources.cockpit_alert_manager.collection:put(record)
    return show_manager(call, record)
  end
end

local manager_routes = {}

manager_routes["GET " .. MANAGER] = function(call) return show_manager(call, manager_of(call)) end

manager_routes["POST " .. MANAGER .. "/enable"] = function(call)
  local managers = call.emulator.resources.cockpit_alert_manager
  local record = manager_of(call)
  if not record then
    record = managers:insert {
      id = manager_id(call), project_id = project_of(call), region = call.parameters.region, managed_alerts = false,
      url = ("https://%s.alertmanager.cockpit.%s.scw.cloud"):format(core.uuid(), call.parameters.region),
    }
  end
  return show_manager(call, record)
end

manager_routes["POST " .. MANAGER .. "/disable"] = function(call)
  local record = manager_of(call)
  if record then call.emulator.resources.cockpit_alert_manager:remove(record) end -- with its contact points
  return show_manager(call, nil)
end

manager_routes["POST " .. MANAGER .. "/managed-alerts/enable"] = set_managed_alerts(true)
manager_routes["POST " .. MANAGER .. "/managed-alerts/disable"] = set_managed_alerts(false)

manager_routes["POST " .. MANAGER .. "/trigger-test-alert"] = function(call)
  need_manager(call)
  return answer.reply(204)
end

-- Contact points --------------------------------------------------------------------------------------------------------

local CONTACTS = MANAGER .. "/contact-points"

local function address_of(call)
  local email = type(call.body.email) == "table" and call.body.email.to
  if type(email) ~= "string" or not email:find("^.+@.+$") then
    answer.refuse(answer.invalid_argument("email.to", "format", "must be an e-mail address"))
  end
  return email
end

local function contact_of(call)
  return call.emulator.resources.cockpit_contact_point:get(manager_id(call) .. "/" .. address_of(call))
end

local function show_contact(record)
  return {
    email = { to = record.body.email }, region = record.body.region,
    send_resolved_notifications = record.body.send_resolved_notifications,
  }
end

local contact_routes = {}

contact_routes["GET " .. CONTACTS] = function(call)
  local found, at = call.emulator.resources.cockpit_contact_point:by("manager_id", manager_id(call)), 0
  call.query.project_id = nil
  local page, total = listing.page(function()
    at = at + 1
    return found[at]
  end, call.query)
  local shown = {}
  for index, record in ipairs(page) do shown[index] = show_contact(record) end
  return answer.reply(200, {
    contact_points = json.array(shown), has_additional_contact_points = false, has_additional_receivers = false, total_count = total,
  })
end

contact_routes["POST " .. CONTACTS] = function(call)
  local manager, email = need_manager(call), address_of(call)
  if contact_of(call) then return answer.exists("contact point", email) end
  return answer.reply(200, show_contact(call.emulator.resources.cockpit_contact_point:insert {
    id = manager.id .. "/" .. email, manager_id = manager.id, project_id = manager.body.project_id, email = email,
    region = call.parameters.region, send_resolved_notifications = call.body.send_resolved_notifications ~= false,
  }))
end

contact_routes["PATCH " .. CONTACTS] = function(call)
  local record = contact_of(call)
  if not record then return answer.not_found("contact point", address_of(call)) end
  if type(call.body.send_resolved_notifications) == "boolean" then
    record.body.send_resolved_notifications = call.body.send_resolved_notifications
  end
  call.emulator.resources.cockpit_contact_point.collection:put(record)
  return answer.reply(200, show_contact(record))
end

contact_routes["POST " .. CONTACTS .. "/delete"] = function(call)
  local record = contact_of(call)
  if not record then return answer.not_found("contact point", address_of(call)) end
  call.emulator.resources.cockpit_contact_point:remove(record)
  return answer.reply(204)
end

-- Preconfigured alerts --------------------------------------------------------------------------------------------------

local USED, USED_A_LOT = "> 80 % for 10 minutes", "> 90 % for 10 minutes"

--- Known rules: name, product, family, what people read, when it fires, how long it must hold, board, what happened.
local RULES = {
  { "InstanceHighCPUUsage", "Instance", "Compute", "High CPU usage", USED_A_LOT, "10m", "instance",
    "High CPU usage on instance {{ $labels.resource_name }}" },
  { "APIServerHighCPUUsage", "Kubernetes", "Containers", "High api-server CPU usage", USED_A_LOT, "10m", "kubernetes-cluster",
    "High api-server CPU usage on the {{ $labels.resource_name }} Kubernetes cluster" },
  { "LBBackendDown", "LB", "Load Balancer", "Backend down", "All servers for a given Backend are down", "5m", "lb",
    "Backend is down on Load Balancer {{ $labels.resource_name }}" },
  { "LBBackendServerDown", "LB", "Load Balancer", "Backend server down", "1 or several Backend server(s) is/are down", "5m", "lb",
    "{{ $value }} backend server(s) down on Load Balancer {{ $labels.resource_name }}" },
  { "MySQLHighStorageUsage", "MySQL", "Managed Databases", "High storage usage", USED, "10m", "rdb-mysql",
    "High disk usage on MySQL {{ $labels.resource_name }}" },
  { "MySQLTooManyConnections", "MySQL", "Managed Databases", "Too many connections", USED, "10m", "rdb-mysql",
    "Too many connections on MySQL {{ $labels.resource_name }}" },
  { "PostgreSQLHighCPULoad", "PostgreSQL", "Managed Databases", "High CPU usage", USED, "10m", "rdb-postgresql",
    "High CPU usage on PostgreSQL {{ $labels.resource_name }}" },
  { "PostgreSQLHighStorageUsage", "PostgreSQL", "Managed Databases", "High storage usage", USED, "10m", "rdb-postgresql",
    "High disk usage on PostgreSQL {{ $labels.resource_name }}" },
  { "PostgresqlTooManyConnections", "PostgreSQL", "Managed Databases", "Too many connections", USED, "10m", "rdb-postgresql",
    "Too many connections on PostgreSQL {{ $labels.resource_name }}" },
  { "ServerlessSQLDatabaseHighCPUUsage", "SQL Databases", "Serverless", "High CPU usage", USED_A_LOT, "10m",
    "serverless-sql-database", "High CPU usage on Serverless SQL Database {{ $labels.resource_name }}" },
  { "CockpitIngestionDecrease", "Cockpit", "Observability", "Ingestion decrease",
    "50% decrease in ingestion volumes in the past hour", "0s", "cockpit", "Ingestion decrease on Cockpit" },
  { "CockpitIngestionIncrease", "Cockpit", "Observability", "Ingestion increase",
    "100% increase in ingestion volumes in the past hour", "0s", "cockpit", "Ingestion increase on Cockpit" },
}

--- The same rule has the same id in every project.
local function rule_id(name)
  local hex = core.hex(core.digest("sha256", name))
  return ("%s-%s-4%s-8%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 15), hex:sub(16, 18), hex:sub(19, 30))
end

local function alert_of(rule, enabled)
  local name, product, family, display, condition, duration, board, summary = table.unpack(rule)
  local path = ("/d/scw-%s-overview/%s-overview?var-region={{ $labels.region }}"):format(board, board)
  return {
    name = name, rule = name, duration = duration, enabled = enabled, rule_status = enabled and "enabled" or "disabled",
    preconfigured = true, region = json.null, state = enabled and "inactive" or "unknown_state", data_source_id = "",
    preconfigured_data = {
      preconfigured_rule_id = rule_id(name), display_name = display, display_description = condition, product_name = product,
      product_family = family,
    },
    annotations = {
      rule_id = rule_id(name), display_name = display, display_description = condition, product = product, family = family,
      summary = summary, description = summary .. ": " .. condition, dashboard_path = path,
    },
  }
end

local function listed_rules(call)
  local wanted = {}
  local given = call.body.rule_ids
  for _, id in ipairs(type(given) == "table" and given or {}) do wanted[id] = true end
  local all, ids = next(wanted) == nil, {}
  for _, rule in ipairs(RULES) do
    if all or wanted[rule_id(rule[1])] then ids[#ids + 1] = rule_id(rule[1]) end
  end
  return ids
end

local function switch_rules(value)
  return function(call)
    local record = need_manager(call)
    record.body.rules = record.body.rules or {}
    local ids = listed_rules(call)
    for _, id in ipairs(ids) do record.body.rules[id] = value end
    call.emulator.resources.cockpit_alert_manager.collection:put(record)
    return answer.reply(200, { [value and "enabled_rule_ids" or "disabled_rule_ids"] = json.array(ids) })
  end
end

local alert_routes = {
  ["GET " .. REGION .. "/alerts"] = function(call)
    local manager, shown = manager_of(call), {}
    for _, rule in ipairs(manager and call.query.is_preconfigured ~= "false" and RULES or {}) do
      local enabled = (manager.body.rules or {})[rule_id(rule[1])] == true
      local status = call.query.rule_status
      if not status or status == (enabled and "enabled" or "disabled") or status:find("^unknown") then
        local alert = alert_of(rule, enabled)
        alert.region = call.parameters.region
        shown[#shown + 1] = alert
      end
    end
    return answer.reply(200, { alerts = json.array(shown), total_count = #shown })
  end,
  ["POST " .. REGION .. "/enable-alert-rules"] = switch_rules(true),
  ["POST " .. REGION .. "/disable-alert-rules"] = switch_rules(false),
}

cockpit.resources = {
  sources, tokens,
  { kind = "cockpit_alert_manager", type = "none", path = MANAGER, create = false, list = false, read = false, update = false,
    delete = false, owner = "none", routes = manager_routes },
  { kind = "cockpit_contact_point", type = "none", path = CONTACTS, create = false, list = false, read = false, update = false,
    delete = false, owner = "none", parent = { kind = "cockpit_alert_manager", field = "manager_id" }, routes = contact_routes },
}
cockpit.routes = alert_routes

return cockpit
