--- One deployment at a time: an object beside the state that says who works on it, as a lease. Only plans and other readers go
--- without.
---
--- It is taken by creating it, or by replacing one that was released or whose lease ended; it is renewed and released by replacing
--- it, never by deleting it. All of these are conditional, so that nobody frees what somebody else holds. Each holder has a higher
--- fencing number than all before it. Times are those of the service that keeps the object, never of two machines' clocks.
local claim = require "scw.state.claim"
local core = require "core"
local errors = require "scw.errors"
local farewell = require "scw.state.farewell"
local form = require "scw.state.form"
local json = require "scw.json"
local moment = require "scw.state.moment"
local normal = require "scw.schema.normal"
local queue = require "scw.state.queue"
local witness = require "scw.state.witness"

local lock = {}

--- Seconds that a lease lasts without renewal: unless told otherwise, and at least and at most.
lock.LEASE, lock.SHORTEST, lock.LONGEST = 600, 1, 3600

local ATTEMPTS = 5
--- Errors of a write that may land all the same.
local UNANSWERED = { timeout = true, io = true, cancelled = true }
local SHORTEST = 8 -- characters of an id that are enough
local PLACE_LEASE = 30
local POLL = 2

--- How long a lease lasts that is given as a text such as "10m"; nil when it is none.
---@param text string
---@return number|nil seconds
function lock.seconds(text)
  local seconds = normal.seconds(text)
  return seconds and seconds >= lock.SHORTEST and seconds <= lock.LONGEST and seconds or nil
end

---@class scw.state.LockFacts: scw.state.Claim
---@field state "held"|"released"
---@field fence integer
---@field renewals integer
---@field removed? boolean it was released by somebody else
---@field abandoned? boolean it was released by a run that could not go on, or without knowing what came of a write: that may still arrive

---@class scw.state.Lock
---@field facts scw.state.LockFacts
---@field takeover boolean the holder before may still believe that it has it
---@field waited boolean others went first
---@field warning? string what became of a former holder
---@field ended? string id of the former holder, when it is certain that its run ended
---@field lost? scw.Error
---@field on_lost fun(err: scw.Error)
local methods = {}
local metatable = { __index = methods, __close = function(self) self:release() end }

---@param name string of the state
---@return string
function lock.key(name) return name .. ".lock" end

lock.describe, lock.since = claim.describe, claim.since

---@param backend scw.state.Backend
---@param name string
---@return scw.state.LockFacts|nil facts nil without an error: there is no lock object
---@return table|string|nil etag or error
function lock.read(backend, name)
  local bytes, etag = backend:get(lock.key(name))
  if not bytes then
    if etag.kind == "not_found" then return nil, nil end
    return nil, errors.wrap(etag, "cannot read the lock of the state")
  end
  local facts = json.decode(bytes)
  local wrong = form.lock(facts)
  if wrong then
    return nil, errors.new({
      code = "INFRA_011", kind = "invalid", message = "the lock of the state is damaged: " .. backend:describe(lock.key(name)),
      details = wrong ~= "" and { ("it has no valid '%s'"):format(wrong) } or nil,
      hint = "make sure that nobody deploys, then remove that object",
    })
  end
  return facts, etag
end

local function copy_of(facts)
  local copy = {}
  for name, value in next, facts do copy[name] = value end
  return copy
end

--- The body that says: free.
---@param how? "removed"|"abandoned"
local function released(backend, facts, how)
  local body = copy_of(facts)
  body.state, body.released, body.witness, body.expires = "released", claim.timestamp(backend:now()), nil, nil
  if how then body[how] = true end
  if how == "abandoned" then body.released = nil end -- nobody knows yet when
  return body
end

--- Puts the lock; whoever gets it this way gives it back even if the process ends in the middle of this.
---@param facts scw.state.LockFacts
---@param condition table
---@return string|nil etag, table|nil failure
local function put(self, facts, condition)
  local held, bytes = facts.state == "held", assert(json.encode(facts))
  if held then self.farewell:prepare(bytes, assert(json.encode(released(self.backend, facts, "abandoned")))) end
  local etag, failure = self.backend:put(lock.key(self.name), bytes, condition)
  if held then self.farewell:settle(etag, failure) end
  return etag, failure
