local client = require "scw.api.client"
local core = require "core"
local dsl = require "scw.dsl"
local emulator = require "scw.emulator"
local session = require "scw.engine.session"

-- The whole staging platform against a service that loses answers and fails: nothing is doubled, nothing is lost.

describe("a service that fails", function()
  local handle
  before_each(function() handle = assert(emulator.start { speed = "instant" }) end)
  after_each(function() handle:close() end)

  local function open()
    local stack = assert(dsl.load("stacks/staging.lua", { environment = {
      SCW_DEFAULT_PROJECT_ID = handle.project_id, SCW_DEFAULT_ORGANIZATION_ID = handle.organization_id,
    } }))
    return session.open({
      stack = stack, environment = {}, key = assert(core.key({ raw = ("k"):rep(32) })), command = "apply",
      client = client.new { time_scale = 0.001, credentials = {
        access_key = handle.access_key, secret_key = handle.secret_key, api_url = handle.api_url, region = "fr-par", zone = "fr-par-1",
        project = handle.project_id, organization = handle.organization_id, s3_endpoint = handle.s3_url, path_style = true,
      } },
    })
  end

  local function apply(opened, made)
    local result, err = opened:apply(made)
    if not result then return false, err end
    return #result.failures == 0, result.failures[1]
  end

  --- Applies until it succeeds.
  local function insist(runs)
    local done, problem
    for run = 1, runs do
      local opened = open()
      local made, err = opened:plan()
      if made then done, problem = apply(opened, made) else problem = err end
      if done then return run end
    end
    error("does not converge: " .. tostring(problem))
  end

  --- What the service has, without the state's own bucket and objects.
  local function counts()
    local objects = handle.emulator:stats().objects
    objects.object, objects.bucket = nil, objects.bucket and objects.bucket - 1 or nil
    return objects
  end

  it("ends up with exactly what one that works has", function()
    insist(1)
    local wanted = counts()
    handle:close()
    for seed = 1, 2 do
      handle = assert(emulator.start { speed = "instant", faults = { seed = seed, rules = {
        { method = "POST", drop = "after", probability = 0.1 },
        { method = "PUT", service = "s3", drop = "after", probability = 0.1 },
        { drop = "before", probability = 0.02 },
        { status = 503, probability = 0.03 },
      } } })
      insist(20)
      assert(handle.emulator.faults:set({}))
      local opened = open()
      local made = assert(opened:plan())
      assert.same({ none = #made.steps }, made.summary)
      assert.same(wanted, counts())
      local recorded = 0
      for _ in next, assert(opened:state()).resources do recorded = recorded + 1 end
      assert.equal(#made.steps, recorded)
      made = assert(opened:destroy_plan())
      assert.is_true((apply(opened, made)))
      assert.same({ bucket = 0 }, counts())
      if seed == 1 then handle:close() end
    end
  end)
end)
