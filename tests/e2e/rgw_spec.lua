--- Whole runs against a real S3 server, a Ceph RADOS Gateway: what is deployed are values, so that there is nothing but the state.
local codec = require "scw.state.codec"
local core = require "core"
local history = require "scw.state.history"
local json = require "scw.json"
local keys = require "scw.state.keys"
local lock = require "scw.state.lock"
local program = require "tests.e2e.program"
local services = require "tests.e2e.services"
local store = require "scw.state.store"

--- How many deployments at once; 50 take a minute.
local CROWD = math.tointeger(tonumber(core.environment().SCWLUA_CROWD or 10)) or 10

local BUCKET = "acme-states"
local PATIENCE_MS = 60000 -- with what takes a second or two

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "shop", region = "fr-par", state = scw.s3 { bucket = "BUCKET", key = "NAME", lease = "3s" },
  build = function(stack)
    local run = stack:value("run", { input = stack:config("run", { type = "int" }) })
    for i = 1, 3 do stack:value("after-" .. i, { input = run.output }) end
    stack:output("run", run.output)
  end,
}
]]

describe("a state in a real bucket", function()
  local server, proxy, reason, directory
  setup(function()
    server, reason = services.rgw()
    directory = program.directory()
  end)
  teardown(function()
    if proxy then proxy:stop() end
    if server then server:stop() end
    program.remove(directory)
  end)

  --- A stack of its own, with what runs and reads it.
  local function stack(name, url, bucket)
    local made = { environment = services.environment(url or server.urls[1]), file = name .. ".lua", key = name .. ".state" }
    made.environment.HOME = directory
    assert(core.file_write(directory .. "/" .. made.file, (STACK:gsub("NAME", made.key):gsub("BUCKET", bucket or BUCKET))))

    function made.start(words, options)
      options = options or {}
      local arguments = {}
      for word in words:gmatch("%S+") do arguments[#arguments + 1] = word == "STACK" and made.file or word end
      return core.spawn(program.run, arguments, { directory = directory, environment = options.environment or made.environment,
        wrapper = options.wrapper })
    end

    --- Runs the program; its output when it ends as expected.
    function made.run(words, status)
      local _, result = assert(made.start(words):join())
      assert.equal(status or 0, result.status, words .. ": " .. result.stdout .. result.stderr)
      return result.stdout .. result.stderr
    end

    function made.backend() return services.backend(services.environment(server.urls[1]), BUCKET) end

    function made.open()
      local key = assert(keys.load({}, { environment = made.environment }))
      local sealed = codec.new { stack = "shop", key = key }
      local opened = store.new { backend = made.backend(), codec = sealed, name = made.key, stack = "shop" }
      return assert(opened:load()), opened
    end
    return made
  end

  local function example(what, body)
    it(what, function()
      if not server then return pending(reason) end
      body()
    end)
  end

  --- Calls a function while the server stands still.
  local function stopped(act) server:stopped("radosgw", act) end

  --- The proxy before the server; marks the example as pending without one.
  local function faulty()
    if not proxy then proxy, reason = services.proxy(server.port) end
    return proxy or pending(reason)
  end

  example("is deployed, looked at, changed by hand, freed and destroyed", function()
    local shop = stack "everything"
    assert.matches("made the private bucket acme%-states", shop.run "apply --yes --set run=1 STACK")
    shop.run "plan --exit-code --set run=1 STACK"
    shop.run("plan --exit-code --set run=2 STACK", 2)
    shop.run "apply --yes --set run=2 STACK"
    assert.equal("2", shop.run("output --set run=2 STACK run"):match("%S+"))
    local listed = json.decode(shop.run "state history --json --set run=2 STACK")
    assert.equal(2, #(listed.deployments or listed))
    shop.run "state mv --set run=2 STACK value.after-3 value.last"
    assert.matches("value%.last", shop.run "state list --set run=2 STACK")
    local held = assert(lock.acquire { backend = shop.backend(), name = shop.key, command = "scwlua apply", environment = {}, lease = 600,
      host = { name = "far", user = "bob", pid = 9 } })
    assert.matches("holder: bob on far", shop.run("apply --yes --no-wait --set run=3 STACK", 1))
    shop.run("unlock --yes --set run=3 STACK " .. held.facts.id)
    shop.run "apply --yes --set run=3 STACK"
    assert.equal("lost", select(2, held:raise(9)).kind)
    assert(held:release()) -- or this process takes its time over it in the end, when the server has gone
    shop.run "destroy --yes --set run=3 STACK"
    assert.matches("The state is empty", shop.run "state list --set run=3 STACK")
    local backend = shop.backend()
    for _, part in ipairs { ".log/", ".queue/", ".probe", ".unsaved" } do assert.same({}, backend:list(shop.key .. part)) end
    assert.equal("released", lock.read(backend, shop.key).state)
  end)

  example("refuses a bucket with versions, where that server ignores conditions", function()
    local shop = stack("versions", nil, "acme-versions")
    local _, storage = shop.backend()
    assert(storage:create_bucket("acme-versions"))
    assert(storage:put_part("acme-versions", "versioning", { name = "VersioningConfiguration", { name = "Status", text = "Enabled" } }))
    local said = shop.run("apply --yes --set run=1 STACK", 1):gsub("%s+", " ")
    assert.matches("INFRA_011: the bucket acme%-versions does not honour conditional writes", said)
    assert.matches("If%-None%-Match is ignored hint: use a bucket without versioning", said)
  end)

  example("is not spoilt by what lands when its sender has given up", function()
    local backend = stack("late").backend()
    assert(backend:prepare("late"))
    for round = 1, 3 do
      local key = "late-" .. round
      local etag = assert(backend:put(key, "read by all", { if_none_match = true }))
      local task
      stopped(function()
        task = core.spawn(backend.put, backend, key, "given up", { if_match = etag })
        core.sleep(200)
        task:cancel()
      end)
      local _, etag_of_late, failure = task:join()
      assert.is_nil(etag_of_late)
      assert.equal("cancelled", failure.kind)
      if round == 1 then -- it is carried out all the same
        local looks = 0
        repeat
          core.sleep(20)
          looks = looks + 1
        until backend:get(key) == "given up" or looks == 500
      end
      local mine, err = stack("late").backend():put(key, "mine", { if_match = etag })
      local bytes = backend:get(key)
      core.sleep(200)
      assert.equal(bytes, backend:get(key))
      assert.equal(mine and "mine" or "given up", bytes)
      if not mine then assert.equal("condition", err.kind) end
    end
  end)

  example("survives runs that are killed while the server does not answer", function()
    local shop = stack "stalled"
    shop.run "apply --yes --set run=0 STACK"
    local backend = shop.backend()
    for round = 1, 6 do
      local fence = lock.read(backend, shop.key).fence
      local pid = directory .. "/stalled.pid"
      local task = shop.start("apply --yes --lock-wait 30s --set run=" .. round .. " STACK",
        { wrapper = { "sh", "-c", ('echo $$ > %s; exec "$0" "$@"'):format(pid) } })
      local deadline = core.clock() + PATIENCE_MS
      while assert(lock.read(backend, shop.key)).fence == fence do
        if task:done() or core.clock() > deadline then
          local _, result = task:join()
          error("it did not take the lock: " .. result.stdout .. result.stderr)
        end
        core.sleep(1)
      end
      core.sleep(round * 2) -- somewhere in its work
      stopped(function()
        core.sleep(100)
        core.exec { argv = { "kill", "-KILL", (core.file_read(pid):gsub("%s", "")) } }
        task:join()
      end)
      shop.run(("apply --yes --lock-wait 30s --set run=%d STACK"):format(100 + round)) -- takes over at once: its witness died
      local document, opened = shop.open()
      assert.same({}, opened.ignored)
      assert.equal(100 + round, document.resources["value.run"].inputs.input)
      assert.equal(100 + round, document.resources["value.after-3"].outputs.output)
      assert.same({}, document.intents)
    end
    for _, part in ipairs { ".log/", ".queue/", ".unsaved" } do assert.same({}, backend:list(shop.key .. part)) end
  end)

  example("is reached over TLS, when the certificate is one to trust", function()
    if not faulty() then return end
    local shop = stack("secure", proxy.urls[2])
    assert.matches("certificate", (shop.run("apply --yes --set run=1 STACK", 1):gsub("%s+", " ")))
    shop.environment.SCW_INSECURE = "true"
    shop.run "apply --yes --set run=1 STACK"
    assert.equal(1, shop.open().resources["value.run"].inputs.input)
  end)

  example(("goes from hand to hand over a bad network (%d runs)"):format(CROWD), function()
    if not faulty() then return end
    local shop = stack("crowd", proxy.urls[1])
    shop.run "apply --yes --set run=0 STACK"
    -- the first rule that fits a request decides: one for each kind of object, so that all kinds of faults happen
    for pattern, fault in pairs {
      ["^PUT .*lock$"] = "lost500%10", ["^PUT .*queue/"] = "lostreset%10", ["^PUT .*log/"] = "lost500%20",
      ["^PUT .*state$"] = "lostreset%20",
      ["^PUT .*history/"] = "503%20", ["^GET .*"] = "delay200%10", ["^DELETE .*"] = "reset%10",
    } do proxy:run("set", pattern, fault) end
    local tasks = {}
    for run = 1, CROWD do tasks[run] = shop.start("apply --yes --lock-wait 5m --set run=" .. run .. " STACK") end
    for _, task in ipairs(tasks) do
      local _, result = assert(task:join())
      assert.equal(0, result.status, result.stdout .. result.stderr)
    end
    proxy:run("clear")
    local document, opened = shop.open()
    local backend = shop.backend()
    assert.equal(CROWD + 1, lock.read(backend, shop.key).fence) -- nobody lost it
    assert.equal(CROWD + 1, document.fence)
    local records = assert(history.records(opened))
    assert.equal(math.min(CROWD + 1, history.KEPT), #records)
    for index = 1, #records - 1 do
      assert.equal(records[index].previous, records[index + 1].serial) -- none lost, none in between
      assert.is_true(records[index].started >= records[index + 1].started)
    end
    assert.equal(document.serial, records[1].serial)
    local after = document.resources["value.after-3"].outputs.output
    assert.equal(document.resources["value.run"].inputs.input, after)
    assert.same({}, backend:list(shop.key .. ".log/"))
    assert.same({}, backend:list(shop.key .. ".unsaved"))
  end)
end)
