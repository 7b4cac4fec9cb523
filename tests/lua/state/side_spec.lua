local core = require "core"
local memory = require "tests.lua.state.memory"
local side = require "scw.state.side"

local MANY = 200

describe("a side of a replicated state", function()
  local inner, backend, calls
  before_each(function()
    inner, calls = memory.new(), 0
    backend = setmetatable({}, { __index = inner })
    function backend:get(key) return inner:get(key) end -- luacheck: ignore 212
  end)

  local function new(patience) return side.new({ backend = backend, role = "primary", patience = patience }) end

  it("is given up when it answers small questions and takes no writes", function()
    local ways = { { takes = 5, kind = "io" }, { takes = 60, kind = "timeout" }, { takes = 1, kind = "limit", type = "SlowDown" } }
    for _, way in ipairs(ways) do -- within its patience, and longer
      calls = 0
      function backend:put() -- luacheck: ignore 212
        calls = calls + 1
        assert(calls < MANY, "without end")
        core.sleep(way.takes)
        return nil, { kind = way.kind, type = way.type, message = "no room" }
      end
      local one = new(0.05)
      local etag, err = one:put("key", "bytes", { if_none_match = true })
      assert.is_nil(etag)
      assert.equal("out", err.kind)
      assert.equal(err, one.out)
      assert.same({ "no room" }, err.details)
    end
  end)

  it("is asked once to delete what may be somebody else's later", function()
    function backend:delete() -- luacheck: ignore 212
      calls = calls + 1
      return nil, { kind = "io", message = "no answer" }
    end
    local one = new(0.05)
    assert.equal("no answer", select(2, one:delete("key", true)).message)
    assert.equal(1, calls)
    assert.is_nil(one.out)
    assert.equal("out", select(2, one:delete("key")).kind)
    assert.is_true(calls > 2)
  end)

  it("is waited for while one call takes long, as long as it answers small questions", function()
    function backend:put(...)
      calls = calls + 1
      core.sleep(300)
      return inner:put(...)
    end
    local one = new(0.06)
    assert(one:put("key", "bytes", { if_none_match = true }))
    assert.equal(1, calls)
    assert.is_nil(one.out)
  end)
end)
