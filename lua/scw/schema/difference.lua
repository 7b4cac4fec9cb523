--- What has to change so that what is becomes what should be. Pure; changes come in the order of the field names.
local complete = require "scw.schema.complete"
local deferred = require "scw.schema.deferred"
local equal = require "scw.schema.equal"
local normal = require "scw.schema.normal"

local difference = {}

local function number(value)
  if type(value) == "string" then return normal.seconds(value) end
  return type(value) == "number" and value or nil
end

--- Whether this change cannot be made in place.
local function forces_replacement(field, old, new)
  local rule = field.replace
  if not rule then return false end
  if rule == true then return true end
  if rule == "presence" then return (old == nil) ~= (new == nil) end
  if rule == "off" then return old == true and new ~= true end
  local before, after = number(old), number(new)
  return before ~= nil and after ~= nil and after < before
end

local function add(out, top, field, path, old, new)
  local replace = forces_replacement(field, old, new) or (field ~= top and top.replace == true) or nil
  out[#out + 1] = {
    path = path, field = top.name, old = old, new = new, secret = (field.secret or top.secret) or nil, replace = replace,
    action = not replace and top.update or nil,
  }
end

local function sorted_names(...)
  local names, seen = {}, {}
  for index = 1, select("#", ...) do
    for name in next, (select(index, ...)) or {} do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names)
  return names
end

local compare

--- A map is compared name by name. Of a secret map only names are known for sure: values go by their fingerprints.
local function compare_map(out, top, field, path, desired, prior, actual)
  desired, prior, actual = desired or {}, prior or {}, actual or {}
  local known = field.additional and prior or actual
  for _, name in ipairs(sorted_names(desired, known)) do
    local new, old = desired[name], actual[name]
    local inner = path .. "." .. name
    if not field.secret then
      if not equal.values(field.of, new, old) then add(out, top, field, inner, old, new) end
    elseif new == nil or old == nil then
      add(out, top, field, inner, old ~= nil and (prior[name] or old) or nil, new)
    elseif not deferred.is_unsure(new) and not equal.plain(new, prior[name]) then
      add(out, top, field, inner, prior[name], new)
    end
  end
end

local function compare_object(out, top, field, path, desired, prior, actual)
  for _, name in ipairs(field.order) do
    local inner = field.fields[name]
    compare(out, top, inner, path .. "." .. name, desired[name], prior and prior[name], actual[name])
  end
end

--- Every element of `part` is in `whole`.
local function is_within(field, part, whole)
  for _, element in ipairs(part or {}) do
    local found = false
    for _, other in ipairs(whole or {}) do
      if equal.values(field.of, element, other) then found = true break end
    end
    if not found then return false end
  end
  return true
end

local function is_plain_table(value)
  return type(value) == "table" and not deferred.describe(value)
end

compare = function(out, top, field, path, desired, prior, actual)
  if field.create_only then return end
  if field.computed and desired == nil then return end
  if field.secret and field.kind ~= "map" then
    if not deferred.is_unsure(desired) and not equal.plain(desired, prior) then add(out, top, field, path, prior, desired) end
    return
  end
  if field.kind == "map" and (desired == nil or is_plain_table(desired)) then
    return compare_map(out, top, field, path, desired, prior, actual)
  end
  if field.kind == "object" and is_plain_table(desired) and is_plain_table(actual) then
    return compare_object(out, top, field, path, desired, type(prior) == "table" and prior or nil, actual)
  end
  if field.additional and is_plain_table(desired) and is_plain_table(actual) then
    if is_within(field, desired, actual) and is_within(field, prior, desired) then return end
  elseif equal.values(field, desired, actual) then
    return
  end
  add(out, top, field, path, actual, desired)
end

--- Whether the service shows the field; others are compared with what was asked for last time.
local function is_readable(field)
  return field.wire.read ~= false and not field.local_only
end

---@param type scw.schema.Type
---@param desired table
---@param prior table|nil
---@param actual table|nil
---@return scw.schema.Change[]
function difference.changes(type, desired, prior, actual)
  local out = {}
  for _, name in ipairs(type.order) do
    local field = type.fields[name]
    local before = prior and prior[name]
    local present = before
    if actual and is_readable(field) then
      present = actual[name]
      -- services leave out what is unset
      if present == nil and field.default ~= nil then present = complete.value(field, field.default) end
    end
    if field.placement then
      if desired[name] ~= nil and present ~= nil and not equal.values(field, desired[name], present) then
        add(out, field, field, name, present, desired[name])
      end
    elseif prior or actual and is_readable(field) and not (field.secret and field.replace) then
      compare(out, field, field, name, desired[name], before, present)
    end
  end
  return out
end

return difference
