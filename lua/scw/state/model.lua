--- The state of one stack as a document, and what each entry of its log does to it. Pure.
local core = require "core"
local errors = require "scw.errors"
local form = require "scw.state.form"
local json = require "scw.json"

local model = {}

--- Version of the document this program writes. Older ones are migrated, newer ones refused.
model.VERSION = 1
--- Version of the fields of resources that this program records.
model.SCHEMA = 1

local DEPLOYMENTS_KEPT = 50

---@class scw.state.Record
---@field address string `db/rdb_instance.main`
---@field type string
---@field id? string nil only in intents
---@field place { region?: string, zone?: string, project?: string, organization?: string }
---@field inputs table what was asked for; secret fields as `{["$secret"]=fingerprint}`
---@field outputs table what the service decided
---@field dependencies string[] addresses, direct ones only, sorted
---@field status "ready"|"creating"|"updating"|"tainted"
---@field reason? string why it is not ready
---@field schema integer version of the type's fields
---@field options table protect, retain_on_delete, create_before_destroy, ignore_changes, timeouts, replace_on
---@field origins? table<string, table> where inputs come from, by pointer (`scw.dsl.origin`)
---@field source? string file:line of the declaration
---@field marked_as? string the address that the marks of its secrets were made for, when the record was moved since
---@field deposed? scw.state.Record[] predecessors of a replacement that still have to go

---@class scw.state.Document
---@field version integer
---@field lineage string made once, the same for the life of the state
---@field serial integer grows with every snapshot
---@field stack string
---@field environment? string
---@field fingerprint_key string hex; keys the fingerprints of secrets
---@field fence integer fencing number of the lock under which it was last written
---@field folded integer number of the last log segment that the snapshot contains
---@field trail scw.state.Span[] who wrote it, up to where
---@field resources table<string, scw.state.Record>
---@field outputs table<string, { value: any, secret: boolean, origins?: table<string, table> }>
---@field intents table<string, scw.state.Record> creations that may have been sent, by address
---@field deployments table[] the latest ones

---@param stack string
---@param environment? string
---@return scw.state.Document
function model.new(stack, environment)
  return {
    version = model.VERSION, lineage = core.uuid(), serial = 0, stack = stack, environment = environment,
    fingerprint_key = core.hex(core.random(32)), fence = 0, folded = 0, resources = {}, outputs = {}, intents = {},
    deployments = core.array({}), trail = core.array({}),
  }
end

local function copy_of(record)
  local copy = {}
  for key, value in next, record do copy[key] = value end
  return copy
end

local function without(record, name)
  local copy = copy_of(record)
  copy[name] = nil
  return copy
end

local function by_key(records, transform)
  local result = {}
  for address, record in next, records do result[address] = transform(record, address) end
  return result
end

local function strip(record) return without(record, "address") end

local function restore(record, address)
  record.address = address
  for _, former in ipairs(record.deposed or {}) do former.address = address end
  return record
end

--- The document as it is saved: addresses stand once, as keys.
---@param document scw.state.Document
---@return table
function model.pack(document)
  local packed = without(document, "resources")
  packed.resources = by_key(document.resources, strip)
  packed.intents = by_key(document.intents, strip)
  return packed
end

local function invalid(message, hint)
  return nil, errors.new({ code = "INFRA_011", kind = "invalid", message = message, hint = hint })
end

local function sorted_names(map)
  local names = {}
  for name in next, map do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Migrations by the version they start from; each returns the document one version on.
model.migrations = {}

--- Makes a document of what was saved. Everything about its shape is checked here, nothing afterwards.
---@param packed any decoded JSON
---@return scw.state.Document|nil, scw.Error|nil
function model.unpack(packed)
  if type(packed) ~= "table" or math.type(packed.version) ~= "integer" then
    return invalid("the state is not a document of this program")
  end
  if packed.version > model.VERSION then
    return invalid(("the state has format %d, this program knows up to %d"):format(packed.version, model.VERSION),
      "a newer version of the program wrote it: use that one")
  end
  while packed.version < model.VERSION do
    local migrate = model.migrations[packed.version]
    if not migrate then return invalid(("the state has format %d, which cannot be read any more"):format(packed.version)) end
    packed = migrate(packed)
  end
  local wrong = form.document(packed)
  if wrong then return invalid(("the state is damaged: it has no valid '%s'"):format(wrong)) end
  for _, address in ipairs(sorted_names(packed.resources)) do
    local version = packed.resources[address].schema
    if version and version > model.SCHEMA then
      return invalid(("%s was recorded with version %d of its fields, this program knows up to %d"):format(address, version, model.SCHEMA),
        "a newer version of the program wrote it: use that one")
    end
  end
  packed.fence = packed.fence or 0
  packed.trail = packed.trail or core.array({}) -- older states have none
  by_key(packed.resources, restore)
  by_key(packed.intents, restore)
  return packed
