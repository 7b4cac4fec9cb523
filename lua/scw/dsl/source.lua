--- Where in the user's files something was said: "stacks/staging.lua:12".
local source = {}

local byte, sub = string.byte, string.sub -- the plain ones: methods of texts are checked while user code runs

-- The engine's own chunks are called "@<somewhere>lua/scw/…"; this file knows the prefix from its own name.
local ENGINE = debug.getinfo(1, "S").source:match("^(.*scw/)dsl/source%.lua$") or "@lua/scw/"

---@param chunk string the `source` of a chunk, "@lua/scw/…", "=[C]"
---@return boolean
function source.is_user(chunk)
  return byte(chunk) == 64 and sub(chunk, 1, #ENGINE) ~= ENGINE -- 64: "@"
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
      return sub(info.source, 2) .. ":" .. info.currentline
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

return source
