--- Object storage: buckets, their sub-resources and objects, over S3. ETags are bare here: unquoted when sent (several
--- servers refuse the quoted form in conditions) and unquoted when returned.
local api_errors = require "scw.api.errors"
local attempts = require "scw.api.attempts"
local core = require "core"
local dates = require "scw.api.dates"

local object_storage = {}

local TIMEOUT_MS = 60000
local CONNECT_TIMEOUT_MS = 30000
local BATCH = 1000
local PRODUCT = "object storage"

---@class scw.ObjectStorage
---@field client scw.Client
---@field region string
---@field endpoint string
---@field access_key string
---@field path_style boolean
local methods = {}
local metatable = { __index = methods, __name = "scw.ObjectStorage" }

---@param client scw.Client whose credentials, limits and clock are used
---@param place? { region: string|nil, project: string|nil, endpoint: string|nil, path_style: boolean|nil } project: act in that
--- one, not in the key's default project
---@return scw.ObjectStorage
function object_storage.new(client, place)
  place = place or {}
  local credentials = client.credentials
  local region = place.region or credentials.region
  local custom = place.endpoint or credentials.s3_endpoint
  local path_style = place.path_style
  if path_style == nil then path_style = credentials.path_style end
  if path_style == nil then path_style = custom ~= nil and not custom:find("%.scw%.cloud$") end
  return setmetatable({
    client = client, region = region,
    endpoint = custom or ("https://s3.%s.scw.cloud"):format(region),
    access_key = place.project and ("%s@%s"):format(credentials.access_key, place.project) or credentials.access_key,
    path_style = path_style,
  }, metatable)
end

-- reading XML ----------------------------------------------------------------------------------------------------

local function child(node, name)
  for _, item in ipairs(node) do
    if item.name == name then return item end
  end
end

local function text(node, name)
  local item = child(node, name)
  return item and item.text or nil
end

local function unquote(etag)
  return etag and (etag:gsub('^W/', ""):gsub('^"(.*)"$', "%1")) or nil
end

--- A key of a list that was asked for with encoding-type=url.
local function decode_key(key)
  return key and (core.uri_decode((key:gsub("+", " "))) or key) or nil
end

-- requests -------------------------------------------------------------------------------------------------------

--- An S3 error document as the fields that errors are made of; nil when it is something else.
local function error_of(response)
  local node = response.body ~= "" and core.xml_decode(response.body) or nil
  if not node or node.name ~= "Error" then return nil end
  return { type = text(node, "Code"), message = text(node, "Message"), request_id = text(node, "RequestId") }
end

--- What went wrong, as fields; nil when nothing did. A service that has to work long says 200 first, and how it went in the body.
local function failure_of(response, call)
  if response.status >= 300 then return error_of(response) or {} end
  local belated = call.belated and error_of(response)
  if not belated then return nil end
  response.status = 500
  return belated
end

local function exchange(self, request, call)
  local rate, client = self.client.rate, self.client
  local ticket, failure = rate:acquire(self.endpoint)
  if not ticket then return nil, nil, api_errors.unanswered(call, failure) end
  local began = core.clock()
  local response
  response, failure = core.s3(request)
  local body = response and failure_of(response, call)
  local limited = response and (response.status == 429 or body and body.type == "SlowDown")
  rate:release(self.endpoint, ticket, limited and "limited" or response and response.status < 500 and "ok" or nil)
  if client.trace then
    client.trace { method = call.method, path = call.path, status = response and response.status, ms = core.clock() - began,
      kind = failure and failure.kind, request_id = response and response.headers["x-amz-request-id"] }
  end
  if not response then return nil, nil, api_errors.unanswered(call, failure) end
  client.answered = core.clock()
  local date = dates.seconds(response.headers.date)
  if date then self.told = { date = date, at = core.clock() } end
  if not body then return response, response end
  local err = api_errors.answered(call, response, body)
  err.retry_after = response.headers["retry-after"]
  return nil, nil, err
end

--- One request with its retries. What carries a condition is not repeated once it may have reached the service: a lost
--- answer would come back as a failed condition. The error then says `uncertain`.
---@class scw.StorageRequest
---@field method string
---@field bucket? string
---@field key? string
---@field query? { [1]: string, [2]: string }[]
---@field headers? table<string, string> names in lower case
---@field body? string
---@field idempotent? boolean
---@field quiet? boolean nobody is told of retries
---@field belated? boolean an answer of 200 may hold an error
---@field timeout_ms? integer
---@field address? string

