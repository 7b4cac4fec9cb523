local options = require "scw.cli.options"

local PENDING = 2

return {
  name = "plan",
  group = "Deploy", order = 2,
  summary = "Show what apply would change, and change nothing.",
  description = "Compares the stack with the recorded state and with what Scaleway has. Reading takes no lock.",
  arguments = { options.stack_argument },
  options = options.join({
    { name = "--exit-code", doc = "Exit with 2 when changes are pending." },
    { name = "--destroy", doc = "Show what destroy would delete." },
    options.target, options.exclude, options.replace, options.no_refresh, options.parallel,
  }, options.stack),
  examples = {
    { "scwlua plan stacks/staging.lua", "what would change" },
    { "scwlua plan --exit-code --json stacks/production.lua", "in CI: 0 nothing, 2 changes, 1 error" },
    { "scwlua plan --target db stacks/staging.lua", "only the module db and what it needs" },
  },
  run = function(context)
    local plan_view = require "scw.ui.plan"
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local session
    session, err = workspace:session()
    if not session then return nil, err end
    local plan
    if context.options.destroy then
      plan, err = session:destroy_plan()
    else
      plan, err = session:plan()
    end
    if not plan then return nil, err end
    if context.console.json then
      context.console:data(plan_view.public(plan), { indent = 2 })
    else
      context.console:print(plan_view.lines(plan, context.console.style))
    end
    return context.options.exit_code and plan_view.changes(plan) and PENDING or 0
  end,
}
