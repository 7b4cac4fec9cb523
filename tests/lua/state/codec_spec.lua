local codec = require "scw.state.codec"
local core = require "core"

local KEY, OTHER = assert(core.key({ raw = ("k"):rep(32) })), assert(core.key({ raw = ("o"):rep(32) }))
local SNAPSHOT = { kind = "snapshot" }

local function sealed(stack) return codec.new({ stack = stack or "shop", key = KEY }) end

describe("state bytes", function()
  it("open as what they were, and differ every time", function()
    local first, second = assert(sealed():encode({ a = 1 }, SNAPSHOT)), assert(sealed():encode({ a = 1 }, SNAPSHOT))
    assert.is_false(first == second)
    assert.same({ a = 1 }, sealed():decode(first, SNAPSHOT))
    assert.is_nil(first:find('"a"', 1, true))
    local plain = codec.new({ stack = "shop" })
    assert.is_false(plain:encode({ a = 1 }, SNAPSHOT) == plain:encode({ a = 1 }, SNAPSHOT))
    assert.same({ a = 1 }, plain:decode(assert(plain:encode({ a = 1 }, SNAPSHOT)), SNAPSHOT))
  end)

  it("cannot be swapped: stack, kind, number and lineage belong to the seal", function()
    local segment = { kind = "segment", number = 3, lineage = "one" }
    local bytes = assert(sealed():encode({ a = 1 }, segment))
    assert.same({ a = 1 }, sealed():decode(bytes, segment))
    local others = { SNAPSHOT, { kind = "segment", number = 4, lineage = "one" }, { kind = "segment", number = 3, lineage = "two" } }
    for _, other in ipairs(others) do
      local ok, err = sealed():decode(bytes, other)
      assert.is_nil(ok)
      assert.match("another key, or the object was changed", err.message)
    end
    assert.is_nil(sealed("other"):decode(bytes, segment))
    assert.is_nil(codec.new({ stack = "shop", key = OTHER }):decode(bytes, segment))
  end)

  it("say clearly what is wrong with them, at every changed byte and every length", function()
    local bytes = assert(sealed():encode({ a = 1 }, SNAPSHOT))
    for position = 1, #bytes do
      local changed = bytes:sub(1, position - 1) .. string.char(bytes:byte(position) ~ 1) .. bytes:sub(position + 1)
      local ok, err = sealed():decode(changed, SNAPSHOT)
      assert.is_nil(ok)
      assert.equal("INFRA_011", err.code)
      ok, err = sealed():decode(bytes:sub(1, position - 1), SNAPSHOT)
      assert.is_nil(ok)
      assert.equal("INFRA_011", err.code)
    end
  end)

  it("are refused when they are sealed but should not be, or the other way round", function()
    local plain = codec.new({ stack = "shop" })
    local _, err = sealed():decode(assert(plain:encode({}, SNAPSHOT)), SNAPSHOT)
    assert.match("is not sealed, but it has to be", err.message)
    _, err = plain:decode(assert(sealed():encode({}, SNAPSHOT)), SNAPSHOT)
    assert.match("the stack says that it is not sealed", err.message)
    _, err = plain:decode("{ broken", SNAPSHOT)
    assert.match("damaged", err.message)
    _, err = plain:decode(assert(plain:encode({}, { kind = "segment", number = 1, lineage = "x" })), SNAPSHOT)
    assert.match("something else", err.message)
  end)
end)
