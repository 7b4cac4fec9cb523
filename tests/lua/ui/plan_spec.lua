local core = require "core"
local errors = require "scw.errors"
local plan_view = require "scw.ui.plan"
local style = require "scw.ui.style"
local unknown = require "scw.unknown"

local EXPECTED = "tests/e2e/expected/"

--- A plan with every action and every kind of change.
local function example()
  return {
    stack = "shop", environment = "staging", lineage = "5f0c", serial = 7,
    steps = {
      { address = "web/container.app", type = "container", action = "update", source = "modules/service.lua:41", changes = {
        { path = "min_scale", old = 0, new = 2 },
        { path = "image", old = "rg.fr-par.scw.cloud/shop-staging-images/web-frontend:1.8.2",
          new = "rg.fr-par.scw.cloud/shop-staging-images/web-frontend:1.9.0" },
        { path = "environment", old = { LOG = "info", OLD = "1" }, new = { LOG = "debug", NEW = "2" } },
        { path = "secrets", old = { TOKEN = { ["$secret"] = "aa" } }, new = { TOKEN = { ["$secret"] = "bb" } }, secret = true },
        { path = "tags", old = { "a", "b" }, new = { "b", "c" } },
      } },
      { address = "private_network.main", type = "private_network", action = "create", source = "stacks/shop.lua:8", changes = {
        { path = "name", new = "shop" }, { path = "subnets", new = { "10.0.0.0/22" } }, { path = "vpc", new = unknown },
        { path = "dhcp", new = core.null } } },
      { address = "db/rdb_instance.main", type = "rdb_instance", action = "replace", order = "delete_first",
        source = "modules/postgres.lua:20",
        reason = "the engine cannot change in place", changes = {
          { path = "engine", old = "PostgreSQL-15", new = "PostgreSQL-16", replace = true },
          { path = "endpoint", old = { ip = "10.0.0.2", port = 5432 }, new = unknown } } },
      { address = "db/rdb_user.app", type = "rdb_user", action = "create", source = "modules/postgres.lua:31", changes = {
        { path = "name", new = "app" }, { path = "password", new = { ["$secret"] = "cc" }, secret = true } } },
      { address = "web/container_domain.main", type = "container_domain", action = "delete",
        source = "modules/service.lua:60", changes = {} },
      { address = "web/secret.old", type = "secret", action = "forget", reason = "retain_on_delete is set", changes = {} },
      { address = "web/container_namespace.space", type = "container_namespace", action = "adopt", source = "modules/service.lua:12" },
      { address = "object_bucket.backups", type = "object_bucket", action = "none" },
    },
    outputs = {
      { name = "web_url", action = "update", old = "https://a.example", new = unknown },
      { name = "password", action = "create", new = "hunter2", secret = true },
      { name = "same", action = "none", old = 1, new = 1 },
    },
    warnings = { { message = "production needs at least 2 instances, web/container.app may run 1", source = "stacks/shop.lua:30" } },
  }
end

local function expected(name)
  return assert(core.file_read(EXPECTED .. name))
end

describe("the plan for people", function()
  it("reads as recorded", function()
    local shown = table.concat(plan_view.lines(example(), style.new()), "\n") .. "\n"
    assert.are.equal(expected("plan-example.txt"), shown)
  end)

  it("stays within 80 columns, and within 50 where words allow", function()
    for _, line in ipairs(plan_view.lines(example(), style.new())) do assert.is_true(style.width(line) <= 80, line) end
  end)

  it("shows the same with colours, but for the colours", function()
    local plain = plan_view.lines(example(), style.new())
    local coloured = plan_view.lines(example(), style.new({ colour = true }))
    for i, line in ipairs(coloured) do assert.are.equal(plain[i], (line:gsub("\27%[%d+m", ""))) end
    assert.is_truthy(table.concat(coloured):find("\27[", 1, true))
  end)

  it("never shows a secret", function()
    local shown = table.concat(plan_view.lines(example(), style.new()), "\n")
    for _, secret in ipairs({ "hunter2", "aa", "bb", "cc" }) do assert.is_nil(shown:find('"' .. secret, 1, true)) end
  end)

  it("is one line when there is nothing to do", function()
    local plan = { stack = "shop", steps = { { address = "a.b", action = "none" } }, outputs = {}, warnings = {} }
    assert.are.same({ "Nothing to do: 1 resource is as declared." }, plan_view.lines(plan, style.new()))
  end)

  it("says so when only outputs change", function()
    local plan = { stack = "shop", steps = {}, outputs = { { name = "url", action = "create", new = "x" } }, warnings = {} }
    assert.are.same({ "Outputs", '  + url: "x"', "", "Plan: only outputs change." }, plan_view.lines(plan, style.new()))
  end)
end)

describe("changes of fields", function()
  it("are shown alone, as in a plan", function()
    assert.are.same({ "      ~ size: 1 -> 2" }, plan_view.changes_of({ { path = "size", old = 1, new = 2 } }, style.new()))
  end)
end)

describe("the plan for programs", function()
  it("is sorted and carries no secret", function()
    local json = require "scw.json"
    local text = assert(json.encode(plan_view.public(example()), { indent = 2 })) .. "\n"
    assert.are.equal(expected("plan-example.json"), text)
    for _, secret in ipairs({ "hunter2", '"aa"', '"bb"', '"cc"' }) do assert.is_nil(text:find(secret, 1, true)) end
  end)

  it("takes error objects as warnings", function()
    local plan = { steps = {}, warnings = { errors.new({ code = "INFRA_001", message = "careful" }) } }
    assert.are.same({ "careful" }, plan_view.public(plan).warnings)
  end)
end)
