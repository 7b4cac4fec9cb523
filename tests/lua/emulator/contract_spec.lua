local caller = require "tests.lua.emulator.caller"
local core = require "core"
local json = require "scw.json"

local REFERENCE = os.getenv "SCWLUA_REFERENCE" or (os.getenv "SCWLUA_SOURCE" or ".") .. "/../shared"
local CHECKER = REFERENCE .. "/contract/check_request.py"

--- Every call of a product's resource: make, read, list, change, read, delete, read.
local function exercise(call, path, body, change, keep)
  local _, made = call("POST", path, body)
  assert(made.id, path .. ": " .. tostring(json.encode(made)))
  call("GET", path .. "/" .. made.id)
  if not path:find "/routes$" then call("GET", path .. "?page=1&page_size=10") end -- routes are listed with their next hop
  if change then call("PATCH", path .. "/" .. made.id, change) end
  call("GET", path .. "/" .. made.id)
  if keep then return made end
  call("DELETE", path .. "/" .. made.id)
  call("GET", path .. "/" .. made.id)
  return made
end

local function containers(call, project, network)
  local region = "/containers/v1/regions/fr-par"
  local space = exercise(call, region .. "/namespaces", { project_id = project, name = "space",
    environment_variables = { A = "1" }, secret_environment_variables = { B = "2" } }, { description = "x" }, true)
  local web = exercise(call, region .. "/containers", { namespace_id = space.id, name = "web", image = "nginx",
    private_network_id = network, startup_probe = { http = { path = "/" }, interval = "5s" } }, { min_scale = 1 }, true)
  exercise(call, region .. "/triggers", { container_id = web.id, name = "t", cron_config = { schedule = "0 0 * * *", timezone = "UTC" } },
    { description = "x" })
  exercise(call, region .. "/domains", { container_id = web.id, hostname = "a.example.org" }, { tags = json.array { "x" } })
  call("POST", region .. "/containers/" .. web.id .. "/redeploy", {})
  call("GET", region .. "/containers/" .. web.id)
  call("DELETE", region .. "/containers/" .. web.id)
  call("DELETE", region .. "/namespaces/" .. space.id)
end

local function networks(call, project)
  local region = "/vpc/v2/regions/fr-par"
  local vpc = exercise(call, region .. "/vpcs", { project_id = project, name = "v" }, { name = "w" }, true)
  local other = exercise(call, region .. "/vpcs", { project_id = project, name = "o" }, nil, true)
  local network = exercise(call, region .. "/private-networks", { project_id = project, name = "n", vpc_id = vpc.id,
    subnets = json.array { "10.0.0.0/22" } }, { tags = json.array { "x" } }, true)
  exercise(call, region .. "/routes", { vpc_id = vpc.id, destination = "10.9.0.0/24", description = "",
    nexthop_private_network_id = network.id }, { description = "y" })
  call("GET", region .. "/routes-with-nexthop?vpc_id=" .. vpc.id)
  call("GET", region .. "/subnets?vpc_id=" .. vpc.id)
  exercise(call, region .. "/vpc-connectors", { vpc_id = vpc.id, target_vpc_id = other.id, name = "c" }, { name = "d" })
  exercise(call, region .. "/ingress-rules", { vpc_id = vpc.id, source = "10.1.0.0/24", nexthop_resource_ip = "10.0.0.2",
    nexthop_private_network_id = network.id, description = "", tags = json.array {} }, { description = "z" })
  local acl = region .. "/vpcs/" .. vpc.id .. "/acl-rules"
  call("PUT", acl, { is_ipv6 = false, default_policy = "drop", rules = json.array { { protocol = "TCP", source = "0.0.0.0/0",
    src_port_low = 0, src_port_high = 0, destination = "0.0.0.0/0", dst_port_low = 80, dst_port_high = 80, action = "accept" } } })
  call("GET", acl .. "?is_ipv6=false")
  local ips = "/ipam/v1/regions/fr-par/ips"
  exercise(call, ips, { project_id = project, source = { private_network_id = network.id }, is_ipv6 = false },
    { tags = json.array { "x" } })
  exercise(call, ips, { project_id = project, source = { private_network_id = network.id }, is_ipv6 = true })
  return network.id
end

local function gateways(call, project, network)
  local zone = "/vpc-gw/v2/zones/fr-par-1"
  local gateway = exercise(call, zone .. "/gateways", { project_id = project, name = "g", type = "VPC-GW-S", enable_smtp = false,
    enable_bastion = true }, { name = "h" }, true)
  exercise(call, zone .. "/gateway-networks", { gateway_id = gateway.id, private_network_id = network, enable_masquerade = true,
    push_default_route = true }, { push_default_route = false })
  call("GET", zone .. "/gateways/" .. gateway.id)
  call("DELETE", zone .. "/gateways/" .. gateway.id .. "?delete_ip=true")
  exercise(call, zone .. "/ips", { project_id = project }, { tags = json.array { "x" } })
