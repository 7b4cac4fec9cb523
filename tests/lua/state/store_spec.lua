local codec = require "scw.state.codec"
local core = require "core"
local errors = require "scw.errors"
local memory = require "tests.lua.state.memory"
local store = require "scw.state.store"

local KEY = assert(core.key({ raw = ("k"):rep(32) }))

--- What a program left that knew envelopes of version 1 only, under the same key: a snapshot, and a segment that records value.a1.
local VERSION_1 = {
  ["shop.state.log/0000000001"] =
    "iVNFQUwNChoBAAAAZwECAE8AAACsiAffjdJ4hkGYF4SVHxAo72/3okj/wE0U0nAEWhkCmCkBOTVskAHwgpaHSg+f2M2h8LE6q2LwF+FU1Pq7ra"
    .. "Hdm9AvUv2Y3bD9buIjAAAAAAAAATQl1TOE09lc/gbx/RHr9Cn0XcWIDuegwrZKuW5GHmMXap9wAJxiU30WyV/mrqJVYyTAfsLG3qvrzM6sFOhU"
    .. "85A7s3IHEIEEAfGDX8Y6YuzcH9BA0nHvLBEhN9bZOYV/jisgkoo7LbRHS3OTOcF5E7hvRoL1w7YaywJN/KXD+5eqsdVEJ7CGJyqRd0t9wb74Su"
    .. "PPFncrIMx6b9GhMM9iqsfgO8y+7L6d2KThuhywSV8MFkv/jZQU/6z4NZSYjf4f6xYmg14hyJO5PNHaq1gawfjbZt9H/OzLKiuOSI3b4dyTkdih"
    .. "08ux2A9f6Wh6+fGrY3wn5SlxstlZ0g4Cix85P7Yexv13KuIVv9IjEiLHQGOM3uA7C4XmyOuwdfvDFzd3pmOGj4LQZxdudUwi93rEqpEZvaC1Ug"
    .. "HjtsM6JtZVYYRdjnIznGldq1KndkXxljfwrMc=",
  ["shop.state"] =
    "iVNFQUwNChoBAAAAZwECAE8AAACDehrHtQ2yJGAiXhacvcMbFm7ioSrRhNF8+xmJmKp3gr344orHg7JEKWuAyOmYBW7HCM2mmP+mvazei1T6i8"
    .. "bCkEayYR7QuKpp/qncAAAAAAAAATlB7y6irDPwh/94XNw+IjcyX5wYmxtmNFdbeFRkqZZn9fkIZoc+FRtJ4+RcyuyiAxT6CDcyeror2hW2JUVk"
    .. "GTFTQ1odxQ4QIi7MtMnKdmdgs2Sxmx9caBIkdY2JSODKPj7FrpcTvfVAznvjjw/z5Twmiq6FTkAZtCfGnyr1VakWEJVV19vdlmVlmZO9IB34jt"
    .. "8KGeSp/De7cPQd21uhXHr6ji4FHzyutJLIIzem53O+N05GLAwjeDoodfl9ezKi8iroWZMBX55SQjuehcLsL5BjNsYbhMU5gVhjvAc6KO/pvTXr"
    .. "GJ2mCOTU055Vaw7HqgrwZDahdnZ/7vGaieFntCsVfHnGE6Q0QSk9+xZbqfAHKblTHglsFvXWffrOSDWV1WpRw42NB/hAFIhxcm7f6Ccr19dw7o"
    .. "BJf3/pT5l2gMvo5iKPByZ4/yrNqwy6vISIrudU7Mb5CQ==",
}

local function open(backend)
  return store.new({ backend = backend, codec = codec.new({ stack = "shop", key = KEY }), name = "shop.state", stack = "shop" })
end

local function opened(backend)
  local made = open(backend)
  assert(made:load())
  assert(made:begin())
  return made
end

local function set(address, value)
  return { op = "set", record = { address = address, type = "value", id = address, place = {}, inputs = { input = value }, outputs = {},
    dependencies = core.array({}), status = "ready", schema = 1, options = {} } }
end

