local options = require "scw.cli.options"

return {
  name = "doctor",
  group = "Try and learn", order = 5,
  summary = "Check everything a deployment needs, and say what to do.",
  description = "Credentials, configuration file, endpoints, clock, terminal; with a stack also its state, whose keys open it, and how its "
    .. "replica stands. Nothing is changed. The exit code is 1 when a check fails.",
  arguments = { { name = "STACK", optional = true, doc = "A stack, to check its state too." } },
  options = options.stack,
  examples = { { "scwlua doctor", "is this machine ready?" }, { "scwlua doctor stacks/production.lua", "is its state within reach?" } },
  run = function(context)
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local checkup = require "scw.cli.checkup"
    local checks = checkup.run(workspace)
    local worst = checkup.worst(checks)
    local console = context.console
    if console.json then
      console:data({ result = worst, checks = require("core").array(checks) }, { indent = 2 })
    else
      console:print(checkup.lines(checks, console.style))
    end
    return worst == "fail" and 1 or 0
  end,
}
