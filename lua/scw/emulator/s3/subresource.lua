--- The configurations of a bucket: read, replaced and removed as whole documents.
local acl = require "scw.emulator.s3.acl"
local errors = require "scw.emulator.s3.errors"
local json = require "scw.json"
local lifecycle = require "scw.emulator.s3.lifecycle"
local shape = require "scw.emulator.s3.shape"
local tags = require "scw.emulator.s3.tags"
local xml = require "scw.emulator.s3.xml"

local subresource = {}

local LONGEST_POLICY = 20 * 1024

local cors_rules = {
  { "CORSRule", required = true, many = true, children = {
    { "ID" }, { "AllowedHeader", many = true },
    { "AllowedMethod", many = true, required = true, one_of = { "GET", "PUT", "POST", "DELETE", "HEAD" } },
    { "AllowedOrigin", many = true, required = true }, { "ExposeHeader", many = true }, { "MaxAgeSeconds", kind = "integer" },
  } },
}
local encryption_rules = {
  { "Rule", required = true, children = {
    { "ApplyServerSideEncryptionByDefault", required = true, children = {
      { "SSEAlgorithm", required = true, one_of = { "AES256", "aws:kms" } }, { "KMSMasterKeyID" },
    } },
    { "BucketKeyEnabled", kind = "boolean" },
  } },
}
local redirect = { { "HostName" }, { "HttpRedirectCode" }, { "Protocol", one_of = { "http", "https" } },
  { "ReplaceKeyPrefixWith" }, { "ReplaceKeyWith" } }
local website_rules = {
  { "IndexDocument", children = { { "Suffix", required = true, kind = "text" } } },
  { "ErrorDocument", children = { { "Key", required = true, kind = "text" } } },
  { "RedirectAllRequestsTo", children = { { "HostName", required = true }, { "Protocol", one_of = { "http", "https" } } } },
  { "RoutingRules", children = {
    { "RoutingRule", many = true, children = {
      { "Condition", children = { { "HttpErrorCodeReturnedEquals" }, { "KeyPrefixEquals" } } },
      { "Redirect", required = true, children = redirect },
    } },
  } },
}

local function read_cors(body)
  local root = shape.read(body, "CORSConfiguration", cors_rules)
  if not root or shape.count(root, "CORSRule") > 100 then return errors.fail("MalformedXML") end
  return shape.content(root)
end

local function read_encryption(body)
  local root = shape.read(body, "ServerSideEncryptionConfiguration", encryption_rules)
  if not root then return errors.fail("MalformedXML") end
  local rule = xml.child(root, "Rule")
  local default = xml.child(rule, "ApplyServerSideEncryptionByDefault")
  local managed = xml.text(default, "SSEAlgorithm") == "aws:kms"
  if not managed and xml.child(default, "KMSMasterKeyID") then
    return errors.fail("InvalidArgument",
      "KMS master key id is only supported when using Server Side Encryption with KMS managed keys.")
  end
  if managed and xml.text(rule, "BucketKeyEnabled") ~= "true" then
    return errors.fail("InvalidArgument", "Bucket key is mandatory when using Server Side Encryption with KMS managed keys.")
  end
  if not xml.child(rule, "BucketKeyEnabled") then table.insert(rule, { name = "BucketKeyEnabled", text = "false" }) end
  return shape.content(root)
end

local function read_website(body)
  local root = shape.read(body, "WebsiteConfiguration", website_rules)
  if not root then return errors.fail("MalformedXML") end
  local index, all = xml.child(root, "IndexDocument"), xml.child(root, "RedirectAllRequestsTo")
  if (index == nil) == (all == nil) then return errors.fail("InvalidArgument", "A value for IndexDocument Suffix must be provided") end
  if index and xml.text(index, "Suffix"):find("/", 1, true) then
    return errors.fail("InvalidArgument", "The IndexDocument Suffix is not well formed")
  end
  return shape.content(root)
end

local function is_text(value)
  if type(value) == "string" then return true end
  if not json.is_array(value) or #value == 0 then return false end
  for _, one in ipairs(value) do
    if type(one) ~= "string" then return false end
  end
  return true
end

