local caller = require "tests.lua.emulator.caller"

local SECRETS = "/secret-manager/v1beta1/regions/fr-par/secrets"

describe("secrets", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("keep numbered versions, the newest of which is the latest", function()
    local _, secret = call("POST", SECRETS, { name = "s", path = "/a/" })
    assert.are.equal("/a", secret.path)
    local versions = SECRETS .. "/" .. secret.id .. "/versions"
    local _, first = call("POST", versions, { data = "Zmlyc3Q=" })
    local _, second = call("POST", versions, { data = "c2Vjb25k", disable_previous = true })
    assert.are.same({ 1, 2 }, { first.revision, second.revision })
    assert.is_true(second.latest)
    local _, read = call("GET", versions .. "/1")
    assert.are.same({ false, "disabled" }, { read.latest, read.status })
    local _, access = call("GET", versions .. "/latest/access")
    assert.are.equal("c2Vjb25k", access.data)
    assert.are.equal(412, (call("GET", versions .. "/1/access")))
  end)

  it("refuse values that do not fit their type", function()
    local _, secret = call("POST", SECRETS, { name = "s", type = "basic_credentials" })
    local versions = SECRETS .. "/" .. secret.id .. "/versions"
    local status, body = call("POST", versions, { data = "e30=" })
    assert.are.equal(400, status)
    assert.are.equal("data", body.details[1].argument_name)
    assert.are.equal(200, (call("POST", versions, { data = "eyJ1c2VybmFtZSI6ImEiLCJwYXNzd29yZCI6ImIifQ==" })))
  end)

  it("stand readable after their deletion, but are no longer listed or counted, and leave their name", function()
    local _, secret = call("POST", SECRETS, { name = "s" })
    assert.are.equal(204, (call("DELETE", SECRETS .. "/" .. secret.id)))
    local status, body = call("GET", SECRETS .. "/" .. secret.id)
    assert.are.equal(200, status)
    assert.is_string(body.deletion_requested_at)
    local _, list = call("GET", SECRETS)
    assert.are.equal(0, list.total_count)
    assert.are.same({}, emulator:stats().objects)
    assert.are.equal(200, (call("POST", SECRETS, { name = "s" })))
    assert.are.equal(409, (call("POST", SECRETS, { name = "s" })))
  end)

  it("cannot be deleted while they are protected", function()
    local _, secret = call("POST", SECRETS, { name = "s", protected = true })
    local status, body = call("DELETE", SECRETS .. "/" .. secret.id)
    assert.are.same({ 412, "protected_resource" }, { status, body.precondition })
    call("POST", SECRETS .. "/" .. secret.id .. "/unprotect", {})
    assert.are.equal(204, (call("DELETE", SECRETS .. "/" .. secret.id)))
  end)

  it("with an ephemeral policy go at once, the others only after a while", function()
    local _, lasting = call("POST", SECRETS, { name = "lasting" })
    local _, brief = call("POST", SECRETS, { name = "brief",
      ephemeral_policy = { time_to_live = "1800s", expires_once_accessed = false, action = "disable" } })
    call("POST", SECRETS .. "/" .. brief.id .. "/versions", { data = "Zmlyc3Q=" })
    for _, secret in ipairs { lasting, brief } do
      assert.are.equal(204, (call("DELETE", SECRETS .. "/" .. secret.id)))
    end
    assert.are.equal(200, (call("GET", SECRETS .. "/" .. lasting.id)))
    assert.are.equal(404, (call("GET", SECRETS .. "/" .. brief.id)))
    assert.are.same({}, emulator:stats().objects)
  end)
end)
