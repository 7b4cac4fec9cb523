local core = require "core"
local json = require "scw.json"
local model = require "scw.state.model"

local function record(address, facts)
  local made = { address = address, type = "net", id = "1", place = {}, inputs = { a = 1 }, outputs = {}, dependencies = core.array({}),
    status = "ready", schema = 1, options = {} }
  for name, value in pairs(facts or {}) do made[name] = value end
  return made
end

local function apply(document, ...)
  for _, entry in ipairs({ ... }) do assert(model.apply(document, entry)) end
end

describe("the state document", function()
  it("comes back from JSON as it was", function()
    local document = model.new("shop", "staging")
    apply(document, { op = "set", record = record("net.a") }, { op = "intent", record = record("net.b", { status = "creating" }) },
      { op = "outputs", outputs = { ip = { value = "1.2.3.4", secret = false } } })
    local text = assert(json.encode(model.pack(document)))
    local back = assert(model.unpack(assert(json.decode(text))))
    assert.same(document, back)
    assert.equal(text, json.encode(model.pack(back)))
  end)

  it("turns an intent into a resource once its id is known", function()
    local document = model.new("shop")
    apply(document, { op = "intent", record = record("net.a", { id = nil, at = 5 }) }, { op = "created", address = "net.a", id = "7" })
    assert.same({}, document.intents)
    assert.equal("7", document.resources["net.a"].id)
    assert.equal("creating", document.resources["net.a"].status)
    assert.is_nil(document.resources["net.a"].at)
    apply(document, { op = "patch", address = "net.a", fields = { status = "ready", outputs = { x = 1 } } })
    assert.same({ x = 1 }, document.resources["net.a"].outputs)
    apply(document, { op = "patch", address = "net.a", fields = { reason = "slow" } })
    apply(document, { op = "patch", address = "net.a", fields = { reason = json.null } })
    assert.is_nil(document.resources["net.a"].reason)
  end)

  it("keeps what a replacement leaves behind until it is gone", function()
    local document = model.new("shop")
    apply(document, { op = "set", record = record("net.a", { id = "old" }) }, { op = "intent", record = record("net.a", { id = nil }) },
      { op = "created", address = "net.a", id = "new" })
    assert.equal("old", document.resources["net.a"].deposed[1].id)
    local gone = assert(model.unpack(assert(json.decode(assert(json.encode(model.pack(document)))))))
    apply(document, { op = "undepose", address = "net.a", id = "old" })
    assert.is_nil(document.resources["net.a"].deposed)
    apply(gone, { op = "remove", address = "net.a" }) -- the new one is gone, the old one still is not
    assert.equal("old", gone.resources["net.a"].id)
    assert.equal("tainted", gone.resources["net.a"].status)
  end)

  it("never changes a record in place", function()
    local document = model.new("shop")
    local first = record("net.a")
    apply(document, { op = "set", record = first }, { op = "patch", address = "net.a", fields = { status = "updating" } },
      { op = "move", from = "net.a", address = "net.b" })
    assert.equal("ready", first.status)
    assert.equal("net.a", first.address)
    assert.equal("net.b", document.resources["net.b"].address)
    assert.is_nil(document.resources["net.a"])
  end)

  it("refuses what it does not know, and entries that do not fit", function()
    local document = model.new("shop")
    for _, entry in ipairs({
      { op = "explode" }, {}, { op = "patch", address = "net.x", fields = {} }, { op = "created", address = "net.x", id = "1" },
      { op = "move", from = "a", address = "b" }, { op = "undepose", address = "a", id = "1" },
    }) do
      local ok, err = model.apply(document, entry)
      assert.is_nil(ok)
      assert.equal("INFRA_011", err.code)
    end
  end)

  it("refuses newer formats and damaged documents, each with one error", function()
    local function broken(change)
      local packed = assert(json.decode(assert(json.encode(model.pack(model.new("shop"))))))
      change(packed)
      local ok, err = model.unpack(packed)
      assert.is_nil(ok)
      return err
    end
    local err = broken(function(packed) packed.version = 99 end)
    assert.match("format 99", err.message)
    assert.match("newer version", err.hint)
    local names = { "lineage", "serial", "stack", "fingerprint_key", "folded", "resources", "outputs", "intents", "deployments" }
    for _, name in ipairs(names) do
      assert.match(name, broken(function(packed) packed[name] = nil end).message)
      assert.match(name, broken(function(packed) packed[name] = 1.5 end).message)
    end
    local damage = broken(function(packed) packed.resources = { ["net.a"] = { place = {} } } end)
    assert.equal("the state is damaged: it has no valid 'resources.net.a.dependencies'", damage.message)
    damage = broken(function(packed) packed.deployments = json.array({ { id = "a" }, { id = "b", counts = 3 } }) end)
    assert.equal("the state is damaged: it has no valid 'deployments.[2].counts'", damage.message)
    damage = broken(function(packed) packed.deployments = json.array({ { who = "ann" } }) end)
    assert.equal("the state is damaged: it has no valid 'deployments.[1].id'", damage.message)
    local ahead = broken(function(packed) packed.resources = { ["net.a"] = record(nil, { schema = 2 }) } end)
    assert.equal("net.a was recorded with version 2 of its fields, this program knows up to 1", ahead.message)
    assert.equal("INFRA_011", select(2, model.unpack("text")).code)
    assert.equal("INFRA_011", select(2, model.unpack({ version = 0 })).code)
  end)

  it("migrates older formats forward, one by one", function()
    finally(function() model.VERSION, model.migrations = 1, {} end)
    model.VERSION = 3
    model.migrations[1] = function(packed)
      packed.version, packed.title, packed.stack = 2, packed.stack, nil
      return packed
    end
    local packed = assert(json.decode(assert(json.encode(model.pack(model.new("shop"))))))
    packed.version = 1
    local ok, err = model.unpack(packed)
    assert.is_nil(ok)
    assert.equal("the state has format 2, which cannot be read any more", err.message)
    model.migrations[2] = function(older)
      older.version, older.stack = 3, older.title .. " (migrated)"
      return older
    end
    packed.version, packed.stack = 1, "shop"
    local document = assert(model.unpack(packed))
    assert.equal("shop (migrated)", document.stack)
    assert.equal(3, document.version)
  end)

  it("keeps only the latest deployments", function()
    local document = model.new("shop")
    for i = 1, 60 do apply(document, { op = "deployment", deployment = { id = tostring(i) } }) end
    assert.equal(50, #document.deployments)
    assert.equal("60", document.deployments[50].id)
  end)
end)
