--- Cockpit's older half: Grafana and its users, plans, and exporters of data sources.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"
local listing = require "scw.emulator.listing"
local model = require "scw.emulator.model"

local grafana = {}

local ROOT = "/cockpit/v1"
local USERS = ROOT .. "/grafana/users"

local function plan(name, price, days)
  return {
    name = name, monthly_price = price, logs_ingestion_price = 35, sample_ingestion_price = 15, traces_ingestion_price = 35,
    retention_logs_interval = days.logs, retention_metrics_interval = days.metrics, retention_traces_interval = days.logs,
  }
end

local PLANS = {
  plan("custom", 29, { logs = "2678400s", metrics = "31536000s" }),
  plan("free", 0, { logs = "604800s", metrics = "2678400s" }),
  plan("premium", 29, { logs = "2678400s", metrics = "31536000s" }),
}

local function plan_named(name)
  for _, one in ipairs(PLANS) do
    if one.name == name then return one end
  end
end

local function users_of(call)
  return call.emulator.resources.cockpit_grafana_user:by("project_id", call.query.project_id or call.body.project_id)
end

local function show_user(record, password)
  return { id = record.body.number, login = record.body.login, role = record.body.role, password = password or "" }
end

local routes = {
  ["GET " .. ROOT .. "/grafana"] = function(call)
    return answer.reply(200, {
      grafana_url = ("https://%s.dashboard.cockpit.scaleway.com"):format(call.query.project_id or call.emulator.project_id),
    })
  end,
  ["POST " .. ROOT .. "/grafana/sync-data-sources"] = function() return answer.reply(204) end,
  ["GET " .. USERS] = function(call)
    local found, at = users_of(call), 0
    call.query.order_by = nil
    local page, total = listing.page(function()
      at = at + 1
      return found[at]
    end, call.query)
    local shown = {}
    for index, record in ipairs(page) do shown[index] = show_user(record) end
    return answer.reply(200, { grafana_users = json.array(shown), total_count = total })
  end,
  ["POST " .. USERS] = function(call)
    local login = call.body.login
    if type(login) ~= "string" or not login:find("^[%w_-]+$") or #login < 2 or #login > 24 then
      return answer.invalid_argument("login", "format", "must be 2 to 24 letters, digits, _ or -")
    end
    local last = 1 -- the first number belongs to the service
    for _, record in ipairs(users_of(call)) do
      if record.body.login == login then return answer.exists("grafana user", tostring(record.body.number)) end
      last = math.max(last, record.body.number)
    end
    local record = call.emulator.resources.cockpit_grafana_user:insert {
      number = last + 1, login = login, role = call.body.role or "viewer", project_id = call.body.project_id,
    }
    return answer.reply(200, show_user(record, core.hex(core.random(12))))
  end,
  ["DELETE " .. USERS .. "/{user}"] = function(call)
    for _, record in ipairs(users_of(call)) do
      if tostring(record.body.number) == call.parameters.user then
        call.emulator.resources.cockpit_grafana_user:remove(record)
        return answer.reply(204)
      end
    end
    return answer.not_found("grafana user", call.parameters.user)
  end,
  ["POST " .. USERS .. "/{user}/reset-password"] = function(call)
    for _, record in ipairs(users_of(call)) do
      if tostring(record.body.number) == call.parameters.user then
        return answer.reply(200, show_user(record, core.hex(core.random(12))))
      end
    end
    return answer.not_found("grafana user", call.parameters.user)
  end,
  ["GET " .. ROOT .. "/plans"] = function()
    return answer.reply(200, { plans = json.array(model.copy(PLANS)), total_count = #PLANS })
  end,
  ["GET " .. ROOT .. "/current-plan"] = function(call)
    local chosen = call.emulator.store:collection("cockpit_plan"):get(call.query.project_id or "")
    return answer.reply(200, plan_named(chosen and chosen.body.name or "free"))
  end,
  ["PATCH " .. ROOT .. "/plans"] = function(call)
    local one = plan_named(call.body.plan_name)
    if not one then return answer.invalid_argument("plan_name", "constraint", "no such plan") end
    call.emulator.store:collection("cockpit_plan"):put { id = call.body.project_id, body = { name = one.name } }
    return answer.reply(200, one)
  end,
}

local exporters = {
  kind = "cockpit_exporter", path = ROOT .. "/regions/{region}/exporters", list = "exporters", noun = "exporter", owner = "parent",
  placeless = true,
  parent = { kind = "cockpit_data_source", field = "datasource_id" },
  fields = {
    name = { kind = "str", required = true }, description = { kind = "str", default = "" }, exported_products = { kind = "list" },
    datasource_id = { kind = "str", required = true, update = false },
    datadog_destination = { kind = "object", optional = true, fields = {
      endpoint = { kind = "str", create = "endpoint", update = "endpoint" },
      api_key = { kind = "str", create = "api_key", update = "api_key", hidden = true },
    } },
    otlp_destination = { kind = "object" },
  },
  filters = { project_id = false },
  status = { creating = { "creating", 5 }, updating = { "creating", 5 } },
  hooks = {
    view = function(_, _, body)
      for _, name in ipairs { "datadog_destination", "otlp_destination" } do
        if body[name] == json.null then body[name] = nil end
      end
      if body.otlp_destination and body.otlp_destination.headers == nil then body.otlp_destination.headers = {} end
    end,
  },
}

grafana.resources = {
  exporters,
  { kind = "cockpit_grafana_user", path = USERS, create = false, list = false, read = false, update = false, delete = false,
    owner = "none" },
}
grafana.routes = routes

return grafana
