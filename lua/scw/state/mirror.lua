--- Two backends as one: every write goes to both, so that either of them can go on alone when the other one does not answer.
---
--- Both hold the same bytes under the same keys, each with ETags of its own; who uses this sees one ETag that stands for the pair. A side
--- that misses a write is behind until it is made equal: it is not used, even when it answers again. What the two hold when a run begins is
--- compared and made equal by `scw.state.replica`.
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
---@field check? fun(): boolean|nil, scw.Error|nil may whoever writes here still do so? Asked after an outage
---@field hurried? boolean nothing is waited for any more
---@field unsaid? scw.state.Side it is out, and whether the other one answers is not known yet
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
      on_heard = function() if self.unsaid then self:say_alone("This run") end end,
      on_slow = function(one) self.on_message(("Waiting for the %s of the state, %s."):format(one.role, one:describe())) end,
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

--- Says that the run goes on with the leader.
---@param beginning string of the sentence
function methods:say_alone(beginning)
  self.unsaid = nil
  self.on_message(("%s goes on with the %s, %s, alone. The next apply that reaches both makes them equal."):format(beginning,
    self.leader.role, self.leader:describe()))
end

--- Says that a side is out, and what follows from it as far as that is known: the other one may have gone with it.
---@param one scw.state.Side
function methods:notice(one)
  local other = self:other(one)
  self.unsaid = nil
  if other.out or other.behind then
    self.on_message(("%s does not answer%s."):format(one:describe(),
      other.out and " either" or (", and the %s lacks its latest changes"):format(other.role)))
    return
  end
  self.leader = other
  local words = ("The %s of the state, %s, does not answer"):format(one.role, one:describe())
  if other.heard and other.heard >= one.silent_since then return self:say_alone(words .. ": this run") end
  self.on_message(words .. ".")
  self.unsaid = one
end

--- The error when both are out.
---@return scw.Error
function methods:silence()
  local details, lacking = {}, nil
  for index, one in ipairs(self.sides) do
    if not one.out then lacking = one end
    details[index] = ("%s: %s"):format(one.role, one.out and (one.out.details[1] or one.out.message) or "answers")
  end
  return errors.new({
    code = "INFRA_010", kind = "out", details = details,
    message = not lacking and "neither the state's bucket nor its replica answers"
      or ("the %s of the state does not answer, and the %s lacks its latest changes"):format(self:other(lacking).role, lacking.role),
    hint = "nothing was lost: run the same command again when one of them is back",
  })
end

--- Nobody is there to wait for what takes long: an outage ends the run.
function methods:hurry() self.hurried = true end

--- Who may end an outage.
---@return string
local function awaited(self)
  for _, one in ipairs(self.sides) do
    if one.behind then return self:other(one):describe() end
  end
  return "one of them"
end

--- Waits until a side that lacks nothing answers again.
---@return boolean|nil, table|nil
function methods:await_return()
  local until_when = core.clock() + LONGEST_OUTAGE_MS
  if not self.hurried then self.on_message(("Nothing can be saved until %s answers again."):format(awaited(self))) end
  while not self.hurried do
    local slept, failure = core.sleep(math.min(LOOK_MS, self.leader.patience_ms))
    if not slept then return nil, failure end
    for _, one in ipairs(self.sides) do
      if not one.behind and one.out and one:revive(LOOK_MS) then
        self.leader = one
        self.on_message(("%s answers again: the run goes on."):format(one:describe()))
      end
    end
    if #self:present() > 0 then return true end
    self.hurried = self.hurried or core.clock() >= until_when
  end
  return nil, self:silence()
end

--- After an outage: somebody else may have gone on where this run had to wait.
local function go_on(self)
  local back, failure = self:await_return()
  if back and self.check then return self.check() end
  return back, failure
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

local function condition_failed(self, key)
  return nil, { kind = "condition", message = self:describe(key) .. " was changed by somebody else" }
end

--- The condition as one side has to hear it.
local function condition_for(self, one, key, condition)
  if not condition or not condition.if_match then return condition end
  local known = self.known[key]
  if not known or known.tag ~= condition.if_match then return condition_failed(self, key) end
  if known[one] then return { if_match = known[one] } end
  local bytes, etag = one:get(key)
  if bytes then return { if_match = etag } end
  if etag.kind == "not_found" then return { if_none_match = true } end
  return nil, etag
end

function methods:put(key, bytes, condition)
  while true do
    local etags, failure = at_once(self:present(), function(one)
      local own, err = condition_for(self, one, key, condition)
      if condition and not own then return nil, err end
      return one:put(key, bytes, own)
    end)
    if failure then return nil, failure end
    if next(etags) then
      for _, one in ipairs(self.sides) do one.behind = one.behind or not etags[one] or nil end
      return self:know(key, etags)
    end
    local back, err = go_on(self)
    if not back then return nil, err end
  end
end

--- Each side copies its own. One that goes out meanwhile lacks the copy until the two are made equal.
function methods:copy(from, to, etag)
  local known = self.known[from]
  if not known or known.tag ~= etag then return condition_failed(self, from) end
  local done, failure = at_once(self:present(), function(one)
    if not known[one] then return condition_failed(self, from) end
    return one:copy(from, to, known[one])
  end)
  if failure then return nil, failure end
  if next(done) then return true end
  return nil, self:silence()
end

function methods:delete(key, once)
  local done, failure = at_once(self:present(), function(one) return one:delete(key, once) end)
  if next(done) then return true end
  return nil, failure or self:silence()
end

--- What lies on any side: one may have left-overs that the other does not have.
function methods:list(prefix)
  local lists, failure = at_once(self:present(), function(one) return one:list(prefix) end)
  if failure then return nil, failure end
  if not next(lists) then return nil, self:silence() end
  local keys, seen = {}, {}
  for _, list in next, lists do
    for _, key in ipairs(list) do
      if not seen[key] then keys[#keys + 1], seen[key] = key, true end
    end
  end
  table.sort(keys)
  return keys
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
