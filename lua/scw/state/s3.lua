--- State objects in a bucket. Every condition is the service's; an outcome nobody knows is settled by reading back.
local core = require "core"
local errors = require "scw.errors"

local s3 = {}

local ATTEMPTS = 5
local PAUSE_MS = 400

---@class scw.state.S3Backend: scw.state.Backend
---@field storage scw.ObjectStorage
---@field bucket string
---@field on_message? fun(line: string)
---@field sleep fun(ms: number): boolean|nil, table|nil
local methods = {}
local metatable = { __index = methods }

---@param facts { storage: scw.ObjectStorage, bucket: string, on_message?: fun(line: string),
---  sleep?: fun(ms: number): boolean|nil, table|nil } `sleep` is `core.sleep` unless given
---@return scw.state.S3Backend
function s3.new(facts)
  return setmetatable({
    storage = facts.storage, bucket = facts.bucket, on_message = facts.on_message, sleep = facts.sleep or core.sleep,
  }, metatable)
end

---@param key? string
---@return string
function methods:describe(key) return "s3://" .. self.bucket .. (key and "/" .. key or "") end

--- The service's time, from its latest answer; in whole seconds there, so up to one second late.
---@return number
function methods:now() return self.storage:now() end

function methods:get(key, quiet)
  local bytes, facts = self.storage:get(self.bucket, key, { quiet = quiet })
  if not bytes then return nil, facts end
  return bytes, facts.etag
end

local function condition_failed(self, key)
  return nil, { kind = "condition", message = self:describe(key) .. " was changed by somebody else" }
end

--- After a refusal or an unknown outcome: did this very write land? Every write is unlike all others, so the bytes tell.
---@param self scw.state.S3Backend
---@return string|boolean|nil outcome the etag; false: it did not, and may be tried again; nil: it lost
---@return table|nil err
local function settle(self, key, bytes, condition)
  local present, etag = self:get(key)
  if present == bytes then return etag end
  if not present and etag.kind ~= "not_found" then return nil, etag end
  if condition.if_none_match and present then return condition_failed(self, key) end
  if condition.if_match and (not present or etag ~= condition.if_match) then return condition_failed(self, key) end
  return false
end

function methods:put(key, bytes, condition)
  local last
  for attempt = 1, ATTEMPTS do
    local etag, err = self.storage:put(self.bucket, key, bytes, condition)
    if etag then return etag end
    last = err
    local gone = err.kind == "not_found" and err.type ~= "NoSuchBucket"
    if gone and condition and condition.if_match then return condition_failed(self, key) end
    local open = err.kind == "condition" or err.uncertain or err.kind == "busy"
    if not condition or not open or err.kind == "cancelled" then return nil, err end
    local outcome, failure = settle(self, key, bytes, condition)
    if outcome then return outcome end
    if outcome == nil then return nil, failure end
    if attempt < ATTEMPTS then
      local slept, interrupted = self.sleep(PAUSE_MS * attempt)
      if not slept then return nil, interrupted end
    end
  end
  return nil, last
end

--- Twice is fine: what the etag names does not change, so neither does the copy.
function methods:copy(from, to, etag)
  local made, err = self.storage:copy(self.bucket, from, to, { if_match = etag })
  if made == etag then return true end
  if made then -- of something else, or the service makes an ETag of each write
    made, err = self.storage:head(self.bucket, from)
    if made and made.etag == etag then return true end
    if made then return condition_failed(self, from) end
  end
  if err.kind == "condition" or err.kind == "not_found" and err.type ~= "NoSuchBucket" then return condition_failed(self, from) end
  if err.status == 501 then err.kind = "refused" end -- it will not do so later either
  return nil, err
end

function methods:delete(key, once) return self.storage:delete(self.bucket, key, once and { idempotent = false } or nil) end

--- What services make of the bytes of an object that is written as a whole. One that does it in another way is not served by a guess.
function methods:etag_of(bytes) return core.hex(core.digest("md5", bytes)) end

function methods:farewell(key, bytes, etag, leftover) return self.storage:farewell(self.bucket, key, bytes, etag, leftover) end

