--- One deployment at a time: an object beside the state that says who works on it. Only plans and other readers go without.
---
--- It is taken by creating it, or by replacing one that was released; it is released by replacing it, never by deleting it. Both
--- are conditional, so that nobody frees what somebody else holds. While it is held, its holder also keeps a file locked on its own
--- machine (the witness): whoever can lock that file knows that the holder died, and takes over.
local core = require "core"
local errors = require "scw.errors"
local json = require "scw.json"

local lock = {}

local ATTEMPTS = 5

---@class scw.state.LockFacts
---@field id string
---@field state "held"|"released"
---@field who string
---@field host string
---@field pid integer
---@field command string
---@field run? string address of the CI run
---@field created string
---@field witness? string path, on `host`

---@class scw.state.Lock
---@field facts scw.state.LockFacts
---@field warning? string what became of a former holder
local methods = {}
local metatable = { __index = methods, __close = function(self) self:release() end }

---@param name string of the state
---@return string
function lock.key(name) return name .. ".lock" end

local function timestamp(seconds) return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds)) end

--- The address of the CI run, when there is one.
local function ci_run(environment)
  local server, repository, run = environment.GITHUB_SERVER_URL, environment.GITHUB_REPOSITORY, environment.GITHUB_RUN_ID
  if server and repository and run then return ("%s/%s/actions/runs/%s"):format(server, repository, run) end
  return environment.CI_JOB_URL
end

--- A file on this machine, locked for as long as the process lives. Without a place for it a dead holder cannot be told from a living one.
local function make_witness(environment, id)
  local base = environment.XDG_RUNTIME_DIR or environment.XDG_STATE_HOME or (environment.HOME and environment.HOME .. "/.local/state")
  if not base or base == "" then return nil end
  local directory = base .. "/scwlua/locks"
  if not core.directory_create(directory) then return nil end
  local path = directory .. "/" .. id
  local held = core.file_lock(path)
  if not held then return nil end
  return { path = path, held = held }
end

--- `keep`: the file stays, unlocked, and says that its holder died.
local function drop_witness(witness, keep)
  if not witness then return end
  if not keep then core.file_remove(witness.path) end
  witness.held:release()
end

--- The witness of a holder that died on this machine, locked; nil when it lives, or when nobody can tell.
---@param facts scw.state.LockFacts
---@param host { name: string }
local function witness_of_dead(facts, host)
  if facts.host ~= host.name or not facts.witness or not core.file_stat(facts.witness) then return nil end
  local held = core.file_lock(facts.witness)
  return held and { path = facts.witness, held = held }
end

--- Who holds it, since when, and what for.
---@param facts scw.state.LockFacts
---@return string
function lock.describe(facts)
  local line = ("%s on %s (process %s) since %s, running `%s`"):format(facts.who, facts.host, tostring(facts.pid), facts.created,
    facts.command)
  return facts.run and line .. " in " .. facts.run or line
end

---@param backend scw.state.Backend
---@param name string
---@return scw.state.LockFacts|nil facts nil without an error: there is no lock object
---@return table|string|nil etag or error
function lock.read(backend, name)
  local bytes, etag = backend:get(lock.key(name))
  if not bytes then
    if etag.kind == "not_found" then return nil, nil end
    return nil, errors.wrap(etag, "cannot read the lock of the state")
  end
  local facts = json.decode(bytes)
  if type(facts) ~= "table" or type(facts.id) ~= "string" or (facts.state ~= "held" and facts.state ~= "released") then
    return nil, errors.new({
      code = "INFRA_011", kind = "invalid", message = "the lock of the state is damaged: " .. backend:describe(lock.key(name)),
      hint = "make sure that nobody deploys, then remove that object",
    })
  end
  return facts, etag
end

local function conflict(backend, name, facts)
  return errors.new({
    code = "INFRA_008", kind = "locked", message = "another deployment holds the state",
    details = { "holder: " .. lock.describe(facts), "lock: " .. facts.id, "state: " .. backend:describe(name) },
    hint = ("wait until it ends; if it is certain that it died, free the state with `%s unlock STACK %s`"):format(core.program, facts.id),
    lock = facts,
  })
end

--- The body that says: free.
local function released(facts)
  local body = {}
  for key, value in next, facts do body[key] = value end
  body.state, body.released, body.witness = "released", timestamp(core.now()), nil
  return assert(json.encode(body))
