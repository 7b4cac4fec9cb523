local errors = require "scw.errors"
local options = require "scw.cli.options"

return {
  name = "output",
  group = "Look", order = 1,
  summary = "Show the outputs of the last apply, or one of them.",
  description = "With a name, only the value is written: text as it is, anything else as JSON. Secret outputs are never recorded; they are "
    .. "shown as (secret).",
  arguments = { options.stack_argument, { name = "NAME", optional = true, doc = "The output to show." } },
  options = options.stack,
  examples = {
    { "scwlua output stacks/staging.lua", "all outputs" },
    { "curl $(scwlua output stacks/staging.lua documentation_url)", "one of them, for a script" },
  },
  run = function(context)
    local summary = require "scw.ui.summary"
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local session, outputs
    session, err = workspace:session(true)
    if not session then return nil, err end
    outputs, err = session:outputs()
    if not outputs then return nil, err end
    local console, wanted = context.console, context.options.name
    local sorted = summary.sorted_outputs(outputs)
    if not wanted then
      if console.json then
        console:data(summary.public_outputs(sorted), { indent = 2 })
      else
        if #sorted == 0 then console:note(require("scw.text").nothing_yet.outputs) end
        console:print(summary.outputs({ outputs = sorted }, console.style))
      end
      return 0
    end
    local names = {}
    for i, output in ipairs(sorted) do
      names[i] = output.name
      if output.name == wanted then
        if console.json then
          console:data(summary.public_outputs({ output })[wanted], { indent = 2 })
        elseif output.secret then
          return nil, errors.new({
            code = "INFRA_003", kind = "denied", message = ("output '%s' is secret and kept nowhere"):format(wanted),
            hint = "read it where it lives, such as Secret Manager",
          })
        elseif type(output.value) == "string" then
          console:print(output.value)
        else
          console:data(require("scw.ui.value").public(output.value))
        end
        return 0
      end
    end
    return nil, errors.new({
      code = "INFRA_004", kind = "not_found", message = ("there is no output '%s'"):format(wanted),
      hint = require("scw.suggest").hint(wanted, names)
        or (#names > 0 and "outputs: " .. table.concat(names, ", ") or "apply the stack first"),
    })
  end,
}
