--- The lock of a state: one, or, when it has a replica, the locks of both sides as one.
---
--- Both are taken in the same order by everybody, the primary's first, so that nobody waits for each other; both have the same id and the
--- same fencing number. A side that does not answer is left out: its lock ends with its lease.
local lock = require "scw.state.lock"
local moment = require "scw.state.moment"

local locks = { describe = lock.describe }

--- How long a side that went out is asked to take its lock back.
local PARTING_MS = 2000

---@class scw.state.Locks: scw.state.Lock
---@field held { side: scw.state.Side, lock: scw.state.Lock }[]
local methods = {}
local metatable = { __index = methods, __close = function(self) self:release() end }

--- Those on sides that answer.
local function each(self)
  local list = {}
  for _, one in ipairs(self.held) do
    if not one.side.out then list[#list + 1] = one.lock end
  end
  return list
end

local function silence(self) return nil, self.mirror:silence() end

--- Is it still ours, wherever it can be asked? Called before every write to the state.
---@return boolean|nil, scw.Error|nil
function methods:check()
  while true do
    for _, one in ipairs(self.held) do
      if not one.side.out then
        local ok, err = one.lock:check()
        if not ok and not one.side.out then return nil, err end
      end
    end
    if #each(self) > 0 then return true end
    local back, err = self.mirror:await_return()
    if not back then return nil, err end
  end
end

--- Takes a higher fencing number on every side.
---@param fence integer
---@return boolean|nil, scw.Error|nil
function methods:raise(fence)
  for _, one in ipairs(self.held) do
    if not one.side.out and one.lock.facts.fence < fence then
      local ok, err = one.lock:raise(fence)
      if not ok and not one.side.out then return nil, err end
    end
  end
  if #each(self) == 0 then return silence(self) end
  self.facts.fence = fence
  return true
end

--- Gives all of them back. A side that was out is asked once more: it may be back.
---@param abandoned? boolean something that was sent may still arrive
---@return boolean|nil released, scw.Error|nil
function methods:release(abandoned)
  if self.done then return true end
  self.done, self.mirror.check = true, nil
  local ok, err = true, nil
  for index = #self.held, 1, -1 do
    local one = self.held[index]
    local was_out = one.side.out ~= nil
    if was_out then one.side:revive(PARTING_MS) end
    local released, failure = one.lock:release(abandoned)
    if not released and not was_out then ok, err = nil, failure end
  end
  return ok, err
end

--- Takes the lock of one side; true as well when that side is out.
local function take(self, request, one, began)
  local own = { began = began }
  for name, value in pairs(request) do own[name] = value end
  local first = self.held[1] and self.held[1].lock
  own.backend, own.claim, own.ended = one, first and first.facts, first and first.ended
  local taken, err = lock.acquire(own)
  if one.out then
    if taken then taken:release() end
    return true
  end
  if not taken then return nil, err end
  self.held[#self.held + 1] = { side = one, lock = taken }
  taken.on_lost = function(lost)
    if not one.out then self.on_lost(lost) end
  end
  self.takeover = self.takeover or taken.takeover
  self.waited = self.waited or taken.waited
  self.warning = self.warning or taken.warning
  return true
end

local function take_all(self, request)
  local began = (request.elapsed or moment.elapsed)() -- both queues share one wait
  for _, one in ipairs(self.mirror.sides) do
    if not one.out then
      local ok, err = take(self, request, one, began)
      if not ok then return nil, err end
    end
  end
  local first = each(self)[1]
  if not first then return silence(self) end
  self.facts = {}
  for name, value in next, first.facts do self.facts[name] = value end
  local highest = 0
  for _, taken in ipairs(each(self)) do highest = math.max(highest, taken.facts.fence) end
  return self:raise(highest)
end

--- Takes the lock, in turn; on both sides of a mirror.
---@param request scw.state.LockRequest
---@return scw.state.Lock|scw.state.Locks|nil, scw.Error|nil
function locks.acquire(request)
  local mirror = request.backend
  if not mirror.sides then return lock.acquire(request) end
  local self = setmetatable({ mirror = mirror, held = {}, takeover = false, waited = false, on_lost = function() end }, metatable)
  local keep = false
  local guard <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    if not keep then self:release() end
  end })
  local ok, err = take_all(self, request)
  if not ok then return nil, err end
  mirror.check = function() return self:check() end
  keep = true
  return self
end

--- Calls `fn` for each place that has a lock of its own. What the first one answers that knows the lock.
local function on_sides(backend, fn)
  if not backend.sides then return fn(backend) end
  local found, facts, failure
  for _, one in ipairs(backend.sides) do
    local answer, err = fn(one)
    if answer and not found then found, facts = answer, err end
    if not answer and not one.out then failure = failure or err end
  end
  if found then return found, facts end
  return nil, failure or backend:silence()
end

--- Who holds the state and is, as far as can be told, at work on it.
---@param backend scw.state.Backend
---@param name string of the state
---@return scw.state.LockFacts|nil
function locks.holder(backend, name)
  for _, one in ipairs(backend.sides or { backend }) do
    local present = lock.read(one, name)
    if present and present.state == "held" and not lock.is_abandoned(one, name) then return present end
  end
  return nil
end

--- Is there a lock whose holder died, or did not renew it in time? On either side of a mirror.
---@param backend scw.state.Backend
---@param name string of the state
---@return boolean|nil, scw.Error|nil
function locks.is_abandoned(backend, name)
  for _, one in ipairs(backend.sides or { backend }) do
    local abandoned, err = lock.is_abandoned(one, name)
    if abandoned or (abandoned == nil and not one.out) then return abandoned, err end
  end
  return false
end

--- The lock that somebody holds, when it is the one with this id.
---@param backend scw.state.Backend
---@param name string of the state
---@param id string
---@return scw.state.LockFacts|nil, scw.Error|string|nil etag or error
function locks.find(backend, name, id)
  return on_sides(backend, function(one) return lock.find(one, name, id) end)
end

--- Frees the lock of somebody else, named by its id, wherever it is.
---@param backend scw.state.Backend
---@param name string of the state
---@param id string
---@return boolean|nil, scw.Error|nil
function locks.remove(backend, name, id)
  local refused
  local freed, err = on_sides(backend, function(one)
    local done, failure = lock.remove(one, name, id)
    if not done and failure.kind ~= "not_found" and not one.out then refused = failure end
    return done, failure
  end)
  if refused then return nil, refused end
  return freed, err
end

return locks
