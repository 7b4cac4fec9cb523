--- Two backends as one: every write goes to both, so that either of them can go on alone when the other one does not answer.
---
--- Both hold the same bytes under the same keys, each with ETags of its own; who uses this sees one ETag that stands for the pair. A side
--- that is out stays out until the run ends: it lacks what was written meanwhile. What the two hold when a run begins is compared and made
--- equal by `scw.state.replica`.
local core = require "core"
local errors = require "scw.errors"
local side = require "scw.state.side"

local mirror = {}

--- How long a write waits for one of the two to return when both are out, and how often it looks.
local LONGEST_OUTAGE_MS = 600000
local LOOK_MS = 2000

---@class scw.state.Mirror: scw.state.Backend
---@field sides scw.state.Side[] the primary, then the replica
---@field leader scw.state.Side whose version counts
---@field known table<string, { tag: string, [scw.state.Side]: string }> ETags by key
---@field on_message fun(line: string)
local methods = {}
local metatable = { __index = methods }

---@param facts { primary: scw.state.Backend, replica: scw.state.Backend, patience?: number, on_message?: fun(line: string) }
---@return scw.state.Mirror
function mirror.new(facts)
  local self = setmetatable({ sides = {}, known = {}, on_message = facts.on_message or function() end }, metatable)
  for index, role in ipairs({ "primary", "replica" }) do
    self.sides[index] = side.new({
      backend = facts[role], role = role, patience = facts.patience, on_out = function(one) self:notice(one) end,
    })
  end
  self.leader = self.sides[1]
  return self
end

---@param one scw.state.Side
---@return scw.state.Side
function methods:other(one) return one == self.sides[1] and self.sides[2] or self.sides[1] end

--- The sides that answer and lack nothing, the leader first.
---@return scw.state.Side[]
function methods:present()
  local list = {}
  for _, one in ipairs({ self.leader, self:other(self.leader) }) do
    if not one.out and not one.behind then list[#list + 1] = one end
  end
  return list
end

--- A side that is out, if any.
---@return scw.state.Side|nil
function methods:outage()
  for _, one in ipairs(self.sides) do
    if one.out then return one end
  end
  return nil
end

--- Says that a side is out and what follows from it.
---@param one scw.state.Side
function methods:notice(one)
  local other = self:other(one)
  if other.out or other.behind then
    self.on_message(("%s does not answer%s: nothing can be saved until it returns."):format(one:describe(),
      other.out and " either" or (", and the %s lacks its latest changes"):format(other.role)))
    return
  end
  self.leader = other
  self.on_message(("The %s of the state, %s, does not answer: this run goes on with the %s, %s, alone. The next run makes them equal.")
    :format(one.role, one:describe(), other.role, other:describe()))
end

--- The error when both are out.
---@return scw.Error
function methods:silence()
  local details = {}
  for index, one in ipairs(self.sides) do
    details[index] = ("%s: %s"):format(one.role, one.out and (one.out.details[1] or one.out.message) or "answers")
  end
  return errors.new({
    code = "INFRA_010", kind = "out", message = "neither the state's bucket nor its replica answers", details = details,
    hint = "nothing was lost: run the same command again when one of them is back",
  })
end

--- Waits until one of these sides, which were in use, answers again.
local function await_return(self, sides)
  local until_when = core.clock() + LONGEST_OUTAGE_MS
  while core.clock() < until_when do
    local slept, failure = core.sleep(LOOK_MS)
    if not slept then return nil, failure end
    local back
    for _, one in ipairs(sides) do
      if one:revive(LOOK_MS) then back = back or one end
    end
    if back then
      self.leader = back
      self.on_message(("%s answers again: the run goes on."):format(back:describe()))
      return true
    end
  end
  return nil, self:silence()
end

--- Calls `act` for every side that answers, at once.
---@return table<scw.state.Side, any> results
---@return table|nil failure of a side that answers
local function at_once(sides, act)
  local results, failure, tasks = {}, nil, {}
  local function one_of(one)
    local value, err = act(one)
    if value then results[one] = value elseif not one.out then failure = failure or err end
  end
  if #sides == 1 then
    one_of(sides[1])
    return results, failure
  end
  for index, one in ipairs(sides) do tasks[index] = core.spawn(one_of, one) end
  for _, task in ipairs(tasks) do
    local ok, err = task:join()
    if not ok then
      for _, other in ipairs(tasks) do other:cancel() end
      if err.kind == "bug" then error(err.traceback or err.message, 0) end
      failure = failure or err
    end
  end
  return results, failure
end

--- Notes the ETags of a key on the sides and makes the one that stands for them.
---@param key string
---@param etags table<scw.state.Side, string>
---@return string
function methods:know(key, etags)
  local entry, words = {}, {}
  for index, one in ipairs(self.sides) do
    entry[one], words[index] = etags[one], etags[one] or "-"
  end
  entry.tag = table.concat(words, "|")
  self.known[key] = entry
  return entry.tag
end

function methods:get(key)
  while true do
    local one = self:present()[1]
    if not one then return nil, self:silence() end
    local bytes, etag = one:get(key)
    if bytes then
      local known = self.known[key]
      return bytes, known and known[one] == etag and known.tag or self:know(key, { [one] = etag })
    end
    if not one.out then return nil, etag end
  end
end

--- The condition as one side has to hear it.
local function condition_for(self, one, key, condition)
  if not condition or not condition.if_match then return condition end
  local known = self.known[key]
  if not known or known.tag ~= condition.if_match then
    return nil, { kind = "condition", message = self:describe(key) .. " was changed by somebody else" }
  end
  if known[one] then return { if_match = known[one] } end
  local bytes, etag = one:get(key)
  if bytes then return { if_match = etag } end
  if etag.kind == "not_found" then return { if_none_match = true } end
  return nil, etag
end

function methods:put(key, bytes, condition)
  local sides = self:present()
  while true do
    if #sides == 0 then return nil, self:silence() end
    local etags, failure = at_once(sides, function(one)
      local own, err = condition_for(self, one, key, condition)
      if condition and not own then return nil, err end
      return one:put(key, bytes, own)
    end)
    if failure then return nil, failure end
    if next(etags) then return self:know(key, etags) end
    local back, err = await_return(self, sides)
    if not back then return nil, err end
    sides = self:present()
  end
end

function methods:delete(key)
  local done, failure = at_once(self:present(), function(one) return one:delete(key) end)
  if next(done) then return true end
  return nil, failure or self:silence()
end

function methods:list(prefix)
  while true do
    local one = self:present()[1]
    if not one then return nil, self:silence() end
    local keys, failure = one:list(prefix)
    if keys or not one.out then return keys, failure end
  end
end

--- Prepares the sides that have no state yet.
---@param name string of the state
---@return boolean|nil, scw.Error|nil
function methods:prepare(name)
  for _, one in ipairs(self.sides) do
    if not one.out and one.empty ~= false then
      local ok, failure = one:prepare(name)
      if not ok and not one.out then return nil, failure end
    end
  end
  if #self:present() == 0 then return nil, self:silence() end
  return true
end

--- Removes what is left of preparations that were not finished.
---@param name string of the state
function methods:sweep(name)
  for _, one in ipairs(self.sides) do
    if not one.out and one.backend.sweep then one.backend:sweep(name) end
  end
end

function methods:now() return self.leader:now() end
function methods:describe(key) return self.leader:describe(key) end

return mirror
