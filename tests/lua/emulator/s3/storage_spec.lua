local core = require "core"
local client = require "tests.lua.emulator.s3.client"
local disk = require "scw.emulator.s3.disk"
local time = require "scw.emulator.s3.time"

describe("what is kept on a disk", function()
  local database
  before_each(function() database = assert(core.store(":memory:")) end)
  after_each(function() database:close() end)

  --- The same service after a restart: everything but the database is new.
  local function restarted() return client.new { disk = disk.new(database) } end

  it("is there again after a restart, byte for byte", function()
    local user = restarted()
    local bytes = "\0\255\1 bytes \n"
    user:must("PUT", "/box", { headers = { ["x-amz-bucket-object-lock-enabled"] = "true" } })
    user:configure("/box", "cors", "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod>"
      .. "<AllowedOrigin>*</AllowedOrigin></CORSRule>"
      .. "</CORSConfiguration>")
    local first = user:must("PUT", "/box/k%C3%A9y", { body = bytes, headers = { ["x-amz-meta-a"] = "\233" } })["x-amz-version-id"]
    local second = user:must("PUT", "/box/k%C3%A9y", { body = "two", headers = { ["x-amz-tagging"] = "t=1" } })["x-amz-version-id"]
    user:must("PUT", "/box/gone", { body = "x" })
    user:must("DELETE", "/box/gone")
    local _, upload = user:must("POST", "/box/big", { query = { { "uploads", "" } } })
    local id = upload:match("<UploadId>(.-)<")
    local etag = user:must("PUT", "/box/big", { query = { { "uploadId", id }, { "partNumber", "1" } }, body = "part" }).etag
    local _, before = user:must("GET", "/box", { query = { { "versions", "" } } })

    user = restarted()
    assert.are.equal(before, (select(2, user:must("GET", "/box", { query = { { "versions", "" } } }))))
    local headers, body = user:must("GET", "/box/k%C3%A9y")
    assert.are.same({ "two", second, "1" }, { body, headers["x-amz-version-id"], headers["x-amz-tagging-count"] })
    headers, body = user:must("GET", "/box/k%C3%A9y", { query = { { "versionId", first } } })
    assert.are.same({ bytes, "é" }, { body, headers["x-amz-meta-a"] })
    user:must("GET", "/box", { query = { { "cors", "" } } })
    user:must("POST", "/box/big", { query = { { "uploadId", id } }, body = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"
      .. etag .. "</ETag></Part></CompleteMultipartUpload>" })
    user:must("DELETE", "/box/k%C3%A9y", { query = { { "versionId", second } } })

    user = restarted()
    assert.are.equal("part", select(2, user:must("GET", "/box/big")))
    assert.are.equal(bytes, select(2, user:must("GET", "/box/k%C3%A9y")))
    local third = user:must("PUT", "/box/k%C3%A9y", { body = "three" })["x-amz-version-id"]
    assert.is_true(math.tointeger(third) > math.tointeger(second))
  end)

  it("leaves nothing behind when it is removed or reset", function()
    local user = restarted()
    local function rows() return assert(database:run("SELECT count(*) AS n FROM s3"))[1].n end
    user:must("PUT", "/box")
    user:must("PUT", "/box/key", { body = "x" })
    user:must("PUT", "/box/key", { body = "y" })
    user:must("POST", "/box/big", { query = { { "uploads", "" } } })
    assert.are.equal(4, rows())
    user:must("DELETE", "/box/key")
    user:must("DELETE", "/box")
    assert.are.equal(0, rows())
    user:must("PUT", "/box")
    user:must("PUT", "/box/key", { body = "x" })
    assert.are.same({ bucket = 1, object = 1 }, user.service:objects())
    assert.is_true(user.service:project_in_use(client.PROJECT))
    assert.is_false(user.service:project_in_use(client.OTHER_PROJECT))
    user.service:reset()
    assert.are.same({ bucket = 0, object = 0 }, user.service:objects())
    assert.are.equal(0, rows())
    user:refused(404, "NoSuchBucket", "GET", "/box")
  end)
end)

describe("times", function()
  it("are read as they are written", function()
    for _, seconds in ipairs { 0, 951782400, 1709164800, 4102444799 } do
      assert.are.equal(seconds, time.parse_http(time.http(seconds)))
      assert.are.equal(seconds, time.parse_iso(time.iso(seconds)))
      assert.are.equal(seconds, time.parse_compact(os.date("!%Y%m%dT%H%M%SZ", seconds)))
    end
    assert.are.equal(1369353600, time.parse_iso("2013-05-24"))
    assert.are.equal(1369353600, time.parse_iso("2013-05-24T02:00:00+02:00"))
    assert.are.equal(1369353600, time.parse_iso("2013-05-23T18:30:00.123-05:30"))
    for _, text in ipairs { "", "2013-13-01", "2013-05-24T25:00:00Z", "2013-05-24T00:00:00", "today" } do
      assert.is_nil(time.parse_iso(text))
    end
  end)
end)
