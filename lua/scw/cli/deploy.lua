--- What apply, destroy and rollback share, and what only plans: show the plan, ask, go, show progress, sum up.
local command = require "scw.ui.command"
local confirm = require "scw.cli.confirm"
local core = require "core"
local errors = require "scw.errors"
local events = require "scw.ui.events"
local plan_view = require "scw.ui.plan"
local progress = require "scw.ui.progress"
local saved_plan = require "scw.cli.saved_plan"
local style = require "scw.ui.style"
local summary = require "scw.ui.summary"
local text = require "scw.text"

local deploy = {}

--- Watches for interrupts while a plan is applied: the first stops gently, the second at once.
---@param session table
---@param on_note fun(line: string)
---@return table closes itself
local function watch_interrupts(session, on_note)
  local watcher = core.spawn(function()
    if not core.interrupt() then return end
    on_note(text.apply.interrupted)
    session:stop()
    if not core.interrupt() then return end
    on_note(text.apply.interrupted_again)
    session:abort()
  end)
  return setmetatable({}, { __close = function() watcher:cancel() end })
end

--- Applies a plan with events going where this run wants them.
---@param context scw.Context
---@param session table
---@param plan table
---@return table|nil result, scw.Error|nil, scw.Progress
local function run(context, session, plan)
  local console = context.console
  local state = progress.new(plan, core.clock())
  local live <close> = not console.json and console.terminal.output and context.environment.TERM ~= "dumb"
    and progress.live(state, console) or nil
  local function on_note(line)
    if live then
      live:note(line)
    elseif console.json then
      console:data(events.public({ kind = "message", detail = line }, core.clock() - state.began))
    else
      console:print(line)
    end
  end
  local news = events.news()
  local function on_event(event)
    local now = core.clock()
    state:take(event, now)
    if not live and not news(event, now, console.json) then return end
    if live then
      live:take(event, now)
    elseif console.json then
      console:data(events.public(event, now - state.began, context.options))
    else
      local line = events.line(event, now - state.began, console.style)
      if line then console:print(line) end
    end
  end
  console.sink = on_note
  local _ <close> = setmetatable({}, { __close = function() console.sink = nil end })
  local _ <close> = watch_interrupts(session, on_note)
  local result, err = session:apply(plan, on_event)
  return result, err, state
end

--- The options that commands about the same stack need again; secrets only by name.
---@param given table
---@param stack scw.dsl.Stack
---@return string
local function repeated(given, stack)
  local words, secret = {}, {}
  for _, entry in ipairs(stack.config or {}) do secret[entry.name] = entry.secret end
  for _, assignment in ipairs(given.set or {}) do
    local value = secret[assignment.name] and "…" or command.spelled(assignment.value)
    words[#words + 1] = (" --set %s=%s"):format(assignment.name, value)
  end
  if given.config_file then words[#words + 1] = " --config-file " .. command.spelled(given.config_file) end
  return table.concat(words)
end

---@param console scw.Console
---@param facts scw.DeploymentFacts
---@param changes boolean
local function sum_up(console, facts, changes)
  if console.json then
    console:data(summary.public(facts, console.style.given))
    return
  end
  local outputs = summary.outputs(facts, console.style)
  if #outputs > 0 then
    console:print("")
    console:print(outputs)
  end
  if changes then
    console:print("")
    console:print(summary.lines(facts, console.style))
  end
end

--- Shows a plan and asks.
---@return boolean|nil agreed, scw.Error|nil
---@return boolean changes there is something to agree to
local function propose(context, plan, words)
  local console = context.console
  local changes = plan_view.changes(plan)
  if console.json then
    console:data({ event = "plan", plan = plan_view.public(plan, context.options) })
  elseif not changes and words.nothing then
    console:print(words.nothing)
  else
    console:print(plan_view.lines(plan, console.style))
  end
  if not changes then return true, nil, false end
  local agreed, err = confirm(context, words.question)
  if agreed and not console.json then console:print("") end
  return agreed, err, true
end

--- Waits in line; what is said meanwhile is an event for programs.
---@return scw.Turn|nil, scw.Error|boolean|nil
local function wait_in_line(context, session, plan)
  local console, began = context.console, core.clock()
  if console.json then
    console.sink = function(line) console:data(events.public({ kind = "message", detail = line }, core.clock() - began)) end
  end
  local _ <close> = setmetatable({}, { __close = function() console.sink = nil end })
  return session:turn(plan)
end

---@class scw.DeployWords
---@field question? string not needed when --yes was given
---@field nothing? string
---@field next_steps? boolean
---@field once? boolean this plan and no other: the same command does nothing the next time
---@field bare? boolean the stack's resources are not needed

--- Shows the plan, asks, waits for its turn, applies, sums up. When others changed the state meanwhile, it plans again and asks again.
---@param context scw.Context
---@param session table
---@param words scw.DeployWords
---@param make_plan fun(session: scw.Session): scw.Plan|nil, scw.Error|nil
---@return integer|nil code, scw.Error|nil
function deploy.carry_out(context, session, words, make_plan)
  local console, turn = context.console, nil
  local release <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    if turn then turn:close() end
  end })
  local plan, changes, outdated
  repeat
    local agreed, problem
    plan, problem = make_plan(session)
    if not plan then return nil, problem end
    agreed, problem, changes = propose(context, plan, words)
    if problem then return nil, problem end
    if not agreed then
      console:print(text.apply.refused)
      return 1
    end
    outdated = false
    if changes and not turn then
      turn, outdated = wait_in_line(context, session, plan)
      if not turn then return nil, outdated end
    end
    if outdated then console:note(words.once and text.saved_plan.outdated or text.apply.outdated) end
  until not outdated
  local began = core.clock()
  local result, err, state
  if changes then
    result, err, state = run(context, session, plan)
    turn:close()
    if not result and (not err or not err.result) then return nil, err end
  else
    local whole, problem = session:reconcile()
    if not whole then return nil, problem end
    session:put_away(plan)
    state = progress.new(plan, began)
    result = { outputs = session:outputs() }
  end
  local facts = summary.facts(state, result or err.result, err, core.clock() - began)
  sum_up(console, facts, changes)
  if facts.result == "done" then
    if words.next_steps and context.options.emulator and not console.json then
      console:print("")
      local given = context.options
      console:print(text.next_steps(command.program(), command.spelled(given.stack), repeated(given, session.stack)))
    end
    return 0
  end
  if #facts.failures > 0 then
    console:complain(summary.failures(facts, console))
  end
  if not console.json then console:complain(style.wrap(summary.next(facts, words.once, context.options), console.style.columns)) end
  return facts.result == "interrupted" and 130 or 1
