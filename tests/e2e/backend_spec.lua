--- What every place for a state has to do, over all there are: memory, files, the emulator's buckets, and those of a real S3 server
--- where this machine has one.
local codec = require "scw.state.codec"
local core = require "core"
local emulator = require "scw.emulator"
local entry = require "tests.lua.state.entry"
local file = require "scw.state.file"
local history = require "scw.state.history"
local lock = require "scw.state.lock"
local memory = require "tests.lua.state.memory"
local program = require "tests.e2e.program"
local queue = require "scw.state.queue"
local services = require "tests.e2e.services"
local store = require "scw.state.store"

local BUCKET = "all-states"
local LEASE = 1
local WRITERS = 20

local places = {}

places.memory = function()
  local shared = memory.new()
  return { open = function() return shared end, stop = function() end }
end

places.files = function()
  local directory = program.directory()
  return { open = function() return file.new(directory) end, stop = function() program.remove(directory) end }
end

places.emulator = function()
  local handle = assert(emulator.start { host = "127.0.0.1", port = 0, s3_port = 0 })
  local environment = services.environment(handle.s3_url)
  environment.SCW_ACCESS_KEY, environment.SCW_SECRET_KEY = handle.access_key, handle.secret_key
  return { open = function() return services.backend(environment, BUCKET) end, stop = function() handle:close() end }
end

places.rgw = function()
  local server, reason = services.rgw()
  if not server then return nil, reason end
  local environment = services.environment(server.urls[1])
  return { open = function() return services.backend(environment, BUCKET) end, stop = function() server:stop() end }
end

local function all(count, fn)
  local tasks = {}
  for index = 1, count do tasks[index] = core.spawn(fn, index) end
  for _, task in ipairs(tasks) do assert(task:join()) end
end

