--- Editor types out of the types: LuaCATS classes, so that an editor completes fields and checks their kinds.
local catalogue = require "scw.schema.catalogue"

local luacats = {}

local KINDS = {
  str = "string", int = "integer", float = "number", bool = "boolean", any = "any", duration = "string|number", size = "string|integer",
}

local function class_name(text)
  return "scw." .. text
end

local kind_of

--- Classes of objects are named by their path: scw.container.liveness_probe.
local function object_class(field, path, lines)
  luacats.class(path, field.fields, field.order, lines)
  return class_name(path)
end

kind_of = function(field, path, lines)
  if field.kind == "list" or field.kind == "set" then return ("(%s)[]"):format(kind_of(field.of, path, lines)) end
  if field.kind == "map" then return ("table<string, %s>"):format(kind_of(field.of, path, lines)) end
  if field.kind == "object" then return object_class(field, path, lines) end
  if field.kind == "ref" then
    return type(field.to) == "table" and "scw.Reference|string" or class_name(field.to .. ".Handle") .. "|scw.Reference|string"
  end
  if field.enum then return '"' .. table.concat(field.enum, '"|"') .. '"' end
  return KINDS[field.kind]
end

--- Writes the class of a set of fields; inner classes come first.
---@param path string
---@param fields table<string, scw.schema.Field>
---@param order string[]
---@param lines string[]
function luacats.class(path, fields, order, lines)
  local own = { ("---@class %s"):format(class_name(path)) }
  for _, name in ipairs(order) do
    local field = fields[name]
    local kind = kind_of(field, path .. "." .. name, lines)
    if field.kind ~= "ref" then kind = kind .. "|scw.Reference" end
    local optional = (field.required and field.default == nil) and "" or "?"
    own[#own + 1] = ("---@field %s%s %s%s"):format(name, optional, kind, field.doc and " " .. field.doc or "")
  end
  table.move(own, 1, #own, #lines + 1, lines)
  lines[#lines + 1] = ""
end

local function handle(type, lines)
  lines[#lines + 1] = ("---@class %s: scw.Reference"):format(class_name(type.name .. ".Handle"))
  lines[#lines + 1] = "---@field id scw.Reference"
  local names = {}
  for _, name in ipairs(type.order) do names[#names + 1] = name end
  for _, name in ipairs(type.output_order) do names[#names + 1] = name end
  table.sort(names)
  for index, name in ipairs(names) do
    if name ~= "id" and name ~= names[index - 1] then lines[#lines + 1] = ("---@field %s scw.Reference"):format(name) end
  end
  lines[#lines + 1] = ""
end

--- One file for all types of the catalogue: classes of fields and handles, and a method of the scope for each.
---@return string
function luacats.generate()
  local lines = { "---@meta", "-- Generated from lua/scw/types/ by `scwlua docs`.", "-- luacheck: ignore", "",
    "---@class scw.Reference", "---@operator concat(any): scw.Reference", "", "---@class scw.Scope", "local scope = {}", "" }
  for _, name in ipairs(catalogue.names()) do
    local type = catalogue.get(name)
    luacats.class(name, type.fields, type.order, lines)
    handle(type, lines)
    lines[#lines + 1] = "--- " .. type.summary
    lines[#lines + 1] = "---@param name string"
    lines[#lines + 1] = ("---@param fields %s"):format(class_name(name))
    lines[#lines + 1] = "---@param options? table"
    lines[#lines + 1] = ("---@return %s"):format(class_name(name .. ".Handle"))
    lines[#lines + 1] = ("function scope:%s(name, fields, options) end"):format(name)
    lines[#lines + 1] = ""
  end
  lines[#lines + 1] = "return scope"
  return table.concat(lines, "\n") .. "\n"
end

return luacats
