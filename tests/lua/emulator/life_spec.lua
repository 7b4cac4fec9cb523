local catalogue = require "scw.schema.catalogue"
local client_module = require "scw.api.client"
local crud = require "scw.engine.crud"
local emulator = require "scw.emulator"
local json = require "scw.json"
local schema = require "scw.schema"

--- The types of these products, in the order of their making, with fields and a change that needs no replacement.
local function steps(made)
  return {
    { "account_project", { name = "p" }, { description = "changed" } },
    { "registry_namespace", { name = "images" }, { is_public = true } },
    { "vpc", { name = "v", tags = { "a" } }, { tags = { "b" } } },
    { "private_network", { name = "n", vpc = made.vpc, subnets = { "10.42.0.0/22" } }, { name = "m" } },
    { "container_namespace", { name = "shop", environment_variables = { A = "1" }, secret_environment_variables = { B = "2" } },
      { environment_variables = { A = "2" } } },
    { "container", { namespace = made.container_namespace, name = "web", image = "nginx:1", private_network = made.private_network,
      secret_environment_variables = { KEY = "value" }, startup_probe = { http = { path = "/up" } } },
      { https_only = true, max_scale = 3 } },
    { "container_domain", { container = made.container, hostname = "shop.example.org" }, { tags = { "x" } } },
    { "container_trigger", { container = made.container, name = "nightly", cron = { schedule = "0 3 * * *", timezone = "UTC" } },
      { cron = { schedule = "0 4 * * *", timezone = "UTC" } } },
    { "job_definition", { name = "backup", image = "alpine:3", cpu_limit = 120, memory_limit = "256MiB",
      cron = { schedule = "0 2 * * *" } }, { cpu_limit = 140 } },
  }
end

describe("every type of these products", function()
  local handle, client, place
  before_each(function()
    handle = assert(emulator.start { speed = 2000 })
    client = client_module.new { time_scale = 1 / 2000, credentials = {
      api_url = handle.api_url, secret_key = handle.secret_key, access_key = handle.access_key,
      project = handle.project_id, organization = handle.organization_id, region = "fr-par", zone = "fr-par-1",
    } }
    place = { region = "fr-par", project = handle.project_id, organization = handle.organization_id }
  end)
  after_each(function() handle:close() end)

  local function record_of(type, id, values)
    return { type = type.name, id = id, place = place, inputs = values, options = {} }
  end

  --- What is left to change; secrets of maps are only ever seen as present.
  local function changes(type, values, actual)
    local found = {}
    for _, change in ipairs(schema.diff(type, values, nil, actual)) do
      if not change.secret then found[#found + 1] = change.path end
    end
    return found
  end

  it("is made, read, listed, changed and deleted, and nothing is left", function()
    local made, records = {}, {}
    for index = 1, #steps(made) do
      local name, fields, change = table.unpack(steps(made)[index])
      local type = assert(catalogue.get(name))
      local values = schema.defaults(type, fields)
      local result = assert(crud.create(client, type, values, place))
      made[name] = result.id
      local record = record_of(type, result.id, values)
      local actual = assert(crud.read(client, type, record), name)
      assert.are.same({}, changes(type, values, actual.fields), name)
      assert.are.equal(result.id, crud.find(client, type, values, place), name)

      local wanted = {}
      for key, value in pairs(fields) do wanted[key] = value end
      for key, value in pairs(change) do wanted[key] = value end
      wanted = schema.defaults(type, wanted)
      assert.is_true(#changes(type, wanted, actual.fields) > 0, name)
      assert(crud.update(client, type, record, wanted, schema.diff(type, wanted, values, actual.fields)))
      actual = assert(crud.read(client, type, record))
      assert.are.same({}, changes(type, wanted, actual.fields), name)
      records[#records + 1] = record_of(type, result.id, wanted)
    end
    for index = #records, 1, -1 do
      local record = records[index]
      assert(crud.delete(client, catalogue.get(record.type), record))
      assert.is_nil((crud.read(client, catalogue.get(record.type), record)))
    end
    assert.are.equal("{}", json.encode(handle.emulator:stats().objects))
  end)

  it("tells why a container did not get ready", function()
    local space = assert(crud.create(client, catalogue.get "container_namespace",
      schema.defaults(catalogue.get "container_namespace", { name = "s" }), place))
    local type = catalogue.get "container"
    local values = schema.defaults(type, { namespace = space.id, name = "web", image = "shop/fail:2" })
    local result, err = crud.create(client, type, values, place)
    assert.is_nil(result)
    assert.matches("unable to start", tostring(err.message) .. table.concat(err.details, " "))
  end)

  it("waits for a network until its container has gone", function()
    local network_type, space_type, type = catalogue.get "private_network", catalogue.get "container_namespace", catalogue.get "container"
    local network = assert(crud.create(client, network_type, schema.defaults(network_type, { name = "n" }), place))
    local space = assert(crud.create(client, space_type, schema.defaults(space_type, { name = "s" }), place))
    local values = schema.defaults(type, { namespace = space.id, name = "web", image = "x", private_network = network.id })
    assert(crud.create(client, type, values, place))
    assert(client:call { method = "DELETE", path = "/containers/v1/regions/fr-par/namespaces/" .. space.id })
    assert(crud.delete(client, network_type, record_of(network_type, network.id, { name = "n" })))
  end)
end)
