local codec = require "scw.state.codec"
local core = require "core"
local keyring = require "scw.state.keyring"

local KEY, OTHER = assert(core.key({ raw = ("k"):rep(32) })), assert(core.key({ raw = ("o"):rep(32) }))
local SNAPSHOT = { kind = "snapshot" }

local function sealed(stack) return codec.new({ stack = stack or "shop", key = KEY }) end

local function document(lineage) return { a = 1, lineage = lineage or "one" } end

describe("state bytes", function()
  it("open as what they were, and differ every time", function()
    local first, second = assert(sealed():encode(document(), SNAPSHOT)), assert(sealed():encode(document(), SNAPSHOT))
    assert.is_false(first == second)
    assert.same(document(), sealed():decode(first, SNAPSHOT))
    assert.is_nil(first:find('"a"', 1, true))
    local plain = codec.new({ stack = "shop" })
    assert.is_false(plain:encode(document(), SNAPSHOT) == plain:encode(document(), SNAPSHOT))
    assert.same(document(), plain:decode(assert(plain:encode(document(), SNAPSHOT)), SNAPSHOT))
  end)

  it("cannot be swapped: stack, kind, number and lineage belong to the seal", function()
    local segment = { kind = "segment", number = 3, lineage = "one" }
    local bytes = assert(sealed():encode(document(), segment))
    assert.same(document(), sealed():decode(bytes, segment))
    local others = { SNAPSHOT, { kind = "segment", number = 4, lineage = "one" }, { kind = "segment", number = 3, lineage = "two" } }
    for _, other in ipairs(others) do
      local ok, err = sealed():decode(bytes, other)
      assert.is_nil(ok)
      assert.match("it was changed, or taken from elsewhere", err.message)
    end
    assert.is_nil(sealed("other"):decode(bytes, segment))
    local _, err = codec.new({ stack = "shop", key = OTHER }):decode(bytes, segment)
    assert.match("sealed for other keys", err.message)
  end)

  it("carry their lineage, which has to be the one inside", function()
    local bytes = assert(sealed():encode(document("two"), SNAPSHOT))
    assert.equal("two", core.seal_look(bytes).label)
    local ring = keyring.of(KEY)
    local lying = assert(ring:close('{"kind":"snapshot","lineage":"two"}', "one", "scwlua state\0shop\0snapshot\0000\0"))
    local ok, err = sealed():decode(lying, SNAPSHOT)
    assert.is_nil(ok)
    assert.match("another lineage than its envelope says", err.message)
  end)

  it("say clearly what is wrong with them, at every changed byte and every length", function()
    local bytes = assert(sealed():encode(document(), SNAPSHOT))
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

  it("say what to do: who reads the state itself knows how to restore it", function()
    local hints = {
      plan = { { kind = "plan" }, "plan again" }, record = { { kind = "deployment", number = 1, deployment = "a" } },
      copy = { { kind = "snapshot", beside = true, former = { kind = "history", number = 1, deployment = "a" } } },
      state = { SNAPSHOT }, log = { { kind = "segment", number = 1, lineage = "one" } },
    }
    for name, expected in pairs(hints) do
      local bytes = assert(sealed():encode(document(), expected[1]))
      for _, damaged in ipairs({ bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1), "?" .. bytes:sub(2), "" }) do -- seal, head, all
        local _, err = sealed():decode(damaged, expected[1])
        assert.equal("invalid", err.kind)
        assert.equal(expected[2], err.hint, name)
      end
    end
  end)

  it("are refused when they are sealed but should not be, or the other way round", function()
    local plain = codec.new({ stack = "shop" })
    local unsealed = assert(plain:encode(document(), SNAPSHOT))
    local _, err = sealed():decode(unsealed, SNAPSHOT)
    assert.match("is not sealed, but it has to be", err.message)
    assert.same(document(), codec.new({ stack = "shop", key = KEY, unsealed = true }):decode(unsealed, SNAPSHOT))
    _, err = plain:decode(assert(sealed():encode(document(), SNAPSHOT)), SNAPSHOT)
    assert.match("is sealed, and the stack says that it is not", err.message)
    _, err = plain:decode("{ broken", SNAPSHOT)
    assert.match("damaged", err.message)
    _, err = plain:decode(assert(plain:encode(document(), { kind = "segment", number = 1, lineage = "x" })), SNAPSHOT)
    assert.match("something else", err.message)
  end)

  it("go on under the seal of the snapshot, whichever of its recipients reads it", function()
    local both, other = codec.new({ stack = "shop", key = keyring.new({ { name = "a", key = KEY }, { name = "b", key = OTHER } }) }),
      codec.new({ stack = "shop", key = OTHER })
    assert(other:decode(assert(both:encode(document(), SNAPSHOT)), SNAPSHOT))
    local next_one = assert(other:encode(document(), { kind = "segment", number = 1, lineage = "one" }))
    assert.same(document(), sealed():decode(next_one, { kind = "segment", number = 1, lineage = "one" }))
    -- but not under the one of a version that lay beside it
    assert(other:decode(assert(codec.new({ stack = "shop", key = OTHER }):encode(document(), SNAPSHOT)),
      { kind = "snapshot", beside = true }))
    assert.same(document(), sealed():decode(assert(other:encode(document(), SNAPSHOT)), SNAPSHOT))
  end)
end)