end

-- Holding ---------------------------------------------------------------------------------------------------------------

local function lose(self, present)
  local now = "nobody"
  if present and present.state == "held" then
    now = claim.describe(present, self.backend:now())
  elseif present and present.removed then
    now = "nobody: it was freed with unlock"
  end
  self.lost = errors.new({
    code = "INFRA_008", kind = "lost", message = "this run lost its lock of the state: nothing more is saved",
    details = { "lock: " .. self.facts.id, "holder now: " .. now, "state: " .. self.backend:describe(self.name) },
    hint = "its lease ended while it could not be renewed (a suspended machine?), or the lock was freed; run the same command again",
  })
  self.on_lost(self.lost)
  return nil, self.lost
end

--- Replaces the body of the lock that we hold. Our own write whose answer got lost is found and built upon.
local function rewrite(self, make_body)
  local failure
  for _ = 1, ATTEMPTS do -- several of them may still be under way
    local etag
    etag, failure = put(self, make_body(), { if_match = self.etag })
    if etag then
      self.etag = etag
      return true
    end
    if failure.kind ~= "condition" then return nil, failure end
    local present, present_etag = lock.read(self.backend, self.name)
    if not present and present_etag then return nil, present_etag end
    if not present or present.id ~= self.facts.id or present.state ~= "held" then return nil, failure, present end
    self.etag, self.facts.fence = present_etag, math.max(self.facts.fence, present.fence or 0) -- it never goes down
  end
  return nil, failure
end

local function is_certain(self) return moment.since(self.renewed, self.elapsed) < self.term end

--- The lease was written by a request that began at this moment.
local function note(self, began)
  self.renewed, self.term = began, math.min(self.lease, claim.certain(self.backend, self.facts.expires))
end

---@param fence? integer a higher one
local function renew(self, fence)
  while self.renewing do
    local ok, interrupted = self.changed:wait()
    if not ok then return nil, errors.wrap(interrupted, "interrupted while the lock of the state was renewed") end
    if self.lost then return nil, self.lost end
    if not fence and is_certain(self) then return true end
  end
  if self.done then
    return nil, errors.new({ code = "INFRA_008", kind = "lost", message = "the lock of the state was given back: nothing more is saved" })
  end
  self.renewing = true
  local guard <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    self.renewing = false
    self.changed:set()
  end })
  local began, body = moment.now(self.elapsed), copy_of(self.facts)
  body.renewals, body.fence = body.renewals + 1, fence or body.fence
  local ok, failure, present = rewrite(self, function()
    body.expires, body.fence = claim.expiry(self.backend, self.lease), math.max(body.fence, self.facts.fence)
    return body
  end)
  if ok then
    self.facts = body
    note(self, began)
    return true
  end
  if failure.kind == "condition" then return lose(self, present) end
  return nil, errors.wrap(failure, "cannot renew the lock of the state at " .. self.backend:describe(self.name))
end

--- Renews every third of the lease until the lock is given back or lost. A renewal that fails is tried again soon.
local function keep(self)
  local soon = math.min(self.lease / 10, POLL)
  local pause = math.max(self.term / 3, soon)
  while not self.done and not self.lost do
    if not self.sleep(pause * 1000) or self.done then return end
    pause = renew(self) and math.max(self.term / 3, soon) or soon
  end
end

--- Is it still ours? Called before every write to the state. When the lease may have ended, renewing it tells.
---@return boolean|nil, scw.Error|nil
function methods:check()
  if self.lost then return nil, self.lost end
  for _ = 1, ATTEMPTS do
    if not self.done and is_certain(self) then return true end
    local ok, err = renew(self)
    if not ok then return nil, err end
  end
  if is_certain(self) then return true end
  return nil, errors.new({
    code = "INFRA_008", kind = "timeout", message = "renewing the lock of the state takes longer than its lease lasts",
    hint = ("a longer `lease` than %gs in the stack's state, or in SCWLUA_LEASE"):format(self.lease),
  })
