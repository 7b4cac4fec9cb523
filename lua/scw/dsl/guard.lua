--- Runs user code: below ceilings, with string methods of its own, and with every failure turned into one scw.Error that
--- names the user's line. What the engine itself does wrong stays a bug with a traceback.
local core = require "core"
local errors = require "scw.errors"
local source = require "scw.dsl.source"
local strings = require "scw.dsl.strings"

local guard = {}

--- Ceilings for the evaluation of a whole stack, and for one function given to `ref:map`.
guard.stack_limits = {
  instructions = 200000000, memory = 256 * 1024 * 1024, seconds = 10,
  last_words = "the stack sits in a function that does not end and cannot be stopped: giving up",
}
guard.map_limits = { instructions = 10000000, memory = 64 * 1024 * 1024, seconds = 5 }

local bug = {} -- marks what a message handler found to be the engine's fault

local LIBRARIES = { ["scw/dsl/sandbox.lua"] = true, ["scw/dsl/strings.lua"] = true }

--- Is the Lua function that raised (levels from `level` on) the user's, or one that stands in for Lua's own library?
local function raised_by_user(level)
  while true do
    local info = debug.getinfo(level, "S")
    if not info then return true end -- the compiler, or a plain coroutine
    if info.what ~= "C" then
      return source.is_user(info.source) or LIBRARIES[info.source:match("scw/dsl/[%w_]+%.lua$") or ""] == true
    end
    level = level + 1
  end
end

--- Turns what user code raised into an scw.Error. Runs where the error was raised.
local function describe(reason)
  if errors.is(reason) or (type(reason) == "table" and reason[bug]) then return reason end
  local here = source.here(3)
  if type(reason) ~= "string" then
    local text = type(reason) == "table" and type(rawget(reason, "message")) == "string" and rawget(reason, "message")
    return errors.new { code = "INFRA_001", message = text or ("error value of type " .. type(reason)), source = here }
  end
  if not raised_by_user(3) then return { [bug] = debug.traceback(reason, 2) } end
  local at, text = source.split(reason)
  -- Lua's own libraries and loops name the type they were given
  local hint = text:find("got reference)", 1, true) and "its value is known only later: `ref:map(function(value) … end)` gets it once it "
    .. "is known; loops and names need values known now" or nil
  return errors.new { code = "INFRA_001", message = text, source = at or here, hint = hint }
end
guard.describe = describe

--- Raises again what must not be swallowed by user code's own `pcall`.
---@param reason any
---@return boolean
function guard.is_bug(reason)
  return type(reason) == "table" and reason[bug] ~= nil
end

--- Calls `fn(...)` as user code. It cannot wait.
---@param fn function
---@param limits { instructions: integer, memory: integer, seconds: number }
---@param doing string what is being evaluated, for the error about a ceiling: "stacks/staging.lua"
---@return true|nil ok
---@return any ... the results, or an scw.Error
function guard.call(fn, limits, doing, ...)
  local methods = debug.getmetatable("")
  local engine_methods = methods.__index
  methods.__index = strings
  local results = table.pack(core.limited(xpcall, limits, fn, describe, ...))
  methods.__index = engine_methods

  if results[1] and results[2] then return true, table.unpack(results, 3, results.n) end
  local reason = results[1] and results[3] or results[2]
  if errors.is(reason) then return nil, reason end
  if type(reason) == "table" and reason[bug] then error(reason[bug], 0) end
  if type(reason) == "table" and reason.kind == "limit" then
    local at = reason.source and source.is_user("@" .. reason.source) and reason.source or nil
    return nil, errors.new {
      code = "INFRA_002", kind = "limit", source = at,
      message = ("%s: %s"):format(doing, reason.source and reason.message:gsub(" at [^ ]+$", "") or reason.message),
      hint = "a stack is a description: look for a loop that does not end or a value that grows without end",
    }
  end
  error(type(reason) == "table" and tostring(reason.message) or tostring(reason), 0)
end

return guard
