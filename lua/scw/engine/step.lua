--- One unit of work: makes, changes or unmakes one resource and notes every stage in the state's log.
local core = require "core"
local adopt = require "scw.engine.adopt"
local decide = require "scw.engine.decide"
local deferred = require "scw.schema.deferred"
local errors = require "scw.errors"
local lookup = require "scw.engine.lookup"
local plain = require "scw.engine.plain"
local record = require "scw.engine.record"

local step = {}

---@class scw.Run
---@field store scw.state.Store
---@field crud table
---@field client table
---@field catalogue table
---@field plan scw.Plan
---@field entries table<string, scw.Entry>
---@field fingerprints scw.Fingerprints
---@field place table
---@field vault table<string, table> secrets that creations told, by address; memory only
---@field clear table values in clear that were fetched; memory only
---@field on_event fun(event: table)

local function call_options(run, entry)
  return {
    address = entry.address, timeouts = entry.node and entry.node.options.timeouts,
    on_wait = function(status)
      run.on_event({ kind = "step_waiting", address = entry.address, action = entry.step.action, detail = status })
    end,
  }
end

local function is_local(entry) return entry.type.driver == "local" end

local function present_of(run, entry) return run.store.document.resources[entry.address] end

--- Writes and waits until it is durable.
local function save_now(run, entry_of_log) return run.store:commit(run.store:write(entry_of_log)) end

--- What a service answered becomes what others may refer to.
local function learn(run, entry, result)
  entry.id, entry.fresh, entry.stale = result.id or entry.id, false, {}
  entry.outputs = record.outputs(entry.type, entry.inputs, result)
  if result.secrets then run.vault[entry.address] = result.secrets end
end

--- Resolves the node again, now that everything it needs exists.
local function settle_inputs(run, entry)
  if entry.node.deferred then
    local ok, err = decide.resolve(run, entry.node, entry)
    if not ok then return nil, err end
  end
  if not record.is_known(entry.inputs) or not record.is_known(entry.place) then
    return nil, errors.new({ code = "INFRA_005", message = "a value it needs is still not known", address = entry.address })
  end
  return true
end

--- The record as it is once the resource is ready.
local function finished(run, entry)
  local made = record.of(entry, "ready", run.fingerprints)
  made.id, made.outputs = entry.id, entry.outputs
  return made
end

--- Writes what differs from the record; nothing when nothing does.
local function save_finished(run, entry)
  local present, made = present_of(run, entry), finished(run, entry)
  if not present then
    run.store:write({ op = "set", record = made })
    return
  end
  local fields, differs = {}, false
  for _, name in ipairs({ "status", "id", "place", "inputs", "outputs", "dependencies", "options", "source", "schema",
    "origins" }) do
    if not record.same(present[name], made[name]) then
      fields[name], differs = made[name], true
      if made[name] == nil then fields[name] = core.null end
    end
  end
  for _, name in ipairs({ "reason", "marked_as" }) do
    if present[name] then fields[name], differs = core.null, true end
  end
  if differs then run.store:write({ op = "patch", address = entry.address, fields = fields }) end
end

-- Making ----------------------------------------------------------------------------------------------------------------

local function create_local(run, entry, values)
  local result, err = run.crud.create(run.client, entry.type, values, entry.place, nil, call_options(run, entry))
  if not result then return nil, err end
  learn(run, entry, result)
  run.store:write({ op = "set", record = finished(run, entry) })
  return true
end

local function is_certain(failure)
  if failure.uncertain then return false end
  if failure.status then return failure.status < 500 or failure.status == 501 end
  return failure.sent == false
end

--- Says nothing about the resource: the wait for it goes on in the next run.
local function is_passing(failure)
  if failure.kind == "failed" then return false end
  if not failure.status then return true end
  return failure.status >= 500 or failure.status == 401 or failure.status == 403 or failure.status == 408 or failure.status == 429
end

--- What a failed creation leaves on record, by how far it got.
local function note_failure(run, entry, failure)
  local present = present_of(run, entry)
  if present and present.id == entry.id and present.status == "creating" then
    if not is_passing(failure) then
      run.store:write({ op = "patch", address = entry.address, fields = { status = "tainted", reason = failure.message } })
    end
  elseif run.store.document.intents[entry.address] and is_certain(failure) then
    run.store:write({ op = "abandon", address = entry.address })
  end
end

