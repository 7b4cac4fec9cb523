--- Where in the user's files something was said: "stacks/staging.lua:12".
local source = {}

-- The engine's own chunks are called "@<somewhere>lua/scw/…"; this file knows the prefix from its own name.
local ENGINE = debug.getinfo(1, "S").source:match("^(.*scw/)dsl/source%.lua$") or "@lua/scw/"

---@param chunk string the `source` of a chunk, "@lua/scw/…", "=[C]"
---@return boolean
function source.is_user(chunk)
  return chunk:byte(1) == 64 and chunk:sub(1, #ENGINE) ~= ENGINE -- 64: "@"
end

--- The line of the user's code that is running, or nil when only the engine is.
---@param level? integer where to start looking; 1 is the caller of this function
---@return string? file:line
function source.here(level)
  level = (level or 1) + 1
  while true do
    local info = debug.getinfo(level, "Sl")
    if not info then return nil end
    if info.currentline > 0 and source.is_user(info.source) then
      return info.source:sub(2) .. ":" .. info.currentline
    end
    level = level + 1
  end
end

--- Splits "stacks/x.lua:12: message", as the Lua compiler and runtime write it.
---@param message string
---@return string? location file:line; nil when the message names none, or not a whole name of a user's file
---@return string text the message without it
function source.split(message)
  local file, line, text = message:match("^([^\n]-%.lua):(%d+): (.*)$")
  if not file then return nil, message end
  if file:sub(1, 3) == "..." or not source.is_user("@" .. file) then return nil, text end
  return file .. ":" .. line, text
end

--- Orders locations by file, then by line as a number.
---@param a string?
---@param b string?
---@return boolean
function source.before(a, b)
  if a == b then return false end
  if not a or not b then return a == nil end
  local file_a, line_a = a:match("^(.*):(%d+)$")
  local file_b, line_b = b:match("^(.*):(%d+)$")
  if not file_a or not file_b or file_a ~= file_b then return (file_a or a) < (file_b or b) end
  return tonumber(line_a) < tonumber(line_b)
end

return source
