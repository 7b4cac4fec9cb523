local options = require "scw.cli.options"
local saved_plan = require "scw.cli.saved_plan"

return {
  name = "plan",
  group = "Deploy", order = 2,
  summary = "Show what apply would change, and change nothing.",
  description = "Compares the stack with the recorded state and with what Scaleway has. Reading takes no lock.",
  arguments = { options.stack_argument },
  options = options.join({
    options.exit_code, saved_plan.option,
    { name = "--destroy", doc = "Show what destroy would delete." },
    options.target, options.exclude, options.replace, options.no_refresh, options.parallel,
  }, options.stack),
  examples = {
    { "scwlua plan stacks/staging.lua", "what would change" },
    { "scwlua plan --exit-code --json stacks/production.lua", "in CI: 0 nothing, 2 changes, 1 error" },
    { "scwlua plan --out release.plan stacks/production.lua", "to be looked at; `apply release.plan` does this, or nothing" },
    { "scwlua plan --target db stacks/staging.lua", "only the module db and what it needs" },
  },
  run = function(context)
    return require("scw.cli.deploy").show(context, { goal = context.options.destroy and "destroy" or "apply" }, function(session)
      if context.options.destroy then return session:destroy_plan() end
      return session:plan()
    end)
  end,
}
