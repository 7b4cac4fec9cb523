local codec = require "scw.state.codec"
local core = require "core"
local history = require "scw.state.history"
local memory = require "tests.lua.state.memory"
local store = require "scw.state.store"

local KEY = assert(core.key({ raw = ("k"):rep(32) }))

local function open(backend)
  return store.new({ backend = backend, codec = codec.new({ stack = "shop", key = KEY }), name = "shop.state", stack = "shop" })
end

local function id_of(number) return ("%08x-0000-4000-8000-000000000000"):format(number) end

--- Deploys `count` times: each run records one more resource.
local function deployed(backend, count, options)
  options = options or {}
  local made = open(backend)
  assert(made:load())
  assert(made:begin())
  local records = {}
  for number = 1, count do
    made:write({ op = "set", record = { address = "value.a" .. number, type = "value", id = "a" .. number, place = {}, inputs = {},
      outputs = {}, dependencies = core.array({}), status = "ready", schema = 1, options = {} } })
    local record = {
      id = id_of(number), serial = made.document.serial + 1, previous = made.document.serial, lineage = made.document.lineage, who = "ann",
      host = "here", command = "scwlua apply", started = "s", ended = "e", result = "done", counts = { done = 1 },
    }
    made:write({ op = "deployment", deployment = record })
    assert(made:fold())
    if not options.no_copy then assert(history.copy(made, record)) end
    assert(history.keep(made, record))
    records[number] = record
  end
  return made, records
end

local function count_of(map)
  local count = 0
  for _ in pairs(map) do count = count + 1 end
  return count
end

