--- A moment on both clocks of a machine: one of them stands still while it sleeps, the other one can be set.
local core = require "core"

local moment = {}

---@class scw.state.Moment
---@field steady number seconds
---@field wall number seconds

--- Seconds of this process, on a clock that is never set.
---@return number
function moment.elapsed() return core.clock() / 1000 end

--- Now.
---@param elapsed fun(): number seconds of a clock that is never set; any but `moment.elapsed` is the only clock there is
---@return scw.state.Moment
function moment.now(elapsed)
  return { steady = elapsed(), wall = elapsed == moment.elapsed and core.now() or 0 }
end

--- How many seconds passed since then: what the clock says that saw more of them.
---@param before scw.state.Moment
---@param elapsed fun(): number
---@return number
function moment.since(before, elapsed)
  local now = moment.now(elapsed)
  return math.max(now.steady - before.steady, now.wall - before.wall)
end

return moment
