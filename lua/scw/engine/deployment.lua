--- One run that writes: who, from where, of which commit, what came of it. It ends with the state folded and its history kept.
local core = require "core"
local history = require "scw.state.history"

local deployment = {}

local GIT_PATIENCE_MS = 5000

---@class scw.Deployment
---@field store scw.state.Store
---@field record scw.state.Deployment what is known so far
local methods = {}
local metatable = { __index = methods }

local function timestamp() return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(core.now())) end

--- What git says about the work tree around a directory; nil without git or outside of one.
---@param directory string
---@param ... string
---@return string|nil
local function git(directory, ...)
  local result = core.exec({ argv = { "git", "--no-optional-locks", "-C", directory, ... }, timeout_ms = GIT_PATIENCE_MS })
  return result and result.status == 0 and result.stdout or nil
end

--- The commit that a file was deployed from.
---@param path? string of the stack
---@return string|nil commit, boolean|nil dirty
function deployment.commit(path)
  if not path then return nil end
  local directory = path:match("^(.*)/[^/]*$") or "."
  local commit = git(directory == "" and "/" or directory, "rev-parse", "--verify", "--quiet", "HEAD")
  commit = commit and commit:match("^(%x+)%s*$")
  if not commit then return nil end
  local changed = git(directory == "" and "/" or directory, "status", "--porcelain", "--untracked-files=no")
  local known = git(directory == "" and "/" or directory, "ls-files", "--error-unmatch", path:match("[^/]*$"))
  return commit, not known or (changed ~= nil and changed ~= "") or nil
end

---@class scw.DeploymentFacts
---@field store scw.state.Store to write with
---@field holder scw.state.LockFacts
---@field previous integer serial of the state before
---@field path? string of the stack
---@field kept? integer how many deployments the history keeps
---@field back_to? scw.state.Deployment the one that this one goes back to
---@field on_message fun(line: string)

---@param facts scw.DeploymentFacts
---@return scw.Deployment
function deployment.begin(facts)
  local holder, back = facts.holder, facts.back_to
  local commit, dirty
  if back then commit, dirty = back.commit, back.dirty else commit, dirty = deployment.commit(facts.path) end
  return setmetatable({
    store = facts.store, kept = facts.kept or history.KEPT, on_message = facts.on_message,
    record = {
      id = holder.id, who = holder.who, host = holder.host, command = holder.command, run = holder.run, started = holder.created,
      previous = facts.previous, commit = commit, dirty = dirty, back_to = back and back.id,
    },
  }, metatable)
end

---@class scw.DeploymentOutcome
---@field result "done"|"failed"|"interrupted"
---@field planned? table<string, integer>
---@field counts table<string, integer>

--- What came of a plan.
---@param made scw.Plan
---@param result scw.ApplyResult
---@return scw.DeploymentOutcome
function deployment.outcome(made, result)
  local planned = {}
  for action, count in next, made.summary do
    if action ~= "none" then planned[action] = count end
  end
  return {
    planned = planned, counts = { done = result.done, failed = #result.failures, skipped = result.skipped },
    result = result.interrupted and "interrupted" or #result.failures > 0 and "failed" or "done",
  }
end

local function complete(self, outcome, serial, lineage)
  local record = self.record
  record.result, record.planned, record.counts, record.ended = outcome.result, outcome.planned, outcome.counts, timestamp()
  record.serial, record.lineage = serial, lineage
  return record
end

--- The history is not worth failing for: what was done is saved. What an interrupt cuts off, the next run makes up for.
local function keep(self)
  local interrupted = false
  local function note(words, ok, err)
    if ok then return end
    if err.kind == "cancelled" then interrupted = true else self.on_message(words:format(err.message)) end
  end
  if self.kept > 0 then
    note("the state that this deployment left is missing in the history until the next one begins: %s",
      history.copy(self.store, self.record))
    note("this deployment is missing in the history: %s", history.keep(self.store, self.record))
  end
  note("%s", history.prune(self.store, self.kept))
  if interrupted then self.on_message("Interrupted while the history was written: the next run completes it.") end
end

--- Ends the deployment: its record goes into the state and the history, the log into a snapshot, a copy of that into the history.
---@param outcome scw.DeploymentOutcome
---@return scw.state.Deployment|nil record, scw.Error|nil
function methods:finish(outcome)
  local store = self.store
  local record = complete(self, outcome, store.document.serial + 1, store.document.lineage)
  store:write({ op = "deployment", deployment = record })
  local ok, err = store:fold()
  if not ok then return nil, err end
  keep(self)
  return record
end

--- Ends a deployment whose result is another document as a whole.
---@param document scw.state.Document
---@param outcome scw.DeploymentOutcome
---@return scw.state.Deployment|nil record, scw.Error|nil
function methods:replace(document, outcome)
  local store = self.store
  local record = complete(self, outcome, math.max(document.serial, store.document.serial) + 1, document.lineage)
  local deployments = core.array({ table.unpack(document.deployments) })
  deployments[#deployments + 1] = record
  document.deployments = deployments
  local ok, err = store:replace(document)
  if not ok then return nil, err end
  keep(self)
  return record
end

return deployment
