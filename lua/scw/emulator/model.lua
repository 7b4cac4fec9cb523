--- What a body may hold: the fields of a resource by the names they have on the wire, from its type and from what the
--- behaviour adds. Checks bodies, gives values their one spelling, fills in defaults.
local answer = require "scw.emulator.answer"
local complete = require "scw.schema.complete"
local encoding = require "scw.schema.encoding"
local json = require "scw.json"
local normal = require "scw.schema.normal"

local model = {}

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

---@class scw.emulator.Field
---@field kind string as in scw.schema.Field, or "any"
---@field required? boolean
---@field default? any on the wire
---@field enum? string[]
---@field min? number
---@field max? number
---@field update? string|false its name in the body of an update; false: cannot change
---@field create? string|false its name in the body of the creation
---@field hidden? boolean accepted, never answered
---@field absent? boolean left out of the answer while nobody set it
---@field fields? table<string, scw.emulator.Field> of an object
---@field of? string kind of the elements of a list or map

local FAMILY = { set = "list", ref = "str" }

local from_field

local function from_fields(fields)
  local result = {}
  for _, field in next, fields do
    local read = field.wire.read or field.wire.create or field.wire.update
    if read and #read == 1 then result[read[1]] = from_field(field, read[1]) end
  end
  return result
end

--- One field of a type, as the service knows it.
from_field = function(field, name)
  local function at(path) return path and #path == 1 and path[1] or false end
  local result = {
    kind = FAMILY[field.kind] or field.kind, required = field.required, enum = field.enum,
    create = at(field.wire.create), update = not field.replace and at(field.wire.update),
    hidden = not field.wire.read, name = name, of = not field.pairs and field.of and (FAMILY[field.of.kind] or field.of.kind),
  }
  if field.pairs then result.kind = "list" end
  if field.unit then result.kind = "int" end
  if field.default ~= nil then
    result.default = encoding.encode(field, complete.value(field, field.default), "create")
  end
  if field.fields then result.fields = from_fields(field.fields) end
  return result
end

--- The fields of a type and those of a behaviour, the latter winning. `false` takes a field out.
---@param type scw.schema.Type|nil
---@param extra table<string, scw.emulator.Field|string|false>|nil
---@return table<string, scw.emulator.Field>
function model.fields(type, extra)
  local result = type and from_fields(type.fields) or {}
  for name, declared in next, extra or {} do
    if declared == false then
      result[name] = nil
    else
      if _G.type(declared) == "string" then declared = { kind = declared } end
      local field = result[name] or { create = name, update = name }
      for option, value in next, declared do field[option] = value end
      field.name = name
      result[name] = field
    end
  end
  return result
end

local ZERO = {
  str = function() return "" end, bool = function() return false end, int = function() return 0 end,
  float = function() return 0 end, list = function() return json.array {} end, map = function() return {} end,
}

--- What the service shows for a field nobody set.
---@param field scw.emulator.Field
function model.nothing(field)
  local zero = ZERO[field.kind]
  if zero then return zero() end
  return json.null
end

