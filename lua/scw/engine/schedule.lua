--- The order of the work: each step as one or two units (its making, its unmaking) in a graph to walk. Pure.
---
--- Rules, in the words of units: making needs the making of what it depends on; unmaking needs the unmaking of those that depended on
--- it; a replacement unmakes first or makes first; what somebody stops using is unmade after that somebody changed. The last rule
--- gives way where it would close a circle, and so does the wish to free a name before it is used again.
local core = require "core"
local normal = require "scw.schema.normal"
local json = require "scw.json"

local schedule = {}

local WISHES_DROPPED_AT_MOST = 64

---@class scw.Unit
---@field step scw.Step
---@field part "up"|"down"
---@field last boolean the step is done with it

---@class scw.Schedule
---@field units scw.Unit[]
---@field graph userdata
---@field weights number[]

local function seconds(duration)
  return duration and normal.seconds(duration) or 0
end

--- How long a unit is expected to take, in seconds: what lies on the longest path starts first.
local function weight(entry, unit)
  local type, action = entry.type, unit.step.action
  if action == "none" or action == "forget" or action == "move" or type.driver == "local" then return 0.001 end
  if unit.part == "down" then return 0.5 + seconds(type.gone and type.gone.expected) end
  return 0.5 + seconds(type.ready and type.ready.expected)
end

local function make_units(plan)
  local units, up, down, downs = {}, {}, {}, {}
  local function add(step, part, last)
    units[#units + 1] = { step = step, part = part, last = last }
    if part == "down" then -- left-overs of an address go like the address itself
      local owner = plan.entries[step.address].deposed_of or step.address
      downs[owner] = downs[owner] or {}
      table.insert(downs[owner], #units)
    end
    return #units
  end
  for _, step in ipairs(plan.steps) do
    local address, action = step.address, step.action
    if action == "replace" then
      local first = step.order == "create_first"
      up[address] = add(step, "up", not first)
      down[address] = add(step, "down", first)
    elseif action == "delete" or action == "forget" then
      down[address] = add(step, "down", true)
    else
      up[address] = add(step, "up", true)
    end
  end
  return units, up, down, downs
end

--- What names a resource among its siblings, to see that an old one stands in the way of a new one.
local function identity(type, place, inputs)
  if not type or #type.identity == 0 or type.ambiguous then return nil end
  local parts = { type.name, place.region or "", place.zone or "", place.project or "" }
  for _, name in ipairs(type.identity) do
    local value = inputs[name]
    if value == nil or type.fields[name] and type.fields[name].secret then return nil end
    parts[#parts + 1] = json.encode(value)
  end
  return table.concat(parts, "\0")
end

local function add_rules(plan, up, down, downs, graph)
  for _, step in ipairs(plan.steps) do
    local address = step.address
    if up[address] then
      for _, needed in ipairs(step.dependencies) do
        if up[needed] then graph:edge(up[address], up[needed]) end
      end
    end
    if up[address] and down[address] then
      if step.order == "create_first" then graph:edge(down[address], up[address]) else graph:edge(up[address], down[address]) end
    end
    if down[address] then
      for _, needed in ipairs(step.former or {}) do
        for _, unit in ipairs(downs[needed] or {}) do graph:edge(unit, down[address]) end
      end
    end
  end
end

--- Edges that are good to have: pairs of units, the first needs the second.
local function find_wishes(plan, up, down, downs)
  local wishes, free = {}, {}
  for _, step in ipairs(plan.steps) do
    local address, entry = step.address, plan.entries[step.address]
    if up[address] and not down[address] then
      for _, needed in ipairs(step.former or {}) do
        for _, unit in ipairs(downs[needed] or {}) do wishes[#wishes + 1] = { unit, up[address] } end
      end
    end
    if step.action == "delete" then
      local name = identity(entry.type, entry.place, entry.inputs)
      if name then free[name] = down[address] end
    end
  end
  if next(free) then
    for _, step in ipairs(plan.steps) do
      local entry = plan.entries[step.address]
      if step.action == "create" or step.action == "replace" then
        local name = identity(entry.type, entry.place, entry.inputs)
        if name and free[name] then wishes[#wishes + 1] = { up[step.address], free[name] } end
      end
    end
  end
  return wishes
end

--- The wishes that lie on a circle.
local function on_circle(cycle, wishes)
  local follows = {}
  for position = 1, #cycle - 1 do follows[cycle[position]] = cycle[position + 1] end
  local kept = {}
  for _, wish in ipairs(wishes) do
    if follows[wish[1]] ~= wish[2] then kept[#kept + 1] = wish end
  end
  return kept
end

local function build(plan, made, wishes)
  local graph = core.graph(#made.units)
  add_rules(plan, made.up, made.down, made.downs, graph)
  for _, wish in ipairs(wishes) do graph:edge(wish[1], wish[2]) end
  return graph
end

---@param plan scw.Plan
---@return scw.Schedule
function schedule.make(plan)
  local units, up, down, downs = make_units(plan)
  local made = { units = units, up = up, down = down, downs = downs }
  local wishes = find_wishes(plan, up, down, downs)
  local graph = build(plan, made, wishes)
  for attempt = 1, WISHES_DROPPED_AT_MOST do
    local cycle = #wishes > 0 and graph:cycle()
    if not cycle then break end
    wishes = attempt < WISHES_DROPPED_AT_MOST and on_circle(cycle, wishes) or {}
    graph = build(plan, made, wishes)
  end
  local weights = {}
  for index, unit in ipairs(units) do weights[index] = weight(plan.entries[unit.step.address], unit) end
  return { units = units, graph = graph, weights = weights }
end

return schedule
