--- Where a declared value comes from, in a form that can be kept: enough to compute it again without the stack's source. Pure.
---
---   { "db/rdb_instance.main", "ip" }        an attribute: address and path
---   { join = { part, … } }                  a text; a part is a text, a number or one of these
---   { operator = "+", operands = { … } }    arithmetic
---   { index = key, operand = part }         an element of a computed value
---   { outside = fingerprint }               a secret that was given from outside the stack
---   { opaque = { { address, … }, … } }      computed by the stack, or with a text that may be secret, from these attributes
---
--- Origins are kept by where in the declaration they are: `/namespace`, `/environment_variables/URL`, `project`, `replace_on/1`.
local core = require "core"
local reference = require "scw.dsl.reference"
local resolution = require "scw.dsl.resolution"

local origin = {}

local NODE = resolution.NODE
local MOST_PARTS = 1000

--- A path as one text, in the way of JSON pointers.
---@param path (string|integer)[]
---@return string
function origin.pointer(path)
  local parts = {}
  for index, key in ipairs(path) do parts[index] = "/" .. tostring(key):gsub("~", "~0"):gsub("/", "~1") end
  return table.concat(parts)
end

--- Does one of the pointers stand at, above or below the given one?
---@param pointers table<string, any>|nil
---@param pointer string
---@return boolean
function origin.touches(pointers, pointer)
  for other in next, pointers or {} do
    local short, long = other, pointer
    if #short > #long then short, long = long, short end
    if long == short or long:sub(1, #short + 1) == short .. "/" then return true end
  end
  return false
end

--- Texts that separate what is joined: the beginning of an address, or a few signs. Anything else inside a secret may be secret itself.
local function is_separator(part)
  local rest = type(part) == "string" and part:gsub("^%l[%l+]*://", "")
  return rest and #rest <= 4 and rest:find("^[:/@?&=.,;_ -]*$") ~= nil
end

local pack

local function join(node, facts)
  local parts = {}
  local function add(part)
    local inner = type(part) == "table" and rawget(part, NODE)
    if inner and inner.kind == "expression" and inner.operator == ".." then
      add(inner.left)
      add(inner.right)
    else
      parts[#parts + 1] = pack(part, facts)
    end
  end
  add(node.left)
  add(node.right)
  return { join = core.array(parts) }
end

local packers = {
  handle = function(node) return { node.declaration.address, "id" } end,
  attribute = function(node) return { node.address, table.unpack(node.path) } end,
  secret = function(node, facts) return { outside = facts.seal(node.value)["$secret"] } end,
  recalled = function(node) return { outside = node.fingerprint } end,
  index = function(node, facts) return { index = node.key, operand = pack(node.operand, facts) } end,
  expression = function(node, facts)
    if node.operator == ".." then return join(node, facts) end
    local operands = { pack(node.left, facts) }
    if node.right ~= nil then operands[2] = pack(node.right, facts) end
    return { operator = node.operator, operands = core.array(operands) }
  end,
}

pack = function(value, facts)
  local node = type(value) == "table" and rawget(value, NODE)
  local packer = node and packers[node.kind]
  if packer then return packer(node, facts) end
  if node or facts.secret and not is_separator(value) then facts.opaque = true end
  return not node and value or nil
end

local function opaque(value)
  local attributes, seen = {}, {}
  reference.each(value, function(address, path)
    local name = address .. origin.pointer(path)
    if not seen[name] then attributes[#attributes + 1], seen[name] = { address, table.unpack(path) }, true end
  end)
  return { opaque = core.array(attributes) }
end

--- The origins of every reference in a declared value.
---@param value any
---@param seal fun(value: string|number): { ["$secret"]: string } fingerprint of a secret from outside
---@param is_secret fun(path: (string|integer)[]): boolean whether what stands at that path is kept secret
---@return table<string, table> packed by pointer
function origin.of(value, seal, is_secret)
  local found, path = {}, {}
  local function visit(part)
    if type(part) ~= "table" then return end
    local node = rawget(part, NODE)
    if node then
      local facts = { seal = seal, secret = node.secret or is_secret(path) }
      local packed = (node.parts or 1) <= MOST_PARTS and pack(part, facts)
      found[origin.pointer(path)] = packed and not facts.opaque and packed or opaque(part)
      return
    end
    for key, inner in next, part do
      path[#path + 1] = key
      visit(inner)
      path[#path] = nil
    end
  end
  visit(value)
  return found
end

local LISTS = { join = true, operands = true, opaque = true }

--- An origin with another address for one resource, and whether that was in it.
local function exchange(packed, from, to)
  if type(packed) ~= "table" then return packed, false end
  if packed[1] ~= nil then
    if packed[1] ~= from then return packed, false end
    return { to, table.unpack(packed, 2) }, true
  end
  local copy, any = {}, false
  for name, part in next, packed do
    local found
    if LISTS[name] then
      copy[name] = core.array({})
      for index, inner in ipairs(part) do
        copy[name][index], found = exchange(inner, from, to)
        any = any or found
      end
    else
      copy[name], found = exchange(part, from, to)
      any = any or found
    end
  end
  return copy, any
end

--- Origins after a resource got another address; nil when none of them names it.
---@param origins table<string, table>|nil packed by pointer
---@param from string
---@param to string
---@return table<string, table>|nil
function origin.exchanged(origins, from, to)
  local copy, any = {}, false
  for pointer, packed in next, origins or {} do
    local found
    copy[pointer], found = exchange(packed, from, to)
    any = any or found
  end
  return any and copy or nil
end

--- The references that an origin stands for.
---@param packed any
---@param known { attribute: (fun(address: string, path: (string|integer)[]): any), outside: fun(fingerprint: string): any } make
---       references; nil when there is none
---@return any value nil: it cannot be computed again
function origin.restore(packed, known)
  if type(packed) ~= "table" then return packed end
  if packed.opaque then return nil end
  if packed[1] then return known.attribute(packed[1], { table.unpack(packed, 2) }) end
  if packed.outside then return known.outside(packed.outside) end
  if packed.index ~= nil then
    local operand = origin.restore(packed.operand, known)
    return operand and operand[packed.index]
  end
  local parts, given = {}, packed.join or packed.operands
  if type(given) ~= "table" or packed.operator and not resolution.operators[packed.operator] then return nil end
  for index, part in ipairs(given) do
    parts[index] = origin.restore(part, known)
    if parts[index] == nil then return nil end
  end
  if packed.operator then return resolution.operators[packed.operator](parts[1], parts[2]) end
  local text = parts[#parts]
  for index = #parts - 1, 1, -1 do text = parts[index] .. text end
  return text
end

return origin