end

--- Calls what deploys. For programs the last line is always `finished`, whatever happens before.
---@param context scw.Context
---@param fn fun(): integer|nil, scw.Error|nil
---@return integer|nil code, scw.Error|nil
function deploy.conclude(context, fn)
  local began, console = core.clock(), context.console
  local code, err
  local last_line <close> = setmetatable({}, { __close = function(_, failure) -- luacheck: ignore 211
    if code or not console.json then return end
    local known = errors.is(err) and err or errors.is(failure) and failure or nil
    console:data(summary.public(summary.never(known, core.clock() - began), context.options))
  end })
  code, err = fn()
  return code, err
end

--- Plans and carries out.
---@param context scw.Context
---@param words scw.DeployWords
---@param make_plan fun(session: scw.Session): scw.Plan|nil, scw.Error|nil
---@return integer|nil code, scw.Error|nil
function deploy.run(context, words, make_plan)
  return deploy.conclude(context, function()
    local workspace <close>, problem = require("scw.cli.workspace").open(context)
    if not workspace then return nil, problem end
    local session, err = workspace:session(words.bare)
    if not session then return nil, err end
    return deploy.carry_out(context, session, words, make_plan)
  end)
end

local PENDING = 2

--- Plans, shows the plan, and saves it when a file is named.
---@param context scw.Context
---@param words { bare?: boolean, goal: "apply"|"destroy"|"rollback" }
---@param make_plan fun(session: scw.Session): scw.Plan|nil, scw.Error|nil
---@return integer|nil code, scw.Error|nil
function deploy.show(context, words, make_plan)
  local out, ok, err = context.options.out, true, nil
  if out then ok, err = saved_plan.check_target(out) end
  if not ok then return nil, err end
  local workspace <close>, problem = require("scw.cli.workspace").open(context)
  if not workspace then return nil, problem end
  local session, plan
  session, err = workspace:session(words.bare)
  if not session then return nil, err end
  plan, err = make_plan(session)
  if not plan then return nil, err end
  if context.console.json then
    context.console:data(plan_view.public(plan, context.options), { indent = 2 })
  else
    context.console:print(plan_view.lines(plan, context.console.style))
  end
  if out then
    ok, err = saved_plan.write(context, session, plan, words.goal)
    if not ok then return nil, err end
    context.console:note(text.saved_plan.written(out, ("%s apply %s"):format(command.program(), command.spelled(out))))
  end
  return context.options.exit_code and plan_view.changes(plan) and PENDING or 0
end

return deploy
