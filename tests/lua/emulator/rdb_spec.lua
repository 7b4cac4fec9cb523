local caller = require "tests.lua.emulator.caller"
local core = require "core"
local json = require "scw.json"

local REGION = "/rdb/v1/regions/fr-par"
local INSTANCES = REGION .. "/instances"
local NETWORKS, IPS = "/vpc/v2/regions/fr-par/private-networks", "/ipam/v1/regions/fr-par/ips"
local PASSWORD = "Never-shown-1"

describe("managed databases", function()
  local emulator, call

  before_each(function() emulator, call = caller.new() end)

  local function ask(expected, method, path, body)
    local status, answered = call(method, path, body)
    assert.are.equal(expected, status, tostring(json.encode(answered or {})))
    return answered
  end

  local function make(fields)
    local body = { name = "main", engine = "PostgreSQL-16", node_type = "DB-DEV-S", user_name = "admin", password = PASSWORD,
      is_ha_cluster = false, disable_backup = false, backup_same_region = false }
    for name, value in pairs(fields or {}) do body[name] = value end
    return ask(200, "POST", INSTANCES, body)
  end

  local function of(instance, rest) return INSTANCES .. "/" .. instance.id .. (rest or "") end
  local function read(instance) return ask(200, "GET", of(instance)) end
  local function ready(fields)
    local made = make(fields)
    return read(made)
  end
  local function network() return ask(200, "POST", NETWORKS, { name = "n", subnets = json.array { "10.3.0.0/24" } }) end
  local function in_network(id, more)
    local spec = { private_network_id = id, ipam_config = {} }
    for name, value in pairs(more or {}) do spec[name] = value end
    return { private_network = spec }
  end

  describe("instances", function()
    it("are provisioned, initialised, then ready with a public endpoint, in virtual time", function()
      emulator, call = caller.new { speed = 1 }
      local now = core.now()
      emulator.clock.now = function() return now end
      local made = make()
      assert.are.same({ "provisioning", {}, {}, json.null }, { made.status, made.endpoints, made.settings, made.endpoint })
      now = now + 31
      assert.are.equal("initializing", read(made).status)
      local busy = ask(409, "PATCH", of(made), { name = "other" })
      assert.are.same({ "transient_state", "instance", made.id, "initializing" },
        { busy.type, busy.resource, busy.resource_id, busy.current_state })
      now = now + 61
      local done = read(made)
      assert.are.equal("ready", done.status)
      assert.are.equal(1, #done.endpoints)
      assert.are.same({}, done.endpoints[1].load_balancer)
      assert.are.same(done.endpoints[1], done.endpoint)
      assert.are.equal(6, #done.settings)
    end)

    it("have the defaults of the service", function()
      local made = ready { volume_size = 0, init_endpoints = json.null }
      assert.are.same({ "db-dev-s", { class = "lssd", type = "lssd", size = 5000000000 }, { enabled = false } },
        { made.node_type, made.volume, made.encryption })
      assert.are.same({ max_age_retention = 30, total_disk_retention = json.null }, made.logs_policy)
      assert.are.same({ 24, 7, false }, { made.backup_schedule.frequency, made.backup_schedule.retention, made.backup_schedule.disabled })
      assert.are.equal("PostgreSQL-17", made.upgradable_version[1].name)
      assert.is_nil(made.updated_at)
    end)

    it("never keep or show a password", function()
      local path = os.tmpname()
      os.remove(path)
      emulator, call = caller.new { speed = "instant", data = path }
      local made = ready()
      ask(200, "POST", of(made, "/users"), { name = "app", password = "Also-hidden-2", is_admin = false })
      ask(200, "PATCH", of(made, "/users/app"), { password = "Changed-hidden-3" })
      for _, target in ipairs { of(made), of(made, "/users"), INSTANCES } do
        local text = assert(json.encode(ask(200, "GET", target)))
        assert.is_nil(text:find("hidden", 1, true) or text:find(PASSWORD, 1, true))
      end
      emulator:close()
      local bytes = assert(core.file_read(path))
      assert.is_truthy(bytes:find("PostgreSQL-16", 1, true))
      assert.is_nil(bytes:find("hidden", 1, true) or bytes:find(PASSWORD, 1, true))
      for _, suffix in ipairs { "", "-wal", "-shm" } do os.remove(path .. suffix) end
    end)

    it("go on from a file where they were", function()
      local path = os.tmpname()
      os.remove(path)
      emulator, call = caller.new { speed = 1, data = path }
      local id = network().id
      local made = make { init_endpoints = json.array { { load_balancer = {} }, in_network(id) } }
      emulator:close()
      emulator, call = caller.new { speed = 1, data = path }
      assert.are.equal("provisioning", read(made).status)
      local later = emulator.clock:now() + 100
      emulator.clock.now = function() return later end
      local done = read(made)
      assert.are.same({ "ready", 2, "10.3.0.2" }, { done.status, #done.endpoints, done.endpoints[1].ip })
      ask(412, "DELETE", NETWORKS .. "/" .. id)
      emulator:close()
      for _, suffix in ipairs { "", "-wal", "-shm" } do os.remove(path .. suffix) end
    end)

    it("refuse what the service refuses", function()
      local function refused(fields, argument)
        local status, body = call("POST", INSTANCES, {
          name = fields.name or "x", engine = fields.engine or "PostgreSQL-16", node_type = fields.node_type or "db-dev-s",
          user_name = fields.user_name or "admin", password = fields.password or PASSWORD, volume_type = fields.volume_type,
          volume_size = fields.volume_size,
        })
        assert.are.same({ 400, argument }, { status, body.details[1].argument_name })
      end
      refused({ engine = "PostgreSQL-9.6" }, "engine")
      refused({ node_type = "db-huge" }, "node_type")
      refused({ password = "short" }, "password")
      refused({ user_name = "pg_me" }, "user_name")
      refused({ volume_size = 10000000000 }, "volume_size")
      refused({ volume_type = "sbs_5k", volume_size = 11000000000 }, "volume_size")
      refused({ node_type = "db-play2-pico" }, "volume_type")
      assert.are.equal(0, ask(200, "GET", INSTANCES).total_count)
    end)

    it("change what a PATCH may change and nothing else", function()
      local made = ready()
      local changed = ask(200, "PATCH", of(made), { name = "new", tags = json.array { "a" }, node_type = "db-dev-m",
        backup_schedule_frequency = 12, is_backup_schedule_disabled = true, logs_policy = { max_age_retention = 5 } })
      assert.are.same({ "new", { "a" }, "db-dev-s", "ready" }, { changed.name, changed.tags, changed.node_type, changed.status })
      assert.are.same({ disabled = true, frequency = 12, retention = 7, next_run_at = json.null }, changed.backup_schedule)
      assert.are.same({ max_age_retention = 5, total_disk_retention = json.null }, changed.logs_policy)
    end)

    it("take exactly one upgrade a call, and no way back", function()
      local made = ready { volume_type = "sbs_5k", volume_size = 10000000000 }
      local upgrade = of(made, "/upgrade")
      ask(400, "POST", upgrade, {})
      ask(400, "POST", upgrade, { node_type = "db-dev-m", enable_ha = true })
      ask(400, "POST", upgrade, { volume_size = 5000000000 })
      ask(400, "POST", upgrade, { enable_ha = false })
      local growing = ask(200, "POST", upgrade, { volume_size = 20000000000 })
      assert.are.same({ "initializing", 20000000000 }, { growing.status, growing.volume.size })
      assert.are.equal("ready", read(made).status)
      assert.are.equal("db-dev-m", ask(200, "POST", upgrade, { node_type = "DB-DEV-M" }).node_type)
      assert.is_true(ask(200, "POST", upgrade, { enable_ha = true }).is_ha_cluster)
      assert.is_true(ask(200, "POST", upgrade, { enable_encryption = true }).encryption.enabled)
    end)

    it("get a new id with a new engine, and take endpoints, users and databases along", function()
      local made = ready()
      ask(200, "POST", of(made, "/databases"), { name = "shop" })
      ask(200, "PUT", of(made, "/acls"), { rules = json.array { { ip = "1.2.3.4/32", description = "" } } })
      local endpoint = read(made).endpoints[1]
      local next_one = ask(200, "POST", of(made, "/upgrade"),
        { major_upgrade_workflow = { upgradable_version_id = made.upgradable_version[1].id, with_endpoints = true } })
      assert.are_not.equal(made.id, next_one.id)
      assert.are.same({ "PostgreSQL-17", "provisioning", {} }, { next_one.engine, next_one.status, next_one.endpoints })
      assert.are.same({ endpoint }, read(next_one).endpoints)
      assert.are.same({}, read(made).endpoints)
      assert.are.equal(2, ask(200, "GET", of(next_one, "/databases")).total_count)
      assert.are.equal("0.0.0.0/0", ask(200, "GET", of(next_one, "/acls")).rules[1].ip)
      assert.are.equal(0, ask(200, "GET", of(made, "/acls")).rules[1].port)
    end)

    it("have settings of their engine", function()
      local made = ready()
      ask(400, "PUT", of(made, "/settings"), { settings = json.array { { name = "nonsense", value = "1" } } })
      ask(400, "PUT", of(made, "/settings"), { settings = json.array { { name = "max_connections", value = "1" } } })
      ask(200, "PUT", of(made, "/settings"), { settings = json.array { { name = "work_mem", value = "8" },
        { name = "max_connections", value = "200" } } })
      assert.are.same({ { name = "max_connections", value = "200" }, { name = "work_mem", value = "8" } }, read(made).settings)
      ask(200, "POST", of(made, "/settings"), { settings = json.array { { name = "jit", value = "off" } } })
      ask(200, "DELETE", of(made, "/settings"), { setting_names = json.array { "work_mem" } })
      assert.are.same({ "jit", "max_connections" }, { read(made).settings[1].name, read(made).settings[2].name })
    end)

    it("end with a full disk or in error when a tag asks for it", function()
      local full = ready { tags = json.array { "disk_full" }, volume_type = "sbs_5k", volume_size = 10000000000 }
      assert.are.equal("disk_full", full.status)
      assert.are.equal("disk_full", ask(409, "POST", of(full, "/upgrade"), { enable_ha = true }).current_state)
      ask(409, "PUT", of(full, "/acls"), { rules = json.array {} })
      ask(409, "POST", of(full, "/databases"), { name = "shop" })
      ask(409, "POST", REGION .. "/backups", { instance_id = full.id, database_name = "rdb", name = "b" })
      ask(409, "POST", of(full, "/endpoints"), { endpoint_spec = in_network(network().id) })
      assert.are.equal(0, ask(200, "GET", REGION .. "/backups").total_count)
      assert.are.equal(1, #read(full).endpoints)
      assert.is_false(read(full).is_ha_cluster)
      ask(200, "POST", of(full, "/upgrade"), { volume_size = 20000000000 })
      assert.are.equal("ready", read(full).status)
      local broken = ready { tags = json.array { "error" } }
      assert.are.equal("error", broken.status)
      ask(409, "POST", of(broken, "/upgrade"), { node_type = "db-dev-m" })
      ask(200, "DELETE", of(broken))
      ask(404, "GET", of(broken))
    end)

    it("are deleted with what hangs on them", function()
      local made = ready()
      ask(200, "POST", of(made, "/databases"), { name = "shop" })
      assert.are.equal("deleting", ask(200, "DELETE", of(made)).status)
      assert.are.equal("instance", ask(404, "GET", of(made)).resource)
      ask(404, "GET", of(made, "/databases"))
      assert.are.same({}, emulator:stats().objects)
    end)

    it("show a certificate, logs and a maintenance", function()
      local made = ready { tags = json.array { "maintenance" } }
      assert.matches("BEGIN CERTIFICATE", core.unbase64(ask(200, "GET", of(made, "/certificate")).content))
      local log = ask(200, "POST", of(made, "/prepare-logs"), {}).instance_logs[1]
      assert.are.equal("creating", log.status)
      assert.are.equal("ready", ask(200, "GET", REGION .. "/logs/" .. log.id).status)
      assert.are.equal("done", ask(200, "POST", of(made, "/apply-maintenance"), {}).status)
      read(made)
      ask(412, "POST", of(made, "/apply-maintenance"), {})
      assert.are.equal("restarting", ask(200, "POST", of(made, "/restart"), {}).status)
    end)
  end)

  describe("access", function()
    it("begins with a database, a user, and everybody let in", function()
      local made = ready()
      assert.are.same({ { name = "rdb", managed = true, owner = "_rdb_superadmin", size = 7763635 } },
        ask(200, "GET", of(made, "/databases")).databases)
      assert.are.same({ { name = "admin", is_admin = true } }, ask(200, "GET", of(made, "/users")).users)
      assert.are.same({ { ip = "0.0.0.0/0", description = "IP allowed", port = made.endpoint.port, protocol = "tcp",
        direction = "inbound", action = "allow" } }, ask(200, "GET", of(made, "/acls")).rules)
    end)

    it("is refused until the instance is ready", function()
      emulator, call = caller.new { speed = 1 }
      local made = make()
      for _, each in ipairs {
        { "POST", "/databases", { name = "a" } }, { "POST", "/users", { name = "u", password = PASSWORD, is_admin = false } },
        { "PUT", "/privileges", { database_name = "rdb", user_name = "admin", permission = "all" } },
        { "PUT", "/acls", { rules = json.array {} } }, { "POST", "/endpoints", { endpoint_spec = in_network(network().id) } },
      } do
        assert.are.equal("transient_state", ask(409, each[1], of(made, each[2]), each[3]).type, each[2])
      end
    end)

    it("has databases and users by name", function()
      local made = ready()
      assert.are.same({ name = "shop", managed = true, owner = "", size = 0 }, ask(200, "POST", of(made, "/databases"), { name = "shop" }))
      assert.are.equal("already_exists", ask(409, "POST", of(made, "/databases"), { name = "shop" }).type)
      ask(400, "POST", of(made, "/databases"), { name = "postgres" })
      ask(400, "POST", of(made, "/databases"), { name = "1st" })
      assert.are.same({ name = "app", is_admin = false },
        ask(200, "POST", of(made, "/users"), { name = "app", password = PASSWORD, is_admin = false }))
      ask(400, "POST", of(made, "/users"), { name = "weak", password = "password", is_admin = false })
      ask(400, "POST", of(made, "/users"), { name = "_rdb_x", password = PASSWORD, is_admin = false })
      assert.are.equal(1, ask(200, "GET", of(made, "/users?name=app")).total_count)
      assert.is_true(ask(200, "PATCH", of(made, "/users/app"), { is_admin = true }).is_admin)
      ask(204, "DELETE", of(made, "/users/app"))
      ask(204, "DELETE", of(made, "/databases/shop"))
      assert.are.same({ "database", "shop" }, (function(gone) return { gone.resource, gone.resource_id } end)(
        ask(404, "DELETE", of(made, "/databases/shop"))))
      assert.are.equal(0, ask(200, "GET", of(made, "/databases?name=shop")).total_count)
    end)

    it("has privileges that go with their user or database", function()
      local made = ready()
      local both = { database_name = "shop", user_name = "app", permission = "readonly" }
      ask(404, "PUT", of(made, "/privileges"), both)
      ask(200, "POST", of(made, "/databases"), { name = "shop" })
      ask(200, "POST", of(made, "/users"), { name = "app", password = PASSWORD, is_admin = false })
      assert.are.same(both, ask(200, "PUT", of(made, "/privileges"), both))
      ask(200, "PUT", of(made, "/privileges"), { database_name = "shop", user_name = "app", permission = "none" })
      local listed = ask(200, "GET", of(made, "/privileges?database_name=shop&user_name=app"))
      assert.are.same({ 1, "none" }, { listed.total_count, listed.privileges[1].permission })
      ask(204, "DELETE", of(made, "/users/app"))
      assert.are.equal(0, ask(200, "GET", of(made, "/privileges?database_name=shop")).total_count)
    end)

    it("is ruled as a whole, by addition and by removal", function()
      local made = ready()
      local set = ask(200, "PUT", of(made, "/acls"), { rules = json.array { { ip = "1.2.3.4/32", description = "" },
        { ip = "9.0.0.0/16", description = "office" } } })
      assert.are.same({ "IP allowed", "office" }, { set.rules[1].description, set.rules[2].description })
      assert.are.equal("ready", read(made).status)
      ask(400, "PUT", of(made, "/acls"), { rules = json.array { { ip = "fd00::/8", description = "" } } })
      ask(200, "POST", of(made, "/acls"), { rules = json.array { { ip = "5.0.0.0/8", description = "" } } })
      assert.are.equal(3, ask(200, "GET", of(made, "/acls?page=1")).total_count)
      local gone = ask(200, "DELETE", of(made, "/acls"), { acl_rule_ips = json.array { "1.2.3.4/32", "5.0.0.0/8" } })
      assert.are.equal(2, #gone.rules)
      assert.are.equal("9.0.0.0/16", ask(200, "GET", of(made, "/acls")).rules[1].ip)
    end)
  end)

  describe("endpoints", function()
    it("lie in the network that was asked for, and only there", function()
      local id = network().id
      local made = make { init_endpoints = json.array { in_network(id) } }
      assert.are.equal("10.3.0.2/24", made.endpoints[1].private_network.service_ip)
      local done = read(made)
      assert.are.same({ 1, "10.3.0.2", 5432, json.null }, { #done.endpoints, done.endpoints[1].ip, done.endpoints[1].port, done.endpoint })
      local booked = ask(200, "GET", IPS .. "?resource_type=rdb_instance&resource_id=" .. made.id).ips
      assert.are.same({ 1, "10.3.0.2/24", "main" }, { #booked, booked[1].address, booked[1].resource.name })
      assert.are.equal("10.3.0.3", make { init_endpoints = json.array { in_network(id) } }.endpoints[1].ip)
    end)

    it("keep their network from being deleted until they are gone", function()
      local id = network().id
      local made = ready { init_endpoints = json.array { in_network(id) } }
      assert.are.equal("resource_still_in_use", ask(412, "DELETE", NETWORKS .. "/" .. id).precondition)
      ask(200, "DELETE", of(made))
      ask(204, "DELETE", NETWORKS .. "/" .. id)
      assert.are.equal(0, ask(200, "GET", IPS).total_count)
    end)

    it("come and go one of a kind", function()
      local id = network().id
      local made = ready()
      ask(400, "POST", of(made, "/endpoints"), { endpoint_spec = { load_balancer = {} } })
      ask(404, "POST", of(made, "/endpoints"), { endpoint_spec = in_network(core.uuid()) })
      local private = ask(200, "POST", of(made, "/endpoints"), { endpoint_spec = { private_network =
        { private_network_id = id, service_ip = "10.3.0.9/24" } } })
      assert.are.same({ "static", "10.3.0.9" }, { private.private_network.provisioning_mode, private.ip })
      local now = read(made)
      assert.are.same({ "ready", 2 }, { now.status, #now.endpoints })
      assert.are.equal(private.id, ask(200, "GET", REGION .. "/endpoints/" .. private.id).id)
      ask(204, "DELETE", REGION .. "/endpoints/" .. now.endpoint.id)
      local left = read(made)
      assert.are.same({ 1, json.null }, { #left.endpoints, left.endpoint })
      assert.are.same({ id = "", name = json.null, port = 0 },
        ask(200, "POST", of(made, "/endpoints"), { endpoint_spec = { load_balancer = {} } }))
      assert.are.equal(2, #read(made).endpoints)
    end)

    it("keep an instance in configuring while they go", function()
      emulator, call = caller.new { speed = 1 }
      local now = core.now()
      emulator.clock.now = function() return now end
      local made = make()
      now = now + 100
      local endpoint = read(made).endpoints[1]
      ask(204, "DELETE", REGION .. "/endpoints/" .. endpoint.id)
      assert.are.same({ "configuring", 1 }, { read(made).status, #read(made).endpoints })
      ask(409, "DELETE", REGION .. "/endpoints/" .. endpoint.id)
      now = now + 16
      assert.are.same({ "ready", 0 }, { read(made).status, #read(made).endpoints })
    end)
  end)

  describe("read replicas", function()
    it("have endpoints of their own and are listed with their instance", function()
      local made, id = ready(), network().id
      local path = REGION .. "/read-replicas"
      ask(400, "POST", path, { instance_id = made.id, endpoint_spec = json.array { { load_balancer = {} } }, same_zone = true })
      local replica = ask(200, "POST", path, { instance_id = made.id, same_zone = true,
        endpoint_spec = json.array { { direct_access = {} }, in_network(id) } })
      assert.are.same({ "provisioning", 1 }, { replica.status, #replica.endpoints })
      replica = ask(200, "GET", path .. "/" .. replica.id)
      assert.are.same({ "ready", 2 }, { replica.status, #replica.endpoints })
      assert.are.same({ replica }, read(made).read_replicas)
      ask(412, "DELETE", NETWORKS .. "/" .. id)
      assert.are.equal("initializing", ask(200, "POST", path .. "/" .. replica.id .. "/reset", {}).status)
      assert.are.equal("deleting", ask(200, "DELETE", path .. "/" .. replica.id).status)
      ask(404, "GET", path .. "/" .. replica.id)
      ask(204, "DELETE", NETWORKS .. "/" .. id)
    end)

    it("are three at most, and become instances", function()
      local made = ready()
      local path, last = REGION .. "/read-replicas", nil
      for _ = 1, 3 do
        last = ask(200, "POST", path, { instance_id = made.id, same_zone = true, endpoint_spec = json.array { { direct_access = {} } } })
      end
      ask(403, "POST", path, { instance_id = made.id, same_zone = true, endpoint_spec = json.array { { direct_access = {} } } })
      local promoted = ask(200, "POST", path .. "/" .. last.id .. "/promote", {})
      assert.are.equal(1, #read(promoted).endpoints)
      ask(404, "GET", path .. "/" .. last.id)
      assert.are.equal(2, #read(made).read_replicas)
    end)
  end)

  describe("copies", function()
    it("of a database are restored, exported, and outlive the instance", function()
      local made = ready()
      ask(404, "POST", REGION .. "/backups", { instance_id = made.id, database_name = "shop", name = "b" })
      ask(200, "POST", of(made, "/databases"), { name = "shop" })
      local backup = ask(200, "POST", REGION .. "/backups", { instance_id = made.id, database_name = "shop", name = "b" })
      assert.are.same({ "creating", json.null, json.null }, { backup.status, backup.size, backup.updated_at })
      local path = REGION .. "/backups/" .. backup.id
      assert.are.same({ "ready", "integer" }, (function(now) return { now.status, math.type(now.size) } end)(ask(200, "GET", path)))
      ask(204, "DELETE", of(made, "/databases/shop"))
      assert.are.equal("restoring", ask(200, "POST", path .. "/restore", { instance_id = made.id, database_name = "again" }).status)
      read(made)
      assert.are.equal(1, ask(200, "GET", of(made, "/databases?name=again")).total_count)
      ask(200, "GET", path)
      ask(200, "POST", path .. "/export", {})
      assert.matches("^https://", ask(200, "GET", path).download_url)
      ask(200, "DELETE", of(made))
      ask(404, "GET", of(made))
      assert.are.equal(1, ask(200, "GET", REGION .. "/backups?instance_id=" .. made.id).total_count)
      assert.are.equal("deleting", ask(200, "DELETE", path).status)
      assert.are.equal("database_backup", ask(404, "GET", path).resource)
    end)

    it("of a volume need block storage and become instances", function()
      local lssd = ready()
      ask(412, "POST", of(lssd, "/snapshots"), { name = "s" })
      local made = ready { volume_type = "sbs_5k", volume_size = 10000000000 }
      ask(200, "POST", of(made, "/databases"), { name = "shop" })
      local snapshot = ask(200, "POST", of(made, "/snapshots"), { name = "s" })
      assert.are.same({ "creating", json.null }, { snapshot.status, snapshot.size })
      assert.are.equal(10000000000, ask(200, "GET", REGION .. "/snapshots/" .. snapshot.id).size)
      local copy = ask(200, "POST", REGION .. "/snapshots/" .. snapshot.id .. "/create-instance",
        { instance_name = "copy", is_ha_cluster = false, node_type = "db-dev-m" })
      assert.are.same({ "provisioning", "copy", "db-dev-m", 10000000000 }, { copy.status, copy.name, copy.node_type, copy.volume.size })
      assert.are.equal(1, #read(copy).endpoints)
      assert.are.equal(1, ask(200, "GET", of(copy, "/databases?name=shop")).total_count)
      assert.are.equal("deleting", ask(200, "DELETE", REGION .. "/snapshots/" .. snapshot.id).status)
      assert.are.equal("instance_snapshot", ask(404, "GET", REGION .. "/snapshots/" .. snapshot.id).resource)
    end)
  end)

  it("say what they can be made of", function()
    local engines = ask(200, "GET", REGION .. "/database-engines").engines
    assert.are.same({ "MySQL", "PostgreSQL" }, { engines[1].name, engines[2].name })
    assert.are.equal("PostgreSQL-17", engines[2].versions[1].name)
    assert.is_true(#engines[2].versions[1].available_settings > 50)
    local nodes = ask(200, "GET", REGION .. "/node-types?page_size=100&include_disabled_types=false")
    assert.are.same({ "db-dev-s", nodes.total_count }, { nodes.node_types[1].name, #nodes.node_types })
    assert.are.equal(3306, ready { engine = "MySQL-8", init_endpoints = json.array { in_network(network().id) } }.endpoints[1].port)
  end)
end)
