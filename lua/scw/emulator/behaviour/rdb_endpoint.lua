--- Endpoints of managed databases and of their read replicas: a public address, one in a private network (booked in
--- IPAM unless the caller chose it), or the direct address of a replica.
local address = require "scw.emulator.address"
local answer = require "scw.emulator.answer"
local catalogue = require "scw.emulator.behaviour.rdb_catalogue"
local core = require "core"
local ipam = require "scw.emulator.behaviour.ipam"
local json = require "scw.json"
local rdb_state = require "scw.emulator.behaviour.rdb_state"

local rdb_endpoint = {}

local REGION = "/rdb/v1/regions/{region}"
local CONFIGURING_SECONDS = 15

local KINDS = { "load_balancer", "private_network", "direct_access" }

local function kind_of(spec)
  local found
  for _, kind in ipairs(KINDS) do
    if type(spec[kind]) == "table" then
      if found then answer.refuse(answer.invalid_argument("endpoint_spec", "constraint", "only one kind is possible")) end
      found = kind
    end
  end
  return found
end

--- The endpoints of an instance or a replica, in the order in which they were made.
---@return scw.emulator.Record[]
function rdb_endpoint.of(emulator, owner_id)
  return emulator.resources.rdb_endpoint:by("owner_id", owner_id)
end

--- The same as they are answered.
---@return table[]
function rdb_endpoint.shown(emulator, owner_id)
  local shown = {}
  for index, record in ipairs(rdb_endpoint.of(emulator, owner_id)) do
    shown[index] = emulator.resources.rdb_endpoint:show(nil, record)
  end
  return json.array(shown)
end

--- Does the instance or replica have an endpoint in this network?
---@return boolean
function rdb_endpoint.uses(emulator, owner_id, network_id)
  for _, record in ipairs(rdb_endpoint.of(emulator, owner_id)) do
    local private = record.body.private_network
    if private and private.private_network_id == network_id then return true end
  end
  return false
end

-- Addresses ---------------------------------------------------------------------------------------------------------------

--- The addresses of a network that callers chose: nobody booked them.
local function chosen_in(emulator, network)
  local taken = {}
  for record in emulator.resources.rdb_endpoint:each() do
    local private = record.body.private_network
    if private and private.private_network_id == network.id then taken[record.body.ip] = true end
  end
  return taken
end

local function is_taken(emulator, network, ip)
  if chosen_in(emulator, network)[ip] then return true end
  for record in emulator.resources.ipam_ip:each() do
    if record.private_network_id == network.id and record.body.address:match("^[^/]+") == ip then return true end
  end
  return false
end

local function hardware_address()
  local digits = core.hex(core.random(3)):upper()
  return ("02:00:00:%s:%s:%s"):format(digits:sub(1, 2), digits:sub(3, 4), digits:sub(5, 6))
end

--- Books the next free address of the network. It stays as long as the endpoint.
local function book(emulator, owner, network)
  local record = ipam.book(emulator, network,
    { id = owner.instance_id, type = "rdb_instance", name = owner.name, mac_address = hardware_address() },
    { tags = { "managed", "scwdbaas" }, taken = chosen_in(emulator, network) })
  return record.body.address, record.id
end

local function public_address()
  local a, b = core.random(2):byte(1, 2)
  return ("51.15.%d.%d"):format(a, math.max(b, 1))
end

local function public_port()
  local a, b = core.random(2):byte(1, 2)
  return 1024 + (a << 8 | b) % 31000
end

-- Opening and closing -----------------------------------------------------------------------------------------------------

--- Refuses specifications that cannot be met. `kinds`: those this owner may have. `present`: those it has.
---@param call table
---@param specs table[]|nil
---@param kinds table<string, boolean>
---@param present? scw.emulator.Record[]
---@return table[] specs
function rdb_endpoint.check(call, specs, kinds, present)
  local networks, seen = call.emulator.resources.private_network, {}
  for _, record in ipairs(present or {}) do seen[kind_of(record.body)] = true end
  specs = type(specs) == "table" and specs or {}
  for _, spec in ipairs(specs) do
    local kind = type(spec) == "table" and kind_of(spec)
    if not kind or not kinds[kind] then
      answer.refuse(answer.invalid_argument("endpoint_spec", "constraint", "has no kind that is possible here"))
    end
    if seen[kind] then
      answer.refuse(answer.invalid_argument("endpoints." .. kind, "constraint", "there is one already"))
    end
    seen[kind] = true
    if kind == "private_network" then
      local private = spec.private_network
      local network = networks:need(private.private_network_id)
      if network.body.region ~= call.parameters.region then answer.refuse(networks:absent(network.id)) end
      local ip = private.service_ip
      if type(ip) == "string" then
        local base, length = ip:match("^([%d.]+)/(%d+)$")
        if not base or not address.number(base) or tonumber(length) > 32 then
          answer.refuse(answer.invalid_argument("endpoints.private_network.service_ip", "format", "is not an address with its mask"))
        end
        if is_taken(call.emulator, network, base) then
          answer.refuse(answer.invalid_argument("endpoints.private_network.service_ip", "constraint", "is used already"))
        end
      end
    end
  end
  return specs
