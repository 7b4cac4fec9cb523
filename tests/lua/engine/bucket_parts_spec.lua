local bucket_parts = require "scw.engine.driver.bucket_parts"
local core = require "core"

local function part(field)
  for _, candidate in ipairs(bucket_parts.all) do
    if candidate.field == field then return candidate end
  end
end

--- A value, through its XML and back.
local function there_and_back(field, value)
  local text = assert(core.xml_encode((part(field).encode(value))))
  return part(field).decode(assert(core.xml_decode(text)), text), text
end

describe("sub-resources of a bucket", function()
  it("come back as they were sent", function()
    for field, value in pairs {
      versioning = true,
      tags = { app = "shop", ["a<b"] = "c&d" },
      object_lock = { mode = "GOVERNANCE", days = 3 },
      cors = { { allowed_methods = { "GET", "PUT" }, allowed_origins = { "*" }, expose_headers = { "ETag" }, max_age = 60 } },
      lifecycle = {
        { id = "a", enabled = true, prefix = "logs/", expiration_days = 30, abort_multipart_days = 2 },
        { id = "b", enabled = false, tags = { x = "1", y = "2" }, noncurrent_days = 7, noncurrent_versions_kept = 3,
          transitions = { { days = 90, storage_class = "GLACIER" } } },
        { id = "c", enabled = true, prefix = "p", tags = { x = "1" }, expired_delete_marker = true },
      },
    } do
      assert.are.same(value, (there_and_back(field, value)))
    end
  end)

  it("look as the service wants them", function()
    local _, text = there_and_back("lifecycle", { { id = "a", prefix = "p/", tags = { k = "v" }, expiration_days = 1 } })
    assert.matches("<Filter><And><Prefix>p/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>", text, 1, true)
    _, text = there_and_back("lifecycle", { { id = "a", prefix = "p/" } })
    assert.matches("<Filter><Prefix>p/</Prefix></Filter>", text, 1, true)
    assert.matches('xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', text, 1, true)
    _, text = there_and_back("object_lock", {})
    assert.is_nil(text:find("Rule", 1, true))
  end)

  it("know a canned acl by its grants", function()
    local function acl(group, ...)
      local grants = "<Grant><Grantee><ID>me</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>"
      for _, permission in ipairs { ... } do
        local uri = "<URI>http://acs.amazonaws.com/groups/global/" .. group .. "</URI>"
        grants = grants .. ("<Grant><Grantee>%s</Grantee><Permission>%s</Permission></Grant>"):format(uri, permission)
      end
      return part("acl").decode(assert(core.xml_decode("<AccessControlPolicy><AccessControlList>" .. grants
        .. "</AccessControlList></AccessControlPolicy>")))
    end
    assert.are.equal("private", acl())
    assert.are.equal("public-read", acl("AllUsers", "READ"))
    assert.are.equal("public-read-write", acl("AllUsers", "READ", "WRITE"))
    assert.are.equal("authenticated-read", acl("AuthenticatedUsers", "READ"))
    assert.are.same({ ["x-amz-acl"] = "public-read" }, select(2, part("acl").encode "public-read"))
  end)
end)
