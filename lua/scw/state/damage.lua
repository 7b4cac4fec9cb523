--- What is wrong with an object of a state, and what to do about it.
local core = require "core"
local errors = require "scw.errors"

local damage = {}

--- What to do about a state that cannot be read.
local RESTORE = ("bring back what a deployment left: `PROGRAM state history STACK`, `PROGRAM state pull --at ID --out FILE STACK`, "
  .. "`PROGRAM state push --force STACK FILE`; or a backup"):gsub("PROGRAM", core.program)

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

--- Says which object it is that cannot be used.
---@param store scw.state.Store
---@param key string
---@param err scw.Error
---@return nil, scw.Error
function damage.about(store, key, err)
  err.details = err.details or {}
  table.insert(err.details, "object: " .. store.backend:describe(key))
  if err.kind == "invalid" and not err.hint then err.hint, err.damaged = RESTORE, true end
  return nil, err
end

return damage
