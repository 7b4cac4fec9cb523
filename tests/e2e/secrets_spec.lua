--- No secret value is ever in the state, in what is printed, or in what the service shows of other things.
local core = require "core"
local json = require "scw.json"
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
    for _, arguments in ipairs { { "apply", "--yes" }, { "plan" }, { "apply", "--yes", "--json" }, { "output", "--json" },
      { "state", "list", "--json" }, { "graph", "--json" } } do
      arguments[#arguments + 1] = stack
      local result = program.run(arguments, { environment = emulator.environment })
      assert.are.equal(0, result.status, table.concat(arguments, " ") .. result.stderr)
      texts[arguments[1]] = (texts[arguments[1]] or "") .. result.stdout .. result.stderr
    end
    for _, name in ipairs(core.file_list(directory)) do
      if name:find("state", 1, true) then texts[name] = core.file_read(directory .. "/" .. name) end
    end
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
end)
