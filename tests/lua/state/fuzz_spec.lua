--- Foreign documents: whatever stands in an object of the state ends in one error, or in a document that can be planned with.
--- Documents of real applies are damaged at every place, and at random from fixed seeds.
local core = require "core"
local cloud = require "tests.lua.engine.cloud"
local codec = require "scw.state.codec"
local difference = require "scw.state.difference"
local dsl = require "scw.dsl"
local emulator = require "scw.emulator"
local errors = require "scw.errors"
local form = require "scw.state.form"
local history = require "scw.state.history"
local json = require "scw.json"
local lock = require "scw.state.lock"
local memory = require "tests.lua.state.memory"
local model = require "scw.state.model"
local queue = require "scw.state.queue"
local session = require "scw.engine.session"
local state_view = require "scw.ui.state"
local store = require "scw.state.store"
local style = require "scw.ui.style"

-- Damage ----------------------------------------------------------------------------------------------------------------

--- A generator of the same numbers everywhere.
local function generator(seed)
  local state = seed * 0x9E3779B97F4A7C15 | 1
  return function(below)
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return (state >> 33) % below + 1
  end
end

local function deep()
  local value = { "end" }
  for _ = 1, 150 do value = { a = value } end
  return value
end

--- What stands in the place of a value.
local STRANGE = {
  function() return nil end, function() return json.null end, function() return true end, function() return 0 end,
  function() return -1 end, function() return math.maxinteger end, function() return math.mininteger end, function() return 1e308 end,
  function() return 0.5 end, function() return "" end, function() return "text\0\27[31m" end, function() return ("x"):rep(5000) end,
  function() return json.array({}) end, function() return {} end, function() return { 1, "two", json.null } end,
  function() return { a = 1, ["$secret"] = 5 } end, function() return { ["$secret"] = "mark" } end,
  function() return { ["$reference"] = "x", address = "net.main" } end, deep,
}

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = json.like(value)
  for name, part in next, value do result[name] = copy(part) end
  return result
end

