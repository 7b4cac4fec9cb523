local core = require "core"
local errors = require "scw.errors"
local reference = require "scw.dsl.reference"
local unknown = require "scw.unknown"

local function attribute(path, facts)
  return reference.attribute("db/rdb_instance.main", path, facts)
end

local function lookup_in(values)
  return function(address, path)
    local value = reference.dig(values, path)
    if value == nil then return nil, errors.new { code = "INFRA_001", message = address .. " has no " .. table.concat(path, ".") } end
    return value
  end
end

local function raised(fn)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  assert.is_true(errors.is(err), tostring(err))
  return err
end

describe("references", function()
  local ip = attribute({ "ip" }, { kind = "str" })
  local port = attribute({ "port" }, { kind = "int" })
  local password = attribute({ "password" }, { kind = "str", secret = true })
  local anything = attribute { "settings" }

  describe("build expressions", function()
    local lookup = lookup_in { ip = "10.0.0.2", port = 5432, password = "hunter2", settings = { names = { "a", "b" } } }

    it("that join texts and numbers, on either side", function()
      assert.are.equal("postgres://10.0.0.2:5432/rdb", (reference.resolve("postgres://" .. ip .. ":" .. port .. "/rdb", lookup)))
      assert.are.equal("10.0.0.210.0.0.2", (reference.resolve(ip .. ip, lookup)))
    end)

    it("but not with nil", function()
      local missing = {}
      for _, fn in ipairs { function() return ip .. missing.text end, function() return missing.text .. ip end,
        function() return port + missing.number end, function() return missing.number * port end } do
        local err = raised(fn)
        assert.matches("^cannot use nil with db/rdb_instance%.main%.%l+ in `", err.message)
        assert.matches("typing error", err.hint)
      end
    end)

    it("that compute with numbers", function()
      local cases = {
        { port + 1, 5433 }, { 1 + port, 5433 }, { port - 2, 5430 }, { port * 2, 10864 }, { port / 2, 2716.0 },
        { port // 1000, 5 }, { port % 10, 2 }, { 2 ^ (port - 5430), 4.0 }, { -port, -5432 }, { port + port, 10864 },
      }
      for i, case in ipairs(cases) do assert.are.equal(case[2], (reference.resolve(case[1], lookup)), "case " .. i) end
    end)

    it("that reach into lists and maps", function()
      assert.are.equal("b", (reference.resolve(anything.names[2], lookup)))
      assert.are.same({ "db/rdb_instance.main", { "settings", "names", 2 } }, { reference.target(anything.names[2]) })
    end)

    it("anywhere inside plain tables, which are copied", function()
      local fields = { list = { "x", port }, map = { host = ip }, count = 3 }
      assert.are.same({ list = { "x", 5432 }, map = { host = "10.0.0.2" }, count = 3 }, (reference.resolve(fields, lookup)))
      assert.is_true(reference.is(fields.map.host))
    end)

    it("long ones too, but not without end", function()
      local text = "" .. ip
      for _ = 1, 5000 do text = text .. ip end
      assert.are.equal(5001 * 8, #reference.resolve(text, lookup))
      assert.matches("10000 parts", raised(function() for _ = 1, 14 do text = text .. text end end).message)
    end)
  end)

  it("tell what they need, through every kind of expression", function()
    local seen = {}
    reference.each({ a = { "x" .. ip, -port }, b = anything.names[1], c = password:map(function(v) return v end) },
      function(address, path) seen[#seen + 1] = address .. " " .. table.concat(path, ".") end)
    table.sort(seen)
    assert.are.same({
      "db/rdb_instance.main ip", "db/rdb_instance.main password", "db/rdb_instance.main port",
      "db/rdb_instance.main settings.names.1",
    }, seen)
  end)

  it("carry the taint of secrets", function()
    assert.is_true(reference.secret(password))
    assert.is_true(reference.secret { nested = { "x" .. (ip .. password) } })
    assert.is_true(reference.secret(password:map(function() return 1 end)))
    assert.is_true(reference.secret(reference.from_outside("environment variable TOKEN", "t")))
    assert.is_false(reference.secret { ip, "x" .. port })
  end)

  it("read well in messages", function()
    assert.are.equal('"postgres://" .. db/rdb_instance.main.ip', reference.describe("postgres://" .. ip))
    assert.are.equal("db/rdb_instance.main.settings.names[1]", reference.describe(anything.names[1]))
  end)

  describe("refuse", function()
    local cases = {
      ["comparison with another reference"] = { function() return ip == port end, "cannot compare" },
      ["order"] = { function() return port < 5 end, "cannot compare" },
      ["order the other way round"] = { function() return 5 >= port end, "cannot compare" },
      ["length"] = { function() return #ip end, "cannot measure" },
      ["iteration"] = { function() return next, pairs(anything) end, "cannot iterate" },
      ["tostring"] = { function() return tostring(ip) end, "cannot make a text" },
      ["formatting"] = { function() return ("%s"):format(ip) end, "cannot make a text" },
      ["calls"] = { function() local value = ip() return value end, "cannot call" },
      ["bit operators"] = { function() return port & 1 end, "bit operators" },
      ["arithmetic on a text"] = { function() return ip + 1 end, "is no number" },
      ["arithmetic with a text"] = { function() return port + "one" end, 'the text "one"' },
      ["joining a list"] = { function() return "x" .. attribute({ "subnets" }, { kind = "list" }) end, "is a list" },
      ["joining a table"] = { function() return ip .. {} end, "cannot join a table" },
      ["fields of a single value"] = { function() return ip.host end, 'no field or method "host"' },
      ["assignment"] = { function() ip.x = 1 end, "cannot set x" },
      ["indexing by a reference"] = { function() return anything[port] end, "cannot index with a reference" },
      ["map without a function"] = { function() return ip:map("upper") end, "map takes a function" },
    }
    for name, case in pairs(cases) do
      it(name .. ", with the line that tried", function()
        local err = raised(case[1])
        assert.matches(case[2], err.message, 1, true)
        local line = debug.getinfo(case[1], "S").linedefined
        assert.are.equal(line, tonumber(err.source:match("reference_spec%.lua:(%d+)$")))
      end)
    end

    it("access to their content and metatable", function()
      assert.are.equal("reference", getmetatable(ip))
      assert.has_error(function() setmetatable(ip, {}) end)
    end)
  end)

  describe("resolve", function()
    it("to unknown when an operand is unknown", function()
      local lookup = lookup_in { ip = unknown, port = 1, settings = unknown }
      assert.are.equal(unknown, (reference.resolve("x" .. ip .. port, lookup)))
      assert.are.equal(unknown, (reference.resolve(anything.names[1], lookup)))
      assert.are.equal(unknown, (reference.resolve(anything:map(function() error("never called") end), lookup)))
      assert.are.same({ a = unknown, b = 2 }, (reference.resolve({ a = ip, b = port + 1 }, lookup)))
    end)

    it("to an error when a value is missing or does not fit", function()
      local _, err = reference.resolve({ "x" .. ip }, lookup_in {})
      assert.are.equal("db/rdb_instance.main has no ip", err.message)
      _, err = reference.resolve("x" .. anything, lookup_in { settings = { 1 } })
      assert.matches("main.settings is a table", err.message, 1, true)
      _, err = reference.resolve(anything + 1, lookup_in { settings = "many" })
      assert.matches("cannot work", err.message)
    end)

    it("while waiting", function()
      local value = reference.resolve("<" .. ip .. ">", function()
        core.sleep(1)
        return "late"
      end)
      assert.are.equal("<late>", value)
    end)
  end)

  describe("given to functions", function()
    local lookup = lookup_in { ip = "10.0.0.2", port = 5432, password = "hunter2", settings = { b = 1, a = 2 } }

    it("hand over the value", function()
      assert.are.equal("10-0-0-2", (reference.resolve(ip:map(function(v) return (v:gsub("%.", "-")) end), lookup)))
      local both = reference.combine({ ip, port }, function(a, b) return a .. "!" .. b end)
      assert.are.equal("10.0.0.2!5432", (reference.resolve(both, lookup)))
      assert.are.equal(3, (reference.resolve(anything:map(function(v) return { sum = v.a + v.b } end).sum, lookup)))
    end)

    it("hand over a copy", function()
      local settings = { a = 1 }
      reference.resolve(anything:map(function(v) v.a = 2 return v end), function() return settings end)
      assert.are.equal(1, settings.a)
    end)

    it("report errors with the line, unless they could quote a secret", function()
      local _, err = reference.resolve(ip:map(function(v) return v.x.y end), lookup)
      assert.matches("attempt to index a nil value", err.message)
      assert.matches("reference_spec%.lua:%d+$", err.source)
      _, err = reference.resolve(password:map(function(v) error("bad " .. v) end), lookup)
      assert.not_matches("hunter2", err.message .. err.hint)
    end)

    it("refuse references and functions as results", function()
      local _, err = reference.resolve(ip:map(function() return port end), lookup)
      assert.matches("returned a reference", err.message)
      _, err = reference.resolve(ip:map(function() return print end), lookup)
      assert.matches("returned a function", err.message)
    end)
  end)

  describe("in symbolic mode", function()
    local function symbolic(value, password_print, outside_print)
      local result, err = reference.symbolic(value, function(_, path)
        if path[1] == "password" then return { ["$secret"] = password_print or "aa" } end
        return reference.dig({ ip = "10.0.0.2", port = 5432 }, path)
      end, function() return { ["$secret"] = outside_print or "bb" } end)
      assert.is_nil(err)
      return result
    end
    local outside = reference.from_outside("environment variable TOKEN", "plain text")

    it("give the fingerprint of a secret itself", function()
      assert.are.same({ ["$secret"] = "aa" }, symbolic(password))
      assert.are.same({ ["$secret"] = "bb" }, symbolic(outside))
    end)

    it("give equal texts for equal secrets only, without the secret", function()
      for name, value in pairs {
        join = "postgres://u:" .. password .. "@" .. ip,
        arithmetic = (attribute({ "password" }, { secret = true }) + 1) * 2,
        index = password:map(function(v) return v end).x,
        map = password:map(function(v) return v:sub(1, 3) end),
        nested = ("<" .. password .. ">"):map(function(v) return v:sub(1, 1) end),
      } do
        local text = symbolic(value)
        assert.are.equal("string", type(text), name)
        assert.are.equal(text, symbolic(value), name)
        assert.are_not.equal(text, symbolic(value, "cc"), name)
      end
      local text = symbolic("x" .. outside)
      assert.not_matches("plain text", text)
      assert.are_not.equal(text, symbolic("x" .. outside, nil, "dd"))
    end)

    it("show that a function over a secret changed", function()
      local before = symbolic(password:map(function(v) return v .. "1" end))
      assert.are_not.equal(before, symbolic(password:map(function(v) return v .. "2" end)))
      assert.are.equal(before, symbolic(password:map(function(v) return v .. "1" end)))
    end)

    it("keep unknown stronger than secret", function()
      local value = reference.symbolic(ip .. password, function(_, path)
        return path[1] == "ip" and unknown or { ["$secret"] = "aa" }
      end, error)
      assert.are.equal(unknown, value)
    end)
  end)
end)