for _, kind in ipairs { "memory", "files", "emulator", "rgw" } do
  describe("a place for states (" .. kind .. ")", function()
    local place, reason
    local number = 0
    setup(function() place, reason = places[kind]() end)
    teardown(function()
      if place then place.stop() end
    end)

    --- A place, and a name of its own in it, for an example.
    local function try(body)
      number = number + 1
      local backend, name = place.open(), ("dir/%d.state"):format(number)
      assert(backend:prepare("state"))
      body(backend, name)
    end

    local function example(what, body)
      it(what, function()
        if not place then return pending(reason) end
        try(body)
      end)
    end

    --- Examples that do little but wait for the end of a lease: they begin together, and are over before the others begin.
    local waiting, begun = {}, nil
    local function lease_example(what, body)
      local index = #waiting + 1
      waiting[index] = body
      it(what, function()
        if not place then return pending(reason) end
        if not begun then
          begun = {}
          for at, each in ipairs(waiting) do begun[at] = core.spawn(pcall, try, each) end
        end
        local _, ok, problem = assert(begun[index]:join())
        if not ok then error(problem, 0) end
      end)
    end

    local function acquire(name, who, more)
      local request = { backend = place.open(), name = name, command = "scwlua apply", environment = {}, lease = LEASE,
        host = { name = "box-" .. who, user = who, pid = 7 } }
      for key, value in next, more or {} do request[key] = value end
      return lock.acquire(request)
    end

    --- A holder that neither renews nor hears anything.
    local function frozen(name, who) return acquire(name, who, { sleep = function() return core.event():wait() end }) end

    --- Until a lease that nobody renews is over: its length, the second it is given, and what a time in whole seconds leaves open.
    local function outlast() core.sleep((LEASE + 1.1 + (place.open().storage and 1 or 0)) * 1000) end

    local function open(name)
      local made = store.new { backend = place.open(), codec = codec.new { stack = "shop" }, name = name, stack = "shop" }
      assert(made:load())
      return made
    end

    local function addresses(name)
      return entry.addresses(open(name).document)
    end

    lease_example("is locked by one, as long as that one renews", function(_, name)
      local ann, taken = nil, 0
      all(WRITERS, function(index)
        local held, err = acquire(name, "run" .. index)
        if held then
          ann, taken = held, taken + 1
        else
          assert.equal("locked", err.kind, err.message)
        end
      end)
      assert.equal(1, taken)
      outlast()
      assert(ann:check())
      assert.match("holder: " .. ann.facts.who, select(2, acquire(name, "bob")).details[1])
      assert.is_true(lock.read(place.open(), name).renewals >= 3)
      assert(ann:release())
      local bob = assert(acquire(name, "bob"))
      assert.equal(ann.facts.fence + 1, bob.facts.fence)
      assert.is_false(bob.takeover)
      assert(bob:release())
    end)

    lease_example("passes to another when its holder does not renew, or is shut out", function(_, name)
      local ann = assert(frozen(name, "ann"))
      outlast()
      local bob = assert(acquire(name, "bob"))
      assert.is_true(bob.takeover)
      assert.equal("lost", select(2, ann:check()).kind)
      assert.is_nil((lock.remove(place.open(), name, ann.facts.id)))
      assert(lock.remove(place.open(), name, bob.facts.id))
      local cid = assert(acquire(name, "cid"))
      assert.same({ 3, true }, { cid.facts.fence, cid.takeover })
      assert(cid:release())
      assert.equal("condition", select(2, bob:release()).kind)
      assert(ann:release())
    end)

    lease_example("keeps out a former holder of its state", function(backend, name)
      local held, ann = assert(frozen(name, "ann")), open(name)
      assert(ann:begin(held))
      assert(ann:commit(ann:write(entry.set("a"))))
      outlast()
      local second, bob = assert(acquire(name, "bob")), open(name)
      assert(bob:begin(second))
      assert(bob:commit(bob:write(entry.set("b"))))
      ann.log.check = function() return true end -- had looked just before
      assert.equal("condition", select(2, ann:commit(ann:write(entry.set("late")))).kind)
      local ok, err = ann:fold()
      assert.is_nil(ok)
      assert.matches("saved at .*unsaved%-2", err.hint)
      assert(bob:fold())
      assert(second:release())
      assert.equal("condition", select(2, held:release()).kind)
      assert.same({ "a", "b" }, addresses(name))
      assert.equal(1, #backend:list(name .. ".unsaved-"))
    end)

    lease_example("calls those who wait in the order in which they came", function(backend, name)
      local held, order, tasks = assert(acquire(name, "ann")), {}, {}
      for index = 1, 4 do
        tasks[index] = core.spawn(function()
          local mine = assert(acquire(name, "run" .. index, { wait = 60 }))
          order[#order + 1] = index
          assert(mine:release())
        end)
        repeat
          core.sleep(5)
          assert(not tasks[index]:done(), "it does not wait: run" .. index)
        until #assert(backend:list(name .. ".queue/")) == index
      end
      local dead = queue.new { backend = place.open(), name = name, lease = LEASE, elapsed = function() return core.clock() / 1000 end,
        facts = { id = "gone", who = "dead", host = "far", pid = 1, command = "scwlua apply", created = "" } }
      assert(dead:join())
      tasks[5] = core.spawn(function() assert(assert(acquire(name, "run5", { wait = 60 })):release()) end)
      assert(held:release())
      for _, task in ipairs(tasks) do assert(task:join()) end
      assert.same({ 1, 2, 3, 4 }, order)
      assert.same({}, backend:list(name .. ".queue/"))
    end)

    example("is prepared as often as one likes, and nothing of that is left", function(backend)
      assert(backend:prepare("state"))
      assert.same({}, backend:list("state"))
    end)

    example("gives back what was put there", function(backend, name)
      for index, bytes in ipairs { "plain", "any \0 byte \255\r\n", ("x"):rep(1000000) } do
        local key = ("%s.log/%d & +é"):format(name, index)
        local etag = assert(backend:put(key, bytes))
        local found, same = place.open():get(key)
        assert.is_true(found == bytes)
        assert.equal(etag, same)
        assert.equal(key, backend:list(name .. ".log/")[index])
      end
      assert.equal("not_found", select(2, backend:get(name)).kind)
    end)

    example("creates once, and replaces what was read only", function(backend, name)
      local etag = assert(backend:put(name, "one", { if_none_match = true }))
      assert.equal("condition", select(2, backend:put(name, "two", { if_none_match = true })).kind)
      assert.equal("condition", select(2, backend:put(name, "two", { if_match = ("0"):rep(32) })).kind)
      assert.equal("condition", select(2, backend:put(name .. ".none", "two", { if_match = etag })).kind)
      assert.equal("not_found", select(2, backend:get(name .. ".none")).kind)
      local second = assert(backend:put(name, "two", { if_match = etag }))
      assert.are_not.equal(etag, second)
      assert.equal("condition", select(2, backend:put(name, "three", { if_match = etag })).kind)
      assert.equal("two", backend:get(name))
      assert(backend:delete(name))
      assert(backend:delete(name))
      assert.equal("not_found", select(2, backend:get(name)).kind)
      assert.equal("condition", select(2, backend:put(name, "three", { if_match = second })).kind)
      assert(backend:put(name, "three", { if_none_match = true }))
    end)

    example("copies what was read only, over what is there", function(backend, name)
      local bytes, to = ("x"):rep(3000000) .. name, name .. ".history/1 & +é"
      local etag = assert(backend:put(name, bytes))
      for _ = 1, 2 do assert.is_true(backend:copy(name, to, etag)) end
      assert.is_true(backend:get(to) == bytes)
      local second = assert(backend:put(name, "two", { if_match = etag }))
      assert.equal("condition", select(2, backend:copy(name, to, etag)).kind)
      assert.equal("condition", select(2, backend:copy(name .. ".none", to, etag)).kind)
      assert.is_true(backend:get(to) == bytes)
      assert.is_true(backend:copy(name, to, second))
      assert.equal("two", place.open():get(to))
      assert.equal("two", backend:get(name))
    end)

    example("lets one of many writers win", function(backend, name)
      local etag
      for round = 1, 4 do
        local winners, condition = {}, etag and { if_match = etag } or { if_none_match = true }
        all(WRITERS, function(index)
          local bytes = ("round %d, writer %d"):format(round, index)
          local got, err = place.open():put(name, bytes, condition)
          if got then
            winners[#winners + 1], etag = bytes, got
          else
            assert.equal("condition", err.kind, err.message)
          end
        end)
        assert.equal(1, #winners)
        local bytes, same = backend:get(name)
        assert.equal(winners[1], bytes)
        assert.equal(etag, same)
      end
    end)

    example("lists everything under a prefix, and nothing else", function(backend, name)
      local expected = {}
      for index = 1, 1050 do expected[index] = ("%s.log/%010d"):format(name, index) end
      all(10, function(part)
        for index = part, #expected, 10 do assert(backend:put(expected[index], "x")) end
      end)
      assert(backend:put(name, "x"))
      assert(backend:put(name .. ".logs", "x"))
      assert.same(expected, backend:list(name .. ".log/"))
      assert.same({}, backend:list(name .. ".none/"))
    end)

    example("tells the time that all share", function(backend)
      assert.is_true(math.abs(backend:now() - core.now()) < 2)
      assert.is_true(backend:now() <= core.now() + 0.01) -- never early
    end)

    example("settles what came of a write whose answer was lost", function(backend, name)
      if not backend.storage then return end -- nothing can be lost on the way to memory and files
      local storage, lost = backend.storage, { kind = "timeout", message = "no answer", uncertain = true }
      for index, fate in ipairs { "landed", "vanished", "beaten" } do
        local calls, key = 0, name .. index
        backend.storage = setmetatable({ put = function(_, ...)
          calls = calls + 1
          if calls > 1 then return storage:put(...) end
          if fate == "landed" then storage:put(...) end
          if fate == "beaten" then storage:put(BUCKET, key, "theirs") end
          return nil, lost
        end }, { __index = function(_, verb) return function(_, ...) return storage[verb](storage, ...) end end })
        local etag, err = backend:put(key, "ours", { if_none_match = true })
        local bytes, same = place.open():get(key)
        if fate == "beaten" then
          assert.equal("condition", err.kind)
          assert.equal("theirs", bytes)
        else
          assert.equal(etag, same)
          assert.equal("ours", bytes)
        end
      end
    end)

    example("keeps a state: written, folded, read again", function(backend, name)
      local made = open(name)
      assert(made:begin())
      made:write(entry.set("a"))
      assert(made:commit(made:write(entry.set("b"))))
      assert.same({ "a", "b" }, addresses(name))
      assert(made:fold())
      assert.same({}, backend:list(name .. ".log/"))
      assert(made:commit(made:write(entry.set("c"))))
      assert.equal(2, made.document.serial)
      assert.same({ "a", "b", "c" }, addresses(name))
    end)

    example("keeps the latest deployments of its history", function(backend, name)
      local made = open(name)
      assert(made:begin())
      for index = 1, 4 do
        local record = {
          id = ("%08x-0000-4000-8000-000000000000"):format(index), serial = made.document.serial + 1, previous = index,
          lineage = made.document.lineage, who = "ann", host = "here", command = "scwlua apply", started = "s", ended = "e",
          result = "done", counts = {},
        }
        made:write(entry.set("r" .. index))
        made:write({ op = "deployment", deployment = record })
        assert(made:fold())
        assert(history.copy(made, record))
        assert(history.keep(made, record))
        assert(history.prune(made, 2))
      end
      local records = assert(history.records(open(name)))
      assert.same({ 5, 4 }, { records[1].serial, records[2].serial })
      local document = assert(history.document(open(name), assert(history.find(open(name), records[2].id))))
      assert.is_nil(document.resources.r4)
      assert.is_truthy(document.resources.r3)
      assert.equal(4, #backend:list(name .. ".history/"))
      assert(backend:put(name, "damaged"))
      local reader = store.new { backend = place.open(), codec = codec.new { stack = "shop" }, name = name, stack = "shop" }
      assert.is_truthy(assert(history.document(reader, assert(history.find(reader, records[1].id)))).resources.r4)
    end)
  end)
end
