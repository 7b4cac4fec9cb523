--- Copies: of whole objects, and of ranges into parts of an upload.
local core = require "core"
local attributes = require "scw.emulator.s3.attributes"
local checksum = require "scw.emulator.s3.checksum"
local conditions = require "scw.emulator.s3.conditions"
local errors = require "scw.emulator.s3.errors"
local object = require "scw.emulator.s3.object"
local time = require "scw.emulator.s3.time"
local versions = require "scw.emulator.s3.versions"
local xml = require "scw.emulator.s3.xml"

local copy = {}

---@class scw.emulator.s3.Source
---@field bucket scw.emulator.s3.Bucket
---@field version scw.emulator.s3.Version
---@field body string

--- Finds what x-amz-copy-source names and checks that the caller may read it as it is.
---@param context table
---@return scw.emulator.s3.Source?
---@return scw.emulator.s3.Error?
function copy.source(context)
  local text, query = context.headers["x-amz-copy-source"]:match("^/?([^?]*)%??(.*)$")
  local path, id = core.uri_decode(text), query:match("^versionId=(.+)$")
  local name, key = (path or ""):match("^([^/]+)/(.+)$")
  if not name then
    return errors.fail("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
  end
  local bucket = context.service:bucket(name, context.caller)
  if not bucket then return errors.fail("NoSuchBucket") end
  local version = versions.current(bucket, key)
  if id then version = versions.find(bucket, key, core.uri_decode(id) or id) end
  if not context.allows(id and "s3:GetObjectVersion" or "s3:GetObject", key, version, bucket) then return errors.fail("AccessDenied") end
  if not version then return errors.fail(id and "NoSuchVersion" or "NoSuchKey") end
  if version.marker then
    return errors.fail("InvalidRequest", "The source of a copy request may not specifically refer to a delete marker by version id.")
  end
  local ok, err = conditions.read(context.headers, version, "x-amz-copy-source-")
  if not ok then return nil, err end
  return { bucket = bucket, version = version, body = context.service.storage:body(bucket, version) }
end

--- The answer of both kinds of copy: what was made, and the version it was made from.
---@param root string
---@param made table `etag`, `modified`, `checksum`
---@param source scw.emulator.s3.Source
---@return integer
---@return table<string, string>
---@return string
function copy.answer(root, made, source)
  local content = xml.element("ETag", '"' .. made.etag .. '"') .. xml.element("LastModified", time.iso(made.modified))
  if made.checksum then content = content .. xml.element(checksum.element(made.checksum.algorithm), made.checksum.value) end
  return 200, { ["x-amz-copy-source-version-id"] = versions.header(source.bucket, source.version) }, xml.document(root, content, true)
end

--- Puts a copy of another object, or of the object itself, under the key.
function copy.put(context)
  local ok, err = object.check_write(context)
  if not ok then return nil, err end
  local source
  source, err = copy.source(context)
  if not source then return nil, err end
  local version
  version, err = attributes.of_write(context)
  if not version then return nil, err end
  local from, replaces = source.version, (context.headers["x-amz-metadata-directive"] or "COPY") == "REPLACE"
  if not replaces then version.headers, version.metadata = from.headers, from.metadata end
  if (context.headers["x-amz-tagging-directive"] or "COPY") ~= "REPLACE" then version.tags = from.tags end
  version.key, version.size, version.etag = context.key, #source.body, core.hex(core.digest("md5", source.body))
  local algorithm = (context.headers["x-amz-checksum-algorithm"] or from.checksum and from.checksum.algorithm or "CRC32"):upper()
  if not checksum.known(algorithm) then return errors.fail("InvalidRequest", "Checksum algorithm provided is unsupported.") end
  version.checksum = { algorithm = algorithm, value = checksum.of(algorithm, source.body), type = "FULL_OBJECT" }
  versions.push(context.service, context.bucket, version, source.body)
  local status, headers, body = copy.answer("CopyObjectResult", version, source)
  headers["x-amz-version-id"] = versions.header(context.bucket, version)
  attributes.add_encryption(version, headers)
  return status, headers, body
end

--- The bytes that x-amz-copy-source-range asks for.
---@param context table
---@param source scw.emulator.s3.Source
---@return string?
---@return scw.emulator.s3.Error?
function copy.range(context, source)
  local text = context.headers["x-amz-copy-source-range"]
  if not text then return source.body end
  local first, last = text:match("^bytes=(%d+)%-(%d+)$")
  first, last = math.tointeger(tonumber(first)), math.tointeger(tonumber(last))
  if not first or not last or first > last then
    return errors.fail("InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last"
      .. " where first and last are the zero-based offsets of the first and last bytes to copy")
  end
  if last >= #source.body then
    return errors.fail("InvalidArgument", ("Range specified is not valid for source object of size: %d"):format(#source.body))
  end
  return source.body:sub(first + 1, last + 1)
end

return copy
