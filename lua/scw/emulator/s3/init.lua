--- Object Storage as the emulator serves it: one call a request, no socket needed.
---
---     local s3 = require "scw.emulator.s3"
---     local service = s3.new { region = "fr-par", credentials = function(access_key, project_id) … end }
---     local status, headers, body = service:handle { method = "GET", path = "/", query = "", headers = {}, body = "" }
local core = require "core"
local access = require "scw.emulator.s3.access"
local auth = require "scw.emulator.s3.auth"
local checksum = require "scw.emulator.s3.checksum"
local disk = require "scw.emulator.s3.disk"
local errors = require "scw.emulator.s3.errors"
local request = require "scw.emulator.s3.request"
local routes = require "scw.emulator.s3.routes"
local storage = require "scw.emulator.s3.storage"
local versions = require "scw.emulator.s3.versions"

local s3 = {}

---@class scw.emulator.s3.Service
---@field storage scw.emulator.s3.Storage
---@field region string where requests without a signature, and so without a region, are taken to be sent
---@field regions table<string, boolean>
---@field now fun(): number
---@field credentials fun(access_key: string, project_id: string?): table?
---@field requests table<string, integer> how often each operation was asked for: "PUT /{bucket}/{key}?tagging"
---@field signing_keys table<string, any> made before, and their `count`
local methods = {}
local metatable = { __index = methods }

--- The bucket of that name as seen from the caller's region: buckets are regional, their names are global.
---@param name string
---@param caller scw.emulator.s3.Caller
---@return scw.emulator.s3.Bucket?
function methods:bucket(name, caller)
  local bucket = self.storage.buckets[name]
  if bucket and (not caller.region or caller.region == bucket.region) then return bucket end
end

--- The version a request speaks of: nil without a refusal when the caller may not know.
local function version_of(context)
  local id = context.query.versionId
  local version
  if id then
    version = versions.find(context.bucket, context.key, id)
  else
    version = versions.newest(context.bucket, context.key)
  end
  return version, id
end

local function check_version(version, id)
  if not version then return errors.fail(id and "NoSuchVersion" or "NoSuchKey") end
  if not version.marker then return true end
  local refused, err = errors.fail(id and "MethodNotAllowed" or "NoSuchKey")
  err.headers = { ["x-amz-delete-marker"] = "true", ["x-amz-version-id"] = version.id }
  return refused, err
end

--- Is the request what its sender signed, and its body whole? Fills in who sent it.
local function authenticate(self, context)
  local caller, err = auth.identify(context, self, context.now)
  if not caller then return nil, err end
  local ok
  ok, err = auth.payload(context, caller)
  if not ok then return nil, err end
  if context.body ~= "" or context.method == "PUT" or checksum.claimed(context.headers) then
    context.checksum, err = checksum.check(context.headers, context.body)
    if not context.checksum then return nil, err end
  end
  context.caller, context.region = caller, caller.region or self.region
  return true
end

--- Does what the request asks for; what the handlers see of it is `context`.
local function serve(self, context)
  local ok, err = authenticate(self, context)
  if not ok then return nil, err end
  local route, refusal = routes.find(context)
  if not route then return errors.fail(refusal) end
  if not context.bucket_name or route[2] == "s3:CreateBucket" then return route[1](context) end
  context.bucket = self:bucket(context.bucket_name, context.caller)
  if not context.bucket then return errors.fail("NoSuchBucket") end
  local version, id = nil, nil
  if context.key then version, id = version_of(context) end
  function context.allows(action, key, other, bucket)
    return access.allows(bucket or context.bucket, context.caller, action, key, other)
  end
  local action = id and route.versioned_action or route[2]
  if action and not context.allows(action, context.key, version) then return errors.fail("AccessDenied") end
  if route.version then
    ok, err = check_version(version, id)
    if not ok then return nil, err end
    context.version = version
  end
  return route[1](context)
end

local function request_id(now)
  return ("txg%s-%010x"):format(core.hex(core.random(10)), math.floor(now))
end

--- Answers a request.
---@param raw table `{method, path (percent-encoded), query (raw), headers (lower-case names), body}`
---@return integer status
---@return table<string, string> headers
---@return string body
function methods:handle(raw)
  local now = self.now()
  local id = request_id(now)
  local status, headers, body
  local context, err = request.parse(raw)
  local operation = context and routes.name(context) or "unknown"
  self.requests[operation] = (self.requests[operation] or 0) + 1
  if context then
    context.service, context.now = self, now
    status, headers, body = serve(self, context)
    if not status then err = headers end
  end
  if not status then
    status, headers = err.status, err.headers or {}
    body = status == 304 and "" or errors.body(err, request.resource(context or {}), id)
    if status ~= 304 then headers["content-type"] = "application/xml" end
  end
  local complete = { ["x-amz-request-id"] = id, ["x-amz-id-2"] = id }
  if body ~= "" then complete["content-type"] = "text/xml; charset=utf-8" end
  for name, value in pairs(headers) do complete[name] = value end
  if raw.method == "HEAD" then body = "" end
  return status, complete, body
end

--- How many buckets and objects there are, by type.
---@return table<string, integer>
function methods:objects()
  local objects = 0
  for _, bucket in pairs(self.storage.buckets) do objects = objects + bucket.index.count end
  return { bucket = self.storage.names.count, object = objects }
end

--- Does the project own a bucket?
---@param project_id string
---@return boolean
function methods:project_in_use(project_id)
  for _, bucket in pairs(self.storage.buckets) do
    if bucket.project_id == project_id then return true end
  end
  return false
end

--- Forgets every bucket, object and count.
function methods:reset()
  self.storage:reset()
  self.requests = {}
end

--- Starts an Object Storage on what `store` or `disk` kept.
---@param options table `credentials(access_key, project_id)` -> `{secret_key=, project_id=, principal=, owner=}` | nil is required;
---`region` (fr-par), `regions` (list), `now` (real time), `store` (an emulator store; kept on its file when it has one), `disk`
---@return scw.emulator.s3.Service
function s3.new(options)
  local regions = {}
  for _, region in ipairs(options.regions or { "fr-par", "nl-ams", "pl-waw", "it-mil" }) do regions[region] = true end
  local kept = options.disk
  if not kept and options.store and options.store.database then kept = disk.new(options.store) end
  return setmetatable({
    storage = storage.new(kept), region = options.region or "fr-par", regions = regions, now = options.now or core.now,
    credentials = options.credentials, signing_keys = { count = 0 }, requests = {},
  }, metatable)
end

return s3
