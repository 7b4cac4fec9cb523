local core = require "core"
local difference = require "scw.state.difference"
local model = require "scw.state.model"

local function mark(text) return { ["$secret"] = text } end

local function record(address, facts)
  local made = {
    address = address, type = address:match("([%w_]+)%.[^/]+$"), id = "id of " .. address, place = {}, inputs = {}, outputs = {},
    dependencies = core.array({}), status = "ready", schema = 1, options = {},
  }
  for name, value in pairs(facts or {}) do made[name] = value end
  return made
end

local function state(...)
  local document = model.new("shop")
  for _, made in ipairs({ ... }) do document.resources[made.address] = made end
  return document
end

local function actions(found)
  local list = {}
  for index, step in ipairs(found.steps) do list[index] = step.action .. " " .. step.address end
  return list
end

describe("the difference of two states", function()
  it("is nothing between equal ones, whatever their serials", function()
    local old, new = state(record("net.a", { inputs = { size = 1 } })), state(record("net.a", { inputs = { size = 1 } }))
    new.serial = 9
    assert.same({ steps = {}, outputs = {}, summary = {} }, difference.of(old, new))
  end)

  it("names what came, went, changed, and became another resource", function()
    local found = difference.of(
      state(record("net.a"), record("net.b", { inputs = { size = 1 } }), record("net.d", { id = "old" })),
      state(record("net.b", { inputs = { size = 2 } }), record("net.c", { inputs = { size = 3 } }), record("net.d", { id = "new" })))
    assert.same({ "delete net.a", "update net.b", "create net.c", "replace net.d" }, actions(found))
    assert.same({ { path = "size", old = 1, new = 2, secret = false } }, found.steps[2].changes)
    assert.same({ { path = "id", new = "id of net.c", secret = false }, { path = "size", new = 3, secret = false } },
      found.steps[3].changes)
    assert.same({ create = 1, update = 1, replace = 1, delete = 1 }, found.summary)
  end)

  it("knows a resource that stands at another address", function()
    local found = difference.of(state(record("net.a", { id = "1" })), state(record("app/net.b", { id = "1" })))
    assert.same({ "update app/net.b" }, actions(found))
    assert.same({ { path = "address", old = "net.a", new = "app/net.b", secret = false } }, found.steps[1].changes)
  end)

  it("tells secrets apart by their marks, key by key, and outputs, places and status from inputs", function()
    local old = state(record("net.a", { inputs = { password = mark "1", keys = { A = mark "1", B = mark "2" }, list = { 1 } },
      outputs = { ip = "1" }, place = { region = "fr-par" } }))
    local keys = { A = mark "1", B = mark "3", C = mark "4" }
    local new = state(record("net.a", { inputs = { password = mark "2", keys = keys, list = { 1, 2 } }, outputs = { ip = "2" },
      place = { region = "nl-ams" }, status = "tainted" }))
    local paths, secrets = {}, {}
    for index, change in ipairs(difference.of(old, new).steps[1].changes) do
      paths[index] = change.path
      if change.secret then secrets[#secrets + 1] = change.path end
    end
    assert.same({ "status", "keys.B", "keys.C", "list", "password", "place.region", "outputs.ip" }, paths)
    assert.same({ "keys.B", "keys.C", "password" }, secrets)
  end)

  it("covers the outputs of the stack", function()
    local old, new = state(), state()
    old.outputs = { a = { value = 1, secret = false }, b = { value = 2, secret = false }, same = { value = 0, secret = false } }
    new.outputs = { b = { value = mark "x", secret = true }, c = { value = 3, secret = false }, same = { value = 0, secret = false } }
    assert.same({
      { name = "a", action = "delete", old = 1, secret = false }, { name = "b", action = "update", old = 2, new = mark "x", secret = true },
      { name = "c", action = "create", new = 3, secret = false },
    }, difference.of(old, new).outputs)
  end)
end)