end

local function jobs(call, project)
  local region = "/serverless-jobs/v1alpha2/regions/fr-par"
  local job = exercise(call, region .. "/job-definitions", { project_id = project, name = "j", image_uri = "alpine", cpu_limit = 120,
    memory_limit = 256, local_storage_capacity = 1000, cron_schedule = { schedule = "0 0 * * *", timezone = "UTC" } },
    { name = "k" }, true)
  local _, started = call("POST", region .. "/job-definitions/" .. job.id .. "/start", {})
  call("GET", region .. "/job-runs?job_definition_id=" .. job.id)
  call("POST", region .. "/job-runs/" .. started.job_runs[1].id .. "/stop", {})
  call("GET", region .. "/job-runs/" .. started.job_runs[1].id)
  call("GET", region .. "/secrets?job_definition_id=" .. job.id)
  call("GET", region .. "/job-limits")
  call("GET", region .. "/job-resources")
  call("DELETE", region .. "/job-definitions/" .. job.id)
end

local function messaging(call, project)
  local region = "/mnq/v1beta1/regions/fr-par"
  call("POST", region .. "/activate-sqs", { project_id = project })
  call("GET", region .. "/sqs-info?project_id=" .. project)
  exercise(call, region .. "/sqs-credentials", { project_id = project, name = "c", permissions = { can_manage = true } }, { name = "d" })
  local account = exercise(call, region .. "/nats-accounts", { project_id = project, name = "a" }, { name = "b" }, true)
  exercise(call, region .. "/nats-credentials", { nats_account_id = account.id, name = "c" })
  call("POST", region .. "/deactivate-sqs", { project_id = project })
end

local function databases(call, project, network)
  local region = "/rdb/v1/regions/fr-par"
  local main = exercise(call, region .. "/instances", { project_id = project, name = "main", engine = "PostgreSQL-16",
    node_type = "db-dev-s", user_name = "admin", password = "Passw0rd!", is_ha_cluster = false, disable_backup = false,
    volume_type = "sbs_5k", volume_size = 10000000000, backup_same_region = false, tags = json.array { "maintenance" },
    init_settings = json.array {}, init_endpoints = json.array { { load_balancer = {} },
      { private_network = { private_network_id = network, ipam_config = {} } } } },
    { name = "other", logs_policy = { max_age_retention = 10 }, backup_schedule_frequency = 12 }, true)
  local item = region .. "/instances/" .. main.id
  local function ask(...)
    local status, answered = call(...)
    assert(status < 300, table.concat({ ... }, " ", 1, 2))
    return answered
  end
  local function settle() return ask("GET", item) end
  for _, rest in ipairs { "/certificate", "/logs", "/logs-details", "/metrics", "/acls?page=1", "/users?order_by=name_asc",
    "/databases?order_by=name_asc", "/privileges?order_by=user_name_asc" } do
    ask("GET", item .. rest)
  end
  ask("POST", item .. "/databases", { name = "shop" })
  ask("POST", item .. "/users", { name = "app", password = "Passw0rd!", is_admin = false })
  ask("PATCH", item .. "/users/app", { is_admin = true })
  ask("PUT", item .. "/privileges", { database_name = "shop", user_name = "app", permission = "all" })
  for _, each in ipairs {
    { "PUT", "/acls", { rules = json.array { { ip = "1.2.3.4/32", description = "" } } } },
    { "POST", "/acls", { rules = json.array { { ip = "5.0.0.0/8", description = "" } } } },
    { "DELETE", "/acls", { acl_rule_ips = json.array { "5.0.0.0/8" } } },
    { "PUT", "/settings", { settings = json.array { { name = "work_mem", value = "8" } } } },
    { "POST", "/settings", { settings = json.array { { name = "jit", value = "off" } } } },
    { "DELETE", "/settings", { setting_names = json.array { "jit" } } },
    { "POST", "/upgrade", { volume_size = 20000000000 } }, { "POST", "/apply-maintenance", {} }, { "POST", "/restart", {} },
    { "POST", "/prepare-logs", {} }, { "POST", "/purge-logs", {} }, { "POST", "/renew-certificate", {} },
    { "POST", "/clone", { name = "clone" } },
  } do
    ask(each[1], item .. each[2], each[3])
    settle()
  end
  exercise(call, region .. "/backups", { instance_id = main.id, database_name = "shop", name = "b" }, { name = "c" })
  settle()
  local snapshot = ask("POST", item .. "/snapshots", { name = "s" })
  settle()
  ask("GET", region .. "/snapshots?instance_id=" .. main.id .. "&order_by=created_at_asc")
  ask("POST", region .. "/snapshots/" .. snapshot.id .. "/create-instance", {
    instance_name = "copy", high_availability_mode = "single_zone",
  })
  local replica = ask("POST", region .. "/read-replicas", { instance_id = main.id, same_zone = true,
    endpoint_spec = json.array { { direct_access = {} } } })
  ask("GET", region .. "/read-replicas/" .. replica.id)
  local endpoint = settle().endpoint
  ask("GET", region .. "/endpoints/" .. endpoint.id)
  ask("DELETE", region .. "/endpoints/" .. endpoint.id)
  ask("POST", item .. "/endpoints", { endpoint_spec = { load_balancer = {} } })
  settle()
  ask("DELETE", region .. "/read-replicas/" .. replica.id)
  ask("GET", region .. "/database-engines")
  ask("GET", region .. "/node-types?include_disabled_types=false&page=1")
  ask("POST", item .. "/upgrade", {
    major_upgrade_workflow = { upgradable_version_id = main.upgradable_version[1].id, with_endpoints = true },
  })
  ask("DELETE", item)
