--- Who wants a state, or has it: what the lock and the places in its queue say about a run.
local core = require "core"
local dates = require "scw.api.dates"
local witness = require "scw.state.witness"

local claim = {}

---@class scw.state.Claim
---@field id string
---@field who string
---@field host string
---@field pid integer
---@field command string
---@field run? string address of the CI run
---@field created string
---@field expires? number seconds since 1970 by the clock of the service that keeps the object
---@field witness? string path, on `host`

--- Servers tell the time in whole seconds.
local PRECISION = 1

---@param seconds number
---@return string
function claim.timestamp(seconds) return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds)) --[[@as string]] end

--- The address of the CI run, when there is one.
local function ci_run(environment)
  local server, repository, run = environment.GITHUB_SERVER_URL, environment.GITHUB_REPOSITORY, environment.GITHUB_RUN_ID
  if server and repository and run then return ("%s/%s/actions/runs/%s"):format(server, repository, run) end
  return environment.CI_JOB_URL or environment.CI_PIPELINE_URL or environment.BUILD_URL
end

---@param facts { command: string, environment: table<string, string>, host?: { name: string, user: string, pid: integer } }
---@return scw.state.Claim
---@return scw.state.Witness|nil
function claim.new(facts)
  local host, id = facts.host or core.host(), core.uuid()
  local proof = witness.new(facts.environment, id)
  return {
    id = id, who = host.user, host = host.name, pid = host.pid, command = facts.command, run = ci_run(facts.environment),
    created = claim.timestamp(core.now()), witness = proof and proof.path,
  }, proof
end

--- The same claim for another place. Its witness is another one, so that each place has a proof of its own.
---@param first scw.state.Claim
---@param environment table<string, string>
---@param role string of the place: "replica"
---@return scw.state.Claim
---@return scw.state.Witness|nil
function claim.beside(first, environment, role)
  local proof = witness.new(environment, first.id .. "." .. role)
  local own = {}
  for name, value in next, first do own[name] = value end
  own.witness = proof and proof.path
  return own, proof
end

--- When a lease that is written now ends. Never early: the time may be nearly a second older than it says.
---@param backend scw.state.Backend
---@param seconds number
---@return number
function claim.expiry(backend, seconds)
  return math.floor((backend:now() + seconds + PRECISION) * 1000 + 0.5) / 1000
end

--- How many seconds a lease lasts for certain that was just written: the answer to the writing tells the time anew, and what it was
--- reckoned with may have been told long before (an answer that took long, a machine that slept).
---@param backend scw.state.Backend
---@param expires number
---@return number
function claim.certain(backend, expires) return expires - backend:now() - PRECISION end

--- Did its lease end? One without a lease never ends by itself.
---@param backend scw.state.Backend
---@param facts scw.state.Claim
---@return boolean
function claim.expired(backend, facts)
  return type(facts.expires) == "number" and backend:now() >= facts.expires
end

local UNITS = { { "day", 86400 }, { "hour", 3600 }, { "minute", 60 }, { "second", 1 } }

local function counted(count, noun) return ("%d %s"):format(count, count == 1 and noun or noun .. "s") end

--- A time span in words: "4 minutes", "1 hour and 5 minutes".
---@param seconds number
---@return string
function claim.span(seconds)
  local left = math.max(math.floor(seconds + 0.5), 0)
  for index, unit in ipairs(UNITS) do
    if left >= unit[2] or unit[2] == 1 then
      local smaller = UNITS[index + 1]
      local count = left // unit[2]
      local rest = smaller and count < 10 and unit[2] > 60 and left % unit[2] // smaller[2] or 0
      return counted(count, unit[1]) .. (rest > 0 and " and " .. counted(rest, smaller[1]) or "")
    end
  end
  error("unreachable")
end

--- Seconds since a claim was made.
---@param facts scw.state.Claim
---@param now number
---@return integer|nil
function claim.age(facts, now)
  local began = dates.seconds_of_timestamp(facts.created)
  return began and math.max(math.floor(now - began), 0)
end

--- Since when, and how long that is: "2026-01-02T03:04:05Z, 4 minutes ago".
---@param timestamp string
---@param now number seconds since 1970
---@return string
function claim.since(timestamp, now)
  local began = dates.seconds_of_timestamp(timestamp)
  return began and ("%s, %s ago"):format(timestamp, claim.span(now - began)) or tostring(timestamp)
end

--- Who it is, since when, and what for.
---@param facts scw.state.Claim
---@param now number seconds since 1970 by the clock of the service that keeps the object
---@return string
function claim.describe(facts, now)
  local line = ("%s on %s (process %s) since %s, running `%s`"):format(facts.who, facts.host, tostring(facts.pid),
    claim.since(facts.created, now), facts.command)
  return facts.run and line .. " in " .. facts.run or line
end

return claim
