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
local function deployed(backend, count)
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
    made.on_replace = function() assert(history.preserve(made)) end
    assert(made:fold())
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
      "shop.state.history/0000000006-" .. id_of(5) .. ".record", -- its snapshot is the state
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
    local exchanged = "it was changed, or taken from elsewhere"
    assert.match(exchanged, fails(function(objects) objects[first .. ".snapshot"] = objects[third .. ".snapshot"] end, document))
    assert.match(exchanged, fails(function(objects) objects[first .. ".snapshot"] = objects["shop.state"] end, document))
    assert.match(exchanged, fails(function(objects) objects[first .. ".snapshot"] = objects[first .. ".record"] end, document))
    assert.match(exchanged, fails(function(objects) objects[first .. ".record"] = objects[second .. ".record"] end, history.records))
    assert.match(exchanged, fails(function(objects) -- the same objects under a later serial
      local later = "shop.state.history/0000000009-" .. id_of(1)
      objects[later .. ".record"], objects[first .. ".record"] = objects[first .. ".record"], nil
    end, history.records))
    assert.match("does not hold the state", fails(function(objects) objects[first .. ".snapshot"] = nil end, document))
    assert.match("is empty", fails(function(objects) objects[first .. ".snapshot"].bytes = "" end, document))
  end)

  it("cannot take the place of the present state", function()
    local backend = memory.new()
    deployed(backend, 2)
    backend.objects["shop.state"] = backend.objects["shop.state.history/0000000002-" .. id_of(1) .. ".snapshot"]
    local document, err = open(backend):load()
    assert.is_nil(document)
    assert.equal("INFRA_011", err.code)
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
