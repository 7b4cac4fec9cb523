--- Virtual time: as fast as `speed` says. Whatever passes from one state to the next does so in this time.
local core = require "core"

local clock = {}

---@class scw.emulator.Clock
---@field speed number virtual seconds a real second; math.huge: what takes time is done at once
---@field private began number real time at which it started
---@field private base number virtual time then
local methods = {}
local metatable = { __index = methods }

--- Seconds since 1970 in virtual time.
---@return number
function methods:now()
  local real = core.now()
  if self.speed == math.huge then return math.max(real, self.base) end
  return self.base + (real - self.began) * self.speed
end

--- The virtual time at which something that takes `seconds` will be done.
---@param seconds number
---@return number
function methods:after(seconds)
  if self.speed == math.huge then return self:now() end
  return self:now() + seconds
end

--- RFC 3339 with microseconds, of `at` or of now.
---@param at? number
---@return string
function methods:timestamp(at)
  at = at or self:now()
  local whole = math.floor(at)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%06dZ"):format(math.floor((at - whole) * 1e6))
end

--- Never shows a time before `at`: what was stored earlier lies in the past.
---@param at number
function methods:not_before(at)
  if self:now() < at then self.base, self.began = at, core.now() end
end

---@param speed? number|"instant" default 1
---@return scw.emulator.Clock
function clock.new(speed)
  if speed == "instant" then speed = math.huge end
  local now = core.now()
  return setmetatable({ speed = speed or 1, began = now, base = now }, metatable)
end

return clock
