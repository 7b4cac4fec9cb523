--- Resources of the control plane: everything here is decided by the words of the type.
local calls = require "scw.engine.driver.calls"
local deferred = require "scw.schema.deferred"
local difference = require "scw.schema.difference"
local encoding = require "scw.schema.encoding"
local equal = require "scw.schema.equal"
local errors = require "scw.errors"
local wait = require "scw.engine.wait"
local wire = require "scw.schema.wire"

local driver = {}

--- Separates what only the creation shows from what may be kept.
local function without_secrets(type, result)
  for name, output in next, type.outputs do
    if output.secret and result.outputs[name] ~= nil then
      result.secrets = result.secrets or {}
      result.secrets[name], result.outputs[name] = result.outputs[name], nil
    end
  end
  return result
end

local function result_of(type, answer, scope, place)
  local result = without_secrets(type, wire.read(type, answer, scope))
  result.failure, result.leaving = wait.failure(type, answer), wait.leaves(type, answer) or nil
  for name, field in next, type.fields do
    if field.placement and result.fields[name] == nil then result.fields[name] = place[name] end
  end
  return result
end

local function scope_of(type, record)
  return wire.scope(type, record.place or {}, record.inputs, record.id)
end

--- Lists that belong to the answer but stand on other paths.
local function add_parts(client, type, answer, scope, options)
  for _, part in ipairs(type.api.parts) do
    local elements, err = calls.pages(client, part, scope, options)
    if not elements then return nil, err end
    answer[part.field] = elements
  end
  return answer
end

local function is_it(type, answer, scope)
  local found = wire.read(type, answer, scope).fields
  for _, name in ipairs(type.identity) do
    local field, wanted = type.fields[name], scope[name]
    if field and field.wire.read and wanted ~= nil and not equal.values(field, wanted, found[name]) then return false end
  end
  return true
end

--- Reads the raw answer once: nil when gone, nil and an error when not known.
local function get(client, type, scope, options)
  local api = type.api
  local answer, err
  if api.read == "list" or api.read == "whole" then
    local elements
    elements, err = calls.pages(client, api.list, scope, options)
    if not elements then return calls.absent(err) end
    if api.read == "whole" then
      if #elements == 0 then return nil end
      answer = { [api.list.field] = elements }
    else
      for _, element in ipairs(elements) do
        if is_it(type, element, scope) then answer = element break end
      end
      if not answer then return nil end
    end
  else
    answer, err = calls.once(client, api.read, scope, nil, options)
    if not answer then return calls.absent(err) end
  end
  if wire.is_gone(type, answer) then return nil end
  return answer
end

local function read(client, type, scope, place, options)
  local answer, err = get(client, type, scope, options)
  if not answer then return nil, err end
  answer, err = add_parts(client, type, answer, scope, options)
  if not answer then return calls.absent(err) end
  return result_of(type, answer, scope, place)
end

--- Waits until ready; `answer` is the one at hand, which may already say so. Returns the last answer.
local function settle(client, type, scope, answer, timeout, options)
  if not type.ready then return answer end
  local missing = 0
  return wait.ready(client, type, function()
    local found, err = get(client, type, scope, options)
    if found or err then return found, err end
    missing = missing + 1
    if type.eventual and missing < type.eventual then return { [type.ready.field] = "not visible yet" } end
    return nil
  end, { timeout = timeout, address = options.address, answer = answer, on_look = options.on_wait })
end

--- Waits until the resource a call touched indirectly is ready again.
local function settle_parent(client, type, scope, options)
  local field = type.settle and type.fields[type.settle]
  if not field then return true end
  local parent = require("scw.schema.catalogue").get(field.to)
  local parent_scope = {}
  for name, value in next, scope do parent_scope[name] = value end
  parent_scope.id = scope[type.settle]
  local ok, err = settle(client, parent, parent_scope, nil, nil, options)
  return ok and true or nil, err
end

--- What to believe after a change: the answer at hand when it tells all, one more read otherwise.
local function final(client, type, scope, place, answer, options)
  local complete = type.api.read ~= "list" and type.api.read ~= "whole" and wire.id(type, answer or {}, scope) ~= nil
  if complete then
    local whole, err = add_parts(client, type, answer, scope, options)
    if not whole then return nil, err end
    return result_of(type, whole, scope, place)
  end
  local result, err = read(client, type, scope, place, options)
  if result or err then return result, err end
  return nil, errors.new { code = "INFRA_005", kind = "not_found", address = options.address,
    message = ("%s disappeared right after the change"):format(type.name) }
end

