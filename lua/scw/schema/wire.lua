--- Between the fields of a type and the bodies of the service: bodies to send, answers to read, paths to call.
local core = require "core"
local json = require "scw.json"
local complete = require "scw.schema.complete"
local deferred = require "scw.schema.deferred"
local encoding = require "scw.schema.encoding"

local wire = {}

--- Puts a value at a path of names.
local function put(body, path, value)
  for index = 1, #path - 1 do
    local name = path[index]
    if type(body[name]) ~= "table" then body[name] = {} end
    body = body[name]
  end
  body[path[#path]] = value
end

--- The value at a path; "endpoints[private_network]" is the first element of a list that has that name.
local function get(answer, path)
  for _, name in ipairs(path) do
    if type(answer) ~= "table" then return nil end
    local list, key = name:match("^([^%[]+)%[([^%]]+)%]$")
    if not list then
      answer = answer[name]
    else
      local found
      for _, element in ipairs(type(answer[list]) == "table" and answer[list] or {}) do
        if not encoding.is_null(element[key]) then found = element break end
      end
      answer = found
    end
  end
  if encoding.is_null(answer) then return nil end
  return answer
end

wire.get, wire.put = get, put

--- Fills a path template. Every value is percent-encoded as one segment.
---@param template string
---@param scope table values by name
---@return string
function wire.path(template, scope)
  return (template:gsub("{([%w_]+)}", function(name)
    local value = scope[name]
    if value == nil then error(("the path %s needs '%s'"):format(template, name), 0) end
    return core.uri_encode(tostring(value))
  end))
end

--- A name in a template: "{name}", or "{rules.ip}" for the list of that part of every element.
local function named(scope, name)
  local list, part = name:match("^([%w_]+)%.([%w_]+)$")
  if not list then return scope[name] end
  local result = {}
  for index, element in ipairs(scope[list] or {}) do result[index] = element[part] end
  return json.array(result)
end

--- Fills the templates of a query or constant body; a text that is one template keeps the kind of its value.
---@param values table
---@param scope table
---@return table
function wire.fill(values, scope)
  local result = {}
  for name, value in next, values do
    if type(value) == "string" then
      local whole = value:match("^{([%w_.]+)}$")
      if whole then result[name] = named(scope, whole) else
        result[name] = value:gsub("{([%w_]+)}", function(part) return tostring(scope[part] or "") end)
      end
    elseif type(value) == "table" and next(value) ~= nil then
      result[name] = wire.fill(value, scope)
    else
      result[name] = value
    end
  end
  return result
end

--- Names a composite id is made of ("{instance}/{name}"), nil for a plain one.
local function id_names(object)
  local template = object.api and object.api.id
  if not template or not template:find("{", 1, true) then return nil end
  local names = {}
  for name in template:gmatch("{([%w_]+)}") do names[#names + 1] = name end
  return names
end

--- The parts of a composite id by name; the last part takes all the rest.
---@param object scw.schema.Type
---@param id string
---@return table
function wire.id_parts(object, id)
  local names, parts = id_names(object), {}
  if not names then return parts end
  local rest = id
  for index, name in ipairs(names) do
    local head, tail = rest:match("^([^/]*)/(.*)$")
    if index == #names or not head then
      parts[name] = rest
      break
    end
    parts[name], rest = head, tail
  end
  return parts
end

--- What templates may name: place, fields, parts of the id, the id.
---@param object scw.schema.Type
---@param place table
---@param values table|nil
---@param id string|nil
---@return table
function wire.scope(object, place, values, id)
  local scope = {}
  for name, value in next, place or {} do scope[name] = value end
  for name, value in next, values or {} do
    scope[name] = value
  end
  if id then
    for name, value in next, wire.id_parts(object, id) do scope[name] = value end
    scope.id = id
  end
  return scope
end

--- An import id ("fr-par/…", for buckets with "@project" behind) as the id and the place it names.
---@param object scw.schema.Type
---@param text string
---@return string|nil id nil when it does not have the form of `import_id`
---@return table place
function wire.import(object, text)
  local place, id = {}, text
  if object.locality ~= "global" then
    place[object.locality], id = text:match("^([^/]+)/(.+)$")
    if not id or not place[object.locality]:match("^%l%l%-%l+[%d-]*$") then return nil, {} end
  end
  local bare, project = id:match("^(.+)@(%x+%-%x+%-%x+%-%x+%-%x+)$")
  if bare then id, place.project = bare, project end
  if #id == 0 then return nil, {} end
  return id, place
end

--- Identifier of a resource from an answer and what is known.
---@return string|nil
function wire.id(object, answer, scope)
  local names = id_names(object)
  if not names then return get(answer, { object.api.id }) end
  local known = {}
  for _, name in ipairs(names) do
    local field = object.fields[name] or object.outputs[name]
    local value = scope[name]
    if value == nil and field and field.wire.read then value = get(answer, field.wire.read) end
    if value == nil then return nil end
    known[name] = type(value) == "number" and tostring(math.tointeger(value) or value) or value
  end
  return (object.api.id:gsub("{([%w_]+)}", known))
end

local function value_of(object, name, values, place)
  local value = values[name]
  if value == nil and object.fields[name].placement then return place and place[name] end
  return value
end

--- The body of the create call: every field that has a value.
---@param object scw.schema.Type
---@param values table completed, secrets in clear
---@param place table
---@return table
function wire.create(object, values, place)
  local body = {}
  for _, name in ipairs(object.order) do
    local field = object.fields[name]
    if field.wire.create then
      local value = value_of(object, name, values, place)
      if value ~= nil then put(body, field.wire.create, encoding.encode(field, value, "create")) end
    end
  end
  return body
end

--- A secret map in an update: values that stay travel as "" (the service keeps them).
local function kept(field, value, changed)
  local result = {}
  for name, part in next, value do
    local is_new = changed[field.name .. "." .. name] or changed[field.name]
    result[name] = is_new and not deferred.fingerprint(part) and part or ""
  end
  return result
end

---@class scw.schema.Update
---@field body table|nil of the ordinary update call; nil when it has nothing to say
---@field actions { action: scw.schema.Action, field: scw.schema.Field, value: any, body: table }[] further calls, in the type's order

--- Of fields that exclude each other, the new one replaces the old one without being told.
local function has_sibling(object, values, wanted)
  for _, group in ipairs(object.one_of) do
    local belongs, set = false, false
    for _, name in ipairs(group) do
      belongs = belongs or name == wanted
      set = set or (name ~= wanted and values[name] ~= nil)
    end
    if belongs and set then return true end
  end
  return false
end

--- What to send so that the changes happen.
---@param object scw.schema.Type
---@param values table completed, secrets in clear
---@param changes scw.schema.Change[]
---@return scw.schema.Update
function wire.update(object, values, changes)
  local changed, seen, body, by_action = {}, {}, nil, {}
  for _, change in ipairs(changes) do changed[change.path] = true end
  for _, change in ipairs(changes) do
    local field = object.fields[change.field]
    if field and not seen[field.name] and not field.local_only then
      seen[field.name] = true
      local value = values[field.name]
      if value ~= nil and field.keep then value = kept(field, value, changed) end
      if field.update then
        by_action[field.update] = by_action[field.update] or {}
        by_action[field.update][field.name] = { field = field, value = value }
      elseif field.wire.update and not (value == nil and has_sibling(object, values, field.name)) then
        body = body or {}
        put(body, field.wire.update, encoding.encode(field, value, "update"))
      end
    end
  end
  return { body = body, actions = wire.actions(object, by_action) }
end

--- Calls of the named actions, one for all fields or (`each`) one per field, in the order the type says.
function wire.actions(object, by_action)
  local calls = {}
  for _, action in ipairs(object.actions) do
    local fields = by_action[action.name]
    if fields then
      local order, body = action.order or {}, {}
      if not action.order then
        for name in next, fields do order[#order + 1] = name end
        table.sort(order)
      end
      for _, name in ipairs(order) do
        local entry = fields[name]
        if entry and action.each then body = {} end
        if entry then
          if entry.field.wire.update then
            put(body, entry.field.wire.update, encoding.encode(entry.field, entry.value, "update"))
          end
          if action.each or not calls[#calls] or calls[#calls].action ~= action then
            calls[#calls + 1] = { action = action, field = entry.field, value = entry.value, body = body }
          end
        end
      end
    end
  end
  return calls
end

local function read_fields(fields, order, answer)
  local result = {}
  for _, name in ipairs(order) do
    local field = fields[name]
    if field.wire.read then
      local value = get(answer, field.wire.read)
      if value == nil and field.otherwise then value = get(answer, field.otherwise) end
      if value ~= nil then result[name] = complete.value(field, encoding.decode(field, value)) end
    end
  end
  return result
end

--- What an answer says, in the words of the type.
---@param object scw.schema.Type
---@param answer table decoded
---@param scope table from wire.scope
---@return { id: string|nil, fields: table, outputs: table }
function wire.read(object, answer, scope)
  local result = { fields = read_fields(object.fields, object.order, answer), outputs = {} }
  for name, value in next, read_fields(object.outputs, object.output_order, answer) do
    local output = object.outputs[name]
    if not output.fetch then result.outputs[name] = value end
  end
  for name, value in next, wire.id_parts(object, wire.id(object, answer, scope) or "") do
    if object.fields[name] and result.fields[name] == nil and value ~= "" then result.fields[name] = value end
  end
  result.id = wire.id(object, answer, scope)
  return result
end

--- What the service keeps of a body: the body's values at the places where a read shows them. For whoever plays the service.
---@param object scw.schema.Type
---@param verb "create"|"update"
---@param body table
---@param stored table changed in place
---@return table stored
function wire.store(object, verb, body, stored)
  for _, name in ipairs(object.order) do
    local field = object.fields[name]
    if field.wire[verb] and field.wire.read then
      local value = get(body, field.wire[verb])
      if value ~= nil then put(stored, field.wire.read, encoding.stored(field, value)) end
    end
  end
  return stored
end

--- Whether an answer shows the status that tells whether the resource is ready.
---@return boolean
function wire.is_answer(answer, object)
  return type(answer) == "table" and (not object.ready or answer[object.ready.field] ~= nil)
end

--- Whether an answer is the tombstone of something deleted.
---@param object scw.schema.Type
---@param answer table
---@return boolean
function wire.is_gone(object, answer)
  local gone = object.gone
  if not gone or not gone.field then return false end
  local value = get(answer, { gone.field })
  if not gone.values then return value ~= nil end
  for _, word in ipairs(gone.values) do
    if value == word then return true end
  end
  return false
end

return wire
