local amend = require "scw.engine.amend"
local cloud = require "tests.lua.engine.cloud"
local core = require "core"
local json = require "scw.json"
local lock = require "scw.state.lock"
local memory = require "tests.lua.state.memory"
local mirror = require "scw.state.mirror"
local past = require "scw.engine.past"
local status = require "scw.state.status"

local PATIENCE = 0.2

--- A memory that can be cut off: "refuses" answers at once that nobody is there, "hangs" never answers.
local function place(name)
  local inner = memory.new()
  local outer = { inner = inner, mode = "up", asked = 0 }
  function outer:describe(key) return name .. (key and "/" .. key or "") end -- luacheck: ignore 212
  for _, call in ipairs({ "get", "put", "copy", "delete", "list", "prepare", "now" }) do
    outer[call] = function(self, ...)
      self.asked = self.asked + 1
      if self.before then self.before(call, ...) end
      if call ~= "now" then
        if self.mode == "refuses" then return nil, { kind = "connect", message = name .. " is not there" } end
        while self.mode == "hangs" do
          local ok, failure = core.sleep(20)
          if not ok then return nil, failure end
        end
      end
      return inner[call](inner, ...)
    end
  end
  return outer
end

describe("a state with a replica", function()
  local world, primary, replica, said, patience
  before_each(function()
    primary, replica, said, patience = place("here"), place("there"), {}, PATIENCE
    world = cloud.world()
  end)

  --- A new run: what it found out about the sides is forgotten by the next one.
  local function run()
    said = {}
    world.backend = mirror.new({
      primary = primary, replica = replica, patience = patience, on_message = function(line) said[#said + 1] = line end,
    })
    return world
  end

  local function stack(names)
    return cloud.stack(function(declare, output)
      for _, name in ipairs(names) do declare("net", name, { name = name }) end
      output("count", #names)
    end)
  end

  local function apply(names, options)
    local result = run():apply(stack(names), options)
    assert.equal("", cloud.failures(result))
    return result
  end

  local function told(pattern)
    for _, line in ipairs(said) do
      if line:find(pattern) then return true end
    end
    return false, table.concat(said, "\n")
  end

  local function snapshot_of(one) return json.decode(one.inner.objects["test.state"].bytes) end

  --- The same bytes under the same keys, locks and queues apart.
  local function assert_equal_sides()
    local function kept(one)
      local all = {}
      for key, object in next, one.inner.objects do
        if not key:find("%.lock$") and not key:find("%.queue/") then all[key] = object.bytes end
      end
      return all
    end
    local here = kept(primary)
    assert.is_truthy(here["test.state"])
    assert.same(here, kept(replica))
  end

  --- A run that dies after it wrote a segment.
  local function die(names)
    local opened = run():session(stack(names))
    assert(opened:state())
    local ok, err = pcall(function()
      return opened:rewrite(function(begun)
        assert(begun.store:commit(begun.store:write({ op = "patch", address = "net.a", fields = { reason = "x" } })))
        error("died")
      end)
    end)
    assert(not ok and tostring(err):find("died", 1, true), tostring(err))
  end

  it("is written to both, under both locks", function()
    local seen = {}
    world.cloud.before = function(verb)
      if verb ~= "create" then return end
      for index, one in ipairs({ primary, replica }) do seen[index] = json.decode(one.inner.objects["test.state.lock"].bytes).state end
    end
    apply({ "a", "b" })
    assert.same({ "held", "held" }, seen)
    assert_equal_sides()
    for _, one in ipairs({ primary, replica }) do
      local facts = lock.read(one.inner, "test.state")
      assert.equal("released", facts.state)
    end
    apply({ "a", "b", "c" })
    assert_equal_sides()
    assert.same({}, said)
    assert.equal(3, world.cloud:size())
  end)

  --- How often a side that is out is asked before that is known, at most: what refuses is asked ten times while the patience lasts.
  local WAITS = { refuses = 30, hangs = 6 }

  it("goes on with the replica when the primary does not answer, and is made equal by the next run", function()
    for _, mode in ipairs({ "refuses", "hangs" }) do
      primary, replica, world = place("here"), place("there"), cloud.world()
      apply({ "a" })
      primary.mode = mode
      local before = primary.asked
      apply({ "a", "b" })
      assert.is_true(primary.asked - before <= WAITS[mode])
      assert.is_true(told("primary of the state, here, does not answer: this run goes on with the replica, there, alone"))
      assert.equal(2, world.cloud:size())
      assert.equal(2, snapshot_of(primary).serial)
      primary.mode = "up"
      assert.same({}, cloud.actions(run():plan(stack({ "a", "b" })))) -- readers take the longer version
      assert.is_true(told("The primary of the state is behind %(serial 2, the replica has 3%)"))
      assert.equal(2, snapshot_of(primary).serial) -- and write nothing
      apply({ "a", "b", "c" })
      assert.is_true(told("Made the primary of the state equal to the replica %(serial 3%)"))
      assert.equal(3, world.cloud:size())
      assert_equal_sides()
    end
  end)

  it("survives an outage of either side in the midst of an apply", function()
    for _, which in ipairs({ "primary", "replica" }) do
      primary, replica, world = place("here"), place("there"), cloud.world()
      apply({ "a" })
      local lost, left = which == "primary" and primary or replica, which == "primary" and replica or primary
      world.cloud.before = function(verb, address) if verb == "create" and address == "net.b" then lost.mode = "hangs" end end
      apply({ "a", "b", "c" })
      assert.is_true(told("^The " .. which .. " of the state, .* alone"))
      assert.equal(3, snapshot_of(left).serial)
      assert.equal(2, snapshot_of(lost).serial)
      lost.mode = "up"
      local facts = lock.read(lost.inner, "test.state")
      assert.equal("held", facts.state) -- it could not be given back
      -- The primary's says that the run ended. That of the replica is found too late: the primary's ends with its lease.
      if which == "primary" then assert(lock.remove(lost.inner, "test.state", facts.id)) end
      world.cloud.before = function() end
      apply({ "a", "c" })
      assert.equal(2, world.cloud:size())
      assert_equal_sides()
    end
  end)

  it("gives back the lock of a side that returned before the end", function()
    apply({ "a" })
    world.cloud.before = function(verb, address)
      if verb == "create" and address == "net.b" then primary.mode = "refuses" end
      if verb == "ready" and address == "net.b" then primary.mode = "up" end
    end
    apply({ "a", "b" })
    assert.equal("released", lock.read(primary.inner, "test.state").state)
  end)

  it("takes over what a run left that died between the two writes", function()
    apply({ "a" })
    local opened = run():session(stack({ "a", "b" }))
    local made = assert(opened:plan())
    local copies
    replica.before = function(call, key)
      if call == "put" and key:find("%.log/") and not copies and #primary.inner:list("test.state.log/") > 0 then
        copies = { primary.inner:twin(), replica.inner:twin() }
      end
    end
    assert(opened:apply(made))
    primary.inner, replica.inner, replica.before = copies[1], copies[2], nil
    primary, replica = place("here"), place("there")
    for index, one in ipairs({ primary, replica }) do
      for key, object in next, copies[index].objects do one.inner.objects[key] = object end
      local facts = lock.read(one.inner, "test.state")
      if facts.state == "held" then assert(lock.remove(one.inner, "test.state", facts.id)) end
    end
    assert.is_true(#primary.inner:list("test.state.log/") > #replica.inner:list("test.state.log/"))
    apply({ "a", "b" })
    assert.equal(2, world.cloud:size())
    assert_equal_sides()
  end)

  it("refuses when each side has what the other lacks, and keeps both versions", function()
    apply({ "a" })
    primary.mode = "refuses"
    apply({ "a", "b" })
    primary.mode, replica.mode = "up", "refuses"
    apply({ "a", "c" })
    replica.mode = "up"
    local before = { primary.inner.objects["test.state"].bytes, replica.inner.objects["test.state"].bytes }
    local plan, err = run():session(stack({ "a" })):plan()
    assert.is_nil(plan)
    assert.equal("INFRA_011", err.code)
    assert.matches("separate ways", err.message)
    assert.matches("primary, here/test.state: serial 3, last deployment %x+ by me", err.details[1])
    assert.matches("replica, there/test.state: serial 3", err.details[2])
    assert.same(before, { primary.inner.objects["test.state"].bytes, replica.inner.objects["test.state"].bytes })

    local opened = run():session(stack({ "a" }), { keep = "replica" })
    assert(require("scw.engine.amend").resolve(opened))
    assert.is_true(told("The version that was given up is kept at there/test.state.unsaved%-3%-"))
    assert_equal_sides()
    local kept = primary.inner:list("test.state.unsaved-3-")
    assert.equal(1, #kept)
    assert.is_truthy(json.decode(primary.inner.objects[kept[1]].bytes).resources["net.c"])
    local document = snapshot_of(primary)
    assert.is_truthy(document.resources["net.b"])
    assert.is_nil(document.resources["net.c"])
    local records = assert(require("scw.engine.past").records(run():session(stack({ "a" })))) -- also the deployment that was given up
    assert.equal(4, #records)
    for _, record in ipairs(records) do
      local seen = assert(require("scw.engine.past").document(run():session(stack({ "a" })), record.id))
      assert.equal(record.serial, seen.serial)
    end
  end)

  it("does not begin anew on a side that never held the state", function()
    primary.mode = "refuses"
    local plan, err = run():session(stack({ "a" })):plan()
    assert.is_nil(plan)
    assert.equal("INFRA_010", err.code)
    assert.matches("the primary of the state does not answer, and the replica holds nothing yet", err.message)
    assert.equal(0, world.cloud:size())
  end)

  it("says that one side is left only once it is known to answer", function()
    apply({ "a" })
    run()
    primary.mode, replica.mode = "refuses", "hangs"
    world.backend.sides[2].patience_ms = 4 * PATIENCE * 1000 -- so that it is the second one
    assert.is_nil((world:session(stack({ "a" })):state()))
    assert.same({ "The primary of the state, here, does not answer.", "there does not answer either." }, said)
    run()
    primary.mode, replica.mode = "refuses", "up"
    assert.is_nil((world.backend.sides[1]:get("x")))
    assert.same({ "The primary of the state, here, does not answer." }, said)
    for _ = 1, 2 do assert(world.backend:get("test.state")) end
    assert.same({ said[1], "This run goes on with the replica, there, alone. The next apply that reaches both makes them equal." }, said)
  end)

  it("waits when nobody answers, and goes on when one of them returns", function()
    apply({ "a" })
    world.cloud.before = function(verb, address)
      if verb == "create" and address == "net.b" then
        primary.mode, replica.mode = "refuses", "refuses"
        core.spawn(function()
          core.sleep(700)
          replica.mode = "up"
        end)
      end
    end
    apply({ "a", "b" })
    assert.is_true(told("does not answer either%.$"))
    assert.is_true(told("^Nothing can be saved until one of them answers again%.$"))
    assert.is_false(told("alone"))
    assert.is_true(told("there answers again: the run goes on"))
    assert.equal(2, world.cloud:size())
    assert.equal(3, snapshot_of(replica).serial)
  end)

  it("is sealed anew on both sides, or not at all", function()
    local keyring, rekey = require "scw.state.keyring", require "scw.engine.rekey"
    local old, new = core.key({ raw = ("o"):rep(32) }), core.key({ raw = ("n"):rep(32) })
    world.key = keyring.of(old)
    apply({ "a" })
    local both = keyring.new({ { name = "new", key = new }, { name = "old", key = old, former = true } })
    world.key = both
    replica.mode = "refuses"
    local done, err = rekey.run(run():session(stack({ "a" })))
    assert.is_nil(done)
    assert.matches("the replica of the state does not answer: a former key still opens it", err.message)
    replica.mode = "up"
    assert.equal(2, assert(rekey.run(run():session(stack({ "a" })))).resealed)
    assert_equal_sides()
    for _, out in ipairs({ primary, replica }) do
      out.mode = "refuses"
      world.key = keyring.of(new)
      assert(run():session(stack({ "a" })):state())
      world.key = keyring.of(old)
      assert.is_nil((run():session(stack({ "a" })):state()))
      out.mode = "up"
    end
  end)

  --- Both sides go away in the midst of an apply, and `fn` runs once that is known.
  local function lose_both(fn)
    world.cloud.before = function(verb, address)
      if verb ~= "create" or address ~= "net.b" then return end
      primary.mode, replica.mode = "refuses", "refuses"
      for _, one in ipairs(world.backend.sides) do assert(not one:get("x")) end -- as the renewal of a lock does
      core.spawn(fn)
    end
  end

  local function short_lease(names)
    local declared = stack(names)
    declared.state.lease = "1s"
    return declared
  end

  it("waits also when the outage was noticed before anything had to be written", function()
    apply({ "a" })
    lose_both(function()
      core.sleep(500)
      primary.mode = "up"
    end)
    apply({ "a", "b" })
    assert.is_true(told("here answers again: the run goes on"))
    assert.equal(3, snapshot_of(primary).serial)
    assert.equal(2, snapshot_of(replica).serial)
  end)

  it("writes nothing after an outage in which somebody else took the lock", function()
    apply({ "a" })
    local other
    lose_both(function()
      core.sleep(1200)
      local facts = lock.read(primary.inner, "test.state")
      assert(lock.remove(primary.inner, "test.state", facts.id))
      other = assert(lock.acquire({ backend = primary.inner, name = "test.state", command = "x", environment = {} }))
      primary.mode = "up"
    end)
    local before = primary.inner.objects["test.state"].bytes
    local opened = run():session(short_lease({ "a", "b" }))
    local result, err = opened:apply(assert(opened:plan()))
    assert.is_nil(result)
    assert.equal("lost", err.kind)
    assert.equal(before, primary.inner.objects["test.state"].bytes)
    other:release()
  end)

  it("stops waiting when it is interrupted twice, and keeps what it did on this machine", function()
    apply({ "a" })
    local opened
    lose_both(function()
      opened:stop()
      opened:abort()
    end)
    opened = run():session(stack({ "a", "b" }))
    local began = core.clock()
    local result, err = opened:apply(assert(opened:plan()))
    assert.is_nil(result)
    assert.equal("INFRA_010", err.code)
    assert.is_true(core.clock() - began < 60000)
    local path = err.hint:match("saved at (.*)$")
    assert.is_truthy(core.file_read(path))
    core.file_remove(path)
  end)

  it("never goes on with a side that missed a write, though it answers again", function()
    apply({ "a" })
    world.cloud.before = function(verb, address)
      if verb == "create" and address == "net.b" then primary.mode = "refuses" end
      if verb == "ready" and address == "net.b" then
        while not world.backend.sides[1].behind do core.sleep(10) end
        primary.mode, replica.mode = "up", "refuses"
        core.spawn(function()
          core.sleep(300)
          replica.mode = "up"
        end)
      end
    end
    apply({ "a", "b" })
    assert.is_true(told("and the primary lacks its latest changes") or told("does not answer either"))
    assert.equal(3, snapshot_of(replica).serial)
    assert.equal(2, snapshot_of(primary).serial)
    world.cloud.before = function() end
    apply({ "a", "b" })
    assert_equal_sides()
  end)

  it("is made equal by a run that has nothing else to write", function()
    apply({ "a" })
    primary.mode = "refuses"
    apply({ "a", "b" })
    primary.mode = "up"
    local opened = run():session(stack({ "a", "b" }))
    assert.same({}, cloud.actions(assert(opened:plan())))
    assert(opened:reconcile())
    assert_equal_sides()
    assert.equal(3, snapshot_of(primary).serial)

    for _, one in ipairs({ primary, replica }) do -- a bucket that is gone, and a refresh
      one.inner.objects = {}
      assert(run():session(stack({ "a", "b" })):refresh())
      assert.is_true(told("Copied the state to the %l+, " .. one:describe()))
      assert_equal_sides()
    end
  end)

  it("leaves its copy of the state on each side, from that side, and goes on when one goes out then", function()
    local copies = 0
    for _, one in ipairs({ primary, replica }) do
      one.before = function(call, key)
        if call == "copy" then copies = copies + 1 end
        assert.is_falsy(call == "put" and key:find("%.snapshot$"))
      end
    end
    apply({ "a" })
    assert.equal(2, copies)
    assert_equal_sides()
    primary.before = function(call) if call == "copy" then primary.mode = "refuses" end end
    apply({ "a", "b" })
    assert.is_true(told("primary of the state, here, does not answer"))
    primary.mode, primary.before = "up", nil
    assert(lock.remove(primary.inner, "test.state", lock.read(primary.inner, "test.state").id)) -- it could not be given back
    apply({ "a", "b", "c" })
    assert_equal_sides()
    assert.equal(6, #primary.inner:list("test.state.history/"))
    local made = assert(mirror.new({ primary = primary, replica = replica }))
    assert.equal("condition", select(2, made:copy("test.state", "x", "1|2")).kind) -- nobody read it
  end)

  it("copies history that a side missed", function()
    apply({ "a" })
    replica.before = function(call, key)
      if call == "put" and key:find("%.history/.*record") then replica.mode = "refuses" end
    end
    apply({ "a", "b" })
    replica.mode, replica.before = "up", nil
    assert.equal(snapshot_of(primary).serial, snapshot_of(replica).serial)
    apply({ "a", "b" })
    assert_equal_sides()
  end)

  it("goes on when the leader goes out while history is copied from it", function()
    apply({ "a" })
    function replica.before(call, key)
      if call == "put" and key:find("%.history/.*record") then replica.mode = "refuses" end
    end
    apply({ "a", "b" })
    replica.mode, replica.before = "up", nil
    primary.inner.time, replica.inner.time = core.now() + 1000, core.now() + 1000
    function primary.before(call, key)
      if call == "get" and key:find("%.history/.*record") then primary.mode = "refuses" end
    end
    apply({ "a", "b", "c" })
    primary.mode, primary.before = "up", nil
    primary.inner.time, replica.inner.time = core.now() + 5000, core.now() + 5000
    apply({ "a", "b", "c", "d" })
    assert.same(primary.inner:list("test.state.history/"), replica.inner:list("test.state.history/")) -- one record was written on each
    assert.equal(snapshot_of(primary).serial, snapshot_of(replica).serial)
  end)

  it("sees that a pushed state of another lineage goes on from the one it replaced", function()
    apply({ "a" })
    primary.mode = "refuses"
    local pushed = require("scw.state.model").new("test")
    pushed.serial = 1
    assert(require("scw.engine.amend").push(run():session(stack({})), pushed, true))
    primary.mode = "up"
    world.cloud.objects = {}
    apply({ "a" })
    assert.equal(pushed.lineage, snapshot_of(primary).lineage)
    assert_equal_sides()
  end)

  it("decides nothing when one version goes on from the other", function()
    apply({ "a" })
    primary.mode = "refuses"
    apply({ "a", "b" })
    primary.mode = "up"
    for _, keep in ipairs({ "primary", "replica" }) do
      local record, err = require("scw.engine.amend").resolve(run():session(stack({}), { keep = keep }))
      assert.is_nil(record)
      assert.matches("nothing to decide: the replica goes on from the primary", err.message)
    end
    assert.equal(2, snapshot_of(primary).serial)
  end)

  describe("with a place for witnesses", function()
    local root
    before_each(function()
      root = os.tmpname()
      os.remove(root)
    end)
    after_each(function() os.execute("rm -rf '" .. root .. "'") end)

    local function acquire()
      return require("scw.state.locks").acquire({
        backend = run().backend, name = "test.state", command = "x", environment = { XDG_RUNTIME_DIR = root },
      })
    end

    --- What the kernel does when a process ends.
    local function end_process(held)
      for _, one in ipairs(held.held) do one.lock.witness.held:release() end
    end

    it("passes both locks on at once when their holder died on this machine", function()
      local held = assert(acquire())
      end_process(held)
      local second = assert(acquire())
      assert(second:release())
      assert.same({}, core.file_list(root .. "/scwlua/locks"))
    end)

    it("passes on what the end of the process could give back on one side only", function()
      for _, reached in ipairs({ primary, replica }) do
        for _, one in ipairs({ primary, replica }) do
          function one:etag_of() return "?" end -- luacheck: ignore 212
          function one:farewell(key, bytes, etag, leftover)
            self.last = function() return assert(self.inner:put(key, bytes, { if_match = etag })) and os.remove(leftover) end
            return { withdraw = function() end }
          end
        end
        local held = assert(acquire())
        assert(reached.last())
        end_process(held)
        assert(assert(acquire()):release())
        assert.same({}, core.file_list(root .. "/scwlua/locks"))
      end
    end)

    it("passes on what could not be given back on either side", function()
      for _, lost in ipairs({ primary, replica }) do
        local held = assert(acquire())
        lost.mode = "refuses"
        assert(not held:release())
        lost.mode = "up"
        assert(assert(acquire()):release())
        assert.same({}, core.file_list(root .. "/scwlua/locks"))
      end
    end)
  end)

  it("shows what is recorded when the service is silent too, and changes nothing without looking", function()
    apply({ "a" })
    primary.mode = "refuses"
    local function slow(verb)
      if verb ~= "read" then return end
      for _ = 1, 12 do
        if not core.sleep(PATIENCE * 100) then return end
        if world.answers then world.answers.client.answered = core.clock() end
      end
    end
    world.cloud.before = slow
    local opened = run():session(stack({ "a" }))
    opened.command = "plan"
    assert.matches("rests on the recorded state", assert(opened:plan()).warnings[1].message)
    for _, act in ipairs({ "plan", "destroy_plan", "refresh" }) do -- for an apply, a destroy
      opened = run():session(stack({ "a" }))
      local made, err = opened[act](opened)
      assert.is_nil(made)
      assert.equal("INFRA_010", err.code)
      assert.matches("the service does not answer, and neither does the primary of the state", err.message)
    end
    opened = run():session(stack({ "a" }))
    opened.command, world.answers = "plan", opened -- slow, but there
    assert.same({}, assert(opened:plan()).warnings)
  end)

  it("says which side is damaged, and repairs nothing", function()
    apply({ "a" })
    primary.inner.objects["test.state"].bytes = "{"
    local plan, err = run():session(stack({ "a" })):plan()
    assert.is_nil(plan)
    assert.equal("INFRA_011", err.code)
    assert.same({ "object: here/test.state", "this is the primary of the state" }, { err.details[1], err.details[2] })
    assert.matches("readable: replica, there/test.state: serial 2", err.details[3])
    assert.equal("if that one is right, let it count: `" .. core.program .. " state resolve --keep replica STACK`; what is damaged stays "
      .. "beside the state", err.hint)
    assert.equal("{", primary.inner.objects["test.state"].bytes)
    local sides = {}
    for index, side in ipairs(assert(run():session(stack({ "a" })):status()).sides) do sides[index] = side.state end
    assert.same({ "damaged", "readable" }, sides)
    local versions, problem = run():session(stack({ "a" })):place():versions()
    assert.is_nil(versions)
    assert.equal(err.hint, problem.hint)
  end)

  it("has nothing left over when a side was out and is equal again", function()
    for _, which in ipairs({ primary, replica }) do
      apply({ "a" })
      world.cloud.before = function(verb)
        if verb == "create" then which.mode = "refuses" end
      end
      apply({ "a", "b" })
      world.cloud.before, which.mode = function() end, "up"
      assert.equal("held", lock.read(which.inner, "test.state").state) -- it could not be given back
      primary.inner.time, replica.inner.time = core.now() + 1000, core.now() + 1000 -- until its lease ends
      local seen = assert(run():session(stack({ "a", "b" })):status())
      assert.same({ "free", nil }, { seen.lock, seen.holder })
      assert.equal("apply", status.advice(seen)) -- makes them equal
      assert(run():session(stack({ "a", "b" })):state())
      local opened = run():session(stack({ "a", "b" }))
      local made = assert(opened:plan())
      assert(opened:reconcile())
      opened:put_away(made)
      assert_equal_sides()
      seen = assert(run():session(stack({ "a", "b" })):status())
      assert.same({ 0, "nothing" }, { seen.segments, status.advice(seen) })
      apply({})
      primary.inner.time, replica.inner.time = nil, nil
    end
  end)

  --- Ways to damage a side that has a snapshot and a segment of a log.
  local DAMAGES = {
    snapshot = function(objects) objects["test.state"].bytes = "{" end,
    segment = function(objects, _, segment) objects[segment].bytes = "{" end,
    missing = function(objects) objects["test.state"] = nil end,
    earlier = function(objects, old) objects["test.state"].bytes = old end,
  }

  it("goes on with the side that is whole when somebody says so, and keeps the other one beside it", function()
    for name, damage in next, DAMAGES do
      for index = 1, 4 do
        primary, replica, world = place("here"), place("there"), cloud.world()
        apply({ "a" })
        local old = primary.inner.objects["test.state"].bytes
        apply({ "a", "b" })
        die({ "a", "b" })
        local bad = index % 2 == 1 and primary or replica
        local whole = bad == primary and "replica" or "primary"
        local segment = assert(bad.inner:list("test.state.log/")[1])
        damage(bad.inner.objects, old, segment)
        local left = bad.inner.objects[name == "segment" and segment or "test.state"]
        left = left and left.bytes
        local history = primary.inner:list("test.state.history/")
        if index > 2 then
          local document = assert(past.document(run():session(stack({ "a" })), assert(past.records(run():session(stack({ "a" }))))[1].id))
          assert(amend.push(run():session(stack({ "a", "b" }), { salvage = true }), document, true))
        else
          local record, err = amend.resolve(run():session(stack({ "a", "b" }), { keep = bad == primary and "primary" or "replica" }))
          assert.is_nil(record)
          assert.equal("INFRA_011", err.code)
          assert(amend.resolve(run():session(stack({ "a", "b" }), { keep = whole })))
        end
        assert_equal_sides()
        assert.is_true(#primary.inner:list("test.state.history/") > #history)
        local kept = {}
        for key, object in next, primary.inner.objects do
          if key:find("^test%.state%.damaged%-") then kept[#kept + 1] = object.bytes end
        end
        local found = left == nil
        for _, bytes in ipairs(kept) do found = found or bytes == left end
        assert.is_true(found, name)
        assert.same({}, cloud.actions(run():plan(stack({ "a", "b" }))))
        apply({ "a", "b", "c" })
        assert_equal_sides()
      end
    end
  end)

  it("says to wait for the side that is out when the other one is damaged", function()
    apply({ "a" })
    primary.inner.objects["test.state"].bytes = "{"
    replica.mode = "refuses"
    for _, options in ipairs({ {}, { salvage = true }, { keep = "replica" } }) do
      local document, err = run():session(stack({ "a" }), options):state()
      assert.is_nil(document)
      assert.matches("^wait until the replica answers: then `%S+ state resolve %-%-keep replica STACK` may let that one count$", err.hint)
    end
    local sides = {}
    for index, side in ipairs(assert(run():session(stack({ "a" })):status()).sides) do sides[index] = side.state end
    assert.same({ "damaged", "out" }, sides)
  end)

  it("reads of the history what one side has where the other one's is damaged", function()
    apply({ "a" })
    apply({ "a", "b" })
    for index, ending in ipairs({ "record", "snapshot" }) do
      for _, key in ipairs(primary.inner:list("test.state.history/")) do
        if key:find(ending .. "$") then (index == 1 and primary or replica).inner.objects[key].bytes = "junk" end
      end
    end
    local records = assert(past.records(run():session(stack({ "a" }))))
    for _, record in ipairs(records) do
      assert.is_nil(record.problem)
      assert.equal(record.serial, assert(past.document(run():session(stack({ "a" })), record.id)).serial)
    end
    replica.inner.objects = {}
    primary.inner.objects["test.state"].bytes = "{"
    local sides = {}
    for index, side in ipairs(assert(run():session(stack({ "a" })):status()).sides) do sides[index] = side.state end
    assert.same({ "damaged", "empty" }, sides)
  end)

  it("gives no side up that a newer program wrote", function()
    apply({ "a" })
    local newer = snapshot_of(primary)
    newer.version = 99
    primary.inner.objects["test.state"].bytes = assert(json.encode(newer))
    local record, err = amend.resolve(run():session(stack({ "a" }), { keep = "replica" }))
    assert.is_nil(record)
    assert.matches("the state has format 99", err.message)
    assert.equal("a newer version of the program wrote it: use that one", err.hint)
    assert.equal(99, snapshot_of(primary).version)
  end)

  it("keeps what either side held when both are damaged and another state takes their place", function()
    for _, case in ipairs({
      { "{p", "{r" }, { false, "{r" }, { "{p", false }, { "{p", "{r", log = "{l" }, { log = "{l" },
    }) do
      primary, replica, world = place("here"), place("there"), cloud.world()
      apply({ "a" })
      apply({ "a", "b" })
      die({ "a", "b" })
      local segment = primary.inner:list("test.state.log/")[1]
      local document = assert(past.document(run():session(stack({ "a" })), assert(past.records(run():session(stack({ "a" }))))[1].id))
      local lost = {}
      for index, one in ipairs({ primary, replica }) do
        if case[index] == false then
          one.inner.objects["test.state"] = nil
        elseif case[index] then
          one.inner.objects["test.state"].bytes = case[index]
          lost[#lost + 1] = case[index]
        end
      end
      if case.log then
        primary.inner.objects[segment], replica.inner.objects[segment].bytes = nil, case.log
        lost[#lost + 1] = case.log
        if not case[1] then primary.inner.objects["test.state"].bytes = "{" end
      end
      assert(amend.push(run():session(stack({ "a", "b" }), { salvage = true }), document, true))
      assert_equal_sides()
      for _, bytes in ipairs(lost) do
        local found = false
        for key, object in next, primary.inner.objects do found = found or (key:find("%.damaged%-") and object.bytes == bytes) end
        assert.is_truthy(found, "lost: " .. bytes)
      end
      assert.same({}, cloud.actions(run():plan(stack({ "a", "b" }))))
    end
  end)

  it("never has a serial below its history, wherever it is cut off while it is made equal", function()
    patience = 0.02
    local function later() -- what could not be given back has ended
      primary.inner.time = (primary.inner.time or core.now()) + 1000
      replica.inner.time = primary.inner.time
    end
    for at = 1, 12 do
      primary, replica, world = place("here"), place("there"), cloud.world()
      apply({ "a" })
      local missed = false -- by the replica: the last snapshot alone
      function replica.before(call, key)
        if call == "put" and key == "test.state" and not missed then missed, replica.mode = true, "refuses" end
      end
      function primary.before(call, key)
        if call == "put" and key:find("%.history/") and missed then replica.mode = "up" end
      end
      apply({ "a", "b" })
      replica.before, primary.before, primary.mode = nil, nil, "refuses"
      die({ "a", "b" }) -- with the replica alone: that one leads now
      primary.mode = "up"
      later()
      assert.is_true(snapshot_of(replica).serial < snapshot_of(primary).serial)
      local calls, began = 0, false
      function primary.before(call, key)
        began = began or call == "put" and key == "test.state"
        calls = calls + (began and 1 or 0)
        if calls == at then primary.mode = "refuses" end
      end
      apply({ "a", "b", "c" })
      primary.before, primary.mode = nil, "up"
      later()
      assert(run():plan(stack({ "a", "b", "c" })))
      apply({ "a", "b", "c", "d" })
      assert_equal_sides()
    end
  end)

  it("loses no history that one side alone has, wherever the run is cut off that makes them equal", function()
    patience = 0.02
    for at = 1, 20 do
      primary, replica, world = place("here"), place("there"), cloud.world()
      apply({ "a" })
      primary.mode = "refuses"
      apply({ "a", "b" })
      apply({ "a", "b", "c" })
      primary.mode = "up"
      local kept, calls = replica.inner:list("test.state.history/"), 0
      primary.inner.time, replica.inner.time = core.now() + 1000, core.now() + 1000
      function primary.before(call)
        if call == "put" or call == "delete" then calls = calls + 1 end
        if calls == at then error("the machine stops") end
      end
      pcall(function() run():apply(stack({ "a", "b", "c", "d" })) end)
      primary.before = nil
      primary.inner.time, replica.inner.time = core.now() + 5000, core.now() + 5000
      apply({ "a", "b", "c", "d" })
      assert_equal_sides()
      for _, key in ipairs(kept) do assert.is_truthy(primary.inner.objects[key], key) end
    end
  end)

  it("goes on with one side when the other goes out while a run looks again in turn", function()
    apply({ "a" })
    world.cloud.objects["net-1"].outputs.cidr = "10.77"
    local opened, waited = run():session(stack({ "a" })), false
    function primary.before(call, key)
      if waited or call ~= "put" or key ~= "test.state.lock" then return end
      waited = true
      local mine = world.backend
      apply({ "a", "b" }) -- by whoever is before it in line
      world.backend = mine
      world.cloud.objects["net-1"].outputs.cidr = "10.78"
      local looks = 0
      function replica.before(what, which)
        if what == "get" and which == "test.state" then looks = looks + 1 end
        if looks == 2 then replica.mode = "refuses" end
      end
    end
    assert(opened:refresh())
    assert.same({}, primary.inner:list("test.state.unsaved"))
    primary.before, replica.before, replica.mode = nil, nil, "up"
    apply({ "a", "b", "c" })
    assert_equal_sides()
  end)

  it("comes back from the history when both sides are damaged", function()
    apply({ "a" })
    apply({ "a", "b" })
    for _, one in ipairs({ primary, replica }) do one.inner.objects["test.state"].bytes = "{" end
    local plan, err = run():session(stack({ "a", "b" })):plan()
    assert.is_nil(plan)
    assert.matches("the other side cannot be read either", err.details[3])
    assert.matches("state push %-%-force STACK FILE`", err.hint)
    local session = run():session(stack({ "a", "b" }))
    local document = assert(past.document(session, assert(past.records(session))[1].id))
    session = run():session(stack({ "a", "b" }), { salvage = true })
    assert(amend.push(session, document, true))
    assert_equal_sides()
    assert.equal(2, run():plan(stack({ "a", "b" })).summary.none)
    local kept = 0
    for key, object in next, replica.inner.objects do
      if key:find("^test%.state%.damaged%-") and object.bytes == "{" then kept = kept + 1 end
    end
    assert.equal(2, kept) -- each side's own
  end)

  it("is not given up while it answers, however slowly", function()
    apply({ "a" })
    local slow = 0
    primary.before = function(call)
      if call == "put" and slow < 2 then
        slow = slow + 1
        core.sleep(PATIENCE * 2000)
      end
    end
    apply({ "a", "b" })
    assert.same({}, said)
    assert_equal_sides()
  end)

  it("frees what a run left that died with both locks", function()
    apply({ "a" })
    local held
    core.spawn(function() -- the copies are what it leaves: it never gives them back
      held = assert(require("scw.state.locks").acquire({ backend = run().backend, name = "test.state", command = "x", environment = {} }))
    end):join()
    local left = { primary.inner:twin(), replica.inner:twin() }
    held:release()
    primary.inner.objects, replica.inner.objects = left[1].objects, left[2].objects
    local id = lock.read(primary.inner, "test.state").id
    assert.equal(id, lock.read(replica.inner, "test.state").id)
    assert(run():session(stack({ "a" })):unlock(id))
    for _, one in ipairs({ primary, replica }) do assert.equal("released", lock.read(one.inner, "test.state").state) end
  end)

  it("says what it waits for", function()
    apply({ "a" })
    run()
    world.backend = mirror.new({
      primary = primary, replica = replica, patience = 4, on_message = function(line) said[#said + 1] = line end,
    })
    primary.mode = "hangs"
    assert(world:session(stack({ "a" })):state())
    assert.equal("Waiting for the primary of the state, here.", said[1])
    assert.is_true(told("does not answer: this run goes on with the replica"))
  end)

  it("finds the lock of either side by its id", function()
    apply({ "a" })
    local held = assert(lock.acquire({ backend = replica.inner, name = "test.state", command = "x", environment = {} }))
    local opened = run():session(stack({ "a" }), { lock_wait = 0 })
    local made = assert(opened:destroy_plan())
    local result, err = opened:apply(made)
    assert.is_nil(result)
    assert.equal("locked", err.kind)
    assert.equal("released", lock.read(primary.inner, "test.state").state) -- what was taken is given back
    assert(run():session(stack({ "a" })):lock(held.facts.id))
    assert(run():session(stack({ "a" })):unlock(held.facts.id))
    held:release()
    apply({})
    assert.equal(0, world.cloud:size())
  end)
end)
