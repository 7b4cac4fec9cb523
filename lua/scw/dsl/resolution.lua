--- Puts values in the place of references, once they are known: computes expressions, calls the functions given to `map`, and
--- makes the symbolic values that fingerprints are computed from. reference.lua makes the nodes; this file evaluates them.
local core = require "core"
local errors = require "scw.errors"
local guard = require "scw.dsl.guard"
local unknown = require "scw.unknown"

local resolution = {}

local NODE = {} -- the key of a reference's node
resolution.NODE = NODE

local ARRAY = debug.getmetatable(core.array {}) -- marks an empty table as a list

--- For words about references; it requires this file.
local function reference() return require "scw.dsl.reference" end

--- What the operators of references do; on references they make expressions.
local compute = {
  [".."] = function(a, b) return a .. b end,
  ["+"] = function(a, b) return a + b end,
  ["-"] = function(a, b) if b == nil then return -a end return a - b end,
  ["*"] = function(a, b) return a * b end,
  ["/"] = function(a, b) return a / b end,
  ["%"] = function(a, b) return a % b end,
  ["//"] = function(a, b) return a // b end,
  ["^"] = function(a, b) return a ^ b end,
}
resolution.operators = compute

-- Resolution ------------------------------------------------------------------------------------------------------------

--- Goes down a path in a plain value. What lies inside something unknown is unknown.
---@param value any
---@param path (string|integer)[]
---@param first? integer index of the first key to follow
---@return any
function resolution.dig(value, path, first)
  for i = first or 1, #path do
    if value == unknown or type(value) ~= "table" then break end
    if value["$secret"] then return value end
    value = value[path[i]]
  end
  return value
end

local function failure(message, facts)
  facts.code, facts.message = "INFRA_001", message
  return errors.new(facts)
end

--- Does a resolved value hold something unknown, or a stand-in for a secret?
local function inspect(value, found)
  if value == unknown then
    found.unknown = true
  elseif type(value) == "table" then
    if value["$secret"] then found.symbol = true return end
    for _, element in next, value do inspect(element, found) end
  end
end

--- What stands for a secret inside the text that a fingerprint is made of.
local function symbol(value)
  if type(value) ~= "table" then return value end
  if value["$secret"] then return "$secret(" .. tostring(value["$secret"]) .. ")" end
  local copy = {}
  for key, element in next, value do copy[key] = symbol(element) end
  return copy
end

local function canonical(value)
  local text, err = core.json_encode(value)
  return text or tostring(err and err.message)
end

local evaluate

local function copy_plain(value)
  if type(value) ~= "table" or value == unknown or value == core.null then return value end
  local copy = {}
  for key, element in next, value do copy[key] = copy_plain(element) end
  return debug.getmetatable(value) == ARRAY and core.array(copy) or copy
end

local function call(node, operand)
  local ok, result
  if node.spread then
    ok, result = guard.call(node.fn, guard.map_limits, "the function given to map", table.unpack(operand, 1, node.spread))
  else
    ok, result = guard.call(node.fn, guard.map_limits, "the function given to map", operand)
  end
  if not ok then return nil, result end
  if type(result) == "function" or type(result) == "thread" or reference().contains(result) then
    return nil, failure("the function given to map returned " .. (reference().is(result) and "a reference" or "a " .. type(result)),
      { source = node.source, hint = "it has to return a plain value" })
  end
  if type(result) == "string" and not utf8.len(result) then
    return nil, failure("the function given to map returned text that is not UTF-8", { source = node.source })
  end
  return result
end

local function evaluate_map(node, context)
  local operand, err = evaluate(node.operand, context)
  if err then return nil, err end
  local found = {}
  inspect(operand, found)
  if found.unknown then return unknown end
  if found.symbol or (context.symbolic and node.secret) then
    -- The function works on a stand-in; what it makes of that shows when the function changes.
    local stand_in = symbol(operand)
    local result, reason = call(node, copy_plain(stand_in))
    return "$map(" .. canonical(stand_in) .. "," .. (reason and "error" or canonical(result)) .. ")"
  end
  local result, reason = call(node, copy_plain(operand))
  if reason and node.secret then -- the message may quote the value
    return nil, failure("the function given to map failed", { source = node.source, hint = "its message is hidden: the value is secret" })
  end
  return result, reason
