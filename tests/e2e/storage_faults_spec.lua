--- What the state lies on fails in the midst of an apply, or lies: one clear error, nothing repaired, and once the fault is gone the
--- next apply finishes the work: nothing is lost and nothing is there twice.
local core = require "core"
local json = require "scw.json"
local matrix = require "tests.e2e.matrix"
local program = require "tests.e2e.program"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "shop", environment = "staging", region = "fr-par",
  state = %s,
  build = function(stack)
    local space = stack:container_namespace("space", { name = "shop" })
    local last = stack:container("web", { namespace = space, name = "web", image = "rg.fr-par.scw.cloud/shop/web:1" })
    for number = 1, 6 do
      last = stack:secret("s" .. number, { name = "shop-" .. number, description = ("long "):rep(%d) }, { depends_on = last })
    end
    stack:generated_secret("key", { name = "shop-key" })
  end,
}
]]

local KEY = "shop.state"

describe("a fault of the place where the state is", function()
  local directory, world, wanted

  local function write_stack(state, words)
    assert(core.file_write(directory .. "/shop.lua", STACK:format(state, words or 1)))
  end

  before_each(function()
    directory = program.directory()
    write_stack(('scw.s3 { bucket = "shop-state", key = %q }'):format(KEY))
    world = matrix.world { stack = directory .. "/shop.lua", name = "shop", bucket = "shop-state", key = KEY }
  end)
  after_each(function()
    world:close()
    program.remove(directory)
  end)

  local function apply() return world:run { "apply", "--yes" } end

  --- One error, told once, without a look inside the program.
  local function assert_clear(result, code)
    local said = result.stdout .. result.stderr
    assert.equal(1, result.status, said)
    assert.matches(code, result.stderr)
    for _, inside in ipairs { "traceback", "%.lua:%d+: ", "attempt to", "bad argument" } do assert.is_nil(said:find(inside), said) end
  end

  local function assert_finished()
    local result = apply()
    assert.equal(0, result.status, result.stdout .. result.stderr)
    wanted = wanted or world:inventory()
    assert.same(wanted, world:inventory())
    local plan = world:run { "plan", "--exit-code" }
    assert.equal(0, plan.status, plan.stdout .. plan.stderr)
  end

  --- Applies with a fault from the n-th fitting call on, then without.
  local function from_some_call_on(rule, code, calls)
    assert_finished()
    for _, skipped in ipairs(calls) do
      world:reset()
      rule.skip = skipped
      assert(world.service.faults:set { rule })
      local result = apply()
      assert_clear(result, code)
      world.service.faults:set(nil)
      assert_finished()
      assert.is_nil(world:untidy())
    end
  end

  it("that lets nothing be written any more is told, and forgiven", function()
    from_some_call_on({ service = "s3", method = "PUT", path = "^/shop%-state/", status = 403 }, "INFRA_003", { 0, 4, 5, 6, 7, 9, 12 })
  end)

  it("that refuses all is told, and forgiven", function()
    from_some_call_on({ service = "s3", status = 403 }, "INFRA_003", { 0, 1, 2, 5, 9, 12, 16, 20, 22 })
  end)

  it("is not the only one: credentials that expire in the midst of an apply", function()
    from_some_call_on({ service = "api", status = 401, body = { type = "denied_authentication", method = "api_key", reason = "expired" } },
      "INFRA_003", { 0, 1, 2, 4, 6, 8, 10 })
  end)

  -- Objects that lie -----------------------------------------------------------------------------------------------------

  --- Puts bytes in the place of an object of the state, behind the program's back.
  local function put(key, bytes)
    local s3 = world.service.s3
    local bucket = s3.storage.buckets["shop-state"]
    local model = bucket.objects[KEY .. ".lock"][1]
    if bucket.objects[key] then s3.storage:remove_version(bucket, bucket.objects[key][1]) end
    if not bytes then return end
    local made = {}
    for name, value in pairs(model) do made[name] = value end
    made.key, made.size, made.etag = key, #bytes, core.hex(core.digest("md5", bytes))
    made.order = s3.storage:next_order(core.now())
    s3.storage:add_version(bucket, made, bytes)
  end

  local function plan_fails(code, words)
    local before = world:state_objects()
    local result = world:run { "plan" }
    assert_clear(result, code)
    assert.is_truthy((result.stderr:gsub("%s+", " ")):find(words, 1, true), result.stderr)
    assert.same(before, world:state_objects())
  end

  --- The state of an apply that was killed: a snapshot and a log.
  local function unfinished()
    local _, killed = world:run({ "apply", "--yes" }, { at = 30, phase = "done" })
    assert.is_true(killed)
    local objects, segment = world:state_objects(), nil
    for key in pairs(objects) do
      if key:find(".log/", 1, true) and (not segment or key > segment) then segment = key end
    end
    return objects, assert(segment)
  end

  it("that cuts and turns bits of sealed objects is told by name", function()
    local objects, segment = unfinished()
    for _, key in ipairs { KEY, segment } do
      local whole = objects[key]
      for _, bytes in ipairs { whole:sub(1, #whole // 2), whole:sub(1, 40) .. string.char(whole:byte(41) ~ 4) .. whole:sub(42), "",
        "{}", ("x"):rep(500) } do
        put(key, bytes)
        plan_fails("INFRA_011", "object: s3://shop-state/" .. key)
      end
      put(key, whole:sub(1, 8) .. string.char(whole:byte(9) + 1) .. whole:sub(10)) -- of a later format
      plan_fails("INFRA_011", "object: s3://shop-state/" .. key)
      put(key, nil)
      if key == KEY then plan_fails("INFRA_011", "is missing, but its log is there") end
      put(key, whole)
    end
    put(KEY .. ".lock", "{}")
    assert_clear(apply(), "INFRA_011: the lock of the state is damaged")
    put(KEY .. ".lock", objects[KEY .. ".lock"])
    assert_finished()
  end)

  it("that lost the snapshot is not taken for a stack that was never applied", function()
    assert_finished()
    local whole = world:state_objects()[KEY]
    put(KEY, nil)
    plan_fails("INFRA_011", "is missing, but its history is there")
    assert_clear(apply(), "INFRA_011")
    assert.is_nil(world:state_objects()[KEY]) -- nothing was written in its place
    put(KEY, whole)
    assert_finished()
  end)

  --- Runs the program, which has to succeed.
  local function done(...)
    local result = program.run({ ... }, { environment = world.environment, directory = directory })
    assert.equal(0, result.status, result.stdout .. result.stderr)
    return result
  end

  --- Two deployments; the state is damaged, and what the second one left comes back.
  ---@param state string
  ---@param damage fun(whole: string)
  ---@param read fun(): string
  local function assert_restorable(state, read, damage)
    write_stack(state)
    done("apply", "--yes", "shop.lua")
    local earlier = read()
    write_stack(state, 2)
    done("apply", "--yes", "shop.lua")
    local latest = json.decode(done("state", "history", "--json", "shop.lua").stdout).deployments[1]
    local left = done("state", "pull", "shop.lua").stdout
    local whole = read()
    local damages = { whole:sub(1, #whole // 2), whole:sub(1, 99) .. string.char(whole:byte(100) ~ 1) .. whole:sub(101), "", earlier }
    for number, bytes in ipairs(damages) do
      damage(bytes)
      assert_clear(world:run { "plan" }, "INFRA_011")
      local seen = world:run { "state", "status" }
      assert.equal(1, seen.status)
      assert.matches("content +cannot be read", seen.stdout)
      assert.equal(number + 1, #json.decode(done("state", "history", "--json", "shop.lua").stdout).deployments)
      local out = ("latest-%d.json"):format(number)
      done("state", "pull", "--at", latest.id, "--out", out, "shop.lua")
      assert.same(json.decode(left).resources, json.decode((core.file_read(directory .. "/" .. out))).resources)
      done("state", "push", "--force", "shop.lua", out)
      done("plan", "--exit-code", "shop.lua")
    end
  end

  it("that damages the state loses nothing in a bucket: what the latest deployment left comes back", function()
    assert_restorable(('scw.s3 { bucket = "shop-state", key = %q }'):format(KEY), function() return world:state_objects()[KEY] end,
      function(bytes) put(KEY, bytes) end)
  end)

  it("that damages the state loses nothing in files: what the latest deployment left comes back", function()
    local path = directory .. "/shop.state"
    assert_restorable(("scw.file { path = %q }"):format(path), function() return assert(core.file_read(path)) end, function(bytes)
      local inside = assert(io.open(path, "w")) -- the same file, not another one in its place
      inside:write(bytes)
      inside:close()
    end)
  end)

  it("that does not copy costs the history nothing but time, and is told once", function()
    local s3 = world.service.s3
    local handle = s3.handle
    function s3.handle(self, request)
      if not request.headers["x-amz-copy-source"] then return handle(self, request) end
      return 501, { ["content-type"] = "application/xml" }, "<Error><Code>NotImplemented</Code></Error>"
    end
    local function history_of(ending)
      local kept = {}
      for key, bytes in pairs(world:state_objects()) do
        if key:find(".history/", 1, true) and key:sub(-#ending) == ending then kept[#kept + 1] = bytes end
      end
      return kept
    end
    local state
    for words = 1, 3 do
      write_stack(('scw.s3 { bucket = "shop-state", key = %q }'):format(KEY), words)
      local result = apply()
      assert.equal(0, result.status, result.stdout .. result.stderr)
      local said = (result.stdout .. result.stderr):gsub("%s+", " ")
      assert.equal(1, select(2, said:gsub("missing in the history", "")), said)
      assert.matches("this deployment left is missing in the history until the next one begins", said)
      assert.same({ words, words - 1 }, { #history_of(".record"), #history_of(".snapshot") })
      local kept = {}
      for _, bytes in ipairs(history_of(".snapshot")) do kept[bytes] = true end
      assert.is_true(not state or kept[state])
      state = world:state_objects()[KEY]
    end
  end)

  it("that holds what a newer program wrote is left to that one", function()
    write_stack(('scw.s3 { bucket = "shop-state", key = %q, sealed = false }'):format(KEY))
    local objects, segment = unfinished()
    local function changed(key, change)
      local document = assert(json.decode(objects[key]))
      change(document)
      put(key, assert(json.encode(document)))
    end
    changed(KEY, function(document) document.version = document.version + 1 end)
    plan_fails("INFRA_011", "the state has format 2, this program knows up to 1")
    put(KEY, objects[KEY])
    changed(segment, function(document) document.entries[1].op = "teleport" end)
    plan_fails("INFRA_011", "the log holds an entry this program does not know: teleport")
    put(segment, objects[segment])
    assert_finished()
  end)

  -- Files ----------------------------------------------------------------------------------------------------------------

  local function run_files(wrapper, more)
    local environment = {}
    for name, value in pairs(world.environment) do environment[name] = value end
    for name, value in pairs(more or {}) do environment[name] = value end
    return program.run({ "apply", "--yes", directory .. "/shop.lua" },
      { environment = environment, directory = directory, wrapper = wrapper })
  end

  it("that is full is told, and forgiven", function()
    local place = directory .. "/disk"
    assert(core.directory_create(place))
    local mounted = core.exec { argv = { "mount", "-t", "tmpfs", "-o", "size=32k", "none", place } }
    if not mounted or mounted.status ~= 0 then return pending "needs the right to mount" end
    local unmount <close> = setmetatable({}, { __close = function() core.exec { argv = { "umount", place } } end }) -- luacheck: ignore 211
    write_stack(("scw.file { path = %q }"):format(place .. "/shop.state"), 800)
    local result = run_files()
    assert_clear(result, "No space left on device")
    local live = world.service:stats().objects
    assert.is_true((live.container or 0) + (live.secret or 0) > 0, "nothing was made before the disk was full")
    assert.equal(0, core.exec { argv = { "mount", "-o", "remount,size=4m", place } }.status)
    result = run_files()
    assert.equal(0, result.status, result.stdout .. result.stderr)
    local first = world:inventory()
    assert.equal(0, run_files().status)
    assert.same(first, world:inventory())
    live = world.service:stats().objects
    assert.equal(7, live.secret)
    assert.equal(1, live.container)
  end)

  it("that may not be written is told before anything is made", function()
    local place, user = directory .. "/locked", nil
    assert(core.directory_create(place))
    core.exec { argv = { "chmod", "755", directory } }
    core.exec { argv = { "chmod", "644", directory .. "/shop.lua" } }
    core.exec { argv = { "chmod", "555", place } }
    write_stack(("scw.file { path = %q }"):format(place .. "/shop.state"))
    core.exec { argv = { "chmod", "644", directory .. "/shop.lua" } }
    if core.host().user == "root" or (core.exec { argv = { "id", "-u" } }).stdout:match("^0") then
      user = { "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" } -- permissions mean nothing to root
      local tried = core.exec { argv = { user[1], user[2], user[3], user[4], program.path, "version" } }
      if not tried or tried.status ~= 0 then return pending "needs setpriv, and a program that others may run" end
    end
    local result = run_files(user, { SCWLUA_STATE_KEY_FILE = "", SCWLUA_STATE_PASSPHRASE = "correct horse battery staple" })
    assert_clear(result, "Permission denied")
    assert.same({}, world:inventory())
    core.exec { argv = { "chmod", "755", place } }
  end)
end)
