local options = require "scw.cli.options"
local saved_plan = require "scw.cli.saved_plan"
local text = require "scw.text"

return {
  name = "apply",
  group = "Deploy", order = 3,
  summary = "Make Scaleway match the stack.",
  description = "Shows the plan, asks, and carries it out as wide as the dependencies allow. The state is saved as results arrive: after a "
    .. "failure or an interrupt, the same command goes on where it stopped. A plan that `plan --out` saved is carried out once and without "
    .. "a question, and only if planning again comes to the same: it is refused when the state, the stack or what exists changed since.",
  arguments = { saved_plan.argument },
  options = options.join({
    options.yes, options.target, options.exclude, options.replace, options.no_refresh, options.parallel,
  }, options.writing, options.stack),
  examples = {
    { "scwlua apply stacks/staging.lua", "shows the plan, asks, applies" },
    { "scwlua apply --emulator --yes stacks/staging.lua", "everything for real, without an account" },
    { "scwlua apply release.plan", "a saved plan: what was looked at, or nothing" },
    { "scwlua apply --set image_tag=1.9.0 stacks/production.lua", "with a configuration value" },
  },
  run = function(context)
    if saved_plan.is(context.options.stack) then return saved_plan.apply(context) end
    local words = { question = text.apply.question, next_steps = true }
    return require("scw.cli.deploy").run(context, words, function(session) return session:plan() end)
  end,
}
