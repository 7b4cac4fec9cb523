--- Whose keys seal the state: what the environment gives, or what the stack names. All of them are its recipients; one opens it.
local core = require "core"
local errors = require "scw.errors"
local key_manager = require "scw.state.key_manager"
local keyring = require "scw.state.keyring"
local reference = require "scw.dsl.reference"

local keys = {}

local IN_STACK = "named by the stack"
local MAKE = "(umask 077; openssl rand -hex 32 > %s)"
local HOW = "give the one that it was sealed with; for a new state make one with `" .. MAKE:format("state.key") .. "` and set "
  .. "SCWLUA_STATE_KEY_FILE=state.key, or set SCWLUA_STATE_PASSPHRASE; keep it: without it the state is lost"

local function problem(message, hint, kind)
  return errors.new({ code = "INFRA_001", kind = kind, message = message, hint = hint })
end

--- A member of the ring, or an error. A file that is not there may be missed by nobody: then it is a member without a key.
---@param path string
---@param from string
---@param former? boolean one that was used before: none is made in its place
---@return scw.state.Member|nil, scw.Error|nil
local function from_file(path, from, former)
  local key, failure = core.key({ file = path })
  local name = ("the key file %s (%s)"):format(path, from)
  if key then return { name = name, key = key, kind = "raw", file = path } end
  local absent = failure.kind == "not_found"
  local hint = "the file has to be readable for the one who runs this"
  if absent or failure.kind == "invalid" then
    hint = "point to the file that this state was sealed with"
    if not former then hint = ("%s; for a new state make one with `%s`"):format(hint, MAKE:format(absent and path or "state.key")) end
  end
  local err = problem(("cannot use %s: %s"):format(name, failure.message), hint, failure.kind)
  if absent then return { name = name, kind = "raw", missing = err, needed = from ~= IN_STACK } end
  return nil, err
end

---@param passphrase string
---@param from string
---@return scw.state.Member|nil, scw.Error|nil
local function from_passphrase(passphrase, from)
  local name = "the passphrase in " .. from
  if #passphrase < 8 then
    return nil, problem(name .. " is too short: at least 8 characters", "a good one has several words, or comes from a "
      .. "generator; keep it: without it the state is lost")
  end
  local key, failure = core.key({ passphrase = passphrase })
  if key then return { name = name, key = key, kind = "passphrase" } end
  return nil, problem(("cannot use %s: %s"):format(name, failure.message))
end

---@param text string
---@param from string
---@param facts scw.state.KeyFacts
---@return scw.state.Member|nil, scw.Error|nil
local function from_key_manager(text, from, facts)
  local id, region = key_manager.parse(text)
  region = region or facts.region
  if not id or not region then
    return nil, problem(("%s names no key of Key Manager%s"):format(from, id and ": its region is missing" or ""),
      'write "REGION/ID", such as "fr-par/11111111-2222-3333-4444-555555555555"')
  end
  local holder = key_manager.new({ region = region, id = id, client = facts.client })
  return { name = "the " .. holder:name(), holder = holder }
end

local function given(environment, name)
  local value = environment[name]
  return value ~= nil and value ~= "" and value or nil
end

--- The passphrase that the stack names, a secret from outside.
---@return scw.state.Member|nil, scw.Error|nil
local function from_stack_passphrase(secret)
  local passphrase, err = reference.resolve(secret, function() return nil end)
  if err then return nil, err end
  local name = "the stack's `passphrase`"
  if type(passphrase) == "string" then return from_passphrase(passphrase, name) end
  return { name = name, missing = problem("the passphrase that the stack names for its state has no value", HOW) }
end

---@class scw.state.KeyFacts
---@field environment table<string, string>
---@field stack_environment? string
---@field region? string where a key of Key Manager is that is named without
---@field client? fun(): scw.Client|nil, scw.Error|nil
---@field old_key_file? string
---@field old_key_manager? string

--- Do two files hold the same key?
local function is_same_file(one, other)
  if one == other then return true end
  local first, second = core.key({ file = one }), core.key({ file = other })
  local seal = first and second and core.seal({ first })
  local envelope = seal and seal:close("", "", "")
  return envelope and second:find(envelope) ~= nil
