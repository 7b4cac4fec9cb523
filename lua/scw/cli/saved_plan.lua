--- A plan in a file: what was looked at is what is carried out, or nothing is.
---
--- The file does not say how to act. It says what the plan was and what it was made from: the stack's files and what they were given,
--- the options, the state it compared with. Whoever applies it plans again, which has to come to the same plan. It is sealed like the
--- state, and holds no secret. Only where the stack is, whose key opens it, can be read without.
local core = require "core"
local equal = require "scw.schema.equal"
local errors = require "scw.errors"
local form = require "scw.state.form"
local json = require "scw.json"
local options = require "scw.cli.options"
local plan_view = require "scw.ui.plan"
local style = require "scw.ui.style"
local text = require "scw.text"
local turn = require "scw.engine.turn"

local saved_plan = {}

local MARK, FORMAT = "scwlua.plan", 1
local IDENTITY = { kind = "plan" }
local KEY_BYTES = 32
local MOST_NAMED = 8
local LOOK = style.new({ columns = 100 })

--- Options that are part of a plan, and those of the header.
local KEPT = { "target", "exclude", "replace", "leave", "lose_data", "no_refresh" }
local PLACE = { "stack", "emulator", "profile" }

---@class scw.SavedPlan
---@field path string of the file
---@field header { stack: string, emulator?: boolean, profile?: string } as they were given
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
  return { path = path, sealed = sealed, header = header_of(found) }
end

-- Writing ---------------------------------------------------------------------------------------------------------------

