local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"
local user = require "tests.e2e.user"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "slow", environment = "staging", region = "fr-par", state = scw.file { path = "slow.state" },
  build = function(stack)
    local space = stack:container_namespace("space", { name = "slow" })
    stack:container("app", { namespace = space, name = "slow", image = "rg.fr-par.scw.cloud/slow/web:1" })
  end,
}
]]

--- Sends an interrupt after each of the given texts was shown.
local function interrupted(...)
  local script = { '"$0" "$@" > shown 2> problems & pid=$!' }
  for _, shown in ipairs({ ... }) do
    script[#script + 1] = ("until grep -q '%s' shown; do sleep 0.02; done; kill -INT $pid"):format(shown)
  end
  script[#script + 1] = "wait $pid; status=$?; cat shown; cat problems >&2; exit $status"
  return { "sh", "-c", table.concat(script, "\n") }
end

describe("an interrupt", function()
  local ann
  before_each(function()
    ann = user.new { files = { ["slow.lua"] = STACK }, emulator = { "--speed", "5" }, environment = { SCWLUA_TIME_SCALE = "0.1" } }
  end)
  after_each(function() ann:leave() end)

  local function assert_free()
    local facts = json.decode(assert(core.file_read(ann.directory .. "/slow.state.lock")))
    assert.are.equal("released", facts.state)
    assert.is_nil(facts.removed)
  end

  local function apply(wrapper)
    return program.run({ "apply", "--yes", "slow.lua" }, { directory = ann.directory, environment = ann.environment, wrapper = wrapper })
  end

  it("lets the calls under way end, starts nothing new, and the next apply goes on", function()
    local result = apply(interrupted("space: creating"))
    assert.are.equal(130, result.status, result.stdout .. result.stderr)
    assert.is_truthy(result.stdout:find("Interrupted: nothing new starts", 1, true), result.stdout)
    assert.matches("container_namespace.space: created", result.stdout)
    assert.is_nil(result.stdout:find("container.app: creating", 1, true))
    assert.matches("\nInterrupted after [%d.]+s: 1 created, 1 not started%.\n$", result.stdout)
    assert.matches("goes on%s+where it stopped", result.stderr)
    assert_free()
    local again = apply()
    assert.are.equal(0, again.status, again.stderr)
    assert.matches("\nPlan: 1 to create, 1 unchanged%.\n", again.stdout)
    assert.matches("\nDone: 1 created in", again.stdout)
  end)

  it("that left nothing out is no failure", function()
    local result = apply(interrupted("app: creating"))
    assert.is_truthy(result.stdout:find("Interrupted: nothing new starts", 1, true), result.stdout)
    assert.are.equal(0, result.status, result.stdout .. result.stderr)
    assert.matches("\nDone: 2 created in [%d.]+s%.\n$", result.stdout)
    assert_free()
    assert.are.equal("done", ann:deployments("slow.lua")[1].result)
  end)

  it("repeated gives up waiting, and what was begun is found again", function()
    local result = apply(interrupted("space: creating", "Interrupted: "))
    assert.is_nil(result.stdout:find("space: created", 1, true))
    assert.are.equal(130, result.status, result.stdout .. result.stderr)
    assert.is_truthy(result.stdout:find("Interrupted again", 1, true), result.stdout)
    assert.matches("container_namespace.space: interrupted\n", result.stdout)
    assert.is_nil(result.stdout:find("failed", 1, true), result.stdout)
    assert.is_nil(result.stdout:find("skipped", 1, true), result.stdout)
    assert.matches("\nInterrupted after [%d.]+s: 1 interrupted, 1 not started%.\n", result.stdout)
    assert.matches("\nMay have changed all the same: container_namespace.space%.\n$", result.stdout)
    assert_free()
    local again = apply()
    assert.are.equal(0, again.status, again.stderr)
    assert.are.same({ container = 1, container_namespace = 1 }, ann.emulator:objects())
  end)
end)
