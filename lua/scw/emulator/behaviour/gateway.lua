--- Public gateways v2: gateways, their addresses, and the networks they are attached to.
local answer = require "scw.emulator.answer"
local core = require "core"
local ipam = require "scw.emulator.behaviour.ipam"
local json = require "scw.json"

local gateway = {}

local ZONE = "/vpc-gw/v2/zones/{zone}"

local function public_address()
  local a, b, c = core.random(3):byte(1, 3)
  return ("51.%d.%d.%d"):format(a, b, c), ("%d-%d-%d-51.instances.scw.cloud"):format(c, b, a)
end

local ips = {
  kind = "gateway_ip",
  path = ZONE .. "/ips",
  list = "ips",
  noun = "ip",
  fields = {
    tags = { kind = "list", of = "str", default = json.array {} },
    reverse = { kind = "str", create = false },
  },
  body = function()
    local text, reverse = public_address()
    return { address = text, reverse = reverse, gateway_id = json.null }
  end,
  hooks = {
    removing = function(_, record)
      if record.body.gateway_id ~= json.null then answer.refuse(answer.in_use("the address belongs to a gateway")) end
    end,
  },
}

--- The address a new gateway is given: the one asked for, or one of its own.
local function address_for(call, values)
  local known = call.emulator.resources.gateway_ip
  local wanted = call.body.ip_id
  if type(wanted) == "string" and wanted ~= "" then return known:need(wanted) end
  local text, reverse = public_address()
  local now = call.emulator.clock:timestamp()
  return known:insert({
    address = text, reverse = reverse, tags = json.array {}, zone = call.parameters.zone, project_id = values.project_id,
    organization_id = values.organization_id, created_at = now, updated_at = now, gateway_id = json.null,
  }, { builtin = true, project_id = values.project_id, own = true })
end

local gateways = {
  kind = "gateway",
  path = ZONE .. "/gateways",
  list = "gateways",
  noun = "gateway",
  fields = {
    name = { kind = "str", required = true },
    tags = { kind = "list", of = "str", default = json.array {} },
    type = { kind = "str", required = true, update = false },
    smtp_enabled = { kind = "bool", default = false, create = "enable_smtp", update = "enable_smtp" },
    bastion_enabled = { kind = "bool", default = false, create = "enable_bastion", update = "enable_bastion" },
    bastion_port = { kind = "int", default = 61000 },
    ip_id = { kind = "str", hidden = true, update = false },
  },
  body = { bandwidth = 100, bastion_allowed_ips = json.array { "0.0.0.0/0" }, is_legacy = false },
  status = {
    creating = { "allocating", 5 }, updating = { "configuring", 1 }, deleting = { "deleting", 5 }, ready = "running",
  },
  hooks = {
    created = function(call, record)
      local booked = address_for(call, record.body)
      booked.body.gateway_id = record.id
      call.emulator.resources.gateway_ip.collection:put(booked)
      record.ip = booked.id
    end,
    settled = function(_, record) record.body.version = "0.7.8" end,
    view = function(call, record, body)
      local known, networks = call.emulator.resources.gateway_network, {}
      for index, attached in ipairs(known:by("gateway_id", record.id)) do networks[index] = known:show(call, attached) end
      body.gateway_networks = json.array(networks)
      local booked = call.emulator.resources.gateway_ip:get(record.ip)
      body.ipv4 = booked and booked.body or json.null
    end,
    removed = function(emulator, record)
      local known = emulator.resources.gateway_ip
      local booked = known:get(record.ip)
      if not booked then return end
      if booked.own then return known:remove(booked) end
      booked.body.gateway_id = json.null
      known.collection:put(booked)
    end,
  },
}

local function network_of(call, id)
  local known = call.emulator.resources.private_network
  local network = known:need(id)
  if network.body.region ~= call.parameters.zone:match("^(.-)%-%d+$") then answer.refuse(known:absent(id)) end
  return network
end

local networks = {
  kind = "gateway_network",
  path = ZONE .. "/gateway-networks",
  list = "gateway_networks",
  noun = "gateway_network",
  owner = "parent",
  parent = { kind = "gateway", field = "gateway_id", ready = true },
  fields = {
    gateway_id = { kind = "str", required = true, update = false },
    private_network_id = { kind = "str", required = true, update = false },
    masquerade_enabled = { kind = "bool", default = false, create = "enable_masquerade", update = "enable_masquerade" },
    push_default_route = { kind = "bool", default = false },
  },
  uses = { private_network = function(record, id) return record.body.private_network_id == id end },
  status = { creating = { "created", 10 }, updating = { "configuring", 5 }, deleting = { "detaching", 5 } },
  hooks = {
    prepare = function(call, values)
      call.network = network_of(call, values.private_network_id)
      for _, other in ipairs(call.emulator.resources.gateway_network:by("gateway_id", values.gateway_id)) do
        if other.body.private_network_id == values.private_network_id then
          answer.refuse(answer.exists("gateway_network", other.id, "the network is attached already"))
        end
      end
    end,
    created = function(call, record)
      local a, b, c = core.random(3):byte(1, 3)
      record.mac_address = ("02:00:00:%02X:%02X:%02X"):format(a, b, c)
      local above = call.emulator.resources.gateway
      local owner = above:get(record.body.gateway_id)
      record.body.ipam_ip_id = ipam.book(call.emulator, call.network, {
        id = record.id, type = "vpc_gateway_network", name = owner.body.name, mac_address = record.mac_address,
      }).id
      owner.body.status = "configuring"
      above:plan(owner, { { after = 10, set = { status = "running" } } })
    end,
    settled = function(_, record) record.body.mac_address = record.mac_address end,
    removed = function(emulator, record) ipam.release(emulator, record.id) end,
  },
}

gateway.resources = { ips, gateways, networks }

return gateway
