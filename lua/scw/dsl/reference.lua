--- References: values that are known later, while a stack is evaluated. `db.url`, `"https://" .. app.host`, `net.cidr:map(fn)`.
---
--- A reference is an opaque table: its content (the node) hangs on a key that only this file and resolution.lua have, so that
--- user code can index it freely. Nodes are immutable and refer to each other:
---
---   handle     a declaration as a whole; as a value it means the declaration's `id`
---   attribute  a value inside a declaration: address and path
---   expression an operator over operands
---   index      a value inside an expression
---   map        a function of the user over an operand
---   secret     a value given from outside (environment, config) that must never be shown
---   recalled   such a value of an earlier run: its fingerprint, and where it can be read back
---   void       stands for what was wrong and has been reported; swallows everything
local errors = require "scw.errors"
local resolution = require "scw.dsl.resolution"
local source = require "scw.dsl.source"
local unknown = require "scw.unknown"

local reference = {}

--- What is known about the value of a reference before there is one.
---@class scw.reference.Facts
---@field kind? string the schema's word: str int float bool list set map object any …
---@field type? string the type of the declaration, when the reference is one of its attributes
---@field secret? boolean
---@field child? fun(key: string|integer): scw.reference.Facts?, string? facts about an element | nil, what is wrong with the key

local NODE = resolution.NODE
local MOST_PARTS = 10000 -- operands of one expression, all levels counted

local metatable = { __name = "reference", __metatable = "reference" }

---@param value any
---@return table? node
local function node_of(value)
  return type(value) == "table" and rawget(value, NODE) or nil
end

local function make(node)
  return setmetatable({ [NODE] = node }, metatable)
end

local function fail(message, hint)
  error(errors.new { code = "INFRA_001", message = message, hint = hint, source = source.here() }, 0)
end

local void = make { kind = "void" }

--- A reference that stands for something already reported as wrong.
---@return table
function reference.void() return void end

--- A reference to a whole declaration. `index` makes its attributes: the declaration's type knows them.
---@param declaration table with `address` and `type`
---@param index fun(key: any): table called with the attribute's name; returns a reference or raises
---@return table handle
function reference.handle(declaration, index)
  return make { kind = "handle", declaration = declaration, index = index }
end

---@param address string
---@param path (string|integer)[]
---@param facts? scw.reference.Facts
---@return table
function reference.attribute(address, path, facts)
  facts = facts or {}
  return make { kind = "attribute", address = address, path = path, facts = facts, secret = facts.secret or false }
end

--- A value from outside that must never be shown.
---@param name string what it is, for people: "environment variable PASSWORD"
---@param value string|number
---@return table
function reference.from_outside(name, value)
  return make { kind = "secret", name = name, value = value, secret = true, facts = { kind = "str", secret = true } }
end

--- A value from outside that an earlier run was given. Of it only the fingerprint is known, unless something reads it back.
---@param fingerprint string
---@param from? table a reference with the same value
---@return table
function reference.recalled(fingerprint, from)
  return make { kind = "recalled", fingerprint = fingerprint, from = from, secret = true, facts = { kind = "str", secret = true } }
end

--- Is this a handle or a reference?
---@param value any
---@return boolean
function reference.is(value)
  return type(value) == "table" and rawget(value, NODE) ~= nil
end

--- Does the value stand for something already reported as wrong?
---@param value any
---@return boolean
function reference.is_void(value) return rawequal(value, void) end

--- The declaration behind a handle.
---@param value any
---@return table? declaration nil when it is no handle
function reference.declaration(value)
  local node = node_of(value)
  return node and node.kind == "handle" and node.declaration or nil
end

--- What is known about the value: its kind in the schema's words.
---@param value any a reference
---@return scw.reference.Facts
function reference.facts(value)
  local node = node_of(value)
  return node and node.facts or {}
end

--- Where an attribute reference points.
---@param value any
---@return string? address
---@return (string|integer)[]? path
function reference.target(value)
  local node = node_of(value)
  if not node then return nil end
  if node.kind == "handle" then return node.declaration.address, { "id" } end
  return node.address, node.path
end

--- What `scw.schema` asks about a value that is not there yet.
function metatable.__reference(value)
  local node = rawget(value, NODE)
  if node.kind == "handle" then
    return { address = node.declaration.address, type = node.declaration.type }
  elseif node.kind == "attribute" then
    return {
      address = node.address, type = node.facts.type, attribute = table.concat(node.path, "."), secret = node.secret,
      kind = node.facts.kind,
    }
  end
  return { secret = node.secret or false, kind = node.facts and node.facts.kind }
end

-- Operators -------------------------------------------------------------------------------------------------------------

local NUMERIC = { int = true, float = true, size = true, number = true }
local SCALAR = { str = true, bool = true, enum = true, ref = true, duration = true, int = true, float = true, size = true }
local NO_TEXT = { bool = "a boolean", list = "a list", set = "a set", map = "a map", object = "an object" }

local describe

