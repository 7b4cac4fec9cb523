local options = require "scw.cli.options"

return {
  name = "refresh",
  group = "Deploy", order = 6,
  summary = "Bring the state up to date with what Scaleway has.",
  description = "Lists what exists and records what Scaleway decides, such as addresses, and what is gone. Fields that were changed by "
    .. "hand it shows; the state keeps what was asked for, so that rollback finds it. Nothing at Scaleway changes; plan then shows "
    .. "what apply would put right.",
  arguments = { options.stack_argument },
  options = options.join({ options.parallel }, options.writing, options.stack),
  examples = { { "scwlua refresh stacks/staging.lua", "after somebody changed things by hand" } },
  run = function(context)
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local session, result
    session, err = workspace:session()
    if not session then return nil, err end
    result, err = session:refresh()
    if not result then return nil, err end
    local view = require "scw.ui.refresh"
    if context.console.json then
      context.console:data(view.public(result), { indent = 2 })
    else
      context.console:print(view.lines(result, context.console.style))
    end
    return 0
  end,
}
