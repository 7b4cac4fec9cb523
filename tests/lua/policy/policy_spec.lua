local policy = require "scw.policy"
local project = dofile "tests/lua/dsl/project.lua"

--- A production stack that breaks nothing; `changes` replaces parts of it, by pattern.
local GOOD = [[
local scw = require "scw"
return scw.stack {
  name = "shop", environment = "production", region = "fr-par",
  state = scw.s3 { bucket = "shop-state", key = "scwlua.state" },
  build = function(stack)
    local network = stack:private_network("main", { name = "shop" })
    local metrics = stack:cockpit_data_source("metrics", { name = "metrics", type = "metrics" })
    stack:cockpit_data_source("logs", { name = "logs", type = "logs" })
    local alerts = stack:cockpit_alert_manager("main", {})
    stack:cockpit_contact_point("main", { alert_manager = alerts, email = "shop@example.org" })
    local password = stack:generated_secret("password", { special = "-_" })
    stack:rdb_instance("main", { name = "shop", engine = "PostgreSQL-16", node_type = "DB-PRO2-XXS", volume_type = "sbs_5k",
      user_name = "owner", password = password.value, high_availability = true, backup_retention = 30,
      endpoints = { { private_network = { network = network } } } })
    local space = stack:container_namespace("main", { name = "shop" })
    stack:container("main", { namespace = space, name = "shop", image = "shop:1", min_scale = 2,
      environment_variables = { METRICS = metrics.url }, secret_environment_variables = { PASSWORD = password.value } })
    local application = stack:iam_application("main", { name = "shop" })
    stack:iam_policy("main", { name = "shop", application = application,
      rules = { { permission_sets = { "ObjectStorageObjectsRead" }, projects = { network.project } } } })
  end,
}]]

local function load(from, to, environment)
  local text = GOOD
  if from then
    local first, last = text:find(from, 1, true)
    assert(first, from)
    text = text:sub(1, first - 1) .. to .. text:sub(last + 1)
  end
  return project.load({ ["stacks/test.lua"] = text }, { environment = environment })
end