---@param options scw.StorageRequest
---@return table for `core.s3`
local function prepared(self, options)
  local credentials, client = self.client.credentials, self.client
  local headers = { ["user-agent"] = client.user_agent }
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  if options.body then headers["content-md5"] = core.base64(assert(core.digest("md5", options.body))) end
  return {
    method = options.method, endpoint = self.endpoint, region = self.region, bucket = options.bucket, key = options.key,
    query = options.query, headers = headers, body = options.body,
    access_key = self.access_key, secret_key = credentials.secret_key,
    path_style = self.path_style or (options.bucket ~= nil and options.bucket:find(".", 1, true) ~= nil), -- no certificate for a.b.s3
    timeout_ms = options.timeout_ms or TIMEOUT_MS, connect_timeout_ms = CONNECT_TIMEOUT_MS, insecure = credentials.insecure or false,
  }
end

---@param options scw.StorageRequest
---@return table|nil response
---@return scw.ApiError|nil err
function methods:request(options)
  local client, request = self.client, prepared(self, options)
  local headers = request.headers
  local conditional = headers["if-match"] or (headers["if-none-match"] and options.method ~= "GET" and options.method ~= "HEAD")
  local path = "/" .. (options.bucket or "") .. (options.key and "/" .. options.key or "")
  local sub = options.query and options.query[1]
  local call = {
    method = options.method, path = path .. (sub and sub[2] == "" and "?" .. sub[1] or ""), product = PRODUCT, address = options.address,
    belated = options.belated, secrets = { client.credentials.secret_key },
  }
  local idempotent = options.idempotent
  if idempotent == nil then idempotent = not conditional end
  local response, err = attempts.run {
    idempotent = idempotent, call = call, on_retry = not options.quiet and client.on_retry or nil,
    try = function() return exchange(self, request, call) end,
    sleep = function(ms) return client:sleep(ms) end,
  }
  if not response then return nil, err end
  return response
end

local function xml_of(self, options)
  local response, err = self:request(options)
  if not response then return nil, err end
  local node, failure = core.xml_decode(response.body)
  if not node then
    failure.sent = true
    return nil, api_errors.unanswered({ method = options.method, path = "/" .. (options.bucket or "") }, failure)
  end
  return node, response
end

--- The service's time in seconds since 1970 as its latest answer told, which is in whole seconds; this machine's before the first.
---@return number
function methods:now() return self.told and self.told.date + (core.clock() - self.told.at) / 1000 or core.now() end

-- buckets --------------------------------------------------------------------------------------------------------

