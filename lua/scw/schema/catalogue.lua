--- Every type the program knows, by name. A type is one file under scw/types/<product>/; nothing has to be registered.
local core = require "core"

local catalogue = {}

local PREFIX = "scw.types."

local modules_by_name

local function modules()
  if modules_by_name then return modules_by_name end
  modules_by_name = {}
  for _, module in ipairs(core.modules(PREFIX)) do
    local name = module:match("([^.]+)$")
    assert(not modules_by_name[name], "two types have the name " .. name)
    modules_by_name[name] = module
  end
  return modules_by_name
end

--- The type of that name, loaded at its first use; nil when there is none.
---@param name string
---@return scw.schema.Type|nil
function catalogue.get(name)
  local module = modules()[name]
  if not module then return nil end
  local type = require(module)
  assert(type.name == name, ("%s declares the type %s"):format(module, type.name))
  type.product = type.product or module:match("([^.]+)%.[^.]+$")
  return type
end

--- Names of all types, sorted.
---@return string[]
function catalogue.names()
  local names = {}
  for name in next, modules() do names[#names + 1] = name end
  table.sort(names)
  return names
end

return catalogue
