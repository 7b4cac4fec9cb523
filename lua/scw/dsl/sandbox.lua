--- The names that user code gets. White-listed copies: nothing here reaches files, the network, time, chance, the engine's own
--- tables or another evaluation, nothing depends on addresses or hash order, and nothing runs without end inside C.
local errors = require "scw.errors"
local reference = require "scw.dsl.reference"
local source = require "scw.dsl.source"
local strings = require "scw.dsl.strings"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"

local sandbox = {}

local MOST_ELEMENTS = 10000000 -- of one table function in C

local function fail(message, hint)
  error(errors.new { code = "INFRA_001", message = message, hint = hint, source = source.here() }, 0)
end

-- Tables -----------------------------------------------------------------------------------------------------------------

local function ordered(given)
  local keys, problem = value.sorted_keys(given)
  if problem == "reference" then
    fail("a reference is a key of this table: its value is known only later", "use a name known now as the key")
  elseif problem then
    fail(("a %s is a key of this table: such keys have no order that is the same in every run"):format(problem),
      "keep the elements in a list")
  end
  return keys
end

--- Like Lua's, in the order of the keys.
local function sorted_pairs(given)
  local metatable = debug.getmetatable(given)
  local own = type(metatable) == "table" and rawget(metatable, "__pairs")
  if own then return own(given) end
  if type(given) ~= "table" then fail(("pairs takes a table, not a %s"):format(type(given))) end
  local keys, position = ordered(given), 0
  return function()
    while true do
      position = position + 1
      local key = keys[position]
      if key == nil then return nil end
      local element = given[key]
      if element ~= nil then return key, element end
    end
  end, given, nil
end

local function list_pairs(given)
  if reference.is(given) then return sorted_pairs(given) end -- raises
  return ipairs(given)
end

local function sorted_next(given, key)
  if type(given) ~= "table" or reference.is(given) then
    if reference.is(given) then return sorted_pairs(given) end
    fail(("next takes a table, not a %s"):format(type(given)))
  end
  local keys = ordered(given)
  if key == nil then return keys[1], given[keys[1]] end
  for i, candidate in ipairs(keys) do
    if candidate == key then return keys[i + 1], given[keys[i + 1]] end
  end
  fail "next: the key is not in the table"
end

local function check_list(name, given)
  if reference.is(given) then fail(("table.%s cannot take a reference: its value is known only later"):format(name)) end
  if type(given) ~= "table" then fail(("table.%s takes a table, not a %s"):format(name, type(given))) end
  if #given > MOST_ELEMENTS then fail(("table.%s: the list is too long"):format(name)) end
end

local tables = { pack = table.pack }

function tables.insert(given, ...)
  check_list("insert", given)
  return table.insert(given, ...)
end

function tables.remove(given, ...)
  check_list("remove", given)
  return table.remove(given, ...)
end

function tables.unpack(given, ...)
  check_list("unpack", given)
  return table.unpack(given, ...)
end

function tables.concat(given, separator, first, last)
  check_list("concat", given)
  if math.type(last) and last - (math.type(first) and first or 1) > MOST_ELEMENTS then fail "table.concat: too many elements" end
  for i = first or 1, last or #given do
    if reference.is(given[i]) then
      fail(("table.concat: element %d is a reference; its value is known only later"):format(i), "use scw.join(list, separator)")
    end
  end
  return table.concat(given, separator, first, last)
end

function tables.move(from, first, last, to, into)
  check_list("move", from)
  if math.type(first) and math.type(last) and last - first > MOST_ELEMENTS then fail "table.move: too many elements" end
  return table.move(from, first, last, to, into)
end

