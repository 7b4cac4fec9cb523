local json = require "scw.json"
local normal = require "scw.schema.normal"
local schema = require "scw.schema"
local wire = require "scw.schema.wire"

local thing = schema.type {
  name = "thing",
  summary = "A thing.",
  scope = "project",
  api = { path = "/t/v1/regions/{region}/things", item = "/t/v1/regions/{region}/parents/{parent}/things/{name}",
    id = "{parent}/{name}", list = { field = "things" } },
  fields = {
    parent = schema.ref { to = "vpc", wire = false, required = true, replace = true },
    name = schema.str { required = true, replace = true },
    only = schema.bool { wire = { "connections_only", update = "connection_only" } },
    nested = schema.int { wire = { "a.b", update = "flat", read = "x.y" } },
    size = schema.size { unit = "MiB" },
    time = schema.duration {},
    settings = schema.map { of = "string", pairs = { "name", "value" } },
    secrets = schema.map { of = "string", secret = true, keep = true },
    data = schema.str { secret = true, encoding = "base64" },
    subnets = schema.set { of = "string", pick = "subnet" },
    probe = schema.object { fields = { tcp = schema.object {}, path = schema.str { wire = "http.path" } } },
    network = schema.object { fill = { wire = "ipam", value = {}, unless = "ip" }, fields = { ip = schema.str {} } },
    cron = schema.object { clear = { schedule = "" }, fields = { schedule = schema.str {} } },
    one = schema.ref { to = "vpc" }, other = schema.ref { to = "vpc" },
    level = schema.int { update = "upgrade" }, depth = schema.int { update = "upgrade" },
  },
  one_of = { { "one", "other" } },
  actions = { { name = "upgrade", path = "{item}/upgrade", each = true, order = { "level", "depth" } } },
  outputs = { ip = schema.str { wire = "ends[private].ip", otherwise = "ends[public].ip" } },
}

local PLACE = { region = "fr-par", project = "p1" }

local function changed(...)
  local changes = {}
  for index, path in ipairs { ... } do changes[index] = { path = path, field = path:match("^[^.]+") } end
  return changes
end

describe("wire", function()
  it("writes a create body in the service's names and units", function()
    local body = wire.create(thing, { parent = "v1", name = "n", only = true, nested = 3, size = "2GiB", time = "1.5s", data = "hi",
      settings = { b = "2", a = "1" }, subnets = {}, probe = { tcp = {}, path = "/x" }, network = {}, one = "fr-par/v9" }, PLACE)
    assert.are.equal(json.encode {
      project_id = "p1", name = "n", connections_only = true, a = { b = 3 }, size = 2048, time = "1.500s", data = "aGk=",
      settings = { { name = "a", value = "1" }, { name = "b", value = "2" } }, subnets = json.array {},
      probe = { tcp = {}, http = { path = "/x" } }, network = { ipam = {} }, one = "v9",
    }, json.encode(body))
  end)

  it("updates under the names of the update call, and clears what is no longer set", function()
    local update = wire.update(thing, { only = false, nested = 4 }, changed("only", "nested", "subnets", "cron", "network"))
    assert.are.equal(json.encode {
      connection_only = false, flat = 4, subnets = json.array {}, cron = { schedule = "" }, network = json.null,
    }, json.encode(update.body))
  end)

  it("keeps the secrets that stay and sends the map whole", function()
    local values = { secrets = { A = "1", B = "2", C = { ["$secret"] = "f" } } }
    assert.are.same({ secrets = { A = "", B = "2", C = "" } }, wire.update(thing, values, changed("secrets.B")).body)
  end)

  it("does not clear the field that another one replaces", function()
    assert.are.same({ other = "v2" }, wire.update(thing, { other = "v2" }, changed("one", "other")).body)
  end)

  it("makes one call per field in the order of the action", function()
    local update = wire.update(thing, { level = 2, depth = 3 }, changed("depth", "level"))
    assert.is_nil(update.body)
    assert.are.same({ { level = 2 }, { depth = 3 } }, { update.actions[1].body, update.actions[2].body })
    assert.matches("/things/{name}/upgrade$", update.actions[1].action.path)
  end)

  it("reads answers: nulls, floats, pairs, elements inside objects, secrets by name only", function()
    local answer = json.answer [[{"name":"n","connections_only":null,"x":{"y":3},"size":2048,"secrets":{"A":"$argon2id$"},
      "settings":[{"name":"a","value":"1"}],"subnets":[{"subnet":"10.0.0.0/22","id":"s"}],"data":"aGk=","project_id":"p1",
      "probe":{"tcp":{},"http":null},"ends":[{"ip":"1","public":{}},{"ip":"2","private":{"x":1}}]}]]
    local result = wire.read(thing, answer, wire.scope(thing, PLACE, { parent = "v1" }))
    assert.are.same({ name = "n", nested = 3, size = 2147483648, settings = { a = "1" }, subnets = { "10.0.0.0/22" },
      probe = { tcp = {} }, secrets = { A = { ["$secret"] = "" } }, parent = "v1", project = "p1" }, result.fields)
    assert.are.equal("integer", math.type(result.fields.nested))
    assert.are.equal("v1/n", result.id)
    assert.are.equal("2", result.outputs.ip)
  end)

  it("finds the parts of a composite id and fills paths with them, encoded", function()
    assert.are.same({ parent = "v1", name = "a/b" }, wire.id_parts(thing, "v1/a/b"))
    local scope = wire.scope(thing, PLACE, nil, "v1/a b")
    assert.are.equal("/t/v1/regions/fr-par/parents/v1/things/a%20b", wire.path(thing.api.item, scope))
    assert.has_error(function() wire.path("/x/{missing}", scope) end, "the path /x/{missing} needs 'missing'")
  end)
end)