local function addresses(document)
  local list = {}
  for address in next, document.resources do list[#list + 1] = address end
  table.sort(list)
  return list
end

describe("the state store", function()
  it("tells those who wait for a write that will never be made", function()
    local made = opened(memory.new())
    function made.codec:encode() error("boom") end -- a bug
    local ok, err = made:commit(made:write(set("a", 1)))
    assert.is_nil(ok)
    assert.match("cannot save the state: .*boom", err.message)
  end)

  it("is not that of the same stack in another environment", function()
    local backend = memory.new()
    local function of(environment)
      return store.new({
        backend = backend, codec = codec.new({ stack = "shop", key = KEY }), name = "shop.state", stack = "shop", environment = environment,
      })
    end
    local made = of("staging")
    assert(made:load())
    assert(made:begin())
    assert(of("staging"):load())
    assert(of(nil):load())
    local document, err = of("preview"):load()
    assert.is_nil(document)
    assert.equal("memory:shop.state is the state of 'shop' in staging, not in preview", err.message)
  end)

  it("is not an earlier one that was put back", function()
    local history, backend = require "scw.state.history", memory.new()
    local made = opened(backend)
    local former
    for number = 1, 2 do
      former = backend:get("shop.state")
      local record = {
        id = ("%08x-0000-4000-8000-000000000000"):format(number), serial = made.document.serial + 1, previous = made.document.serial,
        lineage = made.document.lineage, who = "ann", host = "here", command = "c", started = "s", ended = "e", result = "done",
        counts = {},
      }
      made:write({ op = "deployment", deployment = record })
      assert(made:fold())
      assert(history.keep(made, record))
    end
    assert(open(backend):load())
    assert(backend:put("shop.state", former))
    local document, err = open(backend):load()
    assert.is_nil(document)
    assert.equal("memory:shop.state is an earlier one, which was put back: it has serial 2, and its history goes to 3", err.message)
    assert.same({ "INFRA_011", "invalid" }, { err.code, err.kind })
    assert.match("state push %-%-force", err.hint)
  end)

  it("is empty before the first run, and then holds what was written", function()
    local backend = memory.new()
    local first = open(backend)
    assert.same({}, addresses(assert(first:load())))
    assert.is_true(first.fresh)
    assert(first:begin())
    first:write(set("a", 1))
    assert(first:commit(first:write(set("b", 2))))
    assert.same({ "a", "b" }, addresses(assert(open(backend):load()))) -- from the log
    assert(first:fold())
    assert.same({}, backend:list("shop.state.log/"))
    local document = assert(open(backend):load())
    assert.same({ "a", "b" }, addresses(document))
    assert.equal(2, document.serial)
    assert.equal(first.document.lineage, document.lineage)
  end)

  it("carries everything that waits in one segment, and has one write in flight", function()
    local backend = memory.new()
    backend.delay_ms = 20
    local made = opened(backend)
    local before, flying, most = backend.puts, 0, 0
    local put = backend.put
    function backend:put(...)
      flying = flying + 1
      most = math.max(most, flying)
      local a, b = put(self, ...)
      flying = flying - 1
      return a, b
    end
    local tasks = {}
    for i = 1, 200 do tasks[i] = core.spawn(function() return made:commit(made:write(set("a" .. i, i))) end) end
    for _, task in ipairs(tasks) do assert(task:join()) end
    assert.equal(1, most)
    assert.is_true(backend.puts - before <= 3)
    assert.equal(200, #addresses(assert(open(backend):load())))
  end)

  it("writes bytes that grow with the changes, not with changes times size", function()
    local backend = memory.new()
    local made = opened(backend)
    for i = 1, 2000 do
      made:write(set("resource-" .. i, { text = ("x"):rep(100), index = i }))
      if i % 20 == 0 then assert(made:commit()) end
    end
    assert(made:fold())
    assert.is_true(backend.written < 3 * #backend.objects["shop.state"].bytes)
  end)

  it("goes on after a crash with the next number", function()
    local backend = memory.new()
    local made = opened(backend)
    assert(made:commit(made:write(set("a", 1))))
    local second = opened(backend)
    assert(second:commit(second:write(set("b", 1))))
    assert.same({ "shop.state.log/0000000001", "shop.state.log/0000000002" }, backend:list("shop.state.log/"))
    assert(second:fold())
    assert.same({ "a", "b" }, addresses(assert(open(backend):load())))
    local third = opened(backend)
    assert(third:commit(third:write(set("c", 1))))
    assert.same({ "shop.state.log/0000000003" }, backend:list("shop.state.log/"))
  end)

  it("notices a second writer, overwrites nothing, and saves its own version beside", function()
    local backend = memory.new()
    local one, two = opened(backend), opened(backend)
    assert(one:commit(one:write(set("one", 1))))
    local ok, err = two:commit(two:write(set("two", 2)))
    assert.is_nil(ok)
    assert.equal("INFRA_011", err.code)
    assert.match("somebody else writes", err.message)
    ok, err = two:fold()
    assert.is_nil(ok)
    assert.match("shop.state.unsaved%-2%-", err.hint)
    assert(one:fold())
    assert.same({ "one" }, addresses(assert(open(backend):load())))
    assert.equal(1, #backend:list("shop.state.unsaved"))
  end)

  it("notices that the snapshot was replaced", function()
    local backend = memory.new()
    local one, two = opened(backend), opened(backend)
    one:write(set("one", 1))
    assert(one:fold())
    two:write(set("two", 2)) -- the first one's segment is gone already: this one can be created
    local ok, err = two:fold()
    assert.is_nil(ok)
    assert.match("changed by somebody else while this run went on", err.message)
    assert.same({ "one" }, addresses(assert(open(backend):load())))
  end)

  it("saves everything with the snapshot when a segment could not be written", function()
    for _, landed in ipairs({ false, true }) do
      local backend = memory.new()
      local made = opened(backend)
      made:write(set("a", 1))
      assert(made:commit())
      backend.on_put = function(key)
        if key:find("%.log/") then return { kind = "timeout", message = "no answer", landed = landed } end
      end
      local ok, err = made:commit(made:write(set("b", 2)))
      assert.is_nil(ok)
      assert.match("cannot save the state", err.message)
      made:write(set("c", 3))
      assert(made:fold())
      backend.on_put = function() end
      assert.same({ "a", "b", "c" }, addresses(assert(open(backend):load())))
      assert(made:commit(made:write(set("e", 5)))) -- goes on: what the snapshot took in is not written once more
      local segment = assert(made.codec:decode(assert(backend:get(backend:list("shop.state.log/")[1])),
        { kind = "segment", number = made.log.number, lineage = made.document.lineage }))
      assert.equal(1, #segment.entries)
      assert(made:commit(made:write({ op = "remove", address = "e" })))
      assert.same({ "a", "b", "c" }, addresses(assert(open(backend):load())))
      local second = opened(backend)
      assert(second:commit(second:write(set("d", 4))))
      assert.same({ "a", "b", "c", "d" }, addresses(assert(open(backend):load())))
    end
  end)

  it("reads again when a fold takes segments away under its eyes, however the backend says that they are gone", function()
    local backend = memory.new()
    local get_plain = backend.get
    function backend:get(key) -- as object storage does
      local bytes, facts = get_plain(self, key)
      return bytes, bytes and facts or errors.wrap(facts, "cannot read")
    end
    local made = opened(backend)
    assert(made:commit(made:write(set("a", 1))))
    local get, folded = backend.get, false
    function backend:get(key)
      if key == "shop.state" and not folded then
        folded = true
        local bytes, etag = get(self, key)
        assert(made:fold())
        return bytes, etag
      end
      return get(self, key)
    end
    assert.same({ "a" }, addresses(assert(open(backend):load())))
  end)

  it("keeps its version when it cannot be told whether the lock is still held", function()
    local backend = memory.new()
    local made = opened(backend)
    made:write(set("a", 1))
    made.check = function() return nil, errors.new({ code = "INFRA_010", kind = "timeout", message = "no answer" }) end
    local ok, err = made:fold()
    assert.is_nil(ok)
    assert.match("its version was saved at memory:shop.state.unsaved%-2", err.hint)
    assert.equal(1, #backend:list("shop.state.unsaved"))
  end)

  it("says what is wrong when objects are missing, foreign or damaged", function()
    local backend = memory.new()
    local made = opened(backend)
    for i = 1, 3 do assert(made:commit(made:write(set("a" .. i, i)))) end
    local function fails(change)
      local twin = backend:twin()
      change(twin.objects)
      local document, err = open(twin):load()
      assert.is_nil(document)
      assert.equal("INFRA_011", err.code)
      return err.message, err.hint
    end
    assert.match("is missing, but its log is there", (fails(function(objects) objects["shop.state"] = nil end)))
    assert.match("log segment 2 of the state is missing", (fails(function(objects) objects["shop.state.log/0000000002"] = nil end)))
    assert.match("it was changed, or taken from elsewhere", (fails(function(objects)
      local second, third = "shop.state.log/0000000002", "shop.state.log/0000000003"
      objects[second], objects[third] = objects[third], objects[second]
    end)))
    for _, name in ipairs({ "shop.state", "shop.state.log/0000000002" }) do
      for _, at in ipairs({ 1, -1 }) do -- the head of the seal, what is sealed
        local _, hint = fails(function(objects)
          local bytes = objects[name].bytes
          at = at % (#bytes + 1)
          objects[name].bytes = bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ 1) .. bytes:sub(at + 1)
        end)
        assert.match("there is no history to bring it back from: put a backup, .* with `import`$", hint)
      end
    end
    assert.match("is empty", (fails(function(objects) objects["shop.state"].bytes = "" end)))
    local other = store.new({ backend = backend, codec = codec.new({ stack = "shop", key = KEY }), name = "shop.state", stack = "shop" })
    other.stack = "bazaar"
    local _, err = other:load()
    assert.match("is the state of the stack 'shop', not of 'bazaar'", err.message)
  end)

  it("is never another one than before: not of another lineage, though its seal is right", function()
    local backend, elsewhere = memory.new(), memory.new()
    assert(opened(backend):fold())
    assert(opened(elsewhere):fold())
    local reader = open(backend)
    assert(reader:load())
    local second = store.new(reader) -- a second look at the same place
    backend.objects["shop.state"].bytes = elsewhere.objects["shop.state"].bytes
    for _, looking in ipairs({ second, reader }) do
      local document, err = looking:load()
      assert.is_nil(document)
      assert.equal("INFRA_011", err.code)
      assert.match("is of another lineage than before: somebody exchanged it", err.message)
    end
    assert(open(backend):load()) -- who never knew the former one cannot tell
  end)

  it("goes on in what a version of the program before seals left", function()
    local backend = memory.new()
    for name, text in pairs(VERSION_1) do
      backend.objects[name] = { bytes = assert(core.unbase64(text)), etag = "etag-" .. name }
    end
    local writer = open(backend)
    assert.same({ "value.a1" }, addresses(assert(writer:load())))
    assert(writer:begin())
    assert(writer:commit(writer:write(set("b"))))
    assert.equal(2, core.seal_look(backend.objects["shop.state.log/0000000002"].bytes).version)
    assert.equal(1, core.seal_look(backend.objects["shop.state"].bytes).version)
    assert.same({ "b", "value.a1" }, addresses(assert(open(backend):load()))) -- and after a crash here
    assert(writer:fold())
    local seen = core.seal_look(backend.objects["shop.state"].bytes)
    assert.same({ 2, writer.document.lineage }, { seen.version, seen.label })
    assert.same({ "b", "value.a1" }, addresses(assert(open(backend):load())))
  end)

  it("folds early when the log has grown long", function()
    local backend = memory.new()
    local made = opened(backend)
    local text = ("x"):rep(1024 * 1024)
    for i = 1, 10 do
      assert(made:commit(made:write(set("a" .. i, text))))
      assert(made:checkpoint())
    end
    assert.is_true(made.document.serial > 1)
    assert.is_true(#backend:list("shop.state.log/") < 10)
    assert(made:commit(made:write(set("b", 1))))
    assert.equal(11, #addresses(assert(open(backend):load())))
  end)
end)
