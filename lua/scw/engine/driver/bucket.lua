--- A bucket and its sub-resources, field by field.
local bucket_parts = require "scw.engine.driver.bucket_parts"
local calls = require "scw.engine.driver.calls"
local complete = require "scw.schema.complete"
local core = require "core"
local errors = require "scw.errors"

local bucket = {}

local PATIENCE_MS, PAUSE_MS = 60000, 3000 -- a principal made just before is not known everywhere yet

--- Where programs at Scaleway reach the bucket, whatever address this run reaches it at (a proxy, the emulator).
local function outputs_of(storage, name)
  local host = ("s3.%s.scw.cloud"):format(storage.region)
  return { endpoint = ("https://%s.%s"):format(name, host), api_endpoint = "https://" .. host }
end

local function is_none(part, value)
  if value == nil or value == part.empty then return true end
  return type(value) == "table" and next(value) == nil and part.removable
end

local function write_part(storage, type_object, part, name, value)
  if is_none(part, value) and part.removable then return storage:delete_part(name, part.name) end
  if value == nil then return true end
  local body, headers = part.encode(value)
  local waited = 0
  while true do
    local ok, err = storage:put_part(name, part.name, body, { headers = headers })
    if ok then return true end
    if part.field ~= "policy" or err.type ~= "MalformedPolicy" or waited >= PATIENCE_MS then
      if not err.hint and err.status == 403 then err.hint = "the API key needs " .. table.concat(type_object.permissions.apply, ", ") end
      return nil, err
    end
    local slept, problem = storage.client:sleep(PAUSE_MS)
    if not slept then return nil, problem end
    waited = waited + PAUSE_MS
  end
end

--- Value of one field as the service holds it; nil and an error when that is not known.
local function read_part(storage, part, name)
  local found, err = storage:get_part(name, part.name)
  if found == nil then
    if err.status == 404 and err.type ~= "NoSuchBucket" then return part.empty end
    return nil, err
  end
  if type(found) == "string" then return part.decode(nil, found) end
  return part.decode(found)
end

local function read_all(storage, type_object, name, inputs)
  local tasks, fields = {}, { name = name }
  for index, part in ipairs(bucket_parts.all) do
    tasks[index] = core.spawn(function() return read_part(storage, part, name) end)
  end
  local failure
  for index, part in ipairs(bucket_parts.all) do
    local ok, value, err = tasks[index]:join()
    if not ok then failure = failure or value
    elseif err then failure = failure or err
    else fields[part.field] = value end
  end
  if failure then return nil, failure end
  fields.force_destroy = inputs and inputs.force_destroy
  return { id = name, fields = complete.fields(type_object, fields), outputs = outputs_of(storage, name) }
end

--- `doubtful`: a lost attempt of this very creation may have made it.
local function exists(name, options, doubtful)
  return errors.new { code = "INFRA_005", kind = "exists", status = 409, uncertain = doubtful or nil, address = options.address,
    message = ("the bucket %s exists already in this project"):format(name), hint = "import it, or choose another name" }
end

function bucket.create(storage, type_object, values, on_created, options)
  local name = values.name
  local present, unknown = storage:head_bucket(name) -- making one that is ours already may succeed without a word
  if not present and unknown.kind ~= "not_found" and unknown.kind ~= "denied" then return nil, unknown end
  if present then return nil, exists(name, options) end
  local ok, err, existed, doubtful = storage:create_bucket(name, { object_lock = values.object_lock ~= nil or nil })
  if not ok then
    if err.type == "BucketAlreadyExists" or err.status == 409 then
      err.hint = "bucket names are unique in the world: choose another one"
    end
    return nil, err
  end
  if existed then return nil, exists(name, options, doubtful) end
  on_created(name, { id = name, fields = {}, outputs = outputs_of(storage, name) })
  for _, part in ipairs(bucket_parts.all) do
    local value = values[part.field]
    local bare_lock = part.field == "object_lock" and (not value or value.mode == nil) -- the creation did it
    local implied = part.field == "versioning" and values.object_lock ~= nil
    if not is_none(part, value) and not bare_lock and not implied then
      ok, err = write_part(storage, type_object, part, name, value)
      if not ok then return nil, err end
    end
  end
  return read_all(storage, type_object, name, values)
end

function bucket.read(storage, type_object, record)
  local result, err = read_all(storage, type_object, record.id, record.inputs)
  if result then return result end
  if err.status == 404 then return nil end
  return nil, err
end

function bucket.update(storage, type_object, record, values, changes)
  local changed = {}
  for _, change in ipairs(changes) do changed[change.field] = true end
  for _, part in ipairs(bucket_parts.all) do
    if changed[part.field] then
      local ok, err = write_part(storage, type_object, part, record.id, values[part.field])
      if not ok then return nil, err end
    end
  end
  return read_all(storage, type_object, record.id, values)
end

function bucket.delete(storage, _, record, options)
  local inputs = record.inputs or {}
  local ok, err
  for _ = 1, 3 do
    ok, err = storage:delete_bucket(record.id)
    if ok then return true end
    local full = err.type == "BucketNotEmpty" or err.status == 409
    if not full then return nil, err end
    if not inputs.force_destroy then
      return nil, errors.new { code = "INFRA_005", kind = "busy", status = err.status, request_id = err.request_id,
        address = options.address, message = ("the bucket %s is not empty"):format(record.id),
        hint = "empty it, or set force_destroy = true, apply, and delete it then" }
    end
    local lock = inputs.object_lock
    local emptied
    emptied, err = storage:empty(record.id, { bypass_governance = lock ~= nil and lock.mode ~= "COMPLIANCE" or nil })
    if not emptied then return err.status == 404 and true or nil, err end
  end
  return nil, err
end

function bucket.find(storage, values, options)
  local created, err = storage:bucket_created(values.name)
  if not created then return nil, err end
  if options.since and not calls.made_since(created, options.since) then return nil end
  return values.name
end

return bucket
