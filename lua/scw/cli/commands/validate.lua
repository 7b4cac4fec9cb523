local options = require "scw.cli.options"

return {
  name = "validate",
  group = "Deploy", order = 1,
  summary = "Evaluate and check a stack, without any network.",
  description = "Runs the stack in its sandbox, checks every declaration against its type, references and policies. All problems are shown "
    .. "together, sorted by line.",
  arguments = { options.stack_argument },
  options = { options.set, options.config_file },
  examples = {
    { "scwlua validate stacks/production.lua", "right before a commit" },
    { "scwlua validate --json stacks/staging.lua", "for an editor or CI" },
  },
  run = function(context)
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local stack
    stack, err = workspace:checked()
    if not stack then return nil, err end
    require("scw.ui.stack").checked(stack, context.console)
    return 0
  end,
}
