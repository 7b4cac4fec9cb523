--- The service while a side of the state is out: it may be a whole region.
local core = require "core"
local errors = require "scw.errors"
local patience = require "scw.patience"

local outage = {}

--- Calls what asks the service. While a side of the state is out it is given up when the service answers nothing either, for as long as
--- that side was given: a whole region may be away.
---@param self scw.Session
---@param fn fun(): any, scw.Error|nil
---@return any, scw.Error|nil what `fn` answers; an error of kind "silent"
function outage.ask(self, fn)
  local out = self.backend.sides and self.backend:outage()
  if not out then return fn() end
  local call, heard = patience.begin(fn), core.clock()
  local results, failure = patience.await(call, heard + out.patience_ms)
  while results == "late" and (self.client and self.client.answered or 0) > heard do
    heard = self.client.answered
    results, failure = patience.await(call, heard + out.patience_ms)
  end
  if not results then return nil, failure end
  if results ~= "late" and (results[1] or not out.is_silence(results[2])) then return table.unpack(results, 1, results.n) end
  call.task:cancel()
  return nil, errors.new({
    code = "INFRA_010", kind = "silent",
    message = ("the service does not answer, and neither does the %s of the state"):format(out.role),
    details = { results ~= "late" and results[2].message or nil },
    hint = ("nothing was changed: run the same command again when it is back. Until then `%s plan STACK` and `%s output STACK` show what "
      .. "is recorded"):format(core.program, core.program),
  })
end

return outage