--- Every place in a document, as lists of names; `document` first.
local function places(document)
  local list = {}
  local function add(value, path)
    if type(value) ~= "table" then return end
    local names = {}
    for name in next, value do names[#names + 1] = name end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
    for _, name in ipairs(names) do
      local inner = { table.unpack(path) }
      inner[#inner + 1] = name
      list[#list + 1] = inner
      add(value[name], inner)
    end
  end
  add(document, {})
  return list
end

local function parent_of(document, path)
  local parent = document
  for index = 1, #path - 1 do
    if type(parent) ~= "table" then return nil end
    parent = parent[path[index]]
  end
  return type(parent) == "table" and parent or nil
end

local function put(document, path, value)
  local parent = parent_of(document, path)
  if not parent then return end
  if type(path[#path]) == "number" and value == nil then
    if path[#path] <= #parent then table.remove(parent, path[#path]) end
  else
    parent[path[#path]] = value
  end
end

--- Documents with damage: each place with strange values, then several random places at once: values exchanged, strange, renamed.
---@param document table
---@param count integer of the random ones
---@param share? integer each place gets one in so many of the strange values; 1: all
local function damaged(document, count, share)
  local all = places(document)
  return coroutine.wrap(function()
    for at, path in ipairs(all) do
      for index = at % (share or 1) + 1, #STRANGE, share or 1 do
        local changed = copy(document)
        put(changed, path, STRANGE[index]())
        coroutine.yield(changed, ("%s = strange %d"):format(table.concat(path, " "), index))
      end
    end
    for seed = 1, count do
      local random, changed = generator(seed), copy(document)
      for _ = 1, random(4) do
        local path, other = all[random(#all)], all[random(#all)]
        local kind, from = random(3), parent_of(changed, other)
        if kind == 1 then
          put(changed, path, STRANGE[random(#STRANGE)]())
        elseif from then
          put(changed, path, copy(from[other[#other]]))
          if kind == 3 then put(changed, other, nil) end
        end
      end
      coroutine.yield(changed, "seed " .. seed)
    end
  end)
end

-- What must hold --------------------------------------------------------------------------------------------------------

local function one_clear_error(err, where)
  assert(errors.is(err), where .. ": " .. tostring(err))
  assert(err.code ~= "INFRA_000" and err.kind ~= "bug", where .. ": " .. err.message .. "\n" .. tostring(err.traceback))
  assert(err.message ~= "" and not err.message:find("traceback", 1, true), where .. ": " .. err.message)
end

--- Calls; anything raised is a failure that says where it came from.
local function calmly(where, fn, ...)
  local results = table.pack(xpcall(fn, function(problem) return debug.traceback(tostring(problem), 2) end, ...))
  if not results[1] then error(where .. ": " .. results[2], 0) end
  return table.unpack(results, 2, results.n)
end

--- Bytes as an unsealed object; nil where JSON cannot say it.
local function bytes_of(document)
  local text, err = json.encode(document)
  assert(text or err.kind == "invalid" or err.kind == "limit", err and err.message)
  return text
end

local function look(document, original, where)
  local function silent() end
  local console = { style = style.new({ columns = 100 }), print = silent, data = silent, note = silent }
  for _, as_json in ipairs({ false, true }) do
    console.json = as_json
    calmly(where, state_view.list, document, console)
    for _, record in ipairs(model.sorted(document)) do calmly(where, state_view.show, record, console) end
  end
  calmly(where, difference.of, original, document)
  calmly(where, difference.of, document, original)
end

describe("a foreign state", function()
  --- Loads each damaged document; what is accepted is planned with and looked at.
  local function check(packed, count, share, plan)
    local original = assert(model.unpack(copy(packed)))
    local accepted, refused = 0, 0
    for changed, where in damaged(packed, count, share) do
      local bytes = bytes_of(changed)
      if bytes then
        local backend = memory.new()
        backend:put("test.state", bytes)
        local opened = store.new { backend = backend, codec = codec.new { stack = original.stack }, name = "test.state",
          stack = original.stack }
        local document, err = calmly(where, opened.load, opened)
        if document then
          accepted = accepted + 1
          look(document, original, where)
          local made, problem = calmly(where, plan, backend)
          if not made then one_clear_error(problem, where) end
        else
          refused = refused + 1
          one_clear_error(err, where)
        end
        assert.equal(bytes, (backend:get("test.state")), where) -- nobody repairs it
      end
    end
    assert.is_true(accepted > 100 and refused > 100, ("%d accepted, %d refused"):format(accepted, refused))
  end

  local function packed_in(backend)
    local packed = assert(json.decode((assert(backend:get("test.state")))))
    packed.nonce = nil
    return packed
  end

  it("is refused or can be planned with: every stage of a record", function()
    local world = cloud.world()
    local function stack(kind)
      return cloud.stack(function(declare, output)
        local net = declare("net", "app/main", { name = "base", kind = kind, tags = { "a", "b" } })
        local web = declare("server", "web", { name = "web", network = net, password = "hush", image = "i" },
          { create_before_destroy = true })
        declare("version", "v", { name = "v", disk = declare("disk", "d", { name = "d" }), text = kind })
        declare("value", "note", { input = { web.ip, { nested = { 1, 2.5, true } } } })
        output("ip", web.ip)
      end)
    end
    assert.equal("", cloud.failures(world:apply(stack "one")))
    local packed = packed_in(world.backend)
    packed.resources["server.web"].deposed = { copy(packed.resources["server.web"]) }
    packed.resources["server.web"].deposed[1].id = "old"
    packed.resources["app/net.main"].status, packed.resources["app/net.main"].reason = "tainted", "no room"
    packed.intents["token.t"] = copy(packed.resources["disk.d"])
    packed.intents["token.t"].id, packed.intents["token.t"].at, packed.intents["token.t"].type = nil, 5, "token"
    check(packed, 400, 6, function(backend)
      world.backend = backend
      return world:session(stack "two"):plan()
    end)
  end)

  it("is refused or can be planned with: the types of Scaleway", function()
    local handle <close> = assert(emulator.start { speed = "instant" })
    local stack = assert(dsl.load("stacks/staging.lua", { environment = { SCW_DEFAULT_PROJECT_ID = handle.project_id } }))
    local client = require("scw.api.client").new { time_scale = 0.001, credentials = {
      access_key = handle.access_key, secret_key = handle.secret_key, api_url = handle.api_url, region = "fr-par", zone = "fr-par-1",
      project = handle.project_id, organization = handle.organization_id, s3_endpoint = handle.s3_url, path_style = true,
    } }
    local function open(backend, look_there)
      return session.open { stack = stack, environment = {}, key = false, client = client, backend = backend, name = "test.state",
        options = { refresh = look_there } }
    end
    local backend = memory.new()
    local opened = open(backend, true)
    assert(opened:apply(assert(opened:plan())))
    local packed = packed_in(backend)
    packed.deployments = json.array({})
    local kept = {} -- one of each type
    for _, address in ipairs(state_view.addresses(packed)) do
      local kind = packed.resources[address].type
      if kept[kind] then packed.resources[address] = nil end
      kept[kind] = true
    end
    check(packed, 100, 57, function(changed) return open(changed, false):plan() end)
  end)

  it("is refused when its log is foreign", function()
    local document = model.new("test")
    local record = { address = "net.main", type = "net", id = "net-1", place = { region = "fr-par" }, inputs = { name = "n" }, outputs = {},
      dependencies = json.array({}), status = "ready", schema = 1, options = {} }
    local second = copy(record)
    second.address, second.id, second.status, second.at = "net.second", nil, "creating", 5
    local entries = json.array({
      { op = "set", record = record }, { op = "intent", record = second },
      { op = "created", address = "net.second", id = "net-2", outputs = { cidr = "10" } },
      { op = "patch", address = "net.second", fields = { status = "ready", reason = json.null, outputs = { cidr = "11" } } },
      { op = "intent", record = second }, { op = "created", address = "net.second", id = "net-3" },
      { op = "undepose", address = "net.second", id = "net-2" }, { op = "move", from = "net.second", address = "net.third" },
      { op = "intent", record = second }, { op = "abandon", address = "net.second" }, { op = "remove", address = "net.third" },
      { op = "outputs", outputs = { cidr = { value = "10", secret = false } } }, { op = "deployment", deployment = { id = "d" } },
      { op = "fence", fence = 2 },
    })
    local segment = { kind = "segment", lineage = document.lineage, number = 1, fence = 1, entries = entries }
    local snapshot = model.pack(document)
    snapshot.kind = "snapshot"
    snapshot = assert(json.encode(snapshot))
    local accepted, refused = 0, 0
    for changed, where in damaged(segment, 1500) do
      local bytes = bytes_of(changed)
      if bytes then
        local backend = memory.new()
        backend:put("test.state", snapshot)
        backend:put("test.state.log/0000000001", bytes)
        local opened = store.new { backend = backend, codec = codec.new { stack = "test" }, name = "test.state", stack = "test" }
        local loaded, err = calmly(where, opened.load, opened)
        if loaded then
          accepted = accepted + 1
          look(loaded, document, where)
          assert.is_nil(form.document(model.pack(loaded)), where) -- what the log made is a whole document
        else
          refused = refused + 1
          one_clear_error(err, where)
          if err.code == "INFRA_011" then
            assert.equal("object: memory:test.state.log/0000000001", err.details[#err.details], where .. ": " .. err.message)
          end
        end
      end
    end
    assert.is_true(accepted > 100 and refused > 1000, ("%d accepted, %d refused"):format(accepted, refused))
  end)

  it("is refused when locks, places in the queue and deployments are foreign", function()
    local backend = memory.new()
    local function acquire(where)
      return calmly(where, lock.acquire, { backend = backend, name = "s", command = "apply", environment = {},
        host = { name = "here", user = "me", pid = 1 } })
    end
    local held = assert(acquire "first")
    local body = assert(json.decode((backend:get("s.lock"))))
    assert(held:release())
    for changed, where in damaged(body, 500) do
      backend:put("s.lock", assert(bytes_of(changed)))
      local taken, err = acquire(where)
      if taken then assert(taken:release(), where) else one_clear_error(err, where) end
      local _, problem = calmly(where, lock.find, backend, "s", body.id)
      if errors.is(problem) then one_clear_error(problem, where) end
      calmly(where, lock.is_abandoned, backend, "s")
    end
    backend:delete("s.lock")

    local line = queue.new { backend = backend, name = "s", facts = body, lease = 30, elapsed = function() return 0 end }
    assert(line:join())
    local place = assert(json.decode((backend:get(queue.key("s", line.number)))))
    for changed, where in damaged(place, 500) do
      backend:put(queue.key("s", 1), assert(bytes_of(changed)))
      local other = queue.new { backend = backend, name = "s", facts = body, lease = 30, elapsed = function() return 0 end }
      local _, err, nearest = calmly(where, other.ahead, other)
      assert.is_nil(err, where)
      if nearest then calmly(where, lock.describe, nearest, core.now()) end
    end

    local opened = store.new { backend = memory.new(), codec = codec.new { stack = "test" }, name = "s", stack = "test" }
    assert(opened:load())
    assert(opened:begin())
    local deployment = { id = "abcd-1", serial = 1, previous = 0, lineage = opened.document.lineage, who = "me", host = "here",
      command = "apply", started = "2026", ended = "2026", result = "done", planned = { create = 1 }, counts = { done = 1 } }
    assert(history.keep(opened, deployment))
    local key = "s.history/0000000001-abcd-1.record"
    local record = assert(json.decode((opened.backend:get(key))))
    local view = require "scw.ui.history"
    for changed, where in damaged(record, 500) do
      opened.backend:put(key, assert(bytes_of(changed)))
      local records, err = calmly(where, history.records, opened)
      if records then
        calmly(where, view.lines, records, style.new({ columns = 100 }))
        calmly(where, view.public, records)
      else
        one_clear_error(err, where)
      end
    end
  end)

  it("is refused when its bytes are damaged", function()
    local document = model.pack(model.new("test"))
    local made = codec.new { stack = "test" }
    local bytes = assert(made:encode(document, { kind = "snapshot" }))
    local function try(changed, where)
      local packed, err = calmly(where, made.decode, made, changed, { kind = "snapshot" })
      if packed then packed, err = calmly(where, model.unpack, packed) end
      if not packed then one_clear_error(err, where) end
      return packed
    end
    assert.is_truthy(try(bytes, "whole"))
    for length = 0, #bytes - 1 do assert.is_nil(try(bytes:sub(1, length), "length " .. length)) end
    for at = 1, #bytes do
      for _, byte in ipairs { "\0", "\xff", '"', "{", "9" } do try(bytes:sub(1, at - 1) .. byte .. bytes:sub(at + 1), "byte " .. at) end
    end
    for _, foreign in ipairs { bytes .. "x", "[]", "{}", "null", '{"kind":"snapshot"}', "\xef\xbb\xbf" .. bytes, ("["):rep(100000),
      ('{"a":'):rep(100000), '{"version":1e999}', '{"version":1,"version":2}', (bytes:gsub('"serial":0', '"serial":0,"serial":1')) } do
      assert.is_nil(try(foreign, foreign:sub(1, 40)))
    end
  end)
end)
