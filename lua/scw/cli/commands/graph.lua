local options = require "scw.cli.options"

return {
  name = "graph",
  group = "Look", order = 3,
  summary = "Write the dependency graph of a stack, for Graphviz or as JSON.",
  arguments = {
    options.stack_argument, { name = "FORMAT", optional = true, choices = { "dot", "json" }, doc = "dot (unless said) or json." },
  },
  options = { options.set, options.config_file },
  examples = {
    { "scwlua graph stacks/staging.lua", "the graph in the DOT language: pipe it into dot -Tsvg" },
    { "scwlua graph stacks/staging.lua json", "nodes and edges" },
  },
  run = function(context)
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local stack
    stack, err = workspace:stack()
    if not stack then return nil, err end
    local graph_view = require "scw.ui.graph"
    local nodes = graph_view.nodes(stack)
    if context.console.json or context.options.format == "json" then
      context.console:data(graph_view.public(nodes, stack.name), { indent = 2 })
    else
      context.console:print(graph_view.dot(nodes, stack.name))
    end
    return 0
  end,
}
