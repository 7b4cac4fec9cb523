--- What `require "scw"` gives a stack: the words for stacks, modules, inputs and values from outside.
local core = require "core"
local json = require "scw.json"
local errors = require "scw.errors"
local module = require "scw.dsl.module"
local reference = require "scw.dsl.reference"
local source = require "scw.dsl.source"
local stack = require "scw.dsl.stack"
local strings = require "scw.dsl.strings"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"

local scw = {}

local function fail(message, hint, here)
  error(errors.new { code = "INFRA_001", message = message, hint = hint, source = here }, 0)
end

--- Texts and references of a list, checked.
local function parts_of(word, given, here)
  if type(given) ~= "table" or reference.is(given) then fail(("scw.%s takes a list"):format(word), nil, here) end
  for i = 1, #given do
    local part = given[i]
    if type(part) ~= "string" and type(part) ~= "number" and not reference.is(part) then
      fail(("scw.%s: element %d is a %s"):format(word, i, type(part)), "elements are texts, numbers and references", here)
    end
    if reference.declaration(part) then
      fail(("scw.%s: element %d is %s as a whole"):format(word, i, reference.describe(part)), "name an attribute such as .id", here)
    end
  end
  return given
end

--- Calls `fn` with the values, now when they are all there, later when they are not.
local function apply(values, fn)
  if reference.contains(values) then return reference.combine(values, fn) end
  return fn(table.unpack(values))
end

local words = {}

--- The environment variable, required unless there is a default.
function words.env(session, here, name, ...)
  if type(name) ~= "string" or name == "" then fail('scw.env takes a name: scw.env "NAME"', nil, here) end
  local found = session:variable(name)
  if found ~= nil and found ~= "" then return found end
  if select("#", ...) > 0 then return (...) end
  return session:report {
    source = here, message = ("the environment variable %s is not set"):format(name),
    hint = ('set it, or give a default: scw.env("%s", "…")'):format(name),
  }
end

--- Like `env`, for what must never be shown: only secret fields take it.
function words.secret_env(session, here, name)
  if type(name) ~= "string" or name == "" then fail('scw.secret_env takes a name: scw.secret_env "NAME"', nil, here) end
  local found = session:variable(name)
  if found ~= nil and found ~= "" then return reference.from_outside("environment variable " .. name, found) end
  return session:report { source = here, message = ("the environment variable %s is not set"):format(name), hint = "it holds a secret" }
end

function words.stack(session, here, given) return stack.declare(session, given, here) end
function words.s3(session, here, given) return stack.state(session, "s3", given, here) end
function words.file(session, here, given) return stack.state(session, "file", given, here) end
function words.module(_, here, given) return module.new(given, here) end

--- Like `table.concat`, for lists with references.
function words.join(_, here, list, separator)
  parts_of("join", list, here)
  return apply(table.move(list, 1, #list, 1, {}), function(...) return table.concat({ ... }, separator or "") end)
end

--- Like `string.format`, with references among the values.
function words.format(_, here, template, ...)
  if type(template) ~= "string" then fail("scw.format takes a template such as \"https://%s\"", nil, here) end
  local values = parts_of("format", { ... }, here)
  return apply(values, function(...) return strings.format(template, ...) end)
end

--- The value as JSON text; references inside are fine.
function words.json(_, here, given)
  local copy = value.copy(given, function(path, message)
    fail(("scw.json: %s%s"):format(path ~= "" and path .. ": " or "", message), nil, here)
  end)
  return apply({ copy }, function(resolved) return assert(json.encode(resolved)) end)
end

--- The text with everything that has a meaning in addresses encoded.
function words.uri_encode(_, here, text)
  parts_of("uri_encode", { text }, here)
  return apply({ text }, function(resolved) return core.uri_encode(tostring(resolved)) end)
end

--- The words for one evaluation.
---@param session scw.dsl.Session
---@return table read-only
function scw.words(session)
  local names = module.words()
  for name, fn in pairs(words) do names[name] = fn end
  names.version = core.version
  local known = value.sorted_keys(names)
  return setmetatable({}, {
    __name = "scw", __metatable = "scw",
    __index = function(_, key)
      local found, here = names[key], source.here(2) -- here: a tail call (`return scw.stack { … }`) would hide the line
      if type(found) == "function" then return function(...) return found(session, here, ...) end end
      if found ~= nil then return found end
      fail(("scw has no '%s'"):format(tostring(key)), suggest.hint(tostring(key), known) or "it has " .. table.concat(known, ", "), here)
    end,
    __newindex = function(_, key) fail(("cannot set scw.%s"):format(tostring(key)), nil, source.here(2)) end,
  })
end

return scw
