--- Handles: what declaring a resource gives back. Their attributes are references that the type knows.
local reference = require "scw.dsl.reference"
local source = require "scw.dsl.source"
local suggest = require "scw.suggest"

local handle = {}

local ids = {} -- facts about the id of each type

local facts_of
local known = setmetatable({}, { __mode = "k" }) -- facts by field

local function child_of(field)
  if field.kind == "object" and field.fields then
    return function(key)
      local inner = field.fields[key]
      if inner then return facts_of(inner) end
      local hint = type(key) == "string" and suggest.hint(key, field.order)
      return nil, ("it has no field '%s'%s"):format(tostring(key), hint and "; " .. hint or "")
    end
  elseif field.kind == "list" or field.kind == "set" then
    return function(key)
      if math.type(key) then return facts_of(field.of) end
      return nil, ("it is a list: it has elements [1], [2], …, but no field '%s'"):format(key)
    end
  elseif field.kind == "map" then
    return function() return facts_of(field.of) end
  end
end

---@param field scw.schema.Field
---@param type_name? string
---@return scw.reference.Facts
function facts_of(field, type_name)
  local facts = known[field]
  if not facts then
    facts = { kind = field.kind, secret = field.secret or false, type = type_name, child = child_of(field) }
    known[field] = facts
  end
  return facts
end

--- Names of everything a handle of the type has.
local function attributes(type)
  local names = { "id" }
  for _, name in ipairs(type.order) do names[#names + 1] = name end
  for _, name in ipairs(type.output_order) do names[#names + 1] = name end
  return names
end

---@param session scw.dsl.Session
---@param declaration table
---@param type scw.schema.Type
---@return table handle
function handle.new(session, declaration, type)
  return reference.handle(declaration, function(key)
    local field = type.fields[key] or type.outputs[key]
    if key == "id" and not field then
      ids[type.name] = ids[type.name] or { kind = "str", type = type.name, secret = false }
      return reference.attribute(declaration.address, { key }, ids[type.name])
    end
    if field then return reference.attribute(declaration.address, { key }, facts_of(field, type.name)) end
    local hint = math.type(key) and "a handle is one resource, not a list" or suggest.hint(tostring(key), attributes(type))
    return session:report {
      source = source.here(), address = declaration.address,
      message = ("%s has no attribute '%s'"):format(declaration.address, tostring(key)),
      hint = hint or ("it has: " .. table.concat(attributes(type), ", ")),
    }
  end)
end

return handle
