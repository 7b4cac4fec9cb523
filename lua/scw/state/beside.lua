--- What lies beside a state and is no part of it: versions that could not take their place or were given up (`NAME.unsaved-SERIAL-…`), and
--- what could not be read (`NAME.damaged-…`, with its log). Nothing here is read again by itself.
local core = require "core"
local errors = require "scw.errors"
local log = require "scw.state.log"
local model = require "scw.state.model"
local parallel = require "scw.parallel"

local beside = {}

local WRITERS = 16
local HERE = ".scwlua"

local function unsaved(name) return name .. ".unsaved-" end

local function damaged(name) return name .. ".damaged-" end

local function mark() return core.uuid():sub(1, 8) end

--- Puts objects into all places; one that is out is left out.
---@param places scw.state.Backend[]
---@param objects { [1]: string, [2]: string }[] keys and bytes
local function put(places, objects)
  for _, place in ipairs(places) do
    for _, object in ipairs(objects) do
      local ok, failure = place:put(object[1], object[2], { if_none_match = true })
      if not ok and not place.out then return nil, failure end
    end
  end
  return true
end

--- Keeps a version that could not take its place: beside the state, or on this machine when even that fails.
---@param store scw.state.Store
---@param bytes string sealed
---@param serial integer
---@return string|nil where
function beside.rescue(store, bytes, serial)
  local key = ("%s%d-%s"):format(unsaved(store.name), serial, mark())
  if store.backend:put(key, bytes, { if_none_match = true }) then return store.backend:describe(key) end
  local path = HERE .. "/" .. key:gsub("/", "_")
  if core.directory_create(HERE) and core.file_write(path, bytes) then return path end
  return nil
end

--- Keeps a version that is given up.
---@param store scw.state.Store
---@param document scw.state.Document
---@param places scw.state.Backend[] where
---@return string|nil key, scw.Error|table|nil
function beside.keep(store, document, places)
  local bytes, err = store.codec:encode(model.pack(document), { kind = "snapshot" })
  if not bytes then return nil, err end
  local key = ("%s%d-%s"):format(unsaved(store.name), document.serial, mark())
  local ok, failure = put(places, { { key, bytes } })
  return ok and key, failure
end

--- Keeps a state that cannot be read as it is, with its log.
---@param store scw.state.Store that looked past the damage
---@param places scw.state.Backend[] where
---@return string|nil key "" when there was nothing
---@return table|nil failure
function beside.set_aside(store, places)
  local numbers, failure = log.numbers(store.backend, store.name)
  if not numbers then return nil, failure end
  local key = damaged(store.name) .. mark()
  local objects = { type(store.unreadable) == "string" and { key, store.unreadable } or nil }
  for _, number in ipairs(numbers) do
    local bytes, problem = store.backend:get(log.key(store.name, number))
    if not bytes and problem.kind ~= "not_found" then return nil, problem end
    if bytes then objects[#objects + 1] = { log.key(key, number), bytes } end
  end
  local ok
  ok, failure = put(places, objects)
  return ok and (#objects > 0 and key or ""), failure
end

-- A new seal ------------------------------------------------------------------------------------------------------------

--- Puts an object under the seal that is in use now.
---@return "resealed"|"gone"|"damaged"|nil, table|nil
local function reseal_one(store, object)
  local bytes, etag = store.backend:get(object.key)
  if not bytes then return etag.kind == "not_found" and "gone" or nil, etag end
  local sealed, failure = store.codec:reseal(bytes, object.identity)
  if not sealed and failure.kind == "invalid" and bytes:sub(1, 1) ~= "{" then return "damaged" end
  if not sealed then
    failure.details = failure.details or {}
    table.insert(failure.details, "object: " .. store.backend:describe(object.key))
    return nil, failure
  end
  local written
  written, failure = store.backend:put(object.key, sealed, { if_match = etag })
  return written and "resealed", failure
end

--- Puts objects under the seal that is in use now, each where it was. What is gone meanwhile is left out; what is damaged stays.
---@param store scw.state.Store
---@param objects { key: string, identity: scw.state.Identity }[]
---@return integer|nil count
---@return scw.Error|string[]|nil damaged where those are that no key opens
function beside.reseal(store, objects)
  local results, err = parallel.map(objects, WRITERS, function(object) return reseal_one(store, object) end)
  if not results then return nil, errors.wrap(err, "cannot seal anew what lies beside the state") end
  local count, left = 0, {}
  for index, result in ipairs(results) do
    if result == "resealed" then count = count + 1 end
    if result == "damaged" then left[#left + 1] = store.backend:describe(objects[index].key) end
  end
  return count, left
end

--- The same with everything that this module keeps.
---@param store scw.state.Store
---@return integer|nil count, scw.Error|string[]|nil damaged
function beside.reseal_all(store)
  local keys, failure = store.backend:list(unsaved(store.name))
  local aside
  if keys then aside, failure = store.backend:list(damaged(store.name)) end
  if not aside then return nil, errors.wrap(failure, "cannot list what lies beside the state") end
  local objects = {}
  for index, key in ipairs(keys) do objects[index] = { key = key, identity = { kind = "snapshot", beside = true } } end
  local count, left = beside.reseal(store, objects)
  for _, key in ipairs(count and aside or {}) do left[#left + 1] = store.backend:describe(key) end
  return count, left
end

return beside
