--- What an earlier deployment left and the state does not know any more although it exists: forgotten by hand, or not in a document that
--- was pushed. Going back takes it back, as it was recorded, instead of making a second one.
local adopt = require "scw.engine.adopt"
local deferred = require "scw.schema.deferred"
local errors = require "scw.errors"
local json = require "scw.json"
local model = require "scw.state.model"
local refresh = require "scw.engine.refresh"
local selection = require "scw.engine.selection"

local forgotten = {}

--- What the plan says of it.
forgotten.REASON = "the state had forgotten it, and it still exists"

local function matches_any(address, named)
  for _, word in ipairs(named or {}) do
    if selection.matches(address, word) then return true end
  end
  return false
end

--- Records of then whose address is free now, and whose id nobody has.
---@param past scw.state.Document
---@param now scw.state.Document
---@param leave? string[] addresses and modules that stay as they are
---@return scw.state.Record[]
function forgotten.records(past, now, leave)
  local found, ids = {}, {}
  for _, record in ipairs(model.sorted(past)) do
    local address = record.address
    ids[record.type] = ids[record.type] or adopt.known_ids(now, record.type)
    local free = not now.resources[address] and not now.intents[address]
    if record.id and free and not ids[record.type][record.id] and not matches_any(address, leave) then found[#found + 1] = record end
  end
  return found
end

--- A value whose secrets may be others by now.
local function unsure(value)
  if type(value) ~= "table" then return value end
  if deferred.fingerprint(value) then return deferred.unsure() end
  local copy = json.like(value)
  for key, part in next, value do copy[key] = unsure(part) end
  return copy
end

--- A record of then as far as it still holds. What nobody can see may have changed since, unless it cannot change. What had to be deleted
--- then was forgotten with it, and may be somebody's by now.
local function as_known(type, record)
  local copy, inputs = {}, {}
  for name, value in next, record do copy[name] = value end
  for name, value in next, record.inputs do
    local field = type.fields[name]
    if not field or field.replace or field.local_only then
      inputs[name] = value
    elseif field.wire.read ~= false or field.secret then
      inputs[name] = unsure(value)
    end
  end
  copy.inputs, copy.deposed = inputs, nil
  return copy
end

--- Looks which of them exist.
---@param facts scw.RefreshFacts
---@param records scw.state.Record[]
---@return table[]|nil entries of the log, one for each that is taken back
---@return scw.Error|nil
function forgotten.find(facts, records)
  local observed, err = refresh.run(facts, records)
  if not observed then return nil, err end
  local entries = {}
  for _, record in ipairs(records) do
    local found = observed[record.address] -- nothing is known of what is not kept by a service
    if found and found.unreadable then
      return nil, errors.new({
        code = "INFRA_003", kind = "denied", message = ("cannot tell whether %s (%s) still exists"):format(record.address, record.id),
        address = record.address, details = { found.unreadable.message },
        hint = ("use credentials that may read it, or go back without it: --leave %s"):format(record.address),
      })
    end
    if found and not found.gone then entries[#entries + 1] = { op = "set", record = as_known(facts.catalogue.get(record.type), record) } end
  end
  return entries
end

return forgotten
