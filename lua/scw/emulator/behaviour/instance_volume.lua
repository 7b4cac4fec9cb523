--- Instance v1: volumes on the disks of a hypervisor, and the volumes of a server, whatever holds them.
local answer = require "scw.emulator.answer"
local block = require "scw.emulator.behaviour.block"
local instance_types = require "scw.emulator.instance_types"
local json = require "scw.json"

local instance_volume = {}

local ROOT_SIZE = 10000000000

local function owner_of(call, record)
  local server = record.body.server_id and call.emulator.resources.instance_server:get(record.body.server_id)
  return server and { id = server.id, name = server.body.name } or json.null
end

local volumes = {
  before = function(call) call.emulator.resources.instance_server:settle_all() end,
  kind = "instance_volume",
  path = "/instance/v1/zones/{zone}/volumes",
  list = "volumes",
  noun = "instance_volume",
  wrapped = "volume",
  page_size = 50,
  fields = {
    name = { kind = "str" },
    volume_type = { kind = "str", enum = { "l_ssd", "scratch" }, default = "l_ssd", update = false },
    size = { kind = "int", required = true, min = 1000000000 },
    tags = { kind = "list", of = "str", default = json.array {} },
    server_id = { kind = "str", create = false, update = false, hidden = true },
  },
  body = { export_uri = json.null, state = "available" },
  hooks = {
    patching = function(_, record, values)
      if values.size and values.size ~= record.body.size then
        answer.refuse(answer.invalid_argument("size", "constraint", "a local volume cannot be resized"))
      end
    end,
    removing = function(_, record)
      if record.body.server_id then answer.refuse(answer.in_use("the volume belongs to a server")) end
    end,
    view = function(call, record, body) body.server = owner_of(call, record) end,
  },
}

-- The volumes of a server -------------------------------------------------------------------------------------------------

local function taken(id) answer.refuse(answer.in_use(("volume %s belongs to a server"):format(id))) end

--- An existing volume that a template names.
local function existing(call, template)
  local emulator, id = call.emulator, template.id
  local held = emulator.resources.block_volume:get(id)
  if held and held.body.zone == call.parameters.zone then
    if #held.body.references > 0 then taken(id) end
    return { kind = "sbs_volume", id = id }
  end
  local known = emulator.resources.instance_volume:need(id)
  if known.body.server_id then taken(id) end
  return { kind = known.body.volume_type, id = id, size = known.body.size }
end

local function is_text(value) return type(value) == "string" and value ~= "" end

local function planned(call, key, template, image, kind)
  if is_text(template.id) then return existing(call, template) end
  local described = instance_types.get(call.body.commercial_type)
  local root = key == "0" and image ~= nil
  local room = described.volumes_constraint.max_size
  local chosen = is_text(template.volume_type) and template.volume_type
    or root and (kind == "instance_local" and "l_ssd" or "sbs_volume") or room > 0 and "l_ssd" or "sbs_volume"
  local size = math.tointeger(template.size) or root and (chosen == "l_ssd" and room > 0 and room or ROOT_SIZE)
  if not size then answer.refuse(answer.invalid_argument(("volumes.%s.size"):format(key), "required", "a size is required")) end
  local name = is_text(template.name) and template.name
  return { kind = chosen, size = size, name = name, root = root }
end

--- What volumes a new server gets, by their keys; refuses what its type has no room for.
---@param call table
---@param image table|nil
---@param kind string|nil of the image
---@return table<string, table>
function instance_volume.plan(call, image, kind)
  local templates = {}
  for key, template in next, type(call.body.volumes) == "table" and call.body.volumes or {} do
    if type(template) ~= "table" then answer.refuse(answer.invalid_argument("volumes." .. key, "format", "is not a volume")) end
    templates[tostring(key)] = template
  end
  if image and not templates["0"] then templates["0"] = {} end
  local plan, total = {}, 0
  for key, template in next, templates do
    plan[key] = planned(call, key, template, image, kind)
    plan[key].boot = template.boot == true
    if plan[key].kind == "l_ssd" then total = total + plan[key].size end
  end
  if total > instance_types.get(call.body.commercial_type).volumes_constraint.max_size then
    answer.refuse(answer.invalid_argument("volumes", "constraint", "the type has less local storage"))
  end
  return plan
end

--- Makes and attaches what was planned.
---@param call table
---@param server scw.emulator.Record
---@param plan table<string, table>
---@param image table|nil
---@return table<string, table> the volumes a server keeps
function instance_volume.attach(call, server, plan, image)
  local emulator, kept = call.emulator, {}
  for key, each in next, plan do
    local id, label = each.id, each.root and image and image.name or server.body.name
    if each.kind == "sbs_volume" then
      local record = id and emulator.resources.block_volume:get(id) or block.make(emulator, {
        name = each.name or ("%s_sbs_volume_%s"):format(label, key), size = each.size, zone = server.body.zone,
        project_id = server.body.project, parent_snapshot_id = each.root and image and image.root_volume.id or json.null,
      })
      block.attach(emulator, record, server.id)
      id = record.id
    else
      local known = emulator.resources.instance_volume
      local now = known:timestamp()
      local record = id and known:get(id) or known:insert({
        name = each.name or label, size = each.size, volume_type = each.kind, tags = json.array {}, export_uri = json.null,
        state = "available", project = server.body.project, organization = server.body.organization, zone = server.body.zone,
        creation_date = now, modification_date = now,
      }, { project_id = server.body.project, place = { zone = server.body.zone } })
      record.body.server_id = server.id
      known.collection:put(record)
      id = record.id
    end
    kept[key] = { id = id, kind = each.kind, boot = each.boot }
  end
  return kept
end

--- Takes a volume from its server, and ends a local one when `remove`.
---@param emulator scw.emulator.Emulator
---@param volume table as a server keeps it
---@param remove boolean
function instance_volume.detach(emulator, volume, remove)
  if volume.kind == "sbs_volume" then return block.detach(emulator, volume.id) end
  local known = emulator.resources.instance_volume
  local record = known:get(volume.id)
  if not record then return end
  if remove then return known:remove(record) end
  record.body.server_id = nil
  known.collection:put(record)
end

--- The volumes of a server as it shows them.
---@param call table
---@param server scw.emulator.Record
---@return table<string, table>
function instance_volume.show(call, server)
  local shown = {}
  for key, volume in next, server.volumes or {} do
    if volume.kind == "sbs_volume" then
      shown[key] = { id = volume.id, boot = volume.boot, state = "available", volume_type = "sbs_volume", zone = server.body.zone }
    else
      local known = call.emulator.resources.instance_volume
      local record = known:get(volume.id)
      shown[key] = record and known:show(call, record) or nil
      if shown[key] then shown[key].boot = volume.boot end
    end
  end
  return shown
end

instance_volume.resources = { volumes }

return instance_volume
