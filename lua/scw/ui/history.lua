--- Deployments that are kept, and what differs between the states they left.
local columns = require "scw.ui.table"
local core = require "core"
local plan_view = require "scw.ui.plan"
local style = require "scw.ui.style"
local text = require "scw.text"
local value = require "scw.ui.value"

local history_view = {}

--- "+3 ~1", or "2 changed".
---@param record scw.state.Deployment
---@return string
function history_view.changed(record)
  local parts = {}
  for _, action in ipairs(style.action_order) do
    local count = (record.planned or {})[action]
    if count then parts[#parts + 1] = style.actions[action].symbol .. count end
  end
  if record.planned then
    local planned, done = #parts > 0 and table.concat(parts, " ") or "-", (record.counts or {}).done
    return record.result ~= "done" and done and text.history.partly(planned, done) or planned
  end
  local names = {}
  for name in pairs(record.counts or {}) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local count = record.counts[name]
    parts[i] = ("%d %s"):format(count, count == 1 and name:gsub("s$", "") or name)
  end
  return #parts > 0 and table.concat(parts, ", ") or "-"
end

--- What was called, what it went back to, and the CI run.
local function command(record)
  local target = record.back_to and " to " .. style.short(record.back_to) or ""
  return record.command .. target .. (record.run and " (" .. record.run .. ")" or "")
end

---@param records (scw.state.Deployment|scw.state.UnreadableDeployment)[] the latest first
---@param look scw.Style
---@return string[]
function history_view.lines(records, look)
  if #records == 0 then return { text.history.empty } end
  local rows = { text.history.columns }
  for i, record in ipairs(records) do
    rows[i + 1] = record.problem and { style.short(record.id), "-", text.history.unreadable, "-", "-", "-", record.problem.message } or {
      style.short(record.id), record.started, record.result, history_view.changed(record), style.commit(record) or "-",
      ("%s@%s"):format(record.who, record.host), command(record),
    }
    for j, cell in ipairs(rows[i + 1]) do rows[i + 1][j] = style.clean(cell) end
  end
  local lines = columns.lines(rows)
  lines[1] = look:paint("bold", lines[1])
  return lines
end

--- For programs.
---@param record scw.state.Deployment|scw.state.UnreadableDeployment
---@return table
function history_view.public_record(record)
  local problem = record.problem
  if problem then
    return { id = record.id, serial = record.serial, problem = { code = problem.code, message = problem.message, hint = problem.hint } }
  end
  return {
    id = record.id, serial = record.serial, previous = record.previous, lineage = record.lineage, who = record.who, host = record.host,
    command = record.command, run = record.run, back_to = record.back_to, commit = record.commit, dirty = record.dirty or false,
    started = record.started, ended = record.ended, result = record.result, planned = record.planned, counts = record.counts or {},
  }
end

--- For programs (`docs/json.md`).
---@param records (scw.state.Deployment|scw.state.UnreadableDeployment)[]
---@return table
function history_view.public(records)
  local list = {}
  for i, record in ipairs(records) do list[i] = history_view.public_record(record) end
  return { deployments = core.array(list) }
end

--- The two ends of a comparison, and what differs.
---@class scw.Comparison
---@field stack string
---@field from { name: string, serial: integer } name: id of the deployment, or "now"
---@field to { name: string, serial: integer }
---@field difference scw.StateDifference

---@param comparison scw.Comparison
---@param look scw.Style
---@return string[]
function history_view.difference(comparison, look)
  local from, to = style.short(comparison.from.name), style.short(comparison.to.name)
  local difference, parts = comparison.difference, {}
  if #difference.steps == 0 and #difference.outputs == 0 then return { text.history.same(from, to) } end
  local lines = plan_view.body({ stack = comparison.stack, steps = difference.steps, outputs = difference.outputs }, look)
  for _, action in ipairs(style.action_order) do
    local count = difference.summary[action]
    if count then parts[#parts + 1] = count .. " " .. style.actions[action].done end
  end
  if #parts == 0 then parts[1] = text.plan.only_outputs end
  for _, line in ipairs(style.wrap(text.history.between(from, to, table.concat(parts, ", ")), look.columns)) do
    lines[#lines + 1] = look:paint("bold", line)
  end
  return lines
end

--- For programs (`docs/json.md`); no fingerprint.
---@param comparison scw.Comparison
---@return table
function history_view.public_difference(comparison)
  local difference, steps, outputs = comparison.difference, {}, {}
  for i, step in ipairs(difference.steps) do
    local changes = {}
    for j, change in ipairs(step.changes) do changes[j] = plan_view.public_change(change) end
    steps[i] = { address = step.address, type = step.type, action = step.action, source = step.source, changes = core.array(changes) }
  end
  for i, output in ipairs(difference.outputs) do
    outputs[i] = { name = output.name, action = output.action, secret = output.secret }
    if not output.secret then outputs[i].old, outputs[i].new = value.public(output.old), value.public(output.new) end
  end
  local function side(one) return { deployment = one.name, serial = one.serial } end
  return {
    stack = comparison.stack, from = side(comparison.from), to = side(comparison.to), changes = #steps + #outputs > 0,
    steps = core.array(steps), outputs = core.array(outputs), summary = difference.summary,
  }
end

return history_view
