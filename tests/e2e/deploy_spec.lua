local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"
local terminal = require "tests.e2e.terminal"
local user = require "tests.e2e.user"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "shop", environment = "staging", region = "fr-par", state = scw.file { path = "shop.state" },
  build = function(stack)
    local scale = stack:config("scale", { type = "int", default = 2 })
    local key = stack:secret("key", { name = "shop-key" })
    local version = stack:secret_version("key", { secret = key, data = scw.secret_env "SHOP_KEY" })
    local space = stack:container_namespace("space", { name = "shop", secret_environment_variables = { KEY = version.value } })
    local app = stack:container("app", {
      namespace = space, name = "shop", image = "rg.fr-par.scw.cloud/shop/web:1.0.0", max_scale = scale,
      environment_variables = { LOG = scale > 2 and "debug" or "info" },
    })
    stack:output("url", app.url)
    stack:output("key", version.value)
  end,
}
]]

local SECRET = "sEcr3t-of-the-shop"

--- What a run shows, without what differs from run to run.
local function normal(text)
  return (text:gsub("\r", ""):gsub("%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x", "ID")
    :gsub("https://%S+", "URL"):gsub("%[ *[%dmh.]+s%]", "[ TIME]"):gsub("in [%d.]+s", "in TIME"):gsub("after [%d.]+s", "after TIME"))
end

