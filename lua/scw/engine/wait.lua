--- Waits for the service: quick looks first, then at the product's own pace, never in step with others.
local core = require "core"
local errors = require "scw.errors"
local normal = require "scw.schema.normal"

local wait = {}

local FIRST_MS, GROWTH = 700, 1.5

--- A random part of a delay, so that many waits do not look at once.
local function jittered(milliseconds)
  local byte = core.random(1):byte()
  return math.floor(milliseconds * (0.8 + 0.4 * byte / 255))
end

--- Milliseconds in a duration.
---@param duration string|number
---@return integer
function wait.milliseconds(duration)
  return math.floor((normal.seconds(duration) or 0) * 1000)
end

---@class scw.engine.Pace
---@field timeout string
---@field poll? string longest time between two looks
---@field expected? string nothing can have happened before

--- Looks until `look` returns something. `look(waited_ms)` returns a result, or false for "not yet", or nil and an error.
--- Time counts as the service sees it (the client scales real time).
---@param client table
---@param pace scw.engine.Pace
---@param look fun(waited: integer): any, table?
---@param late fun(): scw.Error makes the error when the time is over
---@param at_once? boolean look before the first sleep
---@return any result or nil and an error
---@return table? err
function wait.until_found(client, pace, look, late, at_once)
  local limit, longest = wait.milliseconds(pace.timeout), wait.milliseconds(pace.poll or "5s")
  local waited, delay = 0, FIRST_MS
  local pause = math.max(wait.milliseconds(pace.expected or 0), FIRST_MS)
  local skip = at_once
  while true do
    if not skip then
      local ok, err = client:sleep(pause)
      if not ok then return nil, errors.wrap(err, "interrupted while waiting") end
      waited = waited + pause
      pause = jittered(delay)
      delay = math.min(delay * GROWTH, longest)
    end
    skip = false
    local result, err = look(waited)
    if result then return result end
    if result == nil then return nil, err end
    if waited >= limit then return nil, late() end
    pause = math.min(pause, math.max(limit - waited, 1))
  end
end

--- How a type's readiness reads in an answer: "ok", "failed" or "passing".
---@param ready table of a type
---@param answer table
---@return string
function wait.readiness(ready, answer)
  local status = answer[ready.field]
  for _, word in ipairs(ready.ok) do
    if status == word then return "ok" end
  end
  for _, word in ipairs(ready.failed or {}) do
    if status == word then return "failed" end
  end
  return "passing"
end

--- Why a resource does not work, when an answer says that it failed; nil otherwise.
---@param type scw.schema.Type
---@param answer table
---@return string|nil
function wait.failure(type, answer)
  local ready = type.ready
  if not ready or wait.readiness(ready, answer) ~= "failed" then return nil end
  local reason = ready.reason and answer[ready.reason]
  if _G.type(reason) ~= "string" or reason == "" then reason = nil end
  return ("%s has the status %s%s"):format(type.name, tostring(answer[ready.field]), reason and ": " .. reason or "")
end

--- The status of what still answers and will be gone: the same word in the enums of all products.
local LEAVING = "deleting"

--- Is it being deleted?
---@param type scw.schema.Type
---@param answer table
---@return boolean
function wait.leaves(type, answer) return type.ready ~= nil and answer[type.ready.field] == LEAVING end

--- Waits until a resource is ready; the answer that said so, nil and an error when it failed or is late.
---@param client table
---@param type scw.schema.Type
---@param get fun(): table|nil, table? reads the resource once
---@param options? { timeout?: string, address?: string, answer?: table, on_look?: fun(status: string) }
---@return table|nil answer
---@return table? err
function wait.ready(client, type, get, options)
  local ready, given = type.ready, options or {}
  local answer, status = given.answer, "unknown"
  local function look()
    local err
    if not answer then answer, err = get() end
    if not answer then
      return nil, err or errors.new { code = "INFRA_005", kind = "not_found", address = given.address,
        message = ("%s disappeared while it was being made ready"):format(type.name) }
    end
    status = tostring(answer[ready.field])
    local found = wait.readiness(ready, answer)
    if found == "ok" then return answer end
    if found == "failed" then
      return nil, errors.new { code = "INFRA_005", kind = "failed", address = given.address, message = wait.failure(type, answer),
        hint = "the service made it, but it does not work; correct the cause and apply again" }
    end
    if given.on_look then given.on_look(status) end
    answer = nil
    return false
  end
  local pace = { timeout = given.timeout or ready.timeout, poll = ready.poll, expected = ready.expected }
  return wait.until_found(client, pace, look, function()
    return errors.new { code = "INFRA_006", kind = "timeout", address = given.address,
      message = ("%s still has the status %s after %s"):format(type.name, status, pace.timeout),
      hint = "apply again to go on waiting, or raise the timeout of the resource" }
  end, answer ~= nil)
end

return wait
