--- What commands do with one stack: validate, plan, apply, destroy, refresh, look into the state.
---
--- A session opens nothing by itself: the state is read when something first needs it, the client is made when a call has to be
--- sent. Planning and reading take no lock; `apply` and `refresh` take it for as long as they write.
local core = require "core"
local apply = require "scw.engine.apply"
local checks = require "scw.engine.checks"
local deployment = require "scw.engine.deployment"
local edges = require "scw.engine.edges"
local errors = require "scw.errors"
local fingerprint = require "scw.engine.fingerprint"
local locks = require "scw.state.locks"
local opening = require "scw.engine.opening"
local planning = require "scw.engine.planning"
local status = require "scw.state.status"
local turn = require "scw.engine.turn"
local witness = require "scw.state.witness"

local session = {}

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

-- Planning --------------------------------------------------------------------------------------------------------------

--- Checks declarations, references and their order, without any network.
---@return boolean|nil ok, scw.Error|nil err
function methods:validate()
  local set, err = opening.declared(self)
  if not set then return nil, err end
  return true
end

--- What apply would do. Takes no lock, writes nothing.
---@return scw.Plan|nil, scw.Error|nil
function methods:plan()
  local made, err = planning.make(self, {})
  if not made then return nil, errors.wrap(err, "cannot plan") end
  return made
end

--- What destroy would do.
---@return scw.Plan|nil, scw.Error|nil
function methods:destroy_plan()
  local made, err = planning.make(self, { destroy = true })
  if not made then return nil, errors.wrap(err, "cannot plan") end
  return made
end

--- What the plans of this session rest on besides the state and the service: the files of the stack and those that are sent, values from
--- outside, the place. Keyed digests, by the names that `scw.dsl.Session` gives such things.
---@param key string secret bytes: some of those values are guessed easily
---@return table<string, string> hexadecimal, or "" for what is not there
function methods:basis(key)
  local facts = {}
  local function note(name, content) facts[name] = content and core.hex(core.hmac("sha256", key, name .. "\0" .. content)) or "" end
  for name, content in next, (self.stack.basis or {}) do note(name, content) end
  for kind, value in next, opening.place(self) do
    if type(value) == "string" then note("place " .. kind, value) end
  end
  for _, node in ipairs(self.set.nodes) do
    for name, field in next, node.type.fields do
      local path = field.file and node.fields[name]
      if type(path) == "string" then note("file " .. path, (core.file_read(path))) end
    end
  end
  return facts
end

--- What going back to an earlier deployment would do. The declarations of then take the place of the stack's, for this session.
---@param to? string id of the deployment, or the beginning of it; without: the latest that ended well and wanted something else
---@return scw.Plan|nil plan with `back_to`, the record of that deployment
---@return scw.Error|nil
function methods:rollback_plan(to)
  return planning.back(self, to)
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
---@param found scw.state.Document
---@return scw.Deployment
local function begin_deployment(self, current, held, found)
  return deployment.begin({
    store = current, holder = held.facts, previous = found.serial, path = self.stack.path,
    kept = self.stack.state.history, on_message = self.on_message, back_to = self.back and self.back.record,
  })
end

local function carry_out(self, made, current, held, found)
  local begun = begin_deployment(self, current, held, found)
  for _, entry in ipairs(made.adoption) do current:write(entry) end
  local run = {
    store = current, crud = self.crud, client = self.client, catalogue = self.catalogue, plan = made, entries = made.entries,
    fingerprints = fingerprint.new(current.document.fingerprint_key), place = opening.place(self), vault = {}, clear = {},
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
  local function act(...) return carry_out(self, made, ...) end
  if self.taken and not self.taken:is_closed() then return self.taken:write(made.position, self.store, act) end
  local own <close>, err = take_turn(self, self.options.lock_wait)
  if not own then return nil, err end
  return own:write(made.position, self.store, act)
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
  if done == nil then
    self.on_message(("what a run left that died is still there: %s%s"):format(err.message, err.hint and "; " .. err.hint or ""))
  end
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

--- Records what is there now. Nothing but the state changes. Whoever waited for others looks again.
---@return scw.Found|nil found
---@return scw.Error|nil err
function methods:refresh()
  local found, err = planning.compare(self)
  if not found then return nil, err end
  if #found.entries == 0 then
    local whole, failure = self:reconcile()
    return whole and found, failure
  end
  local taken <close>, failure = take_turn(self, self.options.lock_wait)
  if not taken then return nil, failure end
  if not taken:stands_at(found.position) then
    found, err = planning.compare(self)
    if not found then return nil, err end
    if #found.entries == 0 then
      local settled, problem = taken:settle()
      return settled and found, problem
    end
  end
  return taken:write(found.position, self.store, function(current, ...)
    local begun = begin_deployment(self, current, ...)
    for _, entry in ipairs(found.entries) do current:write(entry) end
    local noted, problem = begun:finish({ result = "done", counts = { changed = #found.entries } })
    self.store = current
    return noted and found, problem
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
---@param fn fun(begun: scw.Deployment, found: scw.state.Document): any, scw.Error|nil ends the deployment, or refuses before it writes
---@param position? string the state has to stand there still
---@return any, scw.Error|nil what `fn` answers
function methods:rewrite(fn, position)
  local taken <close>, err = take_turn(self, self.options.lock_wait)
  if not taken then return nil, err end
  return taken:write(position or taken.position, self.store, function(current, held, found)
    local result, failure = fn(begin_deployment(self, current, held, found), found)
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

--- The declared resources and who needs whom directly.
---@return { nodes: table[], edges: { from: string, to: string }[] }|nil graph nodes: address, type, name, module, source, lookup
---@return scw.Error|nil
function methods:graph()
  local set, err = opening.declared(self)
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