describe("policies", function()
  it("let a production stack through that obeys them", function()
    local made, err = load()
    assert(made, err and table.concat(project.problems(err), "\n"))
  end)

  it("hold in production only", function()
    assert.is_table((load('"production", region = "fr-par",\n  state = scw.s3 { bucket = "shop-state", key = "scwlua.state" }',
      '"staging", region = "fr-par",\n  state = scw.file { path = "x", sealed = false }')))
  end)

  it("each say what they are and where they hold", function()
    local names = {}
    for _, rule in ipairs(policy.all()) do
      assert.is_nil(names[rule.name])
      names[rule.name] = true
      assert.matches("%.$", rule.summary)
      assert.are.same({ "production" }, rule.environments)
    end
    for name in ("instances database-availability backup-retention private-database monitoring hard-coded-secrets "
      .. "least-privilege eu-residency state"):gmatch("%S+") do assert.is_true(names[name], name) end
  end)

  it("allow sets of the organisation where they belong", function()
    assert(load('"ObjectStorageObjectsRead" }, projects = { network.project }',
      '"ProjectReadOnly", "IAMReadOnly" }, organization = "11111111-1111-1111-1111-111111111111"'))
  end)

  for name, case in pairs {
    ["one instance"] = { "min_scale = 2", "min_scale = 1", "policy instances: container.main keeps 1 instances", 16 },
    ["instances left to the service"] = { "min_scale = 2,", "", "keeps 0 instances", 16 },
    ["no standby"] = { "high_availability = true, ", "", "policy database%-availability: rdb_instance.main has no standby", 12 },
    ["short retention"] = { "backup_retention = 30", "backup_retention = 29", "policy backup%-retention: .* for 29 days", 12 },
    ["no backup"] = { "backup_retention = 30", "backup_disabled = true", "is not backed up", 12 },
    ["rare backups"] = { "backup_retention = 30", "backup_retention = 30, backup_frequency = 48", "less than once a day", 12 },
    ["no endpoints"] = { "endpoints = { { private_network = { network = network } } }", "",
      "policy private%-database: .* public address", 12 },
    ["a public endpoint"] = { "network } } }", "network } }, { load_balancer = {} } }", "has a public address", 12 },
    ["no store for logs"] = { '"logs", { name = "logs", type = "logs" }', '"logs", { name = "logs", type = "traces" }',
      "policy monitoring: the stack has no store for logs", 2 },
    ["nobody told"] = { 'stack:cockpit_contact_point("main", { alert_manager = alerts, email = "shop@example.org" })', "alerts = nil",
      "nobody is told", 2 },
    ["an unmonitored container"] = { "{ METRICS = metrics.url }", "{}", "container.main sends its metrics and logs nowhere", 16 },
    ["a written password"] = { "password = password.value, high", 'password = "Hunter-2-Hunter-2", high',
      "policy hard%-coded%-secrets: rdb_instance.main password is written in the stack", 12 },
    ["a written secret variable"] = { "PASSWORD = password.value", 'PASSWORD = "hunter2"',
      "secret_environment_variables.PASSWORD is written in the stack", 16 },
    ["a secret in a plain variable"] = { "METRICS = metrics.url", 'METRICS = metrics.url, STRIPE_API_KEY = "sk"',
      "environment_variables.STRIPE_API_KEY looks like a secret", 16 },
    ["a password in an address"] = { "METRICS = metrics.url", 'METRICS = metrics.url, DB = "postgres://u:hunter2@db/x"',
      "environment_variables.DB holds an address with a password", 16 },
    ["a master of everything"] = { "ObjectStorageObjectsRead", "IAMManager",
      "policy least%-privilege: iam_policy.main rules%[1%] grants IAMManager", 19 },
    ["full access everywhere"] = { '"ObjectStorageObjectsRead" }, projects = { network.project }',
      '"ObjectStorageFullAccess" }, organization = "11111111-1111-1111-1111-111111111111"', "in the whole organisation", 19 },
    ["reading everywhere"] = { '"ObjectStorageObjectsRead" }, projects = { network.project }',
      '"ObjectStorageObjectsRead" }, organization = "11111111-1111-1111-1111-111111111111"',
      "rules%[1%] grants ObjectStorageObjectsRead in the whole organisation", 19 },
    ["every product"] = { "ObjectStorageObjectsRead", "AllProductsFullAccess", "rules%[1%] grants AllProductsFullAccess", 19 },
    ["a manager of the organisation"] = { '"ObjectStorageObjectsRead" }, projects = { network.project }',
      '"OrganizationManager" }, organization = "11111111-1111-1111-1111-111111111111"', "rules%[1%] grants OrganizationManager", 19 },
    ["another continent"] = { '{ name = "metrics",', '{ region = "us-east", name = "metrics",',
      "policy eu%-residency: cockpit_data_source.metrics is in us%-east", 7 },
    ["a replica of the state on another continent"] = { 'key = "scwlua.state"',
      'key = "scwlua.state", replica = { bucket = "x", region = "us-east" }',
      "policy eu%-residency: the replica of the state is kept in us%-east", 2 },
    ["a state in a file"] = { 'scw.s3 { bucket = "shop-state", key = "scwlua.state" }', 'scw.file { path = "x" }',
      "policy state: the state is a file", 2 },
    ["an open state"] = { 'key = "scwlua.state"', 'key = "scwlua.state", sealed = false', "the state is not sealed", 2 },
  } do
    it("refuse " .. name .. ", with address and line", function()
      local _, err = load(case[1], case[2])
      local lines = project.problems(err)
      assert.are.equal(1, #lines, table.concat(lines, "\n"))
      assert.matches(case[3], lines[1])
      assert.matches("^" .. case[4] .. ":", lines[1])
      assert.is_string(err.hint)
      assert.not_matches("[Hh]unter", err.message .. err.hint)
    end)
  end
end)
