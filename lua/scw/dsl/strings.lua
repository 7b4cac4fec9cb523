--- The string functions that user code gets: nothing that leaks code, and nothing that runs without end inside C, where no
--- instruction ceiling can stop it.
local source = require "scw.dsl.source"
local errors = require "scw.errors"

local strings = {}

local MOST_STEPS = 1e8     -- of a pattern match, at worst
local LONGEST_REPEAT = 1e8 -- bytes

local real = {}
for name, value in pairs(string) do real[name] = value end

local function refuse(message)
  error(errors.new { code = "INFRA_002", message = message, source = source.here() }, 0)
end

--- A match takes at worst (length of the text) to the power of (repetitions in the pattern) steps.
local function check_pattern(text, pattern, plain)
  if plain or type(text) ~= "string" or type(pattern) ~= "string" then return end
  local length = #text
  local steps = real.byte(pattern, 1) == 94 and 1.0 or length + 0.0 -- 94: "^"; floats do not overflow
  local at = 1
  while true do
    at = real.find(pattern, "[%%*+?-]", at)
    if not at then break end
    local character = real.sub(pattern, at, at)
    if character == "%" then
      at = at + 2
    else
      steps = steps * (character == "?" and 2 or length)
      at = at + 1
    end
  end
  if steps > MOST_STEPS and length > 1 then
    refuse(("a pattern with this many repetitions could take too long on a text of %d bytes"):format(length))
  end
end

for _, name in ipairs { "byte", "char", "len", "lower", "upper", "reverse", "sub" } do strings[name] = real[name] end

function strings.find(text, pattern, init, plain)
  check_pattern(text, pattern, plain)
  return real.find(text, pattern, init, plain)
end

function strings.match(text, pattern, init)
  check_pattern(text, pattern)
  return real.match(text, pattern, init)
end

function strings.gmatch(text, pattern, init)
  check_pattern(text, pattern)
  return real.gmatch(text, pattern, init)
end

function strings.gsub(text, pattern, replacement, count)
  check_pattern(text, pattern)
  return real.gsub(text, pattern, replacement, count)
end

function strings.rep(text, count, separator)
  local length = (type(text) == "string" and #text or 1) + (type(separator) == "string" and #separator or 0)
  if math.type(count) == "integer" and count > LONGEST_REPEAT / math.max(length, 1) then
    refuse(("string.rep would make a text of more than %d bytes"):format(LONGEST_REPEAT))
  end
  return real.rep(text, count, separator)
end

--- Text of a value that is the same in every run: no addresses.
---@param value any
---@return string
function strings.tostring(value)
  local kind = type(value)
  if kind == "table" or kind == "userdata" then
    local metatable = debug.getmetatable(value)
    if type(metatable) == "table" and rawget(metatable, "__tostring") then return tostring(value) end
    return kind
  elseif kind == "function" or kind == "thread" then
    return kind
  end
  return tostring(value)
end

function strings.format(template, ...)
  if type(template) == "string" and real.find(template, "%%[^%%%a]*p") then
    refuse("string.format has no %p here: addresses differ between runs")
  end
  local values = table.pack(...)
  for i = 1, values.n do
    local kind = type(values[i])
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" and kind ~= "nil" then values[i] = strings.tostring(values[i]) end
  end
  return real.format(template, table.unpack(values, 1, values.n))
end

return strings
