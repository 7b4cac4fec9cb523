local core = require "core"

--- A graph of `n` nodes with the edges {from, to}.
local function graph(n, edges)
  local made = core.graph(n)
  for _, edge in ipairs(edges) do made:edge(edge[1], edge[2]) end
  return made
end

describe("a graph", function()
  it("orders needs first, and by number where it may choose", function()
    assert.are.same({ 1, 4, 5, 2, 3 }, graph(5, { { 2, 5 }, { 5, 4 } }):order())
    assert.are.same({}, core.graph(0):order())
  end)

  it("names a cycle as a closed path", function()
    local cyclic = graph(4, { { 1, 4 }, { 4, 3 }, { 3, 2 }, { 2, 4 } })
    assert.are.same({ 2, 4, 3, 2 }, cyclic:cycle())
    assert.are.equal("invalid", select(2, cyclic:order()).kind)
    assert.are.equal("invalid", select(2, cyclic:walk()).kind)
    assert.are.same({ 1, 1 }, graph(1, { { 1, 1 } }):cycle())
    assert.is_nil(graph(2, { { 1, 2 } }):cycle())
  end)

  it("knows direct neighbours", function()
    local made = graph(3, { { 3, 1 }, { 3, 2 }, { 2, 1 } })
    assert.are.same({ 1, 2 }, made:needs(3))
    assert.are.same({ 3, 2 }, made:dependants(1))
  end)

  it("refuses nodes that do not exist and edges once it is walked", function()
    local made = core.graph(2)
    assert.has_error(function() made:edge(0, 1) end)
    assert.has_error(function() made:edge(1, 3) end)
    assert.has_error(function() core.graph(-1) end)
    made:walk()
    assert.error_matches(function() made:edge(1, 2) end, "being walked")
  end)
end)

describe("a walk", function()
  it("takes the longest remaining path first", function()
    local walk = graph(4, { { 3, 2 }, { 4, 3 } }):walk()
    assert.are.equal(2, walk:next())
    assert.are.equal(1, walk:next())
    assert.is_nil(walk:next())
    assert.is_false(walk:finished())
    walk:done(2)
    assert.are.equal(3, walk:next())
  end)

  it("counts weights", function()
    local walk = graph(4, { { 3, 2 }, { 4, 3 } }):walk { 9.5, 1, 1, 1 }
    assert.are.equal(1, walk:next())
    assert.has_error(function() core.graph(2):walk { 1 } end)
    assert.has_error(function() core.graph(1):walk { -1 } end)
    assert.has_error(function() core.graph(1):walk { "x" } end)
  end)

  it("skips what needs a failed node, and nothing else", function()
    local walk = graph(5, { { 2, 1 }, { 3, 2 }, { 5, 4 } }):walk()
    assert.are.equal(1, walk:next())
    assert.are.same({ 2, 3 }, walk:fail(1))
    assert.are.equal(4, walk:next())
    walk:done(4)
    assert.are.equal(5, walk:next())
    walk:done(5)
    assert.is_true(walk:finished())
    assert.error_matches(function() walk:done(5) end, "not under way")
  end)

  it("outlives the graph's last name", function()
    local walk = graph(3, { { 2, 1 }, { 3, 2 } }):walk()
    collectgarbage()
    local seen = {}
    for node in function() return walk:next() end do seen[#seen + 1] = node walk:done(node) end
    assert.are.same({ 1, 2, 3 }, seen)
  end)
end)
