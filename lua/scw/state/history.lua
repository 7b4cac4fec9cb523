--- What every deployment leaves beside the state: the snapshot it ended with and a record of it, sealed like the state.
---
--- Two objects a deployment, `NAME.history/SERIAL-ID.record` and `.snapshot`, written once, never changed. When the deployment ends, the
--- place of the state copies it there, then the record is written. What a run left out that died in between, or could not copy, the next
--- one makes up for before it replaces the state. Keys sort by serial, so that old ones are found without reading any.
local beside = require "scw.state.beside"
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
--- What to know about an object of the history that cannot be read.
local INDEPENDENT = "the state does not depend on it, nor do other deployments: name another one, or remove this object"
--- Errors of a service that answers, and does not copy.
local NO_COPY = { refused = true, denied = true, invalid = true }

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

--- A copy is what it is a copy of: whose it is stands inside. Former versions sealed it anew, as a part of the history.
local function identity_of_copy(place) return { kind = "snapshot", beside = true, former = identity("history", place) } end

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

--- The serial of the latest deployment that the history of a state knows; 0 without any.
---@param backend scw.state.Backend
---@param name string of the state
---@return integer|nil, scw.Error|nil
function history.latest(backend, name)
  local places, err = places_of({ backend = backend, name = name })
  if not places then return nil, err end
  return places[1] and places[1].serial or 0
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

--- What the other side of a mirror has of an object that is damaged; nil when that is of no use either.
local function elsewhere(store, key, known)
  for _, side in ipairs(store.backend.sides or {}) do
    local bytes = not side.out and side:get(key)
    local document = bytes and store.codec:decode(bytes, known)
    if document then return document end
  end
  return nil
end

---@param store scw.state.Store
---@param key string
---@param known scw.state.Identity
---@return table|false|nil document false: it is gone meanwhile
---@return scw.Error|nil
local function read(store, key, known)
  local bytes, failure = store.backend:get(key)
  if not bytes then
    if failure.kind == "not_found" then return false end
    return nil, errors.wrap(failure, "cannot read the history of the state")
  end
  local document, err = store.codec:decode(bytes, known)
  if not document and err.kind == "invalid" then document = elsewhere(store, key, known) end
  if not document then
    err.details = err.details or {}
    table.insert(err.details, "object: " .. store.backend:describe(key))
    if err.kind == "invalid" then err.hint = INDEPENDENT end
  end
  return document, err
end

local function damaged(store, place, ending)
  return nil, errors.new({
    code = "INFRA_011", kind = "invalid", message = ("the history of deployment %s holds something else"):format(place.id),
    details = { "object: " .. store.backend:describe(place.key .. ending) }, hint = INDEPENDENT,
  })
end

--- The record of one deployment.
---@param store scw.state.Store
---@param place scw.state.Place
---@return scw.state.Deployment|false|nil record false: it is gone meanwhile
---@return scw.Error|nil
function history.record(store, place)
  local record, failure = read(store, place.key .. ".record", identity("deployment", place))
  if record and (form.deployment(record) or record.id ~= place.id or record.serial ~= place.serial) then
    return damaged(store, place, ".record")
  end
  return record, failure
end

---@class scw.state.UnreadableDeployment
---@field id string
---@field serial integer
---@field problem scw.Error why its record cannot be read

--- The records of the deployments that are kept, the latest first; of one that is damaged, what its key tells.
---@param store scw.state.Store
---@return (scw.state.Deployment|scw.state.UnreadableDeployment)[]|nil, scw.Error|nil
function history.records(store)
  local places, err = history.places(store)
  if not places then return nil, err end
  local found
  found, err = parallel.map(places, READERS, function(place)
    local record, problem = history.record(store, place)
    if record == nil and problem.kind == "invalid" then return { id = place.id, serial = place.serial, problem = problem } end
    return record, problem
  end)
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
      or ("`%s state history STACK` shows them; the latest is %s"):format(core.program, places[1].id:sub(1, 8)),
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
  for _ = 1, 2 do -- one that was not copied is copied when the next deployment begins, perhaps between the two looks
    local packed, err = read(store, place.key .. ".snapshot", identity_of_copy(place))
    if packed == nil then return nil, err end
    local document
    if packed then
      document, err = model.unpack(packed)
    else
      document, err = present(store)
    end
    if document == nil then return nil, err end
    if document and is_of(document, store, place) then return document end
    if packed then return damaged(store, place, ".snapshot") end
  end
  return not_kept(place)
