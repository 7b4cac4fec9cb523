local confirm = require "scw.cli.confirm"
local options = require "scw.cli.options"
local text = require "scw.text"

return {
  name = "unlock",
  group = "Deploy", order = 7,
  summary = "Free the state from the lock of a run that died.",
  description = "Whoever finds a state locked is told by whom, and the lock's id. A run that died on this machine needs no unlock: the "
    .. "next one takes over; one that died elsewhere is taken over from when its lease has ended. A holder at work "
    .. "on this machine is not unlocked; one that works elsewhere stops when it renews the lock next, or at its next write once "
    .. "somebody else deploys.",
  arguments = { options.stack_argument, { name = "LOCK", doc = "The id of the lock, as the message about it says." } },
  options = options.join({ options.yes }, options.stack),
  examples = { { "scwlua unlock stacks/staging.lua 6a1f0c9e-3c55-4be5-9a0e-2f1f64a1d0c7", "after the runner was lost" } },
  run = function(context)
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local session, found, holder, agreed, done
    session, err = workspace:session(true)
    if not session then return nil, err end
    found, holder = session:lock(context.options.lock)
    if not found then return nil, holder end
    if not context.console.json then context.console:print(text.unlock.holder(holder)) end
    agreed, err = confirm(context, text.unlock.question, text.unlock.needs_yes_hint)
    if err then return nil, err end
    if not agreed then
      context.console:print(text.unlock.refused)
      return 1
    end
    done, err = session:unlock(context.options.lock)
    if not done then return nil, err end
    if context.console.json then
      context.console:data({ unlocked = context.options.lock })
    else
      context.console:print(text.unlock.done)
    end
    return 0
  end,
}
