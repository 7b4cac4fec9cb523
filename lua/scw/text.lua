--- Every sentence the program says to people. Plain words, no colours, no decisions.
local text = {}

---@param source string file:line
---@return string
function text.at(source) return "at " .. source end

---@param message string
---@return string
function text.warning(message) return "warning: " .. message end

local function segments(count) return count == 1 and "1 segment" or ("%d segments"):format(count) end

local function resources(count) return count == 1 and "1 resource" or ("%d resources"):format(count) end

text.plan = {
  forces_replacement = "(forces replacement)",
  secret_removed = "(secret, removed)",
  outputs = "Outputs",
  only_outputs = "only outputs change",
  notes = {
    adopt = "exists already, will be adopted", move = "moved, no call needed", forget = "leaves the state, nothing is called",
    read = "will be read", import = "exists, will be imported",
  },
  why = function(reason) return "why: " .. reason end,
  summary = function(parts) return "Plan: " .. parts .. "." end,
  left_out = function(addresses, more)
    return ("Left out: %s%s."):format(table.concat(addresses, ", "), more > 0 and (" and %d more"):format(more) or "")
  end,
  nothing = function(count)
    if count == 0 then return "Nothing to do." end
    return ("Nothing to do: %d %s as declared."):format(count, count == 1 and "resource is" or "resources are")
  end,
  running = function(count, stack) return ("Comparing %d declarations of %s with Scaleway …"):format(count, stack) end,
}

text.saved_plan = {
  again = "plan again",
  leave_out = "leave that out, or plan again with it",
  same_program = "plan again with this version, or apply with that one",
  next = "What was done is saved. A saved plan is carried out once: fix the cause, if there is one, and plan again.",
  out_needs_plan = "--out saves a plan: add --plan",
  written = function(path, command) return ("Saved in %s. `%s` carries out this plan, or nothing."):format(path, command) end,
  made = function(path, when, who) return ("plan: %s, made %s by %s"):format(path, when, who) end,
  --- An action that is another one now; nil: none.
  action = function(name, was, is)
    local left_out = was == text.saved_plan.left_out or is == text.saved_plan.left_out -- which is no step
    local function shown(action) return action ~= "none" and action or (action or left_out) and "no change" or "not there" end
    return ("%s: was %s, now %s"):format(name, shown(was), shown(is))
  end,
  was = function(name, line) return ("%s: was %s"):format(name, line) end,
  now = function(name, line) return ("%s: now %s"):format(name, line) end,
  needs = function(addresses) return "after " .. table.concat(addresses, ", ") end,
  output = function(name) return "output " .. name end,
  left_out = "left out",
  other = function(name) return name .. ": other changes" end,
  changed = "what there is changed since the plan was made: it would be another one now",
  --- Something that a plan was made from. Was it there then, and is it now?
  ground = function(kind, name, secret, was, is)
    local words = {
      file = name, module = "module " .. name:gsub("^modules%.", ""), config = (secret and "secret " or "config ") .. name,
      variable = "environment variable " .. name, place = "the " .. name,
    }
    local value = (kind == "file" or kind == "module") and "another text" or "another value"
    return ("%s (%s)"):format(words[kind] or name, not was and "not there then" or not is and "not there now" or value)
  end,
  grounds = function(list) return "the plan was made from something else: " .. list end,
  same_secrets = function(ways) return ("give the same as to plan, with %s; or plan again"):format(ways) end,
  ways = function(name, variable) return ("--set %s=… or in the environment as %s"):format(name, variable) end,
  asked = function(path, names) return ("%s keeps no secrets, and needs them again: %s"):format(path, names) end,
  outdated = "The state changed meanwhile: checking whether the saved plan still holds.",
  command = function(goal) return goal .. " (saved plan)" end,
  more = function(count) return ("and %d more"):format(count) end,
  no_stack = function(path) return path .. " is a saved plan, not a stack" end,
  use = function(command) return ("`%s` carries it out; other commands take the stack itself"):format(command) end,
}