end

local function zones(call)
  local zone = "/domain/v2beta1/dns-zones"
  call("PATCH", zone .. "/a.example.org/records", { return_all_records = false, disallow_new_zone_creation = false,
    changes = json.array { { add = { records = json.array {
      { id = "", name = "www", type = "CNAME", data = "x.", ttl = 60, priority = 0 } } } } } })
  call("GET", zone .. "/a.example.org/records?name=www")
  call("GET", zone .. "?dns_zones=a.example.org")
end

local function instances(call, project, network)
  local zone, interfaces = "/instance/v1/zones/fr-par-1", "/instance/v2alpha1/zones/fr-par-1/private-network-interfaces"
  local volumes = "/block/v1/zones/fr-par-1/volumes"
  local function ask(...)
    local status, answered = call(...)
    assert(status < 300, table.concat({ ... }, " ", 1, 2))
    return answered
  end
  exercise(call, volumes, { project_id = project, name = "v", from_empty = { size = 10000000000 }, perf_iops = 5000,
    tags = json.array {} }, { size = 20000000000 })
  ask("GET", "/marketplace/v2/images?page=1&page_size=10")
  local images = ask("GET", "/marketplace/v2/local-images?image_label=ubuntu_noble&type=instance_local&zone=fr-par-1&arch=x86_64")
  ask("GET", "/marketplace/v2/local-images/" .. images.local_images[1].id)
  ask("GET", zone .. "/products/servers?page=1&per_page=100")
  ask("GET", zone .. "/products/servers/availability?page=2")
  local ip = ask("POST", zone .. "/ips", { project = project, type = "routed_ipv4", tags = json.array {} }).ip
  ask("POST", zone .. "/ips", { project = project, type = "routed_ipv6" })
  local server = ask("POST", zone .. "/servers", { project = project, name = "s", commercial_type = "DEV1-S",
    image = images.local_images[1].id, boot_type = "local", public_ips = json.array { ip.id }, dynamic_ip_required = false,
    protected = false, volumes = { ["1"] = { boot = false, size = 5000000000, volume_type = "sbs_volume" } } }).server
  local item = zone .. "/servers/" .. server.id
  ask("POST", item .. "/action", { action = "poweron" })
  ask("GET", item .. "/action")
  ask("GET", item .. "/user_data")
  ask("PATCH", item, { name = "t", tags = json.array { "x" } })
  local interface = ask("POST", interfaces, { project_id = project, private_network_id = network, server_id = server.id,
    ip_ids = json.array {}, tags = json.array {} })
  ask("GET", interfaces .. "?project_id=" .. project .. "&server_ids=" .. server.id .. "&order_by=created_at_desc")
  ask("PATCH", interfaces .. "/" .. interface.id, { tags = json.array { "x" } })
  ask("GET", item .. "/private_nics")
  ask("GET", item .. "/private_nics/" .. interface.id)
  ask("GET", item)
  ask("GET", zone .. "/servers?project=" .. project .. "&per_page=10")
  ask("GET", zone .. "/ips?project=" .. project)
  ask("GET", zone .. "/ips/" .. ip.id)
  ask("PATCH", zone .. "/ips/" .. ip.id, { reverse = "a.example.org" })
  ask("GET", zone .. "/volumes/" .. server.volumes["0"].id)
  ask("PATCH", zone .. "/volumes/" .. server.volumes["0"].id, { name = "root" })
  ask("GET", volumes .. "/" .. server.volumes["1"].id)
  ask("GET", volumes .. "?product_resource_id=" .. server.id .. "&order_by=created_at_asc")
  ask("DELETE", interfaces .. "/" .. interface.id)
  ask("POST", item .. "/action", { action = "terminate" })
  assert(call("GET", item) == 404, "a terminated server is there")
  ask("DELETE", volumes .. "/" .. server.volumes["1"].id)
  ask("DELETE", zone .. "/ips/" .. ip.id)
