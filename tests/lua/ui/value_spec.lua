local core = require "core"
local unknown = require "scw.unknown"
local value = require "scw.ui.value"

local function marks(path, old, new)
  local shown = {}
  for i, difference in ipairs(value.diff(path, old, new)) do
    local parts = { difference.mark, difference.path }
    if difference.mark ~= "+" then parts[#parts + 1] = value.text(difference.old) end
    if difference.mark ~= "-" then parts[#parts + 1] = value.text(difference.new) end
    shown[i] = table.concat(parts, " ")
  end
  return shown
end

describe("value", function()
  it("shows values as one line, keys sorted", function()
    assert.are.equal('"a\\nb\\x1b\\"\\\\"', value.text('a\nb\27"\\'))
    assert.are.equal("null", value.text(core.null))
    assert.are.equal("[]", value.text(core.array({})))
    assert.are.equal("{}", value.text({}))
    assert.are.equal('{ a: [1, 2.5], b: { c: true } }', value.text({ b = { c = true }, a = { 1, 2.5 } }))
  end)

  it("names secrets and what is known later instead of showing them", function()
    assert.are.equal("(known after apply)", value.text(unknown))
    assert.are.equal('{ password: (secret), url: [(known after apply)] }',
      value.text({ password = { ["$secret"] = "beef" }, url = { unknown } }))
    assert.are.equal("[(secret), (known after apply)]", value.text(value.public({ { ["$secret"] = "beef" }, unknown })))
    assert.are.same({ "~ url 1 (known after apply)" }, marks("url", 1, value.public(unknown)))
  end)

  it("diffs maps by key and lists by element", function()
    assert.are.same({ '~ env.LOG "info" "debug"', '+ env.NEW "x"', '- env.OLD "y"' },
      marks("env", { LOG = "info", OLD = "y", SAME = "s" }, { LOG = "debug", NEW = "x", SAME = "s" }))
    assert.are.same({ '~ triggers[1] "1" "2"' }, marks("triggers", { "1" }, { "2" }))
    assert.are.same({ '~ args[2] "b" "x"' }, marks("args", { "a", "b", "c" }, { "a", "x", "c" }))
    assert.are.same({ '~ triggers "1" "2"' }, marks("triggers", "1", "2"))
    assert.are.same({ '- tags "b"', '+ tags "d"' }, marks("tags", { "a", "b", "c" }, { "a", "c", "d" }))
    assert.are.same({ '~ rules[2].port 80 443' },
      marks("rules", { { ip = "a", port = 22 }, { ip = "b", port = 80 } }, { { ip = "a", port = 22 }, { ip = "b", port = 443 } }))
    assert.are.same({ '+ rules { ip: "c" }' }, marks("rules", { { ip = "a" } }, { { ip = "a" }, { ip = "c" } }))
    assert.are.same({ '- tags "a"' }, marks("tags", { "a" }, core.array({})))
  end)

  it("marks a secret that changed and a value that becomes unknown", function()
    local found = value.diff("env", { A = { ["$secret"] = "1" } }, { A = { ["$secret"] = "2" } })
    assert.is_true(found[1].secret)
    assert.are.same({ '~ id "x" (known after apply)' }, marks("id", "x", unknown))
    assert.are.same({ '+ id (known after apply)' }, marks("id", nil, unknown))
  end)

  it("undoes itself: what joins one way leaves the other way", function()
    local lists = { { 1, 2, 3 }, { 3, 2, 1 }, {}, { 1 }, { 2, 2, 2 }, { 1, 3, 5, 7 } }
    for _, old in ipairs(lists) do
      for _, new in ipairs(lists) do
        if old ~= new then
          local balance = #old
          for _, difference in ipairs(value.diff("l", core.array(old), core.array(new))) do
            balance = balance + (difference.mark == "+" and 1 or -1)
          end
          assert.are.equal(#new, balance)
        end
      end
    end
  end)

  it("fits a pair into the width and leaves out the common beginning", function()
    assert.are.equal('0 -> 2', value.pair("0", "2", 60))
    local old, new = '"registry/evalap/documentation:1.4.2"', '"registry/evalap/documentation:1.5.0"'
    assert.are.equal('"…mentation:1.4.2" -> "…mentation:1.5.0"', value.pair(old, new, 40))
    for width = 12, 80 do
      assert.is_true(utf8.len(value.pair(old, new, width)) <= math.max(width, 12))
    end
  end)

  it("takes a new value apart into lines", function()
    local shown = {}
    for i, part in ipairs(value.parts("f", { a = 1, list = { { x = 1, y = { 2, 3 } }, { x = 4 } }, plain = { "a", "b" }, none = {} })) do
      shown[i] = part.path .. "=" .. value.text(part.value)
    end
    assert.are.same({ "f.a=1", "f.list[1].x=1", "f.list[1].y=[2, 3]", "f.list[2].x=4", "f.none={}", 'f.plain=["a", "b"]' }, shown)
    assert.are.equal("f", value.parts("f", unknown)[1].path)
  end)

  it("knows what says nothing", function()
    for _, nothing in ipairs({ "", {}, core.null, core.array({}) }) do assert.is_true(value.empty(nothing)) end
    for _, something in ipairs({ 0, false, "x", unknown, { ["$secret"] = "aa" } }) do assert.is_false(value.empty(something)) end
  end)

  it("hands no fingerprint to programs", function()
    local public = value.public({ a = { ["$secret"] = "beef" }, b = unknown, c = { 1 } })
    assert.are.same({ ["$secret"] = true }, public.a)
    assert.are.same({ ["$unknown"] = true }, public.b)
    assert.are.same({ 1 }, public.c)
  end)
end)
