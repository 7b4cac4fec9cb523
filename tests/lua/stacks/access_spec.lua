local client = require "scw.api.client"
local core = require "core"
local emulator = require "scw.emulator"
local project = dofile "tests/lua/dsl/project.lua"
local session = require "scw.engine.session"

describe("modules.access", function()
  local handle, key, path
  before_each(function()
    handle, key = assert(emulator.start { speed = "instant" }), assert(core.key({ raw = ("k"):rep(32) }))
    path = "/tmp/scwlua_" .. core.hex(core.random(6)) .. "/access.state"
  end)
  after_each(function()
    handle:close()
    for _, name in ipairs(core.file_list(path:match("^(.*)/")) or {}) do os.remove(path:match("^(.*)/") .. "/" .. name) end
    os.remove(path:match("^(.*)/"))
  end)

  local function plan(inputs)
    local stack = assert(project.load({ ["stacks/test.lua"] = ([[
local scw = require "scw"
return scw.stack { name = "test", region = "fr-par", state = scw.file { path = "%s" }, build = function(stack)
  local project = stack:account_project("main", { name = "main" })
  stack:use("robot", require "modules.access", { purpose = "Tests.", permissions = { "ObjectStorageObjectsRead" }, project = project, %s })
end }]]):format(path, inputs) }, { environment = {
      SCW_DEFAULT_PROJECT_ID = handle.project_id, SCW_DEFAULT_ORGANIZATION_ID = handle.organization_id,
    } }))
    local opened = session.open({
      stack = stack, environment = {}, key = key,
      client = client.new { time_scale = 0.001, credentials = {
        access_key = handle.access_key, secret_key = handle.secret_key, api_url = handle.api_url, region = "fr-par", zone = "fr-par-1",
        project = handle.project_id, organization = handle.organization_id,
      } },
    })
    return opened, assert(opened:plan())
  end

  local function actions(made)
    local list = {}
    for _, step in ipairs(made.steps) do
      if step.action ~= "none" then list[#list + 1] = step.action .. " " .. step.address end
    end
    table.sort(list)
    return list
  end

  local function apply(inputs)
    local opened, made = plan(inputs)
    local result = assert(opened:apply(made))
    assert.same({}, result.failures)
    return actions(made), assert(opened:state()).resources
  end

  it("moves the end of a key in place, and replaces key and version with another rotation", function()
    local _, before = apply 'expires_at = "2030-01-01T00:00:00Z"'
    local moved, same = apply 'expires_at = "2031-01-01T00:00:00Z"'
    assert.same({ "update robot/iam_api_key.main" }, moved)
    assert.equal(before["robot/iam_api_key.main"].id, same["robot/iam_api_key.main"].id)
    local rotated, after = apply 'expires_at = "2031-01-01T00:00:00Z", rotation = 2'
    assert.same({ "replace robot/iam_api_key.main", "replace robot/secret_version.key" }, rotated)
    assert.are_not.equal(before["robot/iam_api_key.main"].id, after["robot/iam_api_key.main"].id)
    assert.are_not.equal(before["robot/secret_version.key"].id, after["robot/secret_version.key"].id)
    assert.is_nil(after["robot/iam_api_key.main"].deposed)
    local _, made = plan 'expires_at = "2031-01-01T00:00:00Z", rotation = 2'
    assert.same({}, actions(made))
  end)
end)