--- A merge sort: stable, so that equal elements have the same order in every run, and countable.
function tables.sort(given, before)
  check_list("sort", given)
  before = before or function(a, b) return a < b end
  local count, from, into = #given, given, {}
  local width = 1
  while width < count do
    for start = 1, count, 2 * width do
      local left, right = start, math.min(start + width, count + 1)
      local left_end, right_end = right, math.min(start + 2 * width, count + 1)
      for at = start, right_end - 1 do
        if left < left_end and (right >= right_end or not before(from[right], from[left])) then
          into[at], left = from[left], left + 1
        else
          into[at], right = from[right], right + 1
        end
      end
    end
    from, into = into, rawequal(from, given) and {} or from
    width = width * 2
  end
  if not rawequal(from, given) then table.move(from, 1, count, 1, given) end
end

-- Metatables -------------------------------------------------------------------------------------------------------------

local owned = setmetatable({}, { __mode = "k" }) -- metatables that user code set

local function set_metatable(given, metatable)
  if type(given) ~= "table" then fail(("setmetatable takes a table, not a %s"):format(type(given))) end
  local present = debug.getmetatable(given)
  if present and not owned[present] then fail("the metatable of this value belongs to the engine and cannot be changed") end
  if metatable ~= nil then
    if type(metatable) ~= "table" or debug.getmetatable(metatable) and not owned[debug.getmetatable(metatable)] then
      fail "setmetatable takes a plain table as the metatable"
    end
    if rawget(metatable, "__gc") ~= nil or rawget(metatable, "__mode") ~= nil then
      fail "a metatable of a stack has no __gc and no __mode: when they act differs between runs"
    end
    owned[metatable] = true
  end
  return setmetatable(given, metatable)
end

local function get_metatable(given)
  local metatable = debug.getmetatable(given)
  if not metatable or not owned[metatable] then return nil end
  return getmetatable(given)
end

-- Errors -----------------------------------------------------------------------------------------------------------------

--- What a `pcall` of user code sees: texts, as in plain Lua. Bugs of the engine are not for it.
local function caught(guard, reason)
  if guard.is_bug(reason) then error(reason, 0) end
  if not errors.is(reason) then return reason end
  return (reason.source and reason.source .. ": " or "") .. reason.message
end

local function protected(guard)
  local function result(ok, ...)
    if ok then return true, ... end
    return false, caught(guard, (...))
  end
  local function on_error(reason)
    -- an engine function that fails on its own is a bug; what the user's code raises stays what it is
    local described = guard.describe(reason)
    return guard.is_bug(described) and described or reason
  end
  return function(fn, ...) return result(xpcall(fn, on_error, ...)) end,
    function(fn, handler, ...)
      return result(xpcall(fn, function(reason)
        reason = on_error(reason)
        if guard.is_bug(reason) then return reason end
        return handler(caught(guard, reason))
      end, ...))
    end
end

-- Coroutines -------------------------------------------------------------------------------------------------------------

--- Coroutines of user code only: `running` would give away the engine's task, and a `yield` outside would yield it.
local function coroutines()
  local own = setmetatable({}, { __mode = "k" })
  local library = { status = coroutine.status, close = coroutine.close, isyieldable = coroutine.isyieldable }
  local function check(thread, name)
    if not own[thread] then fail(("coroutine.%s takes a coroutine made by this code"):format(name)) end
    return thread
  end
  function library.create(fn)
    local thread = coroutine.create(fn)
    own[thread] = true
    return thread
  end
  function library.resume(thread, ...) return coroutine.resume(check(thread, "resume"), ...) end
  function library.status(thread) return coroutine.status(check(thread, "status")) end
  function library.close(thread) return coroutine.close(check(thread, "close")) end
  function library.wrap(fn)
    local thread = library.create(fn)
    local function result(ok, ...)
      if ok then return ... end
      error((...), 0)
    end
    return function(...) return result(coroutine.resume(thread, ...)) end
  end
  function library.isyieldable() return own[coroutine.running()] == true end
  function library.yield(...)
    if not own[coroutine.running()] then fail "coroutine.yield outside of a coroutine" end
    return coroutine.yield(...)
  end
  return library
end

-- Names ------------------------------------------------------------------------------------------------------------------

