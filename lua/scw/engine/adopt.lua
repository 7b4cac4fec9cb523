--- What an interrupted run may have created without noting its id, found again by what names it.
local equal = require "scw.schema.equal"
local errors = require "scw.errors"
local parallel = require "scw.parallel"

local adopt = {}

--- What the plan says of what is found.
adopt.REASON = "an interrupted run created it"

-- How far the service's clock may be behind ours.
local SKEW_S = 900

--- Ids that are on record: what is already owned is not adopted a second time.
---@param document scw.state.Document
---@param type_name string
---@return table<string, boolean>
function adopt.known_ids(document, type_name)
  local ids = {}
  for _, record in next, document.resources do
    if record.type == type_name then
      if record.id then ids[record.id] = true end
      for _, former in ipairs(record.deposed or {}) do ids[former.id] = true end
    end
  end
  return ids
end

--- Does another creation that is still open name the same thing? Then nobody can tell whose a found one is.
---@param facts { catalogue: table }
---@param document scw.state.Document
---@param intent scw.state.Record
---@return boolean
function adopt.is_contested(facts, document, intent)
  local type = facts.catalogue.get(intent.type)
  for address, other in next, document.intents do
    if type and address ~= intent.address and other.type == intent.type and equal.plain(other.place, intent.place) then
      local same = true
      for _, name in ipairs(type.identity) do same = same and equal.plain(other.inputs[name], intent.inputs[name]) end
      if same then return true end
    end
  end
  return false
end

--- Looks for what one intent names.
---@param facts { crud: table, client: table, catalogue: table }
---@param document scw.state.Document
---@param intent scw.state.Record
---@param claimed? table<string, boolean> further ids that are somebody's
---@return string|false|nil id false: nothing was created; nil: not known
---@return scw.Error|nil err
function adopt.find(facts, document, intent, claimed)
  local type = facts.catalogue.get(intent.type)
  if not type then
    return nil, errors.new({
      code = "INFRA_011", message = ("the state expects a %s at %s, a type this program does not know"):format(intent.type, intent.address),
      hint = "use the version of the program that began to make it", address = intent.address,
    })
  end
  local ids = adopt.known_ids(document, intent.type)
  for id in next, claimed or {} do ids[id] = true end
  local id, err = facts.crud.find(facts.client, type, intent.inputs, intent.place, {
    address = intent.address, since = intent.at and intent.at - SKEW_S, except = ids,
  })
  if id == nil and err then return nil, err end
  if id == nil or ids[id] or adopt.known_ids(document, intent.type)[id] then return false end -- it may have become known meanwhile
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
  local found, err = parallel.map(intents, facts.parallel, function(intent) return adopt.find(facts, document, intent) end)
  if not found then return nil, err end
  local entries, claimed = {}, {}
  for index, intent in ipairs(intents) do
    local id, of_type = found[index], claimed[intent.type] or {}
    claimed[intent.type] = of_type
    if id and of_type[id] then -- two found the same one: the second looks for another
      id, err = adopt.find(facts, document, intent, of_type)
      if id == nil then return nil, err end
    end
    if id then
      of_type[id] = true
      entries[index] = { op = "created", address = intent.address, id = id, outputs = {}, adopted = true }
    else
      entries[index] = { op = "abandon", address = intent.address }
    end
  end
  return entries
end

return adopt
