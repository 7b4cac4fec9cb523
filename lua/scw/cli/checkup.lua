--- What `doctor` looks at: each check is one line, ok, warn or fail, with what to do.
local command = require "scw.ui.command"
local core = require "core"
local dates = require "scw.api.dates"
local errors = require "scw.errors"
local status_view = require "scw.ui.status"
local style = require "scw.ui.style"
local text = require "scw.text"

local checkup = {}

local OTHERS = 63 -- mode bits of group and others
local SKEW_WARN_S, SKEW_FAIL_S = 30, 300
local REACH_MS = 10000

---@class scw.Check
---@field name string
---@field result "ok"|"warn"|"fail"
---@field message string
---@field hint? string

---@param checks scw.Check[]
---@param name string
---@param result "ok"|"warn"|"fail"
---@param message string
---@param hint? string
local function add(checks, name, result, message, hint)
  checks[#checks + 1] = { name = name, result = result, message = message, hint = hint }
end

local function add_error(checks, name, err)
  local one = errors.is(err) and errors.list(err)[1] or err
  add(checks, name, "fail", one.message, one.hint)
end

local function check_versions(checks)
  add(checks, "program", "ok", ("%s %s, %s"):format(core.program, core.version, _VERSION))
end

local function check_terminal(checks, console)
  local terminal = console.terminal
  if terminal.output then
    add(checks, "terminal", "ok", ("%d columns"):format(terminal.columns))
  else
    add(checks, "terminal", "ok", "none: plain lines, and apply needs --yes")
  end
end

--- The file of the ecosystem's configuration, when there is one.
---@param environment table<string, string>
---@return string|nil
local function config_path(environment)
  if environment.SCW_CONFIG_PATH then return environment.SCW_CONFIG_PATH end
  local directory = environment.XDG_CONFIG_HOME or (environment.HOME and environment.HOME .. "/.config")
  return directory and directory .. "/scw/config.yaml"
end

--- Warns of a file that is not its owner's alone.
---@return boolean exposed
local function check_mode(checks, name, path, facts)
  local exposed = facts.mode & OTHERS ~= 0
  if exposed then add(checks, name, "warn", ("%s can be read by others (mode %o)"):format(path, facts.mode & 511), "chmod 600 " .. path) end
  return exposed
end

local function check_config_file(checks, environment)
  local path = config_path(environment)
  local facts = path and core.file_stat(path)
  if not facts then
    add(checks, "configuration file", "ok", "none; environment variables are enough")
  elseif not check_mode(checks, "configuration file", path, facts) then
    add(checks, "configuration file", "ok", path)
  end
end

---@param access_key string
---@return string
local function abridged(access_key)
  return #access_key > 8 and access_key:sub(1, 6) .. "…" .. access_key:sub(-2) or access_key
end

local function check_credentials(checks, workspace)
  local credentials, err = workspace:credentials(true)
  if not credentials then
    add_error(checks, "credentials", err)
    return nil
  end
  add(checks, "credentials", "ok", ("access key %s, project %s, region %s"):format(
    abridged(credentials.access_key or "(none)"), credentials.project or "(none)", credentials.region or "(none)"))
  if not credentials.project then
    add(checks, "project", "warn", "no default project", "set SCW_DEFAULT_PROJECT_ID, or name the project in the stack")
  end
  local told = config_path(workspace.environment) -- what is wrong with the file itself has a line of its own
  for _, warning in ipairs(credentials.warnings or {}) do
    local message = tostring(warning)
    if not (told and message:find(told .. " can be read", 1, true)) then add(checks, "credentials", "warn", message) end
  end
  return credentials
end

--- How far the clock here is from a server's, judged by the server's date.
---@param seconds number
---@return "ok"|"warn"|"fail"
function checkup.skew(seconds)
  local distance = math.abs(seconds)
  return distance >= SKEW_FAIL_S and "fail" or distance >= SKEW_WARN_S and "warn" or "ok"
end

local function check_endpoint(checks, name, url, insecure)
  local began = core.clock()
  local answer, failure = core.http({
    method = "GET", url = url, headers = {}, timeout_ms = REACH_MS, connect_timeout_ms = REACH_MS, insecure = insecure,
  })
  if not answer then
    local named = failure.message:find(url:match("^%a+://[^/]+") or url, 1, true) -- most messages say where
    add(checks, name, "fail", named and failure.message or ("%s: %s"):format(url, failure.message),
      "check the network, a proxy, and SCW_API_URL or SCW_S3_ENDPOINT")
    return
  end
  add(checks, name, "ok", ("%s answers in %d ms"):format(url, math.floor(core.clock() - began + 0.5)))
  local there = dates.seconds(answer.headers.date)
  if there and name == "API" then
    local skew = core.now() - there
    local result = checkup.skew(skew)
    if result == "ok" then
      add(checks, "clock", "ok", "agrees with the API's")
    else
      local side = skew > 0 and "ahead of" or "behind"
      add(checks, "clock", result, ("%.0f s %s the API's: signatures may be refused"):format(math.abs(skew), side),
        "set the clock, for example with systemd-timesyncd")
    end
  end
end

--- Asks who the key belongs to: shows whether it is accepted at all.
local function check_access(checks, credentials)
  local client = require("scw.api.client").new({ credentials = credentials })
  local answer, err = client:call({ method = "GET", path = "/iam/v1alpha1/api-keys/" .. credentials.access_key, product = "iam" })
  if answer then
    add(checks, "access", "ok", "the key is accepted")
    if type(answer.expires_at) == "string" then add(checks, "access", "warn", "the key expires at " .. style.clean(answer.expires_at)) end
  elseif err.status == 403 or err.status == 404 then
    add(checks, "access", "ok", "the key is accepted; it may not read itself")
  else
    add_error(checks, "access", err)
  end
end

--- Whose keys are used; those that a service keeps have to be fit for use, files private, and everyone who is named should have a place
--- in the state.
local function check_keys(checks, session)
  local store = session:place()
  local ring = store.codec.key
  if not ring then return end
  local used = {}
  for _, member in ipairs(ring.members) do
    if not member.former and not member.missing then used[#used + 1] = member.name end
  end
  add(checks, "keys", "ok", table.concat(used, ", "))
  if ring.hidden then add(checks, "keys", "warn", ring.hidden.message, ring.hidden.hint) end
  for _, missing in ipairs(ring:missing()) do add(checks, "keys", "warn", missing.message, missing.hint) end
  for _, member in ipairs(ring.members) do
    local facts = member.file and core.file_stat(member.file)
    if facts then check_mode(checks, "keys", member.file, facts) end
    if member.holder then
      local ok, err = member.holder:check()
      if ok then
        add(checks, "key manager", "ok", ("%s is fit for use"):format(member.name))
      else
        add_error(checks, "key manager", err)
      end
    end
  end
  for _, name in ipairs(ring:left_out(ring.slots and (store.backend:get(store.name)))) do
    local rekey = ("`%s state rekey STACK` does it"):format(core.program)
    add(checks, "keys", "warn", ("the state is not sealed for %s yet"):format(name), rekey)
  end
end

local SIDES = { leads = "ok", equal = "ok", behind = "warn", out = "warn" } -- everything else fails

--- How the sides of a state with a replica stand, with what to do. Of a state that cannot be read only what is known to be wrong.
---@param seen scw.state.Status
---@param stack string path of the stack's file
---@return scw.Check[]
function checkup.sides(seen, stack)
  local problem, checks = seen.problem, {}
  local hints = {
    behind = ("%s apply %s"):format(core.program, stack), out = text.status.advice.sides(),
    diverged = ("%s state resolve %s shows what differs, and decides with --keep"):format(core.program, stack),
  }
  for _, side in ipairs(seen.sides or {}) do
    local result = SIDES[side.state] or "fail"
    if not problem or result ~= "ok" then
      add(checks, side.role, result, text.status.side(side), hints[side.state] or result == "fail" and problem and problem.hint or nil)
    end
  end
  return checks
end

--- The sides, when there are any, and the lock. Why they cannot be told is what stood in the way of the state, too.
local function check_place(checks, session, stack)
  local seen = session:status()
  if not seen then return end
  for _, check in ipairs(checkup.sides(seen, stack)) do checks[#checks + 1] = check end
  local damaged = seen.lock == "damaged"
  add(checks, "lock", damaged and "fail" or "ok", status_view.lock(seen), damaged and text.status.advice.repair(seen.lock_place) or nil)
end

local function check_stack(checks, workspace)
  local stack, err = workspace:stack()
  if not stack then return add_error(checks, "stack", err) end
  add(checks, "stack", "ok", ("%s, %s"):format(stack.name, style.count(#stack.declarations, "resource")))
  local session
  session, err = workspace:session()
  if not session then return add_error(checks, "state", err) end
  local state
  state, err = session:state()
  if session.store then
    check_keys(checks, session)
    check_place(checks, session, workspace.options.stack)
  end
  if not state then return add_error(checks, "state", err) end
  local count = 0
  for _ in pairs(state.resources or {}) do count = count + 1 end
  local found = ("readable, serial %d, %s"):format(state.serial or 0, style.count(count, "resource"))
  add(checks, "state", "ok", count == 0 and "empty: nothing was applied yet" or found)
end

--- Runs every check that makes sense with these options.
---@param workspace scw.Workspace
---@return scw.Check[]
function checkup.run(workspace)
  local checks = {}
  check_versions(checks)
  check_terminal(checks, workspace.console)
  check_config_file(checks, workspace.environment)
  local credentials = check_credentials(checks, workspace)
  if credentials then
    check_endpoint(checks, "API", credentials.api_url, credentials.insecure)
    local storage = credentials.s3_endpoint or ("https://s3.%s.scw.cloud"):format(credentials.region)
    check_endpoint(checks, "Object Storage", storage, credentials.insecure)
    check_access(checks, credentials)
  end
  if workspace.options.stack then check_stack(checks, workspace) end
  for _, check in ipairs(checks) do check.hint = command.complete(check.hint, workspace.options) end
  return checks
end

---@param checks scw.Check[]
---@return "ok"|"warn"|"fail"
function checkup.worst(checks)
  local worst = "ok"
  for _, check in ipairs(checks) do
    if check.result == "fail" or (check.result == "warn" and worst == "ok") then worst = check.result end
  end
  return worst
end

--- One line a check, and below it what to do.
---@param checks scw.Check[]
---@param look scw.Style
---@return string[]
function checkup.lines(checks, look)
  local colours = { ok = "green", warn = "yellow", fail = "red" }
  local widest = 0
  for _, check in ipairs(checks) do widest = math.max(widest, style.width(check.name)) end
  local lines = {}
  for _, check in ipairs(checks) do
    local lead = look:paint(colours[check.result], style.pad(check.result, 4)) .. "  " .. style.pad(check.name, widest) .. "  "
    for i, part in ipairs(style.wrap(style.clean(check.message), math.max(look.columns - widest - 8, 30))) do
      lines[#lines + 1] = (i == 1 and lead or (" "):rep(widest + 8)) .. part
    end
    for i, part in ipairs(check.hint and style.wrap(style.clean(check.hint), math.max(look.columns - widest - 11, 30)) or {}) do
      lines[#lines + 1] = (" "):rep(widest + 8) .. look:paint("cyan", (i == 1 and "-> " or "   ") .. part)
    end
  end
  return lines
end

return checkup
