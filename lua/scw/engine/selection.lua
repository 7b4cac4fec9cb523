--- Which steps of a plan take part: `--target` with what it needs, `--exclude` with what needs it. Pure.
local errors = require "scw.errors"
local suggest = require "scw.suggest"

local selection = {}

--- Does the address lie at or below what the user named: an address, or a module?
---@param address string
---@param named string
---@return boolean
function selection.matches(address, named)
  return address == named or address:sub(1, #named + 1) == named .. "/"
end

local function find(steps, named)
  local found = {}
  for _, step in ipairs(steps) do
    if selection.matches(step.address, named) then found[#found + 1] = step.address end
  end
  return found
end

local function is_declared(addresses, named)
  for _, address in ipairs(addresses) do
    if selection.matches(address, named) then return true end
  end
  return false
end

local function spread(start, neighbours)
  local reached, queue = {}, {}
  for _, address in ipairs(start) do
    if not reached[address] then
      reached[address] = true
      queue[#queue + 1] = address
    end
  end
  local position = 1
  while queue[position] do
    for _, address in ipairs(neighbours[queue[position]] or {}) do
      if not reached[address] then
        reached[address] = true
        queue[#queue + 1] = address
      end
    end
    position = position + 1
  end
  return reached
end

local function add(map, key, value)
  local list = map[key]
  if not list then
    list = {}
    map[key] = list
  end
  list[#list + 1] = value
end

--- What a step cannot go without, and what cannot go without it. A deletion needs the steps of those that depended on it.
local function relations(steps)
  local needs, needed, by_address = {}, {}, {}
  for _, step in ipairs(steps) do by_address[step.address] = step end
  local function relate(from, to)
    add(needs, from, to)
    add(needed, to, from)
  end
  for _, step in ipairs(steps) do
    for _, address in ipairs(step.dependencies) do
      if by_address[address] and step.action ~= "delete" and step.action ~= "forget" then relate(step.address, address) end
    end
    for _, address in ipairs(step.former or {}) do
      local other = by_address[address]
      if other and (other.action == "delete" or other.action == "replace") then relate(address, step.address) end
    end
  end
  return needs, needed
end

---@param steps scw.Step[] `former`: what the state says the step depended on
---@param options { target?: string[], exclude?: string[], declared?: string[] } declared: addresses that may be named without a step
---@return scw.Step[]|nil chosen
---@return scw.Error|nil err
---@return table<string, boolean>|nil left_out by address
function selection.apply(steps, options)
  local target, exclude = options.target or {}, options.exclude or {}
  if #target == 0 and #exclude == 0 then return steps, nil, {} end
  local problems = {}
  local function collect(list, option)
    local start = {}
    for _, named in ipairs(list) do
      local found = find(steps, named)
      if #found == 0 and not is_declared(options.declared or {}, named) then
        local known = {}
        for _, step in ipairs(steps) do known[#known + 1] = step.address end
        problems[#problems + 1] = errors.new({
          code = "INFRA_004", kind = "not_found", message = ("%s %s matches nothing"):format(option, named),
          hint = suggest.hint(named, known),
        })
      end
      table.move(found, 1, #found, #start + 1, start)
    end
    return start
  end
  local wanted, unwanted = collect(target, "--target"), collect(exclude, "--exclude")
  if #problems > 0 then return nil, errors.several(problems) end
  local needs, needed = relations(steps)
  local inside = #target > 0 and spread(wanted, needs) or nil
  local outside = spread(unwanted, needed)
  local chosen, left_out = {}, {}
  for _, step in ipairs(steps) do
    if (not inside or inside[step.address]) and not outside[step.address] then
      chosen[#chosen + 1] = step
    else
      left_out[step.address] = true
    end
  end
  return chosen, nil, left_out
end

return selection
