--- A run's turn to write: the lock of the state, held from before its last look at the state until it is closed.
local core = require "core"
local errors = require "scw.errors"
local history = require "scw.state.history"
local lock = require "scw.state.lock"
local locks = require "scw.state.locks"
local replica = require "scw.state.replica"
local store = require "scw.state.store"

local turn = {}

local ATTEMPTS = 5

---@class scw.Turn
---@field held scw.state.Lock
---@field store scw.state.Store the state as it was when the turn began
---@field position string of that state
---@field before string where it stood before a former holder was fenced off; nothing else changed
---@field found scw.state.Document the state before that; serial 0: there was none
local methods = {}
local metatable = { __index = methods, __close = function(self) self:close() end }

--- Seconds that a lease lasts: `SCWLUA_LEASE`, or what the stack's state says.
---@param environment table<string, string>
---@param declaration? { lease?: string, source?: string }
---@return number|nil, scw.Error|nil
function turn.lease(environment, declaration)
  local given, from = environment.SCWLUA_LEASE, "SCWLUA_LEASE"
  if not given or given == "" then given, from = declaration and declaration.lease, "the `lease` of the state" end
  if not given then return lock.LEASE end
  local seconds = lock.seconds(given)
  if seconds then return seconds end
  return nil, errors.new({
    code = "INFRA_001", message = ("%s is no duration from 1s to 1h: '%s'"):format(from, given), hint = 'for example "10m"',
    source = from ~= "SCWLUA_LEASE" and declaration.source or nil,
  })
end

---@param facts { holder?: scw.state.Claim, place: integer }
---@param now number
---@return string
local function waiting(facts, now)
  local holder = facts.holder
  local who = not holder and "others go first"
    or (holder.state == "waiting" and "%s waits before this run" or "it is held by %s"):format(lock.describe(holder, now))
  return ("Waiting for the state, place %d in the queue: %s."):format(facts.place, who)
end

---@class scw.TurnFacts
---@field store scw.state.Store
---@field state? table the stack's declaration of its state
---@field environment table<string, string>
---@field command string
---@field host? table
---@field wait? number seconds to wait for others
---@field on_message fun(line: string)

--- What the latest deployment could not put into the history goes there before anything replaces its state, also what fences a former
--- holder off. An interrupt ends one attempt only: the state may be replaced all the same.
local function preserve_history(self, kept)
  if kept == 0 then return end
  self.store.on_replace = function()
    local ok, err = history.preserve(self.store)
    if not ok and err.kind == "cancelled" then ok, err = history.preserve(self.store) end
    if ok then return end
    self.on_message(err.kind == "cancelled"
      and "Interrupted while the history was written: the deployment before this one may be missing in it."
      or ("the deployment before this one is missing in the history: %s"):format(err.message))
  end
end

--- The document with the serial, the trail and the fence that it had: those of the store's own go on.
local function as_found(document)
  local copy = {}
  for name, value in next, document do copy[name] = value end
  return copy
end

--- Looks at the state. A former holder is fenced off at once: what it has under way may land until then, which takes another look.
---@param self scw.Turn
---@param facts scw.TurnFacts
local function look(self, facts)
  local ok, err
  for _ = 1, ATTEMPTS do
    self.store = store.new(facts.store) -- a second look at the same place
    preserve_history(self, facts.state and facts.state.history)
    ok, err = self.store:load()
    if not ok then return nil, err end
    self.before, self.found = self.store:position(), as_found(self.store.document)
    ok, err = replica.equalise(self.store, self.held)
    if not ok then return nil, err end
    if not self.held.takeover or self.store.fresh then break end
    ok, err = self.store:begin(self.held)
    self.begun = ok
    if ok or err.kind ~= "condition" then break end
  end
  self.position = self.store:position()
  return ok, err
end

--- Waits for the turn, then looks at the state.
---@param facts scw.TurnFacts
---@return scw.Turn|nil, scw.Error|nil
function turn.take(facts)
  local backend, name = facts.store.backend, facts.store.name
  local lease, err = turn.lease(facts.environment, facts.state)
  if not lease then return nil, err end
  if facts.store.fresh or backend.sides then
    local ready
    ready, err = backend:prepare(name)
    if not ready then return nil, err end
  end
  local held
  held, err = locks.acquire({
    backend = backend, name = name, command = core.program .. " " .. facts.command, environment = facts.environment, host = facts.host,
    lease = lease, wait = facts.wait, on_wait = function(news) facts.on_message(waiting(news, backend:now())) end,
  })
  if not held then return nil, err end
  if held.warning then facts.on_message(held.warning) end
  if (facts.store.fresh or held.takeover) and backend.sweep then backend:sweep(name) end
  local self = setmetatable({ held = held, on_message = facts.on_message }, metatable)
  local keep = false
  local release <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    if not keep then self:close() end
  end })
  local seen
  seen, err = look(self, facts)
  if not seen then return nil, err end
  for _, number in ipairs(self.store.ignored) do
    facts.on_message(("Log segment %d of the state does not count: whoever wrote it had lost the lock."):format(number))
  end
  keep = true
  return self
end

--- The error that a plan is too late. Says who was quicker, when the state tells.
---@param present scw.state.Store
---@return scw.Error
function turn.stale(present)
  local deployments = present.document.deployments
  local last = deployments[#deployments]
  return errors.new({
    code = "INFRA_011", kind = "condition", message = "the state changed since the plan was made",
    details = last and { ("latest deployment: %s on %s, begun %s, `%s`"):format(last.who, last.host,
      lock.since(last.started, present.backend:now()), last.command) },
    hint = "plan again: the new plan may differ",
  })
end

--- Is the state as it was when it stood there?
---@param position string
---@return boolean
function methods:stands_at(position) return position == self.position or position == self.before end

--- Calls `fn` with the store, its log open, and the lock; when the state is still as it was when `position` was taken.
---@param position string
---@param former scw.state.Store the look at the state that led to this
---@param fn fun(store: scw.state.Store, held: scw.state.Lock, found: scw.state.Document): any, scw.Error|nil
---@return any, scw.Error|nil what `fn` answers
function methods:write(position, former, fn)
  if not self:stands_at(position) then return nil, turn.stale(self.store) end
  if self.store.fresh and not self.store.unreadable then self.store.document = former.document end -- the plan's marks hang on its key
  if not self.begun then
    local err
    self.begun, err = self.store:begin(self.held)
    if not self.begun then return nil, err end
  end
  return fn(self.store, self.held, self.found)
end

--- Ends a turn in which nothing was to be written: what fenced a former holder off goes into the snapshot.
---@return boolean|nil, scw.Error|nil
function methods:settle()
  if not self.begun then return true end
  return self.store:fold()
end

---@return boolean
function methods:is_closed() return self.held.done or false end

--- Gives the lock back. Twice is fine. A run that failed may have left a write in flight.
function methods:close()
  local released, failure = self.held:release(self.store and self.store:is_doubtful())
  if released then return end
  if failure.kind == "condition" then return self.on_message(failure.message) end
  self.on_message(("The lock of the state could not be given back (%s). The end of this run tries once more; otherwise it ends with "
    .. "its lease."):format(failure.message))
end

return turn
