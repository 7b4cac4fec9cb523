local core = require "core"
local client = require "tests.lua.emulator.s3.client"

describe("objects", function()
  local user
  before_each(function()
    user = client.new()
    user:must("PUT", "/box")
  end)

  it("keep their bytes and what was said about them", function()
    local bytes = "\0\1\255 any bytes\r\n"
    local headers = user:must("PUT", "/box/dir/key", { body = bytes, headers = {
      ["content-type"] = "text/plain", ["cache-control"] = "no-store", ["x-amz-meta-color"] = "blue", ["x-amz-meta-a_b"] = "1",
      ["x-amz-storage-class"] = "ONEZONE_IA",
    } })
    local etag = '"' .. core.hex(core.digest("md5", bytes)) .. '"'
    assert.are.equal(etag, headers.etag)
    assert.are.equal(core.base64(core.digest("crc32", bytes)), headers["x-amz-checksum-crc32"])
    assert.are.equal("FULL_OBJECT", headers["x-amz-checksum-type"])
    assert.is_nil(headers["x-amz-version-id"])
    local got, body = user:must("GET", "/box/dir/key")
    assert.are.equal(bytes, body)
    local head, empty = user:must("HEAD", "/box/dir/key")
    assert.are.equal("", empty)
    for _, answer in ipairs { got, head } do
      assert.are.same({ etag, "text/plain", "no-store", "blue", "1", "ONEZONE_IA", tostring(#bytes), "bytes" }, {
        answer.etag, answer["content-type"], answer["cache-control"], answer["x-amz-meta-color"], answer["x-amz-meta-a_b"],
        answer["x-amz-storage-class"], answer["content-length"], answer["accept-ranges"] })
      assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", answer["last-modified"])
      assert.is_nil(answer["x-amz-checksum-crc32"])
    end
    head = user:must("HEAD", "/box/dir/key", { headers = { ["x-amz-checksum-mode"] = "ENABLED" } })
    assert.are.equal(core.base64(core.digest("crc32", bytes)), head["x-amz-checksum-crc32"])
  end)

  it("that are not there are said to be so, and deleting them succeeds", function()
    local body = user:refused(404, "NoSuchKey", "GET", "/box/no%20key")
    assert.matches("<Resource>/box/no key</Resource>", body)
    assert.are.same({ 404, "" }, { (user:send("HEAD", "/box/nokey")), (select(3, user:send("HEAD", "/box/nokey"))) })
    assert.are.equal(204, (user:send("DELETE", "/box/nokey")))
    user:refused(404, "NoSuchBucket", "PUT", "/other/key")
  end)

  it("are given out in ranges", function()
    user:must("PUT", "/box/key", { body = "0123456789" })
    local function part(range)
      local status, headers, body = user:send("GET", "/box/key", { headers = { range = range } })
      return { status, headers["content-range"] or "", body }
    end
    assert.are.same({ 206, "bytes 2-4/10", "234" }, part("bytes=2-4"))
    assert.are.same({ 206, "bytes 7-9/10", "789" }, part("bytes=7-"))
    assert.are.same({ 206, "bytes 7-9/10", "789" }, part("bytes=7-100"))
    assert.are.same({ 206, "bytes 8-9/10", "89" }, part("bytes=-2"))
    assert.are.same({ 206, "bytes 0-9/10", "0123456789" }, part("bytes=-20"))
    for _, ignored in ipairs { "bytes=4-2", "bytes=1-2,4-5", "items=1-2", "bytes=-" } do
      assert.are.same({ 200, "", "0123456789" }, part(ignored))
    end
    assert.are.same({ 206, "bytes 0-9/10", "0123456789" }, part("bytes=-99999999999999999999"))
    assert.are.same({ 206, "bytes 7-9/10", "789" }, part("bytes=7-99999999999999999999"))
    user:refused(416, "InvalidRange", "GET", "/box/key", { headers = { range = "bytes=99999999999999999999-" } })
    user:refused(416, "InvalidRange", "GET", "/box/key", { headers = { range = "bytes=10-" } })
    user:refused(416, "InvalidRange", "GET", "/box/key", { headers = { range = "bytes=-0" } })
    local headers = user:must("HEAD", "/box/key", { headers = { range = "bytes=2-4" } })
    assert.are.equal("3", headers["content-length"])
    headers = user:must("GET", "/box/key", { headers = { range = "bytes=2-4", ["x-amz-checksum-mode"] = "ENABLED" } })
    assert.is_nil(headers["x-amz-checksum-crc32"])
  end)

  it("check the digests sent along", function()
    local md5 = core.base64(core.digest("md5", "abc"))
    user:must("PUT", "/box/key", { body = "abc", headers = { ["content-md5"] = md5 } })
    user:refused(400, "BadDigest", "PUT", "/box/key", { body = "abd", headers = { ["content-md5"] = md5 } })
    user:refused(400, "InvalidDigest", "PUT", "/box/key", { body = "abc", headers = { ["content-md5"] = "short" } })
    local sums = { crc32 = "NSRBwg==", crc32c = "Nks/tw==", crc64nvme = "BeXKuz/B+us=",
      sha1 = "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", sha256 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" }
    for name, sum in pairs(sums) do
      local header = "x-amz-checksum-" .. name
      local headers = user:must("PUT", "/box/key", { body = "abc", headers = { [header] = sum } })
      assert.are.equal(sum, headers[header])
      user:refused(400, "BadDigest", "PUT", "/box/key", { body = "abd", headers = { [header] = sum } })
      user:refused(400, "InvalidRequest", "PUT", "/box/key", { body = "abc", headers = { [header] = "AAA" } })
    end
  end)

  it("are read under conditions", function()
    local etag = user:must("PUT", "/box/key", { body = "x" }).etag
    local modified = user:must("HEAD", "/box/key")["last-modified"]
    local earlier = "Mon, 01 Jan 2001 00:00:00 GMT"
    local function status(headers) return (user:send("GET", "/box/key", { headers = headers })) end
    assert.are.equal(200, status { ["if-match"] = etag })
    assert.are.equal(200, status { ["if-match"] = etag:gsub('"', "") })
    assert.are.equal(200, status { ["if-match"] = '"other", ' .. etag })
    assert.are.equal(412, status { ["if-match"] = '"other"' })
    assert.are.equal(304, status { ["if-none-match"] = etag })
    assert.are.equal(200, status { ["if-none-match"] = '"other"' })
    assert.are.equal(304, status { ["if-modified-since"] = modified })
    assert.are.equal(200, status { ["if-modified-since"] = earlier })
    assert.are.equal(412, status { ["if-unmodified-since"] = earlier })
    assert.are.equal(200, status { ["if-unmodified-since"] = modified })
    assert.are.equal(200, status { ["if-match"] = etag, ["if-unmodified-since"] = earlier })
    local _, headers, body = user:send("GET", "/box/key", { headers = { ["if-none-match"] = etag } })
    assert.are.same({ etag, "" }, { headers.etag, body })
  end)

  it("are written under conditions, with the ETag quoted or not", function()
    local function put(headers, body) return { body = body or "new", headers = headers } end
    local etag = user:must("PUT", "/box/key", put { ["if-none-match"] = "*" }).etag
    local body = user:refused(412, "PreconditionFailed", "PUT", "/box/key", put { ["if-none-match"] = "*" })
    assert.matches("<Condition>If%-None%-Match</Condition>", body)
    etag = user:must("PUT", "/box/key", put({ ["if-match"] = etag }, "second")).etag
    etag = user:must("PUT", "/box/key", put({ ["if-match"] = etag:gsub('"', "") }, "third")).etag
    user:refused(412, "PreconditionFailed", "PUT", "/box/key", put { ["if-match"] = core.hex(core.digest("md5", "second")) })
    assert.are.equal("third", select(2, user:must("GET", "/box/key", { headers = { ["if-match"] = etag } })))
    user:refused(404, "NoSuchKey", "PUT", "/box/absent", put { ["if-match"] = etag })
    user:refused(501, "NotImplemented", "PUT", "/box/key", put { ["if-none-match"] = etag })
  end)

  it("carry tags", function()
    user:must("PUT", "/box/key", { headers = { ["x-amz-tagging"] = "a=1&b=x%20y" } })
    assert.are.equal("2", user:must("HEAD", "/box/key")["x-amz-tagging-count"])
    local query = { { "tagging", "" } }
    local _, body = user:must("GET", "/box/key", { query = query })
    assert.matches("<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>x y</Value></Tag></TagSet></Tagging>$",
      body)
    user:configure("/box/key", "tagging", "<Tagging><TagSet><Tag><Key>c</Key><Value/></Tag></TagSet></Tagging>")
    assert.are.equal("1", user:must("HEAD", "/box/key")["x-amz-tagging-count"])
    user:must("DELETE", "/box/key", { query = query })
    _, body = user:must("GET", "/box/key", { query = query })
    assert.matches("<TagSet></TagSet>", body)
    assert.is_nil(user:must("HEAD", "/box/key")["x-amz-tagging-count"])
    local eleven = {}
    for i = 1, 11 do eleven[i] = "k" .. i .. "=v" end
    user:refused(400, "InvalidTag", "PUT", "/box/key", { headers = { ["x-amz-tagging"] = table.concat(eleven, "&") } })
    user:refused(400, "InvalidTag", "PUT", "/box/key", { headers = { ["x-amz-tagging"] = "a=1&a=2" } })
    user:refused(400, "MalformedXML", "PUT", "/box/key", { query = query, body = "<Tagging/>" })
  end)

  it("refuse what the service has no room for", function()
    user:refused(400, "KeyTooLongError", "PUT", "/box/" .. ("k"):rep(1025))
    user:refused(400, "InvalidStorageClass", "PUT", "/box/key", { headers = { ["x-amz-storage-class"] = "COLD" } })
    user:refused(400, "MetadataTooLarge", "PUT", "/box/key", { headers = { ["x-amz-meta-a"] = ("x"):rep(2048) } })
    user:refused(400, "InvalidURI", "PUT", "/box/%FF")
    user:refused(501, "NotImplemented", "PUT", "/box/key", { headers = { ["x-amz-server-side-encryption-customer-algorithm"] = "AES256" } })
  end)

  it("in cold storage are read after they were restored", function()
    user:must("PUT", "/box/key", { body = "x", headers = { ["x-amz-storage-class"] = "GLACIER" } })
    user:must("HEAD", "/box/key")
    user:refused(403, "InvalidObjectState", "GET", "/box/key")
    local restore = { query = { { "restore", "" } }, body = "<RestoreRequest><Days>2</Days></RestoreRequest>" }
    for _, days in ipairs { "0", "99999999999", "99999999999999999999" } do
      user:refused(400, "MalformedXML", "POST", "/box/key", { query = { { "restore", "" } },
        body = "<RestoreRequest><Days>" .. days .. "</Days></RestoreRequest>" })
    end
    assert.are.equal(202, (user:send("POST", "/box/key", restore)))
    assert.are.equal(200, (user:send("POST", "/box/key", restore)))
    local headers, body = user:must("GET", "/box/key")
    assert.are.equal("x", body)
    assert.matches('ongoing%-request="false"', headers["x-amz-restore"])
    user.time = user.time + 3 * 86400
    user:refused(403, "InvalidObjectState", "GET", "/box/key")
  end)

  it("are copied with or without what was said about them", function()
    user:must("PUT", "/box/from%20here", { body = "bytes", headers = {
      ["content-type"] = "text/plain", ["x-amz-meta-a"] = "1", ["x-amz-tagging"] = "t=1" } })
    local _, body = user:must("PUT", "/box/copy", { headers = { ["x-amz-copy-source"] = "/box/from%20here" } })
    assert.matches("<CopyObjectResult xmlns=[^>]*><ETag>&#34;%x+&#34;</ETag><LastModified>[^<]+</LastModified><ChecksumCRC32>[^<]+<", body)
    local headers = user:must("GET", "/box/copy")
    assert.are.same({ "text/plain", "1", "1" }, { headers["content-type"], headers["x-amz-meta-a"], headers["x-amz-tagging-count"] })
    user:must("PUT", "/box/copy", { headers = { ["x-amz-copy-source"] = "box/copy", ["x-amz-metadata-directive"] = "REPLACE",
      ["x-amz-tagging-directive"] = "REPLACE", ["x-amz-meta-b"] = "2" } })
    headers, body = user:must("GET", "/box/copy")
    assert.are.same({ "bytes", nil, "2", nil }, { body, headers["x-amz-meta-a"], headers["x-amz-meta-b"], headers["x-amz-tagging-count"] })
    user:refused(404, "NoSuchKey", "PUT", "/box/copy", { headers = { ["x-amz-copy-source"] = "box/nothing" } })
    user:refused(404, "NoSuchBucket", "PUT", "/box/copy", { headers = { ["x-amz-copy-source"] = "nobox/copy" } })
    user:refused(400, "InvalidArgument", "PUT", "/box/copy", { headers = { ["x-amz-copy-source"] = "box" } })
    user:refused(412, "PreconditionFailed", "PUT", "/box/copy", { headers = {
      ["x-amz-copy-source"] = "box/copy", ["x-amz-copy-source-if-match"] = "other" } })
    user:must("PUT", "/theirs", { key = "SCWOTHER" })
    user:refused(403, "AccessDenied", "PUT", "/theirs/copy", { key = "SCWOTHER", headers = { ["x-amz-copy-source"] = "box/copy" } })
  end)

  it("are deleted by the thousand, each for itself", function()
    for _, key in ipairs { "a", "b&c", "d" } do user:must("PUT", "/box/" .. core.uri_encode(key)) end
    local function delete(body, headers)
      headers = headers or { ["content-md5"] = core.base64(core.digest("md5", body)) }
      return { query = { { "delete", "" } }, body = body, headers = headers }
    end
    local _, body = user:must("POST", "/box", delete(
      "<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object><Object><Key>never</Key></Object></Delete>"))
    assert.matches("<Deleted><Key>a</Key></Deleted><Deleted><Key>b&amp;c</Key></Deleted><Deleted><Key>never</Key></Deleted>", body)
    _, body = user:must("POST", "/box", delete("<Delete><Quiet>true</Quiet><Object><Key>d</Key></Object></Delete>"))
    assert.matches("<DeleteResult[^>]*></DeleteResult>", body)
    assert.are.equal(204, (user:send("DELETE", "/box")))
    user:must("PUT", "/box")
    user:refused(400, "MalformedXML", "POST", "/box", delete("<Delete></Delete>"))
    user:refused(400, "InvalidRequest", "POST", "/box", delete("<Delete/>", {}))
    user:refused(400, "MalformedXML", "POST", "/box", delete("<Delete>" .. ("<Object><Key>k</Key></Object>"):rep(1001) .. "</Delete>"))
    _, body = user:must("POST", "/box", { key = "SCWOTHER", query = { { "delete", "" } },
      body = "<Delete><Object><Key>k</Key></Object></Delete>",
      headers = { ["x-amz-checksum-crc32"] = core.base64(core.digest("crc32", "<Delete><Object><Key>k</Key></Object></Delete>")) } })
    assert.matches("<Error><Key>k</Key><Code>AccessDenied</Code>", body)
  end)
end)