local GONE = {
  os = "a stack is evaluated without reading clock, files or environment: use scw.env \"NAME\" or stack:config(…)",
  io = "a stack reads and writes no files: give values with stack:config(…), upload files with the type `object`",
  debug = "it could reach into the engine",
  package = "`require` finds scw and the project's modules",
  load = "code comes from the stack file and from modules: `require \"modules.name\"`",
  dofile = "code comes from modules: `require \"modules.name\"`",
  collectgarbage = "memory is the engine's business",
  rawget = "plain indexing does", rawset = "plain assignment does", rawequal = "`==` does", rawlen = "`#` does",
  warn = "use print(…)",
  unpack = "it is table.unpack",
  _G = "there are no shared globals: use local variables, and modules with inputs",
}
GONE.loadstring, GONE.loadfile = GONE.load, GONE.dofile

--- What a library lacks here, and why.
local LACKING = {
  ["math.random"] = "a stack gives the same result in every run: take values from stack:config(…), secrets from scope:generated_secret",
  ["string.dump"] = "code comes from modules: `require \"modules.name\"`",
}
LACKING["math.randomseed"] = LACKING["math.random"]

local function read_only(name, content)
  return setmetatable({}, {
    __name = name, __metatable = name,
    __index = function(_, key)
      local found = content[key]
      if found ~= nil then return found end
      local full = ("%s.%s"):format(name, tostring(key))
      if LACKING[full] then fail(("a stack has no `%s`"):format(full), LACKING[full]) end
    end,
    __newindex = function(_, key) fail(("cannot set %s.%s: libraries cannot be changed"):format(name, tostring(key))) end,
    __pairs = function() return sorted_pairs(content) end,
  })
end

local function without(library, ...)
  local copy = {}
  for name, member in pairs(library) do copy[name] = member end
  for _, name in ipairs { ... } do copy[name] = nil end
  return copy
end

local string_names = {}
for _, name in ipairs { "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper" } do
  string_names[name] = strings[name]
end

--- Makes the environment of one evaluation.
---@param session scw.dsl.Session
---@param guard table scw.dsl.guard
---@param require_module fun(name: string): any
---@return table environment
function sandbox.environment(session, guard, require_module)
  local protected_call, protected_call_with = protected(guard)
  local names = {
    _VERSION = _VERSION, assert = assert, error = error, ipairs = list_pairs, pairs = sorted_pairs, next = sorted_next,
    select = select, tonumber = tonumber, tostring = strings.tostring, type = type,
    pcall = protected_call, xpcall = protected_call_with, setmetatable = set_metatable, getmetatable = get_metatable,
    string = read_only("string", string_names),
    table = read_only("table", tables),
    math = read_only("math", without(math, "random", "randomseed")),
    utf8 = read_only("utf8", without(utf8)),
    coroutine = read_only("coroutine", coroutines()),
    require = require_module,
  }
  function names.print(...)
    if session.closed then return end
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = strings.tostring(parts[i]) end
    session.messages[#session.messages + 1] = { text = table.concat(parts, "\t"), source = source.here(2) }
  end
  local known = {}
  for name in pairs(names) do known[#known + 1] = name end
  return setmetatable({}, {
    __name = "environment", __metatable = "environment",
    __index = function(_, name)
      local found = names[name]
      if found ~= nil then return found end
      if GONE[name] then fail(("a stack has no `%s`"):format(name), GONE[name]) end
      local hint = name == "scw" and 'begin the file with: local scw = require "scw"' or suggest.hint(tostring(name), known)
      fail(("the name '%s' is not defined"):format(tostring(name)), hint)
    end,
    __newindex = function(_, name)
      if names[name] ~= nil then
        fail(("cannot set '%s': it belongs to the language"):format(name), "use a local variable of another name")
      end
      fail(("'%s' is set without being declared"):format(tostring(name)), ("write: local %s = …"):format(tostring(name)))
    end,
  })
end

return sandbox
