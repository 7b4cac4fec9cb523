--- Instance v1: servers, what may be done to them, and what they are told at their start.
local answer = require "scw.emulator.answer"
local calls = require "scw.emulator.calls"
local core = require "core"
local instance_interface = require "scw.emulator.behaviour.instance_interface"
local instance_ip = require "scw.emulator.behaviour.instance_ip"
local instance_types = require "scw.emulator.instance_types"
local instance_volume = require "scw.emulator.behaviour.instance_volume"
local json = require "scw.json"
local marketplace = require "scw.emulator.behaviour.marketplace"

local instance_server = {}

local PATH = "/instance/v1/zones/{zone}/servers"
local FINGERPRINTS = "ssh-host-fingerprints"
local MOST_USER_DATA = 127998

-- States ------------------------------------------------------------------------------------------------------------------

local ALLOWED = {
  ["stopped"] = { "poweron", "backup" },
  ["starting"] = { "stop_in_place", "backup" },
  ["running"] = { "poweroff", "terminate", "reboot", "stop_in_place", "backup" },
  ["stopping"] = { "stop_in_place", "backup" },
  ["stopped in place"] = { "poweron", "poweroff", "terminate", "reboot", "backup" },
}

local RUNNING = { state = "running", state_detail = "booting kernel" }
local BOOTED = { after = 30, set = { state_detail = "booted" }, quiet = true }

-- first the states an action is for, then what it passes through
local ACTIONS = {
  poweron = {
    from = { "stopped", "stopped in place" }, now = { state = "starting", state_detail = "allocating node" },
    steps = { { after = 5, set = RUNNING }, BOOTED },
  },
  reboot = {
    from = { "running", "stopped in place" }, now = { state = "starting", state_detail = "rebooting" },
    steps = { { after = 10, set = RUNNING }, BOOTED },
  },
  poweroff = {
    from = { "running", "stopped in place" }, now = { state = "stopping", state_detail = "stopping" },
    steps = { { after = 40, set = { state = "stopped", state_detail = "" } } },
  },
  stop_in_place = {
    from = { "running" }, now = { state = "stopping", state_detail = "stopping in place" },
    steps = { { after = 45, set = { state = "stopped in place", state_detail = "stopped in place" } } },
  },
  terminate = {
    from = { "running", "stopped in place" }, now = { state = "stopping", state_detail = "terminating" },
    steps = { { after = 15, remove = true } },
  },
  enable_routed_ip = { from = { "running", "stopped" }, now = {}, steps = {} },
}

local function contains(list, wanted)
  for _, each in ipairs(list) do
    if each == wanted then return true end
  end
  return false
end

local function refuse_state(record)
  local state = record.body.state
  if state == "starting" or state == "stopping" then answer.refuse(answer.transient("instance_server", record.id, state)) end
  answer.refuse(answer.precondition("unknown_precondition", "the server is " .. state))
end

--- Steps are changed as they are planned: every server has its own.
local function copied(steps)
  local result = {}
  for index, step in ipairs(steps) do
    result[index] = {}
    for name, value in next, step do result[index][name] = value end
  end
  return result
end

local function act(call, record)
  local name = call.body.action
  local action = ACTIONS[name]
  if name == "backup" then return answer.message(501, "the emulator has no images of servers") end
  if not action then answer.refuse(answer.invalid_argument("action", "constraint", "is not an action")) end
  if not contains(action.from, record.body.state) then refuse_state(record) end
  if name == "terminate" and record.body.protected then
    answer.refuse(answer.precondition("protected_resource", "the server is protected"))
  end
  local known = call.emulator.resources.instance_server
  for field, value in next, action.now do record.body[field] = value end
  record.body.modification_date, record.terminated = known:timestamp(), name == "terminate"
  if #action.steps > 0 then known:plan(record, copied(action.steps)) end
  local here = "/servers/" .. record.id
  return answer.reply(202, { task = {
    id = "00000000-0000-0000-0000-000000000000", description = "fake task", status = "pending", progress = 0,
    href_from = here .. "/action", href_result = here, started_at = known:timestamp(), terminated_at = json.null,
    zone = record.body.zone,
  } })
end

local function fingerprints(id)
  local digest = core.base64(core.digest("sha256", "host key of " .. id)):gsub("=+$", "")
  return ("256 SHA256:%s root@%s (ED25519)\n"):format(digest, id)
