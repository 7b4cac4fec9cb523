local nearest = require "scw.nearest"

describe("nearest", function()
  it("counts edits, a swap as one", function()
    assert.are.equal(0, nearest.distance("plan", "plan"))
    assert.are.equal(1, nearest.distance("paln", "plan"))
    assert.are.equal(1, nearest.distance("plans", "plan"))
    assert.are.equal(4, nearest.distance("", "plan"))
    assert.are.equal(3, nearest.distance("kitten", "sitting"))
  end)

  it("is symmetric and obeys the bound of the longer word", function()
    local words = { "a", "ab", "ba", "container", "contianer", "rdb_instance", "instance_rdb", "" }
    for _, left in ipairs(words) do
      for _, right in ipairs(words) do
        assert.are.equal(nearest.distance(left, right), nearest.distance(right, left))
        assert.is_true(nearest.distance(left, right) <= math.max(#left, #right))
      end
    end
  end)

  it("finds the word that was meant", function()
    local commands = { "validate", "plan", "apply", "destroy", "refresh", "output" }
    assert.are.equal("plan", nearest.word("paln", commands))
    assert.are.equal("apply", nearest.word("aply", commands))
    assert.are.equal("destroy", nearest.word("destry", commands))
    assert.are.equal("validate", nearest.word("val", commands))
    assert.are.equal("apply", nearest.word("APPLY", commands))
  end)

  it("stays silent when nothing is close", function()
    assert.is_nil(nearest.word("kubernetes", { "plan", "apply" }))
    assert.is_nil(nearest.word("x", { "plan", "apply" }))
    assert.is_nil(nearest.word("re", { "refresh", "replace" }))
    assert.is_nil(nearest.word("", { "plan" }))
  end)

  it("makes a hint", function()
    assert.are.equal("did you mean 'plan'?", nearest.hint("plna", { "plan" }))
    assert.is_nil(nearest.hint("zzzz", { "plan" }))
  end)
end)
