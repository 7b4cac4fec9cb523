--- One resource against its service: create, read, list, update, delete, find, fetch. Chooses the driver, keeps calls of one
--- instance apart, and makes generated values. Everything it returns in `fields` and `outputs` is free of secrets; what a
--- creation answered only once stands in `secrets`, in clear, for the caller to hand on and forget.
local api_errors = require "scw.api.errors"
local core = require "core"
local deferred = require "scw.schema.deferred"
local errors = require "scw.errors"
local generate = require "scw.engine.generate"
local serial = require "scw.engine.serial"
local wire = require "scw.schema.wire"

local crud = {}

---@class scw.engine.Result
---@field id string
---@field fields table what the service shows, in the words of the type
---@field outputs table
---@field failure? string why it does not work, when the service says so
---@field secrets? table outputs only the creation shows

---@class scw.engine.Options
---@field address? string for errors and traces
---@field timeouts? { create?: string, update?: string, delete?: string }
---@field on_wait? fun(status: string)
---@field since? number epoch seconds: `find` looks for what was made later
---@field except? table<string, boolean> ids that `find` passes over

local DRIVERS = {
  api = "scw.engine.driver.api", object_storage = "scw.engine.driver.object_storage", ["local"] = "scw.engine.driver.local",
}

local function driver_of(type)
  return require(DRIVERS[type.driver or "api"])
end

local function place_of(record)
  return record.place or {}
end

--- Options a record carries.
local function options_of(record, given)
  local options = {}
  for name, value in next, given or {} do options[name] = value end
  options.address = options.address or record.address
  options.timeouts = options.timeouts or (record.options and record.options.timeouts)
  return options
end

