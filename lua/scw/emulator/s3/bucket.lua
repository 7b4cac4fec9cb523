--- Buckets: create, look, list, remove.
local acl = require "scw.emulator.s3.acl"
local errors = require "scw.emulator.s3.errors"
local index = require "scw.emulator.s3.index"
local time = require "scw.emulator.s3.time"
local xml = require "scw.emulator.s3.xml"

local bucket = {}

local MOST_OF_A_PROJECT = 100

---@param name string
---@return boolean
local function is_name(name)
  if #name > 63 or name:find("^%d+%.%d+%.%d+%.%d+$") then return false end
  if not name:find("^[a-z0-9][a-z0-9.-]*$") or name:find("[.-]$") then return false end
  return not name:find("..", 1, true) and not name:find(".-", 1, true) and not name:find("-.", 1, true)
end

--- The region the body asks for; the request's own when it says nothing.
local function asked_region(context)
  if context.body == "" then return context.region end
  local root = xml.read(context.body, "CreateBucketConfiguration")
  if not root then return errors.fail("MalformedXML") end
  local asked = xml.text(root, "LocationConstraint") or context.region
  if asked == "" then return context.region end
  if asked ~= context.region then
    return errors.fail("IllegalLocationConstraintException", ("The %s location constraint is incompatible for the region specific"
      .. " endpoint this request was sent to."):format(asked))
  end
  return asked
end

local function owned(context)
  local count = 0
  for _, other in pairs(context.service.storage.buckets) do
    if other.project_id == context.caller.project_id then count = count + 1 end
  end
  return count
end

function bucket.create(context)
  local name = context.bucket_name
  if context.caller.anonymous then return errors.fail("AccessDenied") end
  if not is_name(name) then return errors.fail("InvalidBucketName", nil, { { "BucketName", name } }) end
  local region, err = asked_region(context)
  if not region then return nil, err end
  local there = context.service.storage.buckets[name]
  if there then
    local mine = there.project_id == context.caller.project_id
    return errors.fail(mine and "BucketAlreadyOwnedByYou" or "BucketAlreadyExists", nil, { { "BucketName", name } })
  end
  if owned(context) >= MOST_OF_A_PROJECT then return errors.fail("TooManyBuckets") end
  local grants
  grants, err = acl.from_headers(context.headers, context.caller.project_id)
  if err then return nil, err end
  local locked = (context.headers["x-amz-bucket-object-lock-enabled"] or ""):lower() == "true"
  context.service.storage:save_bucket {
    name = name, region = region, project_id = context.caller.project_id, created = context.now,
    grants = grants or acl.canned("private", context.caller.project_id), configuration = {}, objects = {}, index = index.new(),
    uploads = {}, lock_enabled = locked or nil, versioning = locked and "Enabled" or nil,
  }
  return 200, { location = "/" .. name }, ""
end

function bucket.head(context)
  return 200, { ["content-type"] = "application/xml", ["x-amz-bucket-region"] = context.bucket.region }, ""
end

function bucket.delete(context)
  if context.bucket.index.count > 0 then return errors.fail("BucketNotEmpty") end
  context.service.storage:remove_bucket(context.bucket)
  return 204, {}, ""
end

function bucket.location(context)
  return 200, {}, xml.DECLARATION .. '<LocationConstraint xmlns="' .. xml.NAMESPACE .. '">' .. xml.escape(context.bucket.region)
    .. "</LocationConstraint>"
end

--- The buckets of the caller's project in the region of the request.
function bucket.list(context)
  if context.caller.anonymous then return errors.fail("AccessDenied") end
  local query, parts = context.query, {}
  local prefix, after = query.prefix or "", query["continuation-token"] or ""
  local limit = math.tointeger(tonumber(query["max-buckets"] or 10000))
  if not limit or limit < 1 then return errors.fail("InvalidArgument", "max-buckets must be an integer between 1 and 10000") end
  local last, more
  for _, name in ipairs(context.service.storage.names:sorted()) do
    local one = context.service.storage.buckets[name]
    local mine = one.project_id == context.caller.project_id and one.region == context.region
    if mine and name > after and name:sub(1, #prefix) == prefix then
      if #parts == limit then more = true break end
      last = name
      parts[#parts + 1] = "<Bucket>" .. xml.element("Name", name) .. xml.element("CreationDate", time.iso(one.created)) .. "</Bucket>"
    end
  end
  return 200, { ["content-type"] = "application/xml" }, xml.document("ListAllMyBucketsResult", table.concat {
    acl.owner_element(context.caller.project_id), "<Buckets>", table.concat(parts), "</Buckets>",
    more and xml.element("ContinuationToken", last) or "", prefix ~= "" and xml.element("Prefix", prefix) or "",
  }, true)
end

return bucket
