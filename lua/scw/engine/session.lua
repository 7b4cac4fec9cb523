--- What commands do with one stack: validate, plan, apply, destroy, refresh, look into the state.
---
--- A session opens nothing by itself: the state is read when something first needs it, the client is made when a call has to be
--- sent. Planning and reading take no lock; `apply` and `refresh` take it for as long as they write.
local core = require "core"
local adopt = require "scw.engine.adopt"
local apply = require "scw.engine.apply"
local caution = require "scw.engine.caution"
local checks = require "scw.engine.checks"
local deployment = require "scw.engine.deployment"
local desired = require "scw.engine.desired"
local edges = require "scw.engine.edges"
local errors = require "scw.errors"
local fingerprint = require "scw.engine.fingerprint"
local forgotten = require "scw.engine.forgotten"
local json = require "scw.json"
local locks = require "scw.state.locks"
local lookup = require "scw.engine.lookup"
local model = require "scw.state.model"
local observe = require "scw.engine.observe"
local opening = require "scw.engine.opening"
local outage = require "scw.engine.outage"
local parallel = require "scw.parallel"
local past = require "scw.engine.past"
local plan = require "scw.engine.plan"
local recorded = require "scw.engine.recorded"
local refresh = require "scw.engine.refresh"
local rollback = require "scw.engine.rollback"
local status = require "scw.state.status"
local suggest = require "scw.suggest"
local turn = require "scw.engine.turn"
local witness = require "scw.state.witness"

local session = {}

local PARALLEL = 64
local LOOKUP_ROUNDS = 100

---@class scw.SessionOptions
---@field target? string[] addresses or modules
---@field exclude? string[]
---@field replace? string[] addresses
---@field leave? string[] addresses that a rollback leaves as they are
---@field lose_data? string[] addresses whose data it may lose
---@field refresh? boolean false: trust the state
---@field parallel? integer steps at once
---@field salvage? boolean also a state that cannot be read can be replaced
---@field keep? "primary"|"replica" which version of the state counts when the two went separate ways
---@field lock_wait? number seconds to wait while others hold the state; without: not at all
---@field old_key_file? string a key that only opens the state
---@field old_key_manager? string the same at Key Manager
---@field unsealed? boolean also a state that is not sealed is read

---@class scw.SessionFacts
---@field stack scw.dsl.Stack
---@field client? table|fun(): table|nil, scw.Error|nil the API client, or what makes it
---@field environment? table<string, string> where keys and facts about the holder of the lock come from
---@field command? string for the lock: "apply"
---@field host? { name: string, user: string, pid: integer } for the lock; this process by default
---@field options? scw.SessionOptions
---@field on_message? fun(line: string)
---@field backend? scw.state.Backend instead of the one the stack names; with `name`
---@field name? string of the state in that backend
---@field key? scw.state.Keyring|userdata|false instead of those that are found
---@field crud? table what acts on resources
---@field catalogue? { get: fun(name: string): scw.schema.Type|nil }

---@class scw.Session
---@field stack scw.dsl.Stack
---@field options scw.SessionOptions
---@field warnings { message: string, source?: string, address?: string }[]
---@field passing { message: string }[] warnings of the latest plan alone
local methods = {}
local metatable = { __index = methods }

---@param facts scw.SessionFacts
---@return scw.Session
function session.open(facts)
  return setmetatable({
    stack = facts.stack, make_client = facts.client, environment = facts.environment or core.environment(),
    command = facts.command or "apply", options = facts.options or {}, on_message = facts.on_message or function() end,
    backend = facts.backend, name = facts.name, key = facts.key,
    crud = facts.crud or require "scw.engine.crud", catalogue = facts.catalogue or require "scw.schema.catalogue", warnings = {},
    on_event = function() end, host = facts.host,
  }, metatable)
end

