--- Repeats a call that failed in a way that may pass, with growing random pauses; shared by the API client and object
--- storage. What may have changed something is repeated only when the caller says that doing it twice is harmless.
local core = require "core"

local attempts = {}

local ATTEMPTS = 6 -- the first and five more

--- May the service have acted although the attempt failed?
local function uncertain(err)
  if err.type == "SlowDown" then return false end -- the S3 word for 429
  if err.status then return err.status >= 500 and err.status ~= 501 end
  return err.sent
end

---@class scw.Attempts
---@field try fun(): any, table|nil, scw.ApiError|nil one attempt: answer and response, or the error in third place
---@field idempotent boolean may it be done twice?
---@field sleep fun(ms: number): true|nil, table|nil
---@field call { method: string, path: string, address: string|nil }
---@field on_retry? fun(event: table)
---@field attempts? integer in all

---@param options scw.Attempts
---@return any answer
---@return table|scw.ApiError|nil response_or_error
function attempts.run(options)
  local most = options.attempts or ATTEMPTS
  local doubtful = false -- once an attempt may have acted, a later refusal does not say that nothing happened
  for attempt = 1, most do
    local answer, response, err = options.try()
    if not err then return answer, response end
    err.attempts = attempt
    doubtful = doubtful or uncertain(err)
    err.uncertain = doubtful or nil
    if doubtful and not options.idempotent then return nil, err end
    local delay = core.retry {
      attempt = attempt, attempts = most, status = err.status or 0, kind = err.kind, retry_after = err.retry_after,
      now = core.now(), random = math.random(),
    }
    if not delay then return nil, err end
    if options.on_retry then
      options.on_retry { attempt = attempt, delay_ms = delay, error = err, method = options.call.method, path = options.call.path,
        address = options.call.address }
    end
    local slept, cancelled = options.sleep(delay)
    if not slept then
      err.details[#err.details + 1] = cancelled.message
      err.kind, err.code = "cancelled", "INFRA_009"
      return nil, err
    end
  end
end

return attempts
