--- From the options of a command to what it works with: environment, stack, credentials, client, session.
--- Everything is opened when first needed; closing it ends the emulator, if one was started.
local errors = require "scw.errors"
local text = require "scw.text"

local workspace = {}

local EMULATOR_DIRECTORY = ".scwlua/emulator"
local DEMO_SPEED = 100
local LOCK_WAIT = 600

---@class scw.Workspace
---@field options table
---@field environment table<string, string>
---@field console scw.Console
---@field emulator? table
local methods = {}
local metatable = { __index = methods, __close = function(self) self:close() end }

--- Stack files that stand where people put them, for a hint.
---@return string[]
local function stacks_here()
  local core = require "core"
  local found = {}
  for _, name in ipairs(core.file_list("stacks") or {}) do
    if name:match("%.lua$") then found[#found + 1] = "stacks/" .. name end
  end
  return found
end

---@param path string
---@return true|nil, scw.Error|nil
local function check_file(path)
  local core = require "core"
  local facts, failure = core.file_stat(path)
  if facts and facts.kind ~= "directory" then
    if not require("scw.cli.saved_plan").is(path) then return true end
    return nil, errors.new({
      code = "INFRA_001", kind = "usage", message = text.saved_plan.no_stack(path),
      hint = text.saved_plan.use(("%s apply %s"):format(core.program, require("scw.ui.command").spelled(path))),
    })
  end
  local here = stacks_here()
  return nil, errors.new({
    code = "INFRA_004", kind = "not_found",
    message = facts and ("%s is a directory, not a stack"):format(path) or ("there is no stack %s"):format(path),
    details = failure and failure.kind ~= "not_found" and { failure.message } or nil,
    hint = #here > 0 and (require("scw.suggest").hint(path, here) or text.error.stacks_here(here)) or nil,
  })
end

--- The emulator as the whole world: its endpoints and credentials replace whatever the environment says.
---@param environment table<string, string>
---@param handle table
---@return table<string, string>
local function emulated(environment, handle)
  local changed = {}
  for name, value in pairs(environment) do
    if not name:match("^SCW_") and not name:match("^AWS_") and not name:match("^SCALEWAY_") then changed[name] = value end
  end
  changed.SCW_ACCESS_KEY, changed.SCW_SECRET_KEY = handle.access_key, handle.secret_key
  changed.SCW_DEFAULT_PROJECT_ID, changed.SCW_DEFAULT_ORGANIZATION_ID = handle.project_id, handle.organization_id
  changed.SCW_DEFAULT_REGION, changed.SCW_DEFAULT_ZONE = environment.SCW_DEFAULT_REGION, environment.SCW_DEFAULT_ZONE
  changed.SCW_API_URL = handle.api_url
  changed.SCW_S3_ENDPOINT, changed.SCW_S3_USE_PATH_STYLE = handle.s3_url, "true"
  return changed
end

--- A state in a file stays apart from the one that knows the real Scaleway.
---@param path string
---@return string
local function emulated_path(path)
  return EMULATOR_DIRECTORY .. "/state/" .. path:gsub("^/+", ""):gsub("%.%./", "_/"):gsub("^%.scwlua/", "")
end

--- A path that a stack names: a relative one starts where the stack's file is, wherever the command runs.
---@param stack_path string
---@param path string
---@return string
local function beside(stack_path, path)
  if path:sub(1, 1) == "/" then return path end
  return (stack_path:match("^(.*/)[^/]*$") or "") .. path
end

--- What a stack says about its state, with paths that are good in the current directory. The emulator's state is sealed for its own key,
--- or those of the environment.
local function place_state(self, state)
  if not state then return end
  if self.emulator then state.key_manager, state.key_file, state.passphrase = nil, nil, nil end
  if state.kind == "file" then
    state.path = self.emulator and emulated_path(state.path) or beside(self.options.stack, state.path)
  end
  if state.key_file then state.key_file = beside(self.options.stack, state.key_file) end
end

--- A key for the state at the emulator. Where the environment names one, the emulator's own opens what was made without.
local function add_key(environment)
  local core = require "core"
  local path = EMULATOR_DIRECTORY .. "/state.key"
  local there = core.file_stat(path) ~= nil
  local function is_given(name) return (environment["SCWLUA_STATE_" .. name] or "") ~= "" end
  if is_given("PASSPHRASE") or is_given("KEY_FILE") then
    if there and not is_given("OLD_KEY_FILE") then environment.SCWLUA_STATE_OLD_KEY_FILE = path end
    return true
  end
  if not there then
    local ok, failure = core.key_create(path)
    if not ok then return nil, errors.wrap(failure, "cannot make a key for the state") end
  end
  environment.SCWLUA_STATE_KEY_FILE = path
  return true
end

--- Starts the emulator under .scwlua/ beside the current directory, with a key for the state there.
function methods:start_emulator()
  local core = require "core"
  local ok, failure = core.directory_create(EMULATOR_DIRECTORY)
  if not ok then return nil, errors.wrap(failure, "cannot make " .. EMULATOR_DIRECTORY) end
  local handle, err = require("scw.emulator").start({
    host = "127.0.0.1", port = 0, s3_port = 0, data = EMULATOR_DIRECTORY .. "/data.db", speed = DEMO_SPEED,
  })
  if not handle then
    return nil, errors.wrap(err, "cannot start the emulator", { hint = err.kind == "locked" and text.error.emulator_in_use or nil })
  end
  self.emulator = handle
  self.environment = emulated(self.environment, handle)
  return add_key(self.environment)
end

---@param context scw.Context
---@return scw.Workspace|nil, scw.Error|nil
function workspace.open(context)
  local self = setmetatable({
    options = context.options, environment = context.environment, console = context.console, command = context.command.name,
  }, metatable)
  if context.options.stack then
    local ok, err = check_file(context.options.stack)
    if not ok then return nil, err end
  end
  if context.options.emulator and context.options.profile then
    return nil, errors.new({
      code = "INFRA_001", kind = "usage", message = text.error.emulator_or_profile, hint = text.error.emulator_or_profile_hint,
    })
  end
  if context.options.emulator then
    local ok, err = self:start_emulator()
    if not ok then
      self:close()
      return nil, err
    end
  end
  return self
end

--- Evaluates the stack; each time anew.
---@param bare? boolean only what it says about itself, without its resources
---@return table|nil, scw.Error|nil
function methods:evaluated(bare)
  local config, dsl = {}, require "scw.dsl"
  for _, assignment in ipairs(self.options.set or {}) do config[assignment.name] = assignment.value end
  return (bare and dsl.declaration or dsl.load)(self.options.stack, {
    environment = self.environment, config = config, config_file = self.options.config_file,
  })
end

--- The evaluated stack.
---@param bare? boolean only what it says about itself, without its resources
---@return table|nil, scw.Error|nil
function methods:stack(bare)
  if not self.loaded then
    local loaded, err = self:evaluated(bare)
    if not loaded then return nil, err end
    place_state(self, loaded.state)
    self.loaded = loaded
  end
  return self.loaded
end

---@param quiet? boolean whoever asks shows the warnings
---@return table|nil, scw.Error|nil
function methods:credentials(quiet)
  if not self.known_credentials then
    local found, err = require("scw.api.credentials").load({
      environment = self.environment, profile = self.options.profile, config_file = not self.emulator,
    })
    if not found then return nil, err end
    for _, warning in ipairs(not quiet and found.warnings or {}) do self.console:complain(text.warning(warning)) end
    if found.secret_key then table.insert(self.console.secrets, found.secret_key) end
    self.known_credentials = found
  end
  return self.known_credentials
end

--- How fast time runs at the service: an emulator's may be shortened.
function methods:time_scale()
  return tonumber(self.environment.SCWLUA_TIME_SCALE) or (self.emulator and 1 / DEMO_SPEED) or 1
end

---@param on_retry fun(event: table)
---@return table|nil client, scw.Error|nil
function methods:client(on_retry)
  local credentials, err = self:credentials()
  if not credentials then return nil, err end
  return require("scw.api.client").new({ credentials = credentials, time_scale = self:time_scale(), on_retry = on_retry })
end

---@param event { attempt: integer, delay_ms: number, error: table, method: string, path: string }
---@return string
local function described(event)
  local style = require "scw.ui.style"
  return text.progress.again(event.error and event.error.message or "", style.duration(event.delay_ms or 0))
end

--- What plans and applies this stack.
---@param bare? boolean its resources are not needed
---@return scw.Session|nil, scw.Error|nil
function methods:session(bare)
  local stack, err = self:stack(bare)
  if not stack then return nil, err end
  self.console:note(require("scw.ui.stack").remarks(stack, self.console.error_style))
  return self:session_of(stack)
end

--- A session that knows where the state is and what opens it. The stack is read again for whatever comes after.
---@return scw.Session|nil, scw.Error|nil
function methods:declared()
  local stack, err = self:stack(true)
  self.loaded = nil
  if not stack then return nil, err end
  return self:session_of(stack)
end

---@param stack scw.dsl.Stack
---@return scw.Session
function methods:session_of(stack)
  local given, made = self.options, nil
  made = require("scw.engine.session").open({
    stack = stack, environment = self.environment, command = self.command,
    client = function()
      return self:client(function(event)
        made.on_event({ kind = "retry", address = event.address, detail = described(event) })
      end)
    end,
    options = {
      keep = given.keep, salvage = given.force, lock_wait = not given.no_wait and (given.lock_wait or LOCK_WAIT) or nil,
      old_key_file = given.old_key_file, old_key_manager = given.old_key_manager, unsealed = given.unsealed,
      target = given.target, exclude = given.exclude, replace = given.replace, leave = given.leave, lose_data = given.lose_data,
      refresh = not given.no_refresh, parallel = given.parallel,
    },
    on_message = function(line) self.console:note(line) end,
  })
  made.on_event = function(event) -- until an apply shows its progress
    if event.kind == "retry" then self.console:note(text.progress.retry(event.detail)) end
  end
  return made
end

--- Evaluates the stack and checks everything that can be checked without a network.
---@return table|nil stack, scw.Error|nil
function methods:checked()
  local stack, err = self:stack()
  if not stack then return nil, err end
  local set, ok
  set, err = require("scw.engine.desired").build(stack)
  if not set then return nil, err end
  ok, err = require("scw.engine.edges").order(set)
  if not ok then return nil, err end
  return stack
end

--- Ends what was started.
function methods:close()
  if self.emulator then
    self.emulator:close()
    self.emulator = nil
  end
end

return workspace
