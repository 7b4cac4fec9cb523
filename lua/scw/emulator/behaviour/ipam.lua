--- IPAM: addresses booked in private networks. A booked address keeps its network from being deleted.
local address = require "scw.emulator.address"
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"

local ipam = {}

--- The network and subnet an address comes from.
local function source_of(call, source, ipv6)
  for network in call.emulator.resources.private_network:each() do
    for _, subnet in ipairs(network.body.subnets) do
      local fits = (subnet.subnet:find(":", 1, true) ~= nil) == ipv6
      if source.subnet_id == subnet.id or (source.private_network_id == network.id and fits) then return network, subnet end
    end
  end
  if type(source.private_network_id) == "string" then
    call.emulator.resources.private_network:need(source.private_network_id)
  end
  answer.refuse(answer.not_found("subnet", tostring(source.subnet_id or "")))
end

local function taken_in(emulator, subnet)
  local taken = {}
  for _, record in ipairs(emulator.resources.ipam_ip:by("source.subnet_id", subnet.id)) do
    taken[record.body.address:match("^[^/]+")] = true
  end
  return taken
end

--- The address asked for when it lies in the subnet and is free, the first free one otherwise.
local function choose(emulator, subnet, wanted, ipv6, besides)
  local range, taken = address.range(subnet.subnet), taken_in(emulator, subnet)
  for text in next, besides or {} do taken[text] = true end
  if wanted == nil and ipv6 then
    local host = core.hex(core.random(8)):gsub("(%x%x%x%x)", "%1:", 3)
    return subnet.subnet:match("^(.-)::") .. ":" .. host .. "/64"
  end
  if wanted == nil then return address.free(range, taken) .. "/" .. range.length end
  wanted = wanted:match("^[^/]+")
  local number = address.number(wanted)
  if not ipv6 and (not number or number < range.first or number > range.last) then
    answer.refuse(answer.invalid_argument("address", "constraint", "is not in the subnet"))
  end
  if taken[wanted] then answer.refuse(answer.exists("ip", "", "the address is already booked")) end
  return wanted .. "/" .. range.length
end

--- A resource of the user's own, known by its hardware address.
local function custom(record, given)
  if type(given) ~= "table" or type(given.mac_address) ~= "string" then return json.null end
  return { id = record.id, type = "custom", mac_address = given.mac_address:upper(), name = given.name or json.null }
end

local function subnet_of(network, ipv6)
  for _, each in ipairs(network.body.subnets) do
    if (each.subnet:find(":", 1, true) ~= nil) == ipv6 then return each end
  end
  return network.body.subnets[1]
end

--- Books an address of a network for a resource of another product: { id =, type =, name =, mac_address = }.
---@param emulator scw.emulator.Emulator
---@param network scw.emulator.Record
---@param resource table
---@param options? { tags: string[]|nil, ipv6: boolean|nil, taken: table<string, boolean>|nil } taken: addresses in use that are not booked
---@return scw.emulator.Record
function ipam.book(emulator, network, resource, options)
  options = options or {}
  local ipv6, now = options.ipv6 == true, emulator.clock:timestamp()
  local subnet = subnet_of(network, ipv6)
  return emulator.resources.ipam_ip:insert({
    address = choose(emulator, subnet, nil, ipv6, options.taken), is_ipv6 = ipv6, source = { subnet_id = subnet.id },
    project_id = network.body.project_id, region = network.body.region, zone = json.null, resource = resource,
    tags = json.array(options.tags or {}),
    reverses = json.array {}, created_at = now, updated_at = now,
  }, { builtin = true, private_network_id = network.id, project_id = network.body.project_id })
end

--- Gives an address a user booked to a resource of another product; refuses one of another network or one in use.
---@param emulator scw.emulator.Emulator
---@param network scw.emulator.Record
---@param id string
---@param resource table
function ipam.attach(emulator, network, id, resource)
  local known = emulator.resources.ipam_ip
  local record = known:need(id)
  if record.private_network_id ~= network.id then
    answer.refuse(answer.invalid_argument("ip_ids", "constraint", "is not an address of the private network"))
  end
  if record.body.resource ~= json.null and record.body.resource ~= nil then
    answer.refuse(answer.in_use("the address is attached"))
  end
  record.body.resource, record.body.updated_at = resource, emulator.clock:timestamp()
  known.collection:put(record)
end

--- Frees the addresses of a resource: what was booked for it goes, what a user booked stays.
---@param emulator scw.emulator.Emulator
---@param resource_id string
function ipam.release(emulator, resource_id)
  local known = emulator.resources.ipam_ip
  for _, record in ipairs(known:by("resource.id", resource_id)) do
    if record.builtin then
      known:remove(record)
    else
      record.body.resource = json.null
      known.collection:put(record)
    end
  end
end

local function is_attached(record) return record.body.resource ~= json.null and record.body.resource ~= nil end

local function of_resource(key)
  return function(record, value)
    if value:find("^unknown") then return true end
    if not is_attached(record) then return false end
    local present = record.body.resource[key]
    if key == "name" then return type(present) == "string" and present:find(value, 1, true) ~= nil end
    return tostring(present):lower() == value:lower()
  end
end

local function change_resource(key)
  return function(call, record)
    record.body.resource = custom(record, key and call.body[key] or nil)
    record.body.updated_at = call.emulator.clock:timestamp()
    call.emulator.resources.ipam_ip.collection:put(record)
  end
end

local ips = {
  before = function(call) call.emulator.resources.instance_server:settle_all() end, -- what is due to go frees its addresses
  kind = "ipam_ip",
  path = "/ipam/v1/regions/{region}/ips",
  list = "ips",
  noun = "ip",
  owner = "bare",
  fields = {
    source = { kind = "object", required = true, update = false },
    address = { kind = "str", update = false },
    is_ipv6 = { kind = "bool", default = false, update = false },
    tags = { kind = "list", default = json.array {} },
    reverses = { kind = "list", default = json.array {}, create = false },
    resource = { kind = "object", update = false },
  },
  body = { zone = json.null },
  uses = {
    private_network = function(record, id) return record.private_network_id == id end,
  },
  filters = {
    private_network_id = function(record, value) return record.private_network_id == value end,
    subnet_id = function(record, value) return record.body.source.subnet_id == value end,
    attached = function(record, value) return is_attached(record) == (value == "true") end,
    resource_id = of_resource "id", resource_type = of_resource "type", mac_address = of_resource "mac_address",
    resource_name = of_resource "name",
    zonal = false, regional = false,
  },
  hooks = {
    prepare = function(call, values)
      local network, subnet = source_of(call, values.source, values.is_ipv6 == true)
      values.address = choose(call.emulator, subnet, values.address, values.is_ipv6 == true)
      values.source = { subnet_id = subnet.id }
      call.network = network
    end,
    created = function(call, record)
      record.private_network_id = call.network.id
      record.body.resource = custom(record, call.body.resource)
    end,
    removing = function(_, record)
      if is_attached(record) and record.body.resource.type ~= "custom" then
        answer.refuse(answer.in_use("the address is attached"))
      end
    end,
  },
  actions = {
    ["POST move"] = change_resource "to_resource",
    ["POST attach"] = change_resource "resource",
    ["POST detach"] = change_resource(nil),
  },
}

ipam.resources = { ips }

return ipam