end

local function keys(call, project)
  local region = "/key-manager/v1alpha1/regions/fr-par/keys"
  local key = exercise(call, region, { project_id = project, name = "k", usage = { symmetric_encryption = "aes_256_gcm" },
    tags = json.array { "a" }, unprotected = false, origin = "unknown_origin" }, { description = "x",
    rotation_policy = { rotation_period = "2592000s", next_rotation_at = "2030-01-31T12:00:00Z" } }, true)
  local item = region .. "/" .. key.id
  local function ask(...)
    local status, answered = call(...)
    assert(status < 300, table.concat({ ... }, " ", 1, 2))
    return answered
  end
  for _, verb in ipairs { "disable", "enable", "rotate", "unprotect", "protect", "unprotect" } do ask("POST", item .. "/" .. verb, {}) end
  local sealed = ask("POST", item .. "/encrypt", { plaintext = "YQ==", associated_data = "Yg==" })
  ask("POST", item .. "/decrypt", { ciphertext = sealed.ciphertext, associated_data = "Yg==" })
  ask("POST", item .. "/generate-data-key", { algorithm = "aes_256_gcm", without_plaintext = false })
  ask("POST", item .. "/generate-data-key", { algorithm = "aes_256_gcm", without_plaintext = true })
  ask("GET", region .. "?usage=symmetric_encryption&scheduled_for_deletion=false&order_by=name_asc&project_id=" .. project)
  ask("DELETE", item)
  ask("POST", item .. "/restore", {})
  local outside = ask("POST", region, { project_id = project, name = "o", usage = { symmetric_encryption = "aes_256_gcm" },
    tags = json.array {}, unprotected = true, origin = "external" })
  ask("POST", region .. "/" .. outside.id .. "/import-key-material", { key_material = "YQ==", salt = "Yg==" })
  ask("POST", region .. "/" .. outside.id .. "/delete-key-material", {})
end

-- What the services answer about servers and keys, and the contract does not describe.
local UNDESCRIBED = {
  bootscript = true, extra_networks = true, security_group_id = true, hot_snapshots_local_volume = true, placement_groups = true,
  private_network = true, mig_profile = true, protection_level = true,
}

local function is_undescribed(body, name, value)
  if UNDESCRIBED[name] then return true end
  if name == "modification_date" then return body.ipam_ip_ids ~= nil end -- of an interface
  if name == "tags" then return body.boot ~= nil end -- of a server's volume
  return value == json.null and (name == "prefix" or name == "address") -- an IPv4 address has no prefix, a prefix no address
end

local function described(body)
  if type(body) ~= "table" or json.is_array(body) and #body == 0 then return body end
  local result = {}
  for name, value in next, body do
    if not is_undescribed(body, name, value) then result[name] = described(value) end
  end
  return json.is_array(body) and json.array(result) or result
end

describe("the emulator's answers", function()
  it("satisfy the contract of the services", function()
    if not core.file_stat(CHECKER) then return pending("no reference beside the repository (SCWLUA_REFERENCE)") end
    local emulator, call, exchanges = caller.new()
    local project = emulator.project_id
    exercise(call, "/account/v3/projects", { name = "p", organization_id = emulator.organization_id, description = "" }, { name = "q" })
    exercise(call, "/registry/v1/regions/fr-par/namespaces", { project_id = project, name = "images" }, { description = "x" })
    local network = networks(call, project)
    containers(call, project, network)
    gateways(call, project, network)
    databases(call, project, network)
    jobs(call, project)
    messaging(call, project)
    zones(call)
    local before = #exchanges
    keys(call, project)
    instances(call, project, network)
    for index = before + 1, #exchanges do exchanges[index].response_body = described(exchanges[index].response_body) end

    local path = os.tmpname()
    local lines = {}
    for index, exchange in ipairs(exchanges) do lines[index] = assert(json.encode(exchange)) end
    assert(core.file_write(path, table.concat(lines, "\n") .. "\n"))
    local checker = assert(io.popen(("timeout 60 python3 '%s' --strict '%s' 2>&1"):format(CHECKER, path)))
    local problems = checker:read "a"
    local ok = checker:close()
    os.remove(path)
    assert.are.equal("", ok and "" or problems)
    assert.is_true(#exchanges > 100)
  end)
end)
