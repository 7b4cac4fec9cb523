--- A file on this machine, locked for as long as a process lives: who can lock it knows that the process died.
---
--- It makes the next run on the same machine wait for nothing. Elsewhere, and without a place for the file, the lease decides.
local core = require "core"

local witness = {}

---@class scw.state.Witness
---@field path string
---@field held userdata
---@field doubtful? boolean nobody knows whether its process got what it wanted: the file has to stay
local methods = {}
local metatable = { __index = methods }

--- Nil when there is no place for it.
---@param environment table<string, string>
---@param id string
---@return scw.state.Witness|nil
function witness.new(environment, id)
  local function given(variable) return environment[variable] ~= "" and environment[variable] or nil end
  local base = given "XDG_RUNTIME_DIR" or given "XDG_STATE_HOME" or (given "HOME" and environment.HOME .. "/.local/state")
  if not base then return nil end
  local directory = base .. "/scwlua/locks"
  if not core.directory_create(directory) then return nil end
  local path = directory .. "/" .. id
  local held = core.file_lock(path)
  return held and setmetatable({ path = path, held = held }, metatable) or nil
end

--- The witness of a process that died on this machine, now ours; nil when it lives, or when nobody can tell.
---@param facts { host: string, witness?: string }
---@param host { name: string }
---@return scw.state.Witness|nil
function witness.of_dead(facts, host)
  if facts.host ~= host.name or not facts.witness or not core.file_stat(facts.witness) then return nil end
  local held = core.file_lock(facts.witness)
  return held and setmetatable({ path = facts.witness, held = held }, metatable) or nil
end

--- Is the process of a claim known to be alive, on this machine?
---@param facts { host: string, witness?: string }
---@param host { name: string }
---@return boolean
function witness.is_alive(facts, host)
  if facts.host ~= host.name or not facts.witness or not core.file_stat(facts.witness) then return false end
  local held, failure = core.file_lock(facts.witness)
  if held then held:release() end
  return not held and failure.kind == "locked"
end

--- `keep`: the file stays, unlocked, and says that its process died.
---@param keep? boolean
function methods:drop(keep)
  if not keep then core.file_remove(self.path) end
  self.held:release()
end

return witness