end

local function not_written(failure) return nil, errors.wrap(failure, "cannot keep the history of the state") end

local function put(store, key, bytes)
  local etag, failure = store.backend:put(key, bytes, { if_none_match = true })
  if not etag and failure.kind ~= "condition" then return not_written(failure) end
  return true -- once written, it is never changed
end

local function write(store, key, known, document)
  local bytes, err = store.codec:encode(document, known)
  if not bytes then return nil, err end
  return put(store, key, bytes)
end

local function place_of(store, record)
  return { id = record.id, serial = record.serial, key = key_of(store.name, record.serial, record.id) }
end

local function copy_state(store, place) return store.backend:copy(store.name, place.key .. ".snapshot", store.etag) end

--- Keeps the state that this deployment left: the place where it lies copies it.
---@param store scw.state.Store just folded
---@param record scw.state.Deployment
---@return boolean|nil, scw.Error|nil
function history.copy(store, record)
  local ok, failure = copy_state(store, place_of(store, record))
  if not ok then return nil, errors.wrap(failure, "cannot copy the state") end
  return true
end

--- Keeps the record of this deployment.
---@param store scw.state.Store just folded
---@param record scw.state.Deployment
---@return boolean|nil, scw.Error|nil
function history.keep(store, record)
  local place = place_of(store, record)
  return write(store, place.key .. ".record", identity("deployment", place), record)
end

--- Puts the state into the history as a copy would.
local function put_state(store, place)
  local bytes, etag = store.backend:get(store.name)
  if not bytes then return not_written(etag) end
  if etag ~= store.etag then return nil, errors.new({ code = "INFRA_011", kind = "condition", message = "the state was changed" }) end
  return put(store, place.key .. ".snapshot", bytes)
end

--- Keeps what the latest deployment left, where it could not: its state is about to be replaced. What is not copied is read and written.
---@param store scw.state.Store as it was read
---@return boolean|nil, scw.Error|nil
function history.preserve(store)
  local last = store.left_by
  if not last then return true end
  local place, there = place_of(store, last), {}
  local keys, failure = store.backend:list(place.key)
  if not keys then return not_written(failure) end
  for _, key in ipairs(keys) do there[key] = true end
  if not there[place.key .. ".snapshot"] or not there[place.key .. ".record"] then -- what was cut off may have left half of it
    local ok, err = copy_state(store, place)
    if not ok and NO_COPY[err.kind] then ok, err = put_state(store, place) end
    if not ok then return not_written(err) end
  end
  if there[place.key .. ".record"] or form.deployment(last) then return true end -- older states say less about their deployments
  return history.keep(store, last)
end

--- Puts every object under the seal that is in use now: the same content, where it was.
---@param store scw.state.Store
---@return integer|nil count of objects, scw.Error|string[]|nil unreadable objects that stay as they are
function history.reseal(store)
  local places, err = places_of(store)
  if not places then return nil, err end
  local objects = {}
  for _, place in ipairs(places) do
    objects[#objects + 1] = { key = place.key .. ".snapshot", identity = identity_of_copy(place) }
    objects[#objects + 1] = { key = place.key .. ".record", identity = identity("deployment", place) }
  end
  return beside.reseal(store, objects)
end

--- Keeps another version of the state, which is given up, as what its latest deployment left; unless the place where it lies did.
---@param store scw.state.Store
---@param document scw.state.Document
---@param from scw.state.Backend where it lies, whose history is taken over
---@return boolean|nil, scw.Error|nil
function history.adopt(store, document, from)
  local last = model.left_by(document)
  if not last then return true end
  local place = place_of(store, last)
  local key = place.key .. ".snapshot"
  if #(from:list(key) or {}) > 0 then return true end
  return write(store, key, identity_of_copy(place), model.pack(document))
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