---@param self scw.Session
---@return scw.Desired|nil, scw.Error|nil
local function prepare(self)
  if self.set then return self.set end
  local set, err = desired.build(self.stack, self.catalogue)
  if not set then return nil, err end
  self.order, err = edges.order(set)
  if not self.order then return nil, err end
  self.set = set
  return set
end

--- What the credentials say where the stack says nothing.
local function place_of(self)
  local place, stack = {}, self.stack
  local known = self.client and self.client.credentials or {}
  for _, kind in ipairs({ "region", "zone", "project", "organization" }) do place[kind] = stack[kind] or known[kind] end
  return place
end

local function needs_client(self, document, set)
  local function remote(type_name)
    local type = self.catalogue.get(type_name)
    return type and type.driver ~= "local"
  end
  for _, present in next, document.resources do
    if remote(present.type) then return true end
  end
  for _, node in ipairs(set.nodes) do
    if node.type.driver ~= "local" then return true end
  end
  return next(document.intents) ~= nil
end

local function tools(self)
  return { crud = self.crud, client = self.client, catalogue = self.catalogue, parallel = self.options.parallel or PARALLEL }
end

-- Planning --------------------------------------------------------------------------------------------------------------

--- Plans, reads the lookups that can be read, and plans again with them.
local function plan_with_lookups(self, facts)
  for _ = 1, LOOKUP_ROUNDS do
    local made, err, wanted = plan.make(facts)
    if not wanted then return made, err end
    local done
    done, err = parallel.map(wanted, self.options.parallel or PARALLEL, function(entry)
      local result, failure = lookup.read(tools(self), entry)
      if not result then return nil, failure end
      facts.observed[entry.address] = result
      return true
    end)
    if not done then return nil, err end
  end
  error("lookups without end")
end

--- What a plan says that could not look.
local BLIND = "the service does not answer: this plan rests on the recorded state alone"

