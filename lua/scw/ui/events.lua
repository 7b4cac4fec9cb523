--- Events of an apply as one line each: for logs and for programs.
local core = require "core"
local style = require "scw.ui.style"
local text = require "scw.text"

local events = {}

local SIGN_OF_LIFE_MS = 10000

local function stamp(look, elapsed_ms)
  return look:paint("dim", ("[%7s]"):format(style.duration(elapsed_ms)))
end

local function symbol(look, action)
  local facts = style.action(action or "none")
  return look:paint(facts.colour, ("%3s"):format(facts.symbol))
end

---@param err any
---@return string
local function error_message(err)
  if type(err) ~= "table" then return tostring(err) end
  return err.code and ("%s: %s"):format(err.code, err.message) or err.message or "failed"
end

--- The line for one event, nil for events that a log does not need.
---@param event table
---@param elapsed_ms number since the apply began
---@param look scw.Style
---@param columns? integer to cut the line to; whole without, for logs
---@return string|nil
function events.line(event, elapsed_ms, look, columns)
  local facts = style.action(event.action or "none")
  local address = event.address and style.clean(event.address) or ""
  local mark, body = "   ", nil
  if event.kind == "step_started" then
    mark, body = symbol(look, event.action), ("%s: %s"):format(address, facts.doing)
  elseif event.kind == "step_done" then
    local took = event.elapsed_ms and (" in %s"):format(style.duration(event.elapsed_ms)) or ""
    mark, body = symbol(look, event.action), ("%s: %s%s"):format(address, facts.done, took)
  elseif event.kind == "step_failed" and type(event.error) == "table" and event.error.kind == "cancelled" then
    mark, body = look:paint("yellow", "  !"), ("%s: %s"):format(address, text.progress.interrupted)
  elseif event.kind == "step_failed" then
    mark, body = look:paint("red", "  !"), ("%s: %s: %s"):format(address, text.progress.failed, style.clean(error_message(event.error)))
  elseif event.kind == "step_skipped" then
    local needs = event.needs and #event.needs > 0 and ", " .. text.progress.needs(event.needs) or ""
    mark, body = look:paint("dim", "  !"), ("%s: %s%s"):format(address, text.progress.skipped, needs)
  elseif event.kind == "retry" then
    body = (address ~= "" and address .. ": " or "") .. text.progress.retry(style.clean(tostring(event.detail or "")))
  elseif event.kind == "step_waiting" and event.detail then
    body = ("%s: %s"):format(address, text.progress.still(style.clean(tostring(event.detail))))
  elseif event.kind == "message" then
    body = style.clean(tostring(event.detail))
  end
  if not body then return nil end
  local lead = stamp(look, elapsed_ms) .. " " .. mark .. " "
  return lead .. (columns and style.cut(body, math.max(columns - style.width(lead), 16)) or body)
end

--- A judge of what is new: the same wait is told again to people only after a while, as a sign of life, and to programs never.
---@return fun(event: table, now_ms: number, for_programs: boolean): boolean
function events.news()
  local details, told = {}, {}
  return function(event, now_ms, for_programs)
    local address = event.address
    if not address then return true end
    if event.kind == "step_waiting" and event.detail then
      local changed = details[address] ~= event.detail
      details[address] = event.detail
      if for_programs then return changed end
      if now_ms - (told[address] or now_ms) < SIGN_OF_LIFE_MS then return false end
    end
    told[address] = now_ms
    return true
  end
end

--- The event for programs (`docs/json.md`): one JSON object a line.
---@param event table
---@param elapsed_ms number since the apply began
---@param given? scw.Given
---@return table
function events.public(event, elapsed_ms, given)
  local public = {
    event = event.kind, elapsed_ms = math.floor(elapsed_ms + 0.5), timestamp = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(core.now())),
    address = event.address, action = event.action, detail = event.detail and tostring(event.detail) or nil,
  }
  if event.elapsed_ms then public.step_ms = math.floor(event.elapsed_ms + 0.5) end
  if event.needs then public.needs = core.array({ table.unpack(event.needs) }) end
  if event.error then
    local errors = require "scw.errors"
    public.error = errors.is(event.error) and require("scw.ui.error").public(event.error, given) or { message = error_message(event.error) }
  end
  return public
end

return events
