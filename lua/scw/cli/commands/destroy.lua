local options = require "scw.cli.options"
local text = require "scw.text"

return {
  name = "destroy",
  group = "Deploy", order = 4,
  summary = "Delete everything that the stack made.",
  description = "Deletes what the state records, in the reverse order of the dependencies. Protected resources are refused before anything "
    .. "is deleted.",
  arguments = { options.stack_argument },
  options = options.join({
    options.yes, options.destroy_target, options.destroy_exclude, options.no_refresh, options.parallel,
  }, options.writing, options.stack),
  examples = {
    { "scwlua destroy stacks/staging.lua", "shows what goes, asks, deletes" },
    { "scwlua destroy --emulator --yes stacks/staging.lua", "empties the emulator again" },
  },
  run = function(context)
    local words = { question = text.destroy.question, nothing = text.destroy.nothing }
    return require("scw.cli.deploy").run(context, words, function(session) return session:destroy_plan() end)
  end,
}