text.unlock = {
  holder = function(holder) return ("The lock is held by %s."):format(holder) end,
  needs_yes_hint = "add --yes when it is certain that its holder died",
  question = "Free the state? Two deployments at once would stop each other. Only 'yes' goes on: ",
  refused = "The lock stays.",
  done = "The state is free.",
}

text.apply = {
  outputs = "Outputs",
  question = "Apply these changes? Only 'yes' goes on: ",
  refused = "Nothing was changed.",
  outdated = "The state changed since this plan was made: planning again.",
  interrupted = "Interrupted: nothing new starts, calls under way may end, then the state is saved. Interrupt again to stop waiting.",
  interrupted_again = "Interrupted again: no longer waiting; saving the state.",
  done = function(parts, elapsed) return ("Done: %s in %s."):format(parts, elapsed) end,
  failed = function(parts, elapsed) return ("Failed after %s: %s."):format(elapsed, parts) end,
  stopped = function(parts, elapsed) return ("Interrupted after %s: %s."):format(elapsed, parts) end,
  nothing_done = "nothing changed",
  count_interrupted = function(count) return ("%d interrupted"):format(count) end,
  perhaps = function(addresses, more)
    return ("May have changed all the same: %s%s."):format(table.concat(addresses, ", "), more > 0 and (" and %d more"):format(more) or "")
  end,
  count_failed = function(count) return ("%d failed"):format(count) end,
  count_skipped = function(count) return ("%d skipped because of that"):format(count) end,
  count_left = function(count) return ("%d not started"):format(count) end,
  next_failed = function(program)
    return ("What was done is saved. Fix the cause and run the same command again: it goes on where it stopped. "
      .. "Or go back: `%s rollback STACK`."):format(program)
  end,
  next_interrupted = "What was done is saved. Run the same command again: it goes on where it stopped.",
}

--- How to go on after a stack was applied to the emulator of this directory.
---@param program string
---@param stack string path
---@param options string further options of the command line, " --set a=b" or ""
---@return string[]
function text.next_steps(program, stack, options)
  local tail = " --emulator" .. options .. " " .. stack
  return {
    "Look at it:      " .. program .. " state list" .. tail,
    "Change, repeat:  " .. program .. " apply" .. tail,
    "Remove it all:   " .. program .. " destroy" .. tail,
  }
end

text.destroy = {
  question = "Destroy all of this? There is no way back. Only 'yes' goes on: ",
  nothing = "Nothing to destroy: the state is empty.",
}

text.rollback = {
  --- Whom it goes back to.
  back_to = function(id, when, who, commit)
    return ("Back to deployment %s of %s, by %s%s."):format(id, when, who, commit and ", commit " .. commit or "")
  end,
  nothing = function(count) return ("Nothing to do: %s as then."):format(count == 1 and "1 resource is" or count .. " resources are") end,
  question = "Go back to this? Only 'yes' goes on: ",
}

text.nothing_yet = {
  state = "The state is empty: nothing was applied yet, or everything was destroyed.",
  outputs = "There are no outputs: the last apply recorded none, or nothing was applied yet.",
}

text.progress = {
  waits_for = function(addresses) return "waits for " .. table.concat(addresses, ", ") end,
  needs = function(addresses) return "needs " .. table.concat(addresses, ", ") end,
  more = function(count) return ("… and %d more"):format(count) end,
  status = function(done, total, running, waiting, elapsed)
    return ("%d/%d done, %d running, %d waiting, %s"):format(done, total, running, waiting, elapsed)
  end,
  retry = function(detail) return "tries again: " .. detail end,
  again = function(message, delay) return ("%s; in %s"):format(message, delay) end,
  still = function(status) return "still " .. status end,
  failed = "failed",
  interrupted = "interrupted",
  skipped = "skipped",
}

