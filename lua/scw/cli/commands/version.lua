local core = require "core"

return {
  name = "version",
  group = "Try and learn", order = 9,
  summary = "Show the version.",
  examples = { { "scwlua version --json", "the version for a program" } },
  run = function(context)
    if context.console.json then
      context.console:data({ program = core.program, version = core.version })
    else
      context.console:print(core.program .. " " .. core.version)
    end
    return 0
  end,
}