--- What was given on the command line, and what is secret: names alone.
local function assignments(given, stack)
  local secrets, known, set = {}, {}, {}
  for _, entry in ipairs(stack.config or {}) do
    if entry.secret and not known[entry.name] then
      known[entry.name] = true
      local given_again = entry.from == "--set" or entry.from == entry.variable -- a config file stays where it is
      secrets[#secrets + 1] = { name = entry.name, variable = entry.variable, given = given_again }
    end
  end
  for _, assignment in ipairs(given.set or {}) do
    if not known[assignment.name] then set[#set + 1] = { name = assignment.name, value = assignment.value } end
  end
  return core.array(set), core.array(secrets)
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
  content.set, content.secrets = assignments(given, session.stack)
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
  if type(content.program) == "string" and content.program ~= core.version then
    return unusable(saved.path, ("was made by version %s; this is %s"):format(content.program, core.version), text.saved_plan.same_program)
  end
  local wrong = form.plan(content)
  if wrong then return unusable(saved.path, ("is no valid plan ('%s')"):format(wrong)) end
  if content.header ~= assert(json.encode(saved.header)) then return unusable(saved.path, "was changed: it is for another stack") end
  return content
end

--- How secrets are given.
local function ways_to_give(secrets)
  local ways = {}
  for i, secret in ipairs(secrets) do ways[i] = text.saved_plan.ways(secret.name, secret.variable) end
  return text.saved_plan.same_secrets(table.concat(ways, ", "))
end

--- The values that were given to plan, with those of secrets given again, either way.
local function merge_assignments(saved, content, given, environment)
  local secrets, set, assigned = {}, { table.unpack(content.set) }, {}
  for _, secret in ipairs(content.secrets) do secrets[secret.name] = secret end
  for _, assignment in ipairs(given or {}) do
    if not secrets[assignment.name] then
      return unusable(saved.path, ("is a saved plan: what '%s' is set to is part of it"):format(assignment.name), text.saved_plan.leave_out)
    end
    assigned[assignment.name] = true
    set[#set + 1] = assignment
  end
  local missing = {}
  for _, secret in ipairs(content.secrets) do
    if secret.given and not assigned[secret.name] and not environment[secret.variable] then missing[#missing + 1] = secret end
  end
  if #missing == 0 then return set end
  local names = {}
  for i, secret in ipairs(missing) do names[i] = secret.name end
  return nil, errors.new({
    code = "INFRA_001", kind = "invalid", message = text.saved_plan.asked(saved.path, table.concat(names, ", ")),
    hint = ways_to_give(missing),
  })
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
    if given[name] and given[name] ~= saved.header[name] then
      return unusable(saved.path, ("was made without --%s%s"):format(name, name == "profile" and " " .. given[name] or ""))
    end
  end
  return true
end

--- Names of what is not the same in two maps, sorted.
local function different(before, now)
  local names = {}
  for name, value in next, before do
    if not equal.plain(value, now[name]) then names[#names + 1] = name end
  end
  for name in next, now do
    if before[name] == nil then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function shortened(lines)
  local more = #lines - MOST_NAMED
  if more <= 0 then return lines end
  lines = { table.unpack(lines, 1, MOST_NAMED) }
  lines[#lines + 1] = text.saved_plan.more(more)
  return lines
end

--- What the plan was made from, if that is something else now.
---@return scw.Error|nil
local function check_grounds(content, basis)
  local lines, secrets, wrong = {}, {}, {}
  for _, secret in ipairs(content.secrets) do secrets["config " .. secret.name] = secret end
  local function there(digest) return digest ~= nil and digest ~= "" end
  for _, name in ipairs(different(content.basis, basis)) do
    local secret, kind, rest = secrets[name], name:match("^(%S+) (.*)$")
    wrong[#wrong + 1] = secret
    lines[#lines + 1] = text.saved_plan.ground(kind, rest or name, secret, there(content.basis[name]), there(basis[name]))
  end
  if #lines == 0 then return nil end
  return errors.new({
    code = "INFRA_001", kind = "stale", message = text.saved_plan.grounds(table.concat(shortened(lines), ", ")),
    hint = #wrong == #lines and ways_to_give(wrong) or text.saved_plan.again,
  })
end

--- What two plans have to have in common, by what it is about.
local function essence(plan)
  local parts = {}
  for _, step in ipairs(plan.steps) do parts[step.address] = step end
  for _, output in ipairs(plan.outputs) do
    local change = { path = "value", old = output.old, new = output.new, secret = output.secret }
    parts[text.saved_plan.output(output.name)] = { action = output.action, changes = { change } }
  end
  for _, address in ipairs(plan.left_out) do parts[address] = { action = text.saved_plan.left_out } end
  return parts
end

--- What a step says, line by line.
local function described(step)
  local lines = plan_view.changes_of(step.changes, LOOK)
  for i, line in ipairs(lines) do lines[i] = line:match("^%s*(.*)$") end
  lines[#lines + 1] = step.order
  lines[#lines + 1] = step.reason and text.plan.why(style.clean(step.reason))
  if #(step.dependencies or {}) > 0 then lines[#lines + 1] = text.saved_plan.needs(step.dependencies) end
  return lines
end

--- Adds the lines that only one of two lists has.
local function add_missing(lines, name, list, other, say)
  local known = {}
  for _, line in ipairs(other) do known[line] = true end
  for _, line in ipairs(list) do
    if not known[line] then lines[#lines + 1] = say(name, line) end
  end
end

--- Where two plans differ, in words.
local function differences(before, now)
  local lines = {}
  for _, name in ipairs(different(before, now)) do
    local was, is, said = before[name] or {}, now[name] or {}, #lines
    if was.action ~= is.action then
      lines[#lines + 1] = text.saved_plan.action(name, was.action, is.action)
    elseif was.changes then
      local old, new = described(was), described(is)
      add_missing(lines, name, old, new, text.saved_plan.was)
      add_missing(lines, name, new, old, text.saved_plan.now)
    end
    if #lines == said then lines[#lines + 1] = text.saved_plan.other(name) end
  end
  return shortened(lines)
end

--- Is this the plan that was saved?
local function check(saved, content, session, made)
  local err = check_grounds(content, session:basis(core.unhex(content.key)))
  if not err and made.position ~= content.position then err = turn.stale(session.store) end
  if not err then
    local public = assert(json.decode(assert(json.encode(plan_view.public(made)))))
    local found = differences(essence(content.plan), essence(public))
    if #found == 0 then return made end
    err = errors.new({
      code = "INFRA_011", kind = "stale", message = text.saved_plan.changed, details = found, hint = text.saved_plan.again,
    })
  end
  err.details[#err.details + 1] = text.saved_plan.made(saved.path, content.made, content.who .. "@" .. content.host)
  return nil, err
end

local GOALS = {
  apply = function(session) return session:plan() end,
  destroy = function(session) return session:destroy_plan() end,
  rollback = function(session, content) return session:rollback_plan(content.deployment) end,
}

--- The plan that the command names. Its stack takes its place among the options, with what goes with that.
local function locate(given)
  local saved, err = saved_plan.read(given.stack)
  if not saved then return nil, err end
  local ok
  ok, err = check_options(saved, given)
  if not ok then return nil, err end
  if not core.file_stat(saved.header.stack) then
    return unusable(saved.path, ("is for the stack %s, which is not there"):format(saved.header.stack), "run it where the plan was made")
  end
  for name, value in next, saved.header do given[name] = value end
  given.yes = true -- it was looked at
  return saved
end

--- What the plan says. Its options become those of the command.
local function take(saved, workspace)
  local given = workspace.options
  local session, err = workspace:declared()
  if not session then return nil, err end
  local content, set
  content, err = open(saved, session)
  if not content then return nil, err end
  set, err = merge_assignments(saved, content, given.set, workspace.environment)
  if not set then return nil, err end
  for _, name in ipairs(KEPT) do given[name] = content.options[name] end
  given.set, given.config_file = set, content.config_file
  workspace.command = text.saved_plan.command(content.goal)
  return content
end

--- Applies a saved plan: the same one, or nothing.
---@param context scw.Context its argument names the plan
---@return integer|nil code, scw.Error|nil
function saved_plan.apply(context)
  local deploy = require "scw.cli.deploy"
  return deploy.conclude(context, function()
    local saved, err = locate(context.options)
    if not saved then return nil, err end
    local workspace <close>, problem = require("scw.cli.workspace").open(context)
    if not workspace then return nil, problem end
    local content, session
    content, err = take(saved, workspace)
    if not content then return nil, err end
    session, err = workspace:session(content.goal == "rollback")
    if not session then return nil, err end
    local words = { next_steps = content.goal == "apply", once = true }
    return deploy.carry_out(context, session, words, function()
      local made, failure = GOALS[content.goal](session, content)
      if not made then return nil, session.set and check_grounds(content, session:basis(core.unhex(content.key))) or failure end
      return check(saved, content, session, made)
    end)
  end)
end

--- The option that saves a plan.
saved_plan.option = {
  name = "--out", value = "FILE", doc = "Save the plan, sealed like the state: `apply FILE` carries out this plan, or nothing.",
}
saved_plan.argument = { name = options.stack_argument.name, doc = options.stack_argument.doc .. " Or a plan that `plan --out` saved." }

return saved_plan