local function is_policy(value)
  if type(value) ~= "table" or json.is_array(value) then return false end
  if value.Version ~= "2023-04-17" and value.Version ~= "2012-10-17" then return false end
  if value.Id ~= nil and (type(value.Id) ~= "string" or #value.Id > 280) then return false end
  local statements = value.Statement
  if type(statements) ~= "table" then return false end
  if not json.is_array(statements) then statements = { statements } end
  for _, statement in ipairs(statements) do
    if type(statement) ~= "table" or statement.Effect ~= "Allow" and statement.Effect ~= "Deny" then return false end
    if not (statement.Principal and is_text(statement.Action) and is_text(statement.Resource)) then return false end
  end
  return #statements > 0
end

--- Every resource of a policy is the bucket or something in it.
local function stays_inside(policy, name)
  local statements = json.is_array(policy.Statement) and policy.Statement or { policy.Statement }
  for _, statement in ipairs(statements) do
    local resources = type(statement.Resource) == "table" and statement.Resource or { statement.Resource }
    for _, resource in ipairs(resources) do
      if resource ~= name and resource:sub(1, #name + 1) ~= name .. "/" then return false end
    end
  end
  return true
end

--- The service keeps actions in order, and a list of one as the one.
local function normalised(policy)
  local statements = json.is_array(policy.Statement) and policy.Statement or { policy.Statement }
  for _, statement in ipairs(statements) do
    for _, name in ipairs { "Action", "Resource" } do
      local value = statement[name]
      if json.is_array(value) then
        if name == "Action" then table.sort(value) end
        statement[name] = #value == 1 and value[1] or value
      end
    end
  end
  policy.Statement = json.array(statements)
  return json.encode(policy)
end

local function read_policy(body, bucket)
  local policy = #body <= LONGEST_POLICY and json.decode(body)
  if not policy or not is_policy(policy) then return errors.fail("MalformedPolicy") end
  if not stays_inside(policy, bucket.name) then return errors.fail("MalformedPolicy", "Policy has invalid resource.") end
  return normalised(policy)
end

local function read_tags(body)
  local list, err = tags.read(body, 50)
  if not list then return nil, err end
  return list
end

--- `read(body, bucket)` gives what is kept; `write(kept)` the document.
local kinds = {
  cors = { read = read_cors, absent = "NoSuchCORSConfiguration",
    write = function(kept) return xml.document("CORSConfiguration", kept) end },
  encryption = { read = read_encryption, absent = "ServerSideEncryptionConfigurationNotFoundError",
    write = function(kept) return xml.document("ServerSideEncryptionConfiguration", kept) end },
  lifecycle = { read = lifecycle.read, absent = "NoSuchLifecycleConfiguration", names_bucket = true,
    write = function(kept) return xml.document("Configuration", kept) end },
  policy = { read = read_policy, absent = "NoSuchBucketPolicy", content_type = "text/plain; charset=utf-8",
    write = function(kept) return kept end },
  tagging = { read = read_tags, absent = "NoSuchTagSet", names_bucket = true, write = tags.document },
  website = { read = read_website, absent = "NoSuchWebsiteConfiguration",
    write = function(kept) return xml.document("WebsiteConfiguration", kept, true) end },
}

---@param name string
---@return fun(context: table): integer?, any, string?
function subresource.getter(name)
  local kind = kinds[name]
  return function(context)
    local kept = context.bucket.configuration[name]
    if kept == nil then
      return errors.fail(kind.absent, nil, kind.names_bucket and { { "BucketName", context.bucket.name } } or nil)
    end
    return 200, { ["content-type"] = kind.content_type }, kind.write(kept)
  end
end

function subresource.setter(name)
  local kind = kinds[name]
  return function(context)
    local kept, err = kind.read(context.body, context.bucket)
    if not kept then return nil, err end
    context.bucket.configuration[name] = kept
    context.service.storage:save_bucket(context.bucket)
    return 200, {}, ""
  end
end

function subresource.remover(name)
  return function(context)
    context.bucket.configuration[name] = nil
    context.service.storage:save_bucket(context.bucket)
    return 204, {}, ""
  end
end

function subresource.get_versioning(context)
  return 200, {}, xml.document("VersioningConfiguration", xml.element("Status", context.bucket.versioning or ""))
end

function subresource.put_versioning(context)
  local root = shape.read(context.body, "VersioningConfiguration",
    { { "Status", one_of = { "Enabled", "Suspended" }, required = true }, { "MfaDelete" }, { "MFADelete" } })
  if not root then return errors.fail("MalformedXML") end
  local status = xml.text(root, "Status")
  if context.bucket.lock_enabled and status == "Suspended" then
    return errors.fail("InvalidBucketState",
      "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
  end
  context.bucket.versioning = status
  context.service.storage:save_bucket(context.bucket)
  return 200, {}, ""
end

function subresource.get_acl(context)
  local thing = context.version or context.bucket
  return 200, {}, acl.document(thing.grants, context.bucket.project_id)
end

--- Of a bucket, or of the version the request names.
function subresource.put_acl(context)
  local project = context.bucket.project_id
  local grants, err = acl.from_headers(context.headers, project)
  if not grants and not err then grants, err = acl.from_xml(context.body, project) end
  if not grants then return nil, err end
  if context.version then
    context.version.grants = grants
    context.service.storage:save_version(context.bucket, context.version)
  else
    context.bucket.grants = grants
    context.service.storage:save_bucket(context.bucket)
  end
  return 200, {}, ""
end

return subresource
