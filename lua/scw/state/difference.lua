--- What differs between two states of a stack, told like a plan: by resource, field by field. Pure.
local core = require "core"
local deferred = require "scw.schema.deferred"
local equal = require "scw.schema.equal"
local model = require "scw.state.model"

local difference = {}

local function is_mark(value) return type(value) == "table" and deferred.fingerprint(value) ~= nil end

local function change_of(path, old, new)
  return { path = path, old = old, new = new, secret = is_mark(old) or is_mark(new) }
end

local function is_map(value)
  return type(value) == "table" and not is_mark(value) and #value == 0 and not core.is_array(value)
end

--- Key by key: a mark inside a map is a change of its own, so that it shows as the secret it is.
local function compare(changes, prefix, old, new)
  local names, seen = {}, {}
  for _, map in ipairs({ old, new }) do
    for name in next, map do
      if not seen[name] then names[#names + 1], seen[name] = name, true end
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local before, after = old[name], new[name]
    if is_map(before) and is_map(after) then
      compare(changes, prefix .. name .. ".", before, after)
    elseif not equal.plain(before, after) then
      changes[#changes + 1] = change_of(prefix .. name, before, after)
    end
  end
end

--- What a record says beside its inputs.
local function facts(record)
  return { address = record.address, id = record.id, status = record.status, place = record.place, outputs = record.outputs }
end

local NOTHING = { inputs = {}, outputs = {}, place = {} }

---@param old scw.state.Record|table
---@param new scw.state.Record
---@return scw.schema.Change[]
local function changes_of(old, new)
  local changes = {}
  if old ~= NOTHING then
    local before, after = facts(old), facts(new)
    for _, name in ipairs({ "address", "id", "status" }) do
      if before[name] ~= after[name] then changes[#changes + 1] = change_of(name, before[name], after[name]) end
    end
  else
    changes[1] = change_of("id", nil, new.id)
  end
  compare(changes, "", old.inputs, new.inputs)
  compare(changes, "place.", old.place, new.place)
  compare(changes, "outputs.", old.outputs, new.outputs)
  return changes
end

--- Records that stand at another address now, by the new one.
local function find_moved(old, new)
  local left, moved, gone = {}, {}, {}
  for _, record in ipairs(model.sorted(old)) do
    if record.id and not new.resources[record.address] then left[record.type .. "\0" .. record.id] = record end
  end
  for _, record in ipairs(model.sorted(new)) do
    local former = record.id and not old.resources[record.address] and left[record.type .. "\0" .. record.id]
    if former and not gone[former.address] then moved[record.address], gone[former.address] = former, true end
  end
  return moved, gone
end

local function step_of(record, action, changes)
  return { address = record.address, type = record.type, action = action, source = record.source, changes = changes, dependencies = {} }
end

local function compare_outputs(old, new)
  local list, seen = {}, {}
  for _, outputs in ipairs({ old, new }) do
    for name in next, outputs do
      local before, after = old[name], new[name]
      if not seen[name] and not (before and after and equal.plain(before.value, after.value) and before.secret == after.secret) then
        list[#list + 1] = {
          name = name, action = not before and "create" or not after and "delete" or "update", old = before and before.value,
          new = after and after.value, secret = (before or after).secret or (after or before).secret or false,
        }
      end
      seen[name] = true
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

---@class scw.StateDifference
---@field steps table[] sorted by address: `address type action(create update replace delete) changes source`, as in a plan
---@field outputs table[] `name action old new secret`
---@field summary table<string, integer>

---@param old scw.state.Document
---@param new scw.state.Document
---@return scw.StateDifference
function difference.of(old, new)
  local steps, summary = {}, {}
  local moved, gone = find_moved(old, new)
  local function add(record, action, changes)
    steps[#steps + 1] = step_of(record, action, changes)
    summary[action] = (summary[action] or 0) + 1
  end
  for _, record in ipairs(model.sorted(new)) do
    local former = old.resources[record.address] or moved[record.address]
    local changes = changes_of(former or NOTHING, record)
    if not former then
      add(record, "create", changes)
    elseif #changes > 0 then
      add(record, former.id and record.id and former.id ~= record.id and "replace" or "update", changes)
    end
  end
  for _, record in ipairs(model.sorted(old)) do
    if not new.resources[record.address] and not gone[record.address] then add(record, "delete", {}) end
  end
  table.sort(steps, function(a, b) return a.address < b.address end)
  return { steps = steps, outputs = compare_outputs(old.outputs, new.outputs), summary = summary }
end

return difference