end

--- Takes a fencing number that is higher than one found in the state (somebody deleted the lock object).
---@param fence integer
---@return boolean|nil, scw.Error|nil
function methods:raise(fence) return renew(self, fence) end

--- Gives the lock back. Twice is fine.
---@param abandoned? boolean something that was sent may still arrive: whoever comes next takes over
---@return boolean|nil released, scw.Error|nil
function methods:release(abandoned)
  if self.done then return true end
  self.done = true
  self.keeper:cancel() -- a renewal that is under way is built upon if it lands first, and refused afterwards
  while self.renewing do self.changed:wait() end
  if self.lost then -- that was told already
    self.farewell:withdraw()
    if self.witness then self.witness:drop() end
    return true
  end
  local ok, failure, present
  for _ = 1, 2 do -- an interrupt may end the first attempt
    ok, failure, present = rewrite(self, function() return released(self.backend, self.facts, abandoned and "abandoned" or nil) end)
    if ok or failure.kind ~= "cancelled" then break end
  end
  local settled = ok or failure.kind == "condition"
  if settled then self.farewell:withdraw() end
  if self.witness then self.witness:drop(not settled) end
  if ok or (present and present.state == "released" and present.id == self.facts.id and not present.removed) then
    return true
  end
  if failure.kind == "condition" then
    return nil, errors.new({
      code = "INFRA_008", kind = "condition", message = "the lock of the state was taken away while this run held it",
    })
  end
  return nil, errors.wrap(failure, "cannot release the lock of the state")
end

-- Taking ----------------------------------------------------------------------------------------------------------------

