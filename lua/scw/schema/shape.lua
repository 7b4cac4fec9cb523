--- Turns the table of a type file into a type object: every default spelled out, every list sorted.
local words = require "scw.schema.words"

local shape = {}

local VERBS = { "create", "update", "read" }
local METHODS = { create = "POST", update = "PATCH", read = "GET", delete = "DELETE" }
local WAITS = { timeout = "5m", poll = "5s", expected = "0s" }

local TYPE_WORDS = {
  name = true, summary = true, product = true, locality = true, scope = true, api = true, fields = true, outputs = true,
  actions = true, ready = true, gone = true, serial = true, settle = true, stop = true, identity = true, holds_data = true,
  create_first = true, rules = true, one_of = true, permissions = true, import_id = true, driver = true, eventual = true,
  doc = true, ambiguous = true, managed = true,
}

local function sorted_keys(map)
  local names = {}
  for name in next, map do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function split(path)
  local parts = {}
  for part in path:gmatch("[^.]+") do parts[#parts + 1] = part end
  return parts
end

--- One wire path per verb: from nothing, a name, `false`, or a table of exceptions.
local function wire_of(field)
  local given, common = field.wire, field.name
  if type(given) == "string" then common = given end
  if type(given) == "table" and given[1] ~= nil then common = given[1] end
  if given == false or field.local_only then common = false end
  local wire = {}
  for _, verb in ipairs(VERBS) do
    local path = common
    if type(given) == "table" and given[verb] ~= nil then path = given[verb] end
    if verb == "create" and field.after_create then path = false end
    if verb == "update" and field.create_only then path = false end
    local hidden = field.create_only or field.secret and field.kind ~= "map" and not field.is_output
    if verb == "read" and hidden then path = false end
    wire[verb] = path and split(path)
  end
  return wire
end

local field_of

local function fields_of(fields, is_output)
  local result = {}
  for name, field in next, fields do result[name] = field_of(name, field, is_output) end
  return result, sorted_keys(result)
end

local function element_of(element)
  if type(element) == "string" then element = { kind = words.short[element] or element } end
  assert(type(element) == "table" and words.particular[element.kind], "a list, set or map needs `of`")
  return field_of("element", element)
end

field_of = function(name, declared, is_output)
  assert(type(declared) == "table" and declared.kind, ("field %s is not made of schema words"):format(name))
  local field = {}
  for option, value in next, declared do field[option] = value end
  field.name, field.is_output = name, is_output or nil
  field.otherwise, field.pick = field.otherwise and split(field.otherwise), field.pick and split(field.pick)
  field.wire = wire_of(field)
  if field.kind == "list" or field.kind == "set" or field.kind == "map" then
    field.of = element_of(field.of or "str")
    field.of.secret = field.of.secret or field.secret
  end
  if field.kind == "object" then field.fields, field.order = fields_of(field.fields or {}) end
  if field.kind == "ref" then
    assert(field.to, ("ref %s needs `to`"):format(name))
    field.attribute = field.attribute or "id"
  end
  return field
end

local PLACES = {
  region = { kind = "str", doc = "Region; the stack's when not given.", replace = true, placement = true,
    wire = { create = false, update = false, read = "region" } },
  zone = { kind = "str", doc = "Zone; the stack's when not given.", replace = true, placement = true,
    wire = { create = false, update = false, read = "zone" } },
  project = { kind = "ref", to = "account_project", doc = "Project; the stack's when not given.", replace = true,
    placement = true, wire = { "project_id", update = false } },
  organization = { kind = "str", format = "uuid", doc = "Organisation; the stack's when not given.", replace = true,
    placement = true, wire = { "organization_id", update = false } },
}

local function add_places(object, fields)
  if object.locality ~= "global" then fields[object.locality] = PLACES[object.locality] end
  if object.scope ~= "parent" then fields[object.scope] = PLACES[object.scope] end
end

local function call_of(verb, given, path)
  if given == false then return false end
  local call = { method = METHODS[verb], path = path }
  if type(given) == "string" then call.method = given end
  if type(given) == "table" then
    for name, value in next, given do call[name] = value end
  end
  return call
end

local function query_of(object, list)
  local query = {}
  for name, value in next, list.query or {} do query[name] = value end
  if object.scope ~= "parent" and list.query == nil and not list.path then
    query[object.scope .. "_id"] = "{" .. object.scope .. "}"
  end
  return query
end

local function api_of(object, given)
  if not given then return nil end
  local api = { path = given.path, id = given.id or "id", parts = given.parts or {} }
  api.item = given.item or api.path .. "/{id}"
  local list = given.list or {}
  api.list = { path = list.path or api.path, field = list.field, query = query_of(object, list), partial = list.partial }
  assert(api.list.field or given.list == false, ("type %s: api.list needs the name of the array"):format(object.name))
  if given.list == false then api.list = nil end
  api.create = call_of("create", given.create, api.path)
  api.update = call_of("update", given.update, api.item)
  api.read = (given.read == "list" or given.read == "whole") and given.read or call_of("read", given.read, api.item)
  api.delete = call_of("delete", given.delete, api.item)
  return api
end

local function action_of(api, declared)
  local action = { method = "POST" }
  for name, value in next, declared do action[name] = value end
  local function full(path) return path and (path:gsub("{item}", function() return api.item end)) end
  action.path, action.on, action.off = full(action.path), full(action.on), full(action.off)
  for _, name in ipairs { "add", "remove" } do
    local call = action[name]
    if call then
      action[name] = { method = call.method or (name == "add" and "POST" or "DELETE"), path = full(call.path), body = call.body }
    end
  end
  return action
end

local function with_waits(given)
  if not given then return nil end
  local wait = {}
  for name, value in next, WAITS do wait[name] = value end
  for name, value in next, given do wait[name] = value end
  return wait
end

---@param declaration table
---@return scw.schema.Type
function shape.type(declaration)
  for name in next, declaration do
    if not TYPE_WORDS[name] then error(("a type has no word '%s'"):format(tostring(name)), 3) end
  end
  assert(type(declaration.name) == "string" and type(declaration.summary) == "string", "a type needs a name and a summary")
  local object = {
    name = declaration.name, summary = declaration.summary, doc = declaration.doc, product = declaration.product,
    locality = declaration.locality or "region", scope = declaration.scope or "parent", serial = declaration.serial,
    settle = declaration.settle, stop = declaration.stop, holds_data = declaration.holds_data,
    create_first = declaration.create_first,
    ambiguous = declaration.ambiguous, managed = declaration.managed, driver = declaration.driver, eventual = declaration.eventual,
    identity = declaration.identity or {}, rules = declaration.rules or {}, one_of = declaration.one_of or {},
    actions = {}, permissions = declaration.permissions or { refresh = {}, apply = {} },
    ready = with_waits(declaration.ready), gone = with_waits(declaration.gone or {}),
  }
  local fields = {}
  add_places(object, fields)
  for name, field in next, declaration.fields or {} do fields[name] = field end
  object.fields, object.order = fields_of(fields)
  object.outputs, object.output_order = fields_of(declaration.outputs or {}, true)
  object.api = api_of(object, declaration.api)
  for index, action in ipairs(declaration.actions or {}) do object.actions[index] = action_of(object.api, action) end
  local locality = object.locality ~= "global" and "{" .. object.locality .. "}/" or ""
  object.import_id = declaration.import_id or locality .. "{id}"
  for _, name in ipairs(object.identity) do
    assert(object.fields[name] or object.outputs[name], ("type %s: identity names no field: %s"):format(object.name, name))
  end
  return object
end

return shape
