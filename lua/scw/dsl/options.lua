--- The options of a declaration: how the engine treats the resource, whatever its type.
local reference = require "scw.dsl.reference"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"

local options = {}

local NAMES = {
  "aliases", "create_before_destroy", "depends_on", "ignore_changes", "import", "protect", "replace_on", "retain_on_delete", "timeouts",
}

local function is_duration(text)
  return type(text) == "string" and text:gsub("%d+%.?%d*[smhd]", "") == "" and text ~= ""
end

local function texts(given)
  if type(given) == "string" then return { given } end
  if type(given) ~= "table" or reference.is(given) then return nil end
  local list = {}
  for i, text in ipairs(given) do
    if type(text) ~= "string" then return nil end
    list[i] = text
  end
  return #list > 0 and list or next(given) == nil and list or nil
end

--- Addresses that a `depends_on` names: handles, what modules gave back, or lists of them.
---@param given any
---@param addresses string[] filled
---@return string? problem
function options.addresses(given, addresses)
  local declaration = reference.declaration(given)
  if declaration then
    addresses[#addresses + 1] = declaration.address
    return nil
  end
  if reference.is_void(given) then return nil end
  if reference.is(given) then
    local address = reference.target(given)
    if not address then return "depends_on takes resources, not computed values" end
    addresses[#addresses + 1] = address
    return nil
  end
  if type(given) ~= "table" then return ("depends_on takes resources, module results or lists of them, not a %s"):format(type(given)) end
  local made = options.declarations_of(given)
  if made then
    for _, one in ipairs(made()) do addresses[#addresses + 1] = one end
    return nil
  end
  for _, element in ipairs(given) do
    local problem = options.addresses(element, addresses)
    if problem then return problem end
  end
  return nil
end

--- Of a module result: a function that gives the addresses of its declarations. Set by scw.dsl.module.
---@type fun(given: table): (fun(): string[])?
function options.declarations_of() return nil end

local function boolean(given) return type(given) == "boolean" and given or nil, "must be true or false" end

local readers = {
  protect = boolean, create_before_destroy = boolean, retain_on_delete = boolean,
  ignore_changes = function(given) return texts(given), "must be a list of field names" end,
  aliases = function(given) return texts(given), "must be a list of former addresses" end,
  import = function(given) return type(given) == "string" and given ~= "" and given or nil, "must be the id of what exists" end,
  depends_on = function(given)
    local addresses = {}
    local problem = options.addresses(given, addresses)
    return not problem and addresses or nil, problem
  end,
  replace_on = function(given)
    local problem
    local copy = value.copy(given, function(_, message) problem = message end)
    if problem then return nil, problem end
    return type(copy) == "table" and not reference.is(copy) and copy or { copy }
  end,
  timeouts = function(given)
    if type(given) ~= "table" then return nil, "must be a table such as { create = '20m' }" end
    for verb, text in next, given do
      if verb ~= "create" and verb ~= "update" and verb ~= "delete" then
        return nil, ("has no '%s'; it has create, update, delete"):format(tostring(verb))
      end
      if not is_duration(text) then return nil, ("%s must be a duration such as '20m'"):format(verb) end
    end
    return { create = given.create, update = given.update, delete = given.delete }
  end,
}

--- Checks options and brings them into one form.
---@param given any
---@param type_object scw.schema.Type
---@param report fun(message: string, hint?: string)
---@return table
function options.read(given, type_object, report)
  local result = {}
  if given == nil then return result end
  if type(given) ~= "table" or reference.is(given) then
    report(("options must be a table, not a %s"):format(reference.is(given) and "reference" or type(given)))
    return result
  end
  for _, name in ipairs(value.sorted_keys(given)) do
    local read = readers[name]
    if read then
      local ok, problem = read(given[name])
      if ok == nil and given[name] ~= false then report(("option %s: %s"):format(name, problem)) end
      result[name] = ok
    else
      local hint = suggest.hint(tostring(name), NAMES)
      if not hint and type_object.fields[name] then
        hint = ("%s is a field of %s: put it into the table of fields"):format(name, type_object.name)
      end
      report(("there is no option '%s'"):format(tostring(name)), hint or "the options are " .. table.concat(NAMES, ", "))
    end
  end
  for _, path in ipairs(result.ignore_changes or {}) do
    local field = path:match("^[^.%[]+")
    if not type_object.fields[field] and path ~= "*" then
      report(("ignore_changes: %s has no field '%s'"):format(type_object.name, path), suggest.hint(field or path, type_object.order))
    end
  end
  return result
end

return options
