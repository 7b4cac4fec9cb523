--- How a deployment ended: counts, outputs, causes of failures, what to do next.
local command = require "scw.ui.command"
local core = require "core"
local error_view = require "scw.ui.error"
local errors = require "scw.errors"
local style = require "scw.ui.style"
local columns = require "scw.ui.table"
local text = require "scw.text"
local value = require "scw.ui.value"

local summary = {}

local MOST_NAMED = 5

---@class scw.DeploymentFacts
---@field result "done"|"failed"|"interrupted"
---@field counts table<string, integer> by action
---@field failures scw.Error[]
---@field skipped integer
---@field interrupted integer
---@field perhaps string[] addresses that may have changed although their steps did not succeed
---@field left integer never started
---@field outputs { name: string, value: any, secret: boolean }[]
---@field elapsed_ms number

--- Outputs as a sorted array, from an array or a map by name.
---@param outputs table|nil
---@return { name: string, value: any, secret: boolean }[]
function summary.sorted_outputs(outputs)
  local sorted = {}
  for key, output in pairs(outputs or {}) do
    local named = type(output) == "table" and (output.name or output.value ~= nil or output.secret ~= nil)
    if named then
      sorted[#sorted + 1] = { name = output.name or key, value = output.value, secret = output.secret or false, source = output.source }
    else
      sorted[#sorted + 1] = { name = key, value = output, secret = false }
    end
  end
  table.sort(sorted, function(left, right) return left.name < right.name end)
  return sorted
end

---@param state scw.Progress
---@param result table what the session says
---@param err scw.Error|nil
---@param elapsed_ms number
---@return scw.DeploymentFacts
function summary.facts(state, result, err, elapsed_ms)
  local failures = result.failures or {}
  if result.fatal then err = result.fatal end
  if err then failures = errors.list({ err, table.unpack(failures) }) end
  local ended = result.interrupted and "interrupted" or (#failures > 0 or state.failed > 0) and "failed" or "done"
  return {
    result = ended, counts = state.counts, failures = failures, failed = state.failed, skipped = state.skipped,
    interrupted = state.interrupted, perhaps = table.move(state.perhaps, 1, #state.perhaps, 1, {}),
    left = math.max(state.total - state.done - state.failed - state.interrupted - state.skipped, 0),
    outputs = summary.sorted_outputs(result.outputs), elapsed_ms = elapsed_ms,
  }
end

--- What is told of a deployment that ended before it began.
---@param err scw.Error|nil nil: a bug
---@param elapsed_ms number
---@return scw.DeploymentFacts
function summary.never(err, elapsed_ms)
  local interrupted = err and (err.kind == "cancelled" or err.code == "INFRA_009")
  return {
    result = interrupted and "interrupted" or "failed", counts = {}, failures = err and errors.list(err) or {}, failed = 0, skipped = 0,
    interrupted = 0, perhaps = {}, left = 0, outputs = {}, elapsed_ms = elapsed_ms,
  }
end

---@param output { name: string, value: any, secret: boolean }
---@return string
local function shown(output)
  if output.secret then return value.SECRET end
  if type(output.value) == "string" then return style.clean(output.value) end
  return value.text(output.value)
end

--- The outputs, aligned; values whole, so that they can be copied.
---@param facts { outputs: table[] }
---@param look scw.Style
---@return string[]
function summary.outputs(facts, look)
  if #facts.outputs == 0 then return {} end
  local rows = {}
  for i, output in ipairs(facts.outputs) do rows[i] = { output.name, shown(output) } end
  local lines = { look:paint("bold", text.apply.outputs) }
  for _, line in ipairs(columns.lines(rows, { indent = 2 })) do lines[#lines + 1] = line end
  return lines
end

---@param facts scw.DeploymentFacts
---@return string
local function counted(facts)
  local parts = {}
  for _, action in ipairs(style.action_order) do
    if (facts.counts[action] or 0) > 0 then parts[#parts + 1] = facts.counts[action] .. " " .. style.actions[action].done end
  end
  if #parts == 0 and #facts.perhaps == 0 then parts[1] = text.apply.nothing_done end
  if facts.interrupted > 0 then parts[#parts + 1] = text.apply.count_interrupted(facts.interrupted) end
  if facts.failed > 0 then parts[#parts + 1] = text.apply.count_failed(facts.failed) end
  if facts.skipped > 0 then parts[#parts + 1] = text.apply.count_skipped(facts.skipped) end
  if facts.left > 0 and facts.result ~= "done" then parts[#parts + 1] = text.apply.count_left(facts.left) end
  return table.concat(parts, ", ")
end

--- "Done: 3 created, 1 updated in 12.3s."
---@param facts scw.DeploymentFacts
---@param look scw.Style
---@return string[]
function summary.lines(facts, look)
  local sentences = { done = text.apply.done, failed = text.apply.failed, interrupted = text.apply.stopped }
  local colours = { done = "green", failed = "red", interrupted = "yellow" }
  local line = sentences[facts.result](counted(facts), style.duration(facts.elapsed_ms))
  local lines = {}
  for i, part in ipairs(style.wrap(line, look.columns)) do lines[i] = look:paint(colours[facts.result], part) end
  if #facts.perhaps > 0 then
    local named = { table.unpack(facts.perhaps, 1, MOST_NAMED) }
    for _, part in ipairs(style.wrap(text.apply.perhaps(named, #facts.perhaps - #named), look.columns)) do lines[#lines + 1] = part end
  end
  return lines
end

--- The causes, for standard error.
---@param facts scw.DeploymentFacts
---@param console scw.Console
---@return string[]
function summary.failures(facts, console)
  if not console.json then return error_view.lines(facts.failures, console.error_style) end
  local json, given, lines = require "scw.json", console.style.given, {}
  for i, failure in ipairs(errors.list(facts.failures)) do lines[i] = assert(json.encode(error_view.public(failure, given))) end
  return lines
end

--- What to do now.
---@param facts scw.DeploymentFacts
---@param once? boolean the same command does nothing the next time
---@param given? scw.Given
---@return string
function summary.next(facts, once, given)
  if once then return text.saved_plan.next end
  return facts.result == "interrupted" and text.apply.next_interrupted or command.complete(text.apply.next_failed(core.program), given)
end

--- Outputs for programs: by name; secrets only marked.
---@param outputs table[]
---@return table<string, table>
function summary.public_outputs(outputs)
  local public = {}
  for _, output in ipairs(outputs) do
    public[output.name] = { secret = output.secret }
    if not output.secret then public[output.name].value = value.public(output.value) end
  end
  return public
end

--- The last event of a deployment (`docs/json.md`).
---@param facts scw.DeploymentFacts
---@param given? scw.Given
---@return table
function summary.public(facts, given)
  local failures = {}
  for i, failure in ipairs(facts.failures) do failures[i] = error_view.public(failure, given) end
  return {
    event = "finished", result = facts.result, counts = facts.counts, failed = facts.failed, skipped = facts.skipped,
    interrupted = facts.interrupted, may_have_changed = core.array({ table.unpack(facts.perhaps) }),
    not_started = facts.result == "done" and 0 or facts.left, elapsed_ms = math.floor(facts.elapsed_ms + 0.5),
    timestamp = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(core.now())), outputs = summary.public_outputs(facts.outputs),
    errors = core.array(failures),
  }
end

return summary
