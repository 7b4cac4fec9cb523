local caller = require "tests.lua.emulator.caller"

local REGION = "/cockpit/v1/regions/fr-par"
local MANAGER = REGION .. "/alert-manager"

describe("Cockpit", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("keeps data as long as its kind is kept by default", function()
    local _, metrics = call("POST", REGION .. "/data-sources", { name = "m", type = "metrics" })
    local _, logs = call("POST", REGION .. "/data-sources", { name = "l", type = "logs" })
    assert.are.same({ 31, 7 }, { metrics.retention_days, logs.retention_days })
    assert.are.equal(400, (call("PATCH", REGION .. "/data-sources/" .. logs.id, { retention_days = 1826 })))
  end)

  it("has sources of its own that stay", function()
    local _, list = call("GET", REGION .. "/data-sources?origin=scaleway&project_id=" .. emulator.project_id)
    assert.are.equal(2, list.total_count)
    assert.are.equal(412, (call("DELETE", REGION .. "/data-sources/" .. list.data_sources[1].id)))
    assert.are.same({}, emulator:stats().objects)
  end)

  it("shows the secret of a token once", function()
    local _, token = call("POST", REGION .. "/tokens", { name = "t", token_scopes = { "write_only_logs" } })
    assert.is_string(token.secret_key)
    local _, read = call("GET", REGION .. "/tokens/" .. token.id)
    assert.are.same({ "write_only_logs" }, read.scopes)
    assert.are_not.equal(token.secret_key, read.secret_key)
  end)

  it("loses its contact points with the alert manager", function()
    local contact = { email = { to = "a@example.com" } }
    assert.are.equal(412, (call("POST", MANAGER .. "/contact-points", contact)))
    call("POST", MANAGER .. "/enable", {})
    assert.are.equal(200, (call("POST", MANAGER .. "/contact-points", contact)))
    local _, body = call("POST", MANAGER .. "/disable", {})
    assert.is_false(body.alert_manager_enabled)
    assert.are.same({}, emulator:stats().objects)
  end)

  it("says what its alerts are about and when they fire", function()
    call("POST", MANAGER .. "/enable", {})
    local _, body = call("GET", REGION .. "/alerts?is_preconfigured=true")
    assert.is_true(body.total_count > 0)
    for _, alert in ipairs(body.alerts) do
      for _, name in ipairs { "summary", "description", "display_description", "dashboard_path", "rule_id" } do
        assert.are.equal("string", type(alert.annotations[name]), name)
      end
      assert.are.equal("unknown_state", alert.state)
    end
    local first = body.alerts[1].preconfigured_data.preconfigured_rule_id
    call("POST", REGION .. "/enable-alert-rules", { rule_ids = { first } })
    _, body = call("GET", REGION .. "/alerts?rule_status=enabled")
    assert.are.equal(1, body.total_count)
    assert.are.equal("inactive", body.alerts[1].state)
  end)
end)
