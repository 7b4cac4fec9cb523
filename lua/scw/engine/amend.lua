--- Changes to what is recorded, by hand: another address for a record, a record forgotten, a whole document put in place. Nothing at the
--- service changes. Each is a deployment of its own, so that the history can show and undo it.
local beside = require "scw.state.beside"
local core = require "core"
local errors = require "scw.errors"
local history = require "scw.state.history"
local model = require "scw.state.model"
local origin = require "scw.dsl.origin"
local recorded = require "scw.engine.recorded"
local segments = require "scw.state.segments"
local suggest = require "scw.suggest"
local text = require "scw.text"
local trail = require "scw.state.trail"

local amend = {}

local words = text.state

local function invalid(message, hint, facts)
  local all = { code = "INFRA_001", kind = "invalid", message = message, hint = hint }
  for name, value in pairs(facts or {}) do all[name] = value end
  return nil, errors.new(all)
end

--- The record at an address, or an error that names the nearest one.
---@param document scw.state.Document
---@param address string
---@return scw.state.Record|nil, scw.Error|nil
function amend.find(document, address)
  local record = document.resources[address]
  if record then return record end
  local known = {}
  for index, present in ipairs(model.sorted(document)) do known[index] = present.address end
  return nil, errors.new({
    code = "INFRA_004", kind = "not_found", message = ("the state has no resource '%s'"):format(address),
    hint = document.intents[address] and "its creation was interrupted: the next apply settles it"
      or suggest.hint(address, known) or ("`%s state list STACK` shows them"):format(core.program),
  })
end

--- Lists addresses with one exchanged for another; nil when it is not among them.
local function exchanged(addresses, from, to)
  local list, found = core.array({}), false
  for index, address in ipairs(addresses) do
    found = found or address == from
    list[index] = address == from and to or address
  end
  table.sort(list)
  return found and list or nil
end

--- What a record, or a predecessor of one, says about others that changes with an address; empty when it does not name that one.
local function exchanged_fields(record, from, to)
  return { dependencies = exchanged(record.dependencies, from, to), origins = origin.exchanged(record.origins, from, to) }
end

--- A record's predecessors, when one of them needs what is renamed.
local function exchanged_deposed(deposed, from, to)
  local list, found = {}, false
  for index, former in ipairs(deposed or {}) do
    local copy = {}
    for name, value in next, former do copy[name] = value end
    for name, value in next, exchanged_fields(former, from, to) do copy[name], found = value, true end
    list[index] = copy
  end
  return found and list or nil
end

--- The outputs, when one of them comes from what is renamed.
local function exchanged_outputs(outputs, from, to)
  local list, found = {}, false
  for name, output in next, outputs do
    local origins = origin.exchanged(output.origins, from, to)
    list[name], found = origins and { value = output.value, secret = output.secret, origins = origins } or output, found or origins ~= nil
  end
  return found and list or nil
end

local function check_move(document, record, to)
  local module, type_name, name = to:match("^(.-)([%w_]+)%.([^/%s]+)$")
  if not name or (module ~= "" and not module:match("^[^/%s].*/$")) then
    return invalid(("'%s' is not an address"):format(to),
      ("such as %s, or module/%s"):format(record.address, record.address:match("[^/]*$")))
  end
  if type_name ~= record.type then
    return invalid(("%s is a %s: it cannot become a %s"):format(record.address, record.type, type_name),
      "only the module and the name can change", { address = record.address })
  end
  if to == record.address then return invalid(("this is its address already: %s"):format(to)) end
  if document.resources[to] then
    return invalid(("the state has a resource at %s already"):format(to), "move or forget that one first", { address = to })
  end
  for _, address in ipairs({ record.address, to }) do
    if document.intents[address] then
      return invalid(("the creation of %s was interrupted"):format(address), "apply or refresh first", { address = address })
    end
  end
  return true
end

