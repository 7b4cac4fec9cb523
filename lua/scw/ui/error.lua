--- Errors for people and for programs. One shape each, wherever they come from.
local command = require "scw.ui.command"
local core = require "core"
local errors = require "scw.errors"
local style = require "scw.ui.style"
local text = require "scw.text"

local error_view = {}

local MASK = "(secret)"

--- Leaves out every occurrence of the given secrets: the last line of defence, errors should not hold any.
---@param message string
---@param secrets string[]
---@return string
function error_view.mask(message, secrets)
  for _, secret in ipairs(secrets) do
    local start, stop = message:find(secret, 1, true)
    while start do
      message = message:sub(1, start - 1) .. MASK .. message:sub(stop + 1)
      start, stop = message:find(secret, start + #MASK, true)
    end
  end
  return message
end

local function add_facts(lines, err, look)
  local function fact(label, value)
    if not value then return end
    local cleaned = style.clean(tostring(value))
    lines[#lines + 1] = "  " .. look:paint("dim", label) .. cleaned
  end
  for _, detail in ipairs(err.details) do
    for line in (style.clean(tostring(detail)) .. "\n"):gmatch("(.-)\n") do
      for _, part in ipairs(look:fold(line, 2)) do lines[#lines + 1] = part end
    end
  end
  fact("at ", err.source)
  fact("resource: ", err.address)
  fact("request: ", err.request_id)
  if err.hint then
    for i, line in ipairs(style.wrap("hint: " .. style.clean(command.complete(err.hint, look.given)), math.max(look.columns - 2, 20))) do
      lines[#lines + 1] = "  " .. look:paint("cyan", (i == 1 and "" or "  ") .. line)
    end
  end
end

--- Lines for people; several problems one after the other, sorted by source.
---@param err scw.Error|scw.Error[]
---@param look scw.Style
---@return string[]
function error_view.lines(err, look)
  local lines = {}
  for _, one in ipairs(errors.list(err)) do
    local message = look:fold(("error %s: %s"):format(one.code, style.clean(one.message)))
    message[1] = message[1]:gsub("^error [%w_]+", function(head) return look:paint("red", head) end)
    table.move(message, 1, #message, #lines + 1, lines)
    add_facts(lines, one, look)
  end
  return lines
end

--- One error for programs (`docs/json.md`).
---@param err scw.Error
---@param given? scw.Given
---@return table
function error_view.public(err, given)
  local details = {}
  for i, detail in ipairs(err.details or {}) do details[i] = tostring(detail) end
  return {
    code = err.code, message = err.message, details = core.array(details), timestamp = err.timestamp,
    hint = command.complete(err.hint, given), request_id = err.request_id, address = err.address, source = err.source,
  }
end

--- What is printed for a failure that is no error object: a bug of the program.
---@param failure any what was raised
---@param trace string
---@return string[]
function error_view.bug(failure, trace)
  local lines = { text.error.bug(core.program, core.version) }
  for line in (tostring(failure) .. "\n" .. trace .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = "  " .. line end
  return lines
end

--- A bug for programs (`docs/json.md`).
---@param failure any what was raised
---@param trace string
---@return table
function error_view.public_bug(failure, trace)
  return {
    code = "BUG", message = text.error.bug(core.program, core.version), details = core.array({ tostring(failure) }),
    timestamp = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(core.now())), traceback = (trace:gsub("^%s+", "")),
  }
end

return error_view
