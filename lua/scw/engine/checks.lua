--- Checks of values that are known only later: decided while planning where everything is known, after the steps otherwise.
local errors = require "scw.errors"
local fingerprint = require "scw.engine.fingerprint"
local known = require "scw.engine.known"
local plain = require "scw.engine.plain"
local record = require "scw.engine.record"
local reference = require "scw.dsl.reference"
local unknown = require "scw.unknown"

local checks = {}

--- A check whose resources are all there; what is left alone by --target is not checked.
local function concerns(check, entries, left_out)
  local complete = true
  reference.each(check.condition, function(address) complete = complete and entries[address] ~= nil and not left_out[address] end)
  return complete
end

--- What a check that does not hold says. The condition's value is never part of it: it may be secret.
local function refusal(code, check, err)
  local secret = reference.secret(check.condition)
  local message = err and ("cannot decide the check %q: %s"):format(check.message, secret and "its condition fails" or err.message)
    or "check failed: " .. check.message
  return errors.new({
    code = code, kind = "check", message = message, source = check.source, details = check.details,
    hint = err and not secret and err.hint or nil,
  })
end

local function is_secret(entry, path)
  local output = entry.type.outputs[path[1]]
  return output and output.secret or fingerprint.is_secret(entry.type, path)
end

--- Problems with what is known already. Secret values are not known while planning.
---@param context scw.PlanContext
---@param stack scw.dsl.Stack
---@param left_out table<string, boolean>
---@return scw.Error[]
function checks.plan(context, stack, left_out)
  local problems = {}
  local function lookup(address, path)
    local entry = context.entries[address]
    if is_secret(entry, path) then return unknown end
    return known.attribute(entry, path, context.fingerprints)
  end
  for _, check in ipairs(stack.checks or {}) do
    if concerns(check, context.entries, left_out) then
      local value, err = reference.resolve(check.condition, lookup)
      if err or not value then problems[#problems + 1] = refusal("INFRA_001", check, err) end
    end
  end
  return problems
end

--- Is everything the check needs done, and can it be told? What only a creation tells is not asked for later.
local function is_decidable(run, check)
  local decidable = true
  reference.each(check.condition, function(address, path)
    local entry = run.entries[address]
    local output = entry.type.outputs[path[1]]
    local told = run.vault[address]
    decidable = decidable and entry.settled and not (output and output.once and not (told and told[path[1]] ~= nil))
  end)
  return decidable
end

--- Problems with what the steps have made. Waits: secrets that a check needs are fetched.
---@param run scw.Run
---@param stack scw.dsl.Stack
---@return scw.Error[]
function checks.apply(run, stack)
  local problems, lookup = {}, plain.lookup(run)
  for _, check in ipairs(run.plan.destroy and {} or stack.checks or {}) do
    if concerns(check, run.entries, run.plan.left_out) and is_decidable(run, check) then
      local value, err = reference.resolve(check.condition, lookup)
      if err or not value then
        problems[#problems + 1] = refusal("INFRA_006", check, err)
      elseif not record.is_known(value) then
        problems[#problems + 1] = refusal("INFRA_006", check, { message = "a value it needs is still not known" })
      end
    end
  end
  return problems
end

return checks
