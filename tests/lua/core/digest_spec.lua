local core = require "core"

describe("digests", function()
  it("give raw bytes", function()
    assert.are.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", core.hex(core.digest("sha256", "abc")))
    assert.are.equal("\xcb\xf4\x39\x26", core.digest("crc32", "123456789"))
    assert.are.equal(16, #core.digest("md5", ""))
    assert.are.equal(20, #core.hmac("sha1", "key", "text"))
  end)

  it("raise for algorithms that do not exist", function()
    assert.has_error(function() core.digest("md6", "") end)
    assert.has_error(function() core.hmac("crc32", "key", "") end)
  end)
end)

describe("encodings", function()
  it("go there and back, zero bytes included", function()
    local bytes = core.random(300)
    assert.are.equal(bytes, core.unhex(core.hex(bytes)))
    assert.are.equal(bytes, core.unbase64(core.base64(bytes)))
    assert.are.equal(bytes, core.uri_decode(core.uri_encode(bytes)))
    assert.are.equal("", core.base64(""))
  end)

  it("refuse what is malformed", function()
    for _, name in ipairs { "unhex", "unbase64", "uri_decode" } do
      local value, err = core[name]("%")
      assert.is_nil(value)
      assert.are.equal("invalid", err.kind)
    end
  end)

  it("keep slashes only when asked", function()
    assert.are.equal("a%2Fb%20c", core.uri_encode("a/b c"))
    assert.are.equal("a/b%20c", core.uri_encode("a/b c", true))
  end)
end)

describe("random values", function()
  it("differ", function()
    assert.are_not.equal(core.random(16), core.random(16))
    assert.are_not.equal(core.uuid(), core.uuid())
  end)

  it("make version 4 UUIDs", function()
    for _ = 1, 20 do
      assert.matches("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$", core.uuid())
    end
  end)
end)
