local api_client = require "scw.api.client"
local catalogue = require "scw.schema.catalogue"
local core = require "core"
local crud = require "scw.engine.crud"
local emulator = require "scw.emulator"
local schema = require "scw.schema"

local PASSWORD = "Correct-horse-1"

--- What is declared, in an order that has needs before users; `id` gives the id of what came before.
--- Each entry: type, fields, and fields to change afterwards.
local DECLARATIONS = {
  { "value", function() return { input = { 1, 2 } } end, { input = { 3 } } },
  { "account_project", function() return { name = "shop" } end, { description = "all of it" } },
  { "registry_namespace", function() return { name = "shop-images" } end, { description = "images", is_public = true } },
  { "vpc", function() return { name = "main", tags = { "a", "b" } } end, { name = "central", custom_routes_propagation = true } },
  { "private_network", function(id) return { name = "back", vpc = id "vpc", subnets = { "10.42.0.0/22" } } end, { tags = { "x" } } },
  { "rdb_instance", function(id) return {
      name = "db", engine = "PostgreSQL-17", node_type = "DB-DEV-S", volume_type = "sbs_5k", volume_size = "10GB",
      user_name = "root", password = PASSWORD, backup_retention = 30, settings = { max_connections = "200" },
      endpoints = { { load_balancer = {} }, { private_network = { network = id "private_network" } } },
    } end, { volume_size = "20GB", node_type = "DB-DEV-M", high_availability = true, tags = { "x" }, backup_retention = 14,
      password = "Correct-horse-2", endpoints = { { load_balancer = {} } } } },
  { "rdb_database", function(id) return { instance = id "rdb_instance", name = "shop" } end, {} },
  { "rdb_user", function(id) return { instance = id "rdb_instance", name = "app", password = PASSWORD } end,
    { is_admin = true, password = "Correct-horse-3" } },
  { "rdb_privilege", function(id)
      return { instance = id "rdb_instance", database = "shop", user = "app", permission = "readonly" }
    end,
    { permission = "all" } },
  { "rdb_acl", function(id)
      return { instance = id "rdb_instance", rules = { { ip = "1.2.3.4" }, { ip = "10.0.0.0/8", description = "in" } } }
    end,
    { rules = { { ip = "1.2.3.4/32", description = "office" } } } },
  { "secret", function() return { name = "token", path = "/shop/", tags = { "a" } } end,
    { description = "new", protected = true } },
  { "secret_version", function(id) return { secret = id "secret", generate = { length = 20 }, description = "first" } end,
    { description = "1" } },
  { "container_namespace", function() return { name = "web", secret_environment_variables = { TOKEN = "hunter2" } } end,
    { environment_variables = { A = "1" }, secret_environment_variables = { TOKEN = "hunter2", OTHER = "x" } } },
  { "container", function(id) return {
      namespace = id "container_namespace", name = "app", image = "nginx:1.29", memory_limit = "1GB", cpu_limit = 560,
      liveness_probe = { http = { path = "/health" }, failure_threshold = 3 }, private_network = id "private_network",
      secret_environment_variables = { TOKEN = "hunter2" }, https_only = true,
    } end, { image = "nginx:1.30", max_scale = 3, https_only = false, environment_variables = { A = "1" },
      secret_environment_variables = { TOKEN = "hunter3" }, liveness_probe = { tcp = {} } } },
  { "container_domain", function(id) return { container = id "container", hostname = "app.example.com" } end, { tags = { "x" } } },
  { "container_trigger", function(id) return { container = id "container", name = "nightly",
      cron = { schedule = "0 3 * * *", timezone = "Europe/Paris" } } end,
    { cron = { schedule = "30 4 * * *" }, description = "at night" } },
  { "cockpit_data_source", function() return { name = "metrics", type = "metrics" } end, { retention_days = 90 } },
  { "cockpit_token", function() return { name = "push", scopes = { "write_only_metrics", "read_only_logs" } } end, {} },
  { "cockpit_alert_manager", function() return {} end, {} },
  { "cockpit_contact_point", function(id) return { alert_manager = id "cockpit_alert_manager", email = "ops@example.com" } end,
    { send_resolved = false } },
  { "iam_application", function() return { name = "robot" } end, { description = "it deploys" } },
  { "iam_policy", function(id) return { name = "robot", application = id "iam_application",
      rules = { { permission_sets = { "ContainersReadOnly", "VPCReadOnly" }, projects = { id "project" } } } } end,
    { description = "more", rules = { { permission_sets = { "ContainersFullAccess" }, projects = {} } } } },
  { "iam_api_key", function(id) return { application = id "iam_application", description = "ci" } end, { description = "cd" } },
  { "job_definition", function(id) return { name = "migrate", image = "alpine:3", memory_limit = "256MiB", cpu_limit = 140,
      secrets = { { secret = id "secret", env = "TOKEN" } } } end,
    { cron = { schedule = "0 4 * * *" }, secrets = { { secret = "secret", path = "/run/token" } } } },
  { "key_manager_key", function() return { name = "states", usage = { symmetric_encryption = "aes_256_gcm" } } end,
    { description = "seals", tags = { "x" }, rotation_policy = { rotation_period = "90d" }, protected = false } },
  { "bucket", function() return { name = "shop-backups", tags = { app = "shop" }, versioning = true, force_destroy = true,
      lifecycle = { { id = "old", prefix = "logs/", expiration_days = 30 } },
      cors = { { allowed_methods = { "GET" }, allowed_origins = { "https://example.com" }, max_age = 60 } } } end,
    { tags = {}, lifecycle = {}, versioning = false, cors = { { allowed_methods = { "GET", "PUT" }, allowed_origins = { "*" } } } } },
  { "object", function() return { bucket = "shop-backups", key = "logs/a b.txt", content = "hello", metadata = { kind = "test" } } end,
    { content = "bye", content_type = "text/plain" } },
}

