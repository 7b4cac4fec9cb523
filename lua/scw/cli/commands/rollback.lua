local errors = require "scw.errors"
local options = require "scw.cli.options"
local saved_plan = require "scw.cli.saved_plan"
local text = require "scw.text"

return {
  name = "rollback",
  group = "Deploy", order = 5,
  summary = "Go back to what an earlier deployment wanted, without its source.",
  description = "Takes the inputs that the history keeps of that deployment, plans and applies them like any others, and stands in the "
    .. "history itself. Of the stack's file only name, environment and state are read: `build` may be broken. What would lose data is "
    .. "refused, by name, until it is confirmed or kept. Secrets that are not known any more stay as they are, and the plan says so.",
  arguments = { options.stack_argument },
  options = options.join({
    { name = "--to", value = "DEPLOYMENT", doc = "The deployment to go back to: its id, or the beginning of it. Without: the last that "
      .. "ended well and wanted something else than there is now." },
    { name = "--plan", doc = "Show what would change, and change nothing." },
    saved_plan.option, options.exit_code, options.yes, options.target, options.exclude,
    { name = "--leave", value = "ADDRESS", repeats = true,
      doc = "Leave this resource or module as it is now; what needs it goes back all the same." },
    { name = "--lose-data", value = "ADDRESS", repeats = true,
      doc = "Go on although the data of this resource is lost: it is deleted, replaced, or made anew empty." },
    options.parallel,
  }, options.writing, { options.emulator, options.profile }),
  examples = {
    { "scwlua rollback stacks/production.lua", "after a deployment that failed: back to the last good one" },
    { "scwlua rollback --plan stacks/production.lua", "only shows what that would change" },
    { "scwlua rollback --to 3f2a9c1d --yes stacks/production.lua", "to the deployment that `state history` calls 3f2a9c1d" },
    { "scwlua rollback --leave backups/bucket.main stacks/production.lua", "leaves a bucket that was added since where it is" },
  },
  run = function(context)
    local deploy, given = require "scw.cli.deploy", context.options
    local function make_plan(session) return session:rollback_plan(given.to) end
    if given.plan then return deploy.show(context, { bare = true, goal = "rollback" }, make_plan) end
    if given.out then return nil, errors.new({ code = "INFRA_001", kind = "usage", message = text.saved_plan.out_needs_plan }) end
    return deploy.run(context, { bare = true, question = text.rollback.question }, make_plan)
  end,
}