end

--- What the environment's key file or passphrase, or both, take the place of, unless the stack names the same.
---@param declaration table
---@param file string|nil
---@param passphrase string|nil
---@return { message: string, hint: string }|nil
local function hidden_by(declaration, file, passphrase)
  local named, variables = {}, {}
  local own_file, own_passphrase = declaration.key_file, declaration.passphrase
  if own_file and not (file and is_same_file(file, own_file)) then named[1] = "`key_file`" end
  if own_passphrase and reference.resolve(own_passphrase, function() return nil end) ~= passphrase then
    named[#named + 1] = "`passphrase`"
  end
  if #named == 0 then return nil end
  if file then variables[1] = "SCWLUA_STATE_KEY_FILE" end
  if passphrase then variables[#variables + 1] = "SCWLUA_STATE_PASSPHRASE" end
  local set = table.concat(variables, " and ")
  return {
    message = ("%s %s in the place of the stack's %s"):format(set, #variables > 1 and "stand" or "stands", table.concat(named, " and ")),
    hint = ("unset %s to use what the stack names"):format(set),
  }
end

--- Everything that is named, in the order in which it is tried. `make` answers a member.
---@param declaration table
---@param facts scw.state.KeyFacts
---@return table[] list
---@return { message: string, hint: string }|nil hidden what the environment takes the place of
local function sources(declaration, facts)
  local environment, list = facts.environment, {}
  local hidden
  local function add(value, former, make, ...)
    if value then list[#list + 1] = { former = former, make = make, value, ... } end
  end
  local file, passphrase = given(environment, "SCWLUA_STATE_KEY_FILE"), given(environment, "SCWLUA_STATE_PASSPHRASE")
  if file or passphrase then
    hidden = hidden_by(declaration, file, passphrase)
    add(file, false, from_file, "SCWLUA_STATE_KEY_FILE")
    add(passphrase, false, from_passphrase, "SCWLUA_STATE_PASSPHRASE")
  else
    add(declaration.key_file, false, from_file, IN_STACK)
    add(declaration.passphrase, false, from_stack_passphrase)
  end
  add(facts.old_key_file, true, from_file, "--old-key-file", true)
  add(given(environment, "SCWLUA_STATE_OLD_KEY_FILE"), true, from_file, "SCWLUA_STATE_OLD_KEY_FILE", true)
  add(given(environment, "SCWLUA_STATE_OLD_PASSPHRASE"), true, from_passphrase, "SCWLUA_STATE_OLD_PASSPHRASE")
  add(declaration.key_manager, false, from_key_manager, "the stack's `key_manager`", facts)
  add(facts.old_key_manager, true, from_key_manager, "--old-key-manager", facts)
  return list, hidden
end

--- The keys of a state, or false when the stack asks for a state that is not sealed. A key file that is missing is no error as long as
--- something else may open the state.
---@param declaration table the stack's `state`
---@param facts scw.state.KeyFacts
---@return scw.state.Keyring|false|nil ring, scw.Error|nil, string|nil warning
function keys.load(declaration, facts)
  if declaration.sealed == false then
    if facts.stack_environment == "production" then
      return nil, problem("the state of a production stack must be sealed", "remove `sealed = false` from its state")
    end
    return false, nil, "the state is not sealed: whoever can read it sees everything but secrets"
  end
  local members, missing, recipients = {}, nil, 0
  local list, hidden = sources(declaration, facts)
  for _, source in ipairs(list) do
    local member, err = source.make(table.unpack(source))
    if not member then return nil, err end
    if source.former and member.missing then return nil, member.missing end -- who names a former key has it
    member.former = source.former
    missing = missing or member.missing
    if not source.former and not member.missing then recipients = recipients + 1 end
    members[#members + 1] = member
  end
  if recipients > 0 then return keyring.new(members, hidden), nil, hidden and ("%s: %s"):format(hidden.message, hidden.hint) end
  if missing and hidden then missing.hint = ("%s; or %s"):format(missing.hint, hidden.hint) end
  return nil, missing or problem("the state is sealed, but there is no key for it", HOW)
end

return keys