--- What a move means for the records and outputs: the one that moves, and those that need it.
---@param document scw.state.Document
---@param from string
---@param to string
---@return table[]|nil entries, scw.Error|nil
function amend.move_entries(document, from, to)
  local record, err = amend.find(document, from)
  if not record then return nil, err end
  local ok
  ok, err = check_move(document, record, to)
  if not ok then return nil, err end
  local entries = {
    { op = "move", from = from, address = to }, { op = "patch", address = to, fields = { marked_as = record.marked_as or from } },
  }
  for _, other in ipairs(model.sorted(document)) do
    local fields = exchanged_fields(other, from, to)
    fields.deposed = exchanged_deposed(other.deposed, from, to)
    if next(fields) then
      entries[#entries + 1] = { op = "patch", address = other.address == from and to or other.address, fields = fields }
    end
  end
  local outputs = exchanged_outputs(document.outputs, from, to)
  if outputs then entries[#entries + 1] = { op = "outputs", outputs = outputs } end
  return entries
end

--- Changes records as `entries_of` says of a document. It is asked before the run waits for others, to refuse at once what cannot be, and
--- again when it is its turn: they may have written.
---@param session scw.Session
---@param entries_of fun(document: scw.state.Document): table[]|nil, scw.Error|nil
---@param name string what is counted
---@return scw.state.Deployment|nil, scw.Error|nil
local function rewrite(session, entries_of, name)
  local document, entries, err
  document, err = session:state()
  if not document then return nil, err end
  entries, err = entries_of(document)
  if not entries then return nil, err end
  return session:rewrite(function(begun)
    entries, err = entries_of(begun.store.document)
    if not entries then return nil, err end
    for _, entry in ipairs(entries) do begun.store:write(entry) end
    return begun:finish({ result = "done", counts = { [name] = name == "moved" and 1 or #entries } })
  end)
end

--- Gives a record another address.
---@param session scw.Session
---@param from string
---@param to string
---@return scw.state.Deployment|nil, scw.Error|nil
function amend.move(session, from, to)
  return rewrite(session, function(document) return amend.move_entries(document, from, to) end, "moved")
end

--- Forgets a record and the predecessors that still wait for their deletion; what they stand for stays.
---@param session scw.Session
---@param address string
---@param id? string the record is forgotten only while it has this id
---@return scw.state.Deployment|nil, scw.Error|nil
function amend.remove(session, address, id)
  return rewrite(session, function(document)
    local record, err = amend.find(document, address)
    if not record then return nil, err end
    if id and record.id ~= id then
      return invalid(("%s is another resource by now: %s, not %s"):format(address, record.id or "without an id", id),
        ("look at it with `%s state show STACK %s`, then decide again"):format(core.program, address), { address = address })
    end
    local entries = {}
    for index = 1, 1 + #(record.deposed or {}) do entries[index] = { op = "remove", address = address } end
    return entries
  end, "forgotten")
end

local function is_empty(document)
  return next(document.resources) == nil and next(document.intents) == nil and #document.deployments == 0
end

--- Do its records fit the types that this program knows? What it does not know may be meant; what cannot be is refused always.
local function check_records(session, pushed, force)
  for _, record in ipairs(not force and model.sorted(pushed) or {}) do
    if not session.catalogue.get(record.type) then
      return invalid(("this program knows no type '%s'"):format(record.type),
        "use the one that wrote it; --force puts it there all the same", { address = record.address })
    end
  end
  local ok, err = recorded.check(pushed, session.catalogue)
  if ok then return true end
  local message = err.message:gsub("^the state is damaged", "this state cannot be used")
  return invalid(message, "put it right, then push it", { address = err.address })
end

--- May a document take the place of the present one, as it was found?
local function check_push(session, present, pushed, force)
  if pushed.stack ~= session.stack.name then
    return invalid(("this is a state of the stack '%s', not of '%s'"):format(pushed.stack, session.stack.name),
      "push it with the stack that it belongs to")
  end
  if force or is_empty(present) then return true end
  if pushed.environment and present.environment and pushed.environment ~= present.environment then
    return invalid(("this is a state in %s, not in %s"):format(pushed.environment, present.environment),
      "push it with the stack that it belongs to; --force puts it there all the same")
  end
  local hint = ("compare first (`%s state pull STACK`); --force puts it there all the same"):format(core.program)
  if pushed.lineage ~= present.lineage then
    return invalid("this state was not made from the present one: its lineage is another",
      hint, { details = { "lineage here: " .. present.lineage, "lineage given: " .. pushed.lineage } })
  end
  if pushed.serial < present.serial then
    return invalid(("this state is older than the present one: serial %d, not %d"):format(pushed.serial, present.serial), hint)
  end
  local relation = trail.compare(present, pushed)
  if relation == "same" or relation == "behind" then return true end
  return invalid("the present state went on from this one: what was written since is not in it",
    ("pull it again (`%s state pull --out FILE STACK`) and put that right; --force drops what was written since"):format(core.program))
end

--- Calls `act` with everything that a document knows to exist, or to come.
local function each_known(document, act)
  for _, records in ipairs({ document.resources, document.intents }) do
    for address, record in next, records do
      act(record, address)
      for _, former in ipairs(record.deposed or {}) do act(former, address .. " (old)") end
    end
  end
end

--- What of the present state is not in the one that takes its place.
---@return string[] addresses
local function dropped(present, pushed)
  local known, list = {}, {}
  each_known(pushed, function(record, address) known[record.type .. "\0" .. (record.id or address)] = true end)
  each_known(present, function(record, address)
    local key = record.type .. "\0" .. (record.id or address)
    if not known[key] then list[#list + 1] = record.id and ("%s (%s)"):format(address, record.id) or address end
    known[key] = true
  end)
  table.sort(list)
  return list
end

--- Keeps the present state, unless the history has it.
---@return string|false|nil place false: it need not be
---@return scw.Error|nil
local function keep_present(session, store, found)
  local in_history = store.segments == 0 and session.stack.state.history ~= 0 and model.left_by(found) ~= nil
  if in_history or found.serial == 0 then return false end
  local key, failure = beside.keep(store, store.document, { store.backend })
  if not key then
    local err = errors.wrap(failure, "cannot keep the present state")
    err.hint = err.hint or "nothing was replaced; pull again when that is mended: the serial may be a higher one"
    return nil, err
  end
  session.on_message(words.kept_beside(store.backend:describe(key)))
  return store.backend:describe(key)
end

--- May what cannot be read be another stack's? Something of a history would open that is this one's.
---@return boolean|nil, scw.Error|nil
local function check_own(store, pushed)
  local records, err = history.records(store)
  if not records then return nil, err end
  local foreign = #records > 0
  for _, record in ipairs(records) do foreign = foreign and record.problem ~= nil and record.problem.elsewhere or false end
  local envelope = #records == 0 and type(store.unreadable) == "string" and core.seal_look(store.unreadable)
  if envelope and envelope.label then foreign = envelope.label ~= pushed.lineage end
  if not foreign then return true end
  return invalid(("nothing at %s is of the stack '%s': another one may keep its state there"):format(store.backend:describe(store.name),
    store.stack), "give this stack a place of its own; if that one is not needed any more, remove its objects first")
end

--- Nothing is dropped in silence: says what is not in a document that takes the place of the present one; takes in what a log says that
--- nobody else would read any more.
---@return scw.Account|nil, scw.Error|nil
local function account_for(session, store, found, pushed)
  if not store.unreadable then
    local addresses = dropped(store.document, pushed)
    if #addresses > 0 then session.on_message(words.dropped(addresses)) end
    local kept, failure = keep_present(session, store, found)
    return kept ~= nil and { dropped = addresses, kept = kept or nil } or nil, failure
  end
  local own, err = check_own(store, pushed)
  if not own then return nil, err end
  local found_there
  found_there, err = segments.catch_up(store, pushed, function(record)
    return (recorded.check({ resources = { [record.address] = record }, intents = {} }, session.catalogue))
  end)
  if not found_there then return nil, err end
  if found_there.taken > 0 then session.on_message(words.caught_up(found_there.taken)) end
  if found_there.left > 0 then session.on_message(words.not_caught_up(found_there.left)) end
  if #found_there.lost > 0 then session.on_message(words.lost(found_there.lost)) end
  return { dropped = found_there.lost }
end

---@class scw.Account
---@field dropped string[] what exists and the state does not know any more: "ADDRESS (ID)"
---@field kept? string where the present state was kept

--- Puts a document in the place of the present one. Of one that cannot be read, what its log says is taken over, as far as it goes on from
--- that document.
---@param session scw.Session
---@param pushed scw.state.Document
---@param force? boolean also an older one, or one of another lineage
---@return scw.state.Deployment|nil, scw.Error|nil
---@return scw.Account|nil account of what was there
function amend.push(session, pushed, force)
  local ok, err, present, account, record
  ok, err = check_records(session, pushed, force)
  if not ok then return nil, err end
  present, err = session:state()
  if not present then return nil, err end
  ok, err = check_push(session, present, pushed, force)
  if not ok then return nil, err end
  pushed.environment = session.stack.environment or present.environment or pushed.environment -- it may be renamed
  record, err = session:rewrite(function(begun, found)
    ok, err = check_push(session, found, pushed, force)
    if ok then account, err = account_for(session, begun.store, found, pushed) end
    if not account then return nil, err end
    return begun:replace(pushed, { result = "done", counts = { resources = #model.sorted(pushed) } })
  end)
  return record, err, account
end

--- Is there something to decide between the sides of the state? The session says which one it keeps (`options.keep`).
---@param session scw.Session
---@return boolean|nil, scw.Error|nil
function amend.check_resolve(session)
  local document, err = session:state()
  if not document then return nil, err end
  local lagging = session.store.lagging
  if lagging and lagging.given_up then return true end
  return invalid(lagging and ("there is nothing to decide: the %s goes on from the %s"):format(session.backend.leader.role,
    lagging.backend.role) or "there is nothing to decide: the state and its replica are the same",
    lagging and "the next apply makes them equal" or "apply as usual")
end

--- Makes the version of the state that the session keeps the one of both sides, as a deployment of its own.
---@param session scw.Session
---@return scw.state.Deployment|nil, scw.Error|nil
function amend.resolve(session)
  local ok, err = amend.check_resolve(session)
  if not ok then return nil, err end
  return session:rewrite(function(begun) return begun:finish({ result = "done", counts = {} }) end, session.store:position())
end

return amend
