--- Who waits for a state, first come first served: numbered objects beside the lock.
---
--- A place is created once (If-None-Match), renewed by its owner, and given up by a conditional write that says "gone"; only who
--- wrote that deletes it, with one request, and when its lease has ended whoever finds it still there. A place whose lease ended, or whose
--- process died, is given up by the next one in line. An owner whose place is gone takes a new one: the queue decides who tries first,
--- never who holds the state.
local claim = require "scw.state.claim"
local core = require "core"
local errors = require "scw.errors"
local form = require "scw.state.form"
local json = require "scw.json"
local moment = require "scw.state.moment"
local witness = require "scw.state.witness"

local queue = {}

local JOIN_ATTEMPTS = 1000

---@class scw.state.Queue
---@field backend scw.state.Backend
---@field name string of the state
---@field facts scw.state.Claim who waits here
---@field lease number seconds
---@field number? integer of the place; nil: not in line
---@field first? integer the place when nobody was before it: nobody comes before it any more
---@field renewed? scw.state.Moment when it was written
---@field seen? { number: integer, facts: scw.state.Claim } the nearest one before us, as it was last read
local methods = {}
local metatable = { __index = methods }

---@param facts { backend: scw.state.Backend, name: string, facts: scw.state.Claim, lease: number, elapsed: fun(): number }
---@return scw.state.Queue
function queue.new(facts)
  return setmetatable({
    backend = facts.backend, name = facts.name, facts = facts.facts, lease = facts.lease, elapsed = facts.elapsed,
  }, metatable)
end

---@param name string of the state
---@param number integer
---@return string
function queue.key(name, number) return ("%s.queue/%010d"):format(name, number) end

--- The numbers that are taken, sorted.
local function numbers_of(self)
  local start = self.name .. ".queue/"
  local keys, failure = self.backend:list(start)
  if not keys then return nil, errors.wrap(failure, "cannot read the queue of the state") end
  local numbers = {}
  for _, key in ipairs(keys) do
    local number = math.tointeger(tonumber(key:sub(#start + 1):match("^%d+$")))
    if number then numbers[#numbers + 1] = number end
  end
  table.sort(numbers)
  return numbers
end

local function body(facts, more)
  local content = {}
  for name, value in next, facts do content[name] = value end
  for name, value in next, more do content[name] = value end
  content.nonce = core.hex(core.random(8))
  return assert(json.encode(content))
end

--- Who waits, in order, whether alive or not. Changes nothing.
---@param backend scw.state.Backend
---@param name string of the state
---@return scw.state.Claim[]|nil places with `number`, scw.Error|nil
function queue.list(backend, name)
  local numbers, err = numbers_of({ backend = backend, name = name })
  if not numbers then return nil, err end
  local places = {}
  for _, number in ipairs(numbers) do
    local bytes, failure = backend:get(queue.key(name, number))
    if not bytes and failure.kind ~= "not_found" then return nil, errors.wrap(failure, "cannot read the queue of the state") end
    local facts = bytes and json.decode(bytes)
    if not form.place(facts) and facts.state == "waiting" then
      facts.number = number
      places[#places + 1] = facts
    end
  end
  return places
end

--- Gives up the place of a number as it was read. False: somebody else changed it first.
local function bury(self, number, etag, facts)
  local key = queue.key(self.name, number)
  local gone = body(facts, { state = "gone", expires = claim.expiry(self.backend, self.lease) })
  if not self.backend:put(key, gone, { if_match = etag }) then return false end
  self.backend:delete(key, true) -- the number may be somebody else's by the time it would be sent again; what stays is cleared away later
  return true
end

--- Did it renew its place for so long that there is no need to look again?
local function was_alive(self, number)
  local facts = self.seen and self.seen.number == number and self.seen.facts
  if not facts or claim.expired(self.backend, facts) then return nil end
  local dead = witness.of_dead(facts, { name = self.facts.host })
  if not dead then return facts end
  dead:drop(true)
end

--- Does somebody wait there? What is gone or dead is cleared away.
local function is_alive(self, number)
  local known = was_alive(self, number)
  if known then return true, known end
  local bytes, etag = self.backend:get(queue.key(self.name, number))
  if not bytes then
    if etag.kind == "not_found" then return false end
    return nil, errors.wrap(etag, "cannot read the queue of the state")
  end
  local facts = json.decode(bytes)
  if form.place(facts) then facts = { state = "gone", expires = 0, id = "" } end -- nobody can wait in an object like this
  local expired = claim.expired(self.backend, facts)
  if facts.state == "gone" then
    if expired then bury(self, number, etag, facts) end -- its deletion was lost
    return false
  end
  local dead = witness.of_dead(facts, { name = self.facts.host })
  if not expired and not dead then
    self.seen = { number = number, facts = facts }
    return true, facts
  end
  local buried = bury(self, number, etag, facts)
  if dead then dead:drop(not buried) end
  return not buried -- renewed just now
end

--- How many are before us, at most; 0 when it is our turn.
---@return integer|nil count, scw.Error|nil
---@return scw.state.Claim|nil nearest of them
function methods:ahead()
  if self.number and self.number == self.first then return 0 end
  local numbers, err = numbers_of(self)
  if not numbers then return nil, err end
  for index = #numbers, 1, -1 do
    if not self.number or numbers[index] < self.number then
      local alive, facts = is_alive(self, numbers[index])
      if alive == nil then return nil, facts end
      if alive then return index, nil, facts end
    end
  end
  self.first = self.number
  return 0
end

--- Takes the last place in line.
---@return boolean|nil, scw.Error|nil
function methods:join()
  local numbers, err = numbers_of(self)
  if not numbers then return nil, err end
  local number = (numbers[#numbers] or 0) + 1
  for _ = 1, JOIN_ATTEMPTS do
    local began = moment.now(self.elapsed)
    local etag, failure = self.backend:put(queue.key(self.name, number),
      body(self.facts, { state = "waiting", expires = claim.expiry(self.backend, self.lease) }), { if_none_match = true })
    if etag then
      self.number, self.etag, self.renewed = number, etag, began
      return true
    end
    if failure.kind ~= "condition" then return nil, errors.wrap(failure, "cannot join the queue of the state") end
    number = number + 1
  end
  return nil, errors.new({ code = "INFRA_008", kind = "locked", message = "others join the queue of the state again and again" })
end

--- Keeps the place, if there is one, every third of its lease; one that is gone is replaced by the last one.
---@return boolean|nil, scw.Error|nil
function methods:renew()
  if not self.number or moment.since(self.renewed, self.elapsed) < self.lease / 3 then return true end
  local began = moment.now(self.elapsed)
  local etag, failure = self.backend:put(queue.key(self.name, self.number),
    body(self.facts, { state = "waiting", expires = claim.expiry(self.backend, self.lease) }), { if_match = self.etag })
  if etag then
    self.etag, self.renewed = etag, began
    return true
  end
  if failure.kind == "condition" then
    self.number = nil
    return self:join()
  end
  if moment.since(self.renewed, self.elapsed) < self.lease then return true end -- tried again with the next look
  return nil, errors.wrap(failure, "cannot renew the place in the queue of the state")
end

--- Leaves the line. What cannot be written now ends with its lease.
function methods:leave()
  if not self.number then return end
  bury(self, self.number, self.etag, self.facts)
  self.number = nil
end

return queue
