--- What is there now: lists instead of single reads wherever the types allow, everything at once.
local parallel = require "scw.parallel"
local record_of = require "scw.engine.record"
local schema = require "scw.schema"

local refresh = {}

local FEW = 2 -- up to so many resources of a list, single reads are cheaper

---@class scw.RefreshFacts
---@field crud table
---@field client table
---@field catalogue { get: fun(name: string): scw.schema.Type|nil }
---@field parallel integer

--- How each record is looked at: by a list that several share, or alone.
local function sort_out(facts, records)
  local lists, alone = {}, {}
  for _, record in ipairs(records) do
    local type = facts.catalogue.get(record.type)
    if type and type.driver ~= "local" then
      local scope = facts.crud.list_scope and facts.crud.list_scope(type, record)
      if not scope or scope.partial then
        alone[#alone + 1] = { type = type, record = record }
      else
        local list = lists[scope.key]
        if not list then
          list = { type = type, place = scope.place, parent = scope.parent, records = {} }
          lists[scope.key] = list
          lists[#lists + 1] = list
        end
        list.records[#list.records + 1] = record
      end
    end
  end
  local jobs = {}
  for _, list in ipairs(lists) do
    local by_reading = list.type.api and type(list.type.api.read) == "table"
    if #list.records <= FEW and by_reading then
      for _, record in ipairs(list.records) do alone[#alone + 1] = { type = list.type, record = record } end
    else
      jobs[#jobs + 1] = list
    end
  end
  table.move(alone, 1, #alone, #jobs + 1, jobs)
  return jobs
end

--- A 403 proves nothing: the resource stays on record.
local function outcome(result, err)
  if result then return result end
  if not err then return { gone = true } end
  if err.status == 403 or err.kind == "denied" then return { unreadable = err } end
  return nil, err
end

local function read_one(facts, job, observed)
  local found, err = outcome(facts.crud.read(facts.client, job.type, job.record))
  if not found then return nil, err end
  observed[job.record.address] = found
  return true
end

local function read_list(facts, job, observed)
  local results, err = facts.crud.list(facts.client, job.type, job.place, job.parent)
  if not results then
    if err.status ~= 403 and err.kind ~= "denied" then return nil, err end
    for _, record in ipairs(job.records) do observed[record.address] = { unreadable = err } end
    return true
  end
  local by_id = {}
  for _, result in ipairs(results) do by_id[result.id] = result end
  local missing, by_reading = {}, type(job.type.api.read) == "table"
  for _, record in ipairs(job.records) do
    local found = by_id[record.id]
    if not found and by_reading then missing[#missing + 1] = { type = job.type, record = record } end
    observed[record.address] = found or { gone = true }
  end
  -- A list may lag behind: only a read says that it is gone.
  return parallel.map(missing, facts.parallel, function(one) return read_one(facts, one, observed) end)
end

--- Looks at every record.
---@param facts scw.RefreshFacts
---@param records scw.state.Record[] with ids
---@return table<string, table>|nil observed by address: `{fields=, outputs=, leaving=}`, `{gone=true}` or `{unreadable=err}`
---@return scw.Error|nil err
function refresh.run(facts, records)
  local observed = {}
  local done, err = parallel.map(sort_out(facts, records), facts.parallel, function(job)
    if job.records then return read_list(facts, job, observed) end
    return read_one(facts, job, observed)
  end)
  if not done then return nil, err end
  return observed
end

---@class scw.Drift
---@field address string
---@field type string
---@field action "gone"|"leaving"|"changed"|"unreadable" leaving: it is being deleted
---@field changes scw.schema.Change[] old is what was applied, new what is there
---@field message? string why it is unreadable
---@field source? string

--- Where the cloud differs from what was applied last.
---@param facts { catalogue: { get: fun(name: string): scw.schema.Type|nil } }
---@param records scw.state.Record[]
---@param observed table<string, table>
---@return scw.Drift[]
function refresh.drift(facts, records, observed)
  local drifts = {}
  for _, record in ipairs(records) do
    local found, type = observed[record.address], facts.catalogue.get(record.type)
    if found and type then
      local drift = { address = record.address, type = record.type, source = record.source, changes = {} }
      if found.gone then
        drift.action = "gone"
      elseif found.unreadable then
        drift.action, drift.message = "unreadable", found.unreadable.message
      else
        -- What was applied is the wish here, so that old is what was applied and new what is there.
        for index, change in ipairs(schema.diff(type, record.inputs, record.inputs, found.fields)) do
          drift.changes[index] = { path = change.path, field = change.field, old = change.new, new = change.old, secret = change.secret }
        end
        drift.action = found.leaving and "leaving" or #drift.changes > 0 and "changed" or nil
      end
      if drift.action then drifts[#drifts + 1] = drift end
    end
  end
  return drifts
end

--- What a state has to be told to record what is there now.
---@param facts { catalogue: { get: fun(name: string): scw.schema.Type|nil } }
---@param records scw.state.Record[]
---@param observed table<string, table>
---@return table[] entries
function refresh.entries(facts, records, observed)
  local entries = {}
  for _, record in ipairs(records) do
    local found = observed[record.address]
    if found and found.gone then
      entries[#entries + 1] = { op = "remove", address = record.address }
    elseif found and found.outputs then
      local outputs = record_of.outputs(facts.catalogue.get(record.type), record.inputs, found)
      if not record_of.same(outputs, record.outputs) then
        entries[#entries + 1] = { op = "patch", address = record.address, fields = { outputs = outputs } }
      end
    end
  end
  return entries
end

return refresh