end

--- Nobody knows whether the lock was taken: if it was, it is given back. If that cannot be told, the witness tells the next run.
local function give_up(backend, name, witness, body)
  local present, etag = lock.read(backend, name)
  local in_doubt = not present and etag ~= nil
  if present and present.id == body.id and present.state == "held" then
    in_doubt = not backend:put(lock.key(name), released(body), { if_match = etag })
  end
  drop_witness(witness, in_doubt)
end

---@class scw.state.LockRequest
---@field backend scw.state.Backend
---@field name string of the state
---@field command string
---@field environment table<string, string>
---@field host? { name: string, user: string, pid: integer } who asks; this process by default

---@param facts scw.state.LockRequest
---@return scw.state.Lock|nil, scw.Error|nil
function lock.acquire(facts)
  local backend, name, host = facts.backend, facts.name, facts.host or core.host()
  local id, now = core.uuid(), core.now()
  local witness = make_witness(facts.environment, id)
  local body = {
    id = id, state = "held", who = host.user, host = host.name, pid = host.pid, command = facts.command, created = timestamp(now),
    run = ci_run(facts.environment), witness = witness and witness.path,
  }
  local bytes, warning = assert(json.encode(body)), nil
  for _ = 1, ATTEMPTS do
    local present, etag = lock.read(backend, name)
    if not present and etag then
      drop_witness(witness)
      return nil, etag
    end
    local dead
    if present and present.state == "held" then
      dead = witness_of_dead(present, host)
      if not dead then
        drop_witness(witness)
        return nil, conflict(backend, name, present)
      end
      warning = ("took over the lock of a run that died: %s"):format(lock.describe(present))
    end
    local taken, failure = backend:put(lock.key(name), bytes, present and { if_match = etag } or { if_none_match = true })
    drop_witness(dead, not taken)
    if taken then
      return setmetatable({ backend = backend, name = name, etag = taken, facts = body, witness = witness, warning = warning }, metatable)
    end
    if failure.kind ~= "condition" then
      give_up(backend, name, witness, body)
      return nil, errors.wrap(failure, "cannot lock the state at " .. backend:describe(name))
    end
  end
  drop_witness(witness)
  return nil, errors.new({
    code = "INFRA_008", kind = "locked", message = "others take the lock of the state again and again", hint = "try again",
  })
end

--- Gives the lock back. Twice is fine.
---@return boolean|nil released, scw.Error|nil
function methods:release()
  if self.done then return true end
  self.done = true
  local etag, failure = self.backend:put(lock.key(self.name), released(self.facts), { if_match = self.etag })
  drop_witness(self.witness, not etag and failure.kind ~= "condition")
  if etag then return true end
  if failure.kind == "condition" then
    return nil, errors.new({
      code = "INFRA_008", kind = "condition", message = "the lock of the state was taken away while this run held it",
    })
  end
  return nil, errors.wrap(failure, "cannot release the lock of the state")
end

--- The lock that somebody holds, when it is the one with this id.
---@param backend scw.state.Backend
---@param name string
---@param id string
---@return scw.state.LockFacts|nil, scw.Error|string|nil etag or error
function lock.find(backend, name, id)
  local facts, etag = lock.read(backend, name)
  if not facts then
    if etag then return nil, etag end
    return nil, errors.new({ code = "INFRA_004", kind = "not_found", message = "the state is not locked" })
  end
  if facts.state == "released" or facts.id ~= id then
    local held = facts.state == "held"
    return nil, errors.new({
      code = "INFRA_004", kind = "not_found", message = ("the lock %s does not exist (any more)"):format(id),
      hint = held and ("the lock is now %s, held by %s"):format(facts.id, lock.describe(facts)) or "the state is not locked",
    })
  end
  return facts, etag
end

--- Frees the lock of somebody else, named by its id.
---@param backend scw.state.Backend
---@param name string
---@param id string
---@return boolean|nil, scw.Error|nil
function lock.remove(backend, name, id)
  local facts, etag = lock.find(backend, name, id)
  if not facts then return nil, etag end
  local done, failure = backend:put(lock.key(name), released(facts), { if_match = etag })
  if done then return true end
  return nil, errors.wrap(failure, "cannot remove the lock")
end

return lock
