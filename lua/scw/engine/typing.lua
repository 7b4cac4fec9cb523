--- Whether values that came late fit their fields: what references gave is checked as if it had been written down.
local errors = require "scw.errors"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"
local unknown = require "scw.unknown"

local typing = {}

local function join(path, key)
  if math.type(key) then return ("%s[%d]"):format(path, key) end
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

--- Must this reference have a value? A field that is left out of another resource may be left out here as well.
local function has_to_give(declared)
  local _, path = reference.target(declared)
  return path == nil or #path > 1
end

--- The values to check. What is secret counts as not known unless it is in clear: marks and texts for fingerprints say nothing.
local function view(declared, resolved, path, clear, missing)
  if reference.is(declared) then
    if reference.secret(declared) and not clear then return unknown end
    if resolved == nil and has_to_give(declared) then
      missing[#missing + 1] = { path = path, message = ("%s has no value: %s gives nothing"):format(path, reference.describe(declared)),
        hint = "give it a value, or leave the field out" }
      return unknown
    end
    return resolved
  end
  if type(declared) ~= "table" or type(resolved) ~= "table" or not reference.contains(declared) then return resolved end
  local copy = {}
  for key, part in next, declared do copy[key] = view(part, resolved[key], join(path, key), clear, missing) end
  return copy
end

--- What is wrong with the resolved fields of a node, as one error; nil when nothing is.
---@param node scw.Node
---@param resolved table its fields without references; unknown values may stand anywhere
---@param clear boolean secrets are in clear
---@return scw.Error|nil
function typing.problem(node, resolved, clear)
  if not node.deferred or node.lookup then return nil end
  local problems = {}
  local fields = view(node.fields, resolved, "", clear, problems)
  if #problems == 0 then problems = schema.check(node.type, fields) end
  if #problems == 0 then return nil end
  local details = {}
  for index = 2, #problems do details[#details + 1] = problems[index].message end
  return errors.new({
    code = "INFRA_001", kind = "invalid", message = problems[1].message, hint = problems[1].hint, details = details,
    address = node.address, source = node.source,
  })
end

return typing