end

--- What comes with a state: a place and an address while it runs.
local function settled(emulator, record)
  local state = record.body.state
  if state == "running" then
    record.body.location = {
      zone_id = record.body.zone, platform_id = "1", cluster_id = "1", hypervisor_id = "1", node_id = "1",
    }
    instance_ip.lease(emulator, record)
    if record.body.state_detail == "booted" then record.user_data[FINGERPRINTS] = fingerprints(record.id) end
  elseif state == "stopped" then
    record.body.location = json.null
    instance_ip.release(emulator, record, false)
  end
end

--- A terminated server takes its local volumes with it; one that was stopped and deleted leaves them.
local function removed(emulator, record)
  for _, volume in next, record.volumes or {} do instance_volume.detach(emulator, volume, record.terminated == true) end
  instance_ip.release(emulator, record, true)
end

-- Making and changing -----------------------------------------------------------------------------------------------------

local function default_group(call, project)
  return { id = marketplace.identify("security group", call.parameters.zone, project), name = "Default security group" }
end

--- Only the default security group exists.
local function check_group(call, project, id)
  if id == nil or id == json.null or id == "" then return end
  if type(id) == "table" then id = id.id end
  if id ~= default_group(call, project).id then answer.refuse(answer.not_found("instance_security_group", tostring(id))) end
end

local function check_placement(call)
  local id = call.body.placement_group
  if type(id) == "string" and id ~= "" then answer.refuse(answer.not_found("instance_placement_group", id)) end
end

local function check_type(name)
  local described = instance_types.get(name)
  if not described then answer.refuse(answer.invalid_argument("commercial_type", "constraint", "is not a type of server")) end
  return described
end

local function image_of(call, described)
  local id = call.body.image
  if id == nil or id == json.null or id == "" then return nil end
  local image, kind = marketplace.image(call.parameters.zone, id)
  if not image then answer.refuse(answer.not_found("instance_image", tostring(id))) end
  if image.arch ~= described.arch then
    answer.refuse(answer.invalid_argument("image", "constraint", "is for another architecture than the type"))
  end
  return image, kind
end

--- The addresses a body lists must exist and be free.
local function addresses_of(call, server_id)
  local wanted = call.body.public_ips
  if type(wanted) ~= "table" then
    local one = call.body.public_ip
    wanted = type(one) == "string" and one ~= "" and { one } or nil
  end
  local records = {}
  for index, id in ipairs(wanted or {}) do
    records[index] = call.emulator.resources.instance_ip:need(type(id) == "table" and id.id or id)
    local holder = records[index].body.server_id
    if holder and holder ~= server_id then answer.refuse(answer.in_use("the address belongs to another server")) end
  end
  return wanted and records or nil
end

local function prepare(call, values)
  local described = check_type(values.commercial_type)
  check_group(call, values.project, call.body.security_group)
  check_placement(call)
  call.image, call.kind = image_of(call, described)
  call.addresses = addresses_of(call)
  call.plan = instance_volume.plan(call, call.image, call.kind)
  if next(call.plan) == nil then answer.refuse(answer.invalid_argument("image", "required", "an image or a volume is required")) end
  local a, b, c = core.random(3):byte(1, 3)
  values.arch, values.end_of_service = described.arch, described.end_of_service
  values.mac_address = ("de:00:01:%02x:%02x:%02x"):format(a, b, c)
  values.hostname = values.name
end

local function created(call, record)
  local emulator = call.emulator
  record.user_data, record.image = {}, call.image and call.image.id
  record.body.dns = record.id .. ".pub.instances.scw.cloud"
  record.volumes = instance_volume.attach(call, record, call.plan, call.image)
  for _, address in ipairs(call.addresses or {}) do instance_ip.attach(emulator, address, record) end
end

local function patching(call, record, values)
  check_group(call, record.body.project, call.body.security_group)
  check_placement(call)
  if values.commercial_type and values.commercial_type ~= record.body.commercial_type then
    local described = check_type(values.commercial_type)
    if record.body.state ~= "stopped" then refuse_state(record) end
    if described.arch ~= record.body.arch then
      answer.refuse(answer.invalid_argument("commercial_type", "constraint", "has another architecture"))
    end
  end
  local addresses = addresses_of(call, record.id)
  if not addresses then return end
  instance_ip.release(call.emulator, record, true)
  for _, address in ipairs(addresses) do instance_ip.attach(call.emulator, address, record) end