end

local function depose(record)
  local former = without(record, "deposed")
  local deposed = { table.unpack(record.deposed or {}) }
  deposed[#deposed + 1] = former
  return deposed
end

local operations = {}

--- A creation is about to be sent.
function operations.intent(document, entry)
  document.intents[entry.record.address] = entry.record
  return true
end

--- The creation that an intent announced got an id. What stood at the address waits, deposed, for its deletion.
function operations.created(document, entry)
  local record = document.intents[entry.address]
  if not record then return false end
  document.intents[entry.address] = nil
  record = without(record, "at")
  record.id, record.outputs, record.status = entry.id, entry.outputs or {}, "creating"
  local former = document.resources[entry.address]
  if former then record.deposed = depose(former) end
  document.resources[entry.address] = record
  return true
end

--- An intent came to nothing.
function operations.abandon(document, entry)
  document.intents[entry.address] = nil
  return true
end

--- A whole record, in the place of whatever was known.
function operations.set(document, entry)
  document.intents[entry.record.address] = nil
  document.resources[entry.record.address] = entry.record
  return true
end

--- Some fields of a record; JSON's null removes one.
function operations.patch(document, entry)
  local record = document.resources[entry.address]
  if not record then return false end
  record = copy_of(record)
  for name, value in next, entry.fields do record[name] = value ~= json.null and value or nil end
  document.resources[entry.address] = record
  return true
end

--- A resource is gone, or no longer this stack's. Predecessors that still have to go stay on record.
function operations.remove(document, entry)
  local record = document.resources[entry.address]
  if record and record.deposed then
    local heir = copy_of(record.deposed[#record.deposed])
    heir.deposed = #record.deposed > 1 and { table.unpack(record.deposed, 1, #record.deposed - 1) } or nil
    heir.status, heir.reason = "tainted", "its replacement is gone"
    document.resources[entry.address] = heir
  else
    document.resources[entry.address] = nil
  end
  return true
end

--- A predecessor is gone.
function operations.undepose(document, entry)
  local record = document.resources[entry.address]
  if not record then return false end
  record = copy_of(record)
  local left = {}
  for _, former in ipairs(record.deposed or {}) do
    if former.id ~= entry.id then left[#left + 1] = former end
  end
  record.deposed = #left > 0 and left or nil
  document.resources[entry.address] = record
  return true
end

--- A record changes its address.
function operations.move(document, entry)
  local record = document.resources[entry.from]
  if not record then return false end
  document.resources[entry.from] = nil
  record = copy_of(record)
  restore(record, entry.address)
  document.resources[entry.address] = record
  return true
end

function operations.outputs(document, entry)
  document.outputs = entry.outputs
  return true
end

--- A deployment ended.
function operations.deployment(document, entry)
  local kept = document.deployments
  kept[#kept + 1] = entry.deployment
  while #kept > DEPLOYMENTS_KEPT do table.remove(kept, 1) end
  return true
end

--- A new holder took over. Nothing changes; the number of this segment is taken, so that the holder before it cannot write it.
function operations.fence() return true end

--- The deployment that left a document as it is; nil when none ended with it: a run that died wrote it.
---@param document scw.state.Document
---@return table|nil
function model.left_by(document)
  local last = document.deployments[#document.deployments]
  return last and last.serial == document.serial and last or nil
end

--- Applies one entry of the log; the document is changed, the records in it are replaced, never changed.
---@param document scw.state.Document
---@param entry table `{op=, …}`
---@return boolean|nil done, scw.Error|nil
function model.apply(document, entry)
  local operation = type(entry) == "table" and operations[entry.op]
  if not operation then
    return invalid(("the log holds an entry this program does not know: %s"):format(tostring(type(entry) == "table" and entry.op)),
      "a newer version of the program wrote it: use that one")
  end
  local wrong = form.entries[entry.op](entry)
  if wrong then return invalid(("the log is damaged: an entry '%s' has no valid '%s'"):format(entry.op, wrong)) end
  if not operation(document, entry) then
    return invalid(("the log does not fit the snapshot: %s of %s"):format(entry.op, tostring(entry.address or entry.from)))
  end
  return true
end

--- The records, sorted by address.
---@param document scw.state.Document
---@return scw.state.Record[]
function model.sorted(document)
  local list = {}
  for index, address in ipairs(sorted_names(document.resources)) do list[index] = document.resources[address] end
  return list
end

return model
