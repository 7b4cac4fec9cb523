--- What Object Storage remembers: buckets, versions of objects, uploads; in tables, and on a disk when there is one.
local index = require "scw.emulator.s3.index"
local json = require "scw.json"

local storage = {}

--- Where things survive a restart. Bodies are read from it on demand; the rest is loaded once.
---@class scw.emulator.s3.Disk
---@field put fun(self, collection: string, key: string, bytes: string)
---@field get fun(self, collection: string, key: string): string?
---@field delete fun(self, collection: string, key: string)
---@field clear fun(self, collection: string)
---@field each fun(self, collection: string): (fun(): string?, string?) iterator over key and bytes, any order

---@class scw.emulator.s3.Bucket
---@field name string
---@field region string
---@field project_id string
---@field created number
---@field versioning? "Enabled"|"Suspended"
---@field lock_enabled? boolean
---@field grants scw.emulator.s3.Grant[]
---@field configuration table<string, any> by sub-resource
---@field objects table<string, scw.emulator.s3.Version[]> newest first; not saved with the bucket
---@field index scw.emulator.s3.Index the keys of `objects`
---@field uploads table<string, scw.emulator.s3.Upload>

---@class scw.emulator.s3.Version
---@field key string
---@field id string version id, `null` when made without versioning
---@field order integer later ones have larger numbers
---@field modified number
---@field marker? boolean a delete marker: nothing below is set
---@field size integer
---@field etag string without quotes
---@field headers table<string, string> content-type and its kind
---@field metadata table<string, string>
---@field storage_class string
---@field tags? table[] `{key, value}` each
---@field grants scw.emulator.s3.Grant[]
---@field checksum? scw.emulator.s3.Checksum
---@field parts? integer[] sizes of the parts
---@field retention? table `{mode=, until_date=}` epoch seconds
---@field legal_hold? boolean
---@field restored_until? number
---@field encryption? table `{algorithm=, key_id=}`

---@class scw.emulator.s3.Upload
---@field id string
---@field key string
---@field created number
---@field version table what the finished object will have
---@field checksum_algorithm? string
---@field checksum_type? string
---@field parts table<integer, table> by number: `{number=, size=, etag=, modified=, checksum=, body=}`

---@class scw.emulator.s3.Storage
---@field buckets table<string, scw.emulator.s3.Bucket>
---@field names scw.emulator.s3.Index
---@field private disk? scw.emulator.s3.Disk
---@field private bodies table<string, string> without a disk
---@field private last integer
local methods = {}
local metatable = { __index = methods }

local BUCKETS, VERSIONS, UPLOADS, PARTS, BODIES = "s3_buckets", "s3_versions", "s3_uploads", "s3_parts", "s3_bodies"
local COLLECTIONS = { BUCKETS, VERSIONS, UPLOADS, PARTS, BODIES }

local function join(...) return table.concat({ ... }, "\0") end

--- A copy without the named fields, for the disk.
local function without(record, ...)
  local copy = {}
  for name, value in pairs(record) do copy[name] = value end
  for _, name in ipairs { ... } do copy[name] = nil end
  return copy
end

local function encode(record) return assert(json.encode(record)) end

function methods:note_order(order)
  if order > self.last then self.last = order end
end

--- Larger than all before; close to the microseconds since 1970, as the service's version ids are.
---@param now number
---@return integer
function methods:next_order(now)
  self.last = math.max(self.last + 1, math.floor(now * 1000000))
  return self.last
end

---@param bucket scw.emulator.s3.Bucket
function methods:save_bucket(bucket)
  self.buckets[bucket.name] = bucket
  self.names:add(bucket.name)
  if self.disk then self.disk:put(BUCKETS, bucket.name, encode(without(bucket, "objects", "index", "uploads"))) end
end

