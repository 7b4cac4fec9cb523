--- An object in a bucket. Its content is compared by hash, never kept.
local core = require "core"
local errors = require "scw.errors"

local object = {}

local STALE = "(other content)" -- what a field shows when the stored bytes are not those asked for

local function bytes_of(values)
  if values.source == nil then return values.content or "" end
  local content, err = core.file_read(values.source)
  if not content then return nil, errors.wrap(err, "cannot read the source of the object", { source_file = values.source }) end
  return content
end

local function split(id)
  return id:match("^([^/]+)/(.+)$")
end

local function result_of(id, values, facts, fresh)
  local storage_class = facts.storage_class or values.storage_class
  return {
    id = id,
    fields = {
      bucket = values.bucket, key = values.key, content = values.content and (fresh and values.content or STALE),
      source = values.source and (fresh and values.source or STALE),
      content_type = facts.content_type or values.content_type, metadata = facts.metadata, storage_class = storage_class,
    },
    outputs = { etag = facts.etag, size = facts.size, version = facts.version_id },
  }
end

local function write(storage, id, values)
  local content, err = bytes_of(values)
  if not content then return nil, err end
  local class = values.storage_class ~= "STANDARD" and values.storage_class or nil
  local etag, facts = storage:put(values.bucket, values.key, content, {
    content_type = values.content_type, metadata = values.metadata, headers = { ["x-amz-storage-class"] = class },
  })
  if not etag then return nil, facts end
  facts.etag, facts.size, facts.content_type, facts.metadata = etag, #content, values.content_type, values.metadata
  return result_of(id, values, facts, true)
end

function object.create(storage, _, values, on_created)
  local id = values.bucket .. "/" .. values.key
  local result, err = write(storage, id, values)
  if not result then return nil, err end
  on_created(id, result)
  return result
end

function object.read(storage, _, record)
  local bucket, key = split(record.id)
  local facts, err = storage:head(bucket, key)
  if not facts then
    if err.status == 404 then return nil end
    return nil, err
  end
  local values = record.inputs or {}
  local content = bytes_of(values)
  local fresh = content ~= nil and facts.etag == core.hex(core.digest("md5", content))
  return result_of(record.id, { bucket = bucket, key = key, content = values.content, source = values.source,
    content_type = values.content_type, storage_class = values.storage_class }, facts, fresh)
end

function object.update(storage, _, record, values)
  return write(storage, record.id, values)
end

function object.delete(storage, _, record)
  local bucket, key = split(record.id)
  return storage:delete(bucket, key)
end

function object.find(storage, values)
  if type(values.bucket) ~= "string" or type(values.key) ~= "string" then return nil end
  local facts, err = storage:head(values.bucket, values.key)
  if facts then return values.bucket .. "/" .. values.key end
  if err.status == 404 then return nil end
  return nil, err
end

return object
