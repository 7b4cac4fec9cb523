local json = require "scw.json"
local schema = require "scw.schema"
local unknown = require "scw.unknown"
local catalogue = require "scw.schema.catalogue"

local function reference(description)
  return setmetatable({}, { __reference = function() return description end, __metatable = false })
end

local kitchen = schema.type {
  name = "kitchen",
  summary = "Every word at once.",
  api = { path = "/k/v1/regions/{region}/kitchens", list = { field = "kitchens" } },
  fields = {
    name = schema.str { required = true, max = 5, pattern = "^[a-z]+$" },
    mode = schema.str { enum = { "public", "private" }, default = "public" },
    low = schema.int { min = 0, default = 0 },
    high = schema.int { max = 10, soft_max = 8, default = 5 },
    timeout = schema.duration { min = "10s", max = "1h" },
    memory = schema.size { min = "128MB", multiple = "1MB" },
    variables = schema.map { of = "string", key_max = 5, value_max = 3, reserved = { "^SCW_" }, secret_twin = "secrets" },
    secrets = schema.map { of = "string", secret = true },
    tags = schema.set { of = "string", max = 2 },
    probe = schema.object { one_of = { "tcp", "http" }, fields = { tcp = schema.object {}, http = schema.object { fields = {
      path = schema.str { required = true } } } } },
    network = schema.ref { to = "private_network" },
    schedule = schema.str { format = "cron" },
  },
  rules = { { "low must not exceed high", function(fields) return fields.low <= fields.high end } },
}

local function first(fields, place)
  fields.name = fields.name or "abc"
  local problems = schema.check(kitchen, fields, place)
  return problems[1] or {}
end

describe("check", function()
  it("accepts what is right", function()
    local problems, warnings = schema.check(kitchen, {
      name = "abc", mode = "private", low = 1, high = 5, timeout = "5m", memory = "2GB", variables = { A = "b" },
      secrets = { TOKEN = "x" }, tags = { "a", "b" }, probe = { http = { path = "/" } }, network = "fr-par/11",
      schedule = "*/5 0-6 1,15 * MON-FRI", region = "fr-par",
    }, { region = "fr-par" })
    assert.are.same({}, problems)
    assert.are.same({}, warnings)
  end)

  it("names the nearest field and the nearest word", function()
    assert.are.same({ path = "nam", message = "kitchen has no field 'nam'", hint = "did you mean 'name'?" }, first { nam = 1 })
    local problem = first { mode = "pubic" }
    assert.are.equal("mode must be one of public, private, not 'pubic'", problem.message)
    assert.are.equal("did you mean 'public'?", problem.hint)
  end)

  it("says what is missing", function()
    assert.are.equal("name is required", schema.check(kitchen, {})[1].message)
  end)

  it("names the element that is wrong", function()
    assert.are.equal("tags[2] must be text, not 7", first { tags = { "a", 7 } }.message)
    assert.are.equal("probe.http.path is required", first { probe = { http = {} } }.message)
    assert.are.equal("variables must not set SCW_X: the name is reserved", first { variables = { SC = "1", SCW_X = "1" } }.message)
  end)

  it("keeps bounds", function()
    for path, case in pairs {
      low = { { low = -1 }, "low must be at least 0, not %-1" },
      high = { { high = 11 }, "high must be at most 10" },
      timeout = { { timeout = "2h" }, "timeout must be at most 3600s, not 7200s" },
      memory = { { memory = "1MB" }, "memory must be at least 128MB, not 1000000 bytes" },
      name = { { name = "abcdef" }, "name must have at most 5 characters, not 6" },
      tags = { { tags = { "a", "b", "c" } }, "tags must have at most 2 elements, not 3" },
      schedule = { { schedule = "61 * * * *" }, "schedule must be five cron fields" },
      probe = { { probe = {} }, "probe: exactly one of tcp, http is needed, but none is set" },
    } do
      local problem = first(case[1])
      assert.are.equal(path, problem.path)
      assert.matches(case[2], problem.message)
    end
  end)

  it("warns where only the documentation draws a line", function()
    local problems, warnings = schema.check(kitchen, { name = "abc", high = 9 })
    assert.are.same({}, problems)
    assert.are.equal("high is 9: the service may refuse more than 8", warnings[1].message)
  end)

  it("refuses values of the wrong kind without showing secrets", function()
    assert.are.equal("low must be a whole number, not 'x'", first { low = "x" }.message)
    assert.are.equal("low must be a whole number, not 1.5", first { low = 1.5 }.message)
    assert.are.equal("secrets must be a table of names and values, not what was given", first { secrets = "hunter2" }.message)
    assert.matches("has the name 'x'", first { tags = { x = "y" } }.message)
  end)

  it("lets values that are not there yet stand anywhere, but only handles of the right type", function()
    local id = reference { address = "main", type = "private_network", attribute = "id" }
    assert.is_nil(first { name = id, low = unknown, tags = { id }, network = reference { type = "private_network" } }.message)
    assert.are.equal("network must be a private_network, but db is a rdb_instance",
      first { network = reference { type = "rdb_instance", address = "db" } }.message)
    assert.matches("low must be a whole number, not the resource db",
      first { low = reference { type = "rdb_instance", address = "db" } }.message)
  end)

  it("refuses secrets in fields that are not secret, and says where they belong", function()
    local secret = reference { address = "p", type = "secret_version", attribute = "value", secret = true }
    local problem = first { variables = secret }
    assert.are.equal("variables is not secret, but the value given to it is", problem.message)
    assert.are.equal("use secrets", problem.hint)
    assert.is_nil(first { secrets = { A = secret } }.message)
  end)

  it("knows empty lists from empty maps", function()
    local kinds = schema.type { name = "kinds", summary = "Kinds.", locality = "global", fields = {
      list = schema.list { of = "string", default = {} },
      set = schema.set { of = "string" }, map = schema.map { of = "string", default = {} },
      deep = schema.object { fields = { list = schema.list { of = "string" } } },
    } }
    local done = schema.defaults(kinds, { set = {}, deep = { list = {} } })
    assert.equal('{"deep":{"list":[]},"list":[],"map":{},"set":[]}', json.encode(done))
    assert.equal('{"deep":{"list":[]},"list":[],"map":{},"set":[]}', json.encode(schema.defaults(kinds, json.decode(json.encode(done)))))
  end)

  it("applies rules to defaults too, and waits when a value is unknown", function()
    assert.are.equal("low must not exceed high", first { low = 6 }.message)
    assert.is_nil(first { low = unknown }.message)
  end)

  it("refuses an id of another place", function()
    local problem = first({ network = "nl-ams/11" }, { region = "fr-par" })
    assert.are.equal("network is in nl-ams, but this resource is in fr-par", problem.message)
  end)
end)

describe("words", function()
  it("refuse unknown options", function()
    assert.has_error(function() schema.str { mim = 1 } end, "a field of kind str has no option 'mim'")
    assert.has_error(function() schema.type { name = "x", summary = "y", reddy = {} } end)
  end)

  it("make a catalogue that finds types by name", function()
    assert.are.equal("value", catalogue.get("value").name)
    assert.is_nil(catalogue.get("nothing"))
  end)
end)
