--- How a state is doing: what it holds, who has it, who waits, what to do. Takes no lock and writes nothing.
local claim = require "scw.state.claim"
local lock = require "scw.state.lock"
local log = require "scw.state.log"
local queue = require "scw.state.queue"
local witness = require "scw.state.witness"

local status = {}

---@class scw.state.Holder: scw.state.LockFacts
---@field died boolean its process is known to have died, on this machine
---@field expired boolean its lease ended

---@class scw.state.Status
---@field place string
---@field now number seconds since 1970 by the clock of the service that keeps the state
---@field exists boolean there is a snapshot
---@field sealed? boolean nil: there is none
---@field segments integer of the log that are not in the snapshot, as far as that can be told
---@field lock "free"|"held"|"damaged"
---@field lock_place string
---@field holder? scw.state.Holder
---@field waiting scw.state.Claim[] in order, without those whose lease ended
---@field document? scw.state.Document
---@field problem? scw.Error why the document cannot be read
---@field sides? { role: string, place: string, state: "leads"|"equal"|"behind"|"out"|"diverged" }[] of a state with a replica

--- Is the process of a claim known to have died? Looking changes nothing.
local function has_died(facts, host)
  local dead = witness.of_dead(facts, host)
  if dead then dead:drop(true) end
  return dead ~= nil
end

--- The lock of one place: what it says, or nil and why it cannot be told.
local function read_one(backend, facts, result)
  local found, err = lock.read(backend, facts.name)
  result.now = backend:now()
  if not found and err and err.kind ~= "invalid" then
    if backend.out then return true end
    return nil, err
  end
  if not found or found.state ~= "held" then
    if err and not found then result.lock, result.lock_place = "damaged", backend:describe(lock.key(facts.name)) end
    return true
  end
  found.died, found.expired = has_died(found, facts.host), claim.expired(backend, found)
  result.lock, result.lock_place, result.holder = "held", backend:describe(lock.key(facts.name)), found
  return true
end

--- Of a state with a replica the first lock that is held, or else damaged, tells.
local function read_lock(facts, result)
  result.lock, result.lock_place = "free", facts.backend:describe(lock.key(facts.name))
  for _, one in ipairs(facts.backend.sides or { facts.backend }) do
    local ok, err = read_one(one, facts, result)
    if not ok then return nil, err end
    if result.holder then break end
  end
  return true
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
  if bytes then result.sealed = bytes:sub(1, 1) ~= "{" end
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
    if one.out then state = "out" elseif result.problem and result.problem.kind == "diverged" then state = "diverged" end
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
  local ok, err = read_lock(facts, result)
  if ok then ok, err = read_queue(facts, result) end
  if not ok then return nil, err end
  result.document, result.problem = facts.load()
  ok, err = look_at(facts, result)
  if not ok then return nil, err end
  look_at_sides(facts, result)
  return result
end

--- What to do about it, as a word.
---@param seen scw.state.Status
---@return "nothing"|"wait"|"take_over"|"apply"|"repair"|"read"|"sides"
function status.advice(seen)
  if seen.lock == "damaged" then return "repair" end
  if seen.holder then return (seen.holder.died or seen.holder.expired) and "take_over" or "wait" end
  if #seen.waiting > 0 then return "wait" end
  if seen.problem then return "read" end
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
