--- Values as user code writes them, turned into plain data: copied, so that later changes do not reach a declaration, and
--- checked for what cannot be data.
local core = require "core"
local reference = require "scw.dsl.reference"

local value = {}

local DEEPEST = 100
local ARRAY = debug.getmetatable(core.array {}) -- marks an empty table as a list

--- Metatables of engine tables that are data all the same: inputs of a module, what a module gives back.
---@type table<table, fun(self: table): table>
value.transparent = setmetatable({}, { __mode = "k" })

--- The keys that lead to a value, as text: "rules[2].name".
local function path_of(trail)
  local path = ""
  for _, key in ipairs(trail) do
    path = path .. (math.type(key) and "[" .. key .. "]" or path == "" and key or "." .. key)
  end
  return path
end

local copy

local function copy_table(given, trail, report, seen)
  local depth = #trail
  if seen[given] then
    report(path_of(trail), "a table that contains itself cannot be a value")
    return nil
  end
  if depth > DEEPEST then
    report(path_of(trail), ("tables nested more than %d deep"):format(DEEPEST))
    return nil
  end
  local content = given
  local metatable = debug.getmetatable(given)
  if metatable and metatable ~= ARRAY then
    local open = value.transparent[metatable]
    if not open then
      report(path_of(trail), "a table with a metatable cannot be a value", "give a plain table")
      return nil
    end
    content = open(given)
  end
  seen[given] = true
  local result, count, has_names = {}, #content, false
  for key, element in next, content do
    local kind = math.type(key) or type(key)
    if kind == "string" and utf8.len(key) then
      has_names = true
    elseif kind == "string" then
      report(path_of(trail), "a key must be UTF-8")
      seen[given] = nil
      return nil
    elseif kind ~= "integer" or key < 1 or key > count then
      if reference.is(key) then
        report(path_of(trail), "a reference cannot be a key: its value is known only later",
          "use a name known now as the key and put the reference beside it")
      elseif kind == "integer" then
        report(path_of(trail), "a list must not have holes", "leave out elements instead of setting them to nil")
      else
        report(path_of(trail), ("a %s cannot be a key"):format(type(key)))
      end
      seen[given] = nil
      return nil
    end
    trail[depth + 1] = key
    result[key] = copy(element, trail, report, seen)
    trail[depth + 1] = nil
  end
  seen[given] = nil
  if has_names and count > 0 then
    report(path_of(trail), "a table cannot be a list and have names at once")
    return nil
  end
  return metatable == ARRAY and core.array(result) or result
end

function copy(given, trail, report, seen)
  local kind = type(given)
  if kind == "boolean" then return given end
  if kind == "string" then
    if utf8.len(given) then return given end
    report(path_of(trail), "a text must be UTF-8", "encode bytes that are no text, for example as base64")
    return nil
  end
  if kind == "number" then
    if given ~= given or given == math.huge or given == -math.huge then
      report(path_of(trail), "a number must be finite")
      return nil
    end
    return given
  end
  if kind == "table" then
    if reference.is(given) then return given end
    return copy_table(given, trail, report, seen)
  end
  if given == core.null or given == nil then return given end
  report(path_of(trail), ("a %s cannot be a value"):format(kind),
    kind == "function" and "a stack describes data; call the function, or give it to `ref:map`" or nil)
  return nil
end

--- A deep copy of plain data; references stay what they are.
---@param given any
---@param report fun(path: string, message: string, hint?: string) called for what cannot be data (left out of the copy)
---@return any
function value.copy(given, report)
  return copy(given, {}, report, {})
end

--- Keys in an order that is always the same: list positions, other numbers, names. Tables and functions have no order.
---@param given table
---@return any[] keys
---@return string? problem the type of a key that has no order
function value.sorted_keys(given)
  local numbers, names, others, problem = {}, {}, {}, nil
  for key in next, given do
    local kind = type(key)
    if kind == "string" then names[#names + 1] = key
    elseif kind == "number" then numbers[#numbers + 1] = key
    elseif kind == "boolean" then others[#others + 1] = key
    else problem = reference.is(key) and "reference" or kind end
  end
  table.sort(numbers)
  table.sort(names)
  table.sort(others, function(a, b) return b and not a end)
  table.move(names, 1, #names, #numbers + 1, numbers)
  table.move(others, 1, #others, #numbers + 1, numbers)
  return numbers, problem
end

return value
