--- Objects: put, get, head, delete, restore.
local core = require "core"
local attributes = require "scw.emulator.s3.attributes"
local checksum = require "scw.emulator.s3.checksum"
local conditions = require "scw.emulator.s3.conditions"
local errors = require "scw.emulator.s3.errors"
local lock = require "scw.emulator.s3.lock"
local shape = require "scw.emulator.s3.shape"
local tags = require "scw.emulator.s3.tags"
local versions = require "scw.emulator.s3.versions"
local xml = require "scw.emulator.s3.xml"

local object = {}

local LONGEST_KEY = 1024
local MOST_DAYS = 1000000 -- of a restored object

local overrides = {
  ["response-cache-control"] = "cache-control", ["response-content-disposition"] = "content-disposition",
  ["response-content-encoding"] = "content-encoding", ["response-content-language"] = "content-language",
  ["response-content-type"] = "content-type", ["response-expires"] = "expires",
}

--- Checks what must hold before anything is written under the key.
---@param context table
---@return boolean?
---@return scw.emulator.s3.Error?
function object.check_write(context)
  if #context.key > LONGEST_KEY then return errors.fail("KeyTooLongError") end
  return conditions.write(context.headers, versions.current(context.bucket, context.key))
end

function object.put(context)
  local ok, err = object.check_write(context)
  if not ok then return nil, err end
  local version
  version, err = attributes.of_write(context)
  if not version then return nil, err end
  version.checksum = context.checksum
  version.key, version.size = context.key, #context.body
  version.etag = core.hex(core.digest("md5", context.body))
  versions.push(context.service, context.bucket, version, context.body)
  local headers = {
    ["etag"] = '"' .. version.etag .. '"', ["x-amz-version-id"] = versions.header(context.bucket, version),
    [checksum.header(version.checksum.algorithm)] = version.checksum.value, ["x-amz-checksum-type"] = version.checksum.type,
  }
  attributes.add_encryption(version, headers)
  return 200, headers, ""
end

--- A position in a Range header; those beyond all sizes are all the same.
local function position(digits)
  return digits ~= "" and (math.tointeger(tonumber(digits)) or math.maxinteger) or nil
end

--- First and last byte a Range header asks for; nothing when it is absent or not understood.
---@return integer?|scw.emulator.s3.Error first
---@return integer? last
local function range(header, size)
  local first, last = (header or ""):match("^bytes=(%d*)%-(%d*)$")
  if not first or first == "" and last == "" then return nil end
  local from, to = position(first), position(last)
  if first == "" then
    if to == 0 or size == 0 then return errors.fail("InvalidRange") end
    return math.max(size - to, 0), size - 1
  end
  if not from or to and to < from then return nil end
  if from >= size then return errors.fail("InvalidRange") end
  return from, math.min(to or size - 1, size - 1)
end