--- Elements to add and to remove so that the members become the wanted ones.
local function member_changes(field, wanted, present, id_name)
  local used, add, remove = {}, {}, {}
  for _, element in ipairs(wanted or {}) do
    local found
    for index, raw in ipairs(present) do
      if not used[index] and equal.values(field.of, element, encoding.decode(field.of, raw)) then found = index break end
    end
    if found then used[found] = true else add[#add + 1] = element end
  end
  for index, raw in ipairs(present) do
    if not used[index] then remove[#remove + 1] = raw[id_name] end
  end
  return add, remove
end

local function with(scope, name, value)
  local result = {}
  for key, known in next, scope do result[key] = known end
  result[name] = value
  return result
end

local function change_members(client, type, action, field, wanted, scope, timeout, options)
  local answer, err = get(client, type, scope, options)
  if not answer then return nil, err end
  answer, err = add_parts(client, type, answer, scope, options)
  if not answer then return nil, err end
  local add, remove = member_changes(field, wanted, wire.get(answer, field.wire.read) or {}, action.member_id)
  for _, id in ipairs(remove) do
    local ok
    ok, err = calls.settled(client, type, action.remove, with(scope, "member", id), nil, timeout, options)
    if not ok and not calls.is_absent(err) then return nil, err end
    ok, err = settle(client, type, scope, nil, timeout, options)
    if not ok and type.ready then return nil, err end
  end
  for _, element in ipairs(add) do
    local inner = with(scope, "member", encoding.encode(field.of, element, "create"))
    local ok
    ok, err = calls.settled(client, type, action.add, inner, wire.fill(action.add.body, inner), timeout, options)
    if not ok then return nil, err end
    ok, err = settle(client, type, scope, nil, timeout, options)
    if not ok and type.ready then return nil, err end
  end
  return true
end

local function run_action(client, type, call, scope, timeout, options)
  local action = call.action
  if action.add then return change_members(client, type, action, call.field, call.value, scope, timeout, options) end
  local path, body = action.path, call.body
  if action.on then path = call.value and action.on or action.off end
  if not path then return true end
  for name, value in next, wire.fill(action.body or {}, scope) do body[name] = value end
  local answer, err = calls.settled(client, type, { method = action.method, path = path }, scope, body, timeout, options)
  if not answer then return nil, err end
  if not type.ready then return true end
  answer, err = settle(client, type, scope, nil, timeout, options)
  return answer and true or nil, err
end

--- Sends what the changes need. Returns the last answer of the ordinary update call, or true.
local function apply(client, type, scope, values, changes, timeout, options)
  local update, last = wire.update(type, values, changes), true
  if update.body and type.api.update then
    for _, name in ipairs(type.api.update.carry or {}) do
      wire.put(update.body, type.fields[name].wire.create, scope[name])
    end
    local answer, err = calls.settled(client, type, type.api.update, scope, update.body, timeout, options)
    if not answer then return nil, err end
    answer, err = settle(client, type, scope, wire.is_answer(answer, type) and answer or nil, timeout, options)
    if not answer then return nil, err end
    last = answer
  end
  for _, call in ipairs(update.actions) do
    local ok, err = run_action(client, type, call, scope, timeout, options)
    if not ok then return nil, err end
    last = true
  end
  return last
end

--- Fields the create call does not take, where the service did something else than asked.
local function later_changes(type, values, result)
  local changes = {}
  for _, change in ipairs(difference.changes(type, values, values, result.fields)) do
    if type.fields[change.field].after_create then changes[#changes + 1] = change end
  end
  return changes
end

local function has_later_fields(type, values)
  for name, field in next, type.fields do
    if field.after_create and values[name] ~= nil then return true end
  end
  return false
end

function driver.create(client, type, values, place, on_created, options)
  local api, timeout = type.api, options.timeouts and options.timeouts.create
  local scope = wire.scope(type, place, values)
  local answer, err = calls.settled(client, type, api.create, scope, wire.create(type, values, place), timeout, options)
  if not answer then return nil, err end
  scope.id = wire.id(type, answer, scope)
  if not scope.id then
    return nil, errors.new { code = "INFRA_005", message = ("the answer to the creation of %s has no id"):format(type.name),
      address = options.address }
  end
  scope = wire.scope(type, place, values, scope.id)
  local first = result_of(type, answer, scope, place)
  on_created(scope.id, first)
  answer, err = settle(client, type, scope, answer, timeout, options)
  if not answer then return nil, err end
  local ok
  ok, err = settle_parent(client, type, scope, options)
  if not ok then return nil, err end
  local result
  result, err = final(client, type, scope, place, answer, options)
  if not result then return nil, err end
  if has_later_fields(type, values) then
    local changes = later_changes(type, values, result)
    if #changes > 0 then
      ok, err = apply(client, type, scope, values, changes, timeout, options)
      if not ok then return nil, err end
      result, err = final(client, type, scope, place, nil, options)
      if not result then return nil, err end
    end
  end
  result.secrets = first.secrets
  return result
end

function driver.read(client, type, record, options)
  return read(client, type, scope_of(type, record), record.place or {}, options)
end

function driver.list(client, type, place, parent, options)
  local scope = wire.scope(type, place, parent)
  local elements, err = calls.pages(client, type.api.list, scope, options)
  if not elements then
    local _, problem = calls.absent(err)
    if problem then return nil, problem end
    return {}
  end
  if type.api.read == "whole" then
    if #elements == 0 then return {} end
    return { result_of(type, { [type.api.list.field] = elements }, scope, place) }
  end
  local results = {}
  for _, element in ipairs(elements) do
    if not wire.is_gone(type, element) then results[#results + 1] = result_of(type, element, scope, place) end
  end
  return results
end

function driver.update(client, type, record, values, changes, options)
  local scope = wire.scope(type, record.place or {}, values, record.id)
  local answer, err = apply(client, type, scope, values, changes, options.timeouts and options.timeouts.update, options)
  if not answer then return nil, err end
  local ok
  ok, err = settle_parent(client, type, scope, options)
  if not ok then return nil, err end
  return final(client, type, scope, record.place or {}, answer ~= true and answer or nil, options)
end

local function delete_body(type, call, scope)
  if not call.body and not call.carry then return nil end
  local body = wire.fill(call.body or {}, scope)
  for _, name in ipairs(call.carry or {}) do wire.put(body, type.fields[name].wire.create, scope[name]) end
  return body
end

--- Waits for the end of a deletion: 404, or a tombstone that need not be waited for any longer.
local function wait_gone(client, type, scope, timeout, options)
  local gone = type.gone
  local linger = wait.milliseconds(gone.linger or 0)
  local function look(waited)
    local answer, err = calls.once(client, type.api.read, scope, nil, options)
    if not answer then
      local _, problem = calls.absent(err)
      if problem then return nil, problem end
      return true
    end
    return wire.is_gone(type, answer) and waited >= linger
  end
  return wait.until_found(client, { timeout = timeout or gone.timeout, poll = gone.poll, expected = gone.expected }, look, function()
    return errors.new { code = "INFRA_006", kind = "timeout", address = options.address,
      message = ("%s still exists %s after its deletion was asked for"):format(type.name, timeout or gone.timeout),
      hint = "apply again to go on waiting" }
  end)
end

function driver.delete(client, type, record, options)
  local api = type.api
  if not api.delete then return true end
  local scope = scope_of(type, record)
  local timeout = options.timeouts and options.timeouts.delete
  local call = api.delete
  local answer, response, stopped
  while true do
    answer, response = calls.settled(client, type, call, scope, delete_body(type, call, scope), timeout or type.gone.timeout, options)
    if answer then break end
    if calls.is_absent(response) then return true end
    if stopped or not (type.stop and calls.says(response, type.stop.refusal)) then return nil, response end
    local ok, err = calls.stop(client, type, scope, timeout or type.gone.timeout, options)
    if not ok then return nil, err end
    stopped = true
  end
  if type.settle then return settle_parent(client, type, scope, options) end
  if not type.ready or (response and response.status == 204) then return true end
  if _G.type(api.read) ~= "table" then return true end
  return wait_gone(client, type, scope, timeout, options)
end

--- Where the service tells no time, only a name that is unique among its siblings will do.
local function made_since(type, element, since)
  local created = element.created_at
  if not since then return true end
  if _G.type(created) ~= "string" then return not type.ambiguous end
  return calls.made_since(created, since)
end

--- How many declared fields an existing resource shows otherwise; nil when it cannot be what these values made, because one of
--- them could never be changed.
local function distance(type, values, element, scope)
  local changes = difference.changes(type, values, nil, wire.read(type, element, scope).fields)
  for _, change in ipairs(changes) do
    if change.replace and change.old ~= nil then return nil end -- what a list leaves out says nothing
  end
  return #changes
end

function driver.find(client, type, values, place, options)
  if type.ambiguous and not options.since then return nil end
  if #type.identity == 0 or not type.api.list then return nil end
  local scope = wire.scope(type, place, values)
  for _, name in ipairs(type.identity) do
    if deferred.contains(scope[name]) then return nil end
  end
  local elements, err = calls.pages(client, type.api.list, scope, options)
  if not elements then return calls.absent(err) end
  if type.api.read == "whole" then return #elements > 0 and wire.id(type, {}, scope) or nil end
  local nearest, found
  for _, element in ipairs(elements) do
    local foreign = element.managed == true and type.managed ~= "ordinary"
    local ours = not foreign and not wire.is_gone(type, element) and is_it(type, element, scope)
    if ours and made_since(type, element, options.since) then
      local id = wire.id(type, element, scope)
      local away = not (options.except and options.except[id]) and distance(type, values, element, scope)
      if away and (not nearest or away < nearest) then nearest, found = away, id end
    end
  end
  return found
end

function driver.fetch(client, type, record, output, options)
  local field = assert(type.outputs[output], "no such output: " .. output)
  local scope = scope_of(type, record)
  for name, value in next, record.outputs or {} do scope[name] = scope[name] or value end
  local answer, err = calls.settled(client, type, { method = "GET", path = field.fetch }, scope, nil, "2m", options)
  if not answer then return nil, err end
  local value = wire.get(answer, field.wire.read)
  return value and encoding.decode(field, value)
end

function driver.wait_ready(client, type, record, options)
  local scope, place = scope_of(type, record), record.place or {}
  local answer, err = get(client, type, scope, options)
  if not answer then return nil, err end
  answer, err = settle(client, type, scope, answer, options.timeouts and options.timeouts.create, options)
  if not answer then return nil, err end
  return final(client, type, scope, place, answer, options)
end

return driver
