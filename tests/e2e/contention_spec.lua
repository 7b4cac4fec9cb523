--- Many deployments want one state at once, over a network that loses and delays. Some of them are killed, some are suspended for longer
--- than their lease, the clocks of some are wrong.
---
--- The object storage is an emulator in this process: its handler sees every request one after the other, which makes its journal
--- the order in which things happened. `SCWLUA_SEED` chooses other accidents.
local codec = require "scw.state.codec"
local core = require "core"
local emulator = require "scw.emulator"
local json = require "scw.json"
local lock = require "scw.state.lock"
local program = require "tests.e2e.program"
local store = require "scw.state.store"

local SEED = math.tointeger(tonumber(core.environment().SCWLUA_SEED or 1)) or 1
--- 50, of a program that is as fast as a user's.
local PROCESSES = math.tointeger(tonumber(core.environment().SCWLUA_CROWD)) or program.is_sanitized() and 16 or 50
local FEW = PROCESSES < 50
local LEASE = 4
local SUSPENDED_MS = (LEASE + 3) * 1000

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "crowd", region = "fr-par", state = scw.s3 { bucket = "crowd", key = "crowd.state", sealed = false, lease = "4s" },
  build = function(stack)
    local run = stack:value("run", { input = stack:config("run", { type = "int" }) })
    for i = 1, 3 do stack:value("after-" .. i, { input = run.output }) end
  end,
}
]]

--- Every twentieth request fails, every twentieth is late; of some the work is done and the answer is lost.
local FAULTS = {
  seed = SEED, rules = {
    { service = "s3", probability = 0.02, status = 503 }, { service = "s3", probability = 0.01, status = 500 },
    { service = "s3", probability = 0.01, status = 429 }, { service = "s3", probability = 0.01, drop = "before" },
    { service = "s3", probability = 0.02, drop = "after" }, { service = "s3", probability = 0.05, delay_ms = 200 },
  },
}

local LOCK, SNAPSHOT, LOG, QUEUE, HISTORY = "/crowd/crowd.state.lock", "/crowd/crowd.state", "/crowd/crowd.state.log/",
  "/crowd/crowd.state.queue/", "/crowd/crowd.state.history/"

