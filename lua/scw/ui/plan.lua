--- A plan as text for people and as a table for JSON. Pure: what it shows is in the plan.
local command = require "scw.ui.command"
local core = require "core"
local style = require "scw.ui.style"
local text = require "scw.text"
local unknown = require "scw.unknown"
local value = require "scw.ui.value"

local plan_view = {}

local MOST_NAMED = 5

local function by_address(left, right)
  return left.address < right.address
end

---@param step table
---@return string
local function module_of(step)
  return step.module or step.address:match("^(.*)/[^/]*$") or ""
end

---@param step table
---@return string
local function local_name(step)
  return step.address:match("([^/]*)$")
end

--- Steps that do something, grouped by module: the stack's own first, then by name.
---@param plan table
---@return { name: string, steps: table[] }[]
function plan_view.groups(plan)
  local groups, by_name = {}, {}
  for _, step in ipairs(plan.steps) do
    if step.action ~= "none" then
      local name = module_of(step)
      if not by_name[name] then
        by_name[name] = { name = name, steps = {} }
        groups[#groups + 1] = by_name[name]
      end
      table.insert(by_name[name].steps, step)
    end
  end
  table.sort(groups, function(left, right) return left.name < right.name end)
  for _, group in ipairs(groups) do table.sort(group.steps, by_address) end
  return groups
end

--- How many steps of each action; `none` included.
---@param plan table
---@return table<string, integer>
function plan_view.counts(plan)
  local counts = { none = 0 }
  for _, step in ipairs(plan.steps) do counts[step.action] = (counts[step.action] or 0) + 1 end
  return counts
end

--- Whether applying the plan would do anything, outputs included.
---@param plan table
---@return boolean
function plan_view.changes(plan)
  for _, step in ipairs(plan.steps) do
    if step.action ~= "none" then return true end
  end
  for _, output in ipairs(plan.outputs or {}) do
    if output.action and output.action ~= "none" then return true end
  end
  return false
end

local View = {}
View.__index = View

function View:add(line)
  self.lines[#self.lines + 1] = line
end

local mark_colours = { ["+"] = "green", ["-"] = "red", ["~"] = "yellow" }

--- One line: indent, mark, path, value; the value is cut to what is left of the line.
function View:field(indent, mark, path, shown, note)
  local lead = (" "):rep(indent) .. (mark and self.style:paint(mark_colours[mark], mark) .. " " or "") .. path .. ": "
  local room = self.style.columns - style.width(lead) - (note and #note + 2 or 0)
  local body = type(shown) == "function" and shown(math.max(room, 16)) or style.cut(shown, math.max(room, 16))
  if body == value.KNOWN_LATER or body:sub(1, 7) == "(secret" then body = self.style:paint("dim", body) end
  self:add(lead .. body .. (note and "  " .. self.style:paint("magenta", note) or ""))
end

--- What a creation sets; what is empty is left out.
function View:new_value(indent, path, v, secret)
  for _, part in ipairs(value.parts(path, v)) do
    if not value.empty(part.value) then
      self:field(indent, nil, part.path, secret and value.SECRET or value.text(part.value))
    end
  end
end

function View:difference(indent, change, difference)
  local note = change.replace and text.plan.forces_replacement or nil
  if change.secret or difference.secret then
    local shown = value.absent(difference.old) and value.SECRET or value.SECRET_CHANGED
    if value.absent(difference.new) then shown = text.plan.secret_removed end
    return self:field(indent, difference.mark, difference.path, shown, note)
  end
  if difference.mark == "~" then
    local old, new = value.text(difference.old), value.text(difference.new)
    return self:field(indent, "~", difference.path, function(room) return value.pair(old, new, room) end, note)
  end
  local v = difference.mark == "+" and difference.new or difference.old
  if difference.element or difference.mark == "-" then
    return self:field(indent, difference.mark, difference.path, value.text(v), note)
  end
  for _, part in ipairs(value.parts(difference.path, v)) do
    self:field(indent, difference.mark, part.path, value.text(part.value), note)
  end
end

local function by_path(left, right)
  return left.path < right.path
end

function View:changes(step)
  local changes = { table.unpack(step.changes or {}) }
  table.sort(changes, by_path)
  for _, change in ipairs(changes) do
    if step.action == "create" then
      self:new_value(6, change.path, change.new, change.secret)
    else
      for _, difference in ipairs(value.diff(change.path, change.old, change.new)) do
        self:difference(6, change, difference)
      end
    end
  end
end

function View:step(step)
  local look = style.action(step.action)
  local symbol = step.action == "replace" and step.order == "create_first" and "+/-" or look.symbol
  local head = ("  %s %s"):format(self.style:paint(look.colour, symbol), self.style:paint("bold", local_name(step)))
  local words = text.plan.notes[step.action]
  if words then head = head .. "  " .. self.style:paint("dim", words) end
  local source = step.source
  if source and style.width(head) + style.width(source) + 2 <= self.style.columns then
    head = style.pad(head, self.style.columns - style.width(source)) .. self.style:paint("dim", source)
    source = nil
  end
  self:add(head)
  if source then self:add("      " .. self.style:paint("dim", style.cut(text.at(source), self.style.columns - 6))) end
  if step.reason then
    for _, line in ipairs(style.wrap(text.plan.why(style.clean(step.reason)), self.style.columns - 6)) do
      self:add("      " .. self.style:paint(look.colour, line))
    end
  end
  if step.action ~= "delete" and step.action ~= "forget" then self:changes(step) end
end

function View:outputs(outputs)
  local shown = {}
  for _, output in ipairs(outputs or {}) do
    if output.action and output.action ~= "none" then shown[#shown + 1] = output end
  end
  if #shown == 0 then return end
  table.sort(shown, function(left, right) return left.name < right.name end)
  self:add(self.style:paint("bold", text.plan.outputs))
  for _, output in ipairs(shown) do
    local mark = output.action == "create" and "+" or output.action == "delete" and "-" or "~"
    if output.secret then
      self:field(2, mark, output.name, mark == "~" and value.SECRET_CHANGED or value.SECRET)
    elseif mark == "~" then
      local old, new = value.text(output.old), value.text(output.new)
      self:field(2, mark, output.name, function(room) return value.pair(old, new, room) end)
    else
      self:field(2, mark, output.name, value.text(mark == "+" and output.new or output.old))
    end
  end
  self:add("")
end

---@return string
local function message_of(warning) return type(warning) == "table" and warning.message or tostring(warning) end

function View:warnings(warnings)
  if #(warnings or {}) == 0 then return end
  for _, warning in ipairs(warnings) do
    local message = command.complete(message_of(warning), self.style.given)
    local lines = style.wrap(text.warning(style.clean(message)), self.style.columns - 2)
    for i, line in ipairs(lines) do self:add(self.style:paint("yellow", i == 1 and line or "  " .. line)) end
    if type(warning) == "table" and warning.source then self:add("  " .. self.style:paint("dim", text.at(warning.source))) end
  end
  self:add("")
end

--- What --target and --exclude keep from happening, sorted.
---@param plan table
---@return string[] addresses
local function left_out(plan)
  local found = {}
  for address in pairs(plan.left_out or {}) do
    local entry = plan.entries and plan.entries[address]
    if not entry or entry.step.action ~= "none" then found[#found + 1] = address end
  end
  table.sort(found)
  return found
end

function View:left_out(plan)
  local addresses = left_out(plan)
  if #addresses == 0 then return end
  local named = { table.unpack(addresses, 1, MOST_NAMED) }
  for _, line in ipairs(style.wrap(text.plan.left_out(named, #addresses - #named), self.style.columns)) do self:add(line) end
end

--- "Plan: 3 to create, 1 to update, 12 unchanged."
---@param plan table
---@return string
function plan_view.summary(plan)
  local counts, parts = plan_view.counts(plan), {}
  for _, action in ipairs(style.action_order) do
    if (counts[action] or 0) > 0 then parts[#parts + 1] = counts[action] .. " " .. style.actions[action].todo end
  end
  if #parts == 0 then parts[1] = text.plan.only_outputs end
  if counts.none > 0 then parts[#parts + 1] = counts.none .. " " .. style.actions.none.todo end
  return text.plan.summary(table.concat(parts, ", "))
end

--- What changes, without summary and warnings.
---@param plan { stack?: string, steps: table[], outputs?: table[] }
---@param look scw.Style
---@return string[] lines
function plan_view.body(plan, look)
  local view = setmetatable({ style = look, lines = {} }, View)
  for _, group in ipairs(plan_view.groups(plan)) do
    view:add(look:paint("bold", group.name == "" and (plan.stack or "") or group.name))
    for _, step in ipairs(group.steps) do view:step(step) end
    view:add("")
  end
  view:outputs(plan.outputs)
  return view.lines
end

--- Which deployment a rollback goes back to.
function View:back_to(record)
  local shown = text.rollback.back_to(style.short(record.id), record.started, record.who .. "@" .. record.host, style.commit(record))
  for _, line in ipairs(style.wrap(style.clean(shown), self.style.columns)) do self:add(line) end
  self:add("")
end

--- The plan for people, summary last.
---@param plan table
---@param look scw.Style
---@return string[] lines
function plan_view.lines(plan, look)
  local changes, back_to = plan_view.changes(plan), plan.back_to
  local view = setmetatable({ style = look, lines = {} }, View)
  if back_to then view:back_to(back_to) end
  for _, line in ipairs(changes and plan_view.body(plan, look) or {}) do view:add(line) end
  view:warnings(plan.warnings)
  view:left_out(plan)
  if not changes then
    local unchanged = plan_view.counts(plan).none
    view:add(back_to and text.rollback.nothing(unchanged) or text.plan.nothing(unchanged))
    return view.lines
  end
  for _, line in ipairs(style.wrap(plan_view.summary(plan), look.columns)) do view:add(look:paint("bold", line)) end
  return view.lines
end

--- Field changes, one line each or more.
---@param changes table[]
---@param look scw.Style
---@return string[]
function plan_view.changes_of(changes, look)
  local view = setmetatable({ style = look, lines = {} }, View)
  view:changes({ action = "update", changes = changes })
  return view.lines
end

--- What programs see of a secret: that there is one; of a map of secrets: which.
---@param v any
---@return any
local function marked(v)
  if value.absent(v) then return core.null end
  if v == unknown then return value.public(v) end
  if type(v) ~= "table" or v["$secret"] or core.is_array(v) or #v > 0 then return { ["$secret"] = true } end
  local copy = {}
  for key, element in pairs(v) do copy[key] = marked(element) end
  return copy
end

--- A field change for programs.
---@param change table
---@return table
function plan_view.public_change(change)
  local public = { path = change.path, secret = change.secret or false, replace = change.replace and true or false }
  local told = change.secret and marked or value.public
  public.old, public.new = told(change.old), told(change.new)
  return public
end

local function public_step(step)
  local changes = {}
  for i, change in ipairs(step.changes or {}) do changes[i] = plan_view.public_change(change) end
  table.sort(changes, by_path)
  local dependencies = { table.unpack(step.dependencies or {}) }
  table.sort(dependencies)
  return {
    address = step.address, type = step.type, action = step.action, order = step.order, reason = step.reason, source = step.source,
    changes = core.array(changes), dependencies = core.array(dependencies),
  }
end

--- The plan for programs (`docs/json.md`); no secret, no fingerprint.
---@param plan table
---@param given? scw.Given
---@return table
function plan_view.public(plan, given)
  local steps, outputs, warnings = {}, {}, {}
  for i, step in ipairs(plan.steps) do steps[i] = public_step(step) end
  table.sort(steps, by_address)
  for i, output in ipairs(plan.outputs or {}) do
    outputs[i] = { name = output.name, action = output.action or "none", secret = output.secret or false }
    if not output.secret then outputs[i].old, outputs[i].new = value.public(output.old), value.public(output.new) end
  end
  table.sort(outputs, function(left, right) return left.name < right.name end)
  local back = plan.back_to
  for i, warning in ipairs(plan.warnings or {}) do warnings[i] = command.complete(message_of(warning), given) end
  return {
    format = 1, stack = plan.stack, environment = plan.environment, lineage = plan.lineage, serial = plan.serial,
    changes = plan_view.changes(plan), steps = core.array(steps), outputs = core.array(outputs), warnings = core.array(warnings),
    summary = plan_view.counts(plan), left_out = core.array(left_out(plan)),
    back_to = back and {
      deployment = back.id, serial = back.serial, started = back.started, who = back.who, host = back.host, commit = back.commit,
    },
  }
end

return plan_view
