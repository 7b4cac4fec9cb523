local core = require "core"
local client = require "tests.lua.emulator.s3.client"

local EMPTY = core.hex(core.digest("sha256", ""))

local function key_of(date, region)
  local key = "AWS4mine"
  for _, part in ipairs { date, region, "s3", "aws4_request" } do key = core.hmac("sha256", key, part) end
  return key
end

describe("authentication", function()
  local user
  before_each(function()
    user = client.new()
    user:must("PUT", "/box")
  end)

  it("accepts keys with characters that must be encoded, as they are sent", function()
    local paths = { "/box/a%20b%2Bc", "/box/%C3%A9t%C3%A9", "/box/a//b", "/box/%7Etilde", "/box/~tilde", "/box/a+b", "/box/(x)!" }
    for _, path in ipairs(paths) do
      user:must("PUT", path, { body = path })
      assert.are.equal(path, select(2, user:must("GET", path)))
    end
  end)

  it("accepts queries in any order, empty values and spaces", function()
    user:must("PUT", "/box/a%20b")
    local _, body = user:must("GET", "/box", { query = { { "prefix", "a b" }, { "list-type", "2" }, { "delimiter", "" } } })
    assert.matches("<Key>a b</Key>", body)
  end)

  it("refuses a wrong secret and shows what was to be signed", function()
    local status, _, body = user:send("GET", "/box", { spoil = function(request)
      request.headers.authorization = request.headers.authorization:gsub("%x%x%x$", "000")
    end })
    assert.are.equal(403, status)
    assert.matches("<Code>SignatureDoesNotMatch</Code>", body)
    assert.matches("<StringToSign>AWS4%-HMAC%-SHA256", body)
    assert.is_nil(body:find("mine", 1, true))
  end)

  it("refuses what was changed on the way", function()
    local spoils = {
      function(request) request.path = "/box/other" end,
      function(request) request.query = "acl" end,
      function(request) request.method = "DELETE" end,
      function(request) request.headers.host = "elsewhere" end,
    }
    for _, spoil in ipairs(spoils) do user:refused(403, "SignatureDoesNotMatch", "GET", "/box", { spoil = spoil }) end
    user:refused(400, "XAmzContentSHA256Mismatch", "PUT", "/box/key", { body = "abc", spoil = function(request) request.body = "abd" end })
    user:refused(403, "AccessDenied", "PUT", "/box/key", { spoil = function(request) request.headers["x-amz-acl"] = "public-read" end })
  end)

  it("refuses unknown keys, malformed headers and other regions", function()
    user:refused(403, "InvalidAccessKeyId", "GET", "/box", { key = "SCWNOBODY" })
    user:refused(400, "AuthorizationHeaderMalformed", "GET", "/box", { region = "us-east-1" })
    local function with(header)
      return { spoil = function(request) request.headers.authorization = header end }
    end
    user:refused(400, "InvalidRequest", "GET", "/box", with("AWS SCWMINE:abc"))
    user:refused(400, "AuthorizationHeaderMalformed", "GET", "/box", with("AWS4-HMAC-SHA256 Credential=x"))
    user:refused(400, "AuthorizationHeaderMalformed", "GET", "/box", with(
      "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0"))
    user:refused(400, "InvalidArgument", "GET", "/box", { payload = "whatever" })
  end)

  it("takes the body's own hash when the header is missing", function()
    local function signed(body)
      local headers = { host = "h", ["x-amz-date"] = os.date("!%Y%m%dT%H%M%SZ", math.floor(user.time)) }
      headers.authorization = core.sigv4 {
        method = "PUT", path = "/box/key", query = {}, headers = headers, payload_hash = core.hex(core.digest("sha256", body)),
        access_key = "SCWMINE", secret_key = "mine", region = "fr-par", service = "s3", time = math.floor(user.time),
      }.authorization
      return headers
    end
    local function put(headers)
      return user.service:handle { method = "PUT", path = "/box/key", query = "", headers = headers, body = "abc" }
    end
    assert.are.equal(200, (put(signed "abc")))
    assert.are.equal(403, (put(signed "abd")))
  end)

  it("allows a quarter of an hour between the clocks", function()
    for _, skew in ipairs { -890, 890 } do user:must("GET", "/box", { skew = skew }) end
    for _, skew in ipairs { -910, 910 } do user:refused(403, "RequestTimeTooSkewed", "GET", "/box", { skew = skew }) end
  end)

  it("does not take requests without a signature", function()
    user:must("PUT", "/box/key")
    user:refused(403, "AccessDenied", "GET", "/box/key", { anonymous = true })
    user:refused(403, "AccessDenied", "GET", "/", { anonymous = true })
    user:refused(403, "AccessDenied", "PUT", "/more", { anonymous = true })
  end)

  describe("by link", function()
    local function link(method, path, changes)
      local at = math.floor(user.time) + (changes and changes.skew or 0)
      local answer = core.sigv4 {
        method = method, path = path, query = changes and changes.query or {}, headers = { host = "127.0.0.1" },
        payload_hash = "UNSIGNED-PAYLOAD", access_key = "SCWMINE", secret_key = "mine", region = "fr-par", service = "s3", time = at,
        presign = true, expires = changes and changes.expires or 60,
      }
      return { method = method, path = path, query = answer.query, headers = { host = "127.0.0.1" }, body = changes and changes.body or "" }
    end

    it("reads and writes until it expires", function()
      assert.are.equal(200, (user.service:handle(link("PUT", "/box/key", { body = "bytes" }))))
      local request = link("GET", "/box/key", { query = { { "response-content-type", "text/x" } } })
      local status, headers, body = user.service:handle(request)
      assert.are.same({ 200, "text/x", "bytes" }, { status, headers["content-type"], body })
      user.time = user.time + 61
      status, headers, body = user.service:handle(request)
      assert.are.same({ 403, "application/xml" }, { status, headers["content-type"] })
      assert.matches("Request has expired", body)
    end)

    it("is refused when changed, from the future or without end", function()
      local request = link("GET", "/box/key")
      request.path = "/box/other"
      assert.matches("SignatureDoesNotMatch", select(3, user.service:handle(request)))
      assert.matches("not yet valid", select(3, user.service:handle(link("GET", "/box/key", { skew = 1000 }))))
      assert.matches("AuthorizationQueryParametersError", select(3, user.service:handle(link("GET", "/box/key", { expires = 604801 }))))
    end)
  end)

  describe("of aws-chunked uploads", function()
    local TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    local function upload(framed, payload, length, further)
      local headers = { ["content-encoding"] = "aws-chunked,gzip", ["x-amz-decoded-content-length"] = tostring(length) }
      for name, value in pairs(further or {}) do headers[name] = value end
      return { payload = payload, headers = headers, frame = type(framed) == "function" and framed or function() return framed end }
    end

    it("takes the framing off and checks the trailer", function()
      local crc = core.base64(core.digest("crc32", "hello world"))
      local framed = "5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:" .. crc .. "\r\n\r\n"
      local headers = user:must("PUT", "/box/key", upload(framed, TRAILER, 11, { ["x-amz-trailer"] = "x-amz-checksum-crc32" }))
      assert.are.equal(crc, headers["x-amz-checksum-crc32"])
      local got, body = user:must("GET", "/box/key")
      assert.are.same({ "hello world", "gzip" }, { body, got["content-encoding"] })
      user:refused(400, "BadDigest", "PUT", "/box/key", upload(framed:gsub("hello", "HELLO"), TRAILER, 11))
    end)

    it("refuses framing that does not add up", function()
      local broken = { "", "5\r\nhel", "zz\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\r\n", "fffffffffffffff\r\nhello\r\n0\r\n\r\n" }
      for _, framed in ipairs(broken) do user:refused(400, "IncompleteBody", "PUT", "/box/key", upload(framed, TRAILER, 5)) end
      user:refused(400, "IncompleteBody", "PUT", "/box/key", upload("5\r\nhello\r\n0\r\n\r\n", TRAILER, 6))
      user:refused(400, "InvalidRequest", "PUT", "/box/key", upload("5\r\nhello\r\n0\r\nno trailer\r\n\r\n", TRAILER, 5))
      user:refused(411, "MissingContentLength", "PUT", "/box/key", { payload = TRAILER, body = "0\r\n\r\n" })
    end)

    --- Frames as the SDKs do: every chunk signed on the signature before it.
    local function signed_frame(chunks, trailers)
      return function(headers)
        local date = headers["x-amz-date"]
        local scope = date:sub(1, 8) .. "/fr-par/s3/aws4_request"
        local key, previous = key_of(date:sub(1, 8), "fr-par"), headers.authorization:match("Signature=(%x+)")
        local parts = {}
        for _, chunk in ipairs(chunks) do
          previous = core.hex(core.hmac("sha256", key, table.concat({ "AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, EMPTY,
            core.hex(core.digest("sha256", chunk)) }, "\n")))
          parts[#parts + 1] = ("%x;chunk-signature=%s\r\n"):format(#chunk, previous)
          if chunk ~= "" then parts[#parts + 1] = chunk .. "\r\n" end
        end
        if trailers then
          previous = core.hex(core.hmac("sha256", key, table.concat({ "AWS4-HMAC-SHA256-TRAILER", date, scope, previous,
            core.hex(core.digest("sha256", trailers)) }, "\n")))
          parts[#parts + 1] = trailers:gsub("\n", "\r\n") .. "x-amz-trailer-signature:" .. previous .. "\r\n"
        end
        parts[#parts + 1] = "\r\n"
        return table.concat(parts)
      end
    end

    it("checks the signature of every chunk", function()
      local SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
      user:must("PUT", "/box/key", upload(signed_frame { "hello", " world", "" }, SIGNED, 11))
      assert.are.equal("hello world", select(2, user:must("GET", "/box/key")))
      local options = upload(signed_frame { "hello", " world", "" }, SIGNED, 11)
      options.spoil = function(request) request.body = request.body:gsub("world", "WORLD") end
      user:refused(403, "SignatureDoesNotMatch", "PUT", "/box/key", options)
      user:refused(403, "SignatureDoesNotMatch", "PUT", "/box/key", upload("0\r\n\r\n", SIGNED, 0))
    end)

    it("checks the signature of trailers", function()
      local SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
      local trailers = "x-amz-checksum-sha1:" .. core.base64(core.digest("sha1", "hello")) .. "\n"
      local headers = user:must("PUT", "/box/key", upload(signed_frame({ "hello", "" }, trailers), SIGNED, 5))
      assert.are.equal(trailers:match(":(.*)\n"), headers["x-amz-checksum-sha1"])
      local options = upload(signed_frame({ "hello", "" }, trailers), SIGNED, 5)
      options.spoil = function(request) request.body = request.body:gsub("(trailer%-signature:)%x%x%x", "%1000") end
      user:refused(403, "SignatureDoesNotMatch", "PUT", "/box/key", options)
    end)
  end)
end)
