--- Calls that may be given up when they take too long.
local core = require "core"

local patience = {}

---@class scw.PatientCall
---@field done boolean
---@field results? table what the function returned, packed
---@field task userdata

--- Begins a call in a task of its own.
---@param fn fun(): any
---@return scw.PatientCall
function patience.begin(fn)
  local call = { finished = core.event(), done = false }
  call.task = core.spawn(function()
    local guard <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
      call.done = true
      call.finished:set()
    end })
    call.results = table.pack(fn())
  end)
  return call
end

--- How much of a wait may be slept through before it counts as such, and the least of it.
local SLEPT, SLEPT_MS = 1 / 4, 2

--- Waits for a call until a moment. One that is late goes on. Nobody is late when it was this process that did not run meanwhile (a
--- suspended machine, a busy one): such a wait begins again.
---@param call scw.PatientCall
---@param moment number as of core.clock()
---@return table|"late"|nil results packed
---@return table|nil failure the wait was interrupted, and the call ended with it
function patience.await(call, moment)
  while not call.done do
    local left = math.max(0, moment - core.clock())
    local ok, failure = call.finished:wait(left)
    if not ok and not call.done then
      if failure.kind ~= "timeout" then
        call.task:cancel()
        return nil, failure
      end
      if core.clock() - moment <= math.max(SLEPT_MS, SLEPT * left) then return "late" end
      moment = core.clock() + left
    end
  end
  if call.results then return call.results end
  local _, failure = call.task:join()
  if failure.kind == "bug" then error(failure.traceback or failure.message, 0) end
  return nil, failure
end

return patience
