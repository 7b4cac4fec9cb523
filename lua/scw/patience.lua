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

--- A wait is made of so many parts. One in which this process did not run (it was stopped, the machine is busy) counts as one of them,
--- however long it took: a call that is answered gets on in the others.
local PARTS = 8

--- Waits for a call until a moment. One that is late goes on. Nobody is late for time in which it was this process that did not run.
---@param call scw.PatientCall
---@param moment number as of core.clock()
---@return table|"late"|nil results packed
---@return table|nil failure the wait was interrupted, and the call ended with it
function patience.await(call, moment)
  local part = math.ceil(math.max(0, moment - core.clock()) / PARTS) -- whole milliseconds, as timers are
  for _ = 1, PARTS do
    if call.done then break end
    local ok, failure = call.finished:wait(part)
    if not ok and not call.done and failure.kind ~= "timeout" then
      call.task:cancel()
      return nil, failure
    end
  end
  if not call.done then return "late" end
  if call.results then return call.results end
  local _, failure = call.task:join()
  if failure.kind == "bug" then error(failure.traceback or failure.message, 0) end
  return nil, failure
end

return patience
