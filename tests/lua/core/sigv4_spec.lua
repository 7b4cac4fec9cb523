local core = require "core"

local EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

local function sign(changes)
  local options = {
    method = "GET", path = "/", query = { { "prefix", "J" }, { "max-keys", "2" } }, payload_hash = EMPTY,
    headers = { host = "examplebucket.s3.amazonaws.com", ["x-amz-date"] = "20130524T000000Z", ["x-amz-content-sha256"] = EMPTY },
    access_key = "AKIAIOSFODNN7EXAMPLE", secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region = "us-east-1", service = "s3", time = 1369353600.5,
  }
  for name, value in pairs(changes or {}) do options[name] = value end
  return core.sigv4(options)
end

describe("sigv4", function()
  it("gives the signature of the published example", function()
    local answer = sign()
    assert.are.equal("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", answer.signature)
    assert.are.equal("20130524T000000Z", answer.amz_date)
    assert.are.equal("host;x-amz-content-sha256;x-amz-date", answer.signed_headers)
    assert.are.equal("max-keys=2&prefix=J", answer.query)
    assert.matches("^GET\n/\nmax%-keys=2&prefix=J\nhost:", answer.canonical_request)
    assert.matches("Signature=34b48302", answer.authorization)
  end)

  it("signs queries for links", function()
    local answer = sign {
      presign = true, expires = 86400, path = "/test.txt", query = {},
      headers = { host = "examplebucket.s3.amazonaws.com" }, payload_hash = "UNSIGNED-PAYLOAD",
    }
    assert.are.equal("aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", answer.signature)
    assert.matches("&X%-Amz%-Signature=aeeed9bb", answer.query)
    assert.is_nil(answer.authorization)
  end)

  it("raises when a part is missing, and says which", function()
    assert.has_error(function() core.sigv4 { path = "/" } end, "option 'payload_hash' is missing")
    assert.has_error(function() sign { time = "now" } end)
    assert.has_error(function() sign { query = { "a" } } end)
    assert.has_error(function() sign { headers = { host = 1 } } end)
  end)
end)
