--- What every deployment leaves beside the state: the snapshot it ended with and a record of it, sealed like the state.
---
--- Two objects a deployment, `NAME.history/SERIAL-ID.record` and `.snapshot`, written once, never changed. The record is written when the
--- deployment ends; what it left is the state itself then, and becomes a snapshot of its own before the next one replaces that: nothing is
--- written twice. The record goes first. Keys sort by serial, so that old ones are found without reading any.
local core = require "core"
local errors = require "scw.errors"
local form = require "scw.state.form"
local model = require "scw.state.model"
local parallel = require "scw.parallel"

local history = {}

--- How many deployments are kept when the stack does not say.
history.KEPT = 50

local READERS = 16
local SHORTEST = 4

---@class scw.state.Place where a deployment is found
---@field id string
---@field serial integer of the state it left
---@field key string of its objects, without ending
---@field recorded boolean its record is there

---@class scw.state.Deployment
---@field id string
---@field serial integer of the state it left
---@field previous integer serial of the state it found; 0: there was none
---@field lineage string
---@field who string
---@field host string
---@field command string
---@field run? string address of the CI run
---@field commit? string of the git work tree that the stack is in
---@field back_to? string id of the deployment that this one went back to; `commit` is that one's then
---@field dirty? boolean that work tree had changes which were not committed
---@field started string
---@field ended string
---@field result "done"|"failed"|"interrupted"
---@field planned? table<string, integer> steps by action
---@field counts table<string, integer> what came of it

local function directory_of(name) return name .. ".history/" end

local function key_of(name, serial, id) return ("%s%010d-%s"):format(directory_of(name), serial, id) end

local function identity(kind, place) return { kind = kind, number = place.serial, deployment = place.id } end