describe("the history of a state", function()
  it("gives back each record, the latest first, and the state it left", function()
    local backend = memory.new()
    local made, kept = deployed(backend, 3)
    local reader = open(backend) -- needs nothing of the present state
    assert.same({ kept[3], kept[2], kept[1] }, assert(history.records(reader)))
    for number = 1, 3 do
      local document = assert(history.document(reader, assert(history.find(reader, id_of(number)))))
      assert.equal(number, count_of(document.resources))
      assert.equal(kept[number].serial, document.serial)
      assert.equal(made.document.lineage, document.lineage)
    end
    assert.equal(3, count_of(assert(open(backend):load()).resources)) -- and is not taken for a part of the state
  end)

  it("finds a deployment by the beginning of its id, when that is enough", function()
    local backend = memory.new()
    deployed(backend, 20)
    local reader = open(backend)
    assert.equal(id_of(18), assert(history.find(reader, "00000012")).id)
    local _, err = history.find(reader, "0000001")
    assert.match("may be any of 5 deployments", err.message)
    assert.equal(5, #err.details)
    _, err = history.find(reader, "ffff")
    assert.equal("INFRA_004", err.code)
    assert.match("the latest is 00000014", err.hint)
    _, err = history.find(reader, "")
    assert.match("has no deployment ''", err.message)
    _, err = history.find(open(memory.new()), "ffff")
    assert.match("nothing was deployed yet", err.hint)
  end)

  it("keeps the latest only, and nothing of the others", function()
    local backend = memory.new()
    local made = deployed(backend, 5)
    backend.objects["shop.state.history/0000000002-" .. id_of(1) .. ".record"] = nil -- a removal that was interrupted
    backend.objects["shop.state.history/notes.txt"] = { bytes = "of somebody else", etag = "x" }
    assert(history.prune(made, 2))
    assert.same({
      "shop.state.history/0000000005-" .. id_of(4) .. ".record", "shop.state.history/0000000005-" .. id_of(4) .. ".snapshot",
      "shop.state.history/0000000006-" .. id_of(5) .. ".record", "shop.state.history/0000000006-" .. id_of(5) .. ".snapshot",
      "shop.state.history/notes.txt",
    }, backend:list("shop.state.history/"))
    assert(history.prune(made, 0))
    assert.same({}, assert(history.records(made)))
  end)

  it("shows no deployment whose record was not written any more", function()
    local backend = memory.new()
    local made, kept = deployed(backend, 1)
    backend.on_put = function(key) return key:match("%.record$") and { kind = "io", message = "full" } or nil end
    local ok, err = history.keep(made, { id = id_of(2), serial = 9, lineage = made.document.lineage })
    assert.is_nil(ok)
    assert.match("full", err.message)
    assert.same(kept, assert(history.records(made)))
  end)

  it("is sealed as what it is: nothing can be exchanged, not even by whoever may write there", function()
    local function fails(change, read)
      local backend = memory.new()
      deployed(backend, 4)
      change(backend.objects)
      local reader = open(backend)
      local result, err = read(reader)
      assert.is_nil(result)
      assert.equal("INFRA_011", err.code)
      return err.message
    end
    local first, second = "shop.state.history/0000000002-" .. id_of(1), "shop.state.history/0000000003-" .. id_of(2)
    local third = "shop.state.history/0000000004-" .. id_of(3)
    local function document(reader) return history.document(reader, assert(history.find(reader, id_of(1)))) end
    local exchanged, another = "it was changed, or taken from elsewhere", "the history of deployment 00000001%-%S+ holds something else"
    assert.match(another, fails(function(objects)
      objects[first .. ".snapshot"], objects[third .. ".snapshot"] = objects[third .. ".snapshot"], objects[first .. ".snapshot"]
    end, document))
    assert.match(another, fails(function(objects) objects[first .. ".snapshot"] = objects["shop.state"] end, document))
    assert.match(exchanged, fails(function(objects) objects[first .. ".snapshot"] = objects[first .. ".record"] end, document))
    local function record(reader) return history.record(reader, assert(history.find(reader, id_of(1)))) end
    assert.match(exchanged, fails(function(objects) objects[first .. ".record"] = objects[second .. ".record"] end, record))
    assert.match(exchanged, fails(function(objects) -- the same objects under a later serial
      local later = "shop.state.history/0000000009-" .. id_of(1)
      objects[later .. ".record"], objects[first .. ".record"] = objects[first .. ".record"], nil
    end, record))
    assert.match("does not hold the state", fails(function(objects) objects[first .. ".snapshot"] = nil end, document))
    assert.match("is empty", fails(function(objects) objects[first .. ".snapshot"].bytes = "" end, document))
  end)

  it("shows what its key tells of a deployment whose record is damaged, and all others", function()
    local backend = memory.new()
    local _, kept = deployed(backend, 3)
    backend.objects["shop.state.history/0000000003-" .. id_of(2) .. ".record"].bytes = "junk"
    local records = assert(history.records(open(backend)))
    assert.same({ kept[3], kept[1] }, { records[1], records[3] })
    assert.same({ id_of(2), 3, "invalid" }, { records[2].id, records[2].serial, records[2].problem.kind })
    assert.matches("the state does not depend on it", records[2].problem.hint)
  end)

  it("does not need the present state, not even for the latest deployment", function()
    for _, left in ipairs({ "", "sc1", false }) do
      local backend = memory.new()
      local _, kept = deployed(backend, 2)
      backend.objects["shop.state"] = left and { bytes = left, etag = "x" } or nil
      local reader = open(backend)
      assert.is_nil((reader:load()))
      local document = assert(history.document(reader, assert(history.find(reader, id_of(2)))))
      assert.same({ kept[2].serial, 2 }, { document.serial, count_of(document.resources) })
    end
  end)

  it("goes by the present state where the copy is missing, until that is another one", function()
    local backend = memory.new()
    deployed(backend, 2, { no_copy = true })
    local reader = open(backend)
    assert.equal(2, count_of(assert(history.document(reader, assert(history.find(reader, id_of(2))))).resources))
    local _, err = history.document(reader, assert(history.find(reader, id_of(1))))
    assert.equal("not_found", err.kind)
  end)

  it("reads what a former version sealed for it", function()
    local backend = memory.new()
    local made = deployed(backend, 2)
    local key = "shop.state.history/0000000002-" .. id_of(1) .. ".snapshot"
    local packed = assert(made.codec:decode(backend:get(key), { kind = "snapshot", beside = true }))
    local former = { kind = "history", number = 2, deployment = id_of(1) }
    backend.objects[key].bytes = assert(made.codec:encode(packed, former))
    local function document() return history.document(open(backend), assert(history.find(open(backend), id_of(1)))) end
    assert.equal(1, count_of(assert(document()).resources))
    local opened = open(backend)
    assert(opened:load())
    assert.equal(4, assert(history.reseal(opened)))
    assert.equal(1, count_of(assert(document()).resources))
    former.number = 3
    backend.objects[key].bytes = assert(made.codec:encode(packed, former)) -- of another serial
    assert.is_nil((document()))
  end)

  describe("when the run died, or could not copy", function()
    --- The next run replaces the state.
    local function goes_on(backend)
      local opened, said = open(backend), nil
      opened.on_replace = function()
        local ok, err = history.preserve(opened)
        said = not ok and err.message or nil
      end
      assert(opened:load())
      assert(opened:begin())
      opened:write({ op = "outputs", outputs = {} })
      assert(opened:fold())
      return said
    end
    local stem = "shop.state.history/0000000003-" .. id_of(2)
    local record, snapshot = stem .. ".record", stem .. ".snapshot"

    it("is made whole by the next one, whatever is missing", function()
      for missing = 0, 3 do
        local backend = memory.new()
        local _, kept = deployed(backend, 2)
        local whole = backend:twin().objects
        if missing & 1 > 0 then backend.objects[record] = nil end
        if missing & 2 > 0 then backend.objects[snapshot] = nil end
        if missing == 1 then backend.objects[snapshot].bytes = "" end -- a copy that was cut off: the record comes after it
        local puts = {}
        backend.on_put = function(key) puts[#puts + 1] = key:find(".history/", 1, true) and key or nil end
        assert.is_nil(goes_on(backend))
        local expected = {}
        if missing > 0 then expected[1] = snapshot end
        if missing & 1 > 0 then expected[#expected + 1] = record end
        assert.same(expected, puts)
        assert.equal(whole[snapshot].bytes, backend.objects[snapshot].bytes)
        assert.same({ kept[2], kept[1] }, assert(history.records(open(backend))))
        assert.equal(2, count_of(assert(history.document(open(backend), assert(history.find(open(backend), id_of(2))))).resources))
      end
    end)

    it("keeps what a run left that ended no deployment out of it", function()
      local backend = memory.new()
      deployed(backend, 1)
      assert.is_nil(goes_on(backend))
      local count = #backend:list("shop.state.history/")
      assert.is_nil(goes_on(backend)) -- the snapshot of a run without a deployment
      assert.equal(count, #backend:list("shop.state.history/"))
    end)

    it("writes what the service does not copy, and says what is lost when neither works", function()
      for kind, lost in pairs({ refused = false, denied = false, io = true }) do
        local backend = memory.new()
        deployed(backend, 2)
        local whole = backend.objects[snapshot].bytes
        backend.objects[snapshot] = nil
        function backend.copy() return nil, { kind = kind, message = "no copies here" } end
        local said = goes_on(backend)
        if lost then
          assert.matches("no copies here", said)
          assert.is_nil(backend.objects[snapshot])
        else
          assert.is_nil(said)
          assert.equal(whole, backend.objects[snapshot].bytes)
        end
      end
    end)

    it("copies nothing but the state that was read", function()
      local backend = memory.new()
      deployed(backend, 2)
      backend.objects[snapshot] = nil
      local opened = open(backend)
      assert(opened:load())
      assert(backend:put("shop.state", "of somebody else"))
      for _, copy in ipairs({ backend.copy, function() return nil, { kind = "refused", message = "no" } end }) do
        backend.copy = copy
        local ok, err = history.preserve(opened)
        assert.is_nil(ok)
        assert.equal("condition", err.kind)
        assert.is_nil(backend.objects[snapshot])
      end
    end)
  end)

  it("goes without a deployment that somebody removes while it is read", function()
    local backend = memory.new()
    local _, kept = deployed(backend, 2)
    local get = backend.get
    function backend:get(key)
      if key:find(id_of(1), 1, true) then self.objects[key] = nil end
      return get(self, key)
    end
    assert.same({ kept[2] }, assert(history.records(open(backend))))
  end)
end)
