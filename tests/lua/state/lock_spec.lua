local core = require "core"
local lock = require "scw.state.lock"
local memory = require "tests.lua.state.memory"

local HOST = { name = "box", user = "ann", pid = 42 }

local function acquire(backend, environment, host)
  return lock.acquire({
    backend = backend, name = "shop.state", command = "scwlua apply", environment = environment or {}, host = host or HOST,
  })
end

describe("the lock of a state", function()
  it("is held by one, who can give it back", function()
    local backend = memory.new()
    local held = assert(acquire(backend))
    local other, err = acquire(backend)
    assert.is_nil(other)
    assert.equal("INFRA_008", err.code)
    assert.match("^holder: ann on box %(process 42%) since %d%d%d%d%-.*, running `scwlua apply`$", err.details[1])
    assert.equal("lock: " .. held.facts.id, err.details[2])
    assert.match("scwlua unlock STACK " .. held.facts.id, err.hint, 1, true)
    assert(held:release())
    assert(held:release())
    assert.is_truthy(acquire(backend))
  end)

  it("names the run of the CI that holds it", function()
    local backend = memory.new()
    assert(acquire(backend, { GITHUB_SERVER_URL = "https://git.example", GITHUB_REPOSITORY = "a/b", GITHUB_RUN_ID = "7" }))
    local _, err = acquire(backend)
    assert.match("in https://git.example/a/b/actions/runs/7$", err.details[1])
  end)

  it("is taken by one of those who find it free at the same time", function()
    local backend = memory.new()
    local get, other = backend.get, nil
    function backend:get(key)
      local bytes, etag = get(self, key)
      if not other then
        other = true
        other = assert(acquire(self))
      end
      return bytes, etag
    end
    local held, err = acquire(backend)
    assert.is_nil(held)
    assert.equal("INFRA_008", err.code)
    assert(other:release())
  end)

  it("can be removed by its id, and then its holder notices", function()
    local backend = memory.new()
    local held = assert(acquire(backend))
    local ok, err = lock.remove(backend, "shop.state", "another id")
    assert.is_nil(ok)
    assert.match(held.facts.id, err.hint, 1, true)
    assert(lock.remove(backend, "shop.state", held.facts.id))
    local second = assert(acquire(backend))
    ok, err = held:release()
    assert.is_nil(ok)
    assert.match("taken away", err.message)
    assert.equal(second.facts.id, lock.read(backend, "shop.state").id)
    assert(second:release())
    assert.equal("INFRA_004", select(2, lock.remove(backend, "shop.state", second.facts.id)).code)
  end)

  describe("with a place for witnesses", function()
    local root
    before_each(function()
      root = os.tmpname()
      os.remove(root)
    end)
    after_each(function() os.execute("rm -rf '" .. root .. "'") end)

    it("passes to the next when its holder died on this machine", function()
      local backend, environment = memory.new(), { XDG_RUNTIME_DIR = root }
      local held = assert(acquire(backend, environment))
      assert.is_nil((acquire(backend, environment))) -- alive
      held.witness.held:release() -- what the kernel does when a process ends
      local _, err = acquire(backend, environment, { name = "another box", user = "bob", pid = 1 })
      assert.equal("INFRA_008", err.code) -- who cannot see the witness does not guess
      local second = assert(acquire(backend, environment))
      assert.match("took over the lock of a run that died: ann on box", second.warning)
      assert(second:release())
      assert.same({}, core.file_list(root .. "/scwlua/locks"))
    end)

    it("finds the next place for them where a variable is empty", function()
      for _, environment in ipairs({
        { XDG_RUNTIME_DIR = "", XDG_STATE_HOME = root }, { XDG_RUNTIME_DIR = "", XDG_STATE_HOME = "", HOME = root },
      }) do
        local held = assert(acquire(memory.new(), environment))
        assert.equal(1, (held.facts.witness or ""):find(root, 1, true))
        assert(held:release())
      end
      assert.is_nil(assert(acquire(memory.new(), { XDG_RUNTIME_DIR = "", HOME = "" })).facts.witness)
    end)

    it("passes on although it could not be given back", function()
      local backend, environment = memory.new(), { XDG_RUNTIME_DIR = root }
      local held = assert(acquire(backend, environment))
      backend.on_put = function() return { kind = "timeout", message = "no answer" } end
      assert.is_nil((held:release()))
      local _, err = acquire(backend, environment) -- cannot write either, and leaves the trace of the dead one
      assert.match("cannot lock", err.message)
      backend.on_put = function() end
      local second = assert(acquire(backend, environment))
      assert.match("took over", second.warning)
      assert(second:release())
    end)

    it("is not held by a write that lands when nobody waits for it any more", function()
      for _, earlier in ipairs({ false, true }) do
        local backend, environment, late = memory.new(), { XDG_RUNTIME_DIR = root }, nil
        if earlier then assert(assert(acquire(backend, environment)):release()) end
        local put = backend.put
        function backend:put(key, bytes, condition)
          if late or not key:find("%.lock$") then return put(self, key, bytes, condition) end
          late = function() return put(self, key, bytes, condition) end
          return nil, select(2, core.event():wait())
        end
        local task = core.spawn(acquire, backend, environment)
        while not late do core.sleep(0) end
        task:cancel()
        local _, taken, err = task:join()
        assert.is_nil(taken)
        assert.equal("cancelled", err.kind)
        assert.equal("condition", select(2, late()).kind)
        assert.equal("released", lock.read(backend, "shop.state").state)
        assert.same({}, core.file_list(root .. "/scwlua/locks"))
        local second = assert(acquire(backend, environment))
        assert.equal(not earlier, second.takeover) -- what a former holder sent was fenced off before
        assert(second:release())
      end
    end)

    it("leaves no trace of a run that may not write", function()
      local backend, environment = memory.new(), { XDG_RUNTIME_DIR = root }
      backend.on_put = function() return { kind = "denied", message = "403" } end
      assert.equal("denied", select(2, acquire(backend, environment)).kind)
      assert.same({}, core.file_list(root .. "/scwlua/locks"))
    end)

    it("is still to be taken over from its former holder when nobody knew who had it", function()
      local backend, lost = memory.new(), false
      backend.time = 1000
      local former = assert(acquire(backend))
      backend.time = 2000 -- its lease has ended, and it may still write
      backend.on_put = function()
        if lost then return nil end
        lost = true
        return { kind = "timeout", message = "no answer", landed = true }
      end
      assert.is_nil((acquire(backend)))
      assert.is_true(lost)
      local third = assert(acquire(backend))
      assert.is_true(third.takeover)
      assert(third:release())
      former:release()
    end)

    it("is given back when nobody knew whether it was taken", function()
      local backend, environment, lost = memory.new(), { XDG_RUNTIME_DIR = root }, true
      backend.on_put = function()
        if not lost then return nil end
        lost = false
        return { kind = "timeout", message = "no answer", landed = true }
      end
      assert.is_nil((acquire(backend, environment)))
      assert.equal("released", lock.read(backend, "shop.state").state)
      assert.same({}, core.file_list(root .. "/scwlua/locks"))
    end)
  end)

  it("is refused when its object is damaged", function()
    local backend = memory.new()
    backend:put("shop.state.lock", "nonsense")
    local _, err = acquire(backend)
    assert.equal("INFRA_011", err.code)
    assert.match("damaged", err.message)
  end)
end)
