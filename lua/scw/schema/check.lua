--- Checks the fields of a declaration against its type. Pure; problems come in the order of the field names.
local complete = require "scw.schema.complete"
local deferred = require "scw.schema.deferred"
local formats = require "scw.schema.formats"
local normal = require "scw.schema.normal"
local suggest = require "scw.suggest"
local words = require "scw.schema.words"

local check = {}

local check_value

local function add(list, path, message, hint)
  list[#list + 1] = { path = path, message = message, hint = hint }
end

--- A value in a message: short, and never a secret.
local function shown(field, value)
  if field.secret then return "what was given" end
  if type(value) == "string" then
    return #value > 60 and ("'%s…'"):format(value:sub(1, 60)) or ("'%s'"):format(value)
  end
  if type(value) == "table" then return "a table" end
  if type(value) == "function" then return "a function" end
  return tostring(value)
end

local function sorted_keys(map)
  local names = {}
  for name in next, map do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

local function plural(count, noun)
  return ("%d %s%s"):format(count, noun, count == 1 and "" or "s")
end

--- Bounds of a number; `show` writes it in the unit the author thinks in.
local function check_range(field, value, path, problems, warnings, as_number, show)
  show = show or tostring
  if field.min ~= nil and value < as_number(field.min) then
    add(problems, path, ("%s must be at least %s, not %s"):format(path, show(field.min), show(value)))
  elseif field.max ~= nil and value > as_number(field.max) then
    add(problems, path, ("%s must be at most %s, not %s"):format(path, show(field.max), show(value)))
  elseif field.soft_max ~= nil and value > as_number(field.soft_max) then
    add(warnings, path, ("%s is %s: the service may refuse more than %s"):format(path, show(value), show(field.soft_max)))
  elseif field.soft_min ~= nil and value < as_number(field.soft_min) then
    add(warnings, path, ("%s is %s: the service may refuse less than %s"):format(path, show(value), show(field.soft_min)))
  end
  if field.multiple and value % as_number(field.multiple) ~= 0 then
    add(problems, path, ("%s must be a multiple of %s"):format(path, show(field.multiple)))
  end
end

local function same(value) return value end

local checks = {}

local function contains(list, wanted)
  for _, value in ipairs(list) do
    if value == wanted then return true end
  end
  return false
end

function checks.str(field, value, path, problems, warnings)
  if field.enum and not contains(field.enum, value) then
    local hint = suggest.hint(value, field.enum)
    return add(problems, path, ("%s must be one of %s, not %s"):format(path, table.concat(field.enum, ", "), shown(field, value)), hint)
  end
  local length = utf8.len(value) or #value
  if field.min and length < field.min then
    add(problems, path, ("%s must have at least %s"):format(path, plural(field.min, "character")))
  elseif field.max and length > field.max then
    add(problems, path, ("%s must have at most %s, not %d"):format(path, plural(field.max, "character"), length))
  elseif field.soft_max and length > field.soft_max then
    add(warnings, path, ("%s has %d characters: the service may refuse more than %d"):format(path, length, field.soft_max))
  end
  if field.pattern and not value:find(field.pattern) then
    add(problems, path, ("%s must match %s, not %s"):format(path, field.pattern, shown(field, value)))
  end
  if field.forbidden and contains(field.forbidden, value) then
    add(problems, path, ("%s must not be %s: the name is reserved"):format(path, shown(field, value)))
  end
  local format = field.format and formats.known[field.format]
  if format and not format.test(value) then
    add(problems, path, ("%s must be %s, not %s"):format(path, format.says, shown(field, value)))
  end
end

function checks.int(field, value, path, problems, warnings) check_range(field, value, path, problems, warnings, same) end
checks.float = checks.int
function checks.bool() end
function checks.any() end

function checks.duration(field, value, path, problems, warnings)
  check_range(field, normal.seconds(value), path, problems, warnings, normal.seconds, function(given)
    return tostring(normal.duration(given))
  end)
end

function checks.size(field, value, path, problems, warnings)
  check_range(field, normal.size(value), path, problems, warnings, normal.size, function(given)
    return type(given) == "string" and given or ("%d bytes"):format(given)
  end)
end

function checks.list(field, value, path, problems, warnings, place)
  local count = #value
  for key in next, value do
    if math.type(key) ~= "integer" or key < 1 or key > count then
      return add(problems, path, ("%s must be a list, but has the name '%s'"):format(path, tostring(key)))
    end
  end
  if field.min and count < field.min then
    add(problems, path, ("%s needs at least %s"):format(path, plural(field.min, "element")))
  elseif field.max and count > field.max then
    add(problems, path, ("%s must have at most %s, not %d"):format(path, plural(field.max, "element"), count))
  end
  for index, element in ipairs(value) do
    check_value(field.of, element, ("%s[%d]"):format(path, index), problems, warnings, place)
  end
end
checks.set = checks.list

function checks.map(field, value, path, problems, warnings, place)
  local names = {}
  for name in next, value do
    if type(name) ~= "string" then
      return add(problems, path, ("%s must have names, but has position %s"):format(path, tostring(name)))
    end
    names[#names + 1] = name
  end
  table.sort(names)
  if field.max and #names > field.max then
    add(problems, path, ("%s must have at most %s, not %d"):format(path, plural(field.max, "entry"):gsub("entrys", "entries"), #names))
  end
  for _, name in ipairs(names) do
    local inner = path .. "." .. name
    if field.key_max and #name > field.key_max then
      add(problems, inner, ("%s: a name must have at most %s"):format(path, plural(field.key_max, "character")))
    end
    for _, pattern in ipairs(field.reserved or {}) do
      if name:find(pattern) then add(problems, inner, ("%s must not set %s: the name is reserved"):format(path, name)) end
    end
    local element = value[name]
    check_value(field.of, element, inner, problems, warnings, place)
    if field.value_max and type(element) == "string" and #element > field.value_max then
      add(problems, inner, ("%s must have at most %d bytes, not %d"):format(inner, field.value_max, #element))
    end
  end
end

local function check_one_of(groups, value, path, problems)
  local prefix = path and path .. ": " or ""
  for _, group in ipairs(groups) do
    local set = {}
    for _, name in ipairs(group) do
      if value[name] ~= nil then set[#set + 1] = name end
    end
    if #set ~= 1 then
      local found = #set == 0 and "none is set" or table.concat(set, " and ") .. " are set"
      add(problems, path or group[1], ("%sexactly one of %s is needed, but %s"):format(prefix, table.concat(group, ", "), found))
    end
  end
end

local function check_fields(owner, fields, order, value, path, problems, warnings, place)
  for _, name in ipairs(sorted_keys(value)) do
    if not fields[name] then
      local inner = path and path .. "." .. name or name
      local hint = suggest.hint(name, order)
      if not hint and #order > 0 then hint = "it has: " .. table.concat(order, ", ") end
      add(problems, inner, ("%s has no field '%s'"):format(path or owner, name), hint)
    end
  end
  for _, name in ipairs(order) do
    local field, inner = fields[name], path and path .. "." .. name or name
    if value[name] ~= nil then
      check_value(field, value[name], inner, problems, warnings, place)
    elseif field.required then
      add(problems, inner, ("%s is required"):format(inner), field.doc)
    end
  end
end

function checks.object(field, value, path, problems, warnings, place)
  check_fields(path, field.fields, field.order, value, path, problems, warnings, place)
  if field.one_of then check_one_of({ field.one_of }, value, path, problems) end
end

function checks.ref(field, value, path, problems, _, place)
  local locality = value:match("^([%l%-]+%d*)/")
  if locality and normal.id(value) ~= value and place and locality ~= place.region and locality ~= place.zone then
    add(problems, path, ("%s is in %s, but this resource is in %s"):format(path, locality, place.zone or place.region or "?"),
      "resources can only point to others in the same place")
  elseif value == "" then
    add(problems, path, ("%s must not be empty"):format(path))
  elseif field.format and not formats.known[field.format].test(normal.id(value)) then
    add(problems, path, ("%s must be %s"):format(path, formats.known[field.format].says))
  end
end

local LUA_TYPES = {
  str = "string", int = "number", float = "number", bool = "boolean", list = "table", set = "table", map = "table",
  object = "table", ref = "string", any = "any", duration = "any", size = "any",
}

local function has_kind(field, value)
  local kind, wanted = field.kind, LUA_TYPES[field.kind]
  if kind == "duration" then return normal.seconds(value) ~= nil end
  if kind == "size" then return math.type(normal.size(value)) == "integer" end
  if kind == "int" then return math.tointeger(value) ~= nil and type(value) == "number" end
  return wanted == "any" and type(value) ~= "function" or type(value) == wanted
end

local function points_to(field, type_name)
  if type(field.to) == "table" then return contains(field.to, type_name) end
  return field.to == type_name
end

local function check_deferred(field, description, path, problems)
  if description.secret and not field.secret and field.kind ~= "any" then
    local hint = field.secret_twin and ("use %s"):format(field.secret_twin) or "pass it to a field that is kept secret"
    return add(problems, path, ("%s is not secret, but the value given to it is"):format(path), hint)
  end
  local is_handle = description.type and not description.attribute
  if not is_handle then return end
  local address = description.address or description.type
  if field.kind == "ref" and not points_to(field, description.type) then
    local wanted = type(field.to) == "table" and table.concat(field.to, " or ") or field.to
    add(problems, path, ("%s must be a %s, but %s is a %s"):format(path, wanted, address, description.type))
  elseif field.kind ~= "ref" and field.kind ~= "any" then
    add(problems, path, ("%s must be %s, not the resource %s"):format(path, words.names[field.kind], address),
      "name one of its attributes, such as .id")
  end
end

check_value = function(field, value, path, problems, warnings, place)
  local description = deferred.describe(value)
  if description then return check_deferred(field, description, path, problems) end
  if not has_kind(field, value) then
    return add(problems, path, ("%s must be %s, not %s"):format(path, words.names[field.kind], shown(field, value)))
  end
  return checks[field.kind](field, value, path, problems, warnings, place)
end

--- Rules look at completed fields; one that touches what is not there yet has to wait.
local function check_rules(type, fields, problems)
  if #type.rules == 0 then return end
  local completed, waiting = complete.fields(type, fields), {}
  local view = setmetatable({}, { __index = function(_, name)
    local value = completed[name]
    if deferred.contains(value) then error(waiting, 0) end
    return value
  end })
  for _, rule in ipairs(type.rules) do
    local ok, result = pcall(rule[2], view)
    if not ok and result ~= waiting then error(result, 0) end
    if ok and not result then add(problems, rule.path or rule[1]:match("^[%w_]+"), rule[1], rule.hint) end
  end
end

---@param type scw.schema.Type
---@param fields table
---@param place? table
---@return table[] problems, table[] warnings
function check.fields(type, fields, place)
  local problems, warnings = {}, {}
  check_fields(type.name, type.fields, type.order, fields, nil, problems, warnings, place)
  check_one_of(type.one_of, fields, nil, problems)
  if #problems == 0 then check_rules(type, fields, problems) end
  return problems, warnings
end

return check
