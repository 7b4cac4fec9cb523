local graph_view = require "scw.ui.graph"

local nodes = {
  { address = "db/rdb_instance.main", type = "rdb_instance", module = "db", needs = { "private_network.main" } },
  { address = 'private_network.main', type = "private_network", module = "", needs = {} },
}

describe("the graph", function()
  it("is written in the DOT language, modules as clusters", function()
    assert.are.same({
      'digraph "shop" {', "  rankdir = RL;", '  node [shape = box, fontname = "sans-serif"];',
      '  "private_network.main" [label = "private_network.main"];',
      '  subgraph "cluster_db" {', '    label = "db";', '    "db/rdb_instance.main" [label = "rdb_instance.main"];', "  }",
      '  "db/rdb_instance.main" -> "private_network.main";', "}",
    }, graph_view.dot(nodes, "shop"))
  end)

  it("escapes what would end a name", function()
    assert.are.equal('digraph "a\\"b" {', graph_view.dot({}, 'a"b')[1])
  end)

  it("is nodes and edges for programs", function()
    local public = graph_view.public(nodes, "shop")
    assert.are.same({ { from = "db/rdb_instance.main", to = "private_network.main" } }, public.edges)
    assert.are.equal("db", public.nodes[1].module)
  end)
end)

describe("the graph of a stack", function()
  it("is sorted by address, and so is what each resource needs", function()
    local found = require("scw.ui.graph").nodes({ declarations = {
      { address = "b.x", type = "b", module = "", needs = { "d.x", "a.x" } }, { address = "a.x", type = "a", module = "", needs = {} },
    } })
    assert.are.equal("a.x", found[1].address)
    assert.are.same({ "a.x", "d.x" }, found[2].needs)
  end)
end)
