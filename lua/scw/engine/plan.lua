--- What will change: a pure function of what is declared, what is recorded and what was found.
local checks = require "scw.engine.checks"
local decide = require "scw.engine.decide"
local errors = require "scw.errors"
local equal = require "scw.schema.equal"
local fingerprint = require "scw.engine.fingerprint"
local json = require "scw.json"
local model = require "scw.state.model"
local reference = require "scw.dsl.reference"
local selection = require "scw.engine.selection"

local plan = {}

---@class scw.Plan
---@field stack string
---@field environment? string
---@field lineage string
---@field serial integer
---@field destroy boolean
---@field steps scw.Step[] needed ones first, deletions last
---@field outputs { name: string, action: string, old: any, new: any, secret: boolean }[]
---@field summary table<string, integer> steps by action
---@field warnings { message: string, address?: string, source?: string }[]
---@field entries table<string, scw.Entry> for apply; not part of a plan for programs
---@field left_out table<string, boolean> addresses that --target or --exclude leave alone
---@field back_to? scw.state.Deployment of a rollback: the deployment it goes back to

---@class scw.PlanFacts
---@field set scw.Desired
---@field order scw.Node[] of `edges.order`
---@field stack scw.dsl.Stack
---@field catalogue { get: fun(name: string): scw.schema.Type|nil }
---@field document scw.state.Document
---@field observed? table<string, table> by address
---@field place? table
---@field adopted? table<string, string> by address: where it comes from
---@field destroy? boolean
---@field target? string[]
---@field exclude? string[]
---@field replace? string[]
---@field review? fun(context: scw.PlanContext, steps: scw.Step[]): boolean|nil looks at all the steps before any is left out: adds problems
---       and warnings, answers for data that would be lost; true when it changed the wishes: plan again

-- Secrets that only a creation gives ------------------------------------------------------------------------------------

--- The declared value behind a change: a whole field, or one entry of a map.
local function declared_at(node, change)
  local field, rest = change.path:match("^([^.%[]+)%.?(.*)$")
  local value = node.fields[field]
  if rest ~= "" and type(value) == "table" and not reference.is(value) and node.type.fields[field].kind == "map" then return value[rest] end
  return value
end

local function is_made(step)
  return step.action == "create" or step.action == "replace"
end

--- Calls `need(address, output)` for values a step has to have although the service tells them only once.
local function each_once(context, entry, need)
  local step = entry.step
  local function look(value)
    reference.each(value, function(address, path)
      local owner = context.entries[address]
      local output = owner and owner.type.outputs[path[1]]
      if output and output.once and owner.node and not owner.node.lookup then need(owner, path[1]) end
    end)
  end
  if is_made(step) then
    look(entry.node.fields)
  elseif step.action == "update" or step.action == "adopt" or step.action == "import" then
    for _, change in ipairs(step.changes) do
      if change.secret then look(declared_at(entry.node, change)) end
    end
  end
end

--- Owners that have to be made again because somebody needs what only their creation tells.
local function find_once(context, order)
  local found = false
  for _, node in ipairs(order) do
    local entry = context.entries[node.address]
    if node.deferred then
      each_once(context, entry, function(owner, output)
        if not is_made(owner.step) and not context.once[owner.address] then
          context.once[owner.address] = ("%s needs its %s, which is told only at its creation"):format(entry.address, output)
          found = true
        end
      end)
    end
  end
  return found
end

-- Orders of replacement -------------------------------------------------------------------------------------------------

--- Who has to be replaced by creating first needs the new ones of what it depends on: these are created first as well. Where
--- only the type prefers it, it gives way to what is replaced the other way round.
local function settle_orders(context, order)
  local marked = {}
  for position = #order, 1, -1 do
    local node = order[position]
    local entry = context.entries[node.address]
    local step = entry.step
    local wanted = step.action == "replace" and not entry.leaving and (node.options.create_before_destroy or node.options.retain_on_delete)
    if marked[node.address] and step.action == "replace" then step.order = "create_first" end
    if marked[node.address] or wanted then
      marked[node.address] = true
      for _, address in ipairs(node.needs) do marked[address] = true end
    end
  end
  for _, node in ipairs(order) do
    local step = context.entries[node.address].step
    if step.order == "create_first" and not marked[node.address] then
      for _, address in ipairs(node.needs) do
        if context.entries[address].step.order == "delete_first" then step.order = "delete_first" end
      end
    end
  end
