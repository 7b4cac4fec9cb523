local core = require "core"

local function encoded(value, options) return assert(core.json_encode(value, options)) end
local function decoded(text) local value, err = core.json_decode(text) assert(err == nil, err and err.message) return value end

--- Checks that encoding fails and returns the error.
local function refused(value)
  local text, err = core.json_encode(value)
  assert.is_nil(text)
  return err
end

describe("JSON encoding", function()
  it("sorts keys by their bytes, the prefix first", function()
    assert.are.equal('{"":5,"A":3,"a":1,"aa":2,"é":4}', encoded { a = 1, aa = 2, A = 3, ["é"] = 4, [""] = 5 })
  end)

  it("sorts objects of many keys too", function()
    local object, names = {}, {}
    for i = 1, 500 do names[i] = ("k%d"):format(i * 7919 % 1000) object[names[i]] = i end
    table.sort(names)
    local found = {}
    for name in encoded(object):gmatch('"(k%d+)"') do found[#found + 1] = name end
    assert.are.same(names, found)
  end)

  it("keeps integers exact and integral floats as integers", function()
    assert.are.equal("[9223372036854775807,-9223372036854775808,5,0,9007199254740993]",
      encoded { math.maxinteger, math.mininteger, 5.0, -0.0, 9007199254740993 })
  end)

  it("writes the shortest digits that read back as the same float", function()
    assert.are.equal("[0.1,1e+300,9.223372036854776e+18]", encoded { 0.1, 1e300, 2 ^ 63 })
    assert.are.equal("[0.30000000000000004,5e-324,-1.5]", encoded { 0.1 + 0.2, 5e-324, -1.5 })
    math.randomseed(7)
    for _ = 1, 2000 do
      local number = string.unpack("d", string.pack("I8", math.random(0)))
      if number == number and math.abs(number) ~= math.huge then
        assert.are.equal(number, decoded(encoded(number)) + 0.0)
      end
    end
  end)

  it("tells empty arrays, empty objects and null apart", function()
    assert.are.equal('{"a":[],"b":{},"c":null}', encoded { a = core.array {}, b = {}, c = core.null })
  end)

  it("escapes only what must be", function()
    assert.are.equal([["\"\\/\n\u0000\u001fé€😀"]], encoded("\"\\/\n\0\31é€😀"))
  end)

  it("indents when asked", function()
    assert.are.equal('{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}', encoded({ a = { 1, {} }, b = core.array {} }, { indent = 2 }))
  end)

  it("says where something cannot be encoded", function()
    local err = refused { a = { b = { 1, 2, print } } }
    assert.are.equal("invalid", err.kind)
    assert.matches("function has no JSON form %(at a%.b%[3%]%)", err.message)
    assert.matches("at list", refused { list = { 1, 2, nil, 4 } }.message)
    assert.matches("neither a sequence", refused { 1, x = 2 }.message)
    assert.matches("neither a sequence", refused { [true] = 1 }.message)
    assert.matches("neither a sequence", refused { [5] = 1 }.message)
    assert.matches("neither a sequence", refused(core.array { x = 1 }).message)
    assert.matches("NaN", refused { 0 / 0 }.message)
    assert.matches("infinite", refused { 1 / 0 }.message)
    assert.matches("UTF%-8 %(byte 3%) %(at x%)", refused { x = "ab\xff" }.message)
    assert.matches("has no JSON form", refused { x = io.stdout }.message)
  end)

  it("refuses every malformed UTF-8 sequence", function()
    for _, text in ipairs { "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                            "\xf5\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x98", "\xc3" } do
      assert.are.equal("invalid", refused(text).kind)
      assert.are.equal("invalid", refused({ [text] = 1 }).kind)
    end
    for _, text in ipairs { "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" } do
      assert.are.equal(text, decoded(encoded(text)))
    end
  end)

  it("refuses cycles and too much depth, but not the same table twice", function()
    local loop = {}
    loop.self = { loop }
    assert.matches("contains itself %(at self%[1%]%)", refused(loop).message)
    local shared = { 1 }
    assert.are.equal('{"a":[1],"b":[1]}', encoded { a = shared, b = shared })
    local deep = core.array {}
    for _ = 1, 199 do deep = { deep } end
    assert.are.equal(("["):rep(200) .. ("]"):rep(200), encoded(deep))
    assert.are.equal("limit", refused({ deep }).kind)
  end)
end)

describe("JSON decoding", function()
  it("marks arrays, keeps integers exact and null apart from nothing", function()
    local value = decoded '{"a":[],"i":9007199254740993,"f":1.0,"n":null,"t":[true,false]}'
    assert.is_true(core.is_array(value.a))
    assert.is_false(core.is_array(value))
    assert.are.equal("integer", math.type(value.i))
    assert.are.equal(9007199254740993, value.i)
    assert.are.equal("float", math.type(value.f))
    assert.are.equal(core.null, value.n)
    assert.are.same({ true, false }, value.t)
  end)

  it("takes any value, and texts with NUL", function()
    assert.are.equal(7, decoded " 7 ")
    assert.are.equal("a\0b", decoded [["a\u0000b"]])
    assert.are.equal("😀", decoded [["\ud83d\ude00"]])
    assert.are.equal(false, decoded "false")
  end)

  it("says where a text is wrong, without quoting it", function()
    for text, reason in pairs {
      [""] = "unexpected end", ["{"] = "unexpected end", ["[1,]"] = "not JSON", ["[1] secret"] = "more text", ['{"a":1,"a":2}'] = "twice",
      ["9223372036854775808"] = "64 bits", ["1e999"] = "too large", ['"\xff"'] = "UTF%-8", ["[NaN]"] = "not JSON", ["0x10"] = "more text",
      ['{"\\u0000":1}'] = "NUL", ['"secret\n"'] = "not JSON", ["{secret:1}"] = "not JSON", ["01"] = "JSON", [("["):rep(5000)] = "deep",
    } do
      local value, err = core.json_decode(text)
      assert.is_nil(value)
      assert.are.equal("invalid", err.kind)
      assert.matches(reason, err.message)
      assert.not_matches("secret", err.message)
    end
    assert.matches("line 3, column", select(2, core.json_decode '{\n"a":1,\nb}').message)
  end)

  it("takes 200 levels and no more", function()
    assert.is_truthy(decoded(("["):rep(200) .. ("]"):rep(200)))
    assert.are.equal("invalid", select(2, core.json_decode(("["):rep(201) .. ("]"):rep(201))).kind)
  end)

  it("gives back what was encoded", function()
    local value = { name = "x", list = { 1, 2.5, "three", { four = core.null } }, none = core.array {}, deep = { a = { b = {} } } }
    assert.are.same(value, decoded(encoded(value)))
    assert.are.equal(encoded(value), encoded(decoded(encoded(value))))
  end)

  it("neither hurries the garbage collector nor keeps it from its work", function()
    local ballast, cycles = {}, 0
    for i = 1, 100000 do ballast[i] = { i } end
    local function mark() -- is collected in every cycle
      setmetatable({}, { __gc = function()
        cycles = cycles + 1
        mark()
      end })
    end
    mark()
    collectgarbage()
    local seen, text = cycles, '{"a":[1,2,{"b":"c"}]}'
    for i = 1, 5000 do ballast[i] = { decoded(text) } end -- less than is in use
    assert.is_true(cycles - seen <= 1, cycles - seen .. " cycles")
    for _ = 1, 100000 do decoded(text) end
    assert.is_true(cycles - seen >= 2, "garbage stays")
    assert.equal(100000, #ballast)
  end)
end)

describe("array", function()
  it("refuses what is no plain table", function()
    assert.has_error(function() core.array(setmetatable({}, {})) end)
    assert.has_error(function() core.array("x") end)
    local list = core.array {}
    assert.are.equal(list, core.array(list))
  end)

  it("keeps its mark from being changed", function()
    assert.are.equal("array", getmetatable(core.array {}))
  end)
end)
