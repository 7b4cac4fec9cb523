local core = require "core"

local RAW = ("k"):rep(32)

--- What a key makes of an envelope.
local function open(key, envelope, context)
  local seal, err = key:find(envelope)
  if not seal then return nil, err end
  return seal:open(envelope, context)
end

describe("a seal", function()
  it("opens what it closed, in the same place", function()
    local seal = assert(core.seal { core.key { raw = RAW } })
    local envelope = assert(seal:close("content\0", "label", "state/1"))
    assert.not_matches("content", envelope)
    assert.are.equal("content\0", seal:open(envelope, "state/1"))
    assert.are.equal("denied", select(2, seal:open(envelope, "state/2")).kind)
    assert.is_true(seal:closes())
    assert.are.equal("seal", tostring(seal))
  end)

  it("is found by each of its recipients, and goes on for all of them", function()
    local keys = { core.key { raw = RAW }, core.key { passphrase = "correct horse" }, core.key { raw = RAW, ticket = "t\0" } }
    local first = core.seal(keys):close("first", "label", "")
    for _, key in ipairs(keys) do
      local next_one = assert(key:find(first)):close("next", "label", "")
      for _, other in ipairs(keys) do assert.are.equal("next", open(other, next_one, "")) end
    end
    assert.are.same({ version = 2, label = "label", slots = {
      { kind = "raw" }, { kind = "passphrase" }, { kind = "held", ticket = "t\0" },
    } }, core.seal_look(first))
    local other = core.seal { core.key { raw = ("x"):rep(32) } }
    assert.are.equal("denied", select(2, other:open(first, "")).kind)
    assert.are.equal("denied", select(2, core.key({ raw = ("x"):rep(32) }):find(first)).kind)
    assert.are.equal("denied", select(2, core.key({ raw = RAW, ticket = "u" }):find(first)).kind)
  end)

  it("says what is no envelope", function()
    local key = core.key { raw = RAW }
    local envelope = core.seal({ key }):close("content", "", "")
    for _, text in ipairs { "", "{}", envelope:sub(1, -2), envelope .. "x", envelope:sub(1, 8) .. "\3" .. envelope:sub(10) } do
      local plain, err = open(key, text, "")
      assert.is_nil(plain)
      assert.are.equal("invalid", err.kind)
      assert.are.equal("invalid", select(2, core.seal_look(text)).kind)
    end
  end)

  it("of an envelope of version 1 opens that one only", function()
    local envelope = core.unhex(
      "895345414c0d0a1a01000000670102004f000000061ea8616f4871fb64ec888de9b047161547e1641eaec3cf210a394924eb"
      .. "7795643655f9f6e1a374998ddb08afcd7251f8b0078f9b5d02297823fb4cf24dfa30cd7422c69efeaacbf875471b00000000"
      .. "00000014a33e7870344e8ec84ab0d2ccb1e19ac8de6636c82c4bae3ef438eebef88cb9d183199e7a287866050e6537ef0e09"
      .. "fb74")
    local key = core.key { raw = RAW }
    local seal = assert(key:find(envelope))
    assert.are.equal("content of version 1", seal:open(envelope, "place"))
    assert.is_false(seal:closes())
    assert.are.equal("invalid", select(2, seal:close("", "", "")).kind)
    assert.are.same({ version = 1, slots = { { kind = "raw" } } }, core.seal_look(envelope))
  end)

  it("has recipients", function()
    assert.has_error(function() core.seal {} end)
    assert.has_error(function() core.seal { "key" } end)
  end)
end)

describe("a key", function()
  it("made of a passphrase is slow once, not each time", function()
    local key = core.key { passphrase = "correct horse" }
    local envelope = core.seal({ key }):close("content", "", "")
    local start = core.clock()
    for _ = 1, 200 do open(key, core.seal({ key }):close("content", "", ""), "") end
    local repeated = core.clock() - start
    local fresh = core.key { passphrase = "correct horse" }
    start = core.clock()
    assert.are.equal("content", open(fresh, envelope, ""))
    assert.is_true(repeated < 50 * (core.clock() - start)) -- 400 uses cost less than 50 derivations would
  end)

  it("can come from a file, which is made once", function()
    local path = os.tmpname()
    os.remove(path)
    assert.is_true(core.key_create(path))
    assert.are.equal("exists", select(2, core.key_create(path)).kind)
    assert.are.equal(tonumber("600", 8), core.file_stat(path).mode)
    local envelope = core.seal({ core.key { file = path } }):close("content", "", "")
    assert.are.equal("content", open(core.key { file = path }, envelope, ""))
    core.file_remove(path)
    assert.are.equal("not_found", select(2, core.key { file = path }).kind)
  end)

  it("must be one", function()
    assert.has_error(function() core.key {} end)
    assert.has_error(function() core.key { raw = "short" } end)
    assert.are.equal("invalid", select(2, core.key { passphrase = "" }).kind)
    assert.are.equal("invalid", select(2, core.key { raw = RAW, ticket = "" }).kind)
    assert.are.equal("invalid", select(2, core.key { raw = RAW, ticket = ("t"):rep(3000) }).kind)
    assert.are.equal("key", tostring(core.key { raw = RAW }))
  end)

  it("is of no use once closed", function()
    local key <close> = core.key { raw = RAW }
    key:close()
    assert.error_matches(function() key:find("") end, "closed")
    assert.error_matches(function() core.seal { key } end, "closed")
  end)
end)

describe("a cipher", function()
  it("opens what it encrypted, with the same associated data", function()
    local bytes = assert(core.encrypt(RAW, "content", "more"))
    assert.are.equal(12 + 7 + 16, #bytes)
    assert.are.equal("content", core.decrypt(RAW, bytes, "more"))
    for _, wrong in ipairs { { RAW, bytes, "less" }, { RAW, bytes }, { ("x"):rep(32), bytes, "more" }, { RAW, bytes .. "x", "more" },
      { RAW, bytes:sub(1, 20), "more" } } do
      assert.are.equal("denied", select(2, core.decrypt(table.unpack(wrong, 1, 3))).kind)
    end
    assert.are.equal("", core.decrypt(RAW, core.encrypt(RAW, "")))
    assert.has_error(function() core.encrypt("short", "content") end)
  end)
end)
