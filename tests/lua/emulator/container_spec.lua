local caller = require "tests.lua.emulator.caller"

local REGION = "/containers/v1/regions/fr-par"
local SPACES, CONTAINERS, TRIGGERS, DOMAINS = REGION .. "/namespaces", REGION .. "/containers", REGION .. "/triggers", REGION .. "/domains"

describe("containers", function()
  local emulator, call, space
  local function make(path, body)
    local status, made = call("POST", path, body)
    assert.are.equal(200, status)
    return made
  end

  before_each(function()
    emulator, call = caller.new()
    space = make(SPACES, { name = "My-Shop", secret_environment_variables = { KEY = "hunter2" } })
    call("GET", SPACES .. "/" .. space.id)
  end)

  local function container(fields)
    local body = { namespace_id = space.id, name = "web", image = "nginx:1" }
    for name, value in pairs(fields or {}) do body[name] = value end
    return make(CONTAINERS, body)
  end

  it("pass from creating to ready", function()
    assert.are.equal("creating", space.status)
    local _, now = call("GET", SPACES .. "/" .. space.id)
    assert.are.equal("ready", now.status)
    local made = container()
    assert.are.equal("creating", made.status)
    assert.is_nil(made.error_message)
    _, now = call("GET", CONTAINERS .. "/" .. made.id)
    assert.are.equal("ready", now.status)
    assert.are.equal("", now.error_message)
  end)

  it("get every default of the service and a host name", function()
    local made = container { timeout = "300.000000000s", sandbox = "unknown_sandbox" }
    assert.are.equal("https://myshop" .. space.id:sub(1, 8) .. "-web.functions.fnc.fr-par.scw.cloud", made.public_endpoint)
    assert.are.same({ 5, 0, 2048000000, 1000, "300s", "public", "http1", 8080, "v2", false },
      { made.max_scale, made.min_scale, made.memory_limit_bytes, made.mvcpu_limit, made.timeout, made.privacy,
        made.protocol, made.port, made.sandbox, made.https_connections_only })
    assert.are.same({ concurrent_requests_threshold = 50 }, made.scaling_option)
    assert.are.equal("1s", made.liveness_probe.timeout)
    assert.is_nil(made.private_network_id)
  end)

  it("never show secrets, keep those sent empty, drop those not sent", function()
    assert.matches("^%$argon2id%$", space.secret_environment_variables.KEY)
    local made = container { secret_environment_variables = { A = "a", B = "b" } }
    call("GET", CONTAINERS .. "/" .. made.id)
    local _, changed = call("PATCH", CONTAINERS .. "/" .. made.id, { secret_environment_variables = { A = "", C = "c" } })
    local secrets = changed.secret_environment_variables
    assert.are.equal(made.secret_environment_variables.A, secrets.A)
    assert.is_nil(secrets.B)
    assert.matches("^%$argon2id%$", secrets.C)
  end)

  it("spell one field differently in an update", function()
    local made = container()
    call("GET", CONTAINERS .. "/" .. made.id)
    local _, changed = call("PATCH", CONTAINERS .. "/" .. made.id, { https_connection_only = true, name = "other" })
    assert.is_true(changed.https_connections_only)
    assert.are.equal("web", changed.name)
    assert.are.equal("updating", changed.status)
  end)

  it("refuse changes while they pass from one state to the next", function()
    local slow, slow_call = caller.new { speed = 0.001 }
    local status, made = slow_call("POST", SPACES, { name = "slow" })
    assert.are.equal(200, status)
    status, made = slow_call("PATCH", SPACES .. "/" .. made.id, { description = "x" })
    assert.are.equal(409, status)
    assert.are.equal("transient_state", made.type)
    assert.are.equal("creating", made.current_state)
    status = slow_call("POST", CONTAINERS, { namespace_id = made.resource_id, name = "web", image = "nginx" })
    assert.are.equal(409, status)
    slow:close()
  end)

  it("end in error when the image cannot run", function()
    local made = container { image = "shop/fail:1", port = 9000 }
    local _, now = call("GET", CONTAINERS .. "/" .. made.id)
    assert.are.equal("error", now.status)
    assert.are.equal("Container is unable to start OR is not listening on port 9000", now.error_message)
    call("PATCH", CONTAINERS .. "/" .. made.id, { image = "shop/web:1" })
    _, now = call("GET", CONTAINERS .. "/" .. made.id)
    assert.are.equal("ready", now.status)
  end)

  it("go with their namespace", function()
    local made = container()
    call("GET", CONTAINERS .. "/" .. made.id)
    local trigger = make(TRIGGERS, { container_id = made.id, name = "t", cron_config = { schedule = "0 0 * * *" } })
    local status, body = call("DELETE", SPACES .. "/" .. space.id)
    assert.are.equal(200, status)
    assert.are.equal("deleting", body.status)
    assert.are.equal(404, (call("GET", TRIGGERS .. "/" .. trigger.id)))
    assert.are.equal(404, (call("GET", CONTAINERS .. "/" .. made.id)))
    assert.are.equal(404, (call("GET", SPACES .. "/" .. space.id)))
    assert.are.same({}, emulator:stats().objects)
  end)

  it("need a namespace that exists, a name of their own, a network that exists", function()
    local status, body = call("POST", CONTAINERS, { namespace_id = emulator.project_id, name = "web", image = "nginx" })
    assert.are.equal(404, status)
    assert.are.equal("namespace", body.resource)
    container()
    assert.are.equal(409, (call("POST", CONTAINERS, { namespace_id = space.id, name = "web", image = "nginx" })))
    status, body = call("POST", CONTAINERS, { namespace_id = space.id, name = "b", image = "x", private_network_id = space.id })
    assert.are.equal(404, status)
    assert.are.equal("private_network", body.resource)
    assert.are.equal(400, (call("POST", CONTAINERS, { namespace_id = space.id, name = "c", image = "x", min_scale = 6 })))
  end)

  it("are listed by namespace and project", function()
    container()
    local _, other = call("POST", SPACES, { name = "other" })
    local function count(query)
      local _, body = call("GET", CONTAINERS .. query)
      return body.total_count
    end
    assert.are.equal(1, count("?namespace_id=" .. space.id))
    assert.are.equal(0, count("?namespace_id=" .. other.id))
    assert.are.equal(1, count("?project_id=" .. emulator.project_id))
    assert.are.equal(0, count("?project_id=" .. space.id))
    assert.are.equal(1, count("?name=we"))
  end)

  it("are called by triggers of one kind", function()
    local made = container()
    call("GET", CONTAINERS .. "/" .. made.id)
    local trigger = make(TRIGGERS, { container_id = made.id, name = "n", nats_config = {
      server_urls = { "nats://x" }, subject = "s", credentials_file_content = "secret" } })
    assert.are.equal("nats", trigger.source_type)
    assert.is_nil(trigger.nats_config.credentials_file_content)
    assert.is_nil(trigger.cron_config)
    assert.are.same({ http_path = "/", http_method = "post" }, trigger.destination_config)
    call("GET", TRIGGERS .. "/" .. trigger.id)
    assert.are.equal(400, (call("PATCH", TRIGGERS .. "/" .. trigger.id, { cron_config = { schedule = "0 0 * * *" } })))
    assert.are.equal(400, (call("POST", TRIGGERS, { container_id = made.id, name = "none" })))
    local _, body = call("GET", TRIGGERS .. "?namespace_id=" .. space.id .. "&trigger_type=nats")
    assert.are.equal(1, body.total_count)
  end)

  it("take domains that resolve", function()
    local made = container()
    call("GET", CONTAINERS .. "/" .. made.id)
    local domain = make(DOMAINS, { container_id = made.id, hostname = "shop.example.org" })
    assert.are.equal("creating", domain.status)
    local status, body = call("POST", DOMAINS, { container_id = made.id, hostname = "shop.invalid" })
    assert.are.equal(400, status)
    assert.matches("^could not validate domain", body.message)
  end)
end)
