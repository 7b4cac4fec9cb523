--- Where the resources of an evaluated stack are to be: regions nobody knows, and references that cross a border.
local reference = require "scw.dsl.reference"
local settings = require "scw.api.settings"
local suggest = require "scw.suggest"

local places = {}

local KNOWN = { region = settings.regions, zone = settings.zones }

local function is_known(kind, text)
  for _, candidate in ipairs(KNOWN[kind]) do
    if candidate == text then return true end
  end
  return false
end

--- Warnings about well-formed places that were unknown when this was written, each place once.
local function unknown_places(made)
  local warnings, seen = {}, {}
  local function look(kind, text, address, source)
    if type(text) ~= "string" or seen[text] or is_known(kind, text) then return end
    if kind == "zone" and seen[text:match("^(.*)%-%d+$") or ""] then return end -- said of its region
    seen[text] = true
    local hint = suggest.hint(text, KNOWN[kind]) or "known are " .. table.concat(KNOWN[kind], ", ")
    warnings[#warnings + 1] = { message = ("unknown %s %s"):format(kind, text), hint = hint, address = address, source = source }
  end
  look("region", made.region, nil, made.source)
  look("zone", made.zone, nil, made.source)
  if made.state then look("region", made.state.region, nil, made.state.source) end
  for _, declaration in ipairs(made.declarations) do
    look("region", declaration.region, declaration.address, declaration.source)
    look("zone", declaration.zone, declaration.address, declaration.source)
  end
  return warnings
end

--- The region of a declaration, and its zone when it has one; nil for what is everywhere.
local function place_of(declaration, type_object)
  if type_object.locality == "global" or type_object.driver == "local" then return nil end
  if type_object.locality == "region" then return declaration.region end
  local zone = declaration.zone
  return zone and zone:match("^(.*)%-%d+$"), zone
end

--- Calls `fn(path, address)` for every reference that stands where a field wants another resource.
local function each_ref(field, value, path, fn)
  if type(value) ~= "table" then return end
  if field.kind == "ref" then
    local address = reference.is(value) and reference.target(value)
    if address then fn(path, address) end
  elseif reference.is(value) then
    return
  elseif field.fields then
    for _, name in ipairs(field.order) do
      if value[name] ~= nil then each_ref(field.fields[name], value[name], path .. "." .. name, fn) end
    end
  elseif field.of then
    for index, element in ipairs(value) do each_ref(field.of, element, ("%s[%d]"):format(path, index), fn) end
  end
end

local function check_refs(evaluation, declaration, type_object, report)
  local region, zone = place_of(declaration, type_object)
  if not region then return end
  for _, name in ipairs(type_object.order) do
    each_ref(type_object.fields[name], declaration.fields[name], name, function(path, address)
      local other = evaluation.by_address[address]
      local other_region, other_zone
      if other then other_region, other_zone = place_of(other, evaluation:type(other.type)) end
      local here, there = region, other_region
      if there == here and zone and other_zone then here, there = zone, other_zone end
      if there and there ~= here then
        local message = ("%s: %s points to %s in %s, but this resource is in %s"):format(declaration.address, path, address, there, here)
        report(declaration, message, "resources can only point to others in the same place", path)
      end
    end)
  end
end

--- Reports what cannot work, and gives back warnings about the rest.
---@param evaluation scw.dsl.Session
---@param made scw.dsl.Stack
---@param used_at fun(declaration: scw.dsl.Declaration): string[]
---@return { message: string, hint?: string, address?: string, source?: string }[]
function places.check(evaluation, made, used_at)
  for _, declaration in ipairs(made.declarations) do
    local type_object = evaluation:type(declaration.type)
    if type_object and not declaration.lookup then
      check_refs(evaluation, declaration, type_object, function(at, message, hint, path)
        evaluation:report({
          address = at.address, source = at.source, message = message, hint = hint, path = path, details = used_at(at),
        })
      end)
    end
  end
  return unknown_places(made)
end

return places
