--- Sealed objects with one bit turned, or an end that is missing: one error that names the object, and nothing repaired.
local codec = require "scw.state.codec"
local core = require "core"
local errors = require "scw.errors"
local history = require "scw.state.history"
local lock = require "scw.state.lock"
local memory = require "tests.lua.state.memory"
local store = require "scw.state.store"

local KEY = assert(core.key({ raw = ("k"):rep(32) }))
local ID = "0000abcd-0000-4000-8000-000000000000"

local function open(backend)
  return store.new({ backend = backend, codec = codec.new({ stack = "shop", key = KEY }), name = "s", stack = "shop" })
end

--- A state whose run died: a snapshot, two segments, the history of the deployment before.
local function made()
  local backend = memory.new()
  local opened = open(backend)
  assert(opened:load())
  assert(opened:begin())
  local record = { id = ID, serial = 2, previous = 1, lineage = opened.document.lineage, who = "ann", host = "here", command = "apply",
    started = "s", ended = "e", result = "done", counts = { done = 1 } }
  opened:write({ op = "deployment", deployment = record })
  assert(opened:fold())
  assert(history.copy(opened, record))
  assert(history.keep(opened, record))
  for number = 1, 2 do
    assert(opened:commit(opened:write({ op = "set", record = { address = "value.v" .. number, type = "value", id = "v", place = {},
      inputs = { input = number }, outputs = {}, dependencies = core.array({}), status = "ready", schema = 1, options = {} } })))
  end
  return backend
end

describe("a damaged object of the state", function()
  local function read(backend, key)
    local opened = open(backend)
    if key:find("record", 1, true) then return history.record(opened, assert(history.find(opened, ID))) end
    if key:find("history", 1, true) then return history.document(opened, assert(history.find(opened, ID))) end
    return opened:load()
  end

  local function each_damage(bytes, try)
    for length = 0, #bytes - 1 do try(bytes:sub(1, length), "the first " .. length .. " bytes") end
    for at = 1, #bytes do
      try(bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ 1 << at % 8) .. bytes:sub(at + 1), "a bit of byte " .. at)
    end
    try(bytes .. "\0", "one byte more")
  end

  local keys = { "s", "s.log/0000000002", "s.log/0000000003", ("s.history/0000000002-%s.snapshot"):format(ID),
    ("s.history/0000000002-%s.record"):format(ID) }

  it("is refused by name, whichever byte it is", function()
    local backend = made()
    for _, key in ipairs(keys) do
      local whole = assert(backend:get(key), key)
      assert(read(backend, key))
      each_damage(whole, function(bytes, how)
        backend.objects[key].bytes = bytes
        local written = backend.puts
        local result, err = read(backend, key)
        assert(result == nil, key .. ": " .. how)
        assert(errors.is(err) and err.code == "INFRA_011", key .. ": " .. how)
        assert.equal("object: memory:" .. key, err.details[#err.details])
        assert(backend.objects[key].bytes == bytes and backend.puts == written, "it was repaired: " .. key)
      end)
      backend.objects[key].bytes = whole
    end
  end)

  it("is refused when it is missing, except for the end of the log", function()
    for _, key in ipairs({ keys[1], keys[2], keys[4] }) do
      local backend = made()
      backend.objects[key] = nil
      if key == keys[4] then -- the present state is another one by now
        local opened = open(backend)
        assert(opened:load() and opened:begin() and opened:fold())
      end
      local result, err = read(backend, key)
      assert(result == nil, key)
      assert.equal("INFRA_011", err.code)
    end
  end)

  it("is no lock that could be taken", function()
    local backend = memory.new()
    local function acquire() return lock.acquire { backend = backend, name = "s", command = "apply", environment = {} } end
    assert(assert(acquire()):release())
    local whole = assert(backend:get("s.lock"))
    for length = 0, #whole - 1 do
      backend.objects["s.lock"].bytes = whole:sub(1, length)
      local taken, err = acquire()
      assert(taken == nil)
      assert.equal("the lock of the state is damaged: memory:s.lock", err.message)
      assert.equal("INFRA_011", err.code)
      assert.equal(whole:sub(1, length), (backend:get("s.lock")))
    end
  end)
end)