local function starts(text, with) return text:sub(1, #with) == with end

local function signal(name, pid) core.exec { argv = { "kill", "-" .. name, tostring(pid) } } end

--- Draws `count` different numbers from a range, the same ones for the same seed, in order.
local function draw(random, count, low, high)
  local drawn, list = {}, {}
  while #list < count do
    local number = random(low, high)
    if not drawn[number] then
      drawn[number] = true
      list[#list + 1] = number
    end
  end
  table.sort(list)
  return list
end

--- What will happen to whom: holders by their turn and by what they were just writing, waiters by their place.
local function misfortunes()
  local state = SEED * 0x9E3779B97F4A7C15 | 1
  local function random(low, high)
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return low + (state >> 33) % (high - low + 1)
  end
  local moments, holders, waiters = { LOCK, LOG, SNAPSHOT, HISTORY, LOG }, {}, {}
  local asleep = random(1, 5)
  for index, turn in ipairs(draw(random, 5, 4, PROCESSES * 6 // 10)) do
    holders[index] = { turn = turn, moment = table.remove(moments, random(1, #moments)), suspended = index == asleep }
    if index == asleep then holders[index].moment = LOG end
  end
  for index, place in ipairs(draw(random, FEW and 3 or 7, 1, PROCESSES)) do waiters[place] = index % 3 == 1 and "suspended" or "killed" end
  return holders, waiters
end

--- Puts a journal and the accidents between the service and its callers.
local function watch(service)
  local world = { journal = {}, holders = {}, joined = 0, fate = {}, resumed = {} }
  local handle = service.handle
  local holders, waiters = misfortunes()

  local function accident(what, role, pid)
    world.fate[pid] = what .. " " .. role
    signal(what == "killed" and "KILL" or "STOP", pid) -- before it gets its answer
    if what == "suspended" then
      world.resumed[#world.resumed + 1] = core.spawn(function()
        core.sleep(SUSPENDED_MS)
        signal("CONT", pid)
      end)
    end
  end

  local function happen(path, body)
    if path == LOCK and body.state == "held" and body.renewals == 0 then
      world.holders[#world.holders + 1] = { pid = body.pid, id = body.id, fence = body.fence }
    elseif starts(path, QUEUE) and body.state == "waiting" and not world.holders[body.id] then
      world.holders[body.id] = true
      world.joined = world.joined + 1
      if waiters[world.joined] then accident(waiters[world.joined], "waiter", body.pid) end
    end
    local holder, due = world.holders[#world.holders], holders[1]
    if not due or #world.holders < due.turn or world.fate[holder.pid] then return end
    if path ~= due.moment and not (path ~= LOCK and path ~= SNAPSHOT and starts(path, due.moment)) then return end
    if path ~= LOCK and not starts(path, HISTORY) and body.fence ~= holder.fence then return end
    table.remove(holders, 1)
    accident(due.suspended and "suspended" or "killed", "holder", holder.pid)
  end

  function service.handle(self, request)
    local status, headers, answer = handle(self, request)
    local path = request.path
    if request.method == "PUT" and status == 200 and starts(path, SNAPSHOT) and not path:find("probe", 1, true) then
      local copy = request.headers["x-amz-copy-source"] -- of the state
      local body = copy and {} or json.decode(request.body)
      world.journal[#world.journal + 1] = { path = path, body = body, at = core.now() }
      happen(path, body)
    end
    return status, headers, answer
  end
  return world
end

--- Goes through the journal: one holder at a time, called in the order of their places, nobody else writes, no serial is left out.
local function check(world)
  local present, serial, by_fence, line, last_snapshot, called, joined = nil, 0, {}, {}, {}, {}, {}
  local function took_it(write, body)
    assert.equal((present and present.fence or 0) + 1, body.fence)
    if present and present.state == "held" then -- taken over
      local fate = world.fate[present.pid]
      assert.is_truthy(fate, "the lock of a run without an accident was taken over")
      if not present.witness or fate:find("suspended", 1, true) then assert.is_true(write.at >= present.expires - 2) end
    end
    local mine = joined[body.id] or { number = math.huge, came = math.huge }
    for number, waiting in next, line do -- whoever stands before it cannot come, or was called already and died
      local later = waiting.came >= mine.came or line[mine.number] == mine and number > mine.number
      assert.is_true(later or waiting.absent or called[waiting.id], ("place %d was overtaken by place %s"):format(number, mine.number))
    end
    by_fence[body.fence], called[body.id] = body, true
  end
  for moment, write in ipairs(world.journal) do
    local body, path = write.body, write.path
    if path == LOCK then
      if body.state == "held" and body.renewals == 0 then
        took_it(write, body)
      else
        assert.equal(present.id, body.id) -- renewed or released by its holder alone
        assert.equal(present.fence, body.fence)
      end
      present = body
    elseif starts(path, QUEUE) then
      local number = math.tointeger(tonumber(path:sub(#QUEUE + 1)))
      local place = line[number]
      if body.state == "gone" then
        local over = place and (called[place.id] or world.fate[body.pid])
        assert.is_truthy(not place or over or write.at >= place.expires - 2, "a place was given up that was kept")
        line[number] = nil
      elseif place then
        place.expires = body.expires
      else -- an accident happened to a waiter as soon as it had its first place
        local absent = not joined[body.id] and (world.fate[body.pid] or ""):find("waiter", 1, true) ~= nil
        line[number] = { id = body.id, number = number, came = moment, absent = absent, expires = body.expires }
        joined[body.id] = line[number]
      end
    elseif path == SNAPSHOT or starts(path, LOG) then
      assert.equal("held", present.state)
      if body.fence ~= present.fence then -- was under way when its sender died
        assert.is_true(body.fence < present.fence)
        assert.is_truthy(world.fate[by_fence[body.fence].pid])
      end
      if path == SNAPSHOT then
        assert.equal(serial + 1, body.serial)
        serial = body.serial
        last_snapshot[by_fence[body.fence].id] = serial
      end
    end
  end
  assert.equal("released", present.state)
  return serial, last_snapshot
end

describe("a crowd of deployments of one stack", function()
  local handle, directory
  before_each(function()
    directory = program.directory()
    assert(core.file_write(directory .. "/crowd.lua", STACK))
    handle = assert(emulator.start { host = "127.0.0.1", port = 0, s3_port = 0 })
  end)
  after_each(function()
    handle:close()
    program.remove(directory)
  end)

  local function environment(number)
    return {
      SCW_API_URL = handle.api_url, SCW_S3_ENDPOINT = handle.s3_url, SCW_ACCESS_KEY = handle.access_key, SCW_SECRET_KEY = handle.secret_key,
      SCW_DEFAULT_PROJECT_ID = handle.project_id, SCW_DEFAULT_ORGANIZATION_ID = handle.organization_id,
      HOME = number % 2 == 0 and directory or "", XDG_RUNTIME_DIR = "", XDG_STATE_HOME = "", -- half of them leave no witness
    }
  end

  local function document()
    local client = require("scw.api.client").new { credentials = require("scw.api.credentials").load {
      environment = environment(1), config_file = false,
    } }
    local backend = require("scw.state.s3").new { bucket = "crowd", storage = require("scw.api.object_storage").new(client) }
    local opened = store.new { backend = backend, codec = codec.new { stack = "crowd" }, name = "crowd.state", stack = "crowd" }
    return assert(opened:load()), opened, backend
  end

  --- The lock, held by the spec itself.
  local function hold()
    local _, _, backend = document()
    assert(backend:prepare("crowd.state"))
    return assert(lock.acquire { backend = backend, name = "crowd.state", command = "scwlua destroy",
      environment = { CI_JOB_URL = "https://ci.example/7" }, host = { name = "far", user = "bob", pid = 9 } })
  end

  --- A run in a shell that notes its process.
  local function start(number, skew)
    local script = "echo $$ > pid-" .. number
    if skew then script = ("%s; export LD_PRELOAD=%s DONT_FAKE_MONOTONIC=1 FAKETIME=%s"):format(script, program.faketime(), skew) end
    return core.spawn(program.run, { "apply", "--yes", "--lock-wait", "5m", "--set", "run=" .. number, "crowd.lua" },
      { directory = directory, environment = environment(number), wrapper = { "sh", "-c", script .. '; exec "$0" "$@"' } })
  end

  local crowd = ("%d processes"):format(PROCESSES)
  it(("goes one by one, in order, whoever dies (%s)"):format(crowd), function()
    local world, tasks, numbers, done = watch(handle.emulator.s3), {}, {}, 0
    local held
    assert(core.spawn(function() held = hold() end):join())
    handle.emulator.faults:set(FAULTS)
    for number = 1, PROCESSES do
      -- the clocks of some machines are wrong by minutes, where that can be had
      tasks[number] = start(number, program.faketime() and ({ [0] = "+4m", [1] = "-4m" })[number % 4])
    end
    while world.joined < PROCESSES do
      core.sleep(20)
      for number, task in ipairs(tasks) do
        local _, result = table.unpack(task:done() and { assert(task:join()) } or {})
        assert(not result or result.signal == 9, result and ("run %d does not wait: %s"):format(number, result.stdout .. result.stderr))
      end
    end
    assert(core.spawn(function() return assert(held:release()) end):join())
    for number, task in ipairs(tasks) do
      local _, result = assert(task:join())
      local pid = math.tointeger(tonumber((core.file_read(directory .. "/pid-" .. number):gsub("%s", ""))))
      local fate, said = world.fate[pid] or "", result.stdout .. result.stderr
      numbers[pid] = number
      if starts(fate, "killed") then
        assert.equal(9, result.signal, said)
      elseif fate == "suspended holder" then
        assert.equal(1, result.status, said)
        assert.matches("INFRA_008: this run lost its lock of the state", result.stderr)
        assert.is_nil(result.stderr:find("error INFRA.*error INFRA"), said) -- one clear error
      else
        assert.equal(0, result.status, said)
        done = done + 1
      end
    end
    for _, task in ipairs(world.resumed) do task:join() end
    local serial, last_snapshot = check(world)
    local last, opened, backend = document()
    assert.equal(serial, last.serial)
    assert.same({}, opened.ignored)
    local ended = {}
    for _, deployment in ipairs(last.deployments) do ended[deployment.id] = deployment.serial end
    local survivors = 0
    for index, holder in ipairs(world.holders) do
      if index > 1 and (world.fate[holder.pid] or "suspended waiter") == "suspended waiter" then
        survivors = survivors + 1
        assert.equal(last_snapshot[holder.id], ended[holder.id])
      end
    end
    assert.equal(done, survivors)
    assert.equal(numbers[world.holders[#world.holders].pid], last.resources["value.run"].inputs.input)
    assert.equal(last.resources["value.run"].inputs.input, last.resources["value.after-3"].outputs.output)
    -- whoever comes next clears away what the dead left behind
    handle.emulator.faults:set(nil)
    core.sleep(LEASE * 1000) -- what is gone from the queue, and could not be deleted, is left alone until then
    local _, result = start(PROCESSES + 1):join()
    assert.equal(0, result.status, result.stderr)
    assert.same({}, backend:list("crowd.state.log/"))
    assert.same({}, backend:list("crowd.state.queue/"))
    assert.equal(serial + 1, document().serial)
  end)

  it("says who holds the state, and does not wait when told so", function()
    local held
    assert(core.spawn(function() held = hold() end):join())
    local arguments = { "apply", "--yes", "--set", "run=1", "--no-wait", "crowd.lua" }
    local result = program.run(arguments, { directory = directory, environment = environment(1) })
    assert.equal(1, result.status)
    assert.matches("INFRA_008: another deployment holds the state\n", result.stderr)
    assert.matches("bob on far %(process 9%) since %S+, %d+ seconds? ago, running%s+`scwlua destroy` in%s+https://ci.example/7",
      result.stderr)
    arguments[5] = "--lock-wait=1s"
    result = program.run(arguments, { directory = directory, environment = environment(1) })
    assert.equal(1, result.status)
    assert.matches("Waiting for the state, place 1 in the queue: it is held by bob on far", result.stderr)
    assert(core.spawn(function() assert(held:release()) end):join())
    result = program.run(arguments, { directory = directory, environment = environment(1) })
    assert.equal(0, result.status, result.stderr)
  end)
end)
