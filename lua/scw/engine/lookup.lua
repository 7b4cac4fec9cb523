--- Reads what exists already, for `lookup` declarations: by id, or as the only one whose fields are what was asked for.
local equal = require "scw.schema.equal"
local errors = require "scw.errors"
local schema = require "scw.schema"

local lookup = {}

local function described(query)
  local names, parts = {}, {}
  for name in next, query do names[#names + 1] = name end
  table.sort(names)
  for index, name in ipairs(names) do
    local value = query[name]
    parts[index] = ("%s %s"):format(name, type(value) == "table" and "as given" or tostring(value))
  end
  return table.concat(parts, ", ")
end

local function problem(entry, message, kind, hint)
  return nil, errors.new({
    code = "INFRA_004", kind = kind, message = ("%s: %s"):format(entry.address, message), hint = hint, address = entry.address,
    source = entry.node.source,
  })
end

local function fits(type, wanted, result)
  for name, value in next, wanted do
    local field = type.fields[name] or type.outputs[name]
    local present = result.fields[name]
    if present == nil then present = result.outputs[name] end
    if not field.placement and not equal.values(field, value, present) then return false end
  end
  return true
end

--- Values that the path of the list needs.
local function split_query(type, query)
  local wanted, parent = schema.defaults({ order = type.order, fields = type.fields }, query), {}
  for name in next, wanted do
    if query[name] == nil then wanted[name] = nil end -- what was not asked for is not compared
  end
  for name, value in next, query do
    if wanted[name] == nil then wanted[name] = value end
    if _G.type(value) ~= "table" then parent[name] = wanted[name] end
  end
  return wanted, parent
end

---@param facts { crud: table, client: table }
---@param entry scw.Entry with `query`
---@return { id: string, fields: table, outputs: table }|nil, scw.Error|nil
function lookup.read(facts, entry)
  local type, query = entry.type, entry.query
  if query.id then
    local result, err = facts.crud.read(facts.client, type, { address = entry.address, type = type.name, id = query.id, place = entry.place,
      inputs = query, outputs = {} })
    if result then return result end
    if err then return nil, err end
    return problem(entry, ("there is no %s with the id %s"):format(type.name, query.id), "not_found")
  end
  local wanted, parent = split_query(type, query)
  local results, err = facts.crud.list(facts.client, type, entry.place, parent)
  if not results then return nil, err end
  local found = {}
  for _, result in ipairs(results) do
    if fits(type, wanted, result) then found[#found + 1] = result end
  end
  if #found == 0 then return problem(entry, ("there is no %s with %s"):format(type.name, described(query)), "not_found") end
  if #found > 1 then
    return problem(entry, ("%d of %s have %s"):format(#found, type.name, described(query)), "ambiguous", "name more fields, or its id")
  end
  return found[1]
end

return lookup
