--- A plan in a file: what was looked at is what is carried out, or nothing is.
---
--- The file does not say how to act. It says what the plan was and what it was made from: the stack's files and what they were given,
--- the options, the state it compared with. Whoever applies it plans again, which has to come to the same plan. It is sealed like the
--- state, and holds no secret. Only where the stack is, whose key opens it, can be read without.
local core = require "core"
local errors = require "scw.errors"
local form = require "scw.state.form"
local json = require "scw.json"
local options = require "scw.cli.options"
local plan_view = require "scw.ui.plan"
local text = require "scw.text"
local turn = require "scw.engine.turn"

local saved_plan = {}

local MARK, FORMAT = "scwlua.plan", 1
local IDENTITY = { kind = "plan" }
local KEY_BYTES = 32
local MOST_NAMED = 8

--- Options that are part of a plan, and those of the header.
local KEPT = { "target", "exclude", "replace", "leave", "lose_data", "no_refresh" }
local PLACE = { "stack", "emulator", "profile" }

---@class scw.SavedPlan
---@field path string of the file
---@field stack string path of the stack, as it was given
---@field emulator? boolean
---@field profile? string
---@field sealed string bytes

--- The options of a command that a plan is bound to.
local function header_of(given)
  local header = {}
  for _, name in ipairs(PLACE) do header[name] = given[name] end
  return header
end

local function unusable(path, message, hint)
  return nil, errors.new({
    code = "INFRA_001", kind = "invalid", message = ("%s %s"):format(path, message), hint = hint or text.saved_plan.again,
  })
end

--- Does the file begin as a saved plan does, and as no stack can?
---@param path string
---@return boolean
function saved_plan.is(path)
  local facts = core.file_stat(path)
  if not facts or facts.kind ~= "file" then return false end -- what comes out of a pipe can be read only once
  local file <close> = io.open(path, "rb")
  return file ~= nil and file:read(1) == "{"
end

--- The saved plan in a file, still under its seal.
---@param path string
---@return scw.SavedPlan|nil, scw.Error|nil
function saved_plan.read(path)
  local bytes, failure = core.file_read(path)
  if not bytes then return nil, errors.wrap(failure, "cannot read " .. path) end
  local found = json.decode(bytes)
  if type(found) ~= "table" or found.kind ~= MARK then return unusable(path, "is neither a stack nor a saved plan") end
  if found.format ~= FORMAT then
    return unusable(path, ("is a saved plan of another format (%s)"):format(tostring(found.format)), text.saved_plan.same_program)
  end
  local sealed = type(found.sealed) == "string" and core.unbase64(found.sealed)
  local path_there = type(found.stack) == "string" and found.stack ~= "" and not found.stack:find("\0", 1, true)
  if not sealed or not path_there or type(found.emulator or false) ~= "boolean"
    or type(found.profile or "") ~= "string" then
    return unusable(path, "is damaged")
  end
  return { path = path, sealed = sealed, stack = found.stack, emulator = found.emulator, profile = found.profile }
end

-- Writing ---------------------------------------------------------------------------------------------------------------

