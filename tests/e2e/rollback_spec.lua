--- Back to an earlier deployment, as a user would: both stacks after a bad release, and a small one for what may not happen unasked.
local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"
local user = require "tests.e2e.user"

local KEY = "k3y-of-the-models"
local REGION = "/containers/v1/regions/fr-par"

--- A project of its own: a copy of the stacks and modules, to be edited.
local function copy_project(directory)
  for _, folder in ipairs({ "stacks", "modules" }) do
    assert(core.directory_create(directory .. "/" .. folder))
    for _, name in ipairs(core.file_list(program.root .. "/" .. folder)) do
      local path = "/" .. folder .. "/" .. name
      assert(core.file_write(directory .. path, assert(core.file_read(program.root .. path))))
    end
  end
end

--- Waits for what the emulator does by itself.
local function await(condition)
  local deadline = core.clock() + 60000
  while not condition() do
    assert(core.clock() < deadline, "it does not happen")
    core.sleep(20)
  end
end

--- What the bad release changes besides its images.
local CHANGES = {
  staging = {
    { "documentation = { max_instances = 1,", "documentation = { max_instances = 7," },
    { "runners = { max_instances = 2,", "runners = { max_instances = 2, min_instances = 1," },
  },
  production = {
    { "documentation = { min_instances = 2, max_instances = 4 }", "documentation = { min_instances = 2, max_instances = 7 }" },
    { "backup_retention = 30, protect = true,", 'backup_retention = 30, protect = true, settings = { max_connections = "200" },' },
  },
}

-- Where time is measured the emulator is slow enough that what the program itself takes counts little.
local SPEEDS = { staging = 100, production = 20 }
local LIMITS_S = { staging = math.huge, production = 120 }

