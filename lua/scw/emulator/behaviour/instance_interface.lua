--- Instance v2alpha1 and v1: what connects a server to private networks. While one exists, its network stays.
local answer = require "scw.emulator.answer"
local calls = require "scw.emulator.calls"
local core = require "core"
local instance_types = require "scw.emulator.instance_types"
local ipam = require "scw.emulator.behaviour.ipam"
local json = require "scw.json"

local instance_interface = {}

local OLDEST = "/instance/v1/zones/{zone}/servers/{server_id}/private_nics"
local STATES = { attaching = "syncing", available = "available" }

local function network_of(call, id)
  local known = call.emulator.resources.private_network
  local network = known:need(id)
  if network.body.region ~= call.parameters.zone:match("^(.-)%-%d+$") then answer.refuse(known:absent(id)) end
  return network
end

--- Refuses a server elsewhere, one that has as many as its type allows, and a second interface to a network.
local function check_server(call, server, network_id)
  local emulator = call.emulator
  if server.body.zone ~= call.parameters.zone then answer.refuse(emulator.resources.instance_server:absent(server.id)) end
  local present = emulator.resources.instance_private_nic:by("server_id", server.id)
  local most = instance_types.get(server.body.commercial_type).capabilities.private_network
  if #present >= most then answer.refuse(answer.quota("instance_private_nic", most, #present)) end
  for _, other in ipairs(present) do
    if other.body.private_network_id == network_id then
      answer.refuse(answer.exists("instance_private_nic", other.id, "the server is in the private network already"))
    end
  end
end

--- Its addresses: those the caller booked, or one of each family.
local function book(call, record, server)
  local body, ids = record.body, {}
  local holder = { id = record.id, type = "instance_private_nic", name = server.body.name, mac_address = body.mac_address:upper() }
  local wanted = call.body.ip_ids
  if type(wanted) == "table" and #wanted > 0 then
    for index, id in ipairs(wanted) do
      ipam.attach(call.emulator, call.network, id, holder)
      ids[index] = id
    end
  else
    for index, ipv6 in ipairs { false, true } do
      ids[index] = ipam.book(call.emulator, call.network, holder, { ipv6 = ipv6 }).id
    end
  end
  body.ip_ids = json.array(ids)
end

local interfaces = {
  kind = "instance_private_nic",
  path = "/instance/v2alpha1/zones/{zone}/private-network-interfaces",
  list = "private_network_interfaces",
  noun = "instance_private_nic",
  owner = "bare",
  placeless = true,
  parent = { kind = "instance_server", field = "server_id" },
  fields = {
    private_network_id = { kind = "str", required = true, update = false },
    server_id = { kind = "str", required = true, update = false },
    ip_ids = { kind = "list", of = "str", update = false },
    tags = { kind = "list", of = "str", default = json.array {} },
  },
  body = function()
    local a, b, c = core.random(3):byte(1, 3)
    return { security_group_id = "", mac_address = ("02:00:00:%02x:%02x:%02x"):format(a, b, c) }
  end,
  status = { creating = { "attaching", 30 }, ready = "available", busy = {} },
  uses = { private_network = function(record, id) return record.body.private_network_id == id end },
  hooks = {
    prepare = function(call, values)
      call.network = network_of(call, values.private_network_id)
      call.server = call.emulator.resources.instance_server:need(values.server_id)
      check_server(call, call.server, values.private_network_id)
    end,
    created = function(call, record) book(call, record, call.server) end,
    removed = function(emulator, record) ipam.release(emulator, record.id) end,
  },
}

-- The same as v1 has it -------------------------------------------------------------------------------------------------

local function oldest_time(text) return (text:gsub("Z$", "+00:00")) end

local function oldest(record)
  local body = record.body
  return {
    id = record.id, server_id = body.server_id, private_network_id = body.private_network_id, mac_address = body.mac_address,
    ipam_ip_ids = body.ip_ids, state = STATES[body.status], tags = body.tags, zone = record.place.zone,
    creation_date = oldest_time(body.created_at), modification_date = oldest_time(body.updated_at),
  }
end

--- The interfaces of a server as it shows them.
---@param call table
---@param server scw.emulator.Record
---@return table[]
function instance_interface.show(call, server)
  local shown = {}
  for index, record in ipairs(call.emulator.resources.instance_private_nic:by("server_id", server.id)) do
    shown[index] = oldest(record)
  end
  return json.array(shown)
end

--- The interface a path of v1 names, of the server it names.
local function find(call)
  local known = call.emulator.resources.instance_private_nic
  local record = calls.find(known, call)
  if record.body.server_id ~= call.parameters.server_id then answer.refuse(known:absent(record.id)) end
  return known, record
end

local function oldest_create(call)
  local body = call.body
  body.server_id = call.parameters.server_id
  if type(body.ipam_ip_ids) == "table" then body.ip_ids = body.ipam_ip_ids end
  local known = call.emulator.resources.instance_private_nic
  local made = calls.create(known, call)
  return answer.reply(201, { private_nic = oldest(known:get(made.body.id)) })
end

local function oldest_list(call)
  local server = call.emulator.resources.instance_server:need(call.parameters.server_id)
  return answer.reply(200, { private_nics = instance_interface.show(call, server) })
end

local function oldest_read(call)
  local _, record = find(call)
  return answer.reply(200, { private_nic = oldest(record) })
end

local function oldest_update(call)
  local known, record = find(call)
  calls.update(known, call)
  return answer.reply(200, oldest(record))
end

local function oldest_delete(call)
  local known = find(call)
  return calls.delete(known, call)
end

interfaces.routes = {
  ["POST " .. OLDEST] = oldest_create,
  ["GET " .. OLDEST] = oldest_list,
  ["GET " .. OLDEST .. "/{id}"] = oldest_read,
  ["PATCH " .. OLDEST .. "/{id}"] = oldest_update,
  ["DELETE " .. OLDEST .. "/{id}"] = oldest_delete,
}

instance_interface.resources = { interfaces }

return instance_interface
