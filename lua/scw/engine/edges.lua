--- Dependencies between nodes: direct ones only, and an order that respects them.
local core = require "core"
local errors = require "scw.errors"

local edges = {}

--- A cycle as people read it: who needs whom, and where that was said.
local function cycle_error(set, cycle)
  local details = {}
  for position = 1, #cycle - 1 do
    local node, needed = set.nodes[cycle[position]], set.nodes[cycle[position + 1]]
    details[position] = ("%s needs %s%s"):format(node.address, needed.address, node.source and ", declared at " .. node.source or "")
  end
  local first = set.nodes[cycle[1]]
  return errors.new({
    code = "INFRA_001", message = #cycle == 2 and ("%s needs itself"):format(first.address)
      or ("%d resources need each other in a circle"):format(#cycle - 1),
    details = details, address = first.address, source = first.source, hint = "remove one of these references or depends_on",
  })
end

--- The nodes, needed ones first.
---@param set scw.Desired
---@return scw.Node[]|nil, scw.Error|nil
function edges.order(set)
  local index = {}
  for position, node in ipairs(set.nodes) do index[node.address] = position end
  local graph = core.graph(#set.nodes)
  for position, node in ipairs(set.nodes) do
    for _, address in ipairs(node.needs) do graph:edge(position, index[address]) end
  end
  local cycle = graph:cycle()
  if cycle then return nil, cycle_error(set, cycle) end
  local ordered = {}
  for place, position in ipairs(graph:order()) do ordered[place] = set.nodes[position] end
  return ordered
end

--- Direct dependencies as pairs, sorted.
---@param set scw.Desired
---@return { from: string, to: string }[] from needs to
function edges.list(set)
  local list = {}
  for _, node in ipairs(set.nodes) do
    for _, address in ipairs(node.needs) do list[#list + 1] = { from = node.address, to = address } end
  end
  table.sort(list, function(a, b)
    if a.from ~= b.from then return a.from < b.from end
    return a.to < b.to
  end)
  return list
end

return edges
