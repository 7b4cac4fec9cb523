--- No secret value is ever in the state, in what is printed, or in what the service shows of other things.
local core = require "core"
local json = require "scw.json"
local matrix = require "tests.e2e.matrix"
local program = require "tests.e2e.program"

--- Every value in Secret Manager, by the emulator's own view.
local function secret_values(emulator)
  local values = {}
  local root = "/secret-manager/v1beta1/regions/fr-par/secrets"
  for _, secret in ipairs(emulator:api("GET", root .. "?page_size=100").secrets) do
    local versions = emulator:api("GET", ("%s/%s/versions?page_size=100"):format(root, secret.id)).versions
    for _, version in ipairs(versions) do
      local access = emulator:api("GET", ("%s/%s/versions/%d/access"):format(root, secret.id, version.revision))
      values[secret.name] = core.unbase64(access.data)
    end
  end
  return values
end

describe("secrets", function()
  local directory, emulator, stack
  setup(function()
    directory, emulator = program.directory(), program.emulator()
    local text = assert(core.file_read(program.root .. "/stacks/staging.lua"))
    local count
    text, count = text:gsub("scw%.s3 {[^}]*}", ("scw.file { path = %q, sealed = false }"):format(directory .. "/plain.state"))
    assert(count == 1)
    stack = directory .. "/staging.lua"
    assert(core.file_write(stack, text))
  end)
  teardown(function()
    emulator:stop()
    program.remove(directory)
  end)

  it("are nowhere but in Secret Manager", function()
    local texts = {}
    for _, arguments in ipairs { { "plan", "--out", directory .. "/before.plan" }, { "apply", "--yes" },
      { "plan", "--destroy", "--out", directory .. "/after.plan" }, { "plan" }, { "apply", "--yes", "--json" }, { "output", "--json" },
      { "state", "list", "--json" }, { "graph", "--json" } } do
      arguments[#arguments + 1] = stack
      local result = program.run(arguments, { environment = emulator.environment })
      assert.are.equal(0, result.status, table.concat(arguments, " ") .. result.stderr)
      texts[arguments[1]] = (texts[arguments[1]] or "") .. result.stdout .. result.stderr
    end
    for _, name in ipairs(core.file_list(directory)) do
      local text = core.file_read(directory .. "/" .. name)
      if name:find("state", 1, true) then texts[name] = text end
      if name:find("plan$") then texts[name] = text .. core.unbase64(json.decode(text).sealed) end
    end
    assert.is_truthy(texts["before.plan"]:find("rdb_instance", 1, true))
    assert.is_string(texts["after.plan"])
    assert.is_string(texts["plain.state"])
    for _, path in ipairs { "/containers/v1/regions/fr-par/containers", "/serverless-jobs/v1alpha2/regions/fr-par/job-definitions",
      "/rdb/v1/regions/fr-par/instances", "/iam/v1alpha1/api-keys" } do
      texts[path] = json.encode(emulator:api("GET", path))
    end

    local values, checked = secret_values(emulator), 0
    for name, value in pairs(values) do
      assert.is_true(#value >= 20, name .. " is too short to be searched for")
      for where, text in pairs(texts) do
        assert.is_nil(text:find(value, 1, true), ("the value of %s is in %s"):format(name, where))
        assert.is_nil(text:find(core.base64(value), 1, true), ("the value of %s is in %s, as base64"):format(name, where))
        checked = checked + 1
      end
    end
    assert.is_true(checked > 50)
  end)

  it("stay the same when they are applied again, although nothing kept them", function()
    local before = secret_values(emulator)
    local result = program.run({ "apply", "--yes", "--set", "release=3.1.0", stack }, { environment = emulator.environment })
    assert.are.equal(0, result.status, result.stderr)
    assert.are.same(before, secret_values(emulator))
  end)

  it("are in nothing that a run writes for the state or says, while it runs, when it fails, when others wait for it", function()
    local given = "g1ven-from-the-outside-42"
    local text = assert(core.file_read(program.root .. "/stacks/staging.lua"))
    text = text:gsub("scw%.s3 {", "%0 sealed = false,", 1)
    local path = directory .. "/bucket.lua"
    assert(core.file_write(path, text))
    local world <close> = matrix.world { stack = path, name = "evalap-staging", bucket = "evalap-staging-state",
      key = "staging/scwlua.state" }
    world.environment.SCWLUA_CONFIG_MODEL_API_KEY = given

    local values = { given, world.handle.secret_key }
    local answer, quoted = world.service.handle, nil
    function world.service.handle(self, request) -- what is sent and told once
      if quoted and request.method == "POST" and request.path:find(quoted) then -- some services say what they refuse
        local sent = json.decode(request.body)
        return { status = 400, body = { type = "invalid_arguments", message = ("cannot take %s from %s: %s"):format(
          sent.data and core.unbase64(sent.data) or "it", request.headers["x-auth-token"], request.body),
          details = { { argument_name = "data", reason = "constraint", help_message = request.body } } } }
      end
      local reply = answer(self, request)
      if request.method == "POST" then
        local sent = json.decode(request.body) or {}
        if request.path:find("/versions$") and sent.data then values[#values + 1] = core.unbase64(sent.data) end
        values[#values + 1] = sent.password
        values[#values + 1] = type(reply.body) == "table" and reply.body.secret_key or nil
      end
      return reply
    end

    local texts, kinds, s3 = {}, {}, world.service.s3
    local handle = s3.handle
    function s3.handle(self, request)
      if request.method == "PUT" and request.path:find("^/evalap%-staging%-state/") then
        texts[#texts + 1] = { "PUT " .. request.path, request.body }
        local kind = request.path:match("%.(%l+)/") or request.path:match("%.(%l+)$") or "probe"
        kinds[kind] = (kinds[kind] or 0) + 1
      end
      return handle(self, request)
    end
    local function run(status, ...)
      local result = world:run { ... }
      assert.equal(status, result.status, result.stdout .. result.stderr)
      texts[#texts + 1] = { table.concat({ ... }, " "), result.stdout .. result.stderr }
    end
    local function with_fault(rule, ...)
      assert(world.service.faults:set { rule })
      run(1, ...)
      world.service.faults:set(nil)
    end

    quoted = "/versions$"
    run(1, "apply", "--yes")
    quoted = "/containers$"
    run(1, "apply", "--yes", "--json")
    quoted = nil
    with_fault({ service = "s3", method = "PUT", path = "%.log/", skip = 1, status = 403 }, "apply", "--yes", "--set", "release=2")
    local saved = directory .. "/release.plan"
    run(0, "plan", "--out", saved, "--set", "release=3")
    local bytes = core.file_read(saved)
    texts[#texts + 1] = { "saved plan", bytes .. core.unbase64(json.decode(bytes).sealed) }
    run(0, "apply", "--yes", "--json", "--set", "release=3")
    local other = core.spawn(program.run, { "apply", "--yes", "--set", "release=4", path }, { environment = world.environment })
    run(0, "apply", "--yes", "--set", "release=5") -- one of them waits
    local _, result = assert(other:join())
    texts[#texts + 1] = { "apply at the same time", result.stdout .. result.stderr }
    run(0, "state", "pull")
    run(0, "state", "history", "--json")
    run(0, "destroy", "--yes", "--json", "--set", "release=3")
    for _, kind in ipairs { "log", "lock", "state", "history" } do assert.is_true((kinds[kind] or 0) > 1, kind) end

    assert.is_true(#values > 20)
    for _, value in ipairs(values) do
      assert.is_true(#value >= 20)
      for _, form in ipairs { value, core.base64(value), core.hex(value) } do
        for _, place in ipairs(texts) do
          assert.is_nil(place[2]:find(form, 1, true), ("a secret is in %s"):format(place[1]))
        end
      end
    end
  end)

  it("are not written to the disk by a crash", function()
    local child = core.spawn(core.exec, {
      argv = { "sh", "-c", 'ulimit -S -c unlimited; echo $$ > "$1/core-pid"; exec "$0" emulator --listen 127.0.0.1:0', program.path,
        directory },
      env = program.environment(),
    })
    local pid, limits
    for _ = 1, 6000 do
      core.sleep(10)
      pid = (core.file_read(directory .. "/core-pid") or ""):match("%d+")
      limits = pid and io.open("/proc/" .. pid .. "/limits")
      local line = limits and limits:read("a"):match("Max core file size%s+(%S+)")
      if limits then limits:close() end
      if line == "0" then break end
      limits = nil
    end
    child:cancel()
    child:join()
    assert.is_truthy(limits, "core dumps are allowed")
  end)
end)
