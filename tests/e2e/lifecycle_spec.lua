--- Both stacks from nothing to nothing, as a user would: apply, again, change, fail, go on, destroy.
local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"

local function applied(emulator, arguments)
  local result = program.run(arguments, { environment = emulator.environment })
  assert.are.equal(0, result.status, result.stdout .. result.stderr)
  return result
end

--- What the state says there is, by type, without what has no object of its own.
local function recorded(emulator, stack)
  local result = applied(emulator, { "state", "list", "--json", stack })
  local counts = {}
  for _, resource in ipairs(json.decode(result.stdout).resources) do
    counts[resource.type] = (counts[resource.type] or 0) + 1
  end
  return counts
end

--- What the service itself says there is, but for parts of other things and the buckets that keep the state.
local function existing(emulator)
  local counts = emulator:objects()
  counts.object, counts.job_secret = nil, nil
  local own = (counts.bucket or 0) - emulator.state_buckets
  counts.bucket = own > 0 and own or nil
  return counts
end

local function agree(emulator, stack)
  local state, service = recorded(emulator, stack), existing(emulator)
  state.rdb_privilege, service.rdb_privilege = nil, nil
  assert.are.same(service, state)
end

local function unchanged(emulator, stack)
  local result = program.run({ "plan", "--exit-code", stack }, { environment = emulator.environment })
  assert.are.equal(0, result.status, result.stdout .. result.stderr)
end

for _, name in ipairs { "staging", "production" } do
  describe("the " .. name .. " stack", function()
    local stack = ("stacks/%s.lua"):format(name)
    local emulator
    setup(function()
      emulator = program.emulator()
      emulator.state_buckets = name == "production" and 2 or 1 -- it has a replica
    end)
    teardown(function() emulator:stop() end)

    it("is valid", function()
      local result = applied(emulator, { "validate", stack })
      assert.matches("is valid: %d+ resources", result.stdout)
    end)

    it("has pending changes before its first apply", function()
      local result = program.run({ "plan", "--exit-code", stack }, { environment = emulator.environment })
      assert.are.equal(2, result.status, result.stderr)
      assert.matches("Plan: %d+ to create", result.stdout)
      assert.are.same({}, emulator:objects())
    end)

    it("stops at a failure, keeps what was made, and goes on with the next apply", function()
      emulator:faults { { method = "POST", path = "/databases$", status = 400,
        body = { type = "invalid_arguments", message = "invalid argument(s)",
          details = { { argument_name = "name", reason = "constraint", help_message = "injected" } } } } }
      local result = program.run({ "apply", "--yes", stack }, { environment = emulator.environment })
      assert.are.equal(1, result.status, result.stdout .. result.stderr)
      assert.matches("INFRA_", result.stderr)
      assert.matches("rdb_database%.main", result.stderr)
      assert.matches("skipped", result.stdout)
      agree(emulator, stack)
      emulator:faults {}
      applied(emulator, { "apply", "--yes", stack })
      agree(emulator, stack)
    end)

    it("changes nothing when it is applied again", function()
      unchanged(emulator, stack)
      local before = emulator:requests()
      local result = applied(emulator, { "apply", "--yes", stack })
      assert.matches("[Nn]othing", result.stdout)
      local looked = 0
      for operation, count in pairs(emulator:requests()) do
        local more, is_read = count - (before[operation] or 0), operation:find("^GET ") or operation:find("^HEAD ")
        if is_read then looked = looked + more end
        local of_state = operation:find(" /{bucket}/{key}", 1, true)
        assert.is_true(more == 0 or is_read ~= nil or of_state ~= nil, operation)
      end
      assert.is_true(looked > 0)
    end)

    it("gives its outputs", function()
      local outputs = json.decode(applied(emulator, { "output", "--json", stack }).stdout)
      assert.matches("^https://", outputs.streamlit_url.value)
    end)

    it("changes only what another release touches", function()
      local arguments = { "plan", "--json", "--exit-code", "--set", "release=2.0.0", stack }
      local result = program.run(arguments, { environment = emulator.environment })
      assert.are.equal(2, result.status, result.stderr)
      local plan = json.decode(result.stdout)
      local touched = {}
      for _, step in ipairs(plan.steps) do
        if step.action ~= "none" then
          assert.are.equal("update", step.action, step.address)
          touched[step.type] = true
        end
      end
      assert.are.same({ container = true, job_definition = true }, touched)
      applied(emulator, { "apply", "--yes", "--set", "release=2.0.0", stack })
      result = program.run({ "plan", "--exit-code", "--set", "release=2.0.0", stack }, { environment = emulator.environment })
      assert.are.equal(0, result.status, result.stdout)
    end)

    it("sees and repairs what was changed or deleted behind its back", function()
      local listed = json.decode(applied(emulator, { "state", "list", "--json", stack }).stdout).resources
      for _, resource in ipairs(listed) do
        if resource.type == "container" and resource.address:find("streamlit", 1, true) then
          emulator:api("PATCH", "/containers/v1/regions/fr-par/containers/" .. resource.id, { max_scale = 33 })
        elseif resource.type == "cockpit_token" then
          emulator:api("DELETE", "/cockpit/v1/regions/fr-par/tokens/" .. resource.id)
        end
      end
      core.sleep(100)
      local result = program.run({ "plan", "--exit-code", "--set", "release=2.0.0", stack }, { environment = emulator.environment })
      assert.are.equal(2, result.status)
      assert.matches("max_scale: 33 %-> ", result.stdout)
      applied(emulator, { "apply", "--yes", "--set", "release=2.0.0", stack })
      agree(emulator, stack)
    end)

    if name == "staging" then
      it("leaves nothing behind when it is destroyed", function()
        applied(emulator, { "destroy", "--yes", stack })
        assert.are.same({}, existing(emulator))
        assert.are.same({}, recorded(emulator, stack))
      end)
    else
      it("refuses to be destroyed while parts of it are protected", function()
        local before = existing(emulator)
        local result = program.run({ "destroy", "--yes", stack }, { environment = emulator.environment })
        assert.are.equal(1, result.status)
        assert.matches("protect", result.stderr)
        assert.matches("rdb_instance%.main", result.stderr)
        assert.are.same(before, existing(emulator))
      end)
    end
  end)
end
