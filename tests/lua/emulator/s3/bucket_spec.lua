local client = require "tests.lua.emulator.s3.client"

describe("buckets", function()
  local user
  before_each(function() user = client.new() end)

  it("are made, looked at, listed and removed", function()
    local headers = user:must("PUT", "/box/")
    assert.are.equal("/box", headers.location)
    headers = user:must("HEAD", "/box/")
    assert.are.equal("fr-par", headers["x-amz-bucket-region"])
    assert.are.equal("application/xml", headers["content-type"])
    assert.matches("^txg%x+%-%x+$", headers["x-amz-request-id"])
    local _, body = user:must("GET", "/")
    assert.matches("<Bucket><Name>box</Name><CreationDate>%d+%-%d+%-%d+T[%d:.]+Z</CreationDate></Bucket>", body)
    assert.matches(("<ID>%s:%s</ID>"):format(client.PROJECT, client.PROJECT):gsub("%-", "%%-"), body)
    assert.are.equal(204, (user:send("DELETE", "/box")))
    user:refused(404, "NoSuchBucket", "GET", "/box/")
  end)

  it("are named like hosts", function()
    for _, name in ipairs { "Upper", "under_score", "-dash", "dash-", "two..dots", "192.168.1.1", ("x"):rep(64) } do
      user:refused(400, "InvalidBucketName", "PUT", "/" .. name)
    end
    user:must("PUT", "/a.valid-name9")
  end)

  it("have one owner and one name everywhere", function()
    user:must("PUT", "/box")
    user:refused(409, "BucketAlreadyOwnedByYou", "PUT", "/box")
    user:refused(409, "BucketAlreadyExists", "PUT", "/box", { key = "SCWOTHER" })
    user:refused(409, "BucketAlreadyOwnedByYou", "PUT", "/box", { region = "nl-ams" })
  end)

  it("live in the region they were made in", function()
    user:must("PUT", "/box", { region = "nl-ams", body = "<CreateBucketConfiguration><LocationConstraint>nl-ams"
      .. "</LocationConstraint></CreateBucketConfiguration>" })
    user:refused(404, "NoSuchBucket", "GET", "/box/")
    local _, body = user:must("GET", "/box/", { region = "nl-ams", query = { { "location", "" } } })
    assert.matches(">nl%-ams</LocationConstraint>", body)
    _, body = user:must("GET", "/")
    assert.is_nil(body:find("<Name>box", 1, true))
    user:refused(400, "IllegalLocationConstraintException", "PUT", "/other", { body = "<CreateBucketConfiguration>"
      .. "<LocationConstraint>nl-ams</LocationConstraint></CreateBucketConfiguration>" })
    user:refused(400, "MalformedXML", "PUT", "/other", { body = "<CreateBucketConfiguration>" })
  end)

  it("belong to the project behind the access key's @", function()
    user:must("PUT", "/box", { key = "SCWMINE@" .. client.OTHER_PROJECT })
    user:must("HEAD", "/box", { key = "SCWOTHER" })
    assert.are.equal(403, (user:send("HEAD", "/box")))
  end)

  it("are not removed while anything is in them, and take unfinished uploads along", function()
    user:must("PUT", "/box")
    user:must("PUT", "/box/key", { body = "x" })
    local body = user:refused(409, "BucketNotEmpty", "DELETE", "/box")
    assert.matches("<Resource>/box</Resource></Error>$", body)
    user:must("DELETE", "/box/key")
    user:must("POST", "/box/key", { query = { { "uploads", "" } } })
    user:must("DELETE", "/box")
    user:must("PUT", "/box")
    assert.is_nil(select(2, user:must("GET", "/box", { query = { { "uploads", "" } } })):find("<Upload>", 1, true))
  end)

  it("are limited to a hundred a project", function()
    for i = 1, 100 do user:must("PUT", "/box-" .. i) end
    user:refused(400, "TooManyBuckets", "PUT", "/box-101")
    user:must("PUT", "/box-101", { key = "SCWOTHER" })
  end)

  it("are found by host name too", function()
    user:must("PUT", "/", { host = "box.s3.fr-par.scw.cloud" })
    user:must("PUT", "/key", { host = "box.localhost:4567", body = "bytes" })
    assert.are.equal("bytes", select(2, user:must("GET", "/box/key")))
    assert.are.equal("bytes", select(2, user:must("GET", "/box/key", { host = "s3.fr-par.localhost" })))
  end)

  it("answer 403 to a stranger and 404 for what is not there, without a body to HEAD", function()
    user:must("PUT", "/box")
    local status, headers, body = user:send("HEAD", "/box", { key = "SCWOTHER" })
    assert.are.same({ 403, "application/xml", "" }, { status, headers["content-type"], body })
    status, headers, body = user:send("HEAD", "/nothing")
    assert.are.same({ 404, "application/xml", "" }, { status, headers["content-type"], body })
  end)

  it("say what the service does not offer", function()
    user:must("PUT", "/box")
    for _, name in ipairs { "notification", "replication", "logging", "publicAccessBlock" } do
      user:refused(501, "NotImplemented", "GET", "/box", { query = { { name, "" } } })
    end
    user:refused(405, "MethodNotAllowed", "POST", "/box")
    user:refused(405, "MethodNotAllowed", "DELETE", "/")
  end)

  it("are counted with what is in them, and so is what is asked of them", function()
    user:must("PUT", "/box")
    user:must("PUT", "/box/a")
    user:must("PUT", "/box/b")
    user:must("GET", "/box", { query = { { "list-type", "2" } } })
    user:must("GET", "/box", { query = { { "versioning", "" } } })
    user:must("GET", "/")
    user:send("GET", "/box/a", { anonymous = true })
    user:send("BREW", "/box/a")
    assert.are.same({
      ["PUT /{bucket}"] = 1, ["PUT /{bucket}/{key}"] = 2, ["GET /{bucket}"] = 1, ["GET /{bucket}?versioning"] = 1, ["GET /"] = 1,
      ["GET /{bucket}/{key}"] = 1, unknown = 1,
    }, user.service.requests)
    assert.are.same({ bucket = 1, object = 2 }, user.service:objects())
  end)
end)
