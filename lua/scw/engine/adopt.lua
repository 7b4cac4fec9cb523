--- What an interrupted run may have created without noting its id, found again by what names it.
local errors = require "scw.errors"
local parallel = require "scw.parallel"

local adopt = {}

-- How far the service's clock may be behind ours.
local SKEW_S = 900

--- Ids that are on record: what is already owned is not adopted a second time.
local function known_ids(document, type_name)
  local ids = {}
  for _, record in next, document.resources do
    if record.type == type_name then
      if record.id then ids[record.id] = true end
      for _, former in ipairs(record.deposed or {}) do ids[former.id] = true end
    end
  end
  return ids
end

--- Looks for what one intent names.
---@param facts { crud: table, client: table, catalogue: table }
---@param document scw.state.Document
---@param intent scw.state.Record
---@return string|false|nil id false: nothing was created; nil: not known
---@return scw.Error|nil err
function adopt.find(facts, document, intent)
  local type = facts.catalogue.get(intent.type)
  if not type then
    return nil, errors.new({
      code = "INFRA_011", message = ("the state expects a %s at %s, a type this program does not know"):format(intent.type, intent.address),
      hint = "use the version of the program that began to make it", address = intent.address,
    })
  end
  local ids = known_ids(document, intent.type)
  local id, err = facts.crud.find(facts.client, type, intent.inputs, intent.place, {
    address = intent.address, since = intent.at and intent.at - SKEW_S, except = ids,
  })
  if id == nil and err then return nil, err end
  if id == nil or ids[id] then return false end
  return id
end

--- Log entries that settle every open intent.
---@param facts { crud: table, client: table, catalogue: table, parallel: integer }
---@param document scw.state.Document
---@return table[]|nil entries, scw.Error|nil
function adopt.settle(facts, document)
  local intents = {}
  for _, intent in next, document.intents do intents[#intents + 1] = intent end
  table.sort(intents, function(a, b) return a.address < b.address end)
  return parallel.map(intents, facts.parallel, function(intent)
    local id, err = adopt.find(facts, document, intent)
    if id == nil then return nil, err end
    if not id then return { op = "abandon", address = intent.address } end
    return { op = "created", address = intent.address, id = id, outputs = {}, adopted = true }
  end)
end

return adopt
