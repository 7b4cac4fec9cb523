return {
  name = "help",
  group = "Try and learn", order = 1,
  summary = "Show the commands, or the help of one.",
  arguments = {
    { name = "TOPIC", optional = true, doc = "A command." },
    { name = "SUBTOPIC", optional = true, doc = "Its second word." },
  },
  examples = { { "scwlua help plan", "what plan takes" }, { "scwlua help state list", "a command of two words" } },
  run = function(context)
    local help = require "scw.cli.help"
    local topic = context.options.topic
    local console = context.console
    if not topic then
      if console.json then console:data(help.public_overview(), { indent = 2 }) else console:print(help.overview(console.style)) end
      return 0
    end
    local command, err = require("scw.cli.args").find({ topic, context.options.subtopic })
    if not command then return nil, err end
    if console.json then console:data(help.public(command), { indent = 2 }) else console:print(help.command(command, console.style)) end
    return 0
  end,
}
