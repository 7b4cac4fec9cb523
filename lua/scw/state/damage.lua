--- What is wrong with an object of a state, and what to do about it.
local core = require "core"
local errors = require "scw.errors"

local damage = {}

local RESTORE = ("bring back what a deployment left: `PROGRAM state history STACK`, `PROGRAM state pull --at ID --out FILE STACK`, "
  .. "`PROGRAM state push --force STACK FILE`; or a backup"):gsub("PROGRAM", core.program)
local START_ANEW = "there is no history to bring it back from: put a backup, or an earlier version of the object, in its place; without "
  .. "one remove it and what lies beside it, and declare what exists with `import`"
local ELSEWHERE = "if another stack keeps its state at this place, give this one a place of its own; otherwise "

--- Something is not as it has to be, which another program, key or place may be the cure of.
---@param message string
---@param hint string
---@return scw.Error
function damage.refused(message, hint)
  return errors.new({ code = "INFRA_011", kind = "invalid", message = message, hint = hint })
end

--- Nobody can read it, whatever program or key they have.
---@param message string
---@return scw.Error
function damage.found(message)
  local err = damage.refused(message, RESTORE)
  err.damaged = true
  return err
end

--- The same, where there is no history.
---@param err scw.Error
---@return scw.Error
function damage.without_history(err)
  if err.damaged then err.hint = (err.elsewhere and ELSEWHERE or "") .. START_ANEW end
  return err
end

--- Says which object it is that cannot be used.
---@param store scw.state.Store
---@param key string
---@param err scw.Error
---@return nil, scw.Error
function damage.about(store, key, err)
  err.details = err.details or {}
  table.insert(err.details, "object: " .. store.backend:describe(key))
  if err.kind == "invalid" and not err.hint then err.hint, err.damaged = (err.elsewhere and ELSEWHERE or "") .. RESTORE, true end
  return nil, err
end

return damage