text.error = {
  bug = function(program, version)
    return ("This is a bug in %s %s: please report it with the lines below."):format(program, version)
  end,
  unknown_command = function(name) return ("there is no command '%s'"):format(name) end,
  unknown_option = function(command, name) return ("%s has no option '%s'"):format(command, name) end,
  unexpected_argument = function(command, word) return ("%s takes no further argument, got '%s'"):format(command, word) end,
  see_help = function(program, command) return ("see '%s help%s'"):format(program, command and " " .. command or "") end,
  needs_yes = function(command) return command .. " needs a yes, and there is no terminal to ask on" end,
  needs_yes_hint = "add --yes once the plan is what you want",
  no_stack = "which stack? Name its file",
  stacks_here = function(paths) return "found here: " .. table.concat(paths, ", ") end,
  interrupted = "interrupted: nothing was changed",
  emulator_in_use = "another command with --emulator is at work in this directory: wait for its end, or look from another directory",
  emulator_or_profile = "--profile has no meaning with --emulator: the emulator has credentials of its own",
  emulator_or_profile_hint = "leave one of them out",
}

text.validate = {
  fine = function(stack, count, outputs)
    return ("%s is valid: %d %s, %d %s."):format(stack, count, count == 1 and "resource" or "resources", outputs,
      outputs == 1 and "output" or "outputs")
  end,
}

text.refresh = {
  unchanged = function(count) return ("Scaleway is as last applied: %d %s."):format(count, count == 1 and "resource" or "resources") end,
  absent = { gone = "no longer exists", leaving = "is being deleted" },
  summary = function(program, differ, count)
    return ("%d of %d %s not as last applied; `%s plan STACK` shows what apply would put right."):format(differ, count,
      count == 1 and "resource is" or "resources are", program)
  end,
}

text.history = {
  columns = { "DEPLOYMENT", "STARTED", "RESULT", "CHANGES", "COMMIT", "WHO", "COMMAND" },
  empty = "Nothing was deployed yet, or the stack keeps no history.",
  unreadable = "unreadable",
  partly = function(planned, done) return ("%s (%d done)"):format(planned, done) end,
  same = function(from, to) return ("No difference between %s and %s."):format(from, to) end,
  between = function(from, to, parts) return ("From %s to %s: %s."):format(from, to, parts) end,
}

text.status = {
  sealed = function(place, recipients, exists, missing)
    if not exists then return place .. (missing and ", missing" or ", nothing there yet") end
    return place .. (recipients and ", sealed for " .. table.concat(recipients, ", ") or ", not sealed")
  end,
  side = function(side)
    local how = { leads = "counts", equal = "the same", behind = "behind: the next apply makes it equal", out = "does not answer",
      diverged = "has what the other one lacks", damaged = "cannot be used", readable = "can be used",
      empty = "holds nothing" }
    return ("%s: %s"):format(side.place, how[side.state])
  end,
  serial = function(serial, lineage) return ("%d of lineage %s"):format(serial, lineage) end,
  unready = function(count, list) return ("%d of them not ready: %s"):format(count, list) end,
  intents = function(count, list)
    return ("%d %s interrupted: %s; the next apply looks for what was made, and goes on"):format(count,
      count == 1 and "creation was" or "creations were", list)
  end,
  segments = function(count, running)
    return ("%d %s not in the snapshot yet: %s"):format(count, count == 1 and "segment is" or "segments are",
      running and "a deployment is running" or "a deployment was cut off")
  end,
  last = function(facts, changes)
    return ("%s: %s@%s, %s, `%s`%s"):format(facts.result, facts.who, facts.host, facts.since, facts.command,
      changes ~= "" and " (" .. changes .. ")" or "")
  end,
  free = "free",
  damaged = function(place) return ("damaged: %s is no lock that this program wrote"):format(place) end,
  held = function(holder) return "held by " .. holder end,
  died = "its process died on this machine",
  expired = function(span) return ("its lease ended %s ago"):format(span) end,
  lease = function(span) return ("its lease ends in %s unless it is renewed"):format(span) end,
  no_lease = "it has no lease: it does not end by itself",
  place = function(number, who) return ("%d. %s"):format(number, who) end,
  more = function(list, more) return more > 0 and ("%s and %d more"):format(list, more) or list end,
  unknown = function(message) return "cannot be read: " .. message end,
  advice = {
    nothing = function() return "Nothing to do." end,
    sides = function()
      return "One side does not answer. A deployment goes on with the other one; the next that reaches both makes them equal."
    end,
    wait_here = function(pid)
      return ("Wait until it ends; a deployment joins the queue by itself (--lock-wait). It runs on this machine: kill %d ends it."):format(
        pid)
    end,
    wait = function(program, id)
      if not id then return "Wait: others are next. A deployment joins the queue by itself (--lock-wait)." end
      return ("Wait until it ends; a deployment joins the queue by itself (--lock-wait). "
        .. "If it is certain that it died: `%s unlock STACK %s`."):format(program, id)
    end,
    take_over = function() return "Run your command: the next deployment takes over at once, and goes on where that one stopped." end,
    begin = "Nothing was deployed yet: apply makes it.",
    apply = function() return "Apply: it does what is missing, or goes on where the last deployment stopped." end,
    repair = function(place)
      return ("Make sure that nobody deploys, then remove %s; the state itself is untouched."):format(place)
    end,
    key = "Give the key that it was sealed with, in SCWLUA_STATE_KEY_FILE or SCWLUA_STATE_PASSPHRASE, or as the stack names it.",
    first = function(hint) return "Before the first apply: " .. hint end,
    read = function(_, _, hint) return hint and "To read it: " .. hint or "It has to be restored before anybody can deploy." end,
  },
}