end

--- Opens an endpoint now.
---@param emulator scw.emulator.Emulator
---@param owner scw.emulator.RdbOwner
---@param spec table
---@return scw.emulator.Record
function rdb_endpoint.open(emulator, owner, spec)
  local body = { owner_id = owner.id, name = json.null }
  local kind = kind_of(spec)
  local extra = { builtin = true, place = { region = owner.region }, instance_id = owner.instance_id }
  if kind == "private_network" then
    local network = emulator.resources.private_network:need(spec.private_network.private_network_id)
    local service_ip, mode = spec.private_network.service_ip, "static"
    if type(service_ip) ~= "string" then
      service_ip, extra.ipam_id = book(emulator, owner, network)
      mode = "ipam"
    end
    body.ip = service_ip:match("^[^/]+")
    body.port = catalogue.port(owner.engine)
    body.private_network = { private_network_id = network.id, provisioning_mode = mode, service_ip = service_ip, zone = owner.zone }
  elseif kind == "direct_access" then
    body.ip, body.port, body.direct_access = public_address(), catalogue.port(owner.engine), {}
  else
    body.ip, body.port, body.load_balancer = public_address(), public_port(), {}
  end
  return emulator.resources.rdb_endpoint:insert(body, extra)
end

--- Opens what can be opened at once and returns what takes until the owner is ready.
---@return table[] later
function rdb_endpoint.open_private(emulator, owner, specs)
  local later = {}
  for _, spec in ipairs(specs) do
    if type(spec.private_network) == "table" then
      rdb_endpoint.open(emulator, owner, spec)
    else
      later[#later + 1] = { load_balancer = spec.load_balancer and {}, direct_access = spec.direct_access and {} }
    end
  end
  return later
end

--- Closes endpoints at once: all of an owner, or one.
function rdb_endpoint.close(emulator, owner_id, id)
  for _, record in ipairs(rdb_endpoint.of(emulator, owner_id)) do
    if not id or record.id == id then emulator.resources.rdb_endpoint:remove(record) end
  end
end

--- Gives endpoints to another owner, with their addresses.
function rdb_endpoint.move(emulator, from_id, owner, id)
  for _, record in ipairs(rdb_endpoint.of(emulator, from_id)) do
    if not id or record.id == id then
      record.body.owner_id, record.instance_id = owner.id, owner.instance_id
      emulator.resources.rdb_endpoint.collection:put(record)
      local booked = record.ipam_id and emulator.resources.ipam_ip:get(record.ipam_id)
      if booked then
        booked.body.resource.id, booked.body.resource.name = owner.instance_id, owner.name
        emulator.resources.ipam_ip.collection:put(booked)
      end
    end
  end
end

-- Calls -------------------------------------------------------------------------------------------------------------------

--- The resource and the record an endpoint belongs to.
local function owner_of(emulator, record)
  for _, kind in ipairs { "rdb_instance", "rdb_read_replica" } do
    local resource = emulator.resources[kind]
    local owner = resource:get(record.body.owner_id)
    if owner then return resource, owner end
  end
end

local function remove(call)
  local endpoints = call.emulator.resources.rdb_endpoint
  local record = endpoints:need(call.parameters.id)
  local resource, owner = owner_of(call.emulator, record)
  rdb_state.pass(resource, owner, "configuring", CONFIGURING_SECONDS, { close = record.id })
  return answer.reply(204)
end

--- Moves an endpoint from one instance to another.
local function migrate(call, record)
  local emulator = call.emulator
  local instances = emulator.resources.rdb_instance
  local target = instances:need(call.body.instance_id)
  local resource, owner = owner_of(emulator, record)
  instances:refuse_passing(target)
  rdb_state.pass(resource, owner, "configuring", CONFIGURING_SECONDS)
  rdb_endpoint.move(emulator, owner.id, rdb_state.owner(target), record.id)
  rdb_state.pass(instances, target, "configuring", CONFIGURING_SECONDS)
end

rdb_endpoint.resources = { {
  kind = "rdb_endpoint",
  path = REGION .. "/endpoints",
  create = false, update = false, delete = false, list = false,
  noun = "endpoint",
  owner = "none",
  fields = { owner_id = { kind = "str", hidden = true } },
  hooks = {
    removed = function(emulator, record)
      local booked = record.ipam_id and emulator.resources.ipam_ip:get(record.ipam_id)
      if booked then emulator.resources.ipam_ip:remove(booked) end
    end,
  },
  actions = { ["POST migrate"] = migrate },
  routes = { ["DELETE " .. REGION .. "/endpoints/{id}"] = remove },
} }

return rdb_endpoint