local function real_changes(changes)
  local kept = {}
  for _, change in ipairs(changes) do
    if not change.option then kept[#kept + 1] = change end
  end
  return kept
end

--- The inputs that are certain while an update is under way: what nobody can read back is not, until the update is through.
local function certain_inputs(type, inputs, changes)
  local certain = inputs
  for _, change in ipairs(changes) do
    local field = type.fields[change.field]
    if change.secret or field and field.wire.read == false and not field.local_only then
      local key = field and field.kind == "map" and change.path:sub(#change.field + 2) or ""
      local copy = {}
      for name, value in next, certain do copy[name] = value end
      local map = key ~= "" and copy[change.field]
      if _G.type(map) == "table" and not deferred.describe(map) then
        copy[change.field] = {}
        for name, value in next, map do copy[change.field][name] = name ~= key and value or nil end
      else
        copy[change.field] = nil
      end
      certain = copy
    end
  end
  return certain
end

--- Brings what exists to what is wished for: changes it, or waits until an earlier creation or change is through.
local function bring_up(run, entry, present, changes)
  local options = call_options(run, entry)
  if present.status == "creating" and not is_local(entry) then
    local result, err = run.crud.wait_ready(run.client, entry.type, present, options)
    if not result and (err.kind ~= "failed" or #changes == 0) then return nil, err end -- a change may be the cure
    if result then
      entry.observed = result
      changes = real_changes(decide.changes(entry, present, result))
      if #changes == 0 then return result end
    end
  end
  if #changes > 0 then
    if not is_local(entry) then
      run.store:write({ op = "patch", address = entry.address, fields = {
        status = present.status ~= "creating" and "updating" or nil, inputs = certain_inputs(entry.type, present.inputs, changes),
      } })
    end
    local values, err = plain.changed(run, entry, changes)
    if not values then return nil, err end
    return run.crud.update(run.client, entry.type, present, values, changes, options)
  end
  if (present.status ~= "ready" or entry.observed and entry.observed.failure) and not is_local(entry) then
    return run.crud.wait_ready(run.client, entry.type, present, options)
  end
  return { id = present.id, fields = entry.observed and entry.observed.fields or present.inputs,
    outputs = entry.observed and entry.observed.outputs or present.outputs, unchanged = true }
end

--- Nobody knows whether the creation took place: look for it now rather than in the next run. The third result: it did not.
local function search(run, entry, failure)
  local intent = run.store.document.intents[entry.address]
  if not intent or failure.kind == "cancelled" or adopt.is_contested(run, run.store.document, intent) then return nil, failure end
  local id = adopt.find(run, run.store.document, intent)
  -- Found nothing, or cannot tell: the intent stays, a late creation is found by the next run.
  local contested = adopt.is_contested(run, run.store.document, intent)
  if not id or contested then return nil, failure, id == false and not contested end
  local ok, err = save_now(run, { op = "created", address = entry.address, id = id, outputs = {} })
  if not ok then return nil, err end
  entry.id = id
  return bring_up(run, entry, present_of(run, entry), {}) -- what creation would have done afterwards is a change now
end

--- The creation itself, noting the id as soon as there is one.
local function send(run, entry, values)
  return run.crud.create(run.client, entry.type, values, entry.place, function(id, first)
    entry.id = id
    if first and first.secrets then run.vault[entry.address] = first.secrets end
    local ticket = run.store:write({ op = "created", address = entry.address, id = id, outputs = {} })
    -- A long wait begins with the id on record. If that cannot be saved the log is broken and the run ends; the intent is
    -- durable and leads to the id.
    if entry.type.ready then run.store:commit(ticket) end
  end, call_options(run, entry))
end

--- May a creation that was proved to be missing be sent again? Only where a name tells siblings apart, and not after a timeout: the
--- service may still be at it.
local function can_repeat(entry, failure)
  local type = entry.type
  if #type.identity == 0 or type.ambiguous or not (type.api and type.api.list) or failure.kind == "timeout" then return false end
  for _, name in ipairs(type.identity) do
    local value = entry.inputs[name]
    if value == nil then value = entry.place[name] end
    if value == nil or deferred.contains(value) then return false end
  end
  return true
end

--- Sends the creation until it is through, or cannot go better. When nobody knows what became of it, it is looked for, and only sent
--- again when that shows that it is not there: once right away and once after the pause.
local function send_until_known(run, entry, values)
  for attempt = 1, math.maxinteger do
    local result, err = send(run, entry, values)
    if result or not run.store.document.intents[entry.address] or is_certain(err) then return result, err end
    local failure = err
    local absent
    result, err, absent = search(run, entry, failure)
    if result or not absent or not can_repeat(entry, failure) then return result, err end
    local delay = core.retry({
      attempt = attempt, status = failure.status or 0, kind = failure.kind, retry_after = failure.retry_after, now = core.now(),
      random = math.random(),
    })
    if not delay then return nil, failure end
    run.on_event({ kind = "retry", address = entry.address, action = entry.step.action,
      detail = ("%s; it was not created, and is sent again"):format(failure.message) })
    local ok, cancelled = run.client:sleep(delay)
    if not ok then return nil, errors.wrap(cancelled, "interrupted before another attempt") end
    result, err, absent = search(run, entry, failure)
    if not absent then return result, err end
  end
end

local function create(run, entry)
  local ok, err = settle_inputs(run, entry)
  if not ok then return nil, err end
  local values
  values, err = plain.fields(run, entry.node)
  if not values then return nil, err end
  if is_local(entry) then return create_local(run, entry, values) end
  local intent = record.of(entry, "creating", run.fingerprints)
  intent.id, intent.at = nil, math.floor(core.now())
  ok, err = save_now(run, { op = "intent", record = intent })
  if not ok then return nil, err end
  local result
  result, err = send_until_known(run, entry, values)
  if not result then
    note_failure(run, entry, err)
    return nil, err
  end
  learn(run, entry, result)
  save_finished(run, entry)
  return true
end

--- What an import starts from.
local function take_over(run, entry)
  local made = record.of(entry, "updating", run.fingerprints)
  made.id, made.inputs, made.outputs = entry.id, {}, entry.outputs
  return save_now(run, { op = "set", record = made })
end

local function update(run, entry)
  local ok, err = settle_inputs(run, entry)
  if not ok then return nil, err end
  local importing = entry.step.action == "import"
  if importing then
    ok, err = take_over(run, entry)
    if not ok then return nil, err end
  end
  local present = present_of(run, entry)
  local before = importing and { place = entry.place } or present
  local changes = real_changes(decide.changes(entry, before, entry.observed))
  for _, change in ipairs(changes) do
    if change.replace then
      return nil, errors.new({
        code = "INFRA_005", hint = "plan and apply again", address = entry.address,
        message = ("%s turned out to need a replacement: %s cannot be changed in place"):format(entry.address, change.path),
      })
    end
  end
  local result
  result, err = bring_up(run, entry, present, changes)
  if not result then
    if present_of(run, entry).status ~= "creating" and not is_local(entry) then
      run.store:write({ op = "patch", address = entry.address, fields = { status = present.status == "tainted" and "tainted" or "updating",
        reason = err.message } })
    elseif not is_passing(err) and not is_local(entry) then
      run.store:write({ op = "patch", address = entry.address, fields = { status = "tainted", reason = err.message } })
    end
    return nil, err
  end
  if result.unchanged then
    entry.fresh, entry.stale = false, {}
  else
    learn(run, entry, result)
  end
  save_finished(run, entry)
  return true
end

local function read(run, entry)
  local ok, err = decide.resolve(run, entry.node, entry)
  if not ok then return nil, err end
  entry.query = entry.inputs
  local result
  result, err = lookup.read(run, entry)
  if not result then return nil, err end
  entry.id, entry.inputs, entry.outputs, entry.fresh = result.id, result.fields or {}, result.outputs or {}, false
  return true
end

--- Nothing to do but to note what the declaration says about the record now.
local function keep(run, entry)
  if not entry.node.lookup and present_of(run, entry) then save_finished(run, entry) end
  return true
end

local makers = {
  create = create, replace = create, update = update, adopt = update, import = update, read = read, none = keep, move = keep,
}

--- Makes or changes the resource of a step.
---@param run scw.Run
---@param entry scw.Entry
---@return boolean|nil, scw.Error|nil
function step.make(run, entry)
  local step_action = entry.step.action
  if step_action == "create" and present_of(run, entry) then run.store:write({ op = "remove", address = entry.address }) end
  return makers[step_action](run, entry)
end

-- Unmaking --------------------------------------------------------------------------------------------------------------

--- The record to delete, and what to note once it is gone.
local function doomed(run, entry)
  local address = entry.deposed_of or entry.address
  local present = run.store.document.resources[address]
  for _, former in ipairs(present and present.deposed or {}) do
    if former.id == entry.record.id then return former, { op = "undepose", address = address, id = former.id } end
  end
  if present and present.id == entry.record.id then return present, { op = "remove", address = address } end
  return nil
end

--- Deletes the resource of a step, or forgets it.
---@param run scw.Run
---@param entry scw.Entry
---@return boolean|nil, scw.Error|nil
function step.unmake(run, entry)
  local present, note = doomed(run, entry)
  if not present then return true end -- a local value that its replacement has overwritten
  local retained = entry.step.action == "replace" and not entry.leaving and entry.node.options.retain_on_delete
  if entry.step.action ~= "forget" and not retained then
    local ok, err = run.crud.delete(run.client, entry.type, present, call_options(run, entry))
    if not ok then
      if entry.step.order == "delete_first" and err.status == 412 then
        err.hint = "something still uses it: with `create_before_destroy = true` that changes over to the new one first"
      end
      return nil, err
    end
  end
  run.store:write(note)
  return true
end

return step
