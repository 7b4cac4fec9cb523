--- Uploads in parts: begin, send or copy parts, look, finish, give up.
local core = require "core"
local attributes = require "scw.emulator.s3.attributes"
local acl = require "scw.emulator.s3.acl"
local checksum = require "scw.emulator.s3.checksum"
local copy = require "scw.emulator.s3.copy"
local errors = require "scw.emulator.s3.errors"
local object = require "scw.emulator.s3.object"
local shape = require "scw.emulator.s3.shape"
local time = require "scw.emulator.s3.time"
local versions = require "scw.emulator.s3.versions"
local xml = require "scw.emulator.s3.xml"

local multipart = {}

local SMALLEST_PART = 5 * 1024 * 1024
local MOST_PARTS = 10000
local NAMESPACED = true

local function find(context)
  local upload = context.bucket.uploads[context.query.uploadId]
  if not upload or upload.key ~= context.key then return errors.fail("NoSuchUpload") end
  return upload
end

function multipart.create(context)
  if #context.key > 1024 then return errors.fail("KeyTooLongError") end
  local version, err = attributes.of_write(context)
  if not version then return nil, err end
  local algorithm = (context.headers["x-amz-checksum-algorithm"] or ""):upper()
  if algorithm ~= "" and not checksum.known(algorithm) then
    return errors.fail("InvalidRequest", "Checksum algorithm provided is unsupported.")
  end
  local upload = {
    id = core.base64(core.random(33)):gsub("[+/]", "-"), key = context.key, created = context.now, version = version, parts = {},
    checksum_algorithm = algorithm ~= "" and algorithm or nil, checksum_type = context.headers["x-amz-checksum-type"],
  }
  context.service.storage:add_upload(context.bucket, upload)
  local headers = { ["x-amz-checksum-algorithm"] = upload.checksum_algorithm, ["x-amz-checksum-type"] = upload.checksum_type }
  attributes.add_encryption(version, headers)
  return 200, headers, xml.document("InitiateMultipartUploadResult", xml.element("Bucket", context.bucket.name)
    .. xml.element("Key", context.key) .. xml.element("UploadId", upload.id), NAMESPACED)
end