describe("import ids", function()
  it("name the place and the resource", function()
    assert.are.same({ "v1/n", { region = "fr-par" } }, { wire.import(thing, "fr-par/v1/n") })
    local project = "33333333-3333-4333-8333-333333333333"
    assert.are.same({ "shop", { region = "fr-par", project = project } }, { wire.import(thing, "fr-par/shop@" .. project) })
    assert.is_nil((wire.import(thing, "shop")))
  end)
end)

describe("normal", function()
  it("gives durations, sizes, times and networks one spelling", function()
    for given, wanted in pairs { ["5m"] = "300s", ["300.000000000s"] = "300s", ["1h30m"] = "5400s", ["500ms"] = "0.500s", x = "x" } do
      assert.are.equal(wanted, normal.duration(given))
    end
    assert.are.equal(2000000000, normal.size "2GB")
    assert.are.equal(2 ^ 31 // 1, normal.size "2 GiB")
    assert.are.equal("2 parsecs", normal.size "2 parsecs")
    assert.are.equal("2030-01-01T00:00:00Z", normal.timestamp "2030-01-01T02:00:00.000000+02:00")
    assert.are.equal("2030-01-01T00:00:00.5Z", normal.timestamp "2030-01-01T00:00:00.500Z")
    assert.are.equal("2028-02-29T23:30:00Z", normal.timestamp "2028-03-01T00:30:00+01:00")
    assert.are.equal("1.2.3.4/32", normal.named.cidr "1.2.3.4")
    assert.are.equal("/a", normal.named.path "/a/")
    assert.are.equal("/", normal.named.path "/")
  end)

  it("strips the place of an id and nothing else", function()
    assert.are.equal("11", normal.id "fr-par/11")
    assert.are.equal("11/name", normal.id "fr-par-1/11/name")
    assert.are.equal("shop/app", normal.id "shop/app")
  end)

  it("compares policies as trees, a lone text being a list", function()
    local policy = normal.named.policy
    assert.are.same(policy { Statement = { Action = "a", Principal = { SCW = "x" } } },
      policy { Statement = { { Action = { "a" }, Principal = { SCW = { "x" } } } } })
  end)
end)
