--- What is known about an attribute of a resource, while planning and while applying: its value, "unknown", or the mark of a secret.
local fingerprint = require "scw.engine.fingerprint"
local reference = require "scw.dsl.reference"
local unknown = require "scw.unknown"

local known = {}

--- What the engine knows about one resource during a run.
---@class scw.Entry
---@field address string
---@field node? scw.Node nil for what is only in the state
---@field type scw.schema.Type
---@field record? scw.state.Record what the state says
---@field observed? table what a refresh found
---@field place table
---@field inputs table completed fields, secrets as marks
---@field symbolic table the secret fields before they were covered
---@field id any string or unknown
---@field outputs table
---@field fresh boolean nothing of what the service decides is known yet
---@field stale table<string, boolean> outputs that this run changes
---@field step scw.Step

---@param entry scw.Entry
---@param path (string|integer)[]
---@param fingerprints scw.Fingerprints
---@return any
function known.attribute(entry, path, fingerprints)
  local name, type = path[1], entry.type
  if name == "id" then return entry.id end
  local output = type.outputs[name]
  if output then
    if entry.fresh or entry.stale[name] then return unknown end
    if output.secret then return fingerprints:output(type.name, entry.id, name) end
    return reference.dig(entry.outputs[name], path, 2)
  end
  if fingerprint.is_secret(type, path) then
    local symbolic = reference.dig(entry.symbolic[name], path, 2)
    if symbolic == nil then return nil end
    return fingerprints:symbol(symbolic)
  end
  local value = entry.inputs[name]
  if value == nil then value = entry.place[name] end
  if value == nil then
    local field = type.fields[name]
    if entry.fresh and field and field.computed then return unknown end
    value = entry.outputs[name]
  end
  return reference.dig(value, path, 2)
end

return known
