local client = require "tests.lua.emulator.s3.client"
local json = require "scw.json"

describe("bucket configurations", function()
  local user
  local function get(name) return (select(2, user:must("GET", "/box", { query = { { name, "" } } }))) end
  local function refuse(status, code, name, body)
    return user:refused(status, code, "PUT", "/box", { query = { { name, "" } }, body = body })
  end
  before_each(function()
    user = client.new()
    user:must("PUT", "/box")
  end)

  it("that are absent have each a name for it", function()
    local absent = {
      lifecycle = "NoSuchLifecycleConfiguration", cors = "NoSuchCORSConfiguration", tagging = "NoSuchTagSet",
      policy = "NoSuchBucketPolicy", website = "NoSuchWebsiteConfiguration",
      encryption = "ServerSideEncryptionConfigurationNotFoundError", ["object-lock"] = "ObjectLockConfigurationNotFoundError",
    }
    for name, code in pairs(absent) do
      local body, headers = user:refused(404, code, "GET", "/box", { query = { { name, "" } } })
      assert.are.equal("application/xml", headers["content-type"])
      assert.are.equal(name == "lifecycle" or name == "tagging", body:find("<BucketName>box</BucketName>", 1, true) ~= nil)
    end
  end)

  it("come back as they were kept, and go", function()
    local documents = {
      cors = { "<CORSConfiguration><CORSRule><AllowedOrigin>https://a.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
        .. "<AllowedMethod>PUT</AllowedMethod><MaxAgeSeconds>30</MaxAgeSeconds></CORSRule></CORSConfiguration>",
        "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>"
        .. "<AllowedOrigin>https://a.example</AllowedOrigin><MaxAgeSeconds>30</MaxAgeSeconds></CORSRule></CORSConfiguration>" },
      tagging = { "<Tagging xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><TagSet><Tag>"
        .. "<Key>a</Key><Value>&lt;1&gt;</Value></Tag></TagSet>"
        .. "</Tagging>", "<Tagging><TagSet><Tag><Key>a</Key><Value>&lt;1&gt;</Value></Tag></TagSet></Tagging>" },
      encryption = { "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
        .. "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
        "<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>" },
      website = { "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>",
        "<IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>" },
    }
    for name, pair in pairs(documents) do
      user:configure("/box", name, pair[1])
      assert.is_truthy(get(name):find(pair[2], 1, true), get(name))
      assert.are.equal(204, (user:send("DELETE", "/box", { query = { { name, "" } } })))
      assert.are.equal(404, (user:send("GET", "/box", { query = { { name, "" } } })))
    end
  end)

  it("for lifecycles are completed and sorted", function()
    user:configure("/box", "lifecycle", "<LifecycleConfiguration><Rule><Status>Enabled</Status><ID>old</ID><Filter><Prefix>log/</Prefix>"
      .. "</Filter><Transition><StorageClass>GLACIER</StorageClass><Days>30</Days></Transition><Expiration><Days>365</Days>"
        .. "</Expiration></Rule>"
      .. "<Rule><Filter/><Status>Disabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation>"
      .. "</AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>")
    local body = get "lifecycle"
    assert.is_truthy(body:find("<Configuration><Rule><Expiration><Days>365</Days><ExpiredObjectDeleteMarker>"
      .. "false</ExpiredObjectDeleteMarker>"
      .. "</Expiration><Filter><Prefix>log/</Prefix></Filter><ID>old</ID><Status>Enabled</Status><Transition><Days>30</Days>"
      .. "<StorageClass>GLACIER</StorageClass></Transition></Rule>", 1, true), body)
    assert.is_truthy(body:find("<Filter></Filter><ID>rule-2</ID><Status>Disabled</Status></Rule></Configuration>", 1, true), body)
  end)

  it("for lifecycles are checked", function()
    local function rule(content) return "<LifecycleConfiguration>" .. content .. "</LifecycleConfiguration>" end
    local function filtered(content) return rule("<Rule><Filter/><Status>Enabled</Status>" .. content .. "</Rule>") end
    local wrong = {
      "", "<LifecycleConfiguration/>", "<LifecycleConfiguration>", "<Other/>", filtered "",
      rule "<Rule><Filter/><Expiration><Days>1</Days></Expiration></Rule>",
      filtered "<Expiration><Days>0</Days></Expiration>",
      filtered "<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>",
      filtered "<Expiration/>",
      filtered "<Transition><Days>1</Days></Transition>",
      filtered "<Transition><Days>1</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>",
      filtered "<Expiration><Days>1</Days></Expiration><Surprise/>",
      rule "<Rule><Filter/><Prefix/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>",
      rule "<Rule><Filter><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Enabled</Status>"
        .. "<Expiration><Days>1</Days></Expiration></Rule>",
    }
    for _, body in ipairs(wrong) do refuse(400, "MalformedXML", "lifecycle", body) end
    local twice = "<Rule><ID>a</ID><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
    refuse(400, "InvalidArgument", "lifecycle", rule(twice .. twice))
  end)

  it("for encryption want a bucket key with managed keys, and no key without", function()
    local function document(algorithm, more, rule)
      return "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>" .. algorithm .. "</SSEAlgorithm>"
        .. (more or "") .. "</ApplyServerSideEncryptionByDefault>" .. (rule or "") .. "</Rule></ServerSideEncryptionConfiguration>"
    end
    local key, enabled = "<KMSMasterKeyID>k</KMSMasterKeyID>", "<BucketKeyEnabled>true</BucketKeyEnabled>"
    assert.matches("Bucket key is mandatory", refuse(400, "InvalidArgument", "encryption", document("aws:kms", key)))
    assert.matches("KMS master key id is only supported", refuse(400, "InvalidArgument", "encryption", document("AES256", key)))
    refuse(400, "MalformedXML", "encryption", document "ROT13")
    user:configure("/box", "encryption", document("aws:kms", key, enabled))
    local headers = user:must("PUT", "/box/key")
    assert.are.same({ "aws:kms", "k" }, { headers["x-amz-server-side-encryption"], headers["x-amz-server-side-encryption-aws-kms-key-id"] })
  end)

  it("for tags, CORS and websites are checked", function()
    refuse(400, "MalformedXML", "tagging", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>")
    refuse(400, "InvalidTag", "tagging", "<Tagging><TagSet><Tag><Key></Key><Value/></Tag></TagSet></Tagging>")
    refuse(400, "MalformedXML", "cors", "<CORSConfiguration/>")
    refuse(400, "MalformedXML", "cors", "<CORSConfiguration><CORSRule><AllowedMethod>PATCH</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"
      .. "</CORSRule></CORSConfiguration>")
    refuse(400, "InvalidArgument", "website", "<WebsiteConfiguration/>")
    refuse(400, "MalformedXML", "website", "<!DOCTYPE a [<!ENTITY b 'c'>]><WebsiteConfiguration/>")
  end)
end)

describe("access", function()
  local user
  local OWNER = client.PROJECT .. ":" .. client.PROJECT
  local ACL = { query = { { "acl", "" } } }
  local function statement(actions, principal, resource)
    return ('{"Version":"2023-04-17","Id":"p","Statement":[{"Sid":"s","Effect":"Allow","Principal":%s,"Action":%s,"Resource":%s}]}'):format(
      principal, actions, resource or '["box","box/*"]')
  end
  local function policy(text) return user:must("PUT", "/box", { key = "SCWOWNER", query = { { "policy", "" } }, body = text }) end
  before_each(function()
    user = client.new()
    user:must("PUT", "/box")
    user:must("PUT", "/box/key", { body = "bytes" })
  end)

  it("lists are canned or spelled out, and answered with display names", function()
    local _, body = user:must("GET", "/box", ACL)
    assert.is_truthy(body:find('<Owner><DisplayName>' .. OWNER .. '</DisplayName><ID>' .. OWNER .. '</ID></Owner><AccessControlList><Grant>'
      .. '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>' .. OWNER .. '</ID><DisplayName>'
      .. OWNER .. '</DisplayName></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>', 1, true), body)
    user:must("PUT", "/box", { query = ACL.query, headers = { ["x-amz-acl"] = "public-read" } })
    _, body = user:must("GET", "/box", ACL)
    assert.matches('xsi:type="Group"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ<', body)
    user:must("PUT", "/box", { query = ACL.query, headers = { ["x-amz-grant-read"] = 'id="' .. client.OTHER_PROJECT .. '"' } })
    _, body = user:must("GET", "/box", ACL)
    assert.is_truthy(body:find(client.OTHER_PROJECT .. ":" .. client.OTHER_PROJECT, 1, true))
    user:refused(400, "InvalidArgument", "PUT", "/box", { query = ACL.query, headers = { ["x-amz-acl"] = "everybody" } })
    user:refused(400, "MalformedACLError", "PUT", "/box", { query = ACL.query, body = "<AccessControlPolicy/>" })
    local full = "<AccessControlPolicy><Owner><ID>%s</ID></Owner><AccessControlList><Grant><Grantee><ID>%s</ID></Grantee>"
      .. "<Permission>%s</Permission></Grant></AccessControlList></AccessControlPolicy>"
    user:configure("/box", "acl", full:format(OWNER, OWNER, "WRITE"))
    user:refused(400, "MalformedACLError", "PUT", "/box", { query = ACL.query, body = full:format(OWNER, OWNER, "DANCE") })
    user:refused(403, "AccessDenied", "PUT", "/box", { query = ACL.query, body = full:format("0:0", OWNER, "WRITE") })
  end)

  it("lists open objects to everybody, or to everybody with a key", function()
    user:must("PUT", "/box/key", { query = ACL.query, headers = { ["x-amz-acl"] = "public-read" } })
    assert.are.equal("bytes", select(2, user:must("GET", "/box/key", { anonymous = true })))
    user:refused(403, "AccessDenied", "PUT", "/box/key", { anonymous = true })
    user:must("PUT", "/box/key", { query = ACL.query, headers = { ["x-amz-acl"] = "authenticated-read" } })
    user:refused(403, "AccessDenied", "GET", "/box/key", { anonymous = true })
    user:must("GET", "/box/key", { key = "SCWOTHER" })
    user:must("PUT", "/box", { query = ACL.query, headers = { ["x-amz-acl"] = "public-read-write" } })
    user:must("PUT", "/box/theirs", { key = "SCWOTHER" })
    user:must("GET", "/box", { anonymous = true })
  end)

  it("policies are JSON about this bucket", function()
    local query = { { "policy", "" } }
    local text = statement('["s3:GetObject"]', '{"SCW":"*"}')
    policy(text)
    local headers, body = user:must("GET", "/box", { query = query })
    local kept = statement('"s3:GetObject"', '{"SCW":"*"}')
    assert.are.equal("text/plain; charset=utf-8", headers["content-type"])
    assert.are.same(json.decode(kept), json.decode(body))
    policy(statement('["s3:ListBucket","s3:GetObject"]', '"*"', '["box"]'))
    body = select(2, user:must("GET", "/box", { query = query }))
    assert.are.same(json.decode(statement('["s3:GetObject","s3:ListBucket"]', '"*"', '"box"')), json.decode(body))
    local wrong = { "", "[]", "{}", "not json", text:gsub("2023%-04%-17", "1999"), text:gsub("Allow", "Maybe"),
      statement('"s3:*"', '"*"', '"other/*"'),
      statement("[]", '"*"'), statement("[1]", '"*"'), statement('"s3:*"', '"*"', "{}"),
      statement('"s3:*"', '"*"', '"boxes"'), '{"Version":"2023-04-17","Statement":[]}' }
    for _, one in ipairs(wrong) do user:refused(400, "MalformedPolicy", "PUT", "/box", { query = query, body = one }) end
  end)

  it("policies let others in", function()
    policy(statement('"s3:Get*"', '"*"'))
    assert.are.equal("bytes", select(2, user:must("GET", "/box/key", { anonymous = true })))
    user:refused(403, "AccessDenied", "GET", "/box", { anonymous = true })
    user:refused(403, "AccessDenied", "DELETE", "/box/key", { key = "SCWOTHER" })
    user:refused(404, "NoSuchKey", "GET", "/box/absent", { anonymous = true })
    policy(statement('["s3:PutObject"]', '{"SCW":"project_id:' .. client.OTHER_PROJECT .. '"}', '["box/in/*"]'))
    user:must("PUT", "/box/in/x", { key = "SCWOTHER" })
    user:refused(403, "AccessDenied", "PUT", "/box/out/x", { key = "SCWOTHER" })
  end)

  it("policies shut out whom they do not name, but never the owner of the organisation", function()
    user:must("GET", "/box/key", { key = "SCWAPP" })
    policy(statement('"s3:*"', '{"SCW":"user_id:5"}'))
    user:refused(403, "AccessDenied", "GET", "/box/key", { key = "SCWAPP" })
    user:refused(403, "AccessDenied", "DELETE", "/box", { key = "SCWAPP", query = { { "policy", "" } } })
    user:must("GET", "/box/key", { key = "SCWOWNER" })
    policy(statement('["s3:GetObject"]', '{"SCW":["application_id:33333333-3333-4333-8333-333333333333"]}'))
    user:must("GET", "/box/key", { key = "SCWAPP" })
    user:refused(403, "AccessDenied", "GET", "/box", { key = "SCWAPP" })
    assert.are.equal(204, (user:send("DELETE", "/box", { key = "SCWOWNER", query = { { "policy", "" } } })))
    user:must("GET", "/box", { key = "SCWAPP" })
  end)
end)
