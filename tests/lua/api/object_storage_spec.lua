local client = require "scw.api.client"
local core = require "core"
local errors = require "scw.errors"
local object_storage = require "scw.api.object_storage"
local service = require "tests.lua.api.service"

local ACCESS, SECRET = "SCWAAAAAAAAAAAAAAAAA", "11111111-2222-3333-4444-555555555555"
local PROJECT = "33333333-3333-3333-3333-333333333333"

local running

--- The query as pairs, decoded.
local function pairs_of(query)
  local list = {}
  for part in query:gmatch("[^&]+") do
    local name, value = part:match("^([^=]*)=?(.*)$")
    list[#list + 1] = { core.uri_decode(name), core.uri_decode(value) }
  end
  return list
end

--- Is the request signed as a server would sign it?
local function check_signature(request)
  local access, date, names, signature = request.headers.authorization:match(
    "^AWS4%-HMAC%-SHA256 Credential=([^/]+)/(%d+)/nl%-ams/s3/aws4_request,SignedHeaders=([^,]+),Signature=(%x+)$")
  assert(access, request.headers.authorization)
  local headers = {}
  for name in names:gmatch("[^;]+") do headers[name] = request.headers[name] end
  assert(headers.host and headers["x-amz-date"] and headers["x-amz-content-sha256"], names)
  assert(headers["x-amz-content-sha256"] == core.hex(core.digest("sha256", request.body or "")))
  local year, month, day, hour, minute, second = headers["x-amz-date"]:match("(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)Z")
  local offset = os.time(os.date("!*t", 86400)) - 86400
  local time = os.time { year = year, month = month, day = day, hour = hour, min = minute, sec = second } - offset
  local expected = core.sigv4 {
    method = request.method, path = request.path, query = pairs_of(request.query or ""), headers = headers,
    payload_hash = headers["x-amz-content-sha256"], access_key = access, secret_key = SECRET, region = "nl-ams", time = time,
  }
  assert(expected.signature == signature, "wrong signature")
  assert(date == expected.amz_date:sub(1, 8))
  return access
end

local function start(handler, place)
  running = service.start(handler)
  local api = client.new {
    credentials = { access_key = ACCESS, secret_key = SECRET, region = "nl-ams", s3_endpoint = running.url }, time_scale = 0.001,
  }
  return object_storage.new(api, place)
end

after_each(function()
  if running then
    for _, request in ipairs(running.requests) do check_signature(request) end
    running.close()
  end
  running = nil
end)

local function failure(code, message)
  local form = "<?xml version='1.0'?><Error><Code>%s</Code><Message>%s</Message><RequestId>tx-1</RequestId></Error>"
  return form:format(code, message or "no")
end

describe("an object", function()
  it("is written with digest, type, metadata and a bare condition", function()
    local store = start(function() return 200, { ETag = '"abc"', ["x-amz-version-id"] = "v1" } end)
    local etag, facts = store:put("box", "a b/ü+1", "content", {
      if_match = '"old"', content_type = "text/plain", metadata = { Owner = "me" },
    })
    assert.are.equal("abc", etag)
    assert.are.equal("v1", facts.version_id)
    assert.are.equal(7, facts.size)
    local request = running.requests[1]
    assert.are.equal("PUT", request.method)
    assert.are.equal("/box/a%20b/%C3%BC%2B1", request.path)
    assert.are.equal("content", request.body)
    assert.are.equal("old", request.headers["if-match"])
    assert.are.equal("text/plain", request.headers["content-type"])
    assert.are.equal("me", request.headers["x-amz-meta-owner"])
    assert.are.equal(core.base64(core.digest("md5", "content")), request.headers["content-md5"])
  end)

  it("is created only where there is none, when asked", function()
    local store = start(function() return 412, nil, failure("PreconditionFailed") end)
    local etag, err = store:put("box", "lock", "mine", { if_none_match = true })
    assert.is_nil(etag)
    assert.are.equal("*", running.requests[1].headers["if-none-match"])
    assert.are.equal("condition", err.kind)
    assert.are.equal("PreconditionFailed", err.type)
    assert.are.equal("tx-1", err.request_id)
    assert.is_nil(err.uncertain)
    assert.are.equal(1, #running.requests)
  end)

  it("is not written again under a condition when the outcome is unknown", function()
    for _, outcome in ipairs { { 500, nil, failure("InternalError") }, { 503 }, "drop" } do
      local store = start(service.sequence(outcome, { 200, { ETag = '"x"' } }))
      local etag, err = store:put("box", "state", "{}", { if_match = "old" })
      assert.is_nil(etag)
      assert.is_true(err.uncertain)
      assert.are.equal(1, #running.requests)
      running.close()
    end
  end)

  it("is written again without a condition, and after SlowDown with one", function()
    local store = start(service.sequence({ 503 }, { 200, { ETag = '"x"' } }))
    assert.are.equal("x", store:put("box", "state", "{}"))
    running.close()
    store = start(service.sequence({ 503, nil, failure("SlowDown") }, { 200, { ETag = '"x"' } }))
    assert.are.equal("x", store:put("box", "state", "{}", { if_match = "old" }))
  end)

  it("is read with its facts", function()
    local store = start(function()
      return 200, { ETag = 'W/"e"', ["Content-Type"] = "text/plain", ["x-amz-meta-owner"] = "me", ["Last-Modified"] = "now" }, "hello"
    end)
    local content, facts = store:get("box", "k", { version_id = "v 1" })
    assert.are.equal("hello", content)
    assert.are.same({ etag = "e", size = 5, content_type = "text/plain", last_modified = "now", metadata = { owner = "me" } }, facts)
    assert.are.equal("versionId=v%201", running.requests[1].query)
  end)

  it("says when it is absent, unchanged or not for us", function()
    local store = start(function() return 404, nil, failure("NoSuchKey", "none") end)
    local content, err = store:get("box", "k")
    assert.is_nil(content)
    assert.is_true(errors.is(err))
    assert.are.equal("not_found", err.kind)
    assert.are.equal("INFRA_004", err.code)
    assert.matches("GET /box/k: 404 not found %(none%)", err.message)
    running.close()
    store = start(function() return 304 end)
    assert.are.equal("unchanged", select(2, store:get("box", "k", { if_none_match = "e" })).kind)
    running.close()
    store = start(function() return 403, nil, failure("AccessDenied") end)
    err = select(2, store:get("box", "k"))
    assert.are.equal("denied", err.kind)
    assert.matches("ObjectStorageReadOnly", err.hint)
    running.close()
    store = start(function() return 403, nil, failure("RequestTimeTooSkewed") end)
    assert.matches("clock", select(2, store:get("box", "k")).hint)
    running.close()
    store = start(function() return 403, nil, failure("SignatureDoesNotMatch") end)
    assert.matches("the secret key", select(2, store:get("box", "k")).hint)
  end)

  it("is copied by the service, under a bare condition, as often as it takes", function()
    local done = [[<?xml version="1.0"?><CopyObjectResult><LastModified>x</LastModified><ETag>"abc"</ETag></CopyObjectResult>]]
    local store = start(service.sequence({ 503 }, "drop", { 200, nil, failure("InternalError") }, { 200, nil, done }))
    assert.are.equal("abc", store:copy("box", "a b/ü+1", "b/ü", { if_match = '"old"' }))
    assert.are.equal(4, #running.requests)
    for _, request in ipairs(running.requests) do
      assert.are.same({ "PUT", "/box/b/%C3%BC", "" }, { request.method, request.path, request.body or "" })
      assert.are.equal("/box/a%20b/%C3%BC%2B1", request.headers["x-amz-copy-source"])
      assert.are.equal("old", request.headers["x-amz-copy-source-if-match"])
      assert.are.equal("old", request.headers["x-amz-copy-if-match"])
    end
  end)

  it("is not copied when it is another one, or when the service says so, be it late", function()
    local store = start(function() return 412, nil, failure("PreconditionFailed") end)
    assert.are.equal("condition", select(2, store:copy("box", "a", "b", { if_match = "old" })).kind)
    assert.are.equal(1, #running.requests)
    running.close()
    store = start(function() return 200, nil, failure("InternalError", "broken inside") end)
    local etag, err = store:copy("box", "a", "b")
    assert.is_nil(etag)
    assert.are.same({ "io", 500, "InternalError" }, { err.kind, err.status, err.type })
    assert.matches("PUT /box/b: 500 internal error %(broken inside%)", err.message)
    running.close()
    store = start(function() return 200, nil, failure("SlowDown") end)
    assert.are.equal("limit", select(2, store:copy("box", "a", "b")).kind)
    assert.is_true(#running.requests > 1)
  end)

  it("that a service wrote instead of copying is taken away", function()
    local store = start(function() return 200, { ETag = '"d41d8cd98f00b204e9800998ecf8427e"' } end)
    local etag, err = store:copy("box", "a", "b")
    assert.is_nil(etag)
    assert.are.equal(501, err.status)
    assert.matches("PUT /box/b: 501 .*does not copy", err.message)
    assert.are.same({ 2, "DELETE", "/box/b" }, { #running.requests, running.requests[2].method, running.requests[2].path })
  end)

  it("counts as deleted when it is gone already", function()
    local store = start(function() return 404, nil, failure("NoSuchKey") end)
    assert.is_true(store:delete("box", "k", { bypass_governance = true }))
    assert.are.equal("true", running.requests[1].headers["x-amz-bypass-governance-retention"])
  end)
end)

describe("a bucket", function()
  it("is created, or found to be ours, or someone else's", function()
    local store = start(function() return 200 end)
    assert.is_true(store:create_bucket("box", { object_lock = true, acl = "private" }))
    local request = running.requests[1]
    assert.are.equal("/box", request.path)
    assert.are.equal("true", request.headers["x-amz-bucket-object-lock-enabled"])
    assert.matches("<LocationConstraint>nl%-ams</LocationConstraint>", request.body)
    running.close()
    store = start(function() return 409, nil, failure("BucketAlreadyOwnedByYou") end)
    assert.are.same({ true, nil, true }, { store:create_bucket("box") })
    running.close()
    store = start(function() return 409, nil, failure("BucketAlreadyExists") end)
    assert.are.equal("exists", select(2, store:create_bucket("box")).kind)
  end)

  it("is asked for without a body", function()
    local store = start(service.sequence({ 200, { ["x-amz-bucket-region"] = "nl-ams" } }, { 404 }, { 403 }))
    assert.are.same({ region = "nl-ams" }, store:head_bucket("box"))
    assert.are.equal("not_found", select(2, store:head_bucket("box")).kind)
    assert.are.equal("denied", select(2, store:head_bucket("box")).kind)
  end)

  it("is not deleted while something is in it", function()
    local store = start(service.sequence({ 409, nil, failure("BucketNotEmpty") }, { 204 }, { 404, nil, failure("NoSuchBucket") }))
    assert.are.equal("busy", select(2, store:delete_bucket("box")).kind)
    assert.is_true(store:delete_bucket("box"))
    assert.is_true(store:delete_bucket("box"))
  end)

  it("has sub-resources, as trees or texts, or not", function()
    local store = start(service.sequence({ 200, nil, "<Tagging><TagSet/></Tagging>" }, { 200 }, { 200, nil, '{"a":1}' }, { 200 },
      { 404, nil, failure("NoSuchTagSet") }, { 204 }))
    assert.are.equal("TagSet", store:get_part("box", "tagging")[1].name)
    assert.is_true(store:put_part("box", "tagging", { name = "Tagging", { name = "Key", text = "a&b" } }))
    assert.are.equal('{"a":1}', store:get_part("box", "policy"))
    assert.is_true(store:put_part("box", "policy", "{}"))
    local err = select(2, store:get_part("box", "tagging"))
    assert.are.equal("not_found", err.kind)
    assert.matches("/box%?tagging", err.message)
    assert.is_true(store:delete_part("box", "tagging"))
    assert.are.equal("tagging", running.requests[1].query)
    assert.matches("<Key>a&amp;b</Key>", running.requests[2].body)
    assert.are.equal("application/xml", running.requests[2].headers["content-type"])
    assert.are.equal("application/json", running.requests[4].headers["content-type"])
    assert.are.equal("DELETE", running.requests[6].method)
  end)

  it("is reached in another project by its id behind the key", function()
    local store = start(function() return 200 end, { project = PROJECT })
    store:head_bucket("box")
    assert.are.equal(ACCESS .. "@" .. PROJECT, check_signature(running.requests[1]))
  end)
end)

describe("a list", function()
  it("goes over all pages and decodes keys", function()
    local store = start(service.sequence(
      { 200, nil, [[<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
        <NextContinuationToken>t+1</NextContinuationToken><Contents><Key>a%26b</Key><Size>3</Size><ETag>"e1"</ETag></Contents>
        </ListBucketResult>]] },
      { 200, nil, [[<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
        <Contents><Key>c+d%2Be</Key><Size>0</Size><ETag>&quot;e2&quot;</ETag></Contents>
        <CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes></ListBucketResult>]] }))
    local objects, prefixes = store:list("box", { prefix = "x", delimiter = "/" })
    assert.are.same({ { key = "a&b", size = 3, etag = "e1" }, { key = "c d+e", size = 0, etag = "e2" } }, objects)
    assert.are.same({ "p/" }, prefixes)
    assert.matches("continuation%-token=t%%2B1", running.requests[2].query)
  end)

  it("fails as a whole", function()
    local store = start(function() return 404, nil, failure("NoSuchBucket") end)
    local objects, err = store:list("box")
    assert.is_nil(objects)
    assert.are.equal("NoSuchBucket", err.type)
    running.close()
    store = start(function() return 200, nil, "<ListBucketResult>" end)
    objects, err = store:list("box")
    assert.is_nil(objects)
    assert.matches("malformed XML", err.message)
  end)

  it("of versions goes over all pages too", function()
    local store = start(service.sequence(
      { 200, nil, [[<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>
        <NextVersionIdMarker>1</NextVersionIdMarker><Version><Key>a</Key><VersionId>1</VersionId><IsLatest>false</IsLatest></Version>
        </ListVersionsResult>]] },
      { 200, nil, [[<ListVersionsResult><IsTruncated>false</IsTruncated><DeleteMarker><Key>a</Key><VersionId>2</VersionId>
        <IsLatest>true</IsLatest></DeleteMarker></ListVersionsResult>]] }))
    assert.are.same({
      { key = "a", version_id = "1", latest = false, delete_marker = false },
      { key = "a", version_id = "2", latest = true, delete_marker = true },
    }, store:list_versions("box"))
    assert.matches("key%-marker=a&version%-id%-marker=1", running.requests[2].query)
  end)
end)

describe("deleting many", function()
  it("goes a thousand at a time, with a digest", function()
    local store = start(function() return 200, nil, "<DeleteResult/>" end)
    local objects = {}
    for i = 1, 1001 do objects[i] = { key = "k<" .. i, version_id = i % 2 == 0 and tostring(i) or nil } end
    assert.is_true(store:delete_many("box", objects, { bypass_governance = true }))
    assert.are.equal(2, #running.requests)
    local first = assert(core.xml_decode(running.requests[1].body))
    assert.are.equal(1001, #first) -- Quiet and a thousand objects
    assert.are.equal("k<2", first[3][1].text)
    assert.are.equal("2", first[3][2].text)
    assert.are.equal("delete", running.requests[1].query)
    assert.are.equal(core.base64(core.digest("md5", running.requests[1].body)), running.requests[1].headers["content-md5"])
    assert.are.equal("true", running.requests[1].headers["x-amz-bypass-governance-retention"])
  end)

  it("says what stayed", function()
    local store = start(function()
      return 200, nil, "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    end)
    local ok, err = store:delete_many("box", { { key = "a" }, { key = "b" } })
    assert.is_nil(ok)
    assert.are.equal("denied", err.kind)
    assert.are.same({ "a: AccessDenied" }, err.details)
    assert.matches("1 of 2 objects stay", err.message)
  end)
end)

describe("the address of a bucket", function()
  local function style(changes)
    local credentials = { access_key = ACCESS, secret_key = SECRET, region = "fr-par" }
    for name, value in pairs(changes) do credentials[name] = value end
    local store = object_storage.new(client.new { credentials = credentials })
    return store.endpoint, store.path_style
  end

  it("has the bucket in the host at the provider, in the path elsewhere, unless told otherwise", function()
    assert.are.same({ "https://s3.fr-par.scw.cloud", false }, { style {} })
    assert.are.same({ "http://127.0.0.1:9000", true }, { style { s3_endpoint = "http://127.0.0.1:9000" } })
    assert.are.same({ "https://s3.nl-ams.scw.cloud", false }, { style { s3_endpoint = "https://s3.nl-ams.scw.cloud" } })
    assert.are.same({ "https://s3.fr-par.scw.cloud", true }, { style { path_style = true } })
  end)
end)
