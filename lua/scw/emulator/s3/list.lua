--- Listings of a bucket: objects (both versions of the call) and versions.
local core = require "core"
local acl = require "scw.emulator.s3.acl"
local errors = require "scw.emulator.s3.errors"
local index = require "scw.emulator.s3.index"
local time = require "scw.emulator.s3.time"
local xml = require "scw.emulator.s3.xml"

local list = {}

local XML = { ["content-type"] = "application/xml" }

---@class scw.emulator.s3.ListQuery
---@field prefix string
---@field delimiter string
---@field limit integer
---@field encode fun(text: string): string
---@field encoded boolean

local function read_query(query)
  local limit = query["max-keys"] and math.tointeger(tonumber(query["max-keys"])) or not query["max-keys"] and 1000
  if not limit or limit < 0 then
    return errors.fail("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647",
      { { "ArgumentName", "max-keys" }, { "ArgumentValue", query["max-keys"] } })
  end
  local encoding = query["encoding-type"]
  if encoding and encoding ~= "url" then return errors.fail("InvalidArgument", "Invalid Encoding Method specified in Request") end
  return {
    prefix = query.prefix or "", delimiter = query.delimiter or "", limit = math.min(limit, 1000), encoded = encoding == "url",
    encode = encoding == "url" and function(text) return core.uri_encode(text, true) end or function(text) return text end,
  }
end

--- Where a listing that goes on behind `after` starts.
local function start(keys, asked, after)
  if after == "" or after < asked.prefix then return index.lower_bound(keys, asked.prefix) end
  local at = index.lower_bound(keys, after)
  if keys[at] == after then at = at + 1 end
  -- A marker that is a common prefix stands for everything below it.
  local delimiter = asked.delimiter
  if delimiter ~= "" and #after > #asked.prefix and after:sub(-#delimiter) == delimiter then
    local behind = index.after_prefix(after)
    if behind then at = math.max(at, index.lower_bound(keys, behind)) end
  end
  return at
end

