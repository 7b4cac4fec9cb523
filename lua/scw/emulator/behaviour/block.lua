--- Block Storage v1: volumes. A server holds one by a reference; what is held cannot be deleted.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"

local block = {}

local GB = 1000000000
local IOPS = { [5000] = "sbs_5k", [15000] = "sbs_15k" }

local function described(iops, size)
  return {
    type = IOPS[iops], specs = { class = "sbs", perf_iops = iops }, size = size, parent_snapshot_id = json.null,
    references = json.array {}, last_detached_at = json.null,
  }
end

local function size_of(body)
  local source = body.from_empty
  if type(source) ~= "table" then answer.refuse(answer.invalid_argument("from_empty", "required", "a source is required")) end
  local size = math.tointeger(source.size)
  if not size or size < 5 * GB then
    answer.refuse(answer.invalid_argument("from_empty.size", "constraint", "must be at least 5 GB"))
  end
  return size
end

local function check_iops(iops)
  if not IOPS[iops] then answer.refuse(answer.invalid_argument("perf_iops", "constraint", "must be 5000 or 15000")) end
end

--- A server that is due to go gives its volumes back.
local function settle_servers(call) call.emulator.resources.instance_server:settle_all() end

local volumes = {
  before = settle_servers,
  kind = "block_volume",
  path = "/block/v1/zones/{zone}/volumes",
  list = "volumes",
  noun = "volume",
  owner = "bare",
  fields = {
    name = { kind = "str" },
    tags = { kind = "list", of = "str", default = json.array {} },
    kms_key_id = { kind = "str", update = false, default = json.null },
    perf_iops = { kind = "int", hidden = true, absent = true },
    size = { kind = "int", create = false },
    from_empty = { kind = "object", hidden = true, absent = true, update = false },
    from_snapshot = { kind = "object", hidden = true, absent = true, update = false },
  },
  status = { creating = { "creating", 5 }, updating = { "updating", 5 }, ready = "available" },
  filters = {
    product_resource_id = function(record, value)
      for _, reference in ipairs(record.body.references) do
        if reference.product_resource_id == value then return true end
      end
      return false
    end,
    volume_type = function(record, value) return record.body.type == value end,
    volume_ids = function(record, value) return record.id == value end,
    include_deleted = false,
  },
  hooks = {
    prepare = function(call, values)
      if call.body.from_snapshot ~= nil and call.body.from_snapshot ~= json.null then
        answer.refuse(answer.not_found("snapshot", tostring(call.body.from_snapshot.snapshot_id)))
      end
      local iops, size = values.perf_iops or 5000, size_of(call.body)
      check_iops(iops)
      for name, value in next, described(iops, size) do values[name] = value end
      values.perf_iops = nil
    end,
    patching = function(_, record, values)
      if values.size and values.size < record.body.size then
        answer.refuse(answer.invalid_argument("size", "constraint", "a volume only grows"))
      end
      if values.perf_iops then
        check_iops(values.perf_iops)
        values.type, values.specs = IOPS[values.perf_iops], { class = "sbs", perf_iops = values.perf_iops }
        values.perf_iops = nil
      end
      record.was = record.body.status
    end,
    passes = function(_, values) return values.size ~= nil or values.specs ~= nil end,
    outcome = function(_, record, verb) return verb == "updating" and { status = record.was } or nil end,
    removing = function(_, record)
      if #record.body.references > 0 then answer.refuse(answer.in_use("the volume is attached")) end
    end,
  },
}

--- Makes the volume of a server's template, ready at once.
---@param emulator scw.emulator.Emulator
---@param values { name: string, size: integer, zone: string, project_id: string, parent_snapshot_id: string|nil }
---@return scw.emulator.Record
function block.make(emulator, values)
  local body, now = described(5000, values.size), emulator.clock:timestamp()
  for name, value in next, values do body[name] = value end
  body.tags, body.kms_key_id, body.status = json.array {}, json.null, "available"
  body.created_at, body.updated_at = now, now
  return emulator.resources.block_volume:insert(body, { project_id = values.project_id, place = { zone = values.zone } })
end

--- Gives a volume to a server.
---@param emulator scw.emulator.Emulator
---@param record scw.emulator.Record
---@param server_id string
function block.attach(emulator, record, server_id)
  local now = emulator.clock:timestamp()
  record.body.references = json.array { {
    id = core.uuid(), product_resource_id = server_id, product_resource_type = "instance_server", status = "attached",
    type = "exclusive", created_at = now,
  } }
  record.body.status, record.body.updated_at = "in_use", now
  emulator.resources.block_volume.collection:put(record)
end

--- Takes a volume from its server.
---@param emulator scw.emulator.Emulator
---@param id string
function block.detach(emulator, id)
  local known = emulator.resources.block_volume
  local record = known:get(id)
  if not record then return end
  local now = emulator.clock:timestamp()
  record.body.references, record.body.status = json.array {}, "available"
  record.body.last_detached_at, record.body.updated_at = now, now
  known.collection:put(record)
end

block.resources = { volumes }

return block