--- What was given on the command line, and of what is secret the names alone.
local function assignments(given, stack)
  local secret, set, asked = {}, {}, {}
  for _, entry in ipairs(stack.config or {}) do secret[entry.name] = entry.secret end
  for _, assignment in ipairs(given.set or {}) do
    if secret[assignment.name] then asked[#asked + 1] = assignment.name
    else set[#set + 1] = { name = assignment.name, value = assignment.value } end
  end
  return core.array(set), core.array(asked)
end

--- Writes a plan that was just made.
---@param context scw.Context with `out` among its options
---@param session scw.Session
---@param made scw.Plan
---@param goal "apply"|"destroy"|"rollback"
---@return boolean|nil, scw.Error|nil
function saved_plan.write(context, session, made, goal)
  local given, store, host = context.options, session.store, core.host()
  local key, kept = core.random(KEY_BYTES), {}
  for _, name in ipairs(KEPT) do kept[name] = given[name] end
  for name, value in pairs(kept) do
    if type(value) == "table" then kept[name] = core.array(value) end
  end
  local header = header_of(given)
  local content = {
    lineage = made.lineage, program = core.version, goal = goal, deployment = made.back_to and made.back_to.id, position = made.position,
    header = assert(json.encode(header)), key = core.hex(key), basis = session:basis(key), config_file = given.config_file, options = kept,
    made = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(core.now())), who = host.user, host = host.name, plan = plan_view.public(made),
  }
  content.set, content.asked = assignments(given, session.stack)
  local sealed, err = store.codec:encode(content, IDENTITY)
  if not sealed then return nil, err end
  header.kind, header.format, header.sealed = MARK, FORMAT, core.base64(sealed)
  local ok, failure = core.file_write(given.out, assert(json.encode(header, { indent = 2 })) .. "\n")
  if not ok then return nil, errors.wrap(failure, "cannot write the plan to " .. given.out) end
  return true
end

--- Refuses to write over something else than a plan. Called before any work is done.
---@param path string
---@return boolean|nil, scw.Error|nil
function saved_plan.check_target(path)
  local directory = path:match("^(.*)/[^/]*$") or "."
  local facts, failure = core.file_stat(directory == "" and "/" or directory)
  if not facts or facts.kind ~= "directory" then
    return nil, errors.new({
      code = "INFRA_004", kind = "not_found", message = ("--out %s: there is no directory %s"):format(path, directory),
      details = failure and failure.kind ~= "not_found" and { failure.message } or nil,
    })
  end
  if not core.file_stat(path) or saved_plan.is(path) and saved_plan.read(path) then return true end
  return nil, errors.new({
    code = "INFRA_001", kind = "exists", message = ("--out %s: there is something else than a saved plan"):format(path),
    hint = "name another file, or remove that one",
  })
end

-- Reading ---------------------------------------------------------------------------------------------------------------

--- Opens the seal with the keys of the stack that the plan is for.
---@param saved scw.SavedPlan
---@param session scw.Session of that stack
---@return table|nil content, scw.Error|nil
local function open(saved, session)
  local store, err = session:place()
  if not store then return nil, err end
  local content
  content, err = store.codec:decode(saved.sealed, IDENTITY)
  if not content then
    err.details[#err.details + 1] = "plan: " .. saved.path
    if err.kind == "denied" then err.hint = ("%s; or %s"):format(err.hint, text.saved_plan.again) end
    return nil, err
  end
  local wrong = form.plan(content)
  if wrong then return unusable(saved.path, ("is no valid plan ('%s')"):format(wrong)) end
  if content.header ~= assert(json.encode(header_of(saved))) then return unusable(saved.path, "was changed: it is for another stack") end
  if content.program ~= core.version then
    return unusable(saved.path, ("was made by version %s; this is %s"):format(content.program, core.version), text.saved_plan.same_program)
  end
  return content
end

--- Values that the plan does not keep have to be given again, others cannot be.
local function merge_assignments(saved, content, given)
  local asked, set = {}, { table.unpack(content.set) }
  for _, name in ipairs(content.asked) do asked[name] = true end
  for _, assignment in ipairs(given or {}) do
    if not asked[assignment.name] then
      return unusable(saved.path, ("is a saved plan: what '%s' is set to is part of it"):format(assignment.name), text.saved_plan.leave_out)
    end
    asked[assignment.name] = nil
    set[#set + 1] = assignment
  end
  for _, name in ipairs(content.asked) do
    if asked[name] then
      return unusable(saved.path, ("needs --set %s=… again: a plan keeps no secrets"):format(name), "give the same value as to plan")
    end
  end
  return set
end

--- Options that say something about the plan itself come with it.
local function check_options(saved, given)
  for _, name in ipairs({ "config_file", table.unpack(KEPT) }) do
    local value = given[name]
    if value and not (type(value) == "table" and #value == 0) then
      return unusable(saved.path, ("is a saved plan: --%s is part of it"):format((name:gsub("_", "-"))), text.saved_plan.leave_out)
    end
  end
  for _, name in ipairs({ "emulator", "profile" }) do
    if given[name] and given[name] ~= saved[name] then
      return unusable(saved.path, ("was made without --%s%s"):format(name, name == "profile" and " " .. given[name] or ""))
    end
  end
  return true
end

local function by_address(steps)
  local found = {}
  for _, step in ipairs(steps) do found[step.address or ""] = step end
  return found
end

--- Where two plans differ, in words.
local function differences(before, now)
  local lines, steps, former = {}, by_address(now.steps), by_address(before.steps)
  for _, one in ipairs({ { former, steps }, { steps, former } }) do
    for address, step in next, one[1] do
      local other = one[2][address]
      if not other or (one[1] == former and json.encode(step) ~= json.encode(other)) then
        local was, is = former[address], steps[address]
        lines[#lines + 1] = text.saved_plan.step(address, was and was.action, is and is.action)
      end
    end
  end
  table.sort(lines)
  local more = #lines - MOST_NAMED
  if more > 0 then lines = { table.unpack(lines, 1, MOST_NAMED), text.saved_plan.more(more) } end
  if #lines == 0 then lines[1] = "outputs" end
  return lines
end

--- What two plans have to have in common.
local function essence(plan)
  return assert(json.encode({ steps = plan.steps, outputs = plan.outputs, left_out = plan.left_out, back_to = plan.back_to }))
end

--- Is this the plan that was saved?
local function check(saved, content, session, made)
  local function about(err)
    err.details[#err.details + 1] = text.saved_plan.made(saved.path, content.made, content.who .. "@" .. content.host)
    return nil, err
  end
  if session:basis(core.unhex(content.key)) ~= content.basis then
    return about(errors.new({
      code = "INFRA_001", kind = "stale", message = "the stack is not the one that the plan was made from",
      hint = "its files, modules, configuration, or environment variables changed since: " .. text.saved_plan.again,
    }))
  end
  if made.position ~= content.position then return about(turn.stale(session.store)) end
  local public = assert(json.decode(assert(json.encode(plan_view.public(made)))))
  if essence(public) == essence(content.plan) then return made end
  return about(errors.new({
    code = "INFRA_011", kind = "stale", message = "what there is changed since the plan was made: it would be another one now",
    details = differences(content.plan, public), hint = text.saved_plan.again,
  }))
end

local GOALS = {
  apply = function(session) return session:plan() end,
  destroy = function(session) return session:destroy_plan() end,
  rollback = function(session, content) return session:rollback_plan(content.deployment) end,
}

--- Applies a saved plan: the same one, or nothing.
---@param context scw.Context its argument names the plan
---@param words { question: string, next_steps?: boolean }
---@return integer|nil code, scw.Error|nil
function saved_plan.apply(context, words)
  local given, saved, content = context.options, nil, nil
  local function locate()
    local err, ok
    saved, err = saved_plan.read(given.stack)
    if not saved then return nil, err end
    ok, err = check_options(saved, given)
    if not ok then return nil, err end
    if not core.file_stat(saved.stack) then
      return unusable(saved.path, ("is for the stack %s, which is not there"):format(saved.stack), "run it where the plan was made")
    end
    for _, name in ipairs(PLACE) do given[name] = saved[name] end
    given.yes = true -- it was looked at
    return true
  end
  local function prepare(workspace)
    local session, failure = workspace:declared()
    if not session then return nil, failure end
    content, failure = open(saved, session)
    if not content then return nil, failure end
    given.set, failure = merge_assignments(saved, content, given.set)
    if not given.set then return nil, failure end
    for _, name in ipairs(KEPT) do given[name] = content.options[name] end
    given.config_file = content.config_file
    return { bare = content.goal == "rollback" }
  end
  return require("scw.cli.deploy").run(context, {
    question = words.question, next_steps = words.next_steps, locate = locate, prepare = prepare, once = true,
  }, function(session)
    local made, failure = GOALS[content.goal](session, content)
    if not made then return nil, failure end
    return check(saved, content, session, made)
  end)
end

--- The option that saves a plan.
saved_plan.option = {
  name = "--out", value = "FILE", doc = "Save the plan, sealed like the state: `apply FILE` carries out this plan, or nothing.",
}
saved_plan.argument = { name = options.stack_argument.name, doc = options.stack_argument.doc .. " Or a plan that `plan --out` saved." }

return saved_plan