local function check_operand(operator, operand)
  local node = node_of(operand)
  if not node then
    local kind = type(operand)
    if kind == "number" or (kind == "string" and (operator == ".." or tonumber(operand))) then return end
    if kind == "table" and operator == ".." then
      fail("cannot join a table to a text", "join its elements one by one")
    end
    fail(("cannot use %s with a reference in `%s`"):format(kind == "string" and ("the text %q"):format(operand) or "a " .. kind, operator),
      operator ~= ".." and "arithmetic takes numbers; `ref:map(function(value) … end)` does anything else" or nil)
  end
  if node.kind == "handle" then
    fail(("`%s` cannot take %s as a whole"):format(operator, node.declaration.address),
      ("name an attribute of it, for example `.id`"))
  end
  local kind = node.facts and node.facts.kind
  if operator == ".." then
    if NO_TEXT[kind] then
      fail(("%s is %s and cannot be joined to a text"):format(describe(operand), NO_TEXT[kind]),
        "use `ref:map(function(value) … end)` to make a text of it")
    end
  elseif kind and kind ~= "any" and not NUMERIC[kind] then
    fail(("%s is no number: `%s` cannot work"):format(describe(operand), operator),
      "use `ref:map(function(value) … end)` to compute with it")
  end
end

local function parts_of(value)
  local node = node_of(value)
  return node and node.parts or 1
end

local function is_secret(value)
  local node = node_of(value)
  return node and node.secret or false
end

-- shared: there are many expressions
local TEXT = { [false] = { kind = "str", secret = false }, [true] = { kind = "str", secret = true } }
local NUMBER = { [false] = { kind = "number", secret = false }, [true] = { kind = "number", secret = true } }

local function expression(operator, left, right)
  if rawequal(left, void) or rawequal(right, void) then return void end
  check_operand(operator, left)
  if right ~= nil then check_operand(operator, right) end
  local parts = parts_of(left) + parts_of(right)
  if parts > MOST_PARTS then
    fail(("an expression of more than %d parts"):format(MOST_PARTS), "put the parts in a list and use `:map`, or declare a value")
  end
  local secret = is_secret(left) or is_secret(right)
  return make {
    kind = "expression", operator = operator, left = left, right = right, parts = parts, secret = secret,
    facts = (operator == ".." and TEXT or NUMBER)[secret],
  }
end

local function binary(operator, left, right)
  if (left == nil or right == nil) and not (rawequal(left, void) or rawequal(right, void)) then
    fail(("cannot use nil with %s in `%s`"):format(describe(left == nil and right or left), operator),
      "a name that is not set: look for a typing error, or give a default with `or`")
  end
  return expression(operator, left, right)
end

function metatable.__concat(a, b) return binary("..", a, b) end
function metatable.__add(a, b) return binary("+", a, b) end
function metatable.__sub(a, b) return binary("-", a, b) end
function metatable.__mul(a, b) return binary("*", a, b) end
function metatable.__div(a, b) return binary("/", a, b) end
function metatable.__mod(a, b) return binary("%", a, b) end
function metatable.__idiv(a, b) return binary("//", a, b) end
function metatable.__pow(a, b) return binary("^", a, b) end
function metatable.__unm(a) return expression("-", a) end

local LATER = "its value is known only later"
local USE_MAP = "use `ref:map(function(value) … end)`: the function gets the value once it is known"

local function refuse(what, hint)
  return function(a, b)
    if rawequal(a, void) or rawequal(b, void) then return void end
    local value = node_of(a) and a or b
    fail(("cannot %s %s: %s"):format(what, describe(value), LATER), hint or USE_MAP)
  end
end

local refuse_equality = refuse("compare",
  "decide from the stack's own inputs (config, environment), or use `ref:map(function(value) return value == … end)` for a value")
local refuse_order = refuse("compare")

function metatable.__eq(a, b)
  if rawequal(a, unknown) or rawequal(b, unknown) or rawequal(a, void) or rawequal(b, void) then return false end
  return refuse_equality(a, b)
end

function metatable.__lt(a, b)
  if rawequal(a, void) or rawequal(b, void) then return false end
  return refuse_order(a, b)
end

function metatable.__le(a, b)
  if rawequal(a, void) or rawequal(b, void) then return false end
  return refuse_order(a, b)
end

metatable.__len = refuse("measure")
metatable.__pairs = refuse("iterate over", "loop over the list or map that the declaration was made from, or " .. USE_MAP)
metatable.__tostring = refuse("make a text of", "join it with `..`, or " .. USE_MAP)
metatable.__call = refuse("call", "`.name` gives an attribute, `:map(function(value) … end)` computes with the value")
for _, event in ipairs { "__band", "__bor", "__bxor", "__shl", "__shr", "__bnot" } do metatable[event] = refuse("use bit operators on") end

function metatable.__newindex(self, key)
  if rawequal(self, void) then return end
  fail(("cannot set %s of %s"):format(type(key) == "string" and key or "an element", describe(self)),
    "fields are given where the resource is declared")
end

