--- VPCs, private networks, routes, ACLs, connectors, ingress rules. A project has one default VPC a region, made when it
--- is first needed.
local address = require "scw.emulator.address"
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"
local listing = require "scw.emulator.listing"

local vpc = {}

local REGION = "/vpc/v2/regions/{region}"
local AUTOMATIC_POOL, AUTOMATIC_LENGTH = "172.16.0.0/12", 22

-- VPCs --------------------------------------------------------------------------------------------------------------------

local function default_vpc(emulator, project, region)
  for _, record in ipairs(emulator.resources.vpc:by("project_id", project)) do
    if record.body.is_default and record.body.region == region then return record end
  end
  local now = emulator.clock:timestamp()
  return emulator.resources.vpc:insert({
    name = "default", tags = json.array { "default" }, is_default = true, routing_enabled = true, region = region,
    custom_routes_propagation_enabled = true, transitivity_enabled = false, s3_integration_enabled = false,
    project_id = project, organization_id = emulator:organization_of(project), created_at = now, updated_at = now,
  }, { builtin = true, project_id = project })
end

local function touch(call, record)
  record.body.updated_at = call.emulator.clock:timestamp()
  call.emulator.resources.vpc.collection:put(record)
end

local function shown_rules(record, ipv6)
  local acl = record.acl and record.acl[ipv6 and "ipv6" or "ipv4"]
  return answer.reply(200, acl or { default_policy = "accept", rules = json.array {} })
end

local function is_true(value) return value == true or value == "true" end

local function set_rules(call, record)
  local rules = {}
  local given = call.body.rules
  for index, rule in ipairs(type(given) == "table" and given or {}) do
    if type(rule) ~= "table" then answer.refuse(answer.invalid_argument("rules", "format", "is not a list of rules")) end
    local kept = { -- what a rule says when the caller does not
      protocol = "ANY", source = "0.0.0.0/0", destination = "0.0.0.0/0", action = "accept",
      src_port_low = 0, src_port_high = 0, dst_port_low = 0, dst_port_high = 0,
    }
    for name, value in next, rule do
      if value ~= json.null then kept[name] = value end
    end
    kept.description = "(Rule scope: client) " .. (type(rule.description) == "string" and rule.description or "")
    rules[index] = kept
  end
  local policy = call.body.default_policy
  record.acl = record.acl or {}
  record.acl[is_true(call.body.is_ipv6) and "ipv6" or "ipv4"] = {
    default_policy = (policy == "drop" or policy == "accept") and policy or "accept", rules = json.array(rules),
  }
  touch(call, record)
  return shown_rules(record, is_true(call.body.is_ipv6))
end

local vpcs = {
  kind = "vpc",
  noun = "vpc",
  list = "vpcs",
  body = {
    is_default = false, routing_enabled = true, custom_routes_propagation_enabled = true, s3_integration_enabled = false,
  },
  before = function(call)
    if call.route.key == "GET " .. REGION .. "/vpcs" then
      local project = call.query.project_id
      default_vpc(call.emulator, type(project) == "string" and project or call.emulator.project_id, call.parameters.region)
    end
  end,
  hooks = {
    view = function(call, record, body)
      body.private_network_count = #call.emulator.resources.private_network:by("vpc_id", record.id)
    end,
    removing = function(_, record)
      if record.body.is_default then
        answer.refuse(answer.precondition("protected_resource", "the default VPC cannot be deleted"))
      end
    end,
  },
  actions = {
    ["POST enable-custom-routes-propagation"] = function(call, record)
      record.body.custom_routes_propagation_enabled = true
      touch(call, record)
    end,
    ["POST enable-routing"] = function(call, record)
      record.body.routing_enabled = true
      touch(call, record)
    end,
    ["GET acl-rules"] = function(call, record) return shown_rules(record, is_true(call.query.is_ipv6)) end,
    ["PUT acl-rules"] = set_rules,
  },
}

-- Private networks --------------------------------------------------------------------------------------------------------

