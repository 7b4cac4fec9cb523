local style = require "scw.ui.style"
local columns = require "scw.ui.table"

describe("style", function()
  it("paints only when colours are on", function()
    assert.are.equal("x", style.new():paint("red", "x"))
    assert.are.equal("\27[31mx\27[0m", style.new({ colour = true }):paint("red", "x"))
  end)

  it("measures characters, not bytes or colours", function()
    assert.are.equal(5, style.width("héllo"))
    assert.are.equal(1, style.width("\27[1;31mx\27[0m"))
    assert.are.equal(2, style.width("\xff\xfe"))
  end)

  it("cuts to exactly the width", function()
    for width = 0, 12 do
      local cut = style.cut("héllo wörld", width)
      assert.is_true(style.width(cut) <= width)
      assert.is_truthy(utf8.len(cut))
    end
    assert.are.equal("hell…", style.cut("hello world", 5))
    assert.are.equal("hello", style.cut("hello", 5))
  end)

  it("wraps at spaces and keeps paragraphs", function()
    assert.are.same({ "one two", "three", "", "four" }, style.wrap("one two three\n\nfour", 8))
    assert.are.same({ "a-very-long-word", "b" }, style.wrap("a-very-long-word b", 5))
  end)

  it("keeps a command in one line, so that it can be copied", function()
    local sentence = "or run (`scwlua plan a.lua`), then `x y` now"
    assert.are.same({ "or run", "(`scwlua plan a.lua`),", "then `x y` now" }, style.wrap(sentence, 14))
    assert.are.same({ "a `lone", "one", "`p q`" }, style.wrap("a `lone one\n`p q`", 8))
  end)

  it("disarms control characters", function()
    assert.are.equal("a\\x1b[31mb\tc", style.clean("a\27[31mb\tc"))
  end)

  it("writes time spans", function()
    assert.are.equal("0.4s", style.duration(400))
    assert.are.equal("59.9s", style.duration(59900))
    assert.are.equal("1m00s", style.duration(59990))
    assert.are.equal("3m05s", style.duration(185000))
    assert.are.equal("1h02m", style.duration(3720000))
  end)

  it("has words for every counted action", function()
    for _, action in ipairs(style.action_order) do assert.is_table(style.actions[action]) end
  end)
end)

describe("table", function()
  it("wraps what words mean below itself", function()
    assert.are.same({ "  a    one two three four five six", "       seven", "  bcd  x" },
      columns.definitions({ { "a", "one two three four five six seven" }, { "bcd", "x" } }, { indent = 2, columns = 37 }))
  end)

  it("aligns columns", function()
    assert.are.same({ "a    first", "long second one" }, columns.lines({ { "a", "first" }, { "long", "second one" } }, { gap = 1 }))
    assert.are.same({ "  a  b" }, columns.lines({ { "a", "b" } }, { indent = 2 }))
  end)
end)
