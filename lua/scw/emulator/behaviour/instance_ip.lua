--- Instance v1: public addresses, which outlive the servers they are attached to.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"

local instance_ip = {}

local function random_address(kind)
  local a, b, c = core.random(3):byte(1, 3)
  if kind == "routed_ipv6" then return json.null, ("2001:bc8:%x:%x::/64"):format(a, b * 256 + c) end
  return ("51.%d.%d.%d"):format(a, b, c), json.null
end

--- Attaches an address to a server, or detaches it without one.
---@param emulator scw.emulator.Emulator
---@param record scw.emulator.Record
---@param server scw.emulator.Record|nil
function instance_ip.attach(emulator, record, server)
  record.body.server_id = server and server.id or nil
  record.body.state = server and "attached" or "detached"
  emulator.resources.instance_ip.collection:put(record)
end

--- Attaches to the server a body names: an id, or null for none.
local function place(call, record, wanted)
  if wanted == nil then return end
  local server = type(wanted) == "string" and wanted ~= "" and call.emulator.resources.instance_server:need(wanted) or nil
  if server and record.body.server_id and record.body.server_id ~= server.id then
    answer.refuse(answer.in_use("the address belongs to another server"))
  end
  instance_ip.attach(call.emulator, record, server)
end

local ips = {
  before = function(call) call.emulator.resources.instance_server:settle_all() end,
  kind = "instance_ip",
  path = "/instance/v1/zones/{zone}/ips",
  list = "ips",
  noun = "instance_ip",
  wrapped = "ip",
  page_size = 50,
  untimed = true,
  fields = {
    type = { kind = "str", enum = { "routed_ipv4", "routed_ipv6" }, default = "routed_ipv4", update = false },
    tags = { kind = "list", of = "str", default = json.array {} },
    reverse = { kind = "str", create = false },
    server_id = { kind = "str", create = false, update = false, hidden = true },
  },
  body = function(_, values)
    local text, prefix = random_address(values.type)
    return { address = text, prefix = prefix, reverse = json.null, state = "detached", ipam_id = core.uuid() }
  end,
  filters = {
    name = function(record, value) return record.body.address == value end,
  },
  hooks = {
    created = function(call, record) place(call, record, call.body.server) end,
    patched = function(call, record)
      if call.body.reverse == json.null or call.body.reverse == "" then record.body.reverse = json.null end
      place(call, record, call.body.server)
    end,
    view = function(call, record, body)
      local server = record.body.server_id and call.emulator.resources.instance_server:get(record.body.server_id)
      body.server = server and { id = server.id, name = server.body.name } or json.null
    end,
  },
}

--- The address a running server has when it asked for one and has no other.
---@param emulator scw.emulator.Emulator
---@param server scw.emulator.Record
function instance_ip.lease(emulator, server)
  local known = emulator.resources.instance_ip
  if not server.body.dynamic_ip_required or #known:by("server_id", server.id) > 0 then return end
  local text = random_address "routed_ipv4"
  known:insert({
    address = text, prefix = json.null, reverse = json.null, state = "attached", ipam_id = core.uuid(), type = "routed_ipv4",
    tags = json.array {}, project = server.body.project, organization = server.body.organization, zone = server.body.zone,
    server_id = server.id,
  }, { builtin = true, dynamic = true, project_id = server.body.project, place = { zone = server.body.zone } })
end

--- Frees the addresses of a server that goes, or only what was lent to it while it ran.
---@param emulator scw.emulator.Emulator
---@param server scw.emulator.Record
---@param all boolean
function instance_ip.release(emulator, server, all)
  local known = emulator.resources.instance_ip
  for _, record in ipairs(known:by("server_id", server.id)) do
    if record.dynamic then
      known:remove(record)
    elseif all then
      instance_ip.attach(emulator, record, nil)
    end
  end
end

--- The addresses of a server as it shows them.
---@param call table
---@param server scw.emulator.Record
---@return table[]
function instance_ip.show(call, server)
  local shown = {}
  for index, record in ipairs(call.emulator.resources.instance_ip:by("server_id", server.id)) do
    local ipv6 = record.body.type == "routed_ipv6"
    shown[index] = {
      id = record.id, address = ipv6 and record.body.prefix:gsub("/64$", "1") or record.body.address,
      gateway = ipv6 and "fe80::dc00:ff:fe20:116" or "62.210.0.1", netmask = ipv6 and "64" or "32",
      family = ipv6 and "inet6" or "inet", dynamic = record.dynamic == true, provisioning_mode = ipv6 and "slaac" or "dhcp",
      state = "attached", tags = record.body.tags, ipam_id = record.body.ipam_id,
    }
  end
  return json.array(shown)
end

instance_ip.resources = { ips }

return instance_ip
