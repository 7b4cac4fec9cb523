local json = require "scw.json"
local origin = require "scw.dsl.origin"
local reference = require "scw.dsl.reference"

local function attribute(address, name, secret) return reference.attribute(address, { name }, { secret = secret or false }) end
local function seal(value) return { ["$secret"] = "mark of " .. value } end
local function open() return false end
local function covered() return true end

--- What the state would give back.
local function kept(value, is_secret) return json.decode(assert(json.encode(origin.of(value, seal, is_secret or open)))) end

local known = {
  attribute = function(address, path) return reference.attribute(address, path, { secret = path[1] == "password" }) end,
  outside = function(mark) return reference.recalled(mark) end,
}

--- The symbolic value of a declared value, and of what its origin restores.
local function both(value, is_secret)
  local function lookup(address, path)
    if path[1] == "password" then return { ["$secret"] = address } end
    if path[1] == "port" then return 5432 end
    return address .. "." .. table.concat(path, ".")
  end
  local restored = origin.restore(kept({ field = value }, is_secret)["/field"], known)
  return (reference.symbolic(value, lookup, seal)), restored and (reference.symbolic(restored, lookup, seal))
end

describe("origins", function()
  it("stand where in a declaration the references are", function()
    local net = attribute("net.main", "id")
    assert.same({
      ["/network"] = { "net.main", "id" }, ["/list/2/a~1b"] = { "net.main", "id" }, ["/map/x.y~0"] = { "net.main", "cidr", 1 },
    }, kept({
      name = "plain", network = net, list = { "one", { ["a/b"] = net } },
      map = { ["x.y~"] = reference.attribute("net.main", { "cidr", 1 }) },
    }))
    assert.same({ [""] = { "net.main", "id" } }, kept(net))
  end)

  it("compute the same again", function()
    local host, port = attribute("db.main", "ip"), attribute("db.main", "port")
    for _, value in ipairs({ host, "tcp://" .. host .. ":" .. port .. "/x", (port + 1) * 2, -port, (host .. "a") .. (1 .. port) }) do
      local before, after = both(value)
      assert.equal(before, after)
    end
    local password = attribute("db.main", "password", true)
    for _, value in ipairs({
      password, "postgresql://" .. host .. ":" .. password .. "@" .. host .. ":" .. port .. "/",
      ":" .. reference.from_outside("KEY", "a value") .. "@" .. host,
    }) do
      local before, after = both(value, covered)
      assert.same(before, after)
    end
  end)

  it("of what a function computed are only its attributes, once each", function()
    local host = attribute("db.main", "ip")
    local packed = kept({ field = (host .. host):map(function(text) return text end) .. "!" })["/field"]
    assert.same({ opaque = { { "db.main", "ip" } } }, packed)
    assert.is_nil(origin.restore(packed, known))
  end)

  it("never hold a text that may be secret", function()
    local host = attribute("db.main", "ip")
    for _, text in ipairs({ "hunter2@", "postgres://user:hunter2@", "?token=abc", ":::::", "1", "é" }) do
      local packed = kept({ field = text .. host }, covered)["/field"]
      assert.same({ opaque = { { "db.main", "ip" } } }, packed)
    end
    local outside = kept({ field = reference.from_outside("KEY", "hunter2") }, covered)
    assert.same({ ["/field"] = { outside = "mark of hunter2" } }, outside)
    local mixed = kept({ field = "hunter2" .. attribute("db.main", "password", true) })["/field"] -- secret by what it is made of
    assert.same({ opaque = { { "db.main", "password" } } }, mixed)
  end)

  it("that lead nowhere give nothing", function()
    local nowhere = { attribute = function() return nil end, outside = known.outside }
    local packed = kept({ field = "http://" .. attribute("db.main", "ip") })["/field"]
    assert.is_nil(origin.restore(packed, nowhere))
  end)

  it("follow a resource to another address, and no text that looks like it", function()
    local function packed(address)
      local host, password = attribute(address, "ip"), attribute(address, "password", true)
      return kept({
        plain = host, text = "db.main" .. host .. "db.main", number = (attribute(address, "port") + 1) .. "x", list = { "a", host },
        secret = "hunter2" .. password, key = reference.from_outside("KEY", "db.main"),
        other = attribute("db.other", "ip"),
      })
    end
    assert.same(packed("db.new"), json.decode(assert(json.encode(origin.exchanged(packed("db.main"), "db.main", "db.new")))))
    assert.is_nil(origin.exchanged(packed("db.main"), "db", "db.new"))
    assert.is_nil(origin.exchanged(nil, "db.main", "db.new"))
  end)

  it("give way to functions where an expression is very long", function()
    local value = attribute("db.main", "ip")
    for _ = 1, 2000 do value = value .. "x" end
    assert.same({ opaque = { { "db.main", "ip" } } }, kept({ field = value })["/field"])
  end)
end)