local function conflict(backend, name, facts, position, waited)
  local details = {}
  if facts and facts.state == "held" then
    details = { "holder: " .. claim.describe(facts, backend:now()), "lock: " .. facts.id }
  elseif facts then
    details = { "next: " .. claim.describe(facts, backend:now()) }
  end
  if position and position > 0 then details[#details + 1] = ("place in the queue: %d"):format(position) end
  local held = facts and facts.state == "held"
  local unlock = held and ("free the state with `%s unlock STACK %s`"):format(core.program, facts.id)
  local if_dead = held and "if it is certain that it died, " .. unlock
  if held and type(facts.expires) == "number" then
    details[#details + 1] = ("lease: ends in %s unless it is renewed"):format(claim.span(facts.expires - backend:now()))
    if_dead = "if it died, the next run takes over when its lease has ended; when that is too late and its death certain, " .. unlock
  end
  if held and witness.is_alive(facts, core.host()) then if_dead = ("or end it: kill %d"):format(facts.pid) end
  details[#details + 1] = "state: " .. backend:describe(name)
  return errors.new({
    code = "INFRA_008", kind = "locked",
    message = (held and "another deployment holds the state" or "other deployments wait for the state")
      .. (waited and (", still after %s"):format(claim.span(waited)) or ""),
    details = details, lock = facts,
    hint = held and "wait until it ends (`--lock-wait 1h`); " .. if_dead or "wait for them (`--lock-wait 1h`)",
  })
end

--- Nobody knows whether the lock was taken, nor whether it still will be: the condition that this takes is used up. If it was, it is given
--- back. If that cannot be told, the end of the process tries once more, and then the witness tells the next run.
---@param condition table of the write in doubt
local function give_up(self, body, condition)
  local backend, name, proof = self.backend, self.name, self.witness
  local freed, in_doubt = released(backend, body, self.takeover and "abandoned" or nil), false
  local used_up, failure = put(self, freed, condition)
  if not used_up then
    local present, etag = lock.read(backend, name)
    if present and present.id == body.id and present.state == "held" then
      in_doubt = not put(self, freed, { if_match = etag })
    else -- a refusal is one for both
      in_doubt = not present and etag ~= nil or UNANSWERED[failure.kind] == true
    end
  end
  if not in_doubt then self.farewell:withdraw() end
  if proof then proof.doubtful = in_doubt end
end

---@class scw.state.LockRequest
---@field backend scw.state.Backend
---@field name string of the state
---@field command string
---@field environment table<string, string>
---@field host? { name: string, user: string, pid: integer } who asks; this process by default
---@field claim? scw.state.Claim of a lock that this run holds elsewhere: this one says the same of a side of a mirror
---@field ended? string id of a holder whose run ended, as such a lock told
---@field lease? number seconds
---@field wait? number seconds to wait for others; without: not at all
---@field began? number since when that counts, as `elapsed` tells it; now by default
---@field on_wait? fun(facts: { holder?: scw.state.Claim, place: integer }) when something changed while we wait
---@field elapsed? fun(): number seconds of a clock that is never set
---@field sleep? fun(ms: number): boolean|nil, table|nil

--- May this lock be replaced? Says what became of its holder.
local function is_free(request, present, host)
  if not present or present.state == "released" then return true end
  local dead, who = witness.of_dead(present, host), claim.describe(present, request.backend:now())
  if present.id == request.ended then return true, nil, dead end
  if dead then return true, "took over the lock of a run that died: " .. who, dead end
  if claim.expired(request.backend, present) then return true, "took over the lock of a run that did not renew it: " .. who end
  return false
end

--- One try of who is first in line. Without an error, who holds it comes third.
---@return scw.state.Lock|nil, scw.Error|nil, scw.state.LockFacts|nil
local function try(request, facts, proof, lease, line)
  local backend, name, place = request.backend, request.name, line.number
  for _ = 1, ATTEMPTS do
    local present, etag = lock.read(backend, name)
    if not present and etag then return nil, etag end
    local stands, lost = line:renew()
    if not stands then return nil, lost end
    if line.number ~= place then return nil, nil, present end -- it stands last now
    local free, warning, dead = is_free(request, present, { name = facts.host })
    if not free then return nil, nil, present end
    local body = copy_of(facts)
    body.state, body.renewals, body.fence = "held", 0, (present and present.fence or 0) + 1
    body.created, body.expires = claim.timestamp(backend:now()), claim.expiry(backend, lease)
    local given_back = present ~= nil and present.state == "released" and not present.removed
    local self = setmetatable({
      backend = backend, name = name, facts = body, lease = lease, witness = proof, warning = warning, changed = core.event(),
      elapsed = request.elapsed or moment.elapsed, sleep = request.sleep or core.sleep, on_lost = function() end,
      takeover = not given_back or present.abandoned == true, ended = (given_back or dead) and present and present.id or nil,
      farewell = farewell.new(backend, lock.key(name), body.witness),
    }, metatable)
    local began = moment.now(self.elapsed)
    local failure
    local condition = present and { if_match = etag } or { if_none_match = true }
    self.etag, failure = put(self, body, condition)
    if dead then dead:drop(not self.etag) end
    if self.etag then
      note(self, began)
      self.keeper = core.spawn(keep, self)
      return self
    end
    if failure.kind ~= "condition" then
      give_up(self, body, condition)
      return nil, errors.wrap(failure, "cannot lock the state at " .. backend:describe(name))
    end
  end
  local present, err = lock.read(backend, name)
  if not present and err then return nil, err end
  return nil, nil, present
end

--- Waits in line until the lock is ours.
local function wait_for_it(request, facts, proof, line)
  local lease = request.lease or lock.LEASE
  local elapsed, sleep = line.elapsed, request.sleep or core.sleep
  local began, told, waited, holder, before = request.began or elapsed(), nil, false, nil, nil
  while true do
    local ahead, err, nearest = line:ahead()
    if not ahead then return nil, err end
    local taken
    if ahead == 0 then
      taken, err, holder = try(request, facts, proof, lease, line)
      if taken then
        taken.waited = waited
        return taken
      end
    elseif ahead ~= before then -- otherwise nobody was called
      holder, err = lock.read(request.backend, request.name)
      if holder then err = nil end
    end
    if err then return nil, err end
    before = ahead
    local shown = holder and holder.state == "held" and holder or nearest or holder
    if not request.wait then return nil, conflict(request.backend, request.name, shown) end
    local left = request.wait - (elapsed() - began)
    if left <= 0 then return nil, conflict(request.backend, request.name, shown, ahead + 1, request.wait) end
    waited = true
    local ok
    if not line.number then
      ok, err = line:join()
    else
      local news = ("%s %d"):format(shown and shown.id or "", ahead)
      if news ~= told and request.on_wait then request.on_wait({ holder = shown, place = ahead + 1 }) end
      told = news
      ok, err = sleep(math.ceil(math.min(POLL, lease / 10, left) * 1000))
    end
    if ok then ok, err = line:renew() end -- whoever lost its place meanwhile stands last again
    if not ok and err.kind == "cancelled" then
      return nil, errors.new({
        code = "INFRA_009", kind = "cancelled", message = "interrupted while waiting for the state", hint = "nothing was changed",
      })
    elseif not ok then
      return nil, errors.wrap(err, "cannot wait for the state")
    end
  end
end

--- Takes the lock, in turn. Without `wait`, a lock that somebody holds or waits for is an error.
---@param request scw.state.LockRequest
---@return scw.state.Lock|nil, scw.Error|nil
function lock.acquire(request)
  local facts, proof
  if request.claim then
    facts, proof = claim.beside(request.claim, request.environment, request.backend.role)
  else
    facts, proof = claim.new(request)
  end
  local line = queue.new({
    backend = request.backend, name = request.name, facts = facts, lease = math.min(request.lease or lock.LEASE, PLACE_LEASE),
    elapsed = request.elapsed or moment.elapsed,
  })
  local taken, err
  do
    local leave <close> = setmetatable({}, { __close = function() line:leave() end }) -- luacheck: ignore 211
    taken, err = wait_for_it(request, facts, proof, line)
  end
  if not taken and proof then proof:drop(proof.doubtful) end
  return taken, err
end

-- Looking ---------------------------------------------------------------------------------------------------------------

--- The lock that somebody holds, when it is the one with this id.
---@param backend scw.state.Backend
---@param name string
---@param id string or its beginning
---@return scw.state.LockFacts|nil, scw.Error|string|nil etag or error
function lock.find(backend, name, id)
  local facts, etag = lock.read(backend, name)
  if not facts then
    if etag then return nil, etag end
    return nil, errors.new({ code = "INFRA_004", kind = "not_found", message = "the state is not locked" })
  end
  local named = facts.id == id or (#id >= SHORTEST and facts.id:sub(1, #id) == id:lower())
  if facts.state == "released" or not named then
    local held = facts.state == "held"
    return nil, errors.new({
      code = "INFRA_004", kind = "not_found", message = ("the lock %s does not exist (any more)"):format(id),
      hint = held and ("the lock is now %s, held by %s"):format(facts.id, claim.describe(facts, backend:now()))
        or "the state is not locked",
    })
  end
  return facts, etag
end

--- Is there a lock whose holder died, or did not renew it in time?
---@param backend scw.state.Backend
---@param name string
---@return boolean|nil, scw.Error|nil
function lock.is_abandoned(backend, name)
  local present, etag = lock.read(backend, name)
  if not present and etag then return nil, etag end
  if not present or present.state == "released" then return false end
  local free, _, dead = is_free({ backend = backend }, present, { name = core.host().name })
  if dead then dead:drop(true) end
  return free
end

--- Frees the lock of somebody else, named by its id.
---@param backend scw.state.Backend
---@param name string
---@param id string
---@return boolean|nil, scw.Error|nil
function lock.remove(backend, name, id)
  local failure
  for _ = 1, ATTEMPTS do -- its holder may renew it meanwhile
    local facts, etag = lock.find(backend, name, id)
    if not facts then return nil, etag end
    local done
    done, failure = backend:put(lock.key(name), assert(json.encode(released(backend, facts, "removed"))), { if_match = etag })
    if done then return true end
    if failure.kind ~= "condition" then break end
  end
  return nil, errors.wrap(failure, "cannot remove the lock")
end

return lock
