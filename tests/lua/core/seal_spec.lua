local core = require "core"

local RAW = ("k"):rep(32)

describe("a key", function()
  it("opens what it sealed, in the same place", function()
    local key = assert(core.key { raw = RAW })
    local envelope = assert(key:seal("content\0", "state/1"))
    assert.not_matches("content", envelope)
    assert.are.equal("content\0", key:open(envelope, "state/1"))
    assert.are.equal("denied", select(2, key:open(envelope, "state/2")).kind)
  end)

  it("does not open what another sealed", function()
    local envelope = core.key({ raw = RAW }):seal("content", "")
    assert.are.equal("denied", select(2, core.key({ raw = ("x"):rep(32) }):open(envelope, "")).kind)
    assert.are.equal("denied", select(2, core.key({ passphrase = "x" }):open(envelope, "")).kind)
  end)

  it("says what is no envelope", function()
    local key = core.key { raw = RAW }
    local envelope = key:seal("content", "")
    for _, text in ipairs { "", "{}", envelope:sub(1, -2), envelope .. "x", envelope:sub(1, 8) .. "\2" .. envelope:sub(10) } do
      local plain, err = key:open(text, "")
      assert.is_nil(plain)
      assert.are.equal("invalid", err.kind)
    end
  end)

  it("made of a passphrase is slow once, not each time", function()
    local key = core.key { passphrase = "correct horse" }
    local envelope = key:seal("content", "")
    local start = core.clock()
    for _ = 1, 200 do key:open(key:seal("content", ""), "") end
    local repeated = core.clock() - start
    local fresh = core.key { passphrase = "correct horse" }
    start = core.clock()
    assert.are.equal("content", fresh:open(envelope, ""))
    assert.is_true(repeated < 50 * (core.clock() - start)) -- 400 uses cost less than 50 derivations would
  end)

  it("can come from a file, which is made once", function()
    local path = os.tmpname()
    os.remove(path)
    assert.is_true(core.key_create(path))
    assert.are.equal("exists", select(2, core.key_create(path)).kind)
    assert.are.equal(tonumber("600", 8), core.file_stat(path).mode)
    local envelope = core.key({ file = path }):seal("content", "")
    assert.are.equal("content", core.key({ file = path }):open(envelope, ""))
    core.file_remove(path)
    assert.are.equal("not_found", select(2, core.key { file = path }).kind)
  end)

  it("must be one", function()
    assert.has_error(function() core.key {} end)
    assert.has_error(function() core.key { raw = "short" } end)
    assert.are.equal("invalid", select(2, core.key { passphrase = "" }).kind)
    assert.are.equal("key", tostring(core.key { raw = RAW }))
  end)

  it("is of no use once closed", function()
    local key <close> = core.key { raw = RAW }
    key:close()
    assert.error_matches(function() key:seal("", "") end, "closed")
  end)
end)
