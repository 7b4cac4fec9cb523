--- Fills in defaults and gives every value its one spelling. What is not there yet passes untouched.
local deferred = require "scw.schema.deferred"
local json = require "scw.json"
local normal = require "scw.schema.normal"

local complete = {}

local value_of

local function object_of(field, value)
  local result = {}
  for name, part in next, value do
    local inner = field.fields[name]
    result[name] = inner and value_of(inner, part) or part
  end
  for name, inner in next, field.fields do
    if result[name] == nil and inner.default ~= nil then result[name] = value_of(inner, inner.default) end
  end
  return result
end

value_of = function(field, value)
  local kind = field.kind
  if type(value) == "table" and deferred.describe(value) then return value end
  if kind == "duration" then return normal.duration(value) end
  if kind == "size" then return normal.size(value) end
  if kind == "ref" then return normal.ref(field, value) end
  if kind == "int" and math.type(value) == "float" then return math.tointeger(value) or value end
  if field.normalise then return normal.named[field.normalise](value) end
  if type(value) ~= "table" then return value end
  if kind == "object" then return object_of(field, value) end
  if kind == "list" or kind == "set" or kind == "map" then
    local result = kind == "map" and {} or json.array({}) -- an empty list is to look like one
    for key, element in next, value do result[key] = value_of(field.of, element) end
    return result
  end
  return value
end

--- One value in its one spelling.
complete.value = value_of

---@param type scw.schema.Type
---@param fields table
---@return table
function complete.fields(type, fields)
  local result = {}
  for _, name in ipairs(type.order) do
    local field, value = type.fields[name], fields[name]
    if value ~= nil then
      result[name] = value_of(field, value)
    elseif field.default ~= nil then
      result[name] = value_of(field, field.default)
    end
  end
  return result
end

return complete
