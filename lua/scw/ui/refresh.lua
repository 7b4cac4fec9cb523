--- What a refresh found: where Scaleway is not as it was last applied.
local command = require "scw.ui.command"
local core = require "core"
local plan_view = require "scw.ui.plan"
local style = require "scw.ui.style"
local text = require "scw.text"

local refresh_view = {}

---@param result { changes: table[], count: integer }
---@param look scw.Style
---@return string[]
function refresh_view.lines(result, look)
  if #result.changes == 0 then return { text.refresh.unchanged(result.count) } end
  local lines = {}
  for _, drift in ipairs(result.changes) do
    local symbol, colour = "~", "yellow"
    local absent = text.refresh.absent[drift.action]
    if absent then symbol, colour = "-", "red" end
    local words = absent or drift.message
    lines[#lines + 1] = ("  %s %s%s"):format(look:paint(colour, symbol), look:paint("bold", drift.address),
      words and "  " .. look:paint("dim", style.clean(words)) or "")
    for _, line in ipairs(plan_view.changes_of(drift.changes or {}, look)) do lines[#lines + 1] = line end
  end
  lines[#lines + 1] = ""
  local summary = command.complete(text.refresh.summary(core.program, #result.changes, result.count), look.given)
  for _, line in ipairs(style.wrap(summary, look.columns)) do lines[#lines + 1] = line end
  return lines
end

--- For programs (`docs/json.md`).
---@param result { changes: table[], count: integer }
---@return table
function refresh_view.public(result)
  local changes = {}
  for i, drift in ipairs(result.changes) do
    local fields = {}
    for j, change in ipairs(drift.changes or {}) do fields[j] = plan_view.public_change(change) end
    changes[i] = {
      address = drift.address, type = drift.type, action = drift.action, message = drift.message, source = drift.source,
      changes = core.array(fields),
    }
  end
  return { resources = result.count, changes = core.array(changes) }
end

return refresh_view
