local caller = require "tests.lua.emulator.caller"

local PROJECTS = "/account/v3/projects"

describe("account", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("makes, shows, changes and deletes a project", function()
    local status, made = call("POST", PROJECTS, { name = "one", organization_id = emulator.organization_id })
    assert.are.equal(200, status)
    assert.are.equal("", made.description)
    local _, changed = call("PATCH", PROJECTS .. "/" .. made.id, { description = "new" })
    assert.are.equal("new", changed.description)
    assert.are.equal("one", changed.name)
    assert.are.equal(204, (call("DELETE", PROJECTS .. "/" .. made.id)))
    local gone, body = call("GET", PROJECTS .. "/" .. made.id)
    assert.are.equal(404, gone)
    assert.are.same({ message = "resource is not found", type = "not_found", resource = "project_id", resource_id = made.id }, body)
  end)

  it("has a default project with the organisation's id, which stays", function()
    local _, body = call("GET", PROJECTS .. "?name=default&organization_id=" .. emulator.organization_id)
    assert.are.equal(1, body.total_count)
    assert.are.equal(emulator.organization_id, body.projects[1].id)
    assert.are.equal(412, (call("DELETE", PROJECTS .. "/" .. emulator.organization_id)))
  end)

  it("keeps a project that still holds something", function()
    local _, made = call("POST", PROJECTS, { name = "one" })
    local namespaces = "/registry/v1/regions/fr-par/namespaces"
    local _, space = call("POST", namespaces, { name = "images", project_id = made.id })
    local status, body = call("DELETE", PROJECTS .. "/" .. made.id)
    assert.are.equal(412, status)
    assert.are.equal("resource_still_in_use", body.precondition)
    call("DELETE", namespaces .. "/" .. space.id)
    call("GET", namespaces .. "/" .. space.id)
    assert.are.equal(204, (call("DELETE", PROJECTS .. "/" .. made.id)))
  end)
end)

describe("registry", function()
  local call
  before_each(function() call = select(2, caller.new()) end)

  it("gives a namespace its endpoint, and its name to nobody else in the region", function()
    local path = "/registry/v1/regions/nl-ams/namespaces"
    local _, made = call("POST", path, { name = "images", is_public = true })
    assert.are.equal("rg.nl-ams.scw.cloud/images", made.endpoint)
    assert.are.equal("ready", made.status)
    assert.are.equal(409, (call("POST", path, { name = "images" })))
    assert.are.equal(200, (call("POST", "/registry/v1/regions/fr-par/namespaces", { name = "images" })))
    local status, body = call("DELETE", path .. "/" .. made.id)
    assert.are.equal(200, status)
    assert.are.equal("deleting", body.status)
    status, body = call("GET", path .. "/" .. made.id)
    assert.are.equal(404, status)
    assert.are.same({ message = "Namespace was not found" }, body)
  end)

  it("does not show what lives in another region", function()
    local _, made = call("POST", "/registry/v1/regions/nl-ams/namespaces", { name = "images" })
    assert.are.equal(404, (call("GET", "/registry/v1/regions/fr-par/namespaces/" .. made.id)))
    local _, body = call("GET", "/registry/v1/regions/fr-par/namespaces")
    assert.are.equal(0, body.total_count)
  end)
end)