local function map_at(here)
  return function(self, fn)
    if rawequal(self, void) then return void end
    local node = node_of(self)
    local problem = not node and "map is called with a colon" or type(fn) ~= "function" and "map takes a function"
    if problem then
      error(errors.new { code = "INFRA_001", message = problem .. ": `ref:map(function(value) … end)`", source = here }, 0)
    end
    return make {
      kind = "map", operand = self, fn = fn, source = here, parts = parts_of(self) + 1, secret = node.secret,
      facts = { secret = node.secret },
    }
  end
end

--- A function over several references at once: `fn` gets their values in order.
---@param values any[] references and plain values
---@param fn function
---@return table
function reference.combine(values, fn)
  local secret = reference.secret(values)
  return make {
    kind = "map", operand = values, spread = #values, fn = fn, source = source.here(2), parts = #values + 1, secret = secret,
    facts = { secret = secret },
  }
end

function metatable.__index(self, key)
  if rawequal(self, void) then return void end
  local node = rawget(self, NODE)
  if key == "map" then return map_at(source.here(2)) end -- found here, since a tail call to map would hide the line
  if node.kind == "handle" then return node.index(key) end
  if type(key) ~= "string" and math.type(key) ~= "integer" then
    if reference.is(key) then fail("cannot index with a reference: " .. LATER, USE_MAP) end
    fail(("cannot index %s with a %s"):format(describe(self), type(key)))
  end
  local facts = node.facts
  if SCALAR[facts.kind] or facts.kind == "number" then
    fail(("%s is a single value: it has no %s"):format(describe(self), type(key) == "string" and ("field or method %q"):format(key)
      or "elements"), USE_MAP)
  end
  local child, reason
  if facts.child then
    child, reason = facts.child(key)
    if not child then fail(("%s: %s"):format(describe(self), reason)) end
  end
  child = child or { secret = node.secret }
  if node.kind == "attribute" then
    local path = table.move(node.path, 1, #node.path, 1, {})
    path[#path + 1] = key
    return reference.attribute(node.address, path,
      { kind = child.kind, child = child.child, type = facts.type, secret = child.secret or node.secret })
  end
  return make {
    kind = "index", operand = self, key = key, parts = parts_of(self) + 1, secret = node.secret,
    facts = { kind = child.kind, child = child.child, secret = node.secret },
  }
end

-- For people ------------------------------------------------------------------------------------------------------------

--- How the reference was written, more or less: `"https://" .. app/container.main.host`.
---@param value any
---@return string
function describe(value)
  local node = node_of(value)
  if not node then
    if type(value) == "string" then return ("%q"):format(value) end
    return type(value) == "table" and "{…}" or tostring(value)
  end
  if node.kind == "handle" then return node.declaration.address end
  if node.kind == "attribute" then
    local text = node.address
    for _, key in ipairs(node.path) do text = text .. (math.type(key) and ("[%d]"):format(key) or "." .. key) end
    return text
  elseif node.kind == "secret" then
    return node.name
  elseif node.kind == "recalled" then
    return "a secret from outside"
  elseif node.kind == "map" then
    return describe(node.operand) .. ":map(…)"
  elseif node.kind == "index" then
    return describe(node.operand) .. (math.type(node.key) and ("[%d]"):format(node.key) or "." .. node.key)
  elseif node.kind == "expression" then
    if node.parts > 20 then return "an expression" end
    if node.right == nil then return node.operator .. describe(node.left) end
    return ("%s %s %s"):format(describe(node.left), node.operator, describe(node.right))
  end
  return "a wrong value"
end
reference.describe = describe

-- Looking through values ------------------------------------------------------------------------------------------------

local function visit(value, fn)
  if type(value) ~= "table" then return end
  local node = rawget(value, NODE)
  if not node then
    for _, element in next, value do visit(element, fn) end
  elseif node.kind == "attribute" then
    fn(node.address, node.path)
  elseif node.kind == "handle" then
    fn(node.declaration.address, { "id" })
  elseif node.kind == "expression" then
    visit(node.left, fn)
    visit(node.right, fn)
  elseif node.kind == "map" or node.kind == "index" then
    visit(node.operand, fn)
  elseif node.kind == "recalled" then
    visit(node.from, fn)
  end
end

--- Calls `fn(address, path)` for every attribute that the value needs; repeats repeat.
---@param value any
---@param fn fun(address: string, path: (string|integer)[])
reference.each = visit

--- Is there a reference anywhere in the value?
---@param value any
---@return boolean
function reference.contains(value)
  if type(value) ~= "table" then return false end
  if rawget(value, NODE) then return true end
  for _, element in next, value do
    if reference.contains(element) then return true end
  end
  return false
end

--- Is any part of the value secret: a secret attribute, a secret from outside, or computed from one?
---@param value any
---@return boolean
function reference.secret(value)
  if type(value) ~= "table" then return false end
  local node = rawget(value, NODE)
  if node then return node.secret or false end
  for _, element in next, value do
    if reference.secret(element) then return true end
  end
  return false
end

-- Resolution ------------------------------------------------------------------------------------------------------------

reference.dig = resolution.dig
reference.resolve = resolution.resolve
reference.symbolic = resolution.symbolic

return reference