local function part_number(context)
  local number = math.tointeger(tonumber(context.query.partNumber))
  if not number or number < 1 or number > MOST_PARTS then
    return errors.fail("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
  end
  return number
end

local function keep(context, upload, number, body, sum)
  local part = {
    number = number, size = #body, etag = core.hex(core.digest("md5", body)), modified = context.now, checksum = sum,
  }
  context.service.storage:add_part(context.bucket, upload, part, body)
  return part
end

function multipart.put_part(context)
  local upload, err = find(context)
  if not upload then return nil, err end
  local number
  number, err = part_number(context)
  if not number then return nil, err end
  local part = keep(context, upload, number, context.body, context.checksum)
  return 200, { ["etag"] = '"' .. part.etag .. '"', [checksum.header(part.checksum.algorithm)] = part.checksum.value }, ""
end

function multipart.copy_part(context)
  local upload, err = find(context)
  if not upload then return nil, err end
  local number, source, body
  number, err = part_number(context)
  if not number then return nil, err end
  source, err = copy.source(context)
  if not source then return nil, err end
  body, err = copy.range(context, source)
  if not body then return nil, err end
  local algorithm = upload.checksum_algorithm or "CRC32"
  local sum = { algorithm = algorithm, value = checksum.of(algorithm, body), type = "FULL_OBJECT" }
  return copy.answer("CopyPartResult", keep(context, upload, number, body, sum), source)
end

local completion = {
  { "Part", many = true, required = true, children = {
    { "PartNumber", kind = "positive", required = true }, { "ETag", required = true }, { "ChecksumCRC32" }, { "ChecksumCRC32C" },
    { "ChecksumCRC64NVME" }, { "ChecksumSHA1" }, { "ChecksumSHA256" },
  } },
}

--- The parts a completion names, in its order.
local function named_parts(context, upload)
  local root = shape.read(context.body, "CompleteMultipartUpload", completion)
  if not root then return errors.fail("MalformedXML") end
  local parts, last = {}, 0
  for i, node in ipairs(root) do
    local number = math.tointeger(tonumber(xml.text(node, "PartNumber")))
    if number <= last then return errors.fail("InvalidPartOrder") end
    last = number
    local part = upload.parts[number]
    local etag = xml.text(node, "ETag"):gsub('"', "")
    if not part or part.etag ~= etag then
      return errors.fail("InvalidPart", nil, { { "UploadId", upload.id }, { "PartNumber", number }, { "ETag", etag } })
    end
    local claim = part.checksum and xml.text(node, checksum.element(part.checksum.algorithm))
    if claim and claim ~= part.checksum.value then return errors.fail("InvalidPart") end
    parts[i] = part
  end
  for i = 1, #parts - 1 do
    if parts[i].size < SMALLEST_PART then
      return errors.fail("EntityTooSmall", nil, { { "ProposedSize", parts[i].size }, { "MinSizeAllowed", SMALLEST_PART },
        { "PartNumber", parts[i].number }, { "ETag", parts[i].etag } })
    end
  end
  return parts
end

--- Joins the parts: body, sizes, entity tag and checksum of the object.
local function joined(context, upload, parts)
  local bodies, sizes, digests, sums = {}, {}, {}, {}
  for i, part in ipairs(parts) do
    bodies[i] = context.service.storage:part_body(context.bucket, upload, part.number)
    sizes[i], digests[i], sums[i] = part.size, core.unhex(part.etag), part.checksum
  end
  local body = table.concat(bodies)
  return body, sizes, core.hex(core.digest("md5", table.concat(digests))) .. "-" .. #parts,
    checksum.combine(sums, body, upload.checksum_type == "FULL_OBJECT")
end

function multipart.complete(context)
  local upload, err = find(context)
  if not upload then return nil, err end
  local ok
  ok, err = object.check_write(context)
  if not ok then return nil, err end
  local parts
  parts, err = named_parts(context, upload)
  if not parts then return nil, err end
  local body, sizes, etag, sum = joined(context, upload, parts)
  local version = upload.version
  version.key, version.size, version.parts, version.etag, version.checksum = upload.key, #body, sizes, etag, sum
  context.service.storage:remove_upload(context.bucket, upload)
  versions.push(context.service, context.bucket, version, body)
  local content = xml.element("Location", "/" .. context.bucket.name .. "/" .. upload.key)
    .. xml.element("Bucket", context.bucket.name) .. xml.element("Key", upload.key) .. xml.element("ETag", '"' .. etag .. '"')
  if sum then content = content .. xml.element(checksum.element(sum.algorithm), sum.value) .. xml.element("ChecksumType", sum.type) end
  local headers = { ["x-amz-version-id"] = versions.header(context.bucket, version) }
  attributes.add_encryption(version, headers)
  return 200, headers, xml.document("CompleteMultipartUploadResult", content, NAMESPACED)
end

function multipart.abort(context)
  local upload, err = find(context)
  if not upload then return nil, err end
  context.service.storage:remove_upload(context.bucket, upload)
  return 204, {}, ""
end

local function limit_of(text)
  if text == nil then return 1000 end
  local limit = math.tointeger(tonumber(text))
  if not limit or limit < 0 then return errors.fail("InvalidArgument", "Argument must be an integer between 0 and 2147483647") end
  return math.min(limit, 1000)
end

function multipart.list_parts(context)
  local upload, err = find(context)
  if not upload then return nil, err end
  local limit
  limit, err = limit_of(context.query["max-parts"])
  if not limit then return nil, err end
  local marker = math.tointeger(tonumber(context.query["part-number-marker"] or 0)) or 0
  local numbers, parts, last = {}, {}, marker
  for number in pairs(upload.parts) do
    if number > marker then numbers[#numbers + 1] = number end
  end
  table.sort(numbers)
  for i = 1, math.min(limit, #numbers) do
    local part = upload.parts[numbers[i]]
    last = part.number
    parts[i] = "<Part>" .. xml.element("PartNumber", part.number) .. xml.element("LastModified", time.iso(part.modified))
      .. xml.element("ETag", '"' .. part.etag .. '"') .. xml.element("Size", part.size)
      .. (part.checksum and xml.element(checksum.element(part.checksum.algorithm), part.checksum.value) or "") .. "</Part>"
  end
  local owner = acl.owner(context.bucket.project_id)
  local initiator = "<Initiator>" .. xml.element("ID", owner) .. xml.element("DisplayName", owner) .. "</Initiator>"
  return 200, {}, xml.document("ListPartsResult", table.concat {
    xml.element("Bucket", context.bucket.name), xml.element("Key", upload.key), xml.element("UploadId", upload.id), initiator,
    acl.owner_element(context.bucket.project_id), xml.element("StorageClass", upload.version.storage_class),
    xml.element("PartNumberMarker", marker), xml.element("NextPartNumberMarker", last), xml.element("MaxParts", limit),
    xml.element("IsTruncated", #numbers > limit), table.concat(parts),
  }, NAMESPACED)
end

--- Uploads in the order of their keys, then of their beginnings.
local function sorted_uploads(bucket, prefix)
  local list = {}
  for _, upload in pairs(bucket.uploads) do
    if upload.key:sub(1, #prefix) == prefix then list[#list + 1] = upload end
  end
  table.sort(list, function(a, b)
    if a.key ~= b.key then return a.key < b.key end
    if a.created ~= b.created then return a.created < b.created end
    return a.id < b.id
  end)
  return list
end

function multipart.list_uploads(context)
  local query = context.query
  local limit, err = limit_of(query["max-uploads"])
  if not limit then return nil, err end
  local prefix, delimiter = query.prefix or "", query.delimiter or ""
  local marker, id_marker = query["key-marker"] or "", query["upload-id-marker"] or ""
  local parts, prefixes, seen, count, truncated, last = {}, {}, {}, 0, false, nil
  local passed = id_marker == ""
  local encode = query["encoding-type"] == "url" and function(text) return core.uri_encode(text, true) end or function(text) return text end
  for _, upload in ipairs(sorted_uploads(context.bucket, prefix)) do
    local behind = upload.key > marker or upload.key == marker and id_marker ~= "" and passed
    if upload.key == marker and upload.id == id_marker then passed = true end
    local at = delimiter ~= "" and upload.key:find(delimiter, #prefix + 1, true)
    local group = at and upload.key:sub(1, at + #delimiter - 1)
    if behind and not (group and seen[group]) then
      if count == limit then truncated = true break end
      count, last = count + 1, upload
      if group then
        seen[group] = true
        prefixes[#prefixes + 1] = "<CommonPrefixes>" .. xml.element("Prefix", encode(group)) .. "</CommonPrefixes>"
      else
        parts[#parts + 1] = "<Upload>" .. xml.element("Key", encode(upload.key)) .. xml.element("UploadId", upload.id)
          .. acl.owner_element(context.bucket.project_id) .. xml.element("StorageClass", upload.version.storage_class)
          .. xml.element("Initiated", time.iso(upload.created)) .. "</Upload>"
      end
    end
  end
  local next_marker = ""
  if truncated and last then
    next_marker = xml.element("NextKeyMarker", encode(last.key)) .. xml.element("NextUploadIdMarker", last.id)
  end
  return 200, { ["content-type"] = "application/xml" }, xml.document("ListMultipartUploadsResult", table.concat {
    xml.element("Bucket", context.bucket.name), xml.element("KeyMarker", encode(marker)), xml.element("UploadIdMarker", id_marker),
    next_marker, xml.element("Prefix", encode(prefix)), delimiter ~= "" and xml.element("Delimiter", encode(delimiter)) or "",
    query["encoding-type"] == "url" and xml.element("EncodingType", "url") or "", xml.element("MaxUploads", limit),
    xml.element("IsTruncated", truncated), table.concat(parts), table.concat(prefixes),
  }, NAMESPACED)
end

return multipart