for _, name in ipairs({ "staging", "production" }) do
  describe("the " .. name .. " stack after a bad release", function()
    local stack, speed = ("stacks/%s.lua"):format(name), SPEEDS[name]
    local ann, source

    setup(function()
      ann = user.new {
        emulator = { "--speed", tostring(speed) }, secrets = { KEY },
        environment = { SCWLUA_TIME_SCALE = tostring(1 / speed), SCWLUA_CONFIG_MODEL_API_KEY = KEY },
      }
      copy_project(ann.directory)
      source = assert(core.file_read(ann.directory .. "/" .. stack))
    end)
    teardown(function() ann:leave() end)

    local function containers()
      local found = {}
      for _, container in ipairs(ann.emulator:api("GET", REGION .. "/containers?page_size=100").containers) do
        found[container.name] = { status = container.status, image = container.image:match("[^/]*$"), max_scale = container.max_scale }
      end
      return found
    end

    --- What the servers are set to, by name.
    local function settings()
      local found = {}
      for _, instance in ipairs(ann.emulator:api("GET", "/rdb/v1/regions/fr-par/instances").instances) do
        found[instance.name] = instance.settings
      end
      return found
    end

    it("is healthy again within two minutes, as it was, and nothing of its source is needed", function()
      ann:done("apply", "--yes", stack)
      local healthy, set = containers(), settings()
      assert.are.equal("ready", healthy.documentation.status)
      assert.are_not.equal("documentation:fail-2", healthy.documentation.image)

      local bad = source
      for _, change in ipairs(CHANGES[name]) do
        local at, last = bad:find(change[1], 1, true)
        assert(at, change[1])
        bad = bad:sub(1, at - 1) .. change[2] .. bad:sub(last + 1)
      end
      ann:write(stack, bad)
      local failed = ann:run("apply", "--yes", "--set", "release=fail-2", stack)
      assert.are.equal(1, failed.status, failed.stdout)
      local broken = containers()
      assert.are.same({ "error", "documentation:fail-2", 7 },
        { broken.documentation.status, broken.documentation.image, broken.documentation.max_scale })

      ann:write(stack, (bad:gsub("local evalap = ", "local evalap = = ", 1))) -- does not even compile
      local began = core.clock()
      local back = ann:done("rollback", "--yes", stack)
      local took = (core.clock() - began) / 1000 * speed
      assert.matches("^Back to deployment %x+ of .-container%.main.-\nDone: %d+ updated", back.stdout)
      assert.are.same(healthy, containers())
      assert.are.same(set, settings())
      assert.is_true(took < LIMITS_S[name], ("took %.0f s of the emulator's time"):format(took))

      ann:write(stack, source)
      assert.matches("Nothing to do", ann:done("plan", "--exit-code", stack).stdout)
      ann:write(stack, bad)
      local again = ann:run("plan", "--exit-code", "--set", "release=2.0.0", stack)
      assert.are.equal(2, again.status, again.stderr)
      assert.matches("max_scale: %d+ %-> 7", again.stdout)
    end)

    it("gets a container back that the service lost", function()
      local lost = {}
      for _, container in ipairs(ann.emulator:api("GET", REGION .. "/containers?page_size=100").containers) do
        if container.name == "streamlit" then lost = container end
      end
      ann.emulator:api("DELETE", REGION .. "/containers/" .. lost.id)
      await(function() return not containers().streamlit end)
      local history = ann:deployments(stack)
      assert.are.same({ history[3].id, "done", "failed" }, { history[1].back_to, history[1].result, history[2].result })
      ann.environment.SCWLUA_CONFIG_MODEL_API_KEY = nil -- Secret Manager has it
      local back = ann:done("rollback", "--yes", "--to", history[1].id:sub(1, 8), stack)
      ann.environment.SCWLUA_CONFIG_MODEL_API_KEY = KEY
      assert.matches("%+ evalap/streamlit/container.main: created", back.stdout)
      assert.are.equal("ready", containers().streamlit.status)
      ann:write(stack, source)
      ann:done("plan", "--exit-code", stack)
    end)

    it("gets no empty database unasked", function()
      for _, instance in ipairs(ann.emulator:api("GET", "/rdb/v1/regions/fr-par/instances").instances) do
        ann.emulator:api("DELETE", "/rdb/v1/regions/fr-par/instances/" .. instance.id)
      end
      await(function() return next(settings()) == nil end)
      local before = containers()
      local id = ann:deployments(stack)[1].id
      local result = ann:run("rollback", "--yes", "--to", id, stack)
      assert.are.equal(1, result.status, result.stdout)
      local said = result.stderr:gsub("%s+", " ")
      for _, type in ipairs({ "rdb_instance", "rdb_database" }) do
        local refused = ("evalap/database/%s.main: it held data that does not come back: it would be made anew, empty"):format(type)
        assert.is_truthy(said:find(refused, 1, true), said)
      end
      assert.are.same({ before, {} }, { containers(), settings() })
    end)
  end)
end

local SHOP = [[
local scw = require "scw"
return scw.stack {
  name = "shop", environment = "staging", region = "fr-par", state = scw.file { path = "shop.state" },
  build = function(stack)
    local key = stack:secret("key", { name = "shop-key" })
    stack:secret_version("key", { secret = key, data = scw.secret_env "SHOP_KEY" })
    local token = stack:generated_secret("token", { length = 40 })
    local space = stack:container_namespace("space", { name = "shop" })
    local app = stack:container("app", {
      namespace = space, name = "shop", image = "rg.fr-par.scw.cloud/shop/web:1.0.0",
      secret_environment_variables = { KEY = scw.secret_env "SHOP_KEY", TOKEN = "token " .. token.value, OTHER = scw.secret_env "OTHER" },
    })
    stack:output("url", app.url)
  end,
}
]]

