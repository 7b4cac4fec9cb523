--- Many deployments want one state at once; some of them are killed, one is suspended for longer than its lease.
---
--- The object storage is an emulator in this process: its handler sees every request one after the other, which makes its journal
--- the order in which things happened.
local codec = require "scw.state.codec"
local core = require "core"
local emulator = require "scw.emulator"
local json = require "scw.json"
local program = require "tests.e2e.program"
local store = require "scw.state.store"

local FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
local PROCESSES = 12
local STARTED_TOGETHER = 6
local SUSPENDED_MS = 4000

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "crowd", region = "fr-par", state = scw.s3 { bucket = "crowd", key = "crowd.state", sealed = false, lease = "1s" },
  build = function(stack)
    local run = stack:value("run", { input = stack:config("run", { type = "int" }) })
    for i = 1, 3 do stack:value("after-" .. i, { input = run.output }) end
  end,
}
]]

local LOCK, SNAPSHOT = "/crowd/crowd.state.lock", "/crowd/crowd.state"

local function signal(name, pid) core.exec { argv = { "kill", "-" .. name, tostring(pid) } } end

--- Puts a journal and the accidents between the service and its callers.
local function watch(service)
  local world = { journal = {}, holders = {}, joined = 0, fate = {}, resumed = {} }
  local handle = service.handle

  local function accident(what, pid, name)
    world.fate[pid] = what
    signal(name, pid)
    if name == "STOP" then
      world.resumed[#world.resumed + 1] = core.spawn(function()
        core.sleep(SUSPENDED_MS)
        signal("CONT", pid)
      end)
    end
  end

  local function happen(path, body)
    local holder = world.holders[#world.holders]
    if path == LOCK then
      if body.state == "held" and body.renewals == 0 then
        world.holders[#world.holders + 1] = { pid = body.pid, id = body.id }
        if #world.holders == 2 then accident("killed", body.pid, "KILL") end -- before it knows that it has the lock
      end
    elseif path:find("/crowd.state.log/", 1, true) and not world.fate[holder.pid] then
      if #world.holders == 4 then accident("killed", holder.pid, "KILL") end -- in the midst of its work
      if #world.holders == 6 then accident("suspended", holder.pid, "STOP") end
    elseif path:find("/crowd.state.queue/", 1, true) and body.state == "waiting" and not world.fate[body.pid] then
      world.joined = world.joined + 1
      if world.joined == 3 or world.joined == 6 then accident("killed", body.pid, "KILL") end
    end
  end

  function service.handle(self, request)
    local status, headers, answer = handle(self, request)
    local path = request.path
    if request.method == "PUT" and status == 200 and path:find("^/crowd/crowd%.state") and not path:find("probe", 1, true) then
      local body = json.decode(request.body)
      world.journal[#world.journal + 1] = { path = path, body = body, at = core.now() }
      happen(path, body)
    end
    return status, headers, answer
  end
  return world
end

--- Goes through the journal: one holder at a time, in the order of the queue, and nobody else writes.
local function check(world)
  local lock, place, last_place, serial = nil, {}, 0, nil
  for index, write in ipairs(world.journal) do
    local body = write.body
    if write.path == LOCK then
      if body.state == "held" and body.renewals == 0 then
        assert.equal((lock and lock.fence or 0) + 1, body.fence)
        if lock and lock.state == "held" then -- taken over
          local fate = world.fate[lock.pid]
          assert.is_truthy(fate, "the lock of a run without an accident was taken over")
          if fate == "suspended" or not lock.witness then assert.is_true(write.at >= lock.expires - 2) end
        end
        if place[body.id] then -- it stood in line: nobody overtakes
          assert.is_true(place[body.id] > last_place, "out of order")
          last_place = place[body.id]
        end
      else
        assert.equal(lock.id, body.id) -- renewed or released by its holder alone
        assert.equal(lock.fence, body.fence)
      end
      lock = body
    elseif write.path:find("/crowd.state.queue/", 1, true) then
      if body.state == "waiting" and not place[body.id] then place[body.id] = index end
    elseif write.path == SNAPSHOT then
      assert.equal("held", lock.state)
      assert.equal(lock.fence, body.fence)
      assert.equal((serial or 0) + 1, body.serial)
      serial = body.serial
    elseif write.path:find("/crowd.state.log/", 1, true) then
      assert.equal("held", lock.state)
      assert.is_true(body.fence <= lock.fence)
    end
  end
  assert.equal("released", lock.state)
  return serial
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

  --- The clocks of some machines are wrong by minutes, where that can be had.
  local function wrapper(number, with_skew)
    local script, skew = "echo $$ > pid-" .. number, ({ [0] = "+4m", [1] = "-4m" })[number % 4]
    if skew and with_skew then script = ("%s; export LD_PRELOAD=%s FAKETIME=%s"):format(script, FAKETIME, skew) end
    return { "sh", "-c", script .. '; exec "$0" "$@"' }
  end

  it("goes one by one, in order, whoever dies", function()
    local world, tasks = watch(handle.emulator.s3), {}
    local with_skew = core.file_stat(FAKETIME) ~= nil
      and program.run({ "version" }, { environment = { LD_PRELOAD = FAKETIME, FAKETIME = "+4m" } }).status == 0
    for number = 1, PROCESSES do
      tasks[number] = core.spawn(program.run, { "apply", "--yes", "--lock-wait", "60s", "--set", "run=" .. number, "crowd.lua" },
        { directory = directory, environment = environment(number), timeout_ms = 60000,
          wrapper = wrapper(number, with_skew) })
      if number >= STARTED_TOGETHER then core.sleep(50) end
    end
    local done, numbers = 0, {}
    for number, task in ipairs(tasks) do
      local _, result = assert(task:join())
      local pid = math.tointeger(tonumber((core.file_read(directory .. "/pid-" .. number):gsub("%s", ""))))
      local fate, said = world.fate[pid], result.stdout .. result.stderr
      numbers[pid] = number
      if fate == "killed" then
        assert.equal(9, result.signal, said)
      elseif fate == "suspended" then
        assert.equal(1, result.status, said)
        assert.matches("INFRA_008: this run lost its lock of the state", result.stderr)
        assert.is_nil(result.stderr:find("error.*error"), said) -- one clear error
      else
        assert.equal(0, result.status, said)
        done = done + 1
      end
    end
    for _, task in ipairs(world.resumed) do task:join() end
    assert.equal(PROCESSES - 5, done)
    local serial = check(world)
    local last, opened, backend = document()
    assert.equal(serial, last.serial)
    assert.same({}, opened.ignored)
    local survived = {}
    for _, holder in ipairs(world.holders) do survived[holder.id] = not world.fate[holder.pid] end
    local ended = {}
    for _, deployment in ipairs(last.deployments) do
      if survived[deployment.id] then ended[#ended + 1] = deployment.serial end
    end
    assert.equal(done, #ended)
    for index, number in ipairs(ended) do assert.equal(serial - done + index, number) end
    assert.equal(numbers[world.holders[#world.holders].pid], last.resources["value.run"].inputs.input)
    assert.equal(last.resources["value.run"].inputs.input, last.resources["value.after-3"].outputs.output)
    assert.same({}, backend:list("crowd.state.log/"))
    assert.same({}, backend:list("crowd.state.queue/"))
  end)

  it("says who holds the state, and does not wait when told so", function()
    local held
    assert(core.spawn(function()
      local _, _, backend = document()
      assert(backend:prepare("crowd.state"))
      held = assert(require("scw.state.lock").acquire { backend = backend, name = "crowd.state", command = "scwlua destroy",
        environment = { CI_JOB_URL = "https://ci.example/7" }, host = { name = "far", user = "bob", pid = 9 } })
    end):join())
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