end

local function evaluate_expression(node, context)
  local left, err = evaluate(node.left, context)
  if err then return nil, err end
  local right
  if node.right ~= nil then
    right, err = evaluate(node.right, context)
    if err then return nil, err end
  end
  if left == unknown or right == unknown then return unknown end
  local found = {}
  inspect(left, found)
  inspect(right, found)
  if found.symbol or (context.symbolic and node.secret and node.operator ~= "..") then
    -- texts keep their parts; anything else is written down instead of computed
    left, right = symbol(left), symbol(right)
    if node.operator == ".." then return tostring(left) .. tostring(right) end
    return ("$(%s %s %s)"):format(canonical(left), node.operator, canonical(right))
  end
  for position = 1, node.right == nil and 1 or 2 do
    local value, operand = left, node.left
    if position == 2 then value, operand = right, node.right end
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" then
      local what = (value == nil or value == core.null) and "has no value" or "is a " .. kind
      return nil, failure(("%s %s: `%s` cannot work"):format(reference().describe(operand), what, node.operator), {})
    end
  end
  local ok, result = pcall(compute[node.operator], left, right)
  if not ok then
    return nil, failure(("%s: `%s` cannot work with these values"):format(node.secret and "a secret expression"
      or reference().describe(node.left) .. " …", node.operator), {})
  end
  return result
end

local evaluators = {
  attribute = function(node, context)
    local value, err = context.lookup(node.address, node.path)
    if node.secret and type(value) == "table" and value["$secret"] then context.symbolic = true end
    return value, err
  end,
  handle = function(node, context) return context.lookup(node.declaration.address, { "id" }) end,
  expression = evaluate_expression,
  map = evaluate_map,
  secret = function(node, context)
    if context.seal then return context.seal(node.value) end
    return node.value
  end,
  recalled = function(node, context)
    if context.seal then return { ["$secret"] = node.fingerprint } end
    if node.from then return evaluate(node.from, context) end
    return nil, failure("a secret that was given from outside is not known any more", {})
  end,
  index = function(node, context)
    local operand, err = evaluate(node.operand, context)
    if err then return nil, err end
    if type(operand) == "string" and context.symbolic and node.secret then
      return ("$index(%s,%s)"):format(canonical(operand), tostring(node.key))
    end
    return resolution.dig(operand, { node.key })
  end,
  void = function() return nil, failure("a value that was reported as wrong cannot be resolved", {}) end,
}

function evaluate(value, context)
  if type(value) ~= "table" then return value end
  local node = rawget(value, NODE)
  if node then return evaluators[node.kind](node, context) end
  if value == unknown or value == core.null then return value end
  local copy = {}
  for key, element in next, value do
    local result, err = evaluate(element, context)
    if err then return nil, err end
    copy[key] = result
  end
  return debug.getmetatable(value) == ARRAY and core.array(copy) or copy
end

--- Puts values in the place of references. Unknown is contagious: an expression with an unknown operand is unknown.
--- Waits when `lookup` waits.
---@param value any
---@param lookup fun(address: string, path: (string|integer)[]): any, scw.Error? the value at the path, the unknown sentinel, or
---       `{["$secret"]=fingerprint}` for a secret that is not at hand
---@return any resolved a copy; expressions over `$secret` values become deterministic texts, good for fingerprints only
---@return scw.Error? err when set, there is no value
function resolution.resolve(value, lookup)
  return evaluate(value, { lookup = lookup })
end

--- Like `resolve`, without any secret in the result: two symbolic values are equal when the values are.
---@param value any
---@param lookup fun(address: string, path: (string|integer)[]): any, scw.Error? must answer `{["$secret"]=fingerprint}` for secrets
---@param seal fun(value: string|number): { ["$secret"]: string } fingerprint of a secret that came from outside
---@return any resolved
---@return scw.Error? err
function resolution.symbolic(value, lookup, seal)
  return evaluate(value, { lookup = lookup, symbolic = true, seal = seal })
end

return resolution
