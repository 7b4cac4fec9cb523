local core = require "core"
local client = require "tests.lua.emulator.s3.client"

local BIG = ("0123456789abcdef"):rep(5 * 1024 * 64)

describe("uploads in parts", function()
  local user
  local function begin(path, headers)
    local _, body = user:must("POST", path or "/box/key", { query = { { "uploads", "" } }, headers = headers })
    return body:match("<UploadId>(.-)</UploadId>")
  end
  local function query(id, number) return { { "uploadId", id }, number and { "partNumber", tostring(number) } } end
  local function part(id, number, body)
    return user:must("PUT", "/box/key", { query = query(id, number), body = body }).etag
  end
  local function completion(parts)
    local lines = {}
    for i, one in ipairs(parts) do lines[i] = ("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>"):format(one[1], one[2]) end
    return "<CompleteMultipartUpload>" .. table.concat(lines) .. "</CompleteMultipartUpload>"
  end
  before_each(function()
    user = client.new()
    user:must("PUT", "/box")
  end)

  it("become one object", function()
    local id = begin(nil, { ["content-type"] = "text/plain", ["x-amz-meta-a"] = "1" })
    local second, first = part(id, 2, "tail"), part(id, 1, BIG)
    local _, body = user:must("POST", "/box/key", { query = query(id), body = completion { { 1, first }, { 2, second } } })
    local digest = core.digest("md5", core.digest("md5", BIG) .. core.digest("md5", "tail"))
    assert.matches(("<Key>key</Key><ETag>&#34;%s%%-2&#34;</ETag>"):format(core.hex(digest)), body)
    local headers, got = user:must("GET", "/box/key")
    assert.is_true(got == BIG .. "tail")
    assert.are.same({ "text/plain", "1" }, { headers["content-type"], headers["x-amz-meta-a"] })
    headers, got = user:must("GET", "/box/key", { query = { { "partNumber", "2" } } })
    assert.are.same({ "tail", "2" }, { got, headers["x-amz-mp-parts-count"] })
    user:refused(404, "NoSuchUpload", "POST", "/box/key", { query = query(id), body = completion { { 1, first } } })
  end)

  it("have the checksum of their parts' checksums, or of the whole", function()
    for _, kind in ipairs { "COMPOSITE", "FULL_OBJECT" } do
      local id = begin(nil, { ["x-amz-checksum-algorithm"] = "CRC32", ["x-amz-checksum-type"] = kind })
      local first, second = part(id, 1, BIG), part(id, 2, "tail")
      user:must("POST", "/box/key", { query = query(id), body = completion { { 1, first }, { 2, second } } })
      local headers = user:must("HEAD", "/box/key", { headers = { ["x-amz-checksum-mode"] = "ENABLED" } })
      local expected = kind == "COMPOSITE" and core.digest("crc32", core.digest("crc32", BIG) .. core.digest("crc32", "tail"))
        or core.digest("crc32", BIG .. "tail")
      assert.are.same({ core.base64(expected) .. (kind == "COMPOSITE" and "-2" or ""), kind },
        { headers["x-amz-checksum-crc32"], headers["x-amz-checksum-type"] })
    end
  end)

  it("are refused when parts are small, out of order, unknown or missing", function()
    local id = begin()
    local first, second = part(id, 1, "small"), part(id, 2, "tail")
    local function complete(parts) return { query = query(id), body = completion(parts) } end
    user:refused(400, "EntityTooSmall", "POST", "/box/key", complete { { 1, first }, { 2, second } })
    user:refused(400, "InvalidPartOrder", "POST", "/box/key", complete { { 2, second }, { 1, first } })
    user:refused(400, "InvalidPart", "POST", "/box/key", complete { { 1, second } })
    user:refused(400, "InvalidPart", "POST", "/box/key", complete { { 3, first } })
    user:refused(400, "MalformedXML", "POST", "/box/key", complete {})
    user:refused(400, "InvalidArgument", "PUT", "/box/key", { query = query(id, 10001) })
    user:refused(404, "NoSuchUpload", "PUT", "/box/other", { query = query(id, 1) })
    user:refused(404, "NoSuchUpload", "PUT", "/box/key", { query = query("none", 1) })
    user:must("POST", "/box/key", complete { { 1, first } })
    assert.are.equal("small", select(2, user:must("GET", "/box/key")))
  end)

  it("obey conditions when they are finished", function()
    local id = begin()
    local first = part(id, 1, "x")
    user:must("PUT", "/box/key", { body = "there first" })
    local options = { query = query(id), body = completion { { 1, first } }, headers = { ["if-none-match"] = "*" } }
    user:refused(412, "PreconditionFailed", "POST", "/box/key", options)
    user:must("DELETE", "/box/key")
    user:must("POST", "/box/key", options)
  end)

  it("can be given up, and are listed until then", function()
    local id, other = begin(), begin("/box/dir/x")
    part(id, 3, "abc")
    part(id, 1, "a")
    local _, body = user:must("GET", "/box/key", { query = query(id) })
    assert.matches("<Part><PartNumber>1</PartNumber>.-<Size>1</Size>.-<PartNumber>3</PartNumber>.-<Size>3</Size>", body)
    _, body = user:must("GET", "/box/key", { query = { { "uploadId", id }, { "max-parts", "1" } } })
    assert.matches("<NextPartNumberMarker>1</NextPartNumberMarker><MaxParts>1</MaxParts><IsTruncated>true</IsTruncated>", body)
    _, body = user:must("GET", "/box/key", { query = { { "uploadId", id }, { "part-number-marker", "1" } } })
    assert.is_nil(body:find("<PartNumber>1<", 1, true))
    local function uploads(...)
      local _, text = user:must("GET", "/box", { query = { { "uploads", "" }, ... } })
      local keys = {}
      for key in text:gmatch("<Upload><Key>(.-)</Key>") do keys[#keys + 1] = key end
      return keys, text
    end
    assert.are.same({ "dir/x", "key" }, (uploads()))
    assert.are.same({ "key" }, (uploads({ "prefix", "k" })))
    local keys, text = uploads({ "delimiter", "/" })
    assert.are.same({ "key" }, keys)
    assert.matches("<CommonPrefixes><Prefix>dir/</Prefix>", text)
    keys, text = uploads({ "max-uploads", "1" })
    assert.are.same({ "dir/x" }, keys)
    assert.matches("<NextKeyMarker>dir/x</NextKeyMarker><NextUploadIdMarker>[^<]+<", text)
    assert.are.same({ "key" }, (uploads({ "key-marker", "dir/x" }, { "upload-id-marker", other })))
    assert.are.equal(204, (user:send("DELETE", "/box/key", { query = query(id) })))
    assert.are.same({ "dir/x" }, (uploads()))
    user:refused(404, "NoSuchUpload", "GET", "/box/key", { query = query(id) })
  end)

  it("take parts from other objects", function()
    user:must("PUT", "/box/source", { body = "0123456789" })
    local id = begin()
    local function copy(range)
      return { query = query(id, 1), headers = { ["x-amz-copy-source"] = "box/source", ["x-amz-copy-source-range"] = range } }
    end
    local _, body = user:must("PUT", "/box/key", copy("bytes=2-5"))
    local etag = body:match("<CopyPartResult[^>]*><ETag>&#34;(%x+)&#34;</ETag><LastModified>")
    user:must("POST", "/box/key", { query = query(id), body = completion { { 1, etag } } })
    assert.are.equal("2345", select(2, user:must("GET", "/box/key")))
    id = begin()
    user:refused(400, "InvalidArgument", "PUT", "/box/key", copy("bytes=2-10"))
    user:refused(400, "InvalidArgument", "PUT", "/box/key", copy("2-5"))
    user:refused(400, "InvalidArgument", "PUT", "/box/key", copy("bytes=2-99999999999999999999"))
  end)
end)