--- Names of the buckets of the project.
---@return string[]|nil, scw.ApiError|nil
function methods:buckets()
  local node, err = xml_of(self, { method = "GET" })
  if not node then return nil, err end
  local names = {}
  for _, bucket in ipairs(child(node, "Buckets") or {}) do names[#names + 1] = text(bucket, "Name") end
  table.sort(names)
  return names
end

--- When a bucket of the project was made, as the service tells it; nil when there is none of this name.
---@param bucket string
---@return string|nil timestamp, scw.ApiError|nil
function methods:bucket_created(bucket)
  local node, err = xml_of(self, { method = "GET" })
  if not node then return nil, err end
  for _, one in ipairs(child(node, "Buckets") or {}) do
    if text(one, "Name") == bucket then return text(one, "CreationDate") or "" end
  end
  return nil
end

---@param bucket string
---@param options? { acl: string|nil, object_lock: boolean|nil }
---@return true|nil, scw.ApiError|nil err kind `exists` when someone else has the name
---@return boolean existed it was ours already
---@return boolean? doubtful an earlier attempt of this call may have made it
function methods:create_bucket(bucket, options)
  options = options or {}
  local body = core.xml_encode {
    name = "CreateBucketConfiguration", attributes = { xmlns = "http://s3.amazonaws.com/doc/2006-03-01/" },
    { name = "LocationConstraint", text = self.region },
  }
  local response, err = self:request {
    method = "PUT", bucket = bucket, body = body,
    headers = {
      ["content-type"] = "application/xml", ["x-amz-acl"] = options.acl,
      ["x-amz-bucket-object-lock-enabled"] = options.object_lock and "true" or nil,
    },
  }
  if response then return true, nil, false end
  if err.type == "BucketAlreadyOwnedByYou" then return true, nil, true, err.uncertain end
  return nil, err, false
end

--- Is it there, and ours to use? The error's kind is `not_found`, or `denied` when it is someone else's.
---@param bucket string
---@return { region: string|nil }|nil, scw.ApiError|nil
function methods:head_bucket(bucket)
  local response, err = self:request { method = "HEAD", bucket = bucket }
  if not response then return nil, err end
  return { region = response.headers["x-amz-bucket-region"] }
end

--- Deletes an empty bucket; one that is gone already is fine.
---@param bucket string
---@return true|nil, scw.ApiError|nil
function methods:delete_bucket(bucket)
  local response, err = self:request { method = "DELETE", bucket = bucket }
  if not response and err.kind ~= "not_found" then return nil, err end
  return true
end

local function sub_resource(part) return { { part, "" } } end

--- A sub-resource (`tagging`, `cors`, `lifecycle`, `versioning`, …) as an XML tree; `policy` as its text. When the bucket
--- has none, the error's kind is `not_found`.
---@param bucket string
---@param part string
---@param key? string of an object that has the sub-resource
---@return table|string|nil, scw.ApiError|nil
function methods:get_part(bucket, part, key)
  local options = { method = "GET", bucket = bucket, key = key, query = sub_resource(part) }
  if part == "policy" then
    local response, err = self:request(options)
    if not response then return nil, err end
    return response.body
  end
  local node, err = xml_of(self, options)
  if not node then return nil, err end
  return node
end

---@param bucket string
---@param part string
---@param body string|table an XML tree, or text
---@param options? { key: string|nil, headers: table|nil }
---@return true|nil, scw.ApiError|nil
function methods:put_part(bucket, part, body, options)
  options = options or {}
  if type(body) == "table" then body = assert(core.xml_encode(body)) end
  local headers = { ["content-type"] = part == "policy" and "application/json" or "application/xml" }
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  local response, err = self:request {
    method = "PUT", bucket = bucket, key = options.key, query = sub_resource(part), headers = headers, body = body,
  }
  if not response then return nil, err end
  return true
end

---@param bucket string
---@param part string
---@return true|nil, scw.ApiError|nil
function methods:delete_part(bucket, part)
  local response, err = self:request { method = "DELETE", bucket = bucket, query = sub_resource(part) }
  if not response and err.kind ~= "not_found" then return nil, err end
  return true
end

-- lists ----------------------------------------------------------------------------------------------------------

---@class scw.StoredObject
---@field key string
---@field size integer
---@field etag string
---@field last_modified string

--- Every object under a prefix, in the order of keys.
---@param bucket string
---@param options? { prefix: string|nil, delimiter: string|nil }
---@return scw.StoredObject[]|nil objects
---@return string[]|scw.ApiError|nil prefixes with a delimiter, or the error
function methods:list(bucket, options)
  options = options or {}
  local objects, prefixes, token = {}, {}, nil
  repeat
    local query = { { "list-type", "2" }, { "encoding-type", "url" }, { "max-keys", tostring(BATCH) }, { "prefix", options.prefix or "" } }
    if options.delimiter then query[#query + 1] = { "delimiter", options.delimiter } end
    if token then query[#query + 1] = { "continuation-token", token } end
    local node, err = xml_of(self, { method = "GET", bucket = bucket, query = query })
    if not node then return nil, err end
    local decode = child(node, "EncodingType") and decode_key or function(key) return key end
    for _, item in ipairs(node) do
      if item.name == "Contents" then
        objects[#objects + 1] = {
          key = decode(text(item, "Key")), size = math.tointeger(tonumber(text(item, "Size"))) or 0,
          etag = unquote(text(item, "ETag")), last_modified = text(item, "LastModified"),
        }
      elseif item.name == "CommonPrefixes" then
        prefixes[#prefixes + 1] = decode(text(item, "Prefix"))
      end
    end
    local truncated = text(node, "IsTruncated") == "true"
    token = truncated and text(node, "NextContinuationToken") or nil
    if truncated and not token then
      return nil, api_errors.unanswered({ method = "GET", path = "/" .. bucket, product = PRODUCT },
        { kind = "invalid", message = "the list is incomplete: there is more, but the answer does not say from where", sent = true })
    end
  until not token
  return objects, prefixes
end

--- Every version and delete marker under a prefix.
---@param bucket string
---@param options? { prefix: string|nil }
---@return { key: string, version_id: string, latest: boolean, delete_marker: boolean }[]|nil, scw.ApiError|nil
function methods:list_versions(bucket, options)
  options = options or {}
  local versions, key_marker, version_marker = {}, nil, nil
  repeat
    local query = { { "versions", "" }, { "encoding-type", "url" }, { "max-keys", tostring(BATCH) }, { "prefix", options.prefix or "" } }
    if key_marker then query[#query + 1] = { "key-marker", key_marker } end
    if version_marker then query[#query + 1] = { "version-id-marker", version_marker } end
    local node, err = xml_of(self, { method = "GET", bucket = bucket, query = query })
    if not node then return nil, err end
    local decode = child(node, "EncodingType") and decode_key or function(key) return key end
    for _, item in ipairs(node) do
      if item.name == "Version" or item.name == "DeleteMarker" then
        versions[#versions + 1] = {
          key = decode(text(item, "Key")), version_id = text(item, "VersionId"), latest = text(item, "IsLatest") == "true",
          delete_marker = item.name == "DeleteMarker",
        }
      end
    end
    local truncated = text(node, "IsTruncated") == "true"
    key_marker = truncated and decode(text(node, "NextKeyMarker")) or nil
    version_marker = truncated and text(node, "NextVersionIdMarker") or nil
  until not key_marker
  return versions
end

local function delete_batch(self, bucket, batch, headers)
  local document = { name = "Delete", { name = "Quiet", text = "true" } }
  for _, object in ipairs(batch) do
    local node = { name = "Object", { name = "Key", text = object.key } }
    if object.version_id then node[2] = { name = "VersionId", text = object.version_id } end
    document[#document + 1] = node
  end
  local node, err = xml_of(self, {
    method = "POST", bucket = bucket, query = sub_resource "delete", body = assert(core.xml_encode(document)), headers = headers,
    idempotent = true,
  })
  if not node then return nil, err end
  local failed = {}
  for _, item in ipairs(node) do
    if item.name == "Error" then failed[#failed + 1] = item end
  end
  if #failed == 0 then return true end
  local first = failed[1]
  err = api_errors.answered({ method = "POST", path = "/" .. bucket .. "?delete", product = PRODUCT }, { status = 409, headers = {} },
    { type = text(first, "Code"), message = ("%d of %d objects stay"):format(#failed, #batch) })
  err.kind = text(first, "Code") == "AccessDenied" and "denied" or "busy"
  for i = 1, math.min(#failed, 10) do
    err.details[#err.details + 1] = ("%s: %s"):format(text(failed[i], "Key") or "?", text(failed[i], "Code") or "?")
  end
  return nil, err
end

--- Deletes objects, or versions of them, a thousand at a time.
---@param bucket string
---@param objects { key: string, version_id: string|nil }[]
---@param options? { bypass_governance: boolean|nil }
---@return true|nil, scw.ApiError|nil
function methods:delete_many(bucket, objects, options)
  local headers = { ["content-type"] = "application/xml" }
  if options and options.bypass_governance then headers["x-amz-bypass-governance-retention"] = "true" end
  for first = 1, #objects, BATCH do
    local ok, err = delete_batch(self, bucket, table.move(objects, first, math.min(first + BATCH - 1, #objects), 1, {}), headers)
    if not ok then return nil, err end
  end
  return true
end

-- objects --------------------------------------------------------------------------------------------------------

---@class scw.ObjectFacts
---@field etag string
---@field size integer
---@field content_type? string
---@field last_modified? string
---@field version_id? string
---@field metadata table<string, string>

local function facts_of(response)
  local headers, metadata = response.headers, {}
  for name, value in pairs(headers) do
    local key = name:match("^x%-amz%-meta%-(.+)$")
    if key then metadata[key] = value end
  end
  return {
    etag = unquote(headers.etag), size = math.tointeger(tonumber(headers["content-length"])) or #response.body,
    content_type = headers["content-type"], last_modified = headers["last-modified"], version_id = headers["x-amz-version-id"],
    metadata = metadata,
  }
end

local function version_query(options)
  return options and options.version_id and { { "versionId", options.version_id } } or nil
end

--- The content of an object. With `if_none_match`, an unchanged one is an error of kind `unchanged`.
---@param bucket string
---@param key string
---@param options? { version_id: string|nil, if_none_match: string|nil, range: string|nil, quiet: boolean|nil }
---@return string|nil content
---@return scw.ObjectFacts|scw.ApiError facts
function methods:get(bucket, key, options)
  local response, err = self:request {
    method = "GET", bucket = bucket, key = key, query = version_query(options), quiet = options and options.quiet,
    headers = { ["if-none-match"] = options and options.if_none_match, range = options and options.range },
  }
  if not response then return nil, err end
  return response.body, facts_of(response)
end

---@param bucket string
---@param key string
---@param options? { version_id: string|nil }
---@return scw.ObjectFacts|nil, scw.ApiError|nil
function methods:head(bucket, key, options)
  local response, err = self:request { method = "HEAD", bucket = bucket, key = key, query = version_query(options) }
  if not response then return nil, err end
  return facts_of(response)
end

--- Writes an object. A condition that does not hold is an error of kind `condition`; an outcome nobody knows (no answer,
--- 5xx) of a conditional write has `uncertain`: read back before deciding.
---@param bucket string
---@param key string
---@param content string
---@class scw.PutOptions
---@field if_match? string an ETag
---@field if_none_match? boolean only when there is none
---@field content_type? string
---@field metadata? table<string, string>
---@field acl? string
---@field headers? table<string, string>

---@param options? scw.PutOptions
---@return string|nil etag
---@return scw.ObjectFacts|scw.ApiError facts
function methods:put(bucket, key, content, options)
  options = options or {}
  local headers = {
    ["content-type"] = options.content_type or "application/octet-stream", ["x-amz-acl"] = options.acl,
    ["if-match"] = unquote(options.if_match), ["if-none-match"] = options.if_none_match and "*" or nil,
  }
  for name, value in pairs(options.metadata or {}) do headers["x-amz-meta-" .. name:lower()] = value end
  for name, value in pairs(options.headers or {}) do headers[name:lower()] = value end
  local response, err = self:request { method = "PUT", bucket = bucket, key = key, headers = headers, body = content }
  if not response then return nil, err end
  local facts = facts_of(response)
  facts.size = #content
  return facts.etag, facts
end

--- Has the service copy an object within a bucket, over what is there. The error's kind is `condition` when the object has another ETag.
--- A service that takes this for the write of an empty object gets it removed, and counts as one that answered 501.
---@param bucket string
---@param from string key
---@param to string key
---@param options? { if_match: string|nil } the ETag that the object has to have
---@return string|nil etag of the copy
---@return scw.ApiError|nil err
function methods:copy(bucket, from, to, options)
  local condition = unquote(options and options.if_match)
  local response, err = self:request {
    method = "PUT", bucket = bucket, key = to, belated = true, headers = {
      ["x-amz-copy-source"] = core.uri_encode("/" .. bucket .. "/" .. from, true),
      ["x-amz-copy-source-if-match"] = condition, ["x-amz-copy-if-match"] = condition, -- the latter is how Ceph calls it
    },
  }
  if not response then return nil, err end
  local node = core.xml_decode(response.body)
  if node and node.name == "CopyObjectResult" then return unquote(text(node, "ETag")) or "" end
  self:delete(bucket, to)
  return nil, api_errors.answered({ method = "PUT", path = ("/%s/%s"):format(bucket, to), product = PRODUCT },
    { status = 501, headers = {} }, { message = "the service does not copy" })
end

--- Has an object replaced when this process ends, unless it is withdrawn before (see core/farewell.h).
---@param bucket string
---@param key string
---@param content string
---@param if_match string the ETag of what may be replaced
---@param leftover? string a file to remove when that worked
---@return { withdraw: fun(self) }|nil, table|nil err
function methods:farewell(bucket, key, content, if_match, leftover)
  local request = prepared(self, {
    method = "PUT", bucket = bucket, key = key, body = content,
    headers = { ["content-type"] = "application/octet-stream", ["if-match"] = if_match },
  })
  request.leftover = leftover
  return core.farewell_s3(request)
end

--- Deletes an object or one of its versions; one that is gone already is fine.
---@param bucket string
---@param key string
---@param options? { version_id: string|nil, if_match: string|nil, bypass_governance: boolean|nil, idempotent: boolean|nil } idempotent:
--- false when somebody may have put another object there before it is sent again
---@return true|nil, scw.ApiError|nil
function methods:delete(bucket, key, options)
  options = options or {}
  local response, err = self:request {
    method = "DELETE", bucket = bucket, key = key, query = version_query(options), idempotent = options.idempotent,
    headers = {
      ["if-match"] = unquote(options.if_match), ["x-amz-bypass-governance-retention"] = options.bypass_governance and "true" or nil,
    },
  }
  if not response and err.kind ~= "not_found" then return nil, err end
  return true
end

--- Deletes everything in a bucket, every version included.
---@param bucket string
---@param options? { bypass_governance: boolean|nil }
---@return integer|nil count
---@return scw.ApiError|nil err
function methods:empty(bucket, options)
  local versions, err = self:list_versions(bucket)
  if not versions then return nil, err end
  for _, version in ipairs(versions) do
    if version.version_id == "" then version.version_id = nil end
  end
  local ok
  ok, err = self:delete_many(bucket, versions, options)
  if not ok then return nil, err end
  return #versions
end

return object_storage