--- Where deployments are found, the latest first. Reads none of them.
---@param store scw.state.Store
---@return scw.state.Place[]|nil places also those whose record is missing
---@return scw.Error|nil
local function places_of(store)
  local prefix = directory_of(store.name)
  local keys, failure = store.backend:list(prefix)
  if not keys then return nil, errors.wrap(failure, "cannot list the history of the state") end
  local places, by_key = {}, {}
  for _, key in ipairs(keys) do
    local stem, serial, id, ending = key:match("^(.*/(%d+)%-([%x-]+))%.(%l+)$")
    if stem and stem:sub(1, #prefix) == prefix and (ending == "record" or ending == "snapshot") then
      local place = by_key[stem]
      if not place then
        place = { id = id, serial = math.tointeger(tonumber(serial)), key = stem, recorded = false }
        by_key[stem] = place
        places[#places + 1] = place
      end
      place.recorded = place.recorded or ending == "record"
    end
  end
  table.sort(places, function(a, b) return a.key > b.key end)
  return places
end

--- The deployments that are kept, the latest first.
---@param store scw.state.Store
---@return scw.state.Place[]|nil, scw.Error|nil
function history.places(store)
  local places, err = places_of(store)
  if not places then return nil, err end
  local kept = {}
  for _, place in ipairs(places) do
    if place.recorded then kept[#kept + 1] = place end
  end
  return kept
end

---@param store scw.state.Store
---@param place scw.state.Place
---@param kind "history"|"deployment"
---@param ending string
---@return table|false|nil document false: it is gone meanwhile
---@return scw.Error|nil
local function read(store, place, kind, ending)
  local bytes, failure = store.backend:get(place.key .. ending)
  if not bytes then
    if failure.kind == "not_found" then return false end
    return nil, errors.wrap(failure, "cannot read the history of the state")
  end
  local document, err = store.codec:decode(bytes, identity(kind, place))
  if not document then
    err.details = err.details or {}
    table.insert(err.details, "object: " .. store.backend:describe(place.key .. ending))
  end
  return document, err
end

local function damaged(place)
  return nil, errors.new({
    code = "INFRA_011", kind = "invalid", message = ("the history of deployment %s is damaged"):format(place.id),
    hint = "the state itself does not depend on it",
  })
end

--- The record of one deployment.
---@param store scw.state.Store
---@param place scw.state.Place
---@return scw.state.Deployment|false|nil record false: it is gone meanwhile
---@return scw.Error|nil
function history.record(store, place)
  local record, failure = read(store, place, "deployment", ".record")
  if record and (form.deployment(record) or record.id ~= place.id or record.serial ~= place.serial) then return damaged(place) end
  return record, failure
end

--- The records of the deployments that are kept, the latest first.
---@param store scw.state.Store
---@return scw.state.Deployment[]|nil, scw.Error|nil
function history.records(store)
  local places, err = history.places(store)
  if not places then return nil, err end
  local found
  found, err = parallel.map(places, READERS, function(place) return history.record(store, place) end)
  if not found then return nil, err end
  local records = {}
  for index = 1, #places do
    if found[index] then records[#records + 1] = found[index] end
  end
  return records
end

--- The deployment that a word names: its id, or enough of its beginning.
---@param store scw.state.Store
---@param word string
---@return scw.state.Place|nil, scw.Error|nil
function history.find(store, word)
  local places, err = history.places(store)
  if not places then return nil, err end
  local found = {}
  for _, place in ipairs(places) do
    if place.id == word then return place end
    if #word >= SHORTEST and place.id:sub(1, #word) == word:lower() then found[#found + 1] = place end
  end
  if #found == 1 then return found[1] end
  if #found > 1 then
    local ids = {}
    for index, place in ipairs(found) do ids[index] = place.id end
    return nil, errors.new({
      code = "INFRA_004", kind = "not_found", message = ("'%s' may be any of %d deployments"):format(word, #found), details = ids,
      hint = "give more of the id",
    })
  end
  return nil, errors.new({
    code = "INFRA_004", kind = "not_found", message = ("the history has no deployment '%s'"):format(word),
    hint = #places == 0 and "nothing was deployed yet, or the stack keeps no history"
      or ("`%s state history` shows them; the latest is %s"):format(core.program, places[1].id:sub(1, 8)),
  })
end

local function not_kept(place)
  return nil, errors.new({
    code = "INFRA_011", kind = "not_found", message = ("the history does not hold the state that deployment %s left"):format(place.id),
    hint = "it could not be kept when the next one began: name another deployment",
  })
end

--- Is this the state that a deployment left?
local function is_of(document, store, place)
  local last = document.deployments[#document.deployments]
  return document.serial == place.serial and document.stack == store.stack and last ~= nil and last.id == place.id
end

--- The present state as it is saved, without its log; false: there is none.
local function present(store)
  local bytes, failure = store.backend:get(store.name)
  if not bytes then
    if failure.kind == "not_found" then return false end
    return nil, errors.wrap(failure, "cannot read the state")
  end
  local packed, err = store.codec:decode(bytes, { kind = "snapshot", beside = true }) -- only read: nothing goes on under its seal
  if not packed then return nil, err end
  return model.unpack(packed)
end

--- The state that a deployment left; an error of kind "not_found" when it could not be kept.
---@param store scw.state.Store
---@param place scw.state.Place
---@return scw.state.Document|nil, scw.Error|nil
function history.document(store, place)
  for _ = 1, 2 do -- it moves into the history when the next deployment ends, perhaps between the two looks
    local packed, err = read(store, place, "history", ".snapshot")
    if packed == nil then return nil, err end
    local document
    if packed then
      document, err = model.unpack(packed)
    else
      document, err = present(store)
    end
    if document == nil then return nil, err end
    if document and is_of(document, store, place) then return document end
    if packed then return damaged(place) end
  end
  return not_kept(place)
end

local function write(store, place, ending, kind, document)
  local bytes, err = store.codec:encode(document, identity(kind, place))
  if not bytes then return nil, err end
  local etag, failure = store.backend:put(place.key .. ending, bytes, { if_none_match = true })
  if not etag and failure.kind ~= "condition" then return nil, errors.wrap(failure, "cannot keep the history of the state") end
  return true -- once written, it is never changed
end

local function place_of(store, record)
  return { id = record.id, serial = record.serial, key = key_of(store.name, record.serial, record.id) }
end

--- Keeps the record of this deployment; the state that it left is the present one.
---@param store scw.state.Store just folded
---@param record scw.state.Deployment
---@return boolean|nil, scw.Error|nil
function history.keep(store, record)
  return write(store, place_of(store, record), ".record", "deployment", record)
end

--- Keeps the state that the latest deployment left, which is about to be replaced.
---@param store scw.state.Store
---@return boolean|nil, scw.Error|nil
function history.preserve(store)
  local document, err = present(store)
  if document == nil then return nil, err end
  local last = document and document.deployments[#document.deployments]
  if not last or last.serial ~= document.serial then return true end -- what a run left that died
  return write(store, place_of(store, last), ".snapshot", "history", model.pack(document))
end

--- Puts every object under the seal that is in use now: the same content, where it was.
---@param store scw.state.Store
---@return integer|nil count of objects, scw.Error|nil
function history.reseal(store)
  local places, err = places_of(store)
  if not places then return nil, err end
  local objects = {}
  for _, place in ipairs(places) do
    objects[#objects + 1] = { key = place.key .. ".snapshot", identity = identity("history", place) }
    objects[#objects + 1] = { key = place.key .. ".record", identity = identity("deployment", place) }
  end
  return store:reseal(objects)
end

--- Keeps another version of the state, which is given up, as what its latest deployment left.
---@param store scw.state.Store
---@param document scw.state.Document
---@return boolean|nil, scw.Error|nil
function history.adopt(store, document)
  local last = document.deployments[#document.deployments]
  if not last or last.serial ~= document.serial then return true end
  return write(store, place_of(store, last), ".snapshot", "history", model.pack(document))
end

--- Removes all but the latest.
---@param store scw.state.Store
---@param kept integer how many stay
---@return boolean|nil, scw.Error|nil
function history.prune(store, kept)
  local places, err = places_of(store)
  if not places then return nil, err end
  local old = { table.unpack(places, kept + 1) }
  local done, failure = parallel.map(old, READERS, function(place)
    local removed, cause = store.backend:delete(place.key .. ".record")
    if not removed then return nil, cause end
    return store.backend:delete(place.key .. ".snapshot")
  end)
  if not done then return nil, errors.wrap(failure, "cannot remove old history of the state") end
  return true
end

return history
