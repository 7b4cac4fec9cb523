--- One value between its field and the wire: numbers, lists, bytes, units, lists of pairs.
local core = require "core"
local json = require "scw.json"
local normal = require "scw.schema.normal"

local encoding = {}

---@param value any
---@return boolean
function encoding.is_null(value)
  return value == nil or value == json.null or type(value) == "userdata"
end

--- What says "nothing" in a body.
local function nothing(field)
  if field.clear ~= nil then return field.clear end
  local kind = field.kind
  if kind == "str" or kind == "ref" then return "" end
  if kind == "list" or kind == "set" then return json.array {} end
  if kind == "map" then return field.pairs and json.array {} or {} end
  return json.null
end

local function sorted_names(map)
  local names = {}
  for name in next, map do names[#names + 1] = name end
  table.sort(names)
  return names
end

local encode

local encoders = {}

function encoders.list(field, value, verb)
  local result = {}
  for index, element in ipairs(value) do result[index] = encode(field.of, element, verb) end
  return json.array(result)
end
encoders.set = encoders.list

function encoders.map(field, value, verb)
  local result = {}
  if field.pairs then
    local name_key, value_key = field.pairs[1], field.pairs[2]
    for index, name in ipairs(sorted_names(value)) do
      result[index] = { [name_key] = name, [value_key] = encode(field.of, value[name], verb) }
    end
    return json.array(result)
  end
  for name, element in next, value do result[name] = encode(field.of, element, verb) end
  return result
end

function encoders.object(field, value, verb)
  local result = {}
  for _, name in ipairs(field.order) do
    local inner, part = field.fields[name], value[name]
    local path = inner.wire[verb]
    if part ~= nil and path then
      local target = result
      for index = 1, #path - 1 do
        target[path[index]] = target[path[index]] or {}
        target = target[path[index]]
      end
      target[path[#path]] = encode(inner, part, verb)
    end
  end
  local fill = field.fill
  if fill and value[fill.unless] == nil then result[fill.wire] = fill.value end
  return result
end

function encoders.size(field, value)
  local bytes = normal.size(value)
  if field.unit then return bytes // normal.unit(field.unit) end
  return bytes
end

function encoders.duration(_, value) return normal.duration(value) end
function encoders.ref(field, value) return normal.ref(field, value) end

function encoders.str(field, value)
  if field.encoding == "base64" then return core.base64(value) end
  return value
end

---@param field scw.schema.Field
---@param value any
---@param verb "create"|"update"
---@return any
encode = function(field, value, verb)
  if value == nil then return nothing(field) end
  local encoder = encoders[field.kind]
  if encoder then return encoder(field, value, verb) end
  return value
end

local decode

local decoders = {}

function decoders.int(_, value) return type(value) == "number" and math.tointeger(value) or value end

function decoders.size(field, value)
  local number = type(value) == "number" and math.tointeger(value) or nil
  if not number then return value end
  return field.unit and number * normal.unit(field.unit) or number
end

function decoders.list(field, value)
  local result = {}
  for _, element in ipairs(value) do
    for _, name in ipairs(field.pick or {}) do element = type(element) == "table" and element[name] or nil end
    if not encoding.is_null(element) then result[#result + 1] = decode(field.of, element) end
  end
  return json.array(result)
end
decoders.set = decoders.list

function decoders.map(field, value)
  local result = {}
  if field.pairs then
    for _, element in ipairs(value) do
      result[element[field.pairs[1]]] = decode(field.of, element[field.pairs[2]])
    end
    return result
  end
  for name, element in next, value do
    if field.secret then
      result[name] = { ["$secret"] = "" }
    elseif not encoding.is_null(element) then
      result[name] = decode(field.of, element)
    end
  end
  return result
end

function decoders.object(field, value)
  local result = {}
  for _, name in ipairs(field.order) do
    local inner = field.fields[name]
    if inner.wire.read then
      local part = value
      for _, key in ipairs(inner.wire.read) do part = type(part) == "table" and part[key] or nil end
      if type(value) == "table" and #inner.wire.read == 1 then part = value[inner.wire.read[1]] end
      if not encoding.is_null(part) then result[name] = decode(inner, part) end
    end
  end
  return result
end

function decoders.str(field, value)
  if field.encoding == "base64" then return core.unbase64(value) or value end
  return value
end

local TABLES = { list = true, set = true, map = true, object = true }

---@param field scw.schema.Field
---@param value any not null
---@return any
decode = function(field, value)
  if TABLES[field.kind] and type(value) ~= "table" then return nil end
  local decoder = decoders[field.kind]
  if decoder then return decoder(field, value) end
  return value
end

--- How a value of a body looks in answers: elements that are picked out of objects go back into them.
---@param field scw.schema.Field
---@param value any
---@return any
function encoding.stored(field, value)
  if not field.pick or type(value) ~= "table" then return value end
  local result = {}
  for index, element in ipairs(value) do
    for position = #field.pick, 1, -1 do element = { [field.pick[position]] = element } end
    result[index] = element
  end
  return json.array(result)
end

encoding.encode, encoding.decode = encode, decode

return encoding