--- The servers' part needs the emulator's behaviour for them.
local function is_served(name)
  return catalogue.get(name).product ~= "rdb" or #core.modules("scw.emulator.behaviour.rdb") > 0
end

--- Fields as the state keeps them: secrets are fingerprints.
local function as_state(type, fields)
  local result = {}
  for name, value in pairs(fields) do
    local field = type.fields[name]
    if field.secret and field.kind == "map" then
      local map = {}
      for key, part in pairs(value) do map[key] = { ["$secret"] = "of " .. part } end
      value = map
    elseif field.secret then
      value = { ["$secret"] = "of " .. value }
    end
    result[name] = value
  end
  return result
end

local served = {}
for _, declaration in ipairs(DECLARATIONS) do
  if is_served(declaration[1]) then served[#served + 1] = declaration end
end

describe("every type on the emulator", function()
  local running, client, place
  local records = {}

  local function id_of(name)
    if name == "project" then return place.project end
    return records[name] and records[name].id or error("not made yet: " .. name)
  end

  setup(function()
    running = assert(emulator.start { speed = "instant" })
    client = api_client.new {
      time_scale = 0.001,
      credentials = { access_key = running.access_key, secret_key = running.secret_key, project = running.project_id,
        organization = running.organization_id, region = "fr-par", api_url = running.api_url, s3_endpoint = running.s3_url,
        path_style = true },
    }
    place = { region = "fr-par", zone = "fr-par-1", project = running.project_id, organization = running.organization_id }
  end)

  teardown(function() running:close() end)

  it("is declared here", function()
    local declared = {}
    for _, declaration in ipairs(DECLARATIONS) do declared[declaration[1]] = true end
    for _, name in ipairs(catalogue.names()) do assert(declared[name], name) end
  end)

  for _, declaration in ipairs(served) do
    local name, fields_of, change = declaration[1], declaration[2], declaration[3]
    local type = catalogue.get(name)

    it(name .. ": created, it reads back as asked, is found, listed, and changed in place", function()
      local fields = fields_of(id_of)
      assert.are.same({}, schema.check(type, fields, place))
      local values = schema.defaults(type, fields)
      local announced
      local made = assert(crud.create(client, type, values, place, function(id) announced = id end))
      assert.are.equal(made.id, announced)
      local inputs = as_state(type, values)
      local record = { id = made.id, type = name, place = place, inputs = inputs, outputs = made.outputs }
      records[name] = record
      assert.are.same({}, schema.diff(type, inputs, inputs, made.fields))

      local read = assert(crud.read(client, type, record))
      assert.are.same({}, schema.diff(type, inputs, inputs, read.fields))
      assert.are.same(made.outputs, read.outputs)

      if type.api and not type.ambiguous and type.api.list then assert.are.equal(made.id, crud.find(client, type, values, place)) end
      local scope = crud.list_scope(type, record)
      if scope and not scope.partial then
        local seen
        for _, listed in ipairs(assert(crud.list(client, type, scope.place, scope.parent))) do
          if listed.id == made.id then seen = listed end
        end
        assert(seen, "not in the list")
        assert.are.same({}, schema.diff(type, inputs, inputs, seen.fields))
      end

      if next(change) then
        local wanted = {}
        for key, value in pairs(fields) do wanted[key] = value end
        for key, value in pairs(change) do
          if key == "rules" and name == "iam_policy" then value[1].projects = { place.project } end
          if key == "secrets" and name == "job_definition" then value[1].secret = id_of "secret" end
          wanted[key] = value
        end
        wanted = schema.defaults(type, wanted)
        local desired = as_state(type, wanted)
        local changes = schema.diff(type, desired, inputs, read.fields)
        assert(#changes > 0)
        for _, found in ipairs(changes) do assert(not found.replace, found.path) end
        local updated = assert(crud.update(client, type, record, wanted, changes))
        assert.are.same({}, schema.diff(type, desired, desired, updated.fields))
        record.inputs = desired
        local again = assert(crud.read(client, type, record))
        assert.are.same({}, schema.diff(type, desired, desired, again.fields))
      end
    end)
  end

  it("gives the value of a secret when asked for it", function()
    local type = catalogue.get "secret_version"
    assert.are.equal(20, #assert(crud.fetch(client, type, records.secret_version, "value")))
  end)

  it("refuses to delete a protected secret, and says so", function()
    local type = catalogue.get "secret"
    local ok, err = crud.delete(client, type, records.secret)
    assert.is_nil(ok)
    assert.are.equal(412, err.status)
    local record = records.secret
    local desired = schema.defaults(type, record.inputs)
    desired.protected = false
    assert(crud.update(client, type, record, desired, schema.diff(type, desired, record.inputs, nil)))
    record.inputs = desired
  end)

  it("deletes everything, users before needs, and finds it gone", function()
    for index = #served, 1, -1 do
      local name = served[index][1]
      local type, record = catalogue.get(name), records[name]
      local ok, err = crud.delete(client, type, record)
      assert(ok, name .. ": " .. tostring(err and err.message))
      if type.driver ~= "local" then
        local found, problem = crud.read(client, type, record)
        assert.is_nil(found, name)
        assert.is_nil(problem, name)
      end
      assert(crud.delete(client, type, record), name .. " twice")
    end
  end)
end)
