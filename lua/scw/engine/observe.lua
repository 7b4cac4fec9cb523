--- Looks at everything a plan is made of: interrupted creations first, then every record, then what is to be imported.
local adopt = require "scw.engine.adopt"
local model = require "scw.state.model"
local normal = require "scw.schema.normal"
local parallel = require "scw.parallel"
local record = require "scw.engine.record"
local refresh = require "scw.engine.refresh"

local observe = {}

--- A place known without resolving anything: what is declared as text, else what holds for the stack.
local function place_of(node, place)
  local declared = {}
  for _, kind in ipairs({ "region", "zone", "project", "organization" }) do
    local value = node.declaration[kind]
    declared[kind] = type(value) == "string" and value or place[kind]
  end
  return record.place(node.type, declared)
end

local function read_import(facts, node, place, observed)
  local id = normal.id(node.options.import)
  local result, err = facts.crud.read(facts.client, node.type, {
    address = node.address, type = node.type.name, id = id, place = place_of(node, place), inputs = {}, outputs = {},
  })
  if not result and err then return nil, err end
  if result then result.id = result.id or id end
  observed[node.address] = result or { gone = true }
  return true
end

--- Settled intents are applied to the document; their log entries come back, to be written by an apply.
---@param facts { crud: table, client: table, catalogue: table, parallel: integer }
---@param document scw.state.Document
---@param set scw.Desired
---@param place table
---@param look boolean false: trust the state
---@return table<string, table>|nil observed as of `refresh.run`
---@return scw.Error|nil err
---@return { entries: table[], found: table<string, string> }|nil adoption log entries; of what was found, by address, where it comes from
function observe.run(facts, document, set, place, look)
  local entries, err = adopt.settle(facts, document)
  if not entries then return nil, err end
  local found, observed = {}, {}
  for _, entry in ipairs(entries) do
    model.apply(document, entry)
    if entry.adopted then found[entry.address] = adopt.REASON end
  end
  if look then
    observed, err = refresh.run(facts, model.sorted(document))
    if not observed then return nil, err end
  end
  local imports = {}
  for _, node in ipairs(set.nodes) do
    if node.options.import and not document.resources[node.address] then imports[#imports + 1] = node end
  end
  local done
  done, err = parallel.map(imports, facts.parallel, function(node) return read_import(facts, node, place, observed) end)
  if not done then return nil, err end
  return observed, nil, { entries = entries, found = found }
end

return observe
