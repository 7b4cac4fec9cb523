--- The lock as a lease, several runs on one backend, time told by a clock of the spec's own.
local codec = require "scw.state.codec"
local core = require "core"
local entry = require "tests.lua.state.entry"
local json = require "scw.json"
local lock = require "scw.state.lock"
local locks = require "scw.state.locks"
local memory = require "tests.lua.state.memory"
local mirror = require "scw.state.mirror"
local queue = require "scw.state.queue"
local store = require "scw.state.store"

local NAME = "shop.state"

--- A backend whose time stands still until it is moved.
local function world()
  local made = { backend = memory.new(), moved = core.event(), spent = 0, said = {} }
  made.backend.time = 1000000

  local function sleep(ms)
    local until_ = made.spent + ms / 1000
    while made.spent < until_ do
      local ok, failure = made.moved:wait()
      if not ok then return nil, failure end
    end
    return true
  end

  --- Lets time pass in small steps, so that everybody who wakes up can act.
  function made.pass(seconds)
    local goal = made.spent + seconds
    while made.spent < goal do
      made.spent = math.min(made.spent + 0.5, goal)
      made.backend.time = 1000000 + made.spent
      made.moved:set()
      for _ = 1, 20 do core.sleep(0) end
    end
  end

  function made.acquire(who, more)
    local request = {
      backend = made.backend, name = NAME, command = "scwlua apply", environment = {}, host = { name = "box-" .. who, user = who, pid = 7 },
      lease = 60, sleep = sleep, elapsed = function() return made.spent end,
      on_wait = function(facts)
        made.said[#made.said + 1] = ("%s: %d after %s"):format(who, facts.place, facts.holder and facts.holder.who)
      end,
    }
    for name, value in next, more or {} do request[name] = value end
    return locks.acquire(request)
  end

  --- A holder whose process is stopped: it neither renews nor hears anything.
  function made.frozen(who, more)
    more = more or {}
    more.sleep = function() return core.event():wait() end
    return made.acquire(who, more)
  end
  return made
end

local function open(backend)
  local made = store.new({ backend = backend, codec = codec.new({ stack = "shop" }), name = NAME, stack = "shop" })
  assert(made:load())
  return made
end

local function addresses(backend)
  return entry.addresses(open(backend).document)
end

describe("a lease", function()
  local here
  local tasks

  before_each(function() here, tasks = world(), {} end)
  after_each(function()
    for _, task in ipairs(tasks) do task:cancel() end
  end)

  local function spawn(fn)
    tasks[#tasks + 1] = core.spawn(fn)
    return tasks[#tasks]
  end

  it("never lowers its fencing number, also when nobody heard that a higher one was written", function()
    local held = assert(here.acquire("ann"))
    here.backend.on_put = function() return { kind = "io", message = "no answer", landed = true } end
    assert.is_nil((held:raise(7)))
    here.backend.on_put = function() end
    assert(held:raise(3))
    assert.equal(7, assert(lock.read(here.backend, NAME)).fence)
    assert(held:release())
    assert.equal(7, assert(lock.read(here.backend, NAME)).fence)
    assert.equal(8, assert(here.acquire("bob")).facts.fence)
  end)

  it("is renewed while it is held, and nobody else gets it", function()
    local held = assert(here.acquire("ann"))
    local first = lock.read(here.backend, NAME)
    here.pass(200)
    local present = lock.read(here.backend, NAME)
    assert.equal(held.facts.id, present.id)
    assert.is_true(present.renewals >= 9)
    assert.is_true(present.expires >= first.expires + 180)
    assert.equal("INFRA_008", select(2, here.acquire("bob")).code)
    assert(held:release())
    present = lock.read(here.backend, NAME)
    assert.equal("released", present.state)
    here.pass(100)
    assert.same(present, lock.read(here.backend, NAME)) -- nobody renews what was given back
  end)

  it("is taken over once it ended, not before, with a higher number", function()
    local held = assert(here.frozen("ann"))
    here.pass(59)
    assert.is_nil((here.acquire("bob")))
    here.pass(2.5)
    local second = assert(here.acquire("bob"))
    assert.equal(held.facts.fence + 1, second.facts.fence)
    assert.is_true(second.takeover)
    assert.match("did not renew it: ann on box%-ann", second.warning)
    assert(second:release())
    local third = assert(here.acquire("cid"))
    assert.equal(3, third.facts.fence)
    assert.is_false(third.takeover)
    assert(third:release())
  end)

  it("is taken over by one of those who try at once", function()
    assert(here.frozen("ann"))
    here.pass(70)
    local taken = 0
    for i = 1, 5 do
      spawn(function()
        if here.acquire("run" .. i) then taken = taken + 1 end
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    assert.equal(1, taken)
    assert.equal(2, lock.read(here.backend, NAME).fence)
  end)

  it("does not trust the clock of the machine", function()
    -- the service is minutes behind and ahead of this machine: nothing of it shows
    for _, skew in ipairs({ -86400, 86400 }) do
      here = world()
      here.backend.time = core.now() + skew
      local held = assert(here.acquire("ann"))
      local expires = lock.read(here.backend, NAME).expires
      assert.is_true(math.abs(expires - here.backend.time - 61) < 0.01)
      assert.is_nil((here.acquire("bob")))
      assert(held:release())
    end
  end)

  it("that was lost is noticed before the next write, which does not happen", function()
    local ann = open(here.backend)
    local held = assert(here.frozen("ann"))
    assert(ann:begin(held))
    assert(ann:commit(ann:write(entry.set("a"))))
    here.pass(90)
    local second = assert(here.acquire("bob"))
    local bob = open(here.backend)
    assert(bob:begin(second)) -- takes the next number of the log
    assert(bob:commit(bob:write(entry.set("b"))))
    local written = #here.backend:list(NAME .. ".log/")
    local ok, err = ann:commit(ann:write(entry.set("late")))
    assert.is_nil(ok)
    assert.equal("INFRA_008", err.code)
    assert.match("lost its lock", err.message)
    assert.match("holder now: bob on box%-bob", err.details[2])
    assert.equal(written, #here.backend:list(NAME .. ".log/"))
    ok, err = ann:fold()
    assert.is_nil(ok)
    assert.equal("INFRA_008", err.code)
    assert.match("its version was saved at memory:shop.state.unsaved%-2", err.hint)
    assert(held:release()) -- nothing to give back, nothing to complain about
    assert(bob:fold())
    assert(second:release())
    assert.same({ "a", "b" }, addresses(here.backend))
  end)

  it("that ran out but was taken by nobody goes on", function()
    local ann = open(here.backend)
    local held = assert(here.frozen("ann"))
    assert(ann:begin(held))
    here.pass(90)
    assert(ann:commit(ann:write(entry.set("a"))))
    assert.equal(1, lock.read(here.backend, NAME).renewals)
    assert(ann:fold())
    assert(held:release())
  end)

  it("keeps out what a former holder wrote in the very moment it was stopped", function()
    local ann = open(here.backend)
    local held = assert(here.frozen("ann"))
    assert(ann:begin(held))
    assert(ann:commit(ann:write(entry.set("a"))))
    ann.log.check = function() return true end -- it has looked already, and then the machine went to sleep
    here.pass(90)
    local second = assert(here.acquire("bob"))
    local bob = open(here.backend)
    assert(bob:begin(second))
    assert.equal("condition", select(2, ann:commit(ann:write(entry.set("x")))).kind) -- the fence has its number
    ann.log.failure = nil
    assert(bob:commit(bob:write(entry.set("b"))))
    assert(bob:fold()) -- and now nothing stands in its way any more
    assert(second:release())
    for number = ann.log.number + 1, bob.log.number + 1 do
      assert(ann:commit(ann:write(entry.set("late" .. number))))
    end
    local third = open(here.backend)
    assert.same({ bob.log.number + 1 }, third.ignored)
    assert.same({ "a", "b" }, addresses(here.backend))
    local again = assert(here.acquire("cid"))
    assert(third:begin(again))
    assert(third:commit(third:write(entry.set("c"))))
    assert(third:fold())
    assert(again:release())
    assert.same({ "a", "b", "c" }, addresses(here.backend))
  end)

  it("is fenced against a former holder's snapshot that is still under way", function()
    local ann = open(here.backend)
    local held = assert(here.frozen("ann"))
    assert(ann:begin(held))
    assert(ann:commit(ann:write(entry.set("a"))))
    local put, late = here.backend.put, nil
    function here.backend.put(backend, key, bytes, condition)
      if key ~= NAME then return put(backend, key, bytes, condition) end
      here.backend.put = put
      late = function() return put(backend, key, bytes, condition) end
      return nil, { kind = "timeout", message = "no answer" }
    end
    assert.equal("timeout", select(2, ann:fold()).kind)
    here.pass(90)
    local second = assert(here.acquire("bob"))
    local bob = open(here.backend)
    assert(bob:begin(second))
    assert.equal("condition", select(2, late()).kind)
    assert(bob:commit(bob:write(entry.set("b"))))
    assert(bob:fold())
    assert(second:release())
    assert.same({ "a", "b" }, addresses(here.backend))
  end)

  it("does not let a segment count that landed when the lock was lost", function()
    local ann = open(here.backend)
    local held = assert(here.frozen("ann"))
    assert(ann:begin(held))
    local put = here.backend.put
    function here.backend.put(backend, key, bytes, condition)
      here.backend.put = put
      here.pass(90) -- the machine sleeps in this very moment, and others come and go
      local second = assert(here.acquire("bob"))
      local bob = open(here.backend)
      assert(bob:begin(second))
      assert(bob:fold())
      assert(second:release())
      return put(backend, key, bytes, condition)
    end
    assert.equal("lost", select(2, ann:commit(ann:write(entry.set("a")))).kind)
    assert.same({}, addresses(here.backend))
  end)

  it("has a number above the state's even when somebody deleted the lock object", function()
    for _ = 1, 3 do
      local ann, held = open(here.backend), assert(here.acquire("ann"))
      assert(ann:begin(held))
      ann:write(entry.set("a"))
      assert(ann:fold())
      assert(held:release())
    end
    here.backend:delete(lock.key(NAME))
    local bob, held = open(here.backend), assert(here.acquire("bob"))
    assert(bob:begin(held))
    assert.equal(4, held.facts.fence)
    assert.equal(4, lock.read(here.backend, NAME).fence)
    assert.equal(1, #here.backend:list(NAME .. ".log/")) -- fenced off
    assert(held:release())
  end)

  it("keeps its number when the state is replaced as a whole", function()
    local ann, held = open(here.backend), assert(here.acquire("ann"))
    assert(ann:begin(held))
    assert(ann:fold())
    local old = open(here.backend).document
    assert(held:release())
    local bob, second = open(here.backend), assert(here.acquire("bob"))
    assert(bob:begin(second))
    assert(bob:replace(old))
    assert.equal(2, open(here.backend).document.fence)
    assert(second:release())
  end)

  it("survives answers that get lost", function()
    local held = assert(here.acquire("ann"))
    local lost = 0
    here.backend.on_put = function()
      lost = lost + 1
      return lost % 3 == 1 and { kind = "timeout", message = "no answer", landed = true } or nil
    end
    here.pass(200)
    assert.is_nil(held.lost)
    assert.is_true(lock.read(here.backend, NAME).renewals >= 5)
    assert(held:check())
    here.backend.on_put = function() end
    assert(held:release())
    assert.equal("released", lock.read(here.backend, NAME).state)
  end)

  it("ends for its holder when it ends for others, however late the service's time was told", function()
    local late = 50 -- an answer that was long under way, or a machine that slept since
    here.backend.now = function(backend) return backend.time - late end
    here.backend.on_put = function() late = 0 end
    local ann = open(here.backend)
    local held = assert(here.frozen("ann"))
    assert(ann:begin(held))
    here.pass(11)
    assert(assert(here.acquire("bob")).takeover)
    local ok, err = ann:commit(ann:write(entry.set("late")))
    assert.is_nil(ok)
    assert.equal("lost", err.kind)
    -- who renews with what it heard long ago does it again
    here = world()
    late = 0
    here.backend.now = function(backend) return backend.time - late end
    here.backend.on_put = function() late = 0 end
    held = assert(here.frozen("ann"))
    here.pass(60)
    late = 60
    assert(held:check())
    assert.equal(2, lock.read(here.backend, NAME).renewals)
    assert.is_true(lock.read(here.backend, NAME).expires >= here.backend.time + 60)
  end)

  it("is not taken for valid because somebody else tried to renew it in vain", function()
    local held = assert(here.acquire("ann"))
    here.pass(19)
    here.backend.on_put = function()
      core.sleep(20)
      return { kind = "timeout", message = "no answer" }
    end
    local keeper = spawn(function() here.pass(2) end) -- the renewal that is due starts, and gets no answer
    repeat core.sleep(0) until held.renewing
    here.spent = here.spent + 100
    local ok, err = held:check()
    assert.is_nil(ok)
    assert.equal("timeout", err.kind)
    assert(keeper:join())
    here.backend.on_put = function() end
    assert(held:release())
  end)

  it("that was given back allows nothing more to be written", function()
    local ann, held = open(here.backend), assert(here.acquire("ann"))
    assert(ann:begin(held))
    assert(held:release())
    local before = here.backend.puts
    local ok, err = ann:commit(ann:write(entry.set("late")))
    assert.is_nil(ok)
    assert.equal("INFRA_008", err.code)
    assert.equal(before, here.backend.puts)
  end)

  it("is given back although the run was interrupted meanwhile", function()
    local held
    local task = spawn(function()
      return pcall(function()
        held = assert(here.acquire("ann"))
        local release <close> = held -- luacheck: ignore 211
        core.event():wait()
        error("and it fails")
      end)
    end)
    for _ = 1, 20 do core.sleep(0) end
    here.backend.delay_ms = 5
    task:cancel()
    core.sleep(2)
    task:cancel() -- a second interrupt, while it is given back
    assert.is_false(select(2, task:join()))
    assert.equal("released", lock.read(here.backend, NAME).state)
  end)

  it("is given back at once although the service does not answer its renewal", function()
    local held = assert(here.acquire("ann"))
    local put, hangs, renewal = here.backend.put, true, nil
    function here.backend:put(key, bytes, condition)
      if not hangs then return put(self, key, bytes, condition) end
      hangs, renewal = false, function() return put(self, key, bytes, condition) end
      return nil, select(2, core.event():wait())
    end
    here.pass(25)
    assert.is_truthy(renewal)
    assert(held:release())
    assert.equal("condition", select(2, renewal()).kind)
    assert.equal("released", lock.read(here.backend, NAME).state)
  end)

  it("can be freed by its id while it is renewed; its holder stops", function()
    local ann = open(here.backend)
    local held = assert(here.acquire("ann"))
    assert(ann:begin(held))
    assert(lock.remove(here.backend, NAME, held.facts.id))
    here.pass(30) -- the renewal finds out
    assert.match("freed with unlock", held.lost.details[2])
    assert.equal(held.lost, select(2, ann:commit(ann:write(entry.set("a")))))
    assert.is_true(assert(here.acquire("bob")).takeover)
  end)

  describe("that others want", function()
    it("goes to them in the order in which they came, by itself", function()
      local held, order, working = assert(here.acquire("ann")), {}, 0
      for i = 1, 6 do
        spawn(function()
          local mine = assert(here.acquire("run" .. i, { wait = 3600 }))
          working = working + 1
          assert(working == 1, "two at once")
          order[#order + 1] = i
          assert(mine.waited)
          for _ = 1, 5 do core.sleep(0) end
          working = working - 1
          assert(mine:release())
        end)
        here.pass(1)
      end
      here.pass(100)
      assert.same({}, order)
      assert(held:release())
      here.pass(60)
      for _, task in ipairs(tasks) do assert(task:join()) end
      assert.same({ 1, 2, 3, 4, 5, 6 }, order)
      assert.equal(7, lock.read(here.backend, NAME).fence)
      assert.same({}, here.backend:list(NAME .. ".queue/"))
      assert.equal("run1: 1 after ann", here.said[1])
      assert.equal("run2: 2 after ann", here.said[2])
    end)

    it("is asked for with one request a look, whatever the place in line", function()
      local held = assert(here.acquire("ann"))
      for _, who in ipairs({ "bob", "cid", "dan" }) do
        spawn(function() assert(here.acquire(who, { wait = 3600 })):release() end)
        here.pass(1)
      end
      local asked, backend = 0, getmetatable(here.backend).__index
      for _, verb in ipairs({ "get", "list" }) do
        here.backend[verb] = function(...)
          asked = asked + 1
          return backend[verb](...)
        end
      end
      here.pass(60)
      -- thirty looks each; who is not first reads its neighbour again when what it knows of it has ended
      assert.is_true(asked <= 3 * 31 + 2 * 60 // 20, asked .. " requests")
      assert(held:release())
      here.pass(20)
      for _, task in ipairs(tasks) do assert(task:join()) end
    end)

    it("says its news once", function()
      local held = assert(here.acquire("ann"))
      spawn(function() assert(here.acquire("bob", { wait = 3600 })):release() end)
      here.pass(100)
      assert.same({ "bob: 1 after ann" }, here.said)
      assert(held:release())
      here.pass(5)
      assert(tasks[1]:join())
    end)

    it("loses nobody's place to a deletion that is late", function()
      local held, late = assert(here.acquire("ann")), nil
      local first = queue.new({ backend = here.backend, name = NAME, lease = 30, elapsed = function() return here.spent end,
        facts = { id = "first", who = "cy", host = "far", pid = 1, command = "scwlua apply", created = "" } })
      local delete = here.backend.delete
      function here.backend:delete(key, once)
        if not key:find("%.queue/") then return delete(self, key) end
        late = not once and function() delete(self, key) end -- it is sent again: the first answer was lost
        return delete(self, key)
      end
      assert(first:join())
      first:leave()
      local bob = spawn(function() return assert(here.acquire("bob", { wait = 3600 })):release() end)
      here.pass(3)
      assert.same({ NAME .. ".queue/0000000001" }, here.backend:list(NAME .. ".queue/")) -- the number is used again
      if late then late() end
      assert.same({ NAME .. ".queue/0000000001" }, here.backend:list(NAME .. ".queue/"))
      assert(held:release())
      here.pass(3)
      assert(bob:join())
    end)

    it("passes over those who died in line", function()
      local held = assert(here.acquire("ann"))
      local function wait_as(who)
        return spawn(function() return assert(here.acquire(who, { wait = 3600 })):release() end)
      end
      local dead = queue.new({ backend = here.backend, name = NAME, lease = 30, elapsed = function() return here.spent end,
        facts = { id = "gone", who = "dead", host = "far", pid = 1, command = "scwlua apply", created = "" } })
      assert(dead:join())
      local bob = wait_as("bob")
      here.pass(3)
      assert.equal("bob: 2 after ann", here.said[1])
      assert(held:release())
      here.pass(20)
      assert.is_false(bob:done()) -- it may still come
      here.pass(20)
      assert(bob:join())
      assert.same({}, here.backend:list(NAME .. ".queue/"))
      -- who comes back finds its place gone, and takes the last one
      assert(dead:renew())
      assert.equal(1, #here.backend:list(NAME .. ".queue/"))
      dead:leave()
      assert.same({}, here.backend:list(NAME .. ".queue/"))
    end)

    it("is not taken by who lost its place without knowing it", function()
      local held, order, put = assert(here.acquire("ann")), {}, here.backend.put
      local function wait_as(who)
        return spawn(function()
          local mine = assert(here.acquire(who, { wait = 3600 }))
          order[#order + 1] = who
          assert(mine:release())
        end)
      end
      function here.backend.put(...)
        here.backend.put = put
        local etag = put(...)
        wait_as("cid")
        here.pass(40) -- stopped with a place in line, for longer than that lasts
        assert(held:release())
        return etag
      end
      wait_as("bob")
      repeat core.sleep(0) until lock.read(here.backend, NAME).state == "released"
      here.pass(10)
      for _, task in ipairs(tasks) do assert(task:join()) end
      assert.same({ "cid", "bob" }, order)
    end)

    it("is not taken by who was called and then stopped until others were", function()
      local held, order, get, cid = assert(here.acquire("ann")), {}, here.backend.get, nil
      local function wait_as(who)
        return spawn(function()
          local mine = assert(here.acquire(who, { wait = 3600 }))
          order[#order + 1] = who
          if who == "cid" then cid = mine else assert(mine:release()) end
        end)
      end
      for _, who in ipairs({ "bob", "cid", "dan" }) do
        wait_as(who)
        here.pass(1)
      end
      function here.backend.get(backend, key)
        if key ~= lock.key(NAME) then return get(backend, key) end
        here.backend.get = get -- bob stands first and looks whether the lock is free
        assert(held:release())
        here.pass(40)
        assert(cid:release())
        cid = nil
        return get(backend, key)
      end
      here.pass(2)
      repeat core.sleep(0) until #order > 0 and not cid
      here.pass(20)
      for _, task in ipairs(tasks) do assert(task:join()) end
      assert.same({ "cid", "dan", "bob" }, order)
    end)

    it("is taken over at once from who died on this machine, also by one who lost its place meanwhile", function()
      local witness, get = os.tmpname(), here.backend.get
      here.backend:put(lock.key(NAME), assert(json.encode({
        state = "held", id = "dead", who = "ann", host = "box-bob", pid = 1, command = "scwlua apply", created = "", witness = witness,
        fence = 1, renewals = 0, expires = here.backend.time + 3000,
      })))
      local alive, mine = assert(core.file_lock(witness)), nil
      spawn(function() mine = assert(here.acquire("bob", { wait = 3600 })) end)
      here.pass(3)
      function here.backend.get(backend, key)
        if key ~= lock.key(NAME) then return get(backend, key) end
        here.backend.get = get
        alive:release()
        assert(queue.new({ backend = backend, name = NAME, lease = 30, elapsed = function() return here.spent end,
          facts = { id = "far", who = "far", host = "far", pid = 1, command = "scwlua apply", created = "" } }):join())
        backend:delete(queue.key(NAME, 1))
        here.pass(20)
        return get(backend, key)
      end
      here.pass(2)
      repeat core.sleep(0) until here.spent > 20
      here.pass(60)
      os.remove(witness)
      assert.equal(2, mine and mine.facts.fence)
    end)

    it("is not snatched from those who wait", function()
      local held = assert(here.acquire("ann"))
      spawn(function() assert(here.acquire("bob", { wait = 3600 })):release() end)
      here.pass(1)
      assert(held:release()) -- bob looks again in a moment
      local _, err = here.acquire("cid")
      assert.equal("INFRA_008", err.code)
      assert.match("wait for the state", err.message)
      assert.match("^next: bob on box%-bob", err.details[1])
      here.pass(5)
      assert(tasks[1]:join())
      assert(assert(here.acquire("cid")):release())
    end)

    it("is waited for so long and no longer, and an interrupt ends the wait", function()
      local held = assert(here.acquire("ann"))
      local failures = {}
      spawn(function() failures.late = select(2, here.acquire("bob", { wait = 21 })) end)
      local cut = spawn(function() failures.cut = select(2, here.acquire("cid", { wait = 3600 })) end)
      here.pass(10)
      assert.equal(2, #here.backend:list(NAME .. ".queue/"))
      cut:cancel()
      here.pass(15)
      assert.equal("INFRA_008", failures.late.code)
      assert.match("^another deployment holds the state, still after 21 seconds$", failures.late.message)
      assert.match("^lease: ends in .* unless it is renewed$", failures.late.details[4])
      assert.match("^holder: ann", failures.late.details[1])
      assert.equal("place in the queue: 1", failures.late.details[3])
      assert.equal("INFRA_009", failures.cut.code)
      assert.same({}, here.backend:list(NAME .. ".queue/"))
      assert(held:release())
    end)

    it("is waited for no longer when both sides of a mirror have to be", function()
      local other = memory.new()
      other.time = here.backend.time
      local both = mirror.new({ primary = here.backend, replica = other, on_message = function() end })
      local first, second = assert(here.acquire("ann")), assert(here.acquire("bob", { backend = other }))
      local failure
      spawn(function() failure = select(2, here.acquire("cid", { backend = both, wait = 20 })) end)
      here.pass(15)
      assert(first:release())
      here.pass(4)
      assert.is_nil(failure)
      assert.equal("cid", lock.read(here.backend, NAME).who)
      here.pass(3)
      assert.match("^another deployment holds the state, still after 20 seconds$", failure.message)
      assert.equal("released", lock.read(here.backend, NAME).state)
      assert(second:release())
    end)

    it("is passed on although objects in the queue are damaged", function()
      here.backend:put(queue.key(NAME, 3), "nonsense")
      here.backend:put(queue.key(NAME, 4), assert(json.encode({ id = "x" })))
      assert(assert(here.acquire("ann", { wait = 10 })):release())
      assert.same({}, here.backend:list(NAME .. ".queue/"))
    end)
  end)
end)
