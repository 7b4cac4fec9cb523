--- Where the key that seals the state comes from: the environment, or what the stack names.
local core = require "core"
local errors = require "scw.errors"
local reference = require "scw.dsl.reference"

local keys = {}

local MAKE = "(umask 077; openssl rand -hex 32 > %s)"
local HOW = "make one with `" .. MAKE:format("state.key") .. "` and set SCWLUA_STATE_KEY_FILE=state.key, or set SCWLUA_STATE_PASSPHRASE; "
  .. "keep it: without it the state is lost"

local function fail(message, hint, kind)
  return nil, errors.new({ code = "INFRA_001", kind = kind, message = message, hint = hint })
end

---@param path string
---@param from string
local function from_file(path, from)
  local key, failure = core.key({ file = path })
  if key then return key end
  local hint = failure.kind == "not_found"
    and ("make it with `%s`, or point to the one this state was sealed with"):format(MAKE:format(path))
    or failure.kind == "invalid"
    and "give the file that this state was sealed with; a new one is made with `" .. MAKE:format("state.key") .. "`"
    or "the file has to be readable for the one who runs this"
  return fail(("cannot use the key file %s (%s): %s"):format(path, from, failure.message), hint, failure.kind)
end

---@param passphrase string
---@param from string
local function from_passphrase(passphrase, from)
  if #passphrase < 8 then
    return fail(("the passphrase in %s is too short: at least 8 characters"):format(from), "a good one has several words, or comes from a "
      .. "generator; keep it: without it the state is lost")
  end
  local key, failure = core.key({ passphrase = passphrase })
  if key then return key end
  return fail(("cannot use the passphrase in %s: %s"):format(from, failure.message))
end

--- What a stack names: `key_file`, a path; or `passphrase`, a secret from the environment.
local function from_stack(declaration)
  if declaration.key_file then return from_file(declaration.key_file, "named by the stack") end
  local passphrase, err = reference.resolve(declaration.passphrase, function() return nil end)
  if err then return nil, err end
  if type(passphrase) ~= "string" then return fail("the passphrase that the stack names for its state has no value", HOW) end
  return from_passphrase(passphrase, "the stack's `passphrase`")
end

local function given(environment, name)
  local value = environment[name]
  return value ~= nil and value ~= "" and value or nil
end

--- The key, or false when the stack asks for a state that is not sealed.
---@param declaration table the stack's `state`
---@param facts { environment: table<string, string>, stack_environment?: string }
---@return userdata|false|nil key, scw.Error|nil, string|nil warning
function keys.load(declaration, facts)
  if declaration.sealed == false then
    if facts.stack_environment == "production" then
      return fail("the state of a production stack must be sealed", "remove `sealed = false` from its state")
    end
    return false, nil, "the state is not sealed: whoever can read it sees everything but secrets"
  end
  local file, passphrase = given(facts.environment, "SCWLUA_STATE_KEY_FILE"), given(facts.environment, "SCWLUA_STATE_PASSPHRASE")
  if file and passphrase then
    return fail("both SCWLUA_STATE_KEY_FILE and SCWLUA_STATE_PASSPHRASE are set", "unset the one that does not belong to this state")
  end
  if file then return from_file(file, "SCWLUA_STATE_KEY_FILE") end
  if passphrase then return from_passphrase(passphrase, "SCWLUA_STATE_PASSPHRASE") end
  if declaration.key_file or declaration.passphrase then return from_stack(declaration) end
  return fail("the state is sealed, but there is no key for it", HOW)
end

return keys