end

local function view(call, record, body)
  body.image = record.image and marketplace.image(record.body.zone, record.image) or json.null
  body.allowed_actions = json.array { table.unpack(ALLOWED[record.body.state]) }
  body.placement_group, body.routed_ip_enabled = json.null, true
  body.security_group = default_group(call, record.body.project)
  body.volumes = instance_volume.show(call, record)
  body.private_nics = instance_interface.show(call, record)
  body.public_ips = instance_ip.show(call, record)
  body.public_ip = body.public_ips[1] or json.null
end

local HIDDEN = { kind = "any", hidden = true, absent = true }

local function in_list(text, wanted)
  for each in text:gmatch("[^,]+") do
    if each == wanted then return true end
  end
  return false
end

local servers = {
  kind = "instance_server",
  path = PATH,
  list = "servers",
  noun = "instance_server",
  wrapped = "server",
  page_size = 50,
  before = function(call) call.emulator.resources.instance_server:settle_all() end,
  fields = {
    name = { kind = "str", required = true },
    commercial_type = { kind = "str", required = true },
    tags = { kind = "list", of = "str", default = json.array {} },
    boot_type = { kind = "str", enum = { "local", "rescue", "bootscript" }, default = "local" },
    dynamic_ip_required = { kind = "bool", default = false },
    enable_ipv6 = { kind = "bool", default = false },
    protected = { kind = "bool", default = false },
    image = HIDDEN, volumes = HIDDEN, security_group = HIDDEN, public_ip = HIDDEN, public_ips = HIDDEN,
    placement_group = HIDDEN, private_nics = HIDDEN, routed_ip_enabled = HIDDEN,
  },
  body = function()
    return {
      state = "stopped", state_detail = "", location = json.null, ipv6 = json.null, private_ip = json.null,
      bootscript = json.null, extra_networks = json.array {}, filesystems = json.array {}, maintenances = json.array {},
    }
  end,
  filters = {
    tags = function(record, value)
      for _, tag in ipairs(type(value) == "table" and value or { value }) do
        for each in tag:gmatch("[^,]+") do
          if not contains(record.body.tags, each) then return false end
        end
      end
      return true
    end,
    servers = function(record, value) return in_list(value, record.id) end,
    order = false, private_network = false, private_networks = false, private_nic_mac_address = false, private_ip = false,
    with_ip = false, without_ip = false,
  },
  hooks = {
    prepare = prepare, created = created, patching = patching, view = view, settled = settled, removed = removed,
    removing = function(_, record)
      if record.body.state ~= "stopped" then refuse_state(record) end
      if record.body.protected then answer.refuse(answer.precondition("protected_resource", "the server is protected")) end
    end,
  },
  actions = {
    ["POST action"] = act,
    ["GET action"] = function(_, record)
      return answer.reply(200, { actions = json.array { table.unpack(ALLOWED[record.body.state]) } })
    end,
    ["GET user_data"] = function(_, record)
      local keys = {}
      for key in next, record.user_data do keys[#keys + 1] = key end
      table.sort(keys)
      return answer.reply(200, { user_data = json.array(keys) })
    end,
  },
}

-- User data ---------------------------------------------------------------------------------------------------------------

local function user_data(change)
  return function(call)
    local known = call.emulator.resources.instance_server
    local record, key = calls.find(known, call), call.parameters.key
    if not change and record.user_data[key] == nil then return answer.not_found("instance_user_data", key) end
    if not change then return answer.reply(200, record.user_data[key]) end
    change(record, key, call.text)
    known.collection:put(record)
    return answer.reply(204)
  end
end

servers.routes = {
  ["GET " .. PATH .. "/{id}/user_data/{key}"] = user_data(),
  ["PATCH " .. PATH .. "/{id}/user_data/{key}"] = user_data(function(record, key, text)
    if #text > MOST_USER_DATA then answer.refuse(answer.invalid_argument("content", "constraint", "is too long")) end
    record.user_data[key] = text
  end),
  ["DELETE " .. PATH .. "/{id}/user_data/{key}"] = user_data(function(record, key) record.user_data[key] = nil end),
}

instance_server.resources = { servers }

return instance_server
