--- The dependency graph of a stack, in the DOT language of Graphviz or for programs.
local core = require "core"

local graph_view = {}

---@class scw.GraphNode
---@field address string
---@field type string
---@field module string
---@field needs string[] addresses

local function quoted(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

--- The declarations of a stack as nodes, sorted by address.
---@param stack table
---@return scw.GraphNode[]
function graph_view.nodes(stack)
  local nodes = {}
  for i, declaration in ipairs(stack.declarations) do
    local needs = { table.unpack(declaration.needs or {}) }
    table.sort(needs)
    nodes[i] = { address = declaration.address, type = declaration.type, module = declaration.module, needs = needs }
  end
  table.sort(nodes, function(left, right) return left.address < right.address end)
  return nodes
end

--- DOT text: a box a module, an arrow from a resource to what it needs.
---@param nodes scw.GraphNode[] sorted by address
---@param name string
---@return string[]
function graph_view.dot(nodes, name)
  local lines = { ("digraph %s {"):format(quoted(name)), "  rankdir = RL;", '  node [shape = box, fontname = "sans-serif"];' }
  local modules, names = {}, {}
  for _, node in ipairs(nodes) do
    if not modules[node.module] then
      modules[node.module] = {}
      names[#names + 1] = node.module
    end
    table.insert(modules[node.module], node)
  end
  table.sort(names)
  for _, module in ipairs(names) do
    local indent = module == "" and "  " or "    "
    if module ~= "" then
      lines[#lines + 1] = ("  subgraph %s {"):format(quoted("cluster_" .. module))
      lines[#lines + 1] = ("    label = %s;"):format(quoted(module))
    end
    for _, node in ipairs(modules[module]) do
      lines[#lines + 1] = ("%s%s [label = %s];"):format(indent, quoted(node.address), quoted(node.address:match("[^/]*$")))
    end
    if module ~= "" then lines[#lines + 1] = "  }" end
  end
  for _, node in ipairs(nodes) do
    for _, need in ipairs(node.needs) do lines[#lines + 1] = ("  %s -> %s;"):format(quoted(node.address), quoted(need)) end
  end
  lines[#lines + 1] = "}"
  return lines
end

--- The graph for programs (`docs/json.md`).
---@param nodes scw.GraphNode[]
---@param name string
---@return table
function graph_view.public(nodes, name)
  local public, edges = {}, {}
  for i, node in ipairs(nodes) do
    public[i] = { address = node.address, type = node.type, module = node.module }
    for _, need in ipairs(node.needs) do edges[#edges + 1] = { from = node.address, to = need } end
  end
  return { stack = name, nodes = core.array(public), edges = core.array(edges) }
end

return graph_view
