--- May this caller do this? By ownership, access control list and bucket policy; IAM has spoken before.
local acl = require "scw.emulator.s3.acl"
local json = require "scw.json"

local access = {}

--- Which permission of a list stands for an action; the others are for the owner alone.
local bucket_permissions = {
  ["s3:ListBucket"] = "READ", ["s3:ListBucketVersions"] = "READ", ["s3:ListBucketMultipartUploads"] = "READ",
  ["s3:PutObject"] = "WRITE", ["s3:DeleteObject"] = "WRITE", ["s3:DeleteObjectVersion"] = "WRITE",
  ["s3:GetBucketAcl"] = "READ_ACP", ["s3:PutBucketAcl"] = "WRITE_ACP",
}
local object_permissions = {
  ["s3:GetObject"] = "READ", ["s3:GetObjectVersion"] = "READ", ["s3:GetObjectAcl"] = "READ_ACP", ["s3:PutObjectAcl"] = "WRITE_ACP",
}

local function list(value)
  if value == nil then return {} end
  if type(value) ~= "table" or not json.is_array(value) then return { value } end
  return value
end

--- `*` and `?` of policies as a Lua pattern.
local function wildcard(text)
  return "^" .. text:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
end

local function any_matches(patterns, text)
  for _, pattern in ipairs(list(patterns)) do
    if type(pattern) == "string" and text:find(wildcard(pattern)) then return true end
  end
  return false
end

local function names_caller(principal, caller)
  if principal == "*" then return true end
  if type(principal) ~= "table" then return false end
  for _, name in ipairs(list(principal.SCW or principal.AWS)) do
    if name == "*" then return true end
    if not caller.anonymous and (name == caller.principal or name == "project_id:" .. caller.project_id) then return true end
  end
  return false
end

local function statements_say(policy, effect, caller, action, resource)
  for _, statement in ipairs(list(policy.Statement)) do
    if statement.Effect == effect and names_caller(statement.Principal, caller)
      and any_matches(statement.Action, action) and any_matches(statement.Resource, resource) then
      return true
    end
  end
  return false
end

--- May the caller do `action` on the bucket, or on an object in it?
---@param bucket scw.emulator.s3.Bucket
---@param caller scw.emulator.s3.Caller
---@param action string "s3:GetObject"
---@param key? string of the object concerned
---@param version? scw.emulator.s3.Version the object concerned, when it is there
---@return boolean
function access.allows(bucket, caller, action, key, version)
  local mine = not caller.anonymous and caller.project_id == bucket.project_id
  local text = bucket.configuration.policy
  local policy = text and json.decode(text)
  local resource = key and bucket.name .. "/" .. key or bucket.name
  if policy then
    if mine and caller.owner then return true end
    if statements_say(policy, "Deny", caller, action, resource) then return false end
    if statements_say(policy, "Allow", caller, action, resource) then return true end
    -- Since this version only what is allowed passes; who is not named is shut out, whatever the project.
    if mine and caller.principal and policy.Version == "2023-04-17" then return false end
  end
  if mine then return true end
  local permission = object_permissions[action]
  if permission then return version ~= nil and not version.marker and acl.allows(version.grants, caller, permission) end
  permission = bucket_permissions[action]
  return permission ~= nil and acl.allows(bucket.grants, caller, permission)
end

return access
