--- Commands that people are told to use, as they have to be typed here.
---
--- The convention: whoever writes a hint or another sentence puts a command into backquotes, with the word STACK where the stack's file
--- belongs: `state history STACK`. It need not know what the command line was. Here, and nowhere else, the word gives way to the file as
--- it was given, with `--emulator` or `--profile NAME` where that was given. Without a stack on the command line the word stays.
local core = require "core"

local command = {}

---@class scw.Given what the command line said, by name of option or argument
---@field stack? string
---@field emulator? boolean
---@field profile? string

--- A word as a shell takes it.
---@param word string
---@return string
function command.spelled(word)
  return word:match("^[%w_./=:,@+-]+$") or "'" .. word:gsub("'", "'\\''") .. "'"
end

--- The program as the user called it, for a shell: it may not be on the search path.
---@return string
function command.program()
  local file <close> = io.open("/proc/self/cmdline", "rb")
  local words = file and file:read("a")
  return command.spelled(words and words:match("^([^%z]+)") or core.program)
end

--- A sentence with its commands complete.
---@param sentence string
---@param given? scw.Given
---@return string
---@overload fun(sentence: nil, given?: scw.Given): nil
function command.complete(sentence, given)
  if not sentence or not given or not given.stack then return sentence end
  local words = { command.spelled(given.stack) }
  if given.profile then table.insert(words, 1, "--profile " .. command.spelled(given.profile)) end
  if given.emulator then table.insert(words, 1, "--emulator") end
  local place = table.concat(words, " ")
  return (sentence:gsub("`[^`]*`", function(told)
    return (told:gsub("%f[%w_]STACK%f[^%w_]", function() return place end))
  end))
end

return command
