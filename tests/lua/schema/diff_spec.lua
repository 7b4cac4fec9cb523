local schema = require "scw.schema"
local unknown = require "scw.unknown"

local thing = schema.type {
  name = "thing",
  summary = "A thing.",
  api = { path = "/t/v1/regions/{region}/things", list = { field = "things" } },
  fields = {
    name = schema.str { required = true, replace = true },
    size = schema.int { replace = "decrease", update = "upgrade" },
    locked = schema.bool { default = false, replace = "off" },
    tags = schema.set { of = "string", default = {} },
    rules = schema.set { of = schema.object { fields = { ip = schema.str { normalise = "cidr" }, note = schema.str { default = "none" },
      port = schema.int { computed = true } } } },
    variables = schema.map { of = "string", default = {} },
    secrets = schema.map { of = "string", secret = true },
    password = schema.str { secret = true },
    subnets = schema.set { of = "string", computed = true, replace = true },
    timeout = schema.duration { default = "300s" },
    probe = schema.object { one_of = { "tcp", "http" }, fields = {
      tcp = schema.object {}, http = schema.object { fields = { path = schema.str {} } },
    } },
    source = schema.object { replace = "presence", fields = { url = schema.str {}, key = schema.str { secret = true } } },
    note = schema.str { local_only = true },
    once = schema.bool { create_only = true },
  },
}

local function fingerprint(text) return { ["$secret"] = text } end

local function changes(desired, prior, actual)
  desired = schema.defaults(thing, desired)
  return schema.diff(thing, desired, prior and schema.defaults(thing, prior), actual and schema.defaults(thing, actual))
end

local function paths(...)
  local result = {}
  for index, change in ipairs(changes(...)) do result[index] = change.path .. (change.replace and "!" or "") end
  return table.concat(result, " ")
end

describe("diff", function()
  it("is empty for equal values in other spellings", function()
    local desired = { name = "a", tags = { "x", "y" }, timeout = "5m", rules = { { ip = "1.2.3.4" }, { ip = "10.0.0.0/8", note = "n" } } }
    local actual = { name = "a", tags = { "y", "x" }, timeout = "300.000000000s",
      rules = { { ip = "10.0.0.0/8", note = "n", port = 5 }, { ip = "1.2.3.4/32", port = 6 } } }
    assert.are.equal("", paths(desired, desired, actual))
  end)

  it("shows old and new of every field that changed", function()
    local desired = { name = "a", timeout = "10s", variables = { A = "1", B = "2" } }
    local found = changes(desired, nil, { name = "a", variables = { A = "0", C = "3" } })
    assert.are.same({
      { path = "timeout", field = "timeout", old = "300s", new = "10s" },
      { path = "variables.A", field = "variables", old = "0", new = "1" },
      { path = "variables.B", field = "variables", new = "2" },
      { path = "variables.C", field = "variables", old = "3" },
    }, found)
  end)

  it("replaces when the field, the direction or the presence says so", function()
    assert.are.equal("name!", paths({ name = "b" }, { name = "a" }))
    assert.are.equal("size!", paths({ name = "a", size = 1 }, { name = "a", size = 2 }))
    assert.are.equal("size", paths({ name = "a", size = 3 }, { name = "a", size = 2 }))
    assert.are.equal("locked!", paths({ name = "a" }, { name = "a", locked = true }))
    assert.are.equal("locked", paths({ name = "a", locked = true }, { name = "a" }))
    assert.are.equal("source!", paths({ name = "a" }, { name = "a", source = { url = "x" } }))
    assert.are.equal("source.url", paths({ name = "a", source = { url = "y" } }, { name = "a", source = { url = "x" } }))
  end)

  it("names the action that makes the change", function()
    assert.are.equal("upgrade", changes({ name = "a", size = 3 }, { name = "a", size = 2 })[1].action)
  end)

  it("compares secrets by fingerprint and never with what the service shows", function()
    local desired = { name = "a", password = fingerprint "1", secrets = { A = fingerprint "2" } }
    local actual = { name = "a", secrets = { A = fingerprint "" } }
    assert.are.equal("", paths(desired, desired, actual))
    local changed = { name = "a", password = fingerprint "9", secrets = { A = fingerprint "8" } }
    local found = changes(changed, desired, actual)
    assert.are.equal("password secrets.A", paths(changed, desired, actual))
    assert.is_true(found[1].secret and found[2].secret)
    assert.are.same(fingerprint "2", found[2].old)
  end)

  it("notices secret names added or removed behind its back", function()
    local desired = { name = "a", secrets = { A = fingerprint "2" } }
    assert.are.equal("secrets.A secrets.B", paths(desired, desired, { name = "a", secrets = { B = fingerprint "" } }))
  end)

  it("compares secrets inside objects by fingerprint", function()
    local desired = { name = "a", source = { url = "x", key = fingerprint "1" } }
    local actual = { name = "a", source = { url = "x" } }
    assert.are.equal("", paths(desired, desired, actual))
    assert.are.equal("source.key", paths({ name = "a", source = { url = "x", key = fingerprint "2" } }, desired, actual))
  end)

  it("leaves to the service what it decides", function()
    assert.are.equal("", paths({ name = "a" }, { name = "a" }, { name = "a", subnets = { "10.0.0.0/22" } }))
    local other = { name = "a", subnets = { "10.1.0.0/22" } }
    assert.are.equal("subnets!", paths(other, { name = "a" }, { name = "a", subnets = { "10.0.0.0/22" } }))
  end)

  it("compares local fields with what was asked for last time, and ignores creation arguments", function()
    assert.are.equal("note", paths({ name = "a", note = "y", once = true }, { name = "a", note = "x" }, { name = "a" }))
  end)

  it("keeps unknown values as changes", function()
    local found = changes({ name = "a", tags = { unknown } }, { name = "a", tags = { "x" } }, { name = "a", tags = { "x" } })
    assert.are.equal(unknown, found[1].new[1])
  end)

  it("changes a probe in place", function()
    local actual = { name = "a", probe = { http = { path = "/" } } }
    assert.are.equal("probe.http probe.tcp", paths({ name = "a", probe = { tcp = {} } }, nil, actual))
  end)
end)
