--- Errors people and machines can act on: what, where, why, what to do. One shape everywhere.
local core = require "core"

local errors = {}

---@class scw.Error
---@field code string INFRA_001 … (see `errors.codes`)
---@field message string one line: what went wrong
---@field details string[] further lines: why
---@field hint? string what to do
---@field address? string of the resource, `db/rdb_instance.main`
---@field source? string file:line of the declaration
---@field request_id? string of the service's answer
---@field timestamp string RFC 3339, UTC
---@field kind? string the cause for programs: `not_found`, `cancelled`, `locked` …
local error_methods = {}

local metatable = {
  __index = error_methods,
  __name = "scw.Error",
  __tostring = function(err) return ("%s: %s"):format(err.code, err.message) end,
}

--- What each code means. New ones continue the series.
errors.codes = {
  INFRA_001 = "invalid configuration",
  INFRA_002 = "limit exceeded",
  INFRA_003 = "permission denied",
  INFRA_004 = "not found",
  INFRA_005 = "deployment failed",
  INFRA_006 = "health check failed",
  INFRA_007 = "backup failed",
  INFRA_008 = "state lock conflict",
  INFRA_009 = "interrupted",
  INFRA_010 = "service unreachable",
  INFRA_011 = "state unreadable or changed by another",
}

--- Makes an error object; raise it with `error(err, 0)` or return it as `nil, err`.
---@param facts table the fields of scw.Error; `code` and `message` are required
---@return scw.Error
function errors.new(facts)
  assert(errors.codes[facts.code], "unknown error code")
  assert(type(facts.message) == "string", "an error needs a message")
  local err = {}
  for name, value in pairs(facts) do err[name] = value end
  err.details = err.details or {}
  err.timestamp = err.timestamp or os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(core.now()))
  return setmetatable(err, metatable)
end

---@param value any
---@return boolean
function errors.is(value)
  return getmetatable(value) == metatable
end

local code_of_kind = {
  not_found = "INFRA_004", denied = "INFRA_003", locked = "INFRA_008", limit = "INFRA_002", cancelled = "INFRA_009",
  connect = "INFRA_010", tls = "INFRA_010", timeout = "INFRA_010", condition = "INFRA_011", invalid = "INFRA_001",
}

--- Turns the `err` of a core call into an error object that says what was being done; keeps error objects as they are.
---@param cause table `{kind=, message=}` or scw.Error
---@param doing string "cannot read the state"
---@param facts? table further fields
---@return scw.Error
function errors.wrap(cause, doing, facts)
  if errors.is(cause) then return cause end
  local all = { code = code_of_kind[cause.kind] or "INFRA_005", kind = cause.kind, message = doing .. ": " .. cause.message }
  for name, value in pairs(facts or {}) do all[name] = value end
  return errors.new(all)
end

return errors