--- The ranges that the networks of a VPC have.
local function ranges_of(emulator, id)
  local ranges = {}
  for _, network in ipairs(emulator.resources.private_network:by("vpc_id", id)) do
    for _, subnet in ipairs(network.body.subnets) do ranges[#ranges + 1] = address.range(subnet.subnet) end
  end
  return ranges
end

local function wanted_ranges(given, taken)
  local ranges, families = {}, {}
  for _, text in ipairs(given or {}) do
    local range = type(text) == "string" and address.range(text)
    if not range then answer.refuse(answer.invalid_argument("subnets", "format", "is not a range of addresses")) end
    for _, other in ipairs(taken) do
      if address.overlap(range, other) then
        answer.refuse(answer.invalid_argument("subnets", "constraint", "overlaps another subnet of the VPC"))
      end
    end
    ranges[#ranges + 1], taken[#taken + 1] = range.text, range
    families[range.ipv6 and "ipv6" or "ipv4"] = true
  end
  return ranges, families
end

--- The ranges of a new network: those asked for, and one of its own for each family that was not.
local function subnets_for(emulator, vpc_id, given)
  local taken = ranges_of(emulator, vpc_id)
  local ranges, families = wanted_ranges(given, taken)
  if not families.ipv4 then
    table.insert(ranges, 1, address.free_range(AUTOMATIC_POOL, AUTOMATIC_LENGTH, taken))
  end
  if not families.ipv6 then
    local digits = vpc_id:gsub("%-", "")
    ranges[#ranges + 1] = ("fd%s:%s:%s:%s::/64"):format(digits:sub(1, 2), digits:sub(3, 6), digits:sub(7, 10),
      core.hex(core.random(2)))
  end
  return ranges
end

local networks = {
  kind = "private_network",
  noun = "private_network",
  list = "private_networks",
  fields = {
    vpc_id = { kind = "str" },
    subnets = { kind = "list" },
  },
  body = { dhcp_enabled = true, has_s3_integration = false },
  uses = { vpc = function(record, id) return record.body.vpc_id == id end },
  hooks = {
    prepare = function(call, values)
      local emulator, region = call.emulator, call.parameters.region
      if values.vpc_id == nil or values.vpc_id == "" then
        values.vpc_id = default_vpc(emulator, values.project_id, region).id
      end
      local above = emulator.resources.vpc:need(values.vpc_id)
      if above.body.region ~= region then answer.refuse(emulator.resources.vpc:absent(values.vpc_id)) end
      values.subnets = subnets_for(emulator, values.vpc_id, values.subnets)
    end,
    created = function(_, record)
      local body, subnets = record.body, {}
      for index, range in ipairs(body.subnets) do
        subnets[index] = {
          id = core.uuid(), subnet = range, private_network_id = record.id, vpc_id = body.vpc_id, region = body.region,
          project_id = body.project_id, created_at = body.created_at, updated_at = body.created_at,
        }
      end
      body.subnets = json.array(subnets)
    end,
  },
  actions = {
    ["POST enable-dhcp"] = function() end,
  },
}

-- Routes ------------------------------------------------------------------------------------------------------------------

local NEXTHOPS = { "nexthop_resource_id", "nexthop_private_network_id", "nexthop_vpc_connector_id" }

local function unknown_missing() return answer.not_found("unknown", "") end

local routes = {
  kind = "vpc_route",
  path = REGION .. "/routes",
  list = false,
  missing = unknown_missing,
  owner = "parent",
  parent = { kind = "vpc", field = "vpc_id" },
  fields = {
    vpc_id = { kind = "str", required = true, update = false },
    destination = { kind = "str", required = true },
    description = { kind = "str", default = "Custom route" },
    tags = { kind = "list", default = json.array {} },
    nexthop_resource_id = { kind = "str", default = json.null },
    nexthop_private_network_id = { kind = "str", default = json.null },
    nexthop_vpc_connector_id = { kind = "str", default = json.null },
  },
  body = { is_read_only = false, type = "custom" },
  hooks = {
    prepare = function(_, values)
      if not address.range(values.destination) then
        answer.refuse(answer.invalid_argument("destination", "format", "is not a range of addresses"))
      end
      local found = false
      for _, name in ipairs(NEXTHOPS) do found = found or values[name] ~= nil end
      if not found then answer.refuse(answer.invalid_argument("nexthop", "required", "a next hop is required")) end
      if values.description == "" then values.description = nil end
    end,
  },
}

--- Networks are reached by routes nobody made.
local function managed_routes(emulator, vpc_id)
  local found = {}
  for _, network in ipairs(emulator.resources.private_network:by("vpc_id", vpc_id)) do
    for _, subnet in ipairs(network.body.subnets) do
      found[#found + 1] = { sequence = #found + 1, body = {
        id = "", vpc_id = vpc_id, destination = subnet.subnet, description = "Local Private Network route",
        tags = json.array { "MANAGED" }, is_read_only = true, type = "subnet", region = network.body.region,
        nexthop_private_network_id = network.id, nexthop_resource_id = json.null, nexthop_vpc_connector_id = json.null,
        created_at = network.body.created_at, updated_at = network.body.created_at,
      } }
    end
  end
  return found
end

local function has_tags(record, value)
  if record.body.is_read_only then return true end
  local present = {}
  for _, tag in ipairs(record.body.tags) do present[tag] = true end
  for _, tag in ipairs(type(value) == "table" and value or { value }) do
    if not present[tag] then return false end
  end
  return true
end

local ROUTE_FILTERS = {
  is_ipv6 = function(record, value) return (record.body.destination:find(":", 1, true) ~= nil) == (value == "true") end,
  tags = has_tags,
  nexthop_resource_type = false,
}

local function list_routes(call)
  local emulator, vpc_id = call.emulator, call.query.vpc_id
  local all = {}
  for record in emulator.resources.vpc:each() do
    if vpc_id == nil or record.id == vpc_id then table.move(managed_routes(emulator, record.id), 1, 1000, #all + 1, all) end
  end
  for record in emulator.resources.vpc_route:each() do all[#all + 1] = record end
  local at = 0
  local function each()
    repeat
      at = at + 1
      local record = all[at]
      if not record or record.body.region == call.parameters.region then return record end
    until false
  end
  local page, total = listing.page(each, call.query, ROUTE_FILTERS)
  local shown = {}
  for index, record in ipairs(page) do
    shown[index] = { route = record.body, nexthop_ip = json.null, nexthop_name = json.null, nexthop_resource_type = "unknown_type" }
  end
  return answer.reply(200, { routes = json.array(shown), total_count = total })
end

routes.routes = { ["GET " .. REGION .. "/routes-with-nexthop"] = list_routes }

-- Connectors and ingress rules --------------------------------------------------------------------------------------------

--- A connector is up once its peer has one back.
local function connector_status(call, record, body)
  body.status = "orphan"
  for _, other in ipairs(call.emulator.resources.vpc_connector:by("vpc_id", record.body.target_vpc_id)) do
    if other.body.target_vpc_id == record.body.vpc_id then body.status = "peered" end
  end
end

local connectors = {
  kind = "vpc_connector",
  path = REGION .. "/vpc-connectors",
  list = "vpc_connectors",
  noun = "vpc_connector",
  parent = { kind = "vpc", field = "vpc_id" },
  fields = {
    name = { kind = "str", required = true },
    tags = { kind = "list", default = json.array {} },
    vpc_id = { kind = "str", required = true, update = false },
    target_vpc_id = { kind = "str", required = true, update = false },
  },
  hooks = {
    prepare = function(call, values) call.emulator.resources.vpc:need(values.target_vpc_id) end,
    view = connector_status,
  },
}

local ingress_rules = {
  kind = "vpc_ingress_rule",
  path = REGION .. "/ingress-rules",
  list = "rules",
  missing = unknown_missing,
  parent = { kind = "vpc", field = "vpc_id" },
  fields = {
    vpc_id = { kind = "str", required = true, update = false },
    source = { kind = "str", required = true },
    nexthop_resource_ip = { kind = "str" },
    nexthop_private_network_id = { kind = "str" },
    description = { kind = "str", default = "" },
    tags = { kind = "list", default = json.array {} },
  },
  hooks = {
    prepare = function(_, values) values.is_ipv6 = values.source:find(":", 1, true) ~= nil end,
  },
}

vpc.resources = { vpcs, networks, routes, connectors, ingress_rules }

vpc.routes = {
  ["GET " .. REGION .. "/subnets"] = function(call)
    local all, at = {}, 0
    for record in call.emulator.resources.private_network:each() do
      for _, subnet in ipairs(record.body.subnets) do all[#all + 1] = { id = subnet.id, sequence = #all, body = subnet } end
    end
    local page, total = listing.page(function()
      at = at + 1
      return all[at]
    end, call.query, { subnet_ids = function(record, value)
      return value == record.id or type(value) == "table" and table.concat(value, " "):find(record.id, 1, true) ~= nil
    end })
    local shown = {}
    for index, record in ipairs(page) do shown[index] = record.body end
    return answer.reply(200, { subnets = json.array(shown), total_count = total })
  end,
}

return vpc