end

-- What is recorded but not declared -------------------------------------------------------------------------------------

local function deletion(context, facts, record, left_over)
  local address, observed = record.address, context.observed[record.address]
  local type = facts.catalogue.get(record.type)
  local node = facts.destroy and not left_over and facts.set.by_address[address] or nil
  local options = node and node.options or record.options or {}
  local former = record.dependencies
  if node then -- what is declared may know more than the last apply did
    former = table.move(node.needs, 1, #node.needs, #former + 1, { table.unpack(former) })
  end
  local entry = {
    address = address, node = nil, type = type, record = record, place = record.place, inputs = record.inputs, symbolic = {},
    id = record.id, outputs = record.outputs, stale = {}, fresh = false,
  }
  local step = {
    address = address, type = record.type, name = address:match("([^.]*)$"), module = address:match("^(.*)/[^/]*$") or "",
    action = "delete", changes = {}, source = node and node.source or record.source, dependencies = record.dependencies, former = former,
  }
  entry.step = step
  if not type then
    decide.add_problem(context, entry, ("the state holds a %s, a type this program does not know"):format(record.type),
      "use the version of the program that made it")
  elseif left_over and not options.retain_on_delete then
    step.reason = "left over from a replacement"
  elseif observed and observed.gone then
    step.action, step.reason = "forget", "it no longer exists"
  elseif options.retain_on_delete then
    step.action, step.reason = "forget", "retain_on_delete: it stays where it is"
  elseif options.protect then
    decide.add_problem(context, entry, "it is protected, but would be deleted",
      facts.destroy and "remove `protect` first" or "declare it again, remove `protect`, apply, then remove it", "protected")
  elseif type.holds_data then
    context.warnings[#context.warnings + 1] = {
      message = ("%s holds data that will be lost"):format(address), address = address, source = step.source,
    }
  end
  return entry
end

--- Left-overs of replacements that were interrupted.
local function add_deposed(context, facts, record, steps)
  for index, former in ipairs(record.deposed or {}) do
    local address = ("%s (old%s)"):format(record.address, index > 1 and " " .. index or "")
    local entry = deletion(context, facts, former, true)
    entry.address, entry.deposed_of, entry.step.address = address, record.address, address
    context.entries[address] = entry
    steps[#steps + 1] = entry.step
  end
end

local function add_deletions(context, facts, steps)
  for _, record in ipairs(model.sorted(context.document)) do
    local address = record.address
    local entry = context.entries[address]
    if not entry and not context.claimed[address] then
      entry = deletion(context, facts, record)
      context.entries[address] = entry
      steps[#steps + 1] = entry.step
    end
    add_deposed(context, facts, record, steps)
  end
end

-- Outputs ---------------------------------------------------------------------------------------------------------------

--- The value of an output as the state keeps it.
---@param context table entries, fingerprints
---@param output table of the stack
---@return any value, scw.Error|nil
function plan.output_value(context, output)
  local value, err = decide.resolver(context)(output.value)
  if err then return nil, err end
  if value == nil then value = json.null end
  if output.secret then value = context.fingerprints:field("output", output.name, value) end
  return value
end

local function needs_any(value, addresses)
  local found = false
  reference.each(value, function(address) found = found or addresses[address] or false end)
  return found
end

--- Names of outputs that hang on something a partial destroy deletes.
---@param stack scw.dsl.Stack
---@param steps scw.Step[]
---@return table<string, boolean>
function plan.lost_outputs(stack, steps)
  local deleted, lost = {}, {}
  for _, step in ipairs(steps) do
    if step.action == "delete" or step.action == "forget" then deleted[step.address] = true end
  end
  for _, output in ipairs(stack.outputs or {}) do
    if needs_any(output.value, deleted) then lost[output.name] = true end
  end
  return lost
end

local function add_outputs(context, facts, left_out, chosen)
  local list, declared = {}, {}
  for _, output in ipairs(facts.destroy and {} or facts.stack.outputs or {}) do
    declared[output.name] = true
    local present = context.document.outputs[output.name]
    if not needs_any(output.value, left_out) then
      local value, err = plan.output_value(context, output)
      if err then
        context.problems[#context.problems + 1] = errors.new({
          code = "INFRA_001", message = ("output %s: %s"):format(output.name, err.message), hint = err.hint, source = output.source,
        })
      end
      local action = not present and "create" or equal.plain(present.value, value) and "none" or "update"
      list[#list + 1] = {
        name = output.name, action = action, old = present and present.value, new = value, secret = output.secret or false,
      }
    end
  end
  local partial = next(left_out) ~= nil
  local lost = facts.destroy and plan.lost_outputs(facts.stack, chosen) or {}
  for name, present in next, context.document.outputs do
    if not declared[name] and (not partial or lost[name]) then
      list[#list + 1] = { name = name, action = "delete", old = present.value, secret = present.secret or false }
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

-- The whole -------------------------------------------------------------------------------------------------------------

local function check_replacements(context, facts)
  for _, address in ipairs(facts.replace or {}) do
    context.replace[address] = true
    if not facts.set.by_address[address] then
      local known = {}
      for index, node in ipairs(facts.set.nodes) do known[index] = node.address end
      context.problems[#context.problems + 1] = errors.new({
        code = "INFRA_004", kind = "not_found", message = ("--replace %s: there is no such resource"):format(address),
        hint = require("scw.suggest").hint(address, known),
      })
    end
  end
end

--- What could not be read is planned as it was recorded, and said.
local function add_unreadable(context)
  for address, observed in next, context.observed do
    if observed.unreadable then
      local message = ("%s cannot be read: %s"):format(address, observed.unreadable.message)
      context.warnings[#context.warnings + 1] = { message = message, address = address }
    end
  end
  table.sort(context.warnings, function(a, b) return a.message < b.message end)
end

local function decide_all(facts, once)
  local context = {
    set = facts.set, document = facts.document, observed = facts.observed or {}, place = facts.place or {},
    fingerprints = fingerprint.new(facts.document.fingerprint_key), entries = {}, adopted = facts.adopted or {}, replace = {},
    once = once, claimed = {}, wanted = {}, problems = {}, warnings = {}, review = facts.review,
  }
  if facts.destroy then return context end
  check_replacements(context, facts)
  for _, node in ipairs(facts.order) do context.entries[node.address] = decide.node(context, node) end
  return context
end

local function steps_of(context, facts)
  local steps = {}
  if not facts.destroy then
    for _, node in ipairs(facts.order) do
      local entry = context.entries[node.address]
      entry.step.former = entry.record and entry.record.dependencies or nil
      steps[#steps + 1] = entry.step
    end
  end
  return steps
end

--- Plans. Lookups that could be read by now come back as `wanted`: read them, put them into `observed`, plan again.
---@param facts scw.PlanFacts
---@return scw.Plan|nil plan
---@return scw.Error|nil err
---@return scw.Entry[]|nil wanted
function plan.make(facts)
  local context = decide_all(facts, {})
  if not facts.destroy then
    while find_once(context, facts.order) do context = decide_all(facts, context.once) end
    settle_orders(context, facts.order)
  end
  if #context.wanted > 0 then return nil, nil, context.wanted end
  local steps = steps_of(context, facts)
  add_deletions(context, facts, steps)
  if facts.review and facts.review(context, steps) then return plan.make(facts) end
  local declared = {}
  for index, node in ipairs(facts.set.nodes) do declared[index] = node.address end
  local chosen, err, left_out = selection.apply(steps, { target = facts.target, exclude = facts.exclude, declared = declared })
  if not chosen then return nil, err end
  local outputs = add_outputs(context, facts, left_out, chosen)
  local function inside(list)
    local kept = {}
    for _, item in ipairs(list) do
      if not left_out[item.address] then kept[#kept + 1] = item end
    end
    return kept
  end
  local problems = inside(context.problems)
  if not facts.destroy then
    for _, problem in ipairs(checks.plan(context, facts.stack, left_out)) do problems[#problems + 1] = problem end
  end
  if #problems > 0 then return nil, errors.several(problems) end
  add_unreadable(context)
  local summary = {}
  for _, step in ipairs(chosen) do summary[step.action] = (summary[step.action] or 0) + 1 end
  return {
    stack = facts.stack.name, environment = facts.stack.environment, lineage = facts.document.lineage, serial = facts.document.serial,
    destroy = facts.destroy or false, steps = chosen, outputs = outputs, summary = summary,
    warnings = inside(context.warnings),
    entries = context.entries, left_out = left_out,
  }
end

return plan
