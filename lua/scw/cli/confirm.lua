--- Asks on the terminal, or explains that --yes is needed where there is none.
local core = require "core"
local errors = require "scw.errors"
local text = require "scw.text"

---@param context scw.Context
---@param question string
---@param hint? string what to do where there is no terminal
---@return boolean|nil agreed, scw.Error|nil
local function confirm(context, question, hint)
  if context.options.yes then return true end
  local console = context.console
  if console.json or not (console.terminal.input and console.terminal.output) then
    return nil, errors.new({
      code = "INFRA_001", kind = "usage", message = text.error.needs_yes(context.command.name), hint = hint or text.error.needs_yes_hint,
    })
  end
  local answer, failure = core.read_line(console.style:paint("bold", question))
  if not answer and failure and failure.kind == "cancelled" then
    core.write("stderr", "\n") -- the cursor stands behind the question
    return nil, errors.new({ code = "INFRA_009", kind = "cancelled", message = text.error.interrupted })
  end
  return answer == "yes"
end

return confirm
