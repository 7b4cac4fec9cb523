local client = require "tests.lua.emulator.s3.client"

--- Things clients get wrong, put together at random: every one must be answered, none by a failure of the emulator.
describe("whatever is asked", function()
  local methods = { "GET", "GET", "PUT", "PUT", "PUT", "POST", "DELETE", "HEAD", "OPTIONS" }
  local paths = { "/box", "/box/key", "/lock", "/lock/key" }
  local odd_paths = { "/", "/box/", "/box/dir/", "/none/key", "/box/%00", "/box/%zz", "//", "/box//" }
  local names = { "acl", "attributes", "cors", "delete", "encryption", "legal-hold", "lifecycle", "location", "object-lock", "policy",
    "restore", "retention", "tagging", "uploadId", "uploads", "versioning", "versions", "versionId", "website", "partNumber", "max-keys",
    "list-type", "prefix", "delimiter", "marker", "key-marker", "version-id-marker", "continuation-token", "start-after", "max-parts",
    "part-number-marker", "max-uploads", "upload-id-marker", "X-Amz-Signature", "X-Amz-Algorithm", "notification", "max-buckets" }
  local values = { "", "1", "-1", "x", "null", "99999999999999999999", "key", "/", "AWS4-HMAC-SHA256", "\255", "1e3", "true" }
  local headers = { "range", "if-match", "if-none-match", "if-modified-since", "x-amz-copy-source", "x-amz-acl", "x-amz-grant-read",
    "x-amz-tagging", "x-amz-storage-class", "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "content-md5",
    "x-amz-checksum-crc32", "x-amz-checksum-algorithm", "x-amz-metadata-directive", "x-amz-copy-source-range", "content-encoding",
    "x-amz-decoded-content-length", "x-amz-server-side-encryption", "x-amz-meta-x", "x-amz-copy-source-if-match" }
  local texts = { "", "x", "*", "bytes=0-1", "bytes=-", "box/key", "/box/key?versionId=null", "/", "%",
    "private", 'id="a"', "id=1-2", "a=b&c",
    "GLACIER", "GOVERNANCE", "2099-01-01T00:00:00Z", "AAAAAA==", "CRC32", "REPLACE", "\255\0" }
  local bodies = { "", "x", "{}", "<", "<a/>", "<Tagging><TagSet/></Tagging>", "<Delete><Object/></Delete>", '{"Statement":[{}]}',
    "<Delete><Object><Key>key</Key></Object></Delete>", "<LifecycleConfiguration><Rule/></LifecycleConfiguration>",
    "<CompleteMultipartUpload><Part/></CompleteMultipartUpload>", "<Retention/>", "<LegalHold><Status>ON</Status></LegalHold>",
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", "<AccessControlPolicy><Owner/></AccessControlPolicy>",
    "<ObjectLockConfiguration><Rule><DefaultRetention/></Rule></ObjectLockConfiguration>", "<RestoreRequest/>", "<WebsiteConfiguration/>",
    '{"Version":"2023-04-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"box"}}', "5\r\nhello\r\n0\r\n\r\n" }
  local payloads = { "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "nonsense" }
  local function any(list) return list[math.random(#list)] end

  it("gets an answer", function()
    math.randomseed(20261120)
    local user = client.new()
    local seen = {}
    for step = 1, 8000 do
      if step % 10 == 1 then -- what earlier requests removed
        user:send("PUT", "/box")
        user:send("PUT", "/box/key", { key = "SCWOWNER", body = "bytes" })
        user:send("PUT", "/lock", { headers = { ["x-amz-bucket-object-lock-enabled"] = "true" } })
        user:send("PUT", "/lock/key", { key = "SCWOWNER", body = "bytes" })
      end
      local options = { query = {}, headers = {}, body = any(bodies), anonymous = math.random(20) == 1,
        key = math.random(20) == 1 and "SCWOTHER" or "SCWOWNER", payload = math.random(20) == 1 and any(payloads) or nil }
      for i = 1, math.random(0, 2) do options.query[i] = { any(names), any(values) } end
      for _ = 1, math.random(-2, 2) do options.headers[any(headers)] = any(texts) end
      local status, answered, body = user:send(any(methods), math.random(8) == 1 and any(odd_paths) or any(paths), options)
      assert.is_true(status >= 200 and status < 500 or status == 501, body)
      assert.is_string(body)
      for name, value in pairs(answered) do assert.are.equal("string", type(value), name) end
      seen[status] = true
    end
    for _, status in ipairs { 200, 204, 400, 403, 404, 405, 501 } do assert.is_true(seen[status], tostring(status)) end
  end)
end)