--- Goes through the keys behind `after` and the common prefixes among them, in order.
---@param bucket scw.emulator.s3.Bucket
---@param asked scw.emulator.s3.ListQuery
---@param after string
---@param visible fun(key: string): boolean
---@return fun(): string?, boolean? next key or common prefix, and whether it is the latter
local function each(bucket, asked, after, visible)
  local keys = bucket.index:sorted()
  local at = start(keys, asked, after)
  local prefix, delimiter = asked.prefix, asked.delimiter
  return function()
    while keys[at] and keys[at]:sub(1, #prefix) == prefix do
      local key = keys[at]
      local cut = delimiter ~= "" and key:find(delimiter, #prefix + 1, true)
      if not visible(key) then
        at = at + 1
      elseif cut then
        local group = key:sub(1, cut + #delimiter - 1)
        local behind = index.after_prefix(group)
        at = behind and index.lower_bound(keys, behind) or #keys + 1
        return group, true
      else
        at = at + 1
        return key, false
      end
    end
  end
end

local function contents(asked, version, owner)
  local parts = {
    "<Contents>", xml.element("Key", asked.encode(version.key)), xml.element("LastModified", time.iso(version.modified)),
    "<ETag>&#34;", version.etag, "&#34;</ETag><Size>", tostring(version.size), "</Size>", owner,
    "<StorageClass>", version.storage_class, "</StorageClass>",
  }
  if version.checksum then
    parts[#parts + 1] = "<ChecksumAlgorithm>" .. version.checksum.algorithm .. "</ChecksumAlgorithm><ChecksumType>"
      .. version.checksum.type .. "</ChecksumType>"
  end
  parts[#parts + 1] = "</Contents>"
  return table.concat(parts)
end

local function common_prefixes(asked, groups)
  local parts = {}
  for i, group in ipairs(groups) do
    parts[i] = "<CommonPrefixes>" .. xml.element("Prefix", asked.encode(group)) .. "</CommonPrefixes>"
  end
  return table.concat(parts)
end

--- What both forms of the object listing have in common.
local function gather(context, asked, after, owner)
  local objects, entries, groups, last = context.bucket.objects, {}, {}, nil
  local function visible(key) return not objects[key][1].marker end
  for name, grouped in each(context.bucket, asked, after, visible) do
    if #entries + #groups >= asked.limit then return entries, groups, asked.limit > 0, last end
    last = name
    if grouped then groups[#groups + 1] = name else entries[#entries + 1] = contents(asked, objects[name][1], owner) end
  end
  return entries, groups, false
end

local function delimiter_elements(asked)
  return (asked.delimiter ~= "" and xml.element("Delimiter", asked.encode(asked.delimiter)) or "")
    .. (asked.encoded and xml.element("EncodingType", "url") or "")
end

function list.objects(context)
  local asked, err = read_query(context.query)
  if not asked then return nil, err end
  local marker = context.query.marker or ""
  local entries, groups, truncated, last = gather(context, asked, marker, acl.owner_element(context.bucket.project_id))
  return 200, XML, xml.document("ListBucketResult", table.concat {
    xml.element("Name", context.bucket.name), xml.element("Prefix", asked.encode(asked.prefix)),
    xml.element("Marker", asked.encode(marker)),
    truncated and asked.delimiter ~= "" and xml.element("NextMarker", asked.encode(last)) or "",
    xml.element("MaxKeys", asked.limit), delimiter_elements(asked), xml.element("IsTruncated", truncated), table.concat(entries),
    common_prefixes(asked, groups),
  }, true)
end

function list.objects_v2(context)
  local query = context.query
  local asked, err = read_query(query)
  if not asked then return nil, err end
  local token, after = query["continuation-token"], query["start-after"] or ""
  if token then
    local decoded = token ~= "" and core.unbase64(token)
    if not decoded then return errors.fail("InvalidArgument", "The continuation token provided is incorrect") end
    after = decoded
  end
  local owner = query["fetch-owner"] == "true" and acl.owner_element(context.bucket.project_id) or ""
  local entries, groups, truncated, last = gather(context, asked, after, owner)
  return 200, XML, xml.document("ListBucketResult", table.concat {
    xml.element("Name", context.bucket.name), xml.element("Prefix", asked.encode(asked.prefix)),
    token and xml.element("ContinuationToken", token) or "",
    truncated and xml.element("NextContinuationToken", core.base64(last)) or "",
    query["start-after"] and xml.element("StartAfter", asked.encode(query["start-after"])) or "",
    xml.element("KeyCount", #entries + #groups), xml.element("MaxKeys", asked.limit), delimiter_elements(asked),
    xml.element("IsTruncated", truncated), table.concat(entries), common_prefixes(asked, groups),
  }, true)
end

local function version_entry(asked, version, latest, owner)
  local key = xml.element("Key", asked.encode(version.key))
  local modified = xml.element("LastModified", time.iso(version.modified))
  if version.marker then
    return "<DeleteMarker>" .. xml.element("IsLatest", latest) .. key .. modified .. owner .. xml.element("VersionId", version.id)
      .. "</DeleteMarker>"
  end
  return table.concat {
    "<Version><ETag>&#34;", version.etag, "&#34;</ETag>", xml.element("IsLatest", latest), key, modified, owner,
    "<Size>", tostring(version.size), "</Size><StorageClass>", version.storage_class, "</StorageClass>",
    xml.element("VersionId", version.id),
    version.checksum and "<ChecksumAlgorithm>" .. version.checksum.algorithm .. "</ChecksumAlgorithm><ChecksumType>"
      .. version.checksum.type .. "</ChecksumType>" or "",
    "</Version>",
  }
end

--- Position behind the version `id` in the stack of a key.
local function position_behind(stack, id)
  for i, version in ipairs(stack) do
    if version.id == id then return i + 1 end
  end
  return 1
end

function list.versions(context)
  local query, bucket = context.query, context.bucket
  local asked, err = read_query(query)
  if not asked then return nil, err end
  local marker, id_marker = query["key-marker"] or "", query["version-id-marker"] or ""
  local owner = acl.owner_element(bucket.project_id)
  local entries, groups, last, last_id = {}, {}, nil, nil

  --- Lists a stack from `first` on; false when there was no room for all of it.
  local function add_stack(stack, first)
    for i = first, #stack do
      if #entries + #groups >= asked.limit then return false end
      last, last_id = stack[i].key, stack[i].id
      entries[#entries + 1] = version_entry(asked, stack[i], i == 1, owner)
    end
    return true
  end

  local marked = id_marker ~= "" and bucket.objects[marker]
  local complete = not marked or add_stack(marked, position_behind(marked, id_marker))
  if complete then
    for name, grouped in each(bucket, asked, marker, function() return true end) do
      if #entries + #groups >= asked.limit then complete = false break end
      if grouped then
        last, last_id, groups[#groups + 1] = name, nil, name
      elseif not add_stack(bucket.objects[name], 1) then
        complete = false
        break
      end
    end
  end
  local truncated = not complete and asked.limit > 0
  return 200, XML, xml.document("ListVersionsResult", table.concat {
    xml.element("Name", bucket.name), xml.element("Prefix", asked.encode(asked.prefix)), xml.element("IsTruncated", truncated),
    xml.element("KeyMarker", asked.encode(marker)), xml.element("VersionIdMarker", id_marker),
    truncated and xml.element("NextKeyMarker", asked.encode(last)) or "",
    truncated and last_id and xml.element("NextVersionIdMarker", last_id) or "",
    xml.element("MaxKeys", asked.limit), delimiter_elements(asked), table.concat(entries), common_prefixes(asked, groups),
  }, true)
end

return list
