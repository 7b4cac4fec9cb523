--- Which request is which operation: method, level (service, bucket, object) and sub-resource.
local bucket = require "scw.emulator.s3.bucket"
local copy = require "scw.emulator.s3.copy"
local list = require "scw.emulator.s3.list"
local lock = require "scw.emulator.s3.lock"
local multipart = require "scw.emulator.s3.multipart"
local object = require "scw.emulator.s3.object"
local subresource = require "scw.emulator.s3.subresource"

local routes = {}

--- `{handler, action}`; `version`: works on a version that must be there; `versioned_action` when one is named.
---@class scw.emulator.s3.Route
---@field [1] fun(context: table): integer?, table|scw.emulator.s3.Error, string?
---@field [2] string
---@field version? boolean
---@field versioned_action? string

--- Sub-resources in the order in which they are looked for; more than one is never meant.
local names = {
  "acl", "cors", "delete", "encryption", "legal-hold", "lifecycle", "location", "object-lock", "policy", "restore",
  "retention", "tagging", "uploadId", "uploads", "versioning", "versions", "website",
}
--- Known to the protocol, not offered by the service.
local absent = {
  "accelerate", "analytics", "attributes", "intelligent-tiering", "inventory", "logging", "metadataConfiguration", "metadataTable",
  "metrics", "notification", "ownershipControls", "policyStatus", "publicAccessBlock", "replication", "requestPayment", "select", "torrent",
}

---@type table<string, scw.emulator.s3.Route>
local of_bucket = {
  ["PUT"] = { bucket.create, "s3:CreateBucket" },
  ["HEAD"] = { bucket.head, "s3:ListBucket" },
  ["DELETE"] = { bucket.delete, "s3:DeleteBucket" },
  ["GET"] = { list.objects, "s3:ListBucket" },
  ["GET versions"] = { list.versions, "s3:ListBucketVersions" },
  ["GET uploads"] = { multipart.list_uploads, "s3:ListBucketMultipartUploads" },
  ["GET location"] = { bucket.location, "s3:GetBucketLocation" },
  ["POST delete"] = { object.delete_many },
  ["GET acl"] = { subresource.get_acl, "s3:GetBucketAcl" },
  ["PUT acl"] = { subresource.put_acl, "s3:PutBucketAcl" },
  ["GET versioning"] = { subresource.get_versioning, "s3:GetBucketVersioning" },
  ["PUT versioning"] = { subresource.put_versioning, "s3:PutBucketVersioning" },
  ["GET object-lock"] = { lock.get_configuration, "s3:GetBucketObjectLockConfiguration" },
  ["PUT object-lock"] = { lock.put_configuration, "s3:PutBucketObjectLockConfiguration" },
}
for name, word in pairs {
  cors = "BucketCORS", encryption = "EncryptionConfiguration", lifecycle = "LifecycleConfiguration", policy = "BucketPolicy",
  tagging = "BucketTagging", website = "BucketWebsite",
} do
  of_bucket["GET " .. name] = { subresource.getter(name), "s3:Get" .. word }
  of_bucket["PUT " .. name] = { subresource.setter(name), "s3:Put" .. word }
  of_bucket["DELETE " .. name] = { subresource.remover(name), "s3:Put" .. word }
end
of_bucket["DELETE policy"][2] = "s3:DeleteBucketPolicy"

---@type table<string, scw.emulator.s3.Route>
local of_object = {
  ["PUT"] = { object.put, "s3:PutObject" },
  ["PUT copy"] = { copy.put, "s3:PutObject" },
  ["GET"] = { object.get, "s3:GetObject", versioned_action = "s3:GetObjectVersion", version = true },
  ["HEAD"] = { object.head, "s3:GetObject", versioned_action = "s3:GetObjectVersion", version = true },
  ["DELETE"] = { object.delete, "s3:DeleteObject", versioned_action = "s3:DeleteObjectVersion" },
  ["POST uploads"] = { multipart.create, "s3:PutObject" },
  ["PUT uploadId"] = { multipart.put_part, "s3:PutObject" },
  ["PUT uploadId copy"] = { multipart.copy_part, "s3:PutObject" },
  ["POST uploadId"] = { multipart.complete, "s3:PutObject" },
  ["GET uploadId"] = { multipart.list_parts, "s3:ListMultipartUploadParts" },
  ["DELETE uploadId"] = { multipart.abort, "s3:AbortMultipartUpload" },
  ["GET acl"] = { subresource.get_acl, "s3:GetObjectAcl", version = true },
  ["PUT acl"] = { subresource.put_acl, "s3:PutObjectAcl", version = true },
  ["GET tagging"] = { object.get_tagging, "s3:GetObjectTagging", version = true },
  ["PUT tagging"] = { object.put_tagging, "s3:PutObjectTagging", version = true },
  ["DELETE tagging"] = { object.delete_tagging, "s3:DeleteObjectTagging", version = true },
  ["GET retention"] = { lock.get_retention, "s3:GetObjectRetention", version = true },
  ["PUT retention"] = { lock.put_retention, "s3:PutObjectRetention", version = true },
  ["GET legal-hold"] = { lock.get_legal_hold, "s3:GetObjectLegalHold", version = true },
  ["PUT legal-hold"] = { lock.put_legal_hold, "s3:PutObjectLegalHold", version = true },
  ["POST restore"] = { object.restore, "s3:RestoreObject", version = true },
}

local list_v2 = { list.objects_v2, "s3:ListBucket" }
local list_buckets = { bucket.list }

--- The operation in the words of the tables above: method and sub-resource.
local function key_of(request)
  for _, name in ipairs(names) do
    if request.query[name] then return request.method .. " " .. name end
  end
  return request.method
end

--- The name under which a request is counted, as in "PUT /{bucket}/{key}?tagging"; nil when it is for nothing there is.
---@param request scw.emulator.s3.Request
---@return string?
function routes.name(request)
  if not routes.find(request) then return nil end
  local path = (request.bucket_name and "/{bucket}" or "/") .. (request.key and "/{key}" or "")
  local method, sub = key_of(request):match("^(%S+) ?(.*)$")
  return method .. " " .. path .. (sub ~= "" and request.bucket_name and "?" .. sub or "")
end

--- Finds the operation.
---@param request scw.emulator.s3.Request
---@return scw.emulator.s3.Route? route
---@return string? refusal code when there is none
function routes.find(request)
  local query = request.query
  for _, name in ipairs(absent) do
    if query[name] then return nil, "NotImplemented" end
  end
  if not request.bucket_name then
    if request.method == "GET" then return list_buckets end
    return nil, "MethodNotAllowed"
  end
  local name = key_of(request)
  if not request.key then
    if name == "GET" and query["list-type"] == "2" then return list_v2 end
    local route = of_bucket[name]
    return route, not route and "MethodNotAllowed" or nil
  end
  if request.method == "PUT" and request.headers["x-amz-copy-source"] and (name == "PUT" or name == "PUT uploadId") then
    name = name .. " copy"
  end
  local route = of_object[name]
  return route, not route and "MethodNotAllowed" or nil
end

return routes