function methods:list(prefix)
  local objects, err = self.storage:list(self.bucket, { prefix = prefix })
  if not objects then
    if err.kind == "not_found" then return {} end
    return nil, err
  end
  local keys = {}
  for index, object in ipairs(objects) do keys[index] = object.key end
  return keys
end

local function create_bucket(self)
  local made, err, existed = self.storage:create_bucket(self.bucket, { acl = "private" })
  if made then
    if not existed and self.on_message then
      self.on_message(("made the private bucket %s in %s for the state"):format(self.bucket, self.storage.region))
    end
    return true
  end
  if err.kind == "exists" then
    return nil, errors.new({
      code = "INFRA_001", kind = "exists", message = ("the bucket %s belongs to somebody else"):format(self.bucket),
      hint = "bucket names are unique in the world: choose another one for the state",
    })
  end
  return nil, errors.wrap(err, "cannot make the bucket of the state")
end

local function refused(self, details)
  return nil, errors.new({
    code = "INFRA_011", kind = "condition",
    message = ("the bucket %s does not honour conditional writes: two deployments could overwrite each other"):format(self.bucket),
    details = { details }, hint = "use a bucket without versioning on a service that supports If-Match and If-None-Match",
  })
end

--- A write whose condition does not hold has to be refused. One whose answer is lost says nothing: it is tried again.
local function must_refuse(self, key, condition, what)
  local landed, err
  for attempt = 1, ATTEMPTS do
    landed, err = self.storage:put(self.bucket, key, "two " .. key, condition)
    if landed then return refused(self, what) end
    if err.kind == "condition" or err.kind == "busy" then return true end
    if not err.uncertain then break end
    local slept, interrupted = self.sleep(PAUSE_MS * attempt)
    if not slept then return nil, interrupted end
  end
  return nil, errors.wrap(err, "cannot write to the bucket of the state")
end

local function try_conditions(self, key)
  local etag, err = self:put(key, "one " .. key, { if_none_match = true })
  if not etag then
    if err.status == 501 then return refused(self, "it answers 501") end
    return nil, errors.wrap(err, "cannot write to the bucket of the state")
  end
  local ok
  ok, err = must_refuse(self, key, { if_none_match = true }, "If-None-Match is ignored")
  if not ok then return nil, err end
  ok, err = must_refuse(self, key, { if_match = ("0"):rep(32) }, "If-Match is ignored")
  if not ok then return nil, err end
  ok, err = self:put(key, "three " .. key, { if_match = etag })
  if ok then return true end
  if err.kind == "condition" or err.status == 501 then return refused(self, "If-Match refuses the ETag it gave") end
  return nil, errors.wrap(err, "cannot write to the bucket of the state")
end

local function probe_prefix(name) return name .. ".probe-" end

--- Tries the conditions that everything here rests on, and leaves nothing behind. Twice when it fails: `sweep` may have been in the way.
local function probe(self, name)
  local ok, err
  for _ = 1, 2 do
    local key = probe_prefix(name) .. core.uuid()
    ok, err = try_conditions(self, key)
    self.storage:delete(self.bucket, key)
    if ok or err.kind ~= "condition" and err.kind ~= "not_found" then break end
  end
  return ok, err
end

--- Removes what is left of runs that died while they probed. For who holds the lock of a state that has no snapshot yet.
---@param name string of the state
function methods:sweep(name)
  for _, key in ipairs(self:list(probe_prefix(name)) or {}) do self.storage:delete(self.bucket, key) end
end

--- Makes a missing bucket and tries whether it honours conditions. Called before the first write of a state.
---@param name string of the state
---@return boolean|nil, scw.Error|nil
function methods:prepare(name)
  local facts, err = self.storage:head_bucket(self.bucket)
  if not facts then
    if err.kind == "denied" then
      return nil, errors.new({
        code = "INFRA_003", kind = "denied", message = ("no access to the bucket %s of the state"):format(self.bucket),
        hint = "it belongs to somebody else, or the API key lacks ObjectStorageFullAccess in its project", request_id = err.request_id,
      })
    end
    if err.kind ~= "not_found" then return nil, errors.wrap(err, "cannot reach the bucket of the state") end
    local made
    made, err = create_bucket(self)
    if not made then return nil, err end
  end
  return probe(self, name)
end

return s3