local function collect_secrets(field, value, found)
  if type(value) == "string" then
    if field.secret and value ~= "" then
      found[#found + 1] = value
      found[#found + 1] = core.base64(value)
    end
  elseif type(value) == "table" and not deferred.describe(value) then
    for name, part in next, value do
      local inner = field.fields and field.fields[name] or field.of
      if field.secret then inner = field end
      if inner then collect_secrets(inner, part, found) end
    end
  end
end

--- Options with the secrets among the values: services quote what they refuse, and no error may show them.
local function hiding(object, values, given)
  local found = {}
  for name, value in next, values do
    if object.fields[name] then collect_secrets(object.fields[name], value, found) end
  end
  table.sort(found, function(a, b) return #a > #b or #a == #b and a < b end) -- one may be part of another
  local options = {}
  for name, value in next, given or {} do options[name] = value end
  options.secrets = found
  return options
end

--- Key under which calls run one at a time; nil when they need not.
local function serial_key(type, values, id)
  if not type.serial then return nil end
  local value = type.serial == "id" and id or values[type.serial] or (id and wire.id_parts(type, id)[type.serial])
  return value and ("%s/%s"):format(type.product or type.name, value) or nil
end

local function in_turn(client, type, values, id, run)
  local key = serial_key(type, values, id)
  if not key then return run() end
  return serial.run(client, key, run)
end

--- Adds to a refusal which permissions the calls need, and takes secrets out of what a service says.
local function explained(type, options, result, err)
  if result == nil and errors.is(err) and options.secrets then api_errors.clean(err, options.secrets) end
  if result == nil and errors.is(err) and err.code == "INFRA_003" and not err.hint and #type.permissions.apply > 0 then
    err.hint = "the API key needs " .. table.concat(type.permissions.apply, ", ")
  end
  return result, err
end

--- Fills in values that are to be made now.
local function with_generated(type, values)
  local complete, made = values, nil
  for name, field in next, type.fields do
    local options = field.generate and values[field.generate]
    if options and values[name] == nil then
      if complete == values then
        complete = {}
        for key, value in next, values do complete[key] = value end
      end
      complete[name] = generate.text(options)
      made = made or {}
      made[field.wire.create[1]] = complete[name]
    end
  end
  return complete, made
end

--- Outputs whose value is known because it was sent or made here.
local function known_secrets(type, values, made, secrets)
  for name, output in next, type.outputs do
    local source = output.fetch and output.wire.read and output.wire.read[1]
    local value = source and ((made and made[source]) or values[source])
    if value ~= nil and not deferred.contains(value) then
      secrets = secrets or {}
      secrets[name] = value
    end
  end
  return secrets
end

--- Makes a resource and waits until it is ready. `on_created(id, result)` is called as soon as it exists.
---@param client table
---@param type scw.schema.Type
---@param values table completed fields, secrets in clear
---@param place table
---@param on_created? fun(id: string, result: scw.engine.Result)
---@param options? scw.engine.Options
---@return scw.engine.Result|nil
---@return table? err
function crud.create(client, type, values, place, on_created, options)
  local complete, made = with_generated(type, values)
  local told = hiding(type, complete, options)
  return explained(type, told, in_turn(client, type, complete, nil, function()
    local result, err = driver_of(type).create(client, type, complete, place, function(id, first)
      first.secrets = known_secrets(type, complete, made, first.secrets)
      if on_created then on_created(id, first) end
    end, told)
    if result then result.secrets = known_secrets(type, complete, made, result.secrets) end
    return result, err
  end))
end

--- Reads a resource: its result, nil when it is gone, nil and an error when that is not known.
---@param client table
---@param type scw.schema.Type
---@param record table
---@return scw.engine.Result|nil
---@return table? err
function crud.read(client, type, record)
  return driver_of(type).read(client, type, record, options_of(record))
end

--- What one list call can answer for: records with equal keys share it. Nil when the type has no list of its own.
---@param type scw.schema.Type
---@param record table
---@return { key: string, place: table, parent: table, partial: boolean }|nil
function crud.list_scope(type, record)
  local list = type.api and type.api.list
  if not list then return nil end
  local place, scope = place_of(record), wire.scope(type, place_of(record), record.inputs, record.id)
  local parent, parts = {}, { type.name }
  local templates = { list.path }
  for _, template in next, list.query do templates[#templates + 1] = template end
  table.sort(templates)
  for _, template in ipairs(templates) do
    for name in template:gmatch("{([%w_]+)}") do
      local value = scope[name]
      if value == nil or _G.type(value) == "table" then return nil end
      if place[name] == nil then parent[name] = value end
      parts[#parts + 1] = name .. "=" .. tostring(value)
    end
  end
  return { key = table.concat(parts, "|"), place = place, parent = parent, partial = list.partial or false }
end

--- Every resource of the type in a place and under a parent. A type whose list is `partial` needs `read` for the rest.
---@param client table
---@param type scw.schema.Type
---@param place table
---@param parent? table values the list's path and query need
---@return scw.engine.Result[]|nil
---@return table? err
function crud.list(client, type, place, parent)
  return driver_of(type).list(client, type, place, parent or {}, {})
end

--- Makes the changes and waits until the resource is ready again.
---@param client table
---@param type scw.schema.Type
---@param record table
---@param values table completed fields, secrets in clear
---@param changes scw.schema.Change[]
---@param options? scw.engine.Options
---@return scw.engine.Result|nil
---@return table? err
function crud.update(client, type, record, values, changes, options)
  local told = hiding(type, values, options_of(record, options))
  return explained(type, told, in_turn(client, type, values, record.id, function()
    return driver_of(type).update(client, type, record, values, changes, told)
  end))
end

--- Deletes a resource and waits until it is gone; one that is gone already is a success.
---@param client table
---@param type scw.schema.Type
---@param record table
---@param options? scw.engine.Options
---@return true|nil
---@return table? err
function crud.delete(client, type, record, options)
  return explained(type, {}, in_turn(client, type, record.inputs or {}, record.id, function()
    return driver_of(type).delete(client, type, record, options_of(record, options))
  end))
end

--- The id of the resource that is exactly the one these values name, nil when there is none.
---@param client table
---@param type scw.schema.Type
---@param values table
---@param place table
---@param options? scw.engine.Options
---@return string|nil id
---@return table? err
function crud.find(client, type, values, place, options)
  return driver_of(type).find(client, type, values, place, options or {})
end

--- A secret output, read now. Never during a refresh: reading may use it up.
---@param client table
---@param type scw.schema.Type
---@param record table
---@param output string
---@return string|nil value
---@return table? err
function crud.fetch(client, type, record, output)
  return explained(type, {}, driver_of(type).fetch(client, type, record, output, options_of(record)))
end

--- Goes on waiting for a resource that was being made when the program ended.
---@param client table
---@param type scw.schema.Type
---@param record table
---@param options? scw.engine.Options
---@return scw.engine.Result|nil
---@return table? err
function crud.wait_ready(client, type, record, options)
  return driver_of(type).wait_ready(client, type, record, options_of(record, options))
end

return crud
