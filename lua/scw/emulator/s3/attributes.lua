--- What a write says about its object besides the bytes: content headers, metadata, class, tags, access list, lock.
local acl = require "scw.emulator.s3.acl"
local errors = require "scw.emulator.s3.errors"
local lock = require "scw.emulator.s3.lock"
local tags = require "scw.emulator.s3.tags"
local time = require "scw.emulator.s3.time"

local attributes = {}

local LARGEST_METADATA = 2048
local storage_classes = { STANDARD = true, ONEZONE_IA = true, GLACIER = true }
local kept = { "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires" }

--- Header values reach us as bytes; what is not UTF-8 is taken for Latin-1.
local function as_text(value)
  if utf8.len(value) then return value end
  return (value:gsub("[\x80-\xff]", function(byte) return utf8.char(byte:byte()) end))
end

local function content_headers(headers)
  local found = {}
  for _, name in ipairs(kept) do
    local value = headers[name]
    if name == "content-encoding" and value then
      value = (value .. ","):gsub("%s*aws%-chunked%s*,", ""):gsub(",%s*$", "")
      if value == "" then value = nil end
    end
    if value then found[name] = as_text(value) end
  end
  found["content-type"] = found["content-type"] or "binary/octet-stream"
  return found
end

local function metadata(headers)
  local found, size = {}, 0
  for name, value in pairs(headers) do
    local key = name:match("^x%-amz%-meta%-(.+)$")
    if key then
      found[key] = as_text(value)
      size = size + #key + #value
    end
  end
  if size > LARGEST_METADATA then return errors.fail("MetadataTooLarge") end
  return found
end

local function encryption(headers, bucket)
  if headers["x-amz-server-side-encryption-customer-algorithm"] then
    return errors.fail("NotImplemented", nil, { { "Header", "x-amz-server-side-encryption-customer-algorithm" } })
  end
  local algorithm = headers["x-amz-server-side-encryption"]
  if algorithm and algorithm ~= "AES256" and algorithm ~= "aws:kms" then
    return errors.fail("InvalidArgument", "The encryption method specified is not supported")
  end
  local default = bucket.configuration.encryption
  algorithm = algorithm or default and default:match("<SSEAlgorithm>(.-)</SSEAlgorithm>")
  if not algorithm then return nil end
  local key_id = headers["x-amz-server-side-encryption-aws-kms-key-id"]
    or default and default:match("<KMSMasterKeyID>(.-)</KMSMasterKeyID>")
  return { algorithm = algorithm, key_id = algorithm == "aws:kms" and key_id or nil }
end

--- Everything a new version gets from the request's headers.
---@param context table
---@return table? fields of scw.emulator.s3.Version
---@return scw.emulator.s3.Error?
function attributes.of_write(context)
  local headers, bucket = context.headers, context.bucket
  local fields, err = lock.of_write(bucket, headers, context.now)
  if not fields then return nil, err end
  fields.storage_class = headers["x-amz-storage-class"] or "STANDARD"
  if not storage_classes[fields.storage_class] then return errors.fail("InvalidStorageClass") end
  fields.headers = content_headers(headers)
  fields.metadata, err = metadata(headers)
  if not fields.metadata then return nil, err end
  fields.grants, err = acl.from_headers(headers, bucket.project_id)
  if err then return nil, err end
  fields.grants = fields.grants or acl.canned("private", bucket.project_id)
  fields.encryption, err = encryption(headers, bucket)
  if err then return nil, err end
  if headers["x-amz-tagging"] then
    fields.tags, err = tags.from_header(headers["x-amz-tagging"])
    if not fields.tags then return nil, err end
  end
  return fields
end

---@param version scw.emulator.s3.Version
---@param headers table<string, string> they are added here
function attributes.add_encryption(version, headers)
  if not version.encryption then return end
  headers["x-amz-server-side-encryption"] = version.encryption.algorithm
  headers["x-amz-server-side-encryption-aws-kms-key-id"] = version.encryption.key_id
end

--- The headers a read answers with.
---@param context table
---@param version scw.emulator.s3.Version
---@return table<string, string>
function attributes.of_read(context, version)
  local headers = {
    ["etag"] = '"' .. version.etag .. '"', ["last-modified"] = time.http(version.modified), ["accept-ranges"] = "bytes",
    ["x-amz-version-id"] = context.bucket.versioning and version.id or nil,
    ["x-amz-storage-class"] = version.storage_class ~= "STANDARD" and version.storage_class or nil,
    ["x-amz-tagging-count"] = version.tags and #version.tags > 0 and tostring(#version.tags) or nil,
  }
  for name, value in pairs(version.headers) do headers[name] = value end
  for name, value in pairs(version.metadata) do headers["x-amz-meta-" .. name] = value end
  if version.restored_until then
    headers["x-amz-restore"] = ('ongoing-request="false", expiry-date="%s"'):format(time.http(version.restored_until))
  end
  lock.add_headers(version, headers)
  attributes.add_encryption(version, headers)
  return headers
end

return attributes
