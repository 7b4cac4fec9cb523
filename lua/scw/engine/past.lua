--- What a stack's state was: the deployments that are kept, and the document that one of them left.
local core = require "core"
local equal = require "scw.schema.equal"
local errors = require "scw.errors"
local history = require "scw.state.history"
local origins = require "scw.dsl.origin"

local past = {}

--- The word for the state as it is now, where a deployment may stand.
past.NOW = "now"

--- The deployments that are kept, the latest first.
---@param session scw.Session
---@return scw.state.Deployment[]|nil, scw.Error|nil
function past.records(session)
  local store, err = session:place()
  if not store then return nil, err end
  return history.records(store)
end

--- The state that a deployment left; without one, or for "now", the present one.
---@param session scw.Session
---@param word? string the id of a deployment, or its beginning
---@return scw.state.Document|nil document
---@return string|scw.Error id of the deployment, or "now"
function past.document(session, word)
  if word == nil or word == past.NOW then
    local document, err = session:state()
    return document, err or past.NOW
  end
  local store, err = session:place()
  if not store then return nil, err end
  local place
  place, err = history.find(store, word)
  if not place then return nil, err end
  local document
  document, err = history.document(store, place)
  return document, err or place.id
end

-- Going back ------------------------------------------------------------------------------------------------------------

local TARGETS = { apply = true, rollback = true }
local ATTEMPTS = { apply = true, rollback = true, destroy = true }

---@class scw.Back
---@field record scw.state.Deployment
---@field document scw.state.Document the state it left

--- Is a value what was wished for before? Where both came from the same place, it does not matter what stands there now; what the stack
--- computed in a way of its own is known by its value only.
local function same_wish(value, former, pointer, record, before)
  local origin, former_origin = (record.origins or {})[pointer], (before.origins or {})[pointer]
  if origin and former_origin and not (origin.opaque or former_origin.opaque) then return equal.plain(origin, former_origin) end
  if type(value) ~= "table" or type(former) ~= "table" then return equal.plain(value, former) end
  local names = {}
  for _, map in ipairs({ value, former }) do
    for name in next, map do names[name] = true end
  end
  for name in next, names do
    if not same_wish(value[name], former[name], pointer .. origins.pointer({ name }), record, before) then return false end
  end
  return true
end

--- Would going from one state to the other change what is wished for, or repair something?
---@param before scw.state.Document
---@param now scw.state.Document
---@return boolean
local function differs(before, now)
  if next(now.intents) then return true end
  for address, record in next, now.resources do
    local former = before.resources[address]
    if not former or record.status ~= "ready" or record.type ~= former.type then return true end
    if not same_wish(record.inputs, former.inputs, "", record, former) then return true end
    for _, name in ipairs({ "place", "options" }) do
      if not equal.plain(record[name], former[name]) then return true end
    end
  end
  for address in next, before.resources do
    if not now.resources[address] then return true end
  end
  return false
end

local function nothing(message, hint)
  return nil, errors.new({ code = "INFRA_004", kind = "not_found", message = message, hint = hint })
end

--- What cannot be read is passed over, and said: what lies before it may be what is wanted.
local function pass_over(place, err, on_message)
  if err.kind ~= "invalid" and err.kind ~= "not_found" then return nil, err end
  if err.kind == "invalid" then on_message(("Deployment %s is passed over: %s."):format(place.id:sub(1, 8), err.message)) end
  return true
end

--- The deployment to go back to when none is named. After one that did not end well: the latest that did, or, after such a rollback, the
--- one that it was to go back to. Otherwise the latest that ended well and wanted something else than there is now.
---@param store scw.state.Store
---@param now scw.state.Document
---@param on_message fun(line: string)
---@return string|nil id, scw.Error|nil
local function choose(store, now, on_message)
  local places, err = history.places(store)
  if not places then return nil, err end
  local unwell, well = false, false
  for _, place in ipairs(places) do
    local record
    record, err = history.record(store, place)
    if record == nil and not pass_over(place, err, on_message) then return nil, err end
    local verb = record and record.lineage == now.lineage and record.command:match("^%S+ (%S+)")
    if ATTEMPTS[verb] and record.result ~= "done" then
      if record.back_to and not unwell and not well then return record.back_to end
      unwell = not well
    elseif TARGETS[verb] then
      if unwell then return record.id end
      local document
      document, err = history.document(store, place)
      if not document and not pass_over(place, err, on_message) then return nil, err end
      if document and differs(document, now) then return record.id end
      well = true
    end
  end
  return nothing("there is no earlier deployment to go back to", #places == 0 and "nothing was deployed yet, or the stack keeps no history"
    or ("`%s state history STACK` shows what is kept, --to DEPLOYMENT names one; after a first that failed: fix it and apply, or destroy")
      :format(core.program))
end

--- The deployment to go back to.
---@param store scw.state.Store
---@param now scw.state.Document
---@param word? string its id, or the beginning of it
---@param on_message fun(line: string)
---@return scw.Back|nil, scw.Error|nil
function past.target(store, now, word, on_message)
  local place, record, document, err
  if not word then word, err = choose(store, now, on_message) end
  if not word then return nil, err end
  place, err = history.find(store, word)
  if not place then return nil, err end
  record, err = history.record(store, place)
  if not record then return nil, err or select(2, nothing(("the history has no deployment '%s'"):format(word))) end
  document, err = history.document(store, place)
  if not document then return nil, err end
  if document.lineage ~= now.lineage then
    return nil, errors.new({
      code = "INFRA_001", kind = "invalid", message = ("deployment %s belongs to another life of this state"):format(record.id:sub(1, 8)),
      details = { "lineage then: " .. document.lineage, "lineage now: " .. now.lineage },
      hint = "a state of another lineage was pushed, or made anew, since: go back to a later deployment",
    })
  end
  return { record = record, document = document }
end

return past
