local options = require "scw.cli.options"
local text = require "scw.text"

return {
  name = "destroy",
  group = "Deploy", order = 4,
  summary = "Delete everything that the stack made.",
  description = "Deletes what the state records, in the reverse order of the dependencies. Protected resources are refused before anything "
    .. "is deleted.",
  arguments = { options.stack_argument },
  options = options.join({ options.yes, options.target, options.exclude, options.no_refresh, options.parallel }, options.stack),
  examples = {
    { "scwlua destroy stacks/staging.lua", "shows what goes, asks, deletes" },
    { "scwlua destroy --emulator --yes stacks/staging.lua", "empties the emulator again" },
  },
  run = function(context)
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local session, plan
    session, err = workspace:session()
    if not session then return nil, err end
    plan, err = session:destroy_plan()
    if not plan then return nil, err end
    return require("scw.cli.deploy").run(context, session, plan, { question = text.destroy.question, nothing = text.destroy.nothing })
  end,
}