describe("a deployment", function()
  local ann
  before_each(function() ann = user.new { files = { ["shop.lua"] = STACK }, environment = { SHOP_KEY = SECRET }, secrets = { SECRET } } end)
  after_each(function() ann:leave() end)

  local function on_terminal(words, more)
    more.directory, more.environment = ann.directory, ann.environment
    return terminal.run(words, more)
  end

  --- Compares with a file of tests/e2e/expected; SCWLUA_WRITE_EXPECTED=1 writes it.
  local function reads_as(name, shown)
    local path = program.root .. "/tests/e2e/expected/" .. name
    if core.environment().SCWLUA_WRITE_EXPECTED then assert(core.file_write(path, normal(shown), { mode = 420 })) end
    assert.are.equal(assert(core.file_read(path)), normal(shown))
  end

  it("reads well in a log: created, nothing to do, changed, failed, gone on with, destroyed", function()
    local result = ann:run("apply", "--yes", "shop.lua")
    assert.are.equal(0, result.status, result.stderr)
    reads_as("apply-create.txt", result.stdout)

    result = ann:run("apply", "shop.lua")
    assert.are.equal(0, result.status, result.stderr)
    reads_as("apply-nothing.txt", result.stdout)

    local refusal = { argument_name = "max_scale", reason = "constraint", help_message = "too high" }
    ann.emulator:faults({
      { path = "/containers/%x", method = "PATCH", status = 400, body = { type = "invalid_arguments", details = { refusal } } },
    })
    result = ann:run("apply", "--yes", "--set", "scale=4", "shop.lua")
    assert.are.equal(1, result.status)
    reads_as("apply-failed.txt", result.stdout .. result.stderr)

    ann.emulator:faults(core.array({}))
    result = ann:run("apply", "--yes", "--set", "scale=4", "shop.lua")
    assert.are.equal(0, result.status, result.stderr)
    reads_as("apply-update.txt", result.stdout)

    reads_as("state-list.txt", ann:run("state", "list", "shop.lua").stdout)
    reads_as("output.txt", ann:run("output", "shop.lua").stdout)

    result = ann:run("destroy", "--yes", "shop.lua")
    assert.are.equal(0, result.status, result.stderr)
    reads_as("destroy.txt", result.stdout)
    assert.are.same({}, ann.emulator:objects())
  end)

  it("is one JSON event a line for programs", function()
    local result = ann:run("apply", "--yes", "--json", "shop.lua")
    assert.are.equal(0, result.status, result.stderr)
    local events = {}
    for line in result.stdout:gmatch("[^\n]+") do events[#events + 1] = assert(json.decode(line)) end
    assert.are.equal("plan", events[1].event)
    assert.are.equal(4, events[1].plan.summary.create)
    local started, done = {}, {}
    for _, event in ipairs(events) do
      if event.event == "step_started" then started[event.address] = true end
      if event.event == "step_done" then
        assert.is_true(started[event.address])
        done[#done + 1] = event.address
      end
    end
    table.sort(done)
    assert.are.same({ "container.app", "container_namespace.space", "secret.key", "secret_version.key" }, done)
    local last = events[#events]
    assert.are.equal("finished", last.event)
    assert.are.equal("done", last.result)
    assert.are.same({ secret = true }, last.outputs.key)
    assert.matches("^https://", last.outputs.url.value)
  end)

  it("destroys a part: its outputs go, what is gone may be named, what is left out is said", function()
    assert.are.equal(0, ann:run("apply", "--yes", "shop.lua").status)
    local result = ann:run("destroy", "--yes", "--target", "container.app", "shop.lua")
    assert.are.equal(0, result.status, result.stderr)
    assert.matches("Left out: container_namespace.space, secret.key, secret_version.key%.", result.stdout)
    assert.matches('\nOutputs\n  %- url: "https://', result.stdout)
    assert.are.equal("Outputs\n  key  (secret)\n", ann:run("output", "shop.lua").stdout)
    result = ann:run("destroy", "--yes", "--exclude", "container.app", "shop.lua")
    assert.are.equal(0, result.status, result.stderr)
    assert.are.same({}, ann.emulator:objects())
    assert.matches("matches nothing", ann:run("destroy", "--yes", "--exclude", "container.ap", "shop.lua").stderr)
    result = ann:run("plan", "--target", "container.app", "--exclude", "container.app", "shop.lua")
    assert.matches("Left out: container.app", result.stdout)
  end)

  it("needs a yes where there is no terminal to ask on", function()
    local result = ann:run("apply", "shop.lua")
    assert.are.equal(1, result.status)
    assert.matches("error INFRA_001: apply needs a yes", result.stderr)
    assert.are.same({}, ann.emulator:objects())
  end)

  it("asks on a terminal, and takes nothing but yes for a yes", function()
    local shown, status = on_terminal({ "apply", "shop.lua" }, { input = "y\n" })
    assert.are.equal(1, status)
    assert.matches("Apply these changes%?", shown)
    assert.matches("Nothing was changed%.", shown)
    assert.are.same({}, ann.emulator:objects())
  end)

  it("shows live progress on a terminal, and leaves it as it was", function()
    local shown, status = on_terminal({ "apply", "shop.lua" }, { input = "yes\n" })
    assert.are.equal(0, status, shown)
    assert.is_nil(shown:find(SECRET, 1, true))
    assert.is_truthy(shown:find("%d/4 done, %d running, %d waiting, [%d.]+s"))
    local hidden, visible = select(2, shown:gsub("\27%[%?25l", "")), select(2, shown:gsub("\27%[%?25h", ""))
    assert.is_true(hidden == 1 and visible >= 1)
    assert.is_true(shown:find("\27[?25l", 1, true) < shown:find("\27%[%?25h[^\27]"))
    assert.matches("Done: 4 created in", shown)
  end)

  it("wraps nothing on a narrow terminal", function()
    local shown = on_terminal({ "plan", "shop.lua" }, { before = "stty cols 50; " })
    for line in shown:gsub("\r", ""):gsub("\27%[%d*m", ""):gmatch("[^\n]+") do
      assert.is_true(utf8.len(line) <= 50, line)
    end
  end)

  it("shows only what is asked for with --target and --exclude", function()
    local only = ann:answer("plan", "--json", "--target", "container_namespace.space", "shop.lua")
    assert.are.equal(3, only.summary.create)
    local without = ann:answer("plan", "--json", "--exclude", "container_namespace.space", "shop.lua")
    assert.are.equal(2, without.summary.create)
  end)
end)
