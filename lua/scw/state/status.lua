--- How a state is doing: what it holds, who has it, who waits, what to do. Takes no lock and writes nothing.
local claim = require "scw.state.claim"
local keyring = require "scw.state.keyring"
local lock = require "scw.state.lock"
local log = require "scw.state.log"
local queue = require "scw.state.queue"
local witness = require "scw.state.witness"

local status = {}

---@class scw.state.Holder: scw.state.LockFacts
---@field died boolean its process is known to have died, on this machine
---@field expired boolean its lease ended
---@field alive boolean its process is known to live, on this machine

---@alias scw.state.SideState "leads"|"equal"|"behind"|"out"|"diverged"|"damaged"|"readable"|"empty"

---@class scw.state.Status
---@field place string
---@field now number seconds since 1970 by the clock of the service that keeps the state
---@field exists boolean there is a snapshot
---@field sealed? boolean nil: there is none
---@field recipients? string[] for whom it is sealed, in words
---@field segments integer of the log that are not in the snapshot, as far as that can be told
---@field lock "free"|"held"|"damaged"
---@field lock_place string
---@field holder? scw.state.Holder
---@field waiting scw.state.Claim[] in order, without those whose lease ended
---@field document? scw.state.Document
---@field problem? scw.Error why the document cannot be read
---@field sides? { role: string, place: string, state: scw.state.SideState }[] of a state with a replica

--- Is the process of a claim known to have died? Looking changes nothing.
local function has_died(facts, host)
  local dead = witness.of_dead(facts, host)
  if dead then dead:drop(true) end
  return dead ~= nil
end

---@class scw.state.LockSeen
---@field lock "free"|"held"|"damaged"
---@field place string
---@field holder? scw.state.Holder

--- The lock of one place.
---@return scw.state.LockSeen|false|nil seen false: the place does not answer
---@return scw.Error|nil
local function read_lock(backend, facts)
  local found, err = lock.read(backend, facts.name)
  if not found and err and err.kind ~= "invalid" then
    if backend.out then return false end
    return nil, err
  end
  local seen = { lock = not found and err and "damaged" or "free", place = backend:describe(lock.key(facts.name)), now = backend:now() }
  if found and found.state == "held" then
    found.died, found.expired = has_died(found, facts.host), claim.expired(backend, found)
    found.alive = witness.is_alive(found, facts.host)
    seen.lock, seen.holder = "held", found
  end
  return seen
end

--- The locks of all places, by place.
local function read_locks(facts)
  local all = {}
  for _, one in ipairs(facts.backend.sides or { facts.backend }) do
    local seen, err = read_lock(one, facts)
    if seen == nil then return nil, err end
    all[one] = seen or nil
  end
  return all
end

--- Of a state with a replica somebody at work tells, else what is damaged, else the side that counts: a run that ended while the other
--- one was out could not give that one's lock back.
local function choose_lock(facts, all)
  local mirror, chosen = facts.backend, nil
  local sides = mirror.sides and { mirror.leader, mirror:other(mirror.leader) } or { mirror }
  for _, one in ipairs(sides) do
    local seen = all[one]
    local holder = seen and seen.holder
    if holder and not holder.died and not holder.expired then return seen end
    if seen and (not chosen or seen.lock == "damaged" and chosen.lock ~= "damaged") then chosen = seen end
  end
  return chosen or { lock = "free", place = mirror:describe(lock.key(facts.name)), now = mirror:now() }
end

local function read_queue(facts, result)
  local places, err = queue.list(facts.backend, facts.name)
  if not places then return nil, err end
  result.waiting = {}
  for _, place in ipairs(places) do
    if not claim.expired(facts.backend, place) and not has_died(place, facts.host) then result.waiting[#result.waiting + 1] = place end
  end
  return true
end

--- What can be seen of the document without its key.
local function look_at(facts, result)
  local bytes, failure = facts.backend:get(facts.name)
  if not bytes and failure.kind ~= "not_found" then return nil, failure end
  result.exists = bytes ~= nil
  if bytes then result.recipients = keyring.recipients_of(bytes) end
  if bytes then result.sealed = result.recipients ~= nil end
  local numbers
  numbers, failure = log.numbers(facts.backend, facts.name)
  if not numbers then return nil, failure end
  result.segments = 0
  for _, number in ipairs(numbers) do
    if not result.document or number > result.document.folded then result.segments = result.segments + 1 end
  end
  return true
end

--- How the sides of a mirror stand, once the document was read.
local function look_at_sides(facts, result)
  local mirror = facts.backend
  if not mirror.sides then return end
  result.sides = {}
  for index, one in ipairs(mirror.sides) do
    local state = one == mirror.leader and "leads" or one.behind and "behind" or "equal"
    local problem = result.problem
    if one.out then
      state = "out"
    elseif problem then
      state = problem.kind == "diverged" and "diverged" or problem.sides and problem.sides[one.role] or state
    end
    result.sides[index] = { role = one.role, place = one:describe(facts.name), state = state }
  end
end

---@class scw.state.StatusFacts
---@field backend scw.state.Backend
---@field name string of the state
---@field host { name: string } this machine
---@field load fun(): scw.state.Document|nil, scw.Error|nil reads the document

---@param facts scw.state.StatusFacts
---@return scw.state.Status|nil, scw.Error|nil
function status.read(facts)
  local result = { place = facts.backend:describe(facts.name) }
  local locks, err = read_locks(facts)
  if not locks then return nil, err end
  local ok
  ok, err = read_queue(facts, result)
  if not ok then return nil, err end
  result.document, result.problem = facts.load()
  local seen = choose_lock(facts, locks)
  result.now, result.lock, result.lock_place, result.holder = seen.now, seen.lock, seen.place, seen.holder
  ok, err = look_at(facts, result)
  if not ok then return nil, err end
  look_at_sides(facts, result)
  return result
end

--- Is there something wrong with the state itself? That a key is missing is not.
---@param seen scw.state.Status
---@return boolean
function status.is_damaged(seen)
  local problem = seen.problem
  return problem ~= nil and (problem.kind == "invalid" or problem.kind == "diverged") and problem.code == "INFRA_011"
end

--- What to do about it, as a word.
---@param seen scw.state.Status
---@return "nothing"|"wait"|"take_over"|"apply"|"repair"|"read"|"sides"
function status.advice(seen)
  if seen.lock == "damaged" then return "repair" end
  local gone = seen.holder and (seen.holder.died or seen.holder.expired)
  if seen.holder and not gone or not seen.holder and #seen.waiting > 0 then return "wait" end
  if seen.problem then return "read" end
  if gone then return "take_over" end
  local document = seen.document
  local last = document and document.deployments[#document.deployments]
  for _, side in ipairs(seen.sides or {}) do
    if side.state == "out" then return "sides" end
    if side.state == "behind" then return "apply" end
  end
  local open = not seen.exists or seen.segments > 0 or next(document.intents) ~= nil or last and last.result ~= "done"
  return open and "apply" or "nothing"
end

return status
