--- Other people's clients against the emulator: `aws s3api` of Debian's awscli, and plain curl.
local core = require "core"
local emulator = require "scw.emulator"
local json = require "scw.json"
local program = require "tests.e2e.program"

local PATH = "/usr/bin:" .. (os.getenv "PATH" or "")

local function installed(name)
  return core.exec { argv = { "sh", "-c", 'command -v "$0"', name }, env = { PATH = PATH } }.status == 0
end

--- Starting aws costs most of the time here. Its requests are read by the same code in every build: once is enough.
local SANITIZED = program.is_sanitized()

describe("other clients", function()
  local handle, directory

  local function environment()
    return {
      PATH = PATH, HOME = directory, AWS_ACCESS_KEY_ID = handle.access_key, AWS_SECRET_ACCESS_KEY = handle.secret_key,
      AWS_DEFAULT_REGION = "fr-par", AWS_EC2_METADATA_DISABLED = "true", AWS_PAGER = "",
    }
  end

  local function run(argv)
    return assert(core.exec { argv = argv, env = environment(), directory = directory, input = "", timeout_ms = 60000 })
  end

  --- One call of `aws s3api`; the answer as a table.
  local function aws(...)
    local result = run { "aws", "--endpoint-url", handle.s3_url, "--output", "json", "s3api", ... }
    assert(result.status == 0, table.concat({ ... }, " ") .. ": " .. result.stderr)
    return result.stdout ~= "" and json.decode(result.stdout) or {}
  end

  --- A call that must be refused with this code.
  local function refused(code, ...)
    local result = run { "aws", "--endpoint-url", handle.s3_url, "s3api", ... }
    assert.are_not.equal(0, result.status)
    assert.matches("(" .. code .. ")", result.stderr, 1, true)
  end

  local function file(name, content)
    local path = directory .. "/" .. name
    assert(core.file_write(path, content))
    return path
  end

  before_each(function()
    handle = assert(emulator.start {})
    directory = program.directory()
  end)
  after_each(function()
    handle:close()
    program.remove(directory)
  end)

  describe("aws", function()
    local function example(name, body)
      it(name, function()
        if SANITIZED then return pending("aws ran with the other build; the sanitizers watch the specs of the emulator and curl") end
        if not installed "aws" then return pending("aws (package awscli) is not installed") end
        aws("create-bucket", "--bucket", "box", "--create-bucket-configuration", "LocationConstraint=fr-par")
        body()
      end)
    end

    example("stores, describes, copies and finds objects", function()
      local small, key = file("small", "hello\n"), "dir/a b+c&é.txt"
      aws("put-object", "--bucket", "box", "--key", key, "--body", small, "--metadata", "color=blue", "--content-type", "text/plain")
      local head = aws("head-object", "--bucket", "box", "--key", key)
      assert.are.same({ 6, "text/plain", "blue" }, { head.ContentLength, head.ContentType, head.Metadata.color })
      aws("get-object", "--bucket", "box", "--key", key, "--checksum-mode", "ENABLED", "--range", "bytes=1-3", directory .. "/out")
      assert.are.equal("ell", core.file_read(directory .. "/out"))
      aws("copy-object", "--bucket", "box", "--key", "copy", "--copy-source", "box/" .. key)
      local list = aws("list-objects-v2", "--bucket", "box", "--page-size", "1")
      assert.are.same({ "copy", key }, { list.Contents[1].Key, list.Contents[2].Key })
      assert.are.equal(list.Contents[1].ETag, list.Contents[2].ETag)
      list = aws("list-objects", "--bucket", "box", "--delimiter", "/")
      assert.are.equal("dir/", list.CommonPrefixes[1].Prefix)
      refused("NoSuchKey", "get-object", "--bucket", "box", "--key", "none", directory .. "/out")
      refused("BucketNotEmpty", "delete-bucket", "--bucket", "box")
      aws("delete-objects", "--bucket", "box", "--delete", json.encode { Objects = { { Key = key }, { Key = "copy" } } })
      aws("delete-bucket", "--bucket", "box")
      assert.are.equal(0, #(aws("list-buckets").Buckets or {}))
    end)

    example("keeps versions, and locks them", function()
      local small = file("small", "one")
      aws("put-bucket-versioning", "--bucket", "box", "--versioning-configuration", "Status=Enabled")
      local first = aws("put-object", "--bucket", "box", "--key", "k", "--body", small, "--checksum-algorithm", "SHA256")
      local marker = aws("delete-object", "--bucket", "box", "--key", "k")
      assert.is_true(marker.DeleteMarker)
      local versions = aws("list-object-versions", "--bucket", "box")
      assert.are.equal(first.VersionId, versions.Versions[1].VersionId)
      assert.are.equal(marker.VersionId, versions.DeleteMarkers[1].VersionId)
      aws("get-object", "--bucket", "box", "--key", "k", "--version-id", first.VersionId, directory .. "/out")
      assert.are.equal("one", core.file_read(directory .. "/out"))
      aws("create-bucket", "--bucket", "vault", "--object-lock-enabled-for-bucket", "--create-bucket-configuration",
        "LocationConstraint=fr-par")
      aws("put-object-lock-configuration", "--bucket", "vault", "--object-lock-configuration",
        '{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":1}}}')
      local kept = aws("put-object", "--bucket", "vault", "--key", "k", "--body", small)
      assert.are.equal("GOVERNANCE", aws("get-object-retention", "--bucket", "vault", "--key", "k").Retention.Mode)
      refused("AccessDenied", "delete-object", "--bucket", "vault", "--key", "k", "--version-id", kept.VersionId)
      aws("delete-object", "--bucket", "vault", "--key", "k", "--version-id", kept.VersionId, "--bypass-governance-retention")
    end)

    example("configures buckets", function()
      local configurations = {
        { "lifecycle-configuration", "NoSuchLifecycleConfiguration", "--lifecycle-configuration",
          '{"Rules":[{"ID":"x","Filter":{"Prefix":"a/"},"Status":"Enabled","Expiration":{"Days":3}}]}', "Rules" },
        { "cors", "NoSuchCORSConfiguration", "--cors-configuration",
          '{"CORSRules":[{"AllowedMethods":["GET"],"AllowedOrigins":["*"]}]}', "CORSRules" },
        { "tagging", "NoSuchTagSet", "--tagging", '{"TagSet":[{"Key":"a","Value":"b"}]}', "TagSet" },
        { "policy", "NoSuchBucketPolicy", "--policy", '{"Version":"2023-04-17","Statement":[{"Effect":"Allow","Principal":"*",'
          .. '"Action":"s3:GetObject","Resource":"box/*"}]}', "Policy" },
      }
      for _, one in ipairs(configurations) do
        refused(one[2], "get-bucket-" .. one[1], "--bucket", "box")
        aws("put-bucket-" .. one[1], "--bucket", "box", one[3], one[4])
        local answer = aws("get-bucket-" .. one[1], "--bucket", "box")[one[5]]
        local wanted = json.decode(one[4])
        if one[1] == "policy" then
          assert.are.same(wanted, json.decode(answer))
        elseif one[1] == "lifecycle-configuration" then
          assert.are.same({ "x", 3, "a/" }, { answer[1].ID, answer[1].Expiration.Days, answer[1].Filter.Prefix })
        else
          assert.are.same(wanted[one[5]], answer)
        end
      end
      aws("put-bucket-acl", "--bucket", "box", "--acl", "public-read")
      assert.are.equal("READ", aws("get-bucket-acl", "--bucket", "box").Grants[2].Permission)
      refused("NotImplemented", "get-bucket-replication", "--bucket", "box")
      refused("MalformedXML", "put-bucket-lifecycle-configuration", "--bucket", "box", "--lifecycle-configuration", '{"Rules":[]}')
    end)

    example("uploads large files in parts and hands out links", function()
      local content = core.random(1 << 20):rep(9)
      file("large", content)
      local result = run { "aws", "--endpoint-url", handle.s3_url, "s3", "cp", "--no-progress", "large", "s3://box/large" }
      assert.are.equal(0, result.status, result.stderr)
      local head = aws("head-object", "--bucket", "box", "--key", "large")
      assert.are.equal(#content, head.ContentLength)
      assert.matches('%-2"$', head.ETag)
      local link = run { "aws", "--endpoint-url", handle.s3_url, "s3", "presign", "s3://box/large" }.stdout:match("%S+")
      if not installed "curl" then return pending("curl is not installed") end
      assert.are.equal(0, run { "curl", "-sf", "-o", "out", link }.status)
      assert.is_true(core.file_read(directory .. "/out") == content)
    end)
  end)

  describe("curl", function()
    --- Status and body of one signed request.
    local function curl(path, ...)
      local argv = { "curl", "-s", "-w", "\n%{http_code}", "--aws-sigv4", "aws:amz:fr-par:s3",
        "-u", handle.access_key .. ":" .. handle.secret_key, ... }
      argv[#argv + 1] = handle.s3_url .. path
      local body, status = run(argv).stdout:match("^(.*)\n(%d+)$")
      return math.tointeger(tonumber(status)), body
    end

    local function example(name, body)
      it(name, function()
        if not installed "curl" then return pending("curl is not installed") end
        body()
      end)
    end

    example("writes and reads, asking before it sends much", function()
      local UNSIGNED = "x-amz-content-sha256: UNSIGNED-PAYLOAD"
      assert.are.equal(200, (curl("/box", "-X", "PUT")))
      file("large", ("0123456789"):rep(300000))
      assert.are.equal(200, (curl("/box/large", "-H", UNSIGNED, "-H", "Expect: 100-continue", "-T", "large")))
      local status, body = curl("/box/large")
      assert.are.equal(200, status)
      assert.are.equal(3000000, #body)
      status, body = curl("/box?list-type=2&prefix=la")
      assert.are.equal(200, status)
      assert.matches("<Key>large</Key>", body)
      assert.are.equal(204, (curl("/box/large", "-X", "DELETE")))
      status, body = curl("/box/large")
      assert.are.equal(404, status)
      assert.matches("<Code>NoSuchKey</Code>", body)
    end)

    example("sees without a key only what is public", function()
      curl("/box", "-X", "PUT")
      curl("/box/open", "-X", "PUT", "-H", "x-amz-acl: public-read", "-d", "bytes")
      curl("/box/closed", "-X", "PUT", "-d", "bytes")
      assert.are.equal("bytes", run({ "curl", "-s", handle.s3_url .. "/box/open" }).stdout)
      assert.matches("<Code>AccessDenied</Code>", run({ "curl", "-s", handle.s3_url .. "/box/closed" }).stdout)
      assert.are.equal("bytes", run({ "curl", "-s", "-H", "Host: box.s3.fr-par.scw.cloud", handle.s3_url .. "/open" }).stdout)
    end)
  end)
end)
