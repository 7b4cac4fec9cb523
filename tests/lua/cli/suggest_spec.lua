local suggest = require "scw.suggest"

describe("suggest", function()
  it("counts edits, a swap as one", function()
    assert.are.equal(0, suggest.distance("plan", "plan"))
    assert.are.equal(1, suggest.distance("paln", "plan"))
    assert.are.equal(1, suggest.distance("plans", "plan"))
    assert.are.equal(4, suggest.distance("", "plan"))
    assert.are.equal(3, suggest.distance("kitten", "sitting"))
  end)

  it("is symmetric and obeys the bound of the longer word", function()
    local words = { "a", "ab", "ba", "container", "contianer", "rdb_instance", "instance_rdb", "" }
    for _, left in ipairs(words) do
      for _, right in ipairs(words) do
        assert.are.equal(suggest.distance(left, right), suggest.distance(right, left))
        assert.is_true(suggest.distance(left, right) <= math.max(#left, #right))
      end
    end
  end)

  it("finds the word that was meant", function()
    local commands = { "validate", "plan", "apply", "destroy", "refresh", "output" }
    assert.are.equal("plan", suggest.word("paln", commands))
    assert.are.equal("apply", suggest.word("aply", commands))
    assert.are.equal("destroy", suggest.word("destry", commands))
    assert.are.equal("validate", suggest.word("val", commands))
    assert.are.equal("apply", suggest.word("APPLY", commands))
    assert.are.equal("rdb_instance", suggest.word("instance", { "rdb_instance", "container" }))
  end)

  it("stays silent when nothing is close", function()
    assert.is_nil(suggest.word("kubernetes", { "plan", "apply" }))
    assert.is_nil(suggest.word("x", { "plan", "apply" }))
    assert.is_nil(suggest.word("re", { "refresh", "replace" }))
    assert.is_nil(suggest.word("_domain", { "container_domain", "dns_domain" }))
    assert.is_nil(suggest.word("", { "plan" }))
  end)

  it("makes a hint", function()
    assert.are.equal("did you mean 'plan'?", suggest.hint("plna", { "plan" }))
    assert.is_nil(suggest.hint("zzzz", { "plan" }))
  end)
end)
