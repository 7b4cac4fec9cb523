--- Domains and DNS: zones and their records. A zone that is asked for exists; it becomes active when it has records.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"
local listing = require "scw.emulator.listing"

local domain = {}

local ZONES = "/domain/v2beta1/dns-zones"
local NAME_SERVERS = { "ns0.dom.scw.cloud", "ns1.dom.scw.cloud" }

local zones = {
  kind = "domain_zone",
  path = ZONES,
  create = false, read = false, update = false, delete = false, list = false,
  status = { creating = { "pending", 8 }, ready = "active" },
}

local records = {
  kind = "domain_record",
  path = "/domain/v2beta1/records",
  create = false, read = false, update = false, delete = false, list = false,
  parent = { kind = "domain_zone", field = "zone_id" },
}

--- "container.example.org" is the zone `container` of the domain `example.org`.
local function split(name)
  local labels = {}
  for label in name:gmatch("[^.]+") do labels[#labels + 1] = label end
  local count = #labels
  if count < 2 then answer.refuse(answer.invalid_argument("dns_zone", "format", "is not the name of a zone")) end
  return table.concat(labels, ".", 1, count - 2), table.concat(labels, ".", count - 1)
end

local function zone_of(call, name)
  local known = call.emulator.resources.domain_zone
  local found = known:by("name", name)[1]
  if found then return found end
  local subdomain, parent = split(name)
  local record = known:insert({
    name = name, domain = parent, subdomain = subdomain, ns = json.array { table.unpack(NAME_SERVERS) },
    ns_default = json.array { table.unpack(NAME_SERVERS) }, ns_master = json.array {}, status = "active", message = json.null,
    project_id = call.emulator.project_id, linked_products = json.array {}, updated_at = call.emulator.clock:timestamp(),
  }, { builtin = true })
  known:begin(record, "creating")
  return record
end

local function shown(record)
  local body = {}
  for name, value in next, record.body do
    if name ~= "zone_id" then body[name] = value end
  end
  return body
end

local RECORD = { name = "", priority = 0, ttl = 3600, comment = json.null }

local function add(call, zone, given)
  local body = {}
  for name, value in next, RECORD do body[name] = value end
  for name, value in next, given do body[name] = value end
  if type(body.type) ~= "string" or type(body.data) ~= "string" then
    answer.refuse(answer.invalid_argument("records", "required", "a record needs type and data"))
  end
  body.id, body.zone_id, body.updated_at = core.uuid(), zone.id, call.emulator.clock:timestamp()
  return call.emulator.resources.domain_record:insert(body, { project_id = zone.body.project_id })
end

local function matches(record, change)
  if type(change.id) == "string" then return record.id == change.id end
  local fields = change.id_fields
  if type(fields) ~= "table" then return false end
  for _, name in ipairs { "name", "type", "data", "ttl" } do
    if fields[name] ~= nil and fields[name] ~= json.null and fields[name] ~= record.body[name] then return false end
  end
  return true
end

local function remove(call, zone, change)
  local known, count = call.emulator.resources.domain_record, 0
  for _, record in ipairs(known:by("zone_id", zone.id)) do
    if matches(record, change) then
      known:remove(record)
      count = count + 1
    end
  end
  return count
end

local changes = {}

function changes.add(call, zone, change, made)
  for _, given in ipairs(change.records or {}) do made[#made + 1] = add(call, zone, given) end
end

function changes.delete(call, zone, change)
  if remove(call, zone, change) == 0 then answer.refuse(answer.not_found("record", tostring(change.id or ""))) end
end

function changes.set(call, zone, change, made)
  remove(call, zone, change)
  changes.add(call, zone, change, made)
end

function changes.clear(call, zone)
  for _, record in ipairs(call.emulator.resources.domain_record:by("zone_id", zone.id)) do
    call.emulator.resources.domain_record:remove(record)
  end
end

local function change_records(call)
  local zone, made = zone_of(call, call.parameters.zone_name), {}
  for _, change in ipairs(type(call.body.changes) == "table" and call.body.changes or {}) do
    for _, verb in ipairs { "clear", "delete", "set", "add" } do
      if type(change[verb]) == "table" then changes[verb](call, zone, change[verb], made) end
    end
  end
  if call.body.return_all_records == true then made = call.emulator.resources.domain_record:by("zone_id", zone.id) end
  local bodies = {}
  for index, record in ipairs(made) do bodies[index] = shown(record) end
  return answer.reply(200, { records = json.array(bodies) })
end

local function iterate(list)
  local at = 0
  return function()
    at = at + 1
    return list[at]
  end
end

local RECORD_FILTERS = {
  name = function(record, value) return value == "" or record.body.name == value end,
  type = function(record, value) return value == "unknown" or record.body.type == value end,
}

local function list_records(call)
  local zone = zone_of(call, call.parameters.zone_name)
  local page, total = listing.page(iterate(call.emulator.resources.domain_record:by("zone_id", zone.id)), call.query, RECORD_FILTERS)
  local bodies = {}
  for index, record in ipairs(page) do bodies[index] = shown(record) end
  return answer.reply(200, { records = json.array(bodies), total_count = total })
end

local function list_zones(call)
  local wanted = call.query.dns_zones or call.query.dns_zone
  if type(wanted) == "string" and wanted ~= "" then zone_of(call, wanted) end
  local page, total = listing.page(call.emulator.resources.domain_zone:each(), call.query, {
    dns_zones = function(record, value) return record.body.name == value end,
    dns_zone = function(record, value) return record.body.name == value end,
  })
  local bodies = {}
  for index, record in ipairs(page) do
    local body = shown(record)
    body.id, body.name, body.created_at = nil, nil, nil
    bodies[index] = body
  end
  return answer.reply(200, { dns_zones = json.array(bodies), total_count = total })
end

zones.routes = {
  ["GET " .. ZONES] = list_zones,
  ["GET " .. ZONES .. "/{zone_name}/records"] = list_records,
  ["PATCH " .. ZONES .. "/{zone_name}/records"] = change_records,
}

domain.resources = { zones, records }

return domain
