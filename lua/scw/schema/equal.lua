--- Whether two completed values mean the same to the service.
local deferred = require "scw.schema.deferred"

local equal = {}

local same_value

local EMPTY_COUNTS_AS_NONE = { list = true, set = true, map = true, str = true, ref = true, any = false }

--- Whether a value is the same as nothing at all for this kind of field.
local function is_nothing(field, value)
  if value == nil then return true end
  if not EMPTY_COUNTS_AS_NONE[field.kind] then return false end
  return value == "" or (type(value) == "table" and next(value) == nil)
end

local function same_plain(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for name, part in next, a do
    if not same_plain(part, b[name]) then return false end
  end
  for name in next, b do
    if a[name] == nil then return false end
  end
  return true
end

local function same_scalars(a, b)
  local left, right = { table.unpack(a) }, { table.unpack(b) }
  table.sort(left)
  table.sort(right)
  return same_plain(left, right)
end

local function same_set(field, desired, actual)
  if #desired ~= #actual then return false end
  local kind = field.of.kind
  if (kind == "str" or kind == "ref") and not deferred.contains(desired) and not deferred.contains(actual) then
    return same_scalars(desired, actual)
  end
  local used = {}
  for _, wanted in ipairs(desired) do
    local found
    for index, present in ipairs(actual) do
      if not used[index] and same_value(field.of, wanted, present) then found = index break end
    end
    if not found then return false end
    used[found] = true
  end
  return true
end

local function same_list(field, desired, actual)
  if #desired ~= #actual then return false end
  for index, wanted in ipairs(desired) do
    if not same_value(field.of, wanted, actual[index]) then return false end
  end
  return true
end

local function same_map(field, desired, actual)
  for name, wanted in next, desired do
    if actual[name] == nil or not same_value(field.of, wanted, actual[name]) then return false end
  end
  for name in next, actual do
    if desired[name] == nil then return false end
  end
  return true
end

local function same_object(field, desired, actual)
  for _, name in ipairs(field.order) do
    local inner = field.fields[name]
    if not inner.secret and not same_value(inner, desired[name], actual[name]) then return false end
  end
  return true
end

--- `desired` against `actual`; a field that the service decides is equal when nothing was asked for.
same_value = function(field, desired, actual)
  if field.create_only or field.computed and desired == nil then return true end
  if desired == actual then return true end
  if is_nothing(field, desired) and is_nothing(field, actual) then return true end
  if desired == nil or actual == nil or type(desired) ~= "table" or type(actual) ~= "table" then return false end
  if deferred.describe(desired) or deferred.describe(actual) then return same_plain(desired, actual) end
  local kind = field.kind
  if kind == "set" then return same_set(field, desired, actual) end
  if kind == "list" then return same_list(field, desired, actual) end
  if kind == "map" then return same_map(field, desired, actual) end
  if kind == "object" then return same_object(field, desired, actual) end
  return same_plain(desired, actual)
end

equal.values = same_value
equal.plain = same_plain
equal.is_nothing = is_nothing

return equal