local function is_text(value) return type(value) == "string" end
local function is_integer(value) return type(value) == "number" and math.tointeger(value) ~= nil end
local function is_object(value) return type(value) == "table" and not (json.is_array(value) and #value > 0) end

local MATCHES = {
  str = is_text,
  bool = function(value) return type(value) == "boolean" end,
  int = is_integer,
  size = is_integer,
  float = function(value) return type(value) == "number" end,
  list = function(value) return type(value) == "table" and (next(value) == nil or #value > 0) end,
  map = is_object,
  object = is_object,
  duration = function(value) return is_text(value) and normal.seconds(value) ~= nil end,
  any = function() return true end,
}

local function contains(list, wanted)
  for _, value in ipairs(list) do
    if value == wanted then return true end
  end
  return false
end

local function has_elements(kind, value)
  local matches = MATCHES[kind] or MATCHES.any
  for _, element in next, value do
    if not matches(element) then return false end
  end
  return true
end

local check_value

local function check_object(fields, value, prefix, verb, details)
  local names = {}
  for name, field in next, fields do
    if field[verb] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local field = fields[name]
    local given = value[field[verb]]
    if given == json.null then given = nil end
    if given ~= nil then
      check_value(field, given, prefix .. field[verb], verb, details)
    elseif field.required and verb == "create" then
      details[#details + 1] = { argument_name = prefix .. field[verb], reason = "required", help_message = "is required" }
    end
  end
end

check_value = function(field, value, path, verb, details)
  local function wrong(reason, help) details[#details + 1] = { argument_name = path, reason = reason, help_message = help } end
  if not (MATCHES[field.kind] or MATCHES.any)(value) then return wrong("format", "has the wrong type") end
  if field.of and not has_elements(field.of, value) then return wrong("format", "has an element of the wrong type") end
  local clears = verb == "update" and path:find(".", 1, true) ~= nil -- empty texts clear an object
  if field.required and value == "" and not clears then return wrong("required", "must not be empty") end
  if field.enum and not contains(field.enum, value) and not tostring(value):find("^unknown_") then
    return wrong("constraint", "must be one of " .. table.concat(field.enum, ", "))
  end
  if type(value) == "number" then
    if field.min and value < field.min then return wrong("constraint", ("must be at least %s"):format(field.min)) end
    if field.max and value > field.max then return wrong("constraint", ("must be at most %s"):format(field.max)) end
  end
  if field.fields and next(value) ~= nil then check_object(field.fields, value, path .. ".", verb, details) end
end

--- Refuses a body the service would refuse.
---@param fields table<string, scw.emulator.Field>
---@param body table
---@param verb "create"|"update"
function model.check(fields, body, verb)
  local details = {}
  check_object(fields, body, "", verb, details)
  if #details > 0 then answer.refuse(answer.invalid(details)) end
end

local function has_unknown(field, value)
  return type(value) == "string" and value:find("^unknown_") ~= nil and (field.enum ~= nil or field.kind == "str")
end

--- A value as it is answered: "300.000000000s" becomes "300s"; null becomes an empty list or map.
---@param field scw.emulator.Field
---@param value any
---@return any
function model.normal(field, value)
  if value == json.null then return model.nothing(field) end
  if field.kind == "duration" then return normal.duration(value) end
  if is_integer(value) and (field.kind == "int" or field.kind == "size") then return math.tointeger(value) end
  if field.fields and type(value) == "table" then
    local result = {}
    for name, part in next, value do result[name] = part end
    for name, inner in next, field.fields do
      if result[name] ~= nil then
        result[name] = model.normal(inner, result[name])
      elseif inner.default ~= nil then
        result[name] = inner.default
      end
    end
    return result
  end
  return value
end

--- The values of a body by the names they are answered with. What is absent, null in an update, or an enum's zero, is left out.
---@param fields table<string, scw.emulator.Field>
---@param body table
---@param verb "create"|"update"
---@return table<string, any>
function model.values(fields, body, verb)
  local values = {}
  for name, field in next, fields do
    local given
    if field[verb] then given = body[field[verb]] end
    if given ~= nil and given ~= json.null and not has_unknown(field, given) then
      values[name] = model.normal(field, given)
    end
  end
  return values
end

---@return boolean
function model.is_uuid(text)
  return type(text) == "string" and text:find(UUID) ~= nil
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for name, part in next, value do result[name] = copy(part) end
  if json.is_array(value) then return json.array(result) end
  return result
end

model.copy = copy

--- Puts what the service decides where the caller said nothing.
---@param fields table<string, scw.emulator.Field>
---@param values table<string, any>
function model.complete(fields, values)
  for name, field in next, fields do
    if values[name] == nil and not field.absent and (field.create or field.default ~= nil) then
      if field.default ~= nil then values[name] = copy(field.default) else values[name] = model.nothing(field) end
    end
  end
end

return model