text.state = {
  unsealed = "This document is not sealed. It holds no secret, only fingerprints of secrets and the key they are made with: "
    .. "keep it private.",
  pulled = function(path, serial, count) return ("Wrote serial %d with %s to %s."):format(serial, resources(count), path) end,
  resolve_question = function(side) return ("Let the %s count, and give the other version up? Only 'yes' goes on: "):format(side) end,
  resolve_needs_yes = "add --yes when it is decided",
  no_replica = "the state has no replica",
  relation = function(relation)
    if relation == "same" then return "The state and its replica are the same." end
    if relation == "diverged" then return "The state and its replica went separate ways: decide with --keep primary or --keep replica." end
    return ("The %s is behind: the next apply makes them equal."):format(relation == "ahead" and "replica" or "primary")
  end,
  resolved = function(side, serial) return ("The %s counts: both are serial %d now."):format(side, serial) end,
  dropped = function(addresses)
    return ("Not in it, and managed by nothing from now on: %s."):format(table.concat(addresses, ", "))
  end,
  lost = function(things)
    return ("Made by a run that did not end, and unknown to the state: %s. Declare what is missing with `import`."):format(
      table.concat(things, ", "))
  end,
  kept_beside = function(place) return ("The present state, with what a run wrote that did not end, is kept at %s."):format(place) end,
  caught_up = function(count)
    return ("The log went on: %s of a run that did not end %s in the state now."):format(
      segments(count), count == 1 and "is" or "are")
  end,
  not_caught_up = function(count)
    return ("%s of the log cannot be read, or %s not go on from it, and %s kept with what was damaged: look at Scaleway for what a run "
      .. "made that did not end, before the next apply makes it again."):format(segments(count), count == 1 and "does" or "do",
      count == 1 and "is" or "are")
  end,
  pushed = function(serial, count) return ("The state is now serial %d with %s."):format(serial, resources(count)) end,
  moved = function(from, to) return ("%s is %s now."):format(from, to) end,
  move_undeclared = function(address) return ("the stack does not declare %s: the next apply would delete it"):format(address) end,
  rekeyed = function(count, recipients)
    return ("Sealed the state and %d %s beside it anew, for %s."):format(count, count == 1 and "object" or "objects",
      table.concat(recipients, ", "))
  end,
  not_resealed = function(place) return ("%s is damaged and stays as it is: remove it when nobody needs it"):format(place) end,
  question = function(address, id)
    return ("Forget %s (%s)? It goes on existing at Scaleway, and nothing here manages it any more. Only 'yes' goes on: "):format(
      address, id)
  end,
  needs_yes_hint = "add --yes when it is certain that the resource should be forgotten",
  kept = "Nothing was forgotten.",
  forgotten = function(address, id) return ("Forgot %s; %s goes on existing."):format(address, id) end,
  still_declared = function(address) return ("the stack still declares %s: the next apply would create it again"):format(address) end,
}

return text