--- Forgets an empty bucket, with the uploads that were never finished.
---@param bucket scw.emulator.s3.Bucket
function methods:remove_bucket(bucket)
  local ids = {}
  for id in pairs(bucket.uploads) do ids[#ids + 1] = id end
  for _, id in ipairs(ids) do self:remove_upload(bucket, bucket.uploads[id]) end
  self.buckets[bucket.name] = nil
  self.names:remove(bucket.name)
  if self.disk then self.disk:delete(BUCKETS, bucket.name) end
end

local function put_body(self, key, body)
  if self.disk then self.disk:put(BODIES, key, body) else self.bodies[key] = body end
end

local function remove_body(self, key)
  if self.disk then self.disk:delete(BODIES, key) else self.bodies[key] = nil end
end

local function body_of(self, key)
  if self.disk then return self.disk:get(BODIES, key) end
  return self.bodies[key]
end

local function version_key(bucket, version) return join(bucket.name, version.key, tostring(version.order)) end

--- Puts a version on top of its key; `body` is nil for a delete marker.
---@param bucket scw.emulator.s3.Bucket
---@param version scw.emulator.s3.Version
---@param body? string
function methods:add_version(bucket, version, body)
  local stack = bucket.objects[version.key]
  if stack then
    table.insert(stack, 1, version)
  else
    bucket.objects[version.key] = { version }
    bucket.index:add(version.key)
  end
  if body then put_body(self, version_key(bucket, version), body) end
  self:save_version(bucket, version)
end

--- Saves what changed in a version that is already there.
function methods:save_version(bucket, version)
  if self.disk then self.disk:put(VERSIONS, version_key(bucket, version), encode(version)) end
end

---@param bucket scw.emulator.s3.Bucket
---@param version scw.emulator.s3.Version
function methods:remove_version(bucket, version)
  local stack = bucket.objects[version.key]
  for i, other in ipairs(stack) do
    if other == version then
      table.remove(stack, i)
      break
    end
  end
  if #stack == 0 then
    bucket.objects[version.key] = nil
    bucket.index:remove(version.key)
  end
  local key = version_key(bucket, version)
  if not version.marker then remove_body(self, key) end
  if self.disk then self.disk:delete(VERSIONS, key) end
end

---@return string
function methods:body(bucket, version)
  return assert(body_of(self, version_key(bucket, version)), "the body of a version is missing")
end

local function part_key(bucket, upload, number) return join(bucket.name, "upload", upload.id, tostring(number)) end

---@param bucket scw.emulator.s3.Bucket
---@param upload scw.emulator.s3.Upload
function methods:add_upload(bucket, upload)
  bucket.uploads[upload.id] = upload
  if self.disk then self.disk:put(UPLOADS, join(bucket.name, upload.id), encode(without(upload, "parts"))) end
end

function methods:add_part(bucket, upload, part, body)
  upload.parts[part.number] = part
  local key = part_key(bucket, upload, part.number)
  put_body(self, key, body)
  if self.disk then self.disk:put(PARTS, key, encode(part)) end
end

---@return string
function methods:part_body(bucket, upload, number)
  return assert(body_of(self, part_key(bucket, upload, number)), "the body of a part is missing")
end

function methods:remove_upload(bucket, upload)
  bucket.uploads[upload.id] = nil
  for number in pairs(upload.parts) do
    local key = part_key(bucket, upload, number)
    remove_body(self, key)
    if self.disk then self.disk:delete(PARTS, key) end
  end
  if self.disk then self.disk:delete(UPLOADS, join(bucket.name, upload.id)) end
end

--- Forgets everything, on the disk too.
function methods:reset()
  self.buckets, self.names, self.bodies = {}, index.new(), {}
  if not self.disk then return end
  for _, collection in ipairs(COLLECTIONS) do self.disk:clear(collection) end
end

local function load(self)
  local decode = function(bytes) return assert(json.decode(bytes)) end
  for name, bytes in self.disk:each(BUCKETS) do
    local bucket = decode(bytes)
    bucket.objects, bucket.index, bucket.uploads = {}, index.new(), {}
    self.buckets[name] = bucket
    self.names:add(name)
  end
  for key, bytes in self.disk:each(VERSIONS) do
    local version = decode(bytes)
    local bucket = self.buckets[key:match("^[^\0]+")]
    local stack = bucket.objects[version.key]
    if not stack then
      stack = {}
      bucket.objects[version.key] = stack
      bucket.index:add(version.key)
    end
    stack[#stack + 1] = version
    self:note_order(version.order)
  end
  for _, bucket in pairs(self.buckets) do
    for _, stack in pairs(bucket.objects) do
      table.sort(stack, function(a, b) return a.order > b.order end)
    end
  end
  for key, bytes in self.disk:each(UPLOADS) do
    local upload = decode(bytes)
    upload.parts = {}
    self.buckets[key:match("^[^\0]+")].uploads[upload.id] = upload
  end
  for key, bytes in self.disk:each(PARTS) do
    local part = decode(bytes)
    local bucket, id = key:match("^([^\0]+)\0upload\0([^\0]+)")
    self.buckets[bucket].uploads[id].parts[part.number] = part
  end
end

---@param disk? scw.emulator.s3.Disk
---@return scw.emulator.s3.Storage
function storage.new(disk)
  local self = setmetatable({ buckets = {}, names = index.new(), bodies = {}, disk = disk, last = 0 }, metatable)
  if disk then load(self) end
  return self
end

return storage
