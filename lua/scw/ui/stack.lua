--- An evaluated stack for people and for programs: that it is valid, what it printed, what it warns of.
local core = require "core"
local style = require "scw.ui.style"
local text = require "scw.text"

local stack_view = {}

--- What the stack printed while it was evaluated, and its warnings, as remarks.
---@param stack table
---@param look scw.Style
---@return string[]
function stack_view.remarks(stack, look)
  local lines = {}
  for _, message in ipairs(stack.messages or {}) do
    lines[#lines + 1] = look:paint("dim", (message.source or "stack") .. ": ") .. style.clean(message.text)
  end
  for _, warning in ipairs(stack.warnings or {}) do
    for i, line in ipairs(style.wrap(text.warning(style.clean(warning.message)), look.columns - 2)) do
      lines[#lines + 1] = look:paint("yellow", (i == 1 and "" or "  ") .. line)
    end
    if warning.source then lines[#lines + 1] = "  " .. look:paint("dim", text.at(warning.source)) end
    if warning.hint then lines[#lines + 1] = "  " .. look:paint("cyan", "hint: " .. style.clean(warning.hint)) end
  end
  return lines
end

--- Says that a stack is valid.
---@param stack table
---@param console scw.Console
function stack_view.checked(stack, console)
  if console.json then
    local warnings = {}
    for i, warning in ipairs(stack.warnings or {}) do
      warnings[i] = { message = warning.message, address = warning.address, source = warning.source, hint = warning.hint }
    end
    console:data({
      valid = true, stack = stack.name, environment = stack.environment, resources = #stack.declarations, outputs = #stack.outputs,
      warnings = core.array(warnings),
    }, { indent = 2 })
    return
  end
  console:print(stack_view.remarks(stack, console.style))
  console:print(text.validate.fine(stack.name, #stack.declarations, #stack.outputs))
end

return stack_view
