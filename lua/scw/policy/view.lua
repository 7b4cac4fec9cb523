--- A stack as policies look at it: declarations by type, values with the defaults of the services filled in.
local catalogue = require "scw.schema.catalogue"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"

local view = {}

---@class scw.policy.View
---@field stack scw.dsl.Stack
---@field declarations scw.dsl.Declaration[] without lookups
local methods = {}
local metatable = { __index = methods }

---@param stack scw.dsl.Stack
---@param invalid table<string, boolean> addresses to leave out
---@return scw.policy.View
function view.new(stack, invalid)
  local declarations = {}
  for _, declaration in ipairs(stack.declarations) do
    if not declaration.lookup and not invalid[declaration.address] then declarations[#declarations + 1] = declaration end
  end
  return setmetatable({ stack = stack, declarations = declarations, completed = {} }, metatable)
end

--- Declarations of a type.
---@param type_name string
---@return scw.dsl.Declaration[]
function methods:of(type_name)
  local found = {}
  for _, declaration in ipairs(self.declarations) do
    if declaration.type == type_name then found[#found + 1] = declaration end
  end
  return found
end

--- The fields with defaults filled in.
---@param declaration scw.dsl.Declaration
---@return table
function methods:fields(declaration)
  local fields = self.completed[declaration]
  if not fields then
    fields = schema.defaults(catalogue.get(declaration.type), declaration.fields)
    self.completed[declaration] = fields
  end
  return fields
end

---@param declaration scw.dsl.Declaration
---@return scw.schema.Type
function methods:type(declaration) return catalogue.get(declaration.type) end

--- Does the value refer to a declaration of the type?
---@param value any
---@param type_name string
---@return boolean
function methods:refers_to(value, type_name)
  local found = false
  reference.each(value, function(address) found = found or address:match("([^/.]+)%.[^/]*$") == type_name end)
  return found
end

return view