--- The bytes of one part of an object that was uploaded in parts.
local function part_range(text, version)
  local number, sizes = math.tointeger(tonumber(text)), version.parts or { version.size }
  if not number or number < 1 or number > 10000 then
    return errors.fail("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
  end
  if number > #sizes then return errors.fail("InvalidRange") end
  local from = 0
  for i = 1, number - 1 do from = from + sizes[i] end
  return from, from + sizes[number] - 1
end

local function slice_of(context, version, headers)
  local from, to
  if context.query.partNumber then
    from, to = part_range(context.query.partNumber, version)
    if version.parts then headers["x-amz-mp-parts-count"] = tostring(#version.parts) end
  else
    from, to = range(context.headers.range, version.size)
  end
  if not from then return nil, nil, to end
  headers["content-range"] = ("bytes %d-%d/%d"):format(from, to, version.size)
  return from, to
end

--- Is the content out of reach in cold storage?
local function is_archived(version, now)
  return version.storage_class == "GLACIER" and (version.restored_until or 0) <= now
end

local function read(context, with_body)
  local version = context.version
  local ok, err = conditions.read(context.headers, version)
  if not ok then
    if err.code == "NotModified" then
      err.headers = { ["etag"] = '"' .. version.etag .. '"', ["x-amz-version-id"] = versions.header(context.bucket, version) }
    end
    return nil, err
  end
  local headers = attributes.of_read(context, version)
  if with_body and is_archived(version, context.now) then
    return errors.fail("InvalidObjectState", nil, { { "StorageClass", "GLACIER" } })
  end
  if not context.caller.anonymous then
    for name, header in pairs(overrides) do headers[header] = context.query[name] or headers[header] end
  end
  local from, to, refusal = slice_of(context, version, headers)
  if refusal then return nil, refusal end
  if not from and (context.headers["x-amz-checksum-mode"] or ""):upper() == "ENABLED" and version.checksum then
    headers[checksum.header(version.checksum.algorithm)] = version.checksum.value -- of the whole: not for a part of it
    headers["x-amz-checksum-type"] = version.checksum.type
  end
  headers["content-length"] = tostring(from and to - from + 1 or version.size)
  local body = ""
  if with_body then
    body = context.service.storage:body(context.bucket, version)
    if from then body = body:sub(from + 1, to + 1) end
  end
  return from and 206 or 200, headers, body
end

function object.get(context) return read(context, true) end
function object.head(context) return read(context, false) end

--- Deletes one version for good, or hides the object under a delete marker. Absent things are deleted already.
---@param context table
---@param key string
---@param id? string version id
---@return table? outcome `{id=, marker=}`; nil with a refusal
---@return scw.emulator.s3.Error?
function object.remove(context, key, id)
  local service, bucket = context.service, context.bucket
  if id then
    local version = versions.find(bucket, key, id)
    if not version then return { id = id } end
    local ok, err = lock.check_removal(version, context.headers, context.now)
    if not ok then return nil, err end
    service.storage:remove_version(bucket, version)
    return { id = id, marker = version.marker }
  end
  if bucket.versioning then
    local marker = versions.push(service, bucket, { key = key, marker = true })
    return { id = marker.id, marker = true, made = true }
  end
  local version = versions.newest(bucket, key)
  if version then service.storage:remove_version(bucket, version) end
  return {}
end

function object.delete(context)
  local outcome, err = object.remove(context, context.key, context.query.versionId)
  if not outcome then return nil, err end
  return 204, { ["x-amz-version-id"] = outcome.id, ["x-amz-delete-marker"] = outcome.marker and "true" or nil }, ""
end

function object.get_tagging(context)
  return 200, { ["x-amz-version-id"] = versions.header(context.bucket, context.version) }, tags.document(context.version.tags)
end

local function set_tags(context, list, status)
  context.version.tags = list
  context.service.storage:save_version(context.bucket, context.version)
  return status, { ["x-amz-version-id"] = versions.header(context.bucket, context.version) }, ""
end

function object.put_tagging(context)
  local list, err = tags.read(context.body, 10)
  if not list then return nil, err end
  return set_tags(context, list, 200)
end

function object.delete_tagging(context) return set_tags(context, nil, 204) end

--- Brings an object back from cold storage for some days: at once here.
function object.restore(context)
  local version = context.version
  local root = xml.read(context.body, "RestoreRequest")
  if not root then return errors.fail("MalformedXML") end
  local days = math.tointeger(tonumber(xml.text(root, "Days")))
  if not days or days < 1 or days > MOST_DAYS then return errors.fail("MalformedXML") end
  if version.storage_class ~= "GLACIER" then
    return errors.fail("InvalidObjectState", "Restore is not allowed for the object's current storage class")
  end
  local again = not is_archived(version, context.now)
  version.restored_until = math.floor(context.now) + days * 86400
  context.service.storage:save_version(context.bucket, version)
  return again and 200 or 202, {}, ""
end

local removals = {
  { "Object", required = true, many = true, children = {
    { "Key", required = true, kind = "text" }, { "VersionId" }, { "ETag" }, { "LastModifiedTime" }, { "Size" },
  } },
  { "Quiet", kind = "boolean" },
}

local function deleted_element(key, id, outcome)
  local parts = { "<Deleted>", xml.element("Key", key) }
  if id then parts[#parts + 1] = xml.element("VersionId", id) end
  if outcome.marker then
    parts[#parts + 1] = xml.element("DeleteMarker", "true")
    parts[#parts + 1] = xml.element("DeleteMarkerVersionId", outcome.id)
  end
  parts[#parts + 1] = "</Deleted>"
  return table.concat(parts)
end

--- Up to a thousand deletions; each succeeds or fails for itself.
function object.delete_many(context)
  if not checksum.claimed(context.headers) then
    return errors.fail("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
  end
  local root = shape.read(context.body, "Delete", removals)
  if not root or shape.count(root, "Object") > 1000 then return errors.fail("MalformedXML") end
  local quiet, parts = xml.text(root, "Quiet") == "true", {}
  for _, node in ipairs(root) do
    if node.name == "Object" then
      local key, id = xml.child(node, "Key").text, xml.text(node, "VersionId")
      local outcome, err
      if context.allows(id and "s3:DeleteObjectVersion" or "s3:DeleteObject", key) then
        outcome, err = object.remove(context, key, id)
      else
        outcome, err = errors.fail("AccessDenied")
      end
      if not outcome then
        parts[#parts + 1] = "<Error>" .. xml.element("Key", key) .. (id and xml.element("VersionId", id) or "")
          .. xml.element("Code", err.code) .. xml.element("Message", err.message) .. "</Error>"
      elseif not quiet then
        parts[#parts + 1] = deleted_element(key, id, outcome)
      end
    end
  end
  return 200, { ["content-type"] = "application/xml" }, xml.document("DeleteResult", table.concat(parts), true)
end

return object
