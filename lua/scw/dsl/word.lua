--- Words as user code writes them (`scw.int { min = 1 }`, the spec of a config value): schema fields whose options are checked first.
local complete = require "scw.schema.complete"
local formats = require "scw.schema.formats"
local normal = require "scw.schema.normal"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"
local words = require "scw.schema.words"

local word = {}

--- Options a stack may use; the schema has more, for the wire.
local COMMON = { default = true, doc = true, required = true, secret = true }
local PARTICULAR = {
  str = { enum = true, format = true, max = true, min = true, pattern = true },
  int = { max = true, min = true, multiple = true }, float = { max = true, min = true },
  list = { max = true, min = true, of = true }, set = { max = true, min = true, of = true }, map = { max = true, of = true },
  object = { fields = true, one_of = true }, ref = { to = true }, duration = { max = true, min = true },
  size = { max = true, min = true, multiple = true },
}

local function texts(given)
  if type(given) ~= "table" or reference.is(given) or #given == 0 then return false end
  for _, text in ipairs(given) do
    if type(text) ~= "string" then return false end
  end
  return true
end

local function is_word(given)
  return type(given) == "table" and not reference.is(given) and words.particular[given.kind] ~= nil
end

local function bound(kind, given)
  if kind == "duration" then return normal.seconds(given) ~= nil end
  if kind == "size" then return math.type(normal.size(given)) == "integer" end
  return type(given) == "number"
end

local checks = {
  doc = function(_, given) return type(given) == "string", "must be a text" end,
  required = function(_, given) return type(given) == "boolean", "must be true or false" end,
  secret = function(_, given) return type(given) == "boolean", "must be true or false" end,
  min = function(kind, given) return bound(kind, given), "does not fit" end,
  max = function(kind, given) return bound(kind, given), "does not fit" end,
  multiple = function(kind, given) return bound(kind, given), "does not fit" end,
  enum = function(_, given) return texts(given), "must be a list of texts" end,
  pattern = function(_, given) return type(given) == "string" and pcall(string.find, "", given), "must be a Lua pattern" end,
  format = function(_, given)
    return formats.known[given] ~= nil, "must be one of " .. table.concat(value.sorted_keys(formats.known), ", ")
  end,
  of = function(_, given)
    return is_word(given) or type(given) == "string" and words.particular[words.short[given] or given] ~= nil,
      "must be a word such as scw.str {} or \"string\""
  end,
  fields = function(_, given)
    if type(given) ~= "table" or reference.is(given) then return false, "must be a table of words" end
    for name, inner in next, given do
      if type(name) ~= "string" or not is_word(inner) then return false, "must be a table of words" end
    end
    return true
  end,
  one_of = function(_, given) return texts(given), "must be a list of names" end,
  to = function(_, given) return type(given) == "string" or texts(given), "must be the name of a type" end,
}

local function option_names(kind)
  local names = {}
  for name in next, COMMON do names[#names + 1] = name end
  for name in next, PARTICULAR[kind] or {} do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function check_default(field, kind)
  if field.default == nil then return nil end
  if reference.contains(field.default) then return "default: a reference cannot be one" end
  local problem
  value.copy(field.default, function(_, message) problem = problem or message end)
  if problem then return "default: " .. problem end
  local probe = schema.type { name = "word", summary = "word", locality = "global", fields = { default = field } }
  local problems = schema.check(probe, { default = field.default })
  if problems[1] then return problems[1].message end
  if kind == "object" then field.default = complete.value(probe.fields.default, field.default) end
  return nil
end

--- Makes a field.
---@param kind string
---@param options any
---@return scw.schema.Field? field
---@return string? problem
---@return string? hint
function word.make(kind, options)
  options = options == nil and {} or options
  if type(options) ~= "table" or reference.is(options) then return nil, "takes a table of options" end
  local allowed = PARTICULAR[kind] or {}
  for _, name in ipairs((value.sorted_keys(options))) do
    if not COMMON[name] and not allowed[name] then
      local names = option_names(kind)
      return nil, ("has no option '%s'"):format(tostring(name)), suggest.hint(tostring(name), names)
        or "the options are " .. table.concat(names, ", ")
    end
    local check = checks[name]
    if check then
      local ok, problem = check(kind, options[name])
      if not ok then return nil, ("%s %s"):format(name, problem) end
    end
  end
  if kind == "ref" and not options.to then return nil, "needs `to`, the type it points to" end
  local field = schema[kind](options)
  local problem = check_default(field, kind)
  if problem then return nil, problem end
  return field
end

return word
