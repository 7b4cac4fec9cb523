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
---@field problems? scw.Error[] set when this stands for several: they are shown instead
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
  INFRA_012 = "cannot write the result",
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

---@param source string|nil
---@return string file, integer line
local function place(source)
  local file, line = (source or ""):match("^(.*):(%d+)$")
  return file or source or "", tonumber(line) or 0
end

local function precedes(left, right)
  local left_file, left_line = place(left.source)
  local right_file, right_line = place(right.source)
  if left_file ~= right_file then return left_file < right_file end
  if left_line ~= right_line then return left_line < right_line end
  if (left.address or "") ~= (right.address or "") then return (left.address or "") < (right.address or "") end
  return left.message < right.message
end

--- The single errors behind a value: an error object, one that stands for several, or an array of them; sorted by source.
---@param value scw.Error|scw.Error[]
---@return scw.Error[]
function errors.list(value)
  local found = {}
  local function collect(item)
    if errors.is(item) and not item.problems then
      found[#found + 1] = item
    else
      for _, inner in ipairs(item.problems or item) do collect(inner) end
    end
  end
  collect(value)
  table.sort(found, precedes)
  return found
end

--- One error object for several problems; a single one is handed back as it is.
---@param problems scw.Error[] at least one
---@param message? string what is wrong as a whole
---@return scw.Error
function errors.several(problems, message)
  local sorted = errors.list(problems)
  assert(#sorted > 0, "several errors need at least one")
  if #sorted == 1 then return sorted[1] end
  return errors.new({ code = sorted[1].code, message = message or ("%d problems"):format(#sorted), problems = sorted })
end

local code_of_kind = {
  not_found = "INFRA_004", denied = "INFRA_003", locked = "INFRA_008", limit = "INFRA_002", cancelled = "INFRA_009",
  connect = "INFRA_010", tls = "INFRA_010", timeout = "INFRA_010", condition = "INFRA_011", invalid = "INFRA_001",
}

--- Turns the `err` of a core call into an error object that says what was being done; keeps error objects as they are.
---@param cause table `{kind=, message=}`, perhaps with `hint`, or scw.Error
---@param doing string "cannot read the state", or "interrupted while …", which says all when that is the cause
---@param facts? table further fields
---@return scw.Error
function errors.wrap(cause, doing, facts)
  if errors.is(cause) then return cause end
  local said = cause.kind == "cancelled" and doing:find("^interrupted ") ~= nil
  local all = {
    code = code_of_kind[cause.kind] or "INFRA_005", kind = cause.kind, message = said and doing or doing .. ": " .. cause.message,
    hint = cause.hint,
  }
  for name, value in pairs(facts or {}) do all[name] = value end
  return errors.new(all)
end

return errors
