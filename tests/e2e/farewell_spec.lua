--- However a deployment ends, other than by SIGKILL: its lock is free afterwards, and the next deployment goes on at once.
local codec = require "scw.state.codec"
local core = require "core"
local emulator = require "scw.emulator"
local json = require "scw.json"
local program = require "tests.e2e.program"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "slow", environment = "staging", region = "fr-par", state = %s,
  build = function(stack)
    local space = stack:container_namespace("space", { name = "slow" })
    stack:container("app", { namespace = space, name = "slow", image = "rg.fr-par.scw.cloud/slow/web:1" })
  end,
}
]]

local LOCAL = [[
local scw = require "scw"
return scw.stack {
  name = "local", state = scw.file { path = "local.state", sealed = false },
  build = function(stack) for i = 1, 10 do stack:value("v" .. i, { input = i }) end end,
}
]]
local MOMENTS = 20

local STATES = {
  file = 'scw.file { path = "slow.state", sealed = false }',
  bucket = 'scw.s3 { bucket = "slow", key = "slow.state", sealed = false }',
}
local SIGNALS = { file = { "INT", "HUP" }, bucket = { "TERM" } }

--- Sends each signal after the text was shown that stands before it: { "text", "TERM", "text", "TERM" }.
local function signalled(suffix, ...)
  local script, steps = { (': > shown; "$0%s" "$@" > shown 2> problems & pid=$!'):format(suffix) }, { ... }
  for index = 1, #steps, 2 do
    script[#script + 1] = ("until grep -q '%s' shown || ! kill -0 $pid; do sleep 0.02; done; kill -%s $pid")
      :format(steps[index], steps[index + 1])
  end
  script[#script + 1] = "wait $pid; status=$?; cat shown; cat problems >&2; exit $status"
  return { "sh", "-c", table.concat(script, "\n") }
end

describe("a deployment that ends early", function()
  local directory, handle
  before_each(function()
    directory = program.directory()
    handle = assert(emulator.start { host = "127.0.0.1", port = 0, s3_port = 0, speed = 5 })
  end)
  after_each(function()
    handle:close()
    program.remove(directory)
  end)

  local function environment()
    return {
      SCW_API_URL = handle.api_url, SCW_S3_ENDPOINT = handle.s3_url, SCW_ACCESS_KEY = handle.access_key, SCW_SECRET_KEY = handle.secret_key,
      SCW_DEFAULT_PROJECT_ID = handle.project_id, SCW_DEFAULT_ORGANIZATION_ID = handle.organization_id,
      SCWLUA_TIME_SCALE = "0.1", HOME = directory, XDG_RUNTIME_DIR = directory .. "/run",
    }
  end

  local function backend(kind)
    if kind == "file" then return require("scw.state.file").new(directory) end
    local client = require("scw.api.client").new { credentials = require("scw.api.credentials").load {
      environment = environment(), config_file = false,
    } }
    return require("scw.state.s3").new { bucket = "slow", storage = require("scw.api.object_storage").new(client) }
  end

  local function apply(wrapper)
    return program.run({ "apply", "--yes", "--no-wait", "slow.lua" },
      { directory = directory, environment = environment(), wrapper = wrapper, timeout_ms = 60000 })
  end

  local function start(kind) assert(core.file_write(directory .. "/slow.lua", STACK:format(STATES[kind]))) end

  --- The lock is free, nothing else of its holder is left, the state can be read, the next run does what is missing.
  local function check(kind, abandoned)
    local clock = handle.emulator.clock
    clock:not_before(clock:now() + 3600) -- what takes time is done
    clock.speed = math.huge
    local place = backend(kind)
    local facts = json.decode(assert(place:get("slow.state.lock")))
    assert.equal("released", facts.state)
    assert.equal(abandoned, facts.abandoned)
    assert.is_nil(facts.removed)
    assert.same({}, core.file_list(directory .. "/run/scwlua/locks"))
    assert(require("scw.state.store").new { backend = place, codec = codec.new { stack = "slow" }, name = "slow.state", stack = "slow" }
      :load())
    local again = apply()
    assert.equal(0, again.status, again.stderr)
    assert.matches("\nDone: ", again.stdout)
    assert.is_nil((again.stdout .. again.stderr):find("took over", 1, true))
    assert.is_nil((again.stdout .. again.stderr):find("Waiting", 1, true))
  end

  for kind in pairs(STATES) do
    for _, name in ipairs(SIGNALS[kind]) do
      it(("by SIG%s twice leaves a state in a %s free"):format(name, kind), function()
        start(kind)
        local result = apply(signalled("", "space: creating", name, "Interrupted: ", name))
        assert.equal(130, result.status, result.stdout .. result.stderr)
        assert.matches("Interrupted again", result.stdout)
        check(kind, nil)
      end)
    end

    it(("for lack of memory leaves a state in a %s free"):format(kind), function()
      if not core.file_stat(program.path .. "-starved") then return pending "skipped: this program has no hungry twin" end
      start(kind)
      local result = apply(signalled("-starved", "space: creating", "USR1"))
      assert.equal(1, result.status, result.stdout .. result.stderr)
      assert.matches("not enough memory", result.stderr)
      check(kind, true)
    end)
  end

  it("by the second signal to code that does not return leaves its state free", function()
    start "file"
    assert(core.file_write(directory .. "/endless_spec.lua", [[
      local environment = require("core").environment()
      assert(require("scw.state.lock").acquire {
        backend = require("scw.state.file").new(environment.HOME), name = "slow.state", command = "endless", environment = environment,
      })
      while true do end
    ]]))
    local inside = environment()
    inside.SCWLUA_SOURCE = program.root
    local result = program.run({ directory .. "/endless_spec.lua" }, { environment = inside, wrapper = { "sh", "-c", [[
      "$0-test" "$@" & pid=$!
      until test -e "${1%/*}/slow.state.lock" || ! kill -0 $pid; do sleep 0.02; done
      for _ in 1 2 3; do kill -INT $pid; sleep 0.2; done
      wait $pid
    ]] } })
    assert.equal(130, result.status, result.stdout .. result.stderr)
    assert.equal("interrupted again, but the code that runs does not return: the program ends without it\n", result.stderr)
    check("file", true)
  end)

  it("leaves its state free whenever memory runs out", function()
    if not core.file_stat(program.path .. "-starved") then return pending "skipped: this program has no hungry twin" end
    assert(core.file_write(directory .. "/slow.lua", LOCAL))
    local function starved(after)
      os.execute(("rm -rf '%s'/local.state*"):format(directory))
      return program.run({ "apply", "--yes", "slow.lua" }, {
        directory = directory, environment = { HOME = directory, STARVED_AFTER = tostring(after) }, timeout_ms = 30000,
        wrapper = { "sh", "-c", 'exec "$0-starved" "$@"' },
      })
    end
    local fed = starved(0)
    assert.equal(0, fed.status, fed.stderr)
    local all, held = assert(math.tointeger(tonumber(fed.stderr:match("asked (%d+) times")))), 0
    local first, last = 0, all -- where the lock is taken: before that it loads, reads and plans
    while last - first > all // 200 do
      local middle = (first + last) // 2
      starved(middle)
      if core.file_stat(directory .. "/local.state.lock") then last = middle else first = middle end
    end
    for moment = 1, MOMENTS do
      local result = starved(first + (all - first) * moment // (MOMENTS + 1))
      assert.equal(1, result.status, result.stdout .. result.stderr)
      local bytes = core.file_read(directory .. "/local.state.lock")
      if bytes then
        held = held + 1
        assert.equal("released", json.decode(bytes).state)
      end
      local again = apply()
      assert.equal(0, again.status, again.stderr)
      assert.is_nil((again.stdout .. again.stderr):find("took over", 1, true))
    end
    assert.is_true(held > MOMENTS / 2)
  end)

  it("leaves its state free although nothing that it says to the service while it lives gets through", function()
    start "bucket"
    local service = handle.emulator.s3
    local handle_request, refused = service.handle, 0
    function service.handle(self, request)
      local body = request.method == "PUT" and request.path == "/slow/slow.state.lock" and json.decode(request.body)
      if body and body.state == "released" and not body.abandoned then
        refused = refused + 1
        core.exec { argv = { "kill", "-INT", tostring(body.pid) } }
        return 503, {}, ""
      end
      return handle_request(self, request)
    end
    local result = apply(signalled("", "space: creating", "INT", "Interrupted: ", "INT"))
    assert.equal(130, result.status, result.stdout .. result.stderr)
    assert.matches("The lock of the state could not be given back", result.stderr)
    assert.is_true(refused >= 2)
    service.handle = handle_request
    check("bucket", true)
  end)
end)
