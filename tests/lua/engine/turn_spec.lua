local codec = require "scw.state.codec"
local core = require "core"
local entry = require "tests.lua.state.entry"
local lock = require "scw.state.lock"
local memory = require "tests.lua.state.memory"
local store = require "scw.state.store"
local turn = require "scw.engine.turn"

local NAME = "shop.state"

describe("a turn that takes over", function()
  local backend, facts, said

  local function open()
    local made = store.new(facts.store)
    assert(made:load())
    return made
  end

  before_each(function()
    backend, said = memory.new(), {}
    facts = {
      store = { backend = backend, codec = codec.new({ stack = "shop" }), name = NAME, stack = "shop" },
      environment = {}, command = "apply", on_message = function(line) said[#said + 1] = line end,
    }
  end)

  --- A holder that is gone, with what it wrote.
  local function leave(address)
    local held = assert(lock.acquire({ backend = backend, name = NAME, command = "scwlua apply", environment = {} }))
    local made = open()
    assert(made:begin(held))
    assert(made:commit(made:write(entry.set(address))))
    assert(made:fold())
    assert(lock.remove(backend, NAME, held.facts.id))
    return made
  end

  --- Does something the moment before the first object is written whose key looks like this.
  local function before(pattern, act)
    local put = backend.put
    function backend.put(self, key, ...)
      if key:find(pattern) then
        backend.put = put
        act()
      end
      return put(self, key, ...)
    end
  end

  it("goes on although something of the former holder lands meanwhile", function()
    for pattern, act in next, {
      ["%.log/"] = function(former) assert(former.log.backend:put(NAME .. ".log/0000000002", assert(former.codec:encode({
        lineage = former.document.lineage, number = 2, fence = 1, entries = core.array({ entry.set("late") }) },
        { kind = "segment", number = 2, lineage = former.document.lineage })), { if_none_match = true })) end,
      [NAME .. "$"] = function(former)
        former.check = function() return true end
        former:write(entry.set("late"))
        assert(former:fold())
      end,
    } do
      backend.objects = {}
      local former = leave("a")
      former.log.check = function() return true end
      before(pattern, function() act(former) end)
      facts.store.backend = backend
      local mine = assert(turn.take(facts))
      assert.is_true(mine:stands_at(mine.position))
      assert(mine:write(mine.position, open(), function(current)
        assert(current:commit(current:write(entry.set("b"))))
        return current:fold()
      end))
      mine:close()
      local resources = open().document.resources
      assert.is_truthy(resources.a and resources.b)
      assert.equal(pattern ~= "%.log/", resources.late ~= nil) -- a segment that comes after the new snapshot does not count
      assert.same({}, backend:list(NAME .. ".unsaved"))
      assert.same({}, backend:list(NAME .. ".log/"))
    end
  end)

  it("fences off what a run had under way that gave up, too, although it gave the lock back", function()
    local former = leave("a")
    for _, part in ipairs({ NAME, NAME .. ".log/" }) do
      local mine = assert(turn.take(facts))
      local put, late = backend.put, nil
      assert(mine:write(mine.position, former, function(current)
        function backend.put(self, key, ...)
          if key:sub(1, #part) ~= part or key:find("unsaved", 1, true) or key:find("lock", 1, true) then return put(self, key, ...) end
          local sent = table.pack(self, key, ...)
          late = function() return put(table.unpack(sent, 1, sent.n)) end
          return nil, { kind = "cancelled", message = "interrupted" }
        end
        current:write(entry.set("b"))
        local ok
        if part == NAME then ok = current:fold() else ok = current:commit() end
        assert.is_nil(ok)
        backend.put = put
        return true
      end))
      mine:close()
      assert.equal("released", lock.read(backend, NAME).state)
      mine = assert(turn.take(facts))
      assert.equal("condition", select(2, late()).kind)
      assert(mine:write(mine.position, former, function(current) return current:fold() end))
      mine:close()
      local held = assert(lock.acquire({ backend = backend, name = NAME, command = "scwlua apply", environment = {} }))
      assert.is_false(held.takeover) -- once is enough
      assert(held:release())
    end
  end)

  it("can use the plan that was made before", function()
    leave("a")
    local planned = open()
    local position = planned:position()
    local mine = assert(turn.take(facts))
    assert.is_true(mine:stands_at(position))
    assert(mine:write(position, planned, function(current) return current:fold() end))
    mine:close()
    mine = assert(turn.take(facts))
    assert.is_false(mine:stands_at(position))
    assert.equal("condition", select(2, mine:write(position, planned, function() return true end)).kind)
    mine:close()
  end)
end)