--- Looks at what exists. A plan that only shows something goes without that when it has to.
local function look(self, document, set)
  local observed, err, adoption = outage.ask(self, function()
    return observe.run(tools(self), document, set, place_of(self), self.options.refresh ~= false)
  end)
  if observed or self.command ~= "plan" or err.kind ~= "silent" then return observed, err, adoption end
  self.passing[#self.passing + 1] = { message = BLIND }
  return {}, nil, { entries = {}, found = {} }
end

--- What somebody is at work on looks in the state like what was interrupted.
local function warn_of_holder(self)
  if self.taken and not self.taken:is_closed() then return end -- it is this run
  local holder = locks.holder(self.backend, self.name)
  if not holder then return end
  self.passing[#self.passing + 1] = {
    message = ("a deployment is under way: what it has begun looks interrupted here; it is that of %s"):format(
      locks.describe(holder, self.backend:now())),
  }
end

---@param wish { destroy?: boolean, document?: scw.state.Document, review?: function, entries?: table[] }
local function make_plan(self, wish)
  local set, err = prepare(self)
  if not set then return nil, err end
  local document, destroy = wish.document, wish.destroy or false
  if not document then document, err = opening.checked(self) end
  if not document then return nil, err end
  if needs_client(self, document, set) then
    local client
    client, err = opening.client(self)
    if not client then return nil, err end
  end
  local position = self.store:position()
  self.passing = {}
  if self.store.segments > 0 or next(document.intents) then warn_of_holder(self) end
  local observed, adoption
  observed, err, adoption = look(self, document, set)
  if not observed then return nil, err end
  for _, entry in ipairs(wish.entries or {}) do adoption.found[entry.record.address] = forgotten.REASON end
  local made
  made, err = plan_with_lookups(self, {
    set = set, order = self.order, stack = self.stack, catalogue = self.catalogue, document = document, observed = observed,
    place = place_of(self), adopted = adoption.found, destroy = destroy, target = self.options.target, exclude = self.options.exclude,
    replace = not destroy and self.options.replace or nil, review = wish.review,
  })
  if not made then return nil, err end
  made.position, made.adoption = position, adoption.entries
  for _, entry in ipairs(wish.entries or {}) do
    if not made.left_out[entry.record.address] then table.insert(made.adoption, entry) end
  end
  for _, list in ipairs({ self.warnings, self.passing }) do table.move(list, 1, #list, #made.warnings + 1, made.warnings) end
  return made
end

--- Checks declarations, references and their order, without any network.
---@return boolean|nil ok, scw.Error|nil err
function methods:validate()
  local set, err = prepare(self)
  if not set then return nil, err end
  return true
end

--- What apply would do. Takes no lock, writes nothing.
---@return scw.Plan|nil, scw.Error|nil
function methods:plan()
  local made, err = make_plan(self, {})
  if not made then return nil, errors.wrap(err, "cannot plan") end
  return made
end

--- What destroy would do.
---@return scw.Plan|nil, scw.Error|nil
function methods:destroy_plan()
  local made, err = make_plan(self, { destroy = true })
  if not made then return nil, errors.wrap(err, "cannot plan") end
  return made
end

--- A digest of what the plans of this session rest on besides the state and the service: the files of the stack and those that are
--- sent, values from outside, the place.
---@param key string secret bytes: some of those values are guessed easily
---@return string hexadecimal
function methods:basis(key)
  local facts = {}
  for name, content in next, (self.stack.basis or {}) do facts[name] = core.hex(core.hmac("sha256", key, content)) end
  for kind, value in next, place_of(self) do
    if type(value) == "string" then facts["place " .. kind] = value end
  end
  for _, node in ipairs(self.set.nodes) do
    for name, field in next, node.type.fields do
      local path = field.file and node.fields[name]
      if type(path) == "string" then facts["file " .. path] = core.hex(core.hmac("sha256", key, core.file_read(path) or "")) end
    end
  end
  return core.hex(core.hmac("sha256", key, assert(json.encode(facts))))
end

--- What a deployment left has to fit the types that this program knows: an older one may have recorded it.
local function check_back(self)
  local ok, err = recorded.check(self.back.document, self.catalogue)
  if ok then return true end
  err.message = ("cannot go back to deployment %s: %s"):format(self.back.record.id:sub(1, 8), err.message)
  err.hint = "name another deployment with --to"
  return nil, err
end

--- What the deployment to go back to left and the state has forgotten since; the document gets to know it.
---@return table[]|nil entries, scw.Error|nil
local function take_back(self, now)
  local records = forgotten.records(self.back.document, now, self.options.leave)
  if #records == 0 then return {} end
  if needs_client(self, self.back.document, { nodes = {} }) then
    local client, err = opening.client(self)
    if not client then return nil, err end
  end
  local entries, err = outage.ask(self, function() return forgotten.find(tools(self), records) end)
  for _, entry in ipairs(entries or {}) do model.apply(now, entry) end
  return entries, err
end

--- What going back to an earlier deployment would do. The declarations of then take the place of the stack's, for this session.
---@param to? string id of the deployment, or the beginning of it; without: the latest that ended well and wanted something else
---@return scw.Plan|nil plan with `back_to`, the record of that deployment
---@return scw.Error|nil
function methods:rollback_plan(to)
  local now, entries, wanted, gaps, made, err
  now, err = opening.checked(self)
  if now and not self.back then self.back, err = past.target(self.store, now, to, self.on_message) end
  if not now or not self.back then return nil, err end
  made, err = check_back(self)
  if not made then return nil, err end
  entries, err = take_back(self, now)
  if not entries then return nil, errors.wrap(err, "cannot plan") end
  self.declared = self.declared or self.stack
  wanted, gaps = rollback.wanted({
    stack = self.declared, back = self.back, now = now, catalogue = self.catalogue, leave = self.options.leave,
    lose_data = self.options.lose_data,
  })
  if not wanted then return nil, gaps end
  self.stack, self.set = wanted, nil
  made, err = make_plan(self, { document = now, review = caution.review(gaps), entries = entries })
  if not made then return nil, errors.wrap(err, "cannot plan") end
  made.back_to = self.back.record
  return made
end

-- Writing ---------------------------------------------------------------------------------------------------------------

---@param self scw.Session
---@param wait? number seconds
---@return scw.Turn|nil, scw.Error|nil
local function take_turn(self, wait)
  return turn.take({
    store = self.store, state = self.stack.state, environment = self.environment, command = self.command, host = self.host,
    wait = wait, on_message = self.on_message,
  })
end

--- Waits until it is this run's turn to write and keeps others away until the turn is closed. Apply and refresh use it as their own.
---@param made scw.Plan
---@return scw.Turn|nil turn
---@return scw.Error|boolean|nil outdated the error; or whether the state changed since the plan was made: plan again
function methods:turn(made)
  local taken, err = take_turn(self, self.options.lock_wait)
  if not taken then return nil, err end
  self.taken = taken
  return taken, not taken:stands_at(made.position)
end

--- Calls `fn` with the lock held, the state as it was when `position` was taken, and its log open.
local function with_lock(self, position, fn)
  if self.taken and not self.taken:is_closed() then return self.taken:write(position, self.store, fn) end
  local own <close>, err = take_turn(self, self.options.lock_wait)
  if not own then return nil, err end
  return own:write(position, self.store, fn)
end

--- Makes the side of the state that is behind, if one is, equal to the other one; for a run that has nothing else to write.
---@return boolean|nil, scw.Error|nil
function methods:reconcile()
  if not self.store.lagging then return true end
  local own <close>, err = take_turn(self)
  if own then return own:settle() end
  return err.kind == "locked" or nil, err -- whoever holds the lock does the same
end

--- The deployment that this run is, for the state and its history.
---@param self scw.Session
---@param current scw.state.Store
---@param held scw.state.Lock
---@param previous integer serial of the state that was found
---@return scw.Deployment
local function begin_deployment(self, current, held, previous)
  return deployment.begin({
    store = current, holder = held.facts, previous = previous, path = self.stack.path,
    kept = self.stack.state.history, on_message = self.on_message, back_to = self.back and self.back.record,
  })
end

local function carry_out(self, made, current, held, previous)
  local begun = begin_deployment(self, current, held, previous)
  for _, entry in ipairs(made.adoption) do current:write(entry) end
  local run = {
    store = current, crud = self.crud, client = self.client, catalogue = self.catalogue, plan = made, entries = made.entries,
    fingerprints = fingerprint.new(current.document.fingerprint_key), place = place_of(self), vault = {}, clear = {},
    on_event = self.on_event,
  }
  apply.move(run)
  self.walker = apply.walker(run, self.options.parallel)
  if self.stopped then self.walker:stop() end
  local result, err = self.walker:go()
  if not result then return nil, err end
  if result.fatal then result.failures[#result.failures + 1] = result.fatal end
  local ok, problem = apply.outputs(run, self.stack)
  if not ok then result.failures[#result.failures + 1] = problem end
  for _, failed in ipairs(checks.apply(run, self.stack)) do result.failures[#result.failures + 1] = failed end
  local noted
  noted, err = begun:finish(deployment.outcome(made, result))
  self.store = current
  if not noted then return nil, err end
  self.on_event({ kind = "state_saved" })
  result.outputs, result.serial = apply.shown_outputs(current.document), current.document.serial
  return result
end

---@class scw.Event
---@field kind "step_started"|"step_waiting"|"step_done"|"step_failed"|"step_skipped"|"state_saved"
---@field address? string
---@field action? string
---@field elapsed_ms? number
---@field detail? string
---@field error? scw.Error
---@field needs? string[] of a step that is skipped: the step that failed

--- Carries out a plan that this session made. Failures and interrupts are part of the result; an error means that nothing
--- could start, or that the state could not be saved.
---@param made scw.Plan
---@param on_event? fun(event: scw.Event)
---@return scw.ApplyResult|nil result with `outputs` and `serial` as well
---@return scw.Error|nil err
function methods:apply(made, on_event)
  self.on_event = on_event or function() end
  return with_lock(self, made.position, function(...) return carry_out(self, made, ...) end)
end

--- Is there a lock, or a log that no snapshot contains, of a run that died? What somebody works on now is not.
local function has_remains(self)
  if self.store.fresh then return false end
  local abandoned, err = locks.is_abandoned(self.backend, self.name)
  if abandoned == nil then return nil, err end
  return abandoned or self.store.segments > 0
end

local function put_away(self, made)
  local remains, err = has_remains(self)
  if not remains then return remains, err end
  local taken <close>, failure = take_turn(self)
  if not taken then return failure.kind == "locked" or nil, failure end
  if not taken:stands_at(made.position) then return true end
  self.taken = taken
  return self:apply(made)
end

--- Instead of `apply` when there is nothing to change: a run that died may have left its lock and its log. What stands in the way of
--- putting them away is said; nothing depends on it.
---@param made scw.Plan
function methods:put_away(made)
  local done, err = put_away(self, made)
  if done == nil then self.on_message(("what a run left that died is still there: %s"):format(err.message)) end
end

--- Starts nothing new; calls in flight may end. For the first interrupt.
function methods:stop()
  self.stopped = true
  if self.walker then self.walker:stop() end
end

--- Cancels what is in flight. For the second interrupt.
function methods:abort()
  self.stopped = true
  if self.backend and self.backend.sides then self.backend:hurry() end
  if self.walker then self.walker:abort() end
end

--- What is there now, and what the state has to be told of it.
local function compare(self)
  local set, document, client, err
  set, err = prepare(self)
  if not set then return nil, err end
  document, err = opening.checked(self)
  if not document then return nil, err end
  if needs_client(self, document, { nodes = {} }) then
    client, err = opening.client(self)
    if not client then return nil, err end
  end
  local found = { position = self.store:position() }
  found.entries, err = outage.ask(self, function() return adopt.settle(tools(self), document) end)
  if not found.entries then return nil, err end
  for _, entry in ipairs(found.entries) do model.apply(document, entry) end
  local observed
  local records = model.sorted(document)
  observed, err = outage.ask(self, function() return refresh.run(tools(self), records) end)
  if not observed then return nil, err end
  local facts = { catalogue = self.catalogue }
  found.result = { changes = refresh.drift(facts, records, observed), count = #records }
  local entries = refresh.entries(facts, records, observed)
  table.move(entries, 1, #entries, #found.entries + 1, found.entries)
  return found
end

--- Records what is there now. Nothing but the state changes. Whoever waited for others looks again.
---@return { changes: table[], count: integer }|nil result `changes` as of `refresh.drift`
---@return scw.Error|nil err
function methods:refresh()
  local found, err = compare(self)
  if not found then return nil, err end
  if #found.entries == 0 then
    local whole, failure = self:reconcile()
    return whole and found.result, failure
  end
  local taken <close>, failure = take_turn(self, self.options.lock_wait)
  if not taken then return nil, failure end
  if not taken:stands_at(found.position) then
    found, err = compare(self)
    if not found or #found.entries == 0 then return found and found.result, err end
  end
  return taken:write(found.position, self.store, function(current, ...)
    local begun = begin_deployment(self, current, ...)
    for _, entry in ipairs(found.entries) do current:write(entry) end
    local noted, problem = begun:finish({ result = "done", counts = { changed = #found.entries } })
    self.store = current
    return noted and found.result, problem
  end)
end

--- Who holds the lock with this id.
---@param id string
---@return scw.state.LockFacts|nil facts
---@return string|scw.Error sentence who that is, or the error
function methods:lock(id)
  local backend, name = opening.backend(self)
  if not backend then return nil, name end
  local facts, err = locks.find(backend, name, id)
  if not facts then return nil, err end
  if witness.is_alive(facts, self.host or core.host()) then
    return nil, errors.new({
      code = "INFRA_008", kind = "locked", message = "the run that holds the lock is at work on this machine",
      details = { "holder: " .. locks.describe(facts, backend:now()) },
      hint = ("wait for it, or end it (kill %d): the next run takes over at once, without unlock"):format(facts.pid),
    })
  end
  return facts, locks.describe(facts, backend:now())
end

--- Changes what is recorded, not what is there: waits for its turn, then calls `fn` with a deployment that has begun. The state is then as
--- those left it who were before.
---@param fn fun(begun: scw.Deployment): any, scw.Error|nil ends the deployment, or refuses before anything was written
---@param position? string the state has to stand there still
---@return any, scw.Error|nil what `fn` answers
function methods:rewrite(fn, position)
  local taken <close>, err = take_turn(self, self.options.lock_wait)
  if not taken then return nil, err end
  return taken:write(position or taken.position, self.store, function(current, ...)
    local result, failure = fn(begin_deployment(self, current, ...))
    self.store = current
    return result, failure
  end)
end

--- Frees the lock that somebody else left, named by its id.
---@param id string
---@return boolean|nil, scw.Error|nil
function methods:unlock(id)
  local backend, name = opening.backend(self)
  if not backend then return nil, name end
  return locks.remove(backend, name, id)
end

-- Looking ---------------------------------------------------------------------------------------------------------------

--- Where the state and its history are; nothing is read yet.
---@return scw.state.Store|nil, scw.Error|nil
function methods:place() return opening.store(self) end

--- The state as it is saved now.
---@return scw.state.Document|nil, scw.Error|nil
function methods:state() return opening.document(self) end

--- How the state is doing. Takes no lock, writes nothing, and needs no key for what can be seen without.
---@return scw.state.Status|nil, scw.Error|nil
function methods:status()
  local backend, name = opening.backend(self)
  if not backend then return nil, name end
  return status.read({
    backend = backend, name = name, host = self.host or core.host(), load = function() return opening.document(self) end,
  })
end

--- The outputs of the last apply, sorted; secret ones have no value.
---@return { name: string, value: any, secret: boolean }[]|nil, scw.Error|nil
function methods:outputs()
  local document, err = opening.document(self)
  if not document then return nil, err end
  return apply.shown_outputs(document)
end

--- The records, sorted by address.
---@return scw.state.Record[]|nil, scw.Error|nil
function methods:resources()
  local document, err = opening.document(self)
  if not document then return nil, err end
  return model.sorted(document)
end

---@param address string
---@return scw.state.Record|nil, scw.Error|nil
function methods:resource(address)
  local document, err = opening.document(self)
  if not document then return nil, err end
  local found = document.resources[address]
  if found then return found end
  local known = {}
  for index, present in ipairs(model.sorted(document)) do known[index] = present.address end
  return nil, errors.new({
    code = "INFRA_004", kind = "not_found", message = ("the state has no resource '%s'"):format(address),
    hint = suggest.hint(address, known),
  })
end

--- The declared resources and who needs whom directly.
---@return { nodes: table[], edges: { from: string, to: string }[] }|nil graph nodes: address, type, name, module, source, lookup
---@return scw.Error|nil
function methods:graph()
  local set, err = prepare(self)
  if not set then return nil, err end
  local nodes = {}
  for index, node in ipairs(set.nodes) do
    nodes[index] = {
      address = node.address, type = node.type.name, name = node.name, module = node.module, source = node.source, lookup = node.lookup,
    }
  end
  table.sort(nodes, function(a, b) return a.address < b.address end)
  return { nodes = nodes, edges = edges.list(set) }
end

return session