describe("going back", function()
  local ann
  before_each(function()
    ann = user.new {
      environment = { SHOP_KEY = "sEcr3t-of-the-shop", OTHER = "an0ther-secret" },
      secrets = { "sEcr3t-of-the-shop", "an0ther-secret", "ch4nged-secret" },
    }
  end)
  after_each(function() ann:leave() end)

  --- Applies the stack with more in its `build`, or other images.
  local function deploy(edit, ...)
    ann:write("shop.lua", edit and edit(SHOP) or SHOP)
    return ann:done("apply", "--yes", "shop.lua", ...)
  end

  local function with(line)
    return function(text) return (text:gsub('    local space = ', function() return line .. "\n    local space = " end, 1)) end
  end

  it("says what changed secrets it leaves, and restores the rest", function()
    deploy()
    ann.environment.OTHER = "ch4nged-secret"
    deploy(function(text) return (text:gsub("web:1%.0%.0", "web:2.0.0")) end)
    local shown = ann:done("rollback", "--plan", "shop.lua").stdout
    shown = shown:gsub("deployment %x+ of [%d%-T:Z]+, by [^.]+", "deployment ID of TIME, by WHO")
    assert.are.equal(assert(core.file_read(program.root .. "/tests/e2e/expected/rollback.txt")), shown)
    local plan = ann:answer("rollback", "--plan", "--json", "shop.lua")
    local history = ann:deployments("shop.lua")
    assert.are.same({ 1, history[2].id }, { plan.format, plan.back_to.deployment })
    assert.are.equal(2, ann:run("rollback", "--plan", "--exit-code", "shop.lua").status)
    assert.are.equal(2, #ann:deployments("shop.lua"))
    local events = {}
    for line in ann:done("rollback", "--yes", "--json", "shop.lua").stdout:gmatch("[^\n]+") do events[#events + 1] = json.decode(line) end
    assert.are.same({ "plan", history[2].id }, { events[1].event, events[1].plan.back_to.deployment })
    assert.are.same({ "finished", "done" }, { events[#events].event, events[#events].result })
    assert.matches("done +~1 .-scwlua rollback to " .. history[2].id:sub(1, 8), ann:done("state", "history", "shop.lua").stdout)
    ann:write("shop.lua", SHOP) -- the source of then, with the secret that stayed
    ann:done("plan", "--exit-code", "shop.lua")
  end)

  it("repairs a container whose secrets nobody can be sure of, and leaves them", function()
    deploy()
    local function container() return ann.emulator:api("GET", REGION .. "/containers?page_size=100").containers[1] end
    ann.environment.OTHER = "ch4nged-secret"
    ann:write("shop.lua", (SHOP:gsub("web:1%.0%.0", "web:fail")))
    assert.are.equal(1, ann:run("apply", "--yes", "shop.lua").status)
    local broken = container()
    assert.are.equal("error", broken.status)
    local back = ann:done("rollback", "--yes", "shop.lua").stdout:gsub("%s+", " ")
    assert.matches("secret_environment_variables.OTHER stays as it is", back)
    assert.is_nil(back:find("KEY stays", 1, true))
    local repaired = container()
    assert.are.same({ "ready", "rg.fr-par.scw.cloud/shop/web:1.0.0" }, { repaired.status, repaired.image })
    assert.are.same(broken.secret_environment_variables, repaired.secret_environment_variables)
    ann:write("shop.lua", SHOP) -- whoever knows the secret sends it: it might be another
    assert.matches("OTHER: %(secret, changed%)", ann:done("apply", "--yes", "shop.lua").stdout)
    assert.are_not.equal(broken.secret_environment_variables.OTHER, container().secret_environment_variables.OTHER)
    ann:done("plan", "--exit-code", "shop.lua")
  end)

  it("needs neither the source nor its secrets, as long as something reads them back", function()
    deploy()
    local app = ann.emulator:api("GET", REGION .. "/containers?page_size=100").containers[1]
    ann.emulator:api("DELETE", REGION .. "/containers/" .. app.id)
    await(function() return #ann.emulator:api("GET", REGION .. "/containers?page_size=100").containers == 0 end)
    ann.environment.SHOP_KEY, ann.environment.OTHER = nil, nil
    local id = ann:deployments("shop.lua")[1].id
    local result = ann:run("rollback", "--yes", "--to", id, "shop.lua")
    assert.are.equal(1, result.status, result.stdout)
    local said = result.stderr:gsub("%s+", " ")
    assert.is_truthy(said:find("container.app: it would have to be made anew, but its secret secret_environment_variables.OTHER is not "
      .. "known any more", 1, true), said)
    assert.is_truthy(said:find("secret_environment_variables.TOKEN is not known", 1, true), said) -- a text in it might be secret
    assert.is_nil(said:find("secret_environment_variables.KEY", 1, true), said)
    assert.are.same({}, ann.emulator:api("GET", REGION .. "/containers?page_size=100").containers)
    assert.matches("Nothing to do", ann:done("rollback", "--to", id, "--exclude", "container.app", "--yes", "shop.lua").stdout)
  end)

  it("reads a secret back from Secret Manager for what it makes anew", function()
    local function without(text) return (text:gsub(", TOKEN = .-scw%.secret_env \"OTHER\"", "", 1)) end
    deploy(without)
    deploy(function(text) return (without(text):gsub("    local app = .-\n    }%)\n    stack:output.-\n", "", 1)) end)
    ann.environment.SHOP_KEY, ann.environment.OTHER = nil, nil
    local back = ann:done("rollback", "--yes", "shop.lua").stdout
    assert.matches("%+ container.app: created", back)
    assert.matches("url +https://", back)
    local app = ann.emulator:api("GET", REGION .. "/containers?page_size=100").containers[1]
    assert.is_string(app.secret_environment_variables.KEY)
    local read = 0
    for call, count in pairs((ann.emulator:requests())) do
      if call:find("access", 1, true) then read = read + count end
    end
    assert.are.equal(1, read)
    ann.environment.SHOP_KEY, ann.environment.OTHER = "sEcr3t-of-the-shop", "an0ther-secret"
    ann:write("shop.lua", without(SHOP))
    ann:done("plan", "--exit-code", "shop.lua")
  end)

  it("loses no data unasked", function()
    deploy()
    deploy(with '    stack:bucket("data", { name = "shop-rollback-data" })')
    local before = ann.emulator:objects()
    local result = ann:run("rollback", "--yes", "shop.lua")
    assert.are.equal(1, result.status)
    local said = result.stderr:gsub("%s+", " ")
    assert.is_truthy(said:find("bucket.data: it holds data, and did not exist then: it would be deleted", 1, true), said)
    assert.is_truthy(said:find("--lose-data bucket.data, or leave it as it is with --leave bucket.data", 1, true), said)
    assert.are.same(before, ann.emulator:objects())
    assert.matches("Nothing to do", ann:done("rollback", "--yes", "--leave", "bucket.data", "shop.lua").stdout)
    ann:done("rollback", "--yes", "--lose-data", "bucket.data", "shop.lua")
    assert.is_nil(ann.emulator:objects().bucket)
    -- and the other way round: it was deleted since
    local id = ann:deployments("shop.lua")[2].id
    result = ann:run("rollback", "--yes", "--to", id, "shop.lua")
    assert.are.equal(1, result.status)
    assert.is_truthy(result.stderr:gsub("%s+", " "):find("bucket.data: it held data that does not come back", 1, true), result.stderr)
    local made = ann:done("rollback", "--yes", "--to", id, "--lose-data", "bucket.data", "shop.lua")
    assert.matches("warning: bucket.data: it held data that does not come back", made.stdout)
    assert.are.equal(1, ann.emulator:objects().bucket)
  end)

  it("makes no other value of a generated secret unasked", function()
    deploy()
    deploy(function(text) return (text:gsub("length = 40", "length = 50")) end)
    local result = ann:run("rollback", "--yes", "shop.lua")
    assert.are.equal(1, result.status)
    assert.is_truthy(result.stderr:gsub("%s+", " "):find("secret_version.token: its generated value would be lost", 1, true), result.stderr)
    -- the text before the token may be secret: nothing knows how to put the new one in its place
    result = ann:run("rollback", "--yes", "--lose-data", "secret_version.token", "shop.lua")
    assert.are.equal(0, result.status, result.stderr)
    assert.matches("secret_environment_variables.TOKEN stays as it is", result.stdout:gsub("%s+", " "))
  end)

  it("says what it cannot find", function()
    ann:write("shop.lua", SHOP)
    local result = ann:run("rollback", "--yes", "shop.lua")
    assert.are.equal(1, result.status)
    assert.matches("INFRA_004.-no earlier deployment to go back to.-nothing was deployed yet", result.stderr)
    deploy()
    assert.matches("has no deployment 'abcd'", ann:run("rollback", "--to", "abcd", "shop.lua").stderr)
    local id = ann:deployments("shop.lua")[1].id
    result = ann:run("rollback", "--to", id, "--lose-data", "bucket.x", "shop.lua")
    assert.matches("no such resource, now or then", (result.stderr:gsub("%s+", " ")))
  end)
end)
