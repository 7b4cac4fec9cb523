--- Carries out a plan: as wide as the order allows, every result saved as it arrives.
local core = require "core"
local errors = require "scw.errors"
local json = require "scw.json"
local plan_of = require "scw.engine.plan"
local record = require "scw.engine.record"
local reference = require "scw.dsl.reference"
local schedule = require "scw.engine.schedule"
local step = require "scw.engine.step"

local apply = {}

local PARALLEL = 64

---@class scw.ApplyResult
---@field failures scw.Error[] causes, not echoes
---@field skipped integer steps that a failure made impossible
---@field done integer
---@field interrupted boolean something was cut short or not started because of an interrupt
---@field fatal? scw.Error the state could not be saved

---@class scw.Walker
---@field run scw.Run
---@field stopping boolean
local walker = {}
local metatable = { __index = walker }

---@param run scw.Run
---@param parallel? integer
---@return scw.Walker
function apply.walker(run, parallel)
  return setmetatable({
    run = run, parallel = parallel or PARALLEL, tasks = {}, running = 0, finished = {}, changed = core.event(),
    stopping = false, aborting = false, failures = {}, skipped = {}, skipped_count = 0, done = 0, began = {},
  }, metatable)
end

--- Starts nothing new; what runs may end.
function walker:stop()
  self.stopping, self.interrupted = true, true
  self.changed:set()
end

--- Gives up waiting: cancels what runs.
function walker:abort()
  self:stop()
  self.aborting = true
  for _, task in next, self.tasks do task:cancel() end
end

local function complete(entry, err)
  err = errors.wrap(err, entry.address)
  err.address = err.address or entry.address
  err.source = err.source or (entry.node and entry.node.source) or (entry.record and entry.record.source)
  return err
end

local function work(self, unit)
  local entry = self.run.entries[unit.step.address]
  local act = unit.part == "up" and step.make or step.unmake
  return act(self.run, entry)
end

local function quiet(unit) return unit.step.action == "none" end

local function announce(self, unit)
  local address = unit.step.address
  if quiet(unit) or self.began[address] then return end
  self.began[address] = core.clock()
  self.run.on_event({ kind = "step_started", address = address, action = unit.step.action })
end

local function succeed(self, index)
  local unit = self.schedule.units[index]
  self.walk:done(index)
  local address = unit.step.address
  if unit.part == "up" then self.run.entries[address].settled = true end
  if not unit.last or quiet(unit) then return end
  self.done = self.done + 1
  self.run.on_event({ kind = "step_done", address = address, action = unit.step.action, elapsed_ms = core.clock() - self.began[address] })
end

local function skip(self, index, cause)
  local unit = self.schedule.units[index]
  local address = unit.step.address
  if quiet(unit) or self.skipped[address] or address == cause or self.failed_addresses[address] then return end
  self.skipped[address], self.skipped_count = true, self.skipped_count + 1
  self.run.on_event({ kind = "step_skipped", address = address, action = unit.step.action, needs = { cause } })
end

local function fail(self, index, err)
  local unit = self.schedule.units[index]
  local address = unit.step.address
  local entry = self.run.entries[address]
  local cancelled = self.interrupted and err.kind == "cancelled"
  self.failed_addresses[address] = true
  if err ~= self.run.store.log.failure then -- that one is told once, for the whole run
    err = complete(entry, err)
    if cancelled then self.cut = true else self.failures[#self.failures + 1] = err end
  end
  self.run.on_event({
    kind = "step_failed", address = address, action = unit.step.action, error = err,
    elapsed_ms = core.clock() - (self.began[address] or core.clock()),
  })
  for _, other in ipairs(self.walk:fail(index)) do
    if not cancelled then skip(self, other, address) end -- what an interrupt kept from starting is not started, not skipped
  end
end

local function start(self, index)
  local unit = self.schedule.units[index]
  announce(self, unit)
  if quiet(unit) and unit.part == "up" then
    local ok, err = work(self, unit) -- only notes, never waits
    if ok then return succeed(self, index) end
    return fail(self, index, err)
  end
  self.running = self.running + 1
  self.tasks[index] = core.spawn(function()
    local bug = true
    local guard <close> = setmetatable({}, { __close = function(_, reason) -- luacheck: ignore 211
      if not bug then return end
      self.bug = self.bug or reason or "a step ended without a result"
      self.finished[#self.finished + 1] = { index = index, err = { kind = "bug", message = tostring(reason) } }
      self.changed:set()
    end })
    local ok, err = work(self, unit)
    bug = false
    self.finished[#self.finished + 1] = { index = index, ok = ok, err = err }
    self.changed:set()
  end)
end

local function take_finished(self)
  local finished = self.finished
  self.finished = {}
  for _, outcome in ipairs(finished) do
    self.running, self.tasks[outcome.index] = self.running - 1, nil
    if outcome.ok then succeed(self, outcome.index) else fail(self, outcome.index, outcome.err) end
  end
end

local function start_more(self)
  while self.running < self.parallel and not self.bug and not self.run.store.log.failure do
    local index = self.walk:next()
    if not index then return end
    if self.stopping and not quiet(self.schedule.units[index]) then
      self.cut = true
    else
      start(self, index)
    end
  end
end

--- Walks the plan to its end, or to where it has to stop.
---@return scw.ApplyResult|nil, scw.Error|nil
function walker:go()
  local err
  self.schedule = schedule.make(self.run.plan)
  self.walk, err = self.schedule.graph:walk(self.schedule.weights)
  if not self.walk then return nil, errors.wrap(err, "cannot order the steps") end
  self.failed_addresses = {}
  while true do
    start_more(self)
    if self.running == 0 then break end
    if #self.finished == 0 then
      local waited = self.changed:wait()
      if not waited then self:abort() end -- this task itself was cancelled
    end
    take_finished(self)
    local saved, failure = self.run.store:checkpoint()
    if not saved then self.fatal = self.fatal or failure end
  end
  if self.bug then
    self.run.store:commit() -- what the other steps did is not lost with it
    error(type(self.bug) == "table" and (self.bug.traceback or self.bug.message) or self.bug, 0)
  end
  local fatal = self.fatal or self.run.store.log.failure
  return {
    failures = self.failures, skipped = self.skipped_count, done = self.done, fatal = fatal,
    interrupted = self.interrupted and (self.cut or fatal ~= nil) or false,
  }
end

-- Before and after ------------------------------------------------------------------------------------------------------

--- Addresses change before anything else does: everybody refers to the new ones.
---@param run scw.Run
function apply.move(run)
  for _, planned in ipairs(run.plan.steps) do
    local entry = run.entries[planned.address]
    if planned.from and planned.action ~= "create" then
      run.store:write({ op = "move", from = planned.from, address = planned.address })
      run.store:write({ op = "patch", address = planned.address, fields = { inputs = entry.record.inputs, marked_as = json.null } })
    elseif planned.from then
      run.store:write({ op = "remove", address = planned.from })
    end
  end
end

local function is_settled(run, value)
  local settled = true
  reference.each(value, function(address)
    local entry = run.entries[address]
    settled = settled and entry ~= nil and entry.settled or false
  end)
  return settled
end

--- Outputs as they are now; one that cannot be computed keeps what it was.
---@param run scw.Run
---@param stack scw.dsl.Stack
---@return boolean|nil, scw.Error|nil
function apply.outputs(run, stack)
  local present, outputs = run.store.document.outputs, {}
  local partial = next(run.plan.left_out) ~= nil
  local lost = {}
  if partial and run.plan.destroy then
    local gone = {}
    for _, planned in ipairs(run.plan.steps) do
      if not run.store.document.resources[planned.address] then gone[#gone + 1] = planned end
    end
    lost = plan_of.lost_outputs(stack, gone)
  end
  for name, output in next, present do
    if partial and not lost[name] then outputs[name] = output end
  end
  for _, output in ipairs(run.plan.destroy and {} or stack.outputs or {}) do
    outputs[output.name] = present[output.name]
    if is_settled(run, output.value) then
      local value, err = plan_of.output_value(run, output)
      if err then
        return nil, errors.new({ code = "INFRA_005", message = ("output %s: %s"):format(output.name, err.message), source = output.source })
      end
      if record.is_known(value) then
        outputs[output.name] = {
          value = value, secret = output.secret or false, origins = output.origins or record.output_origins(output, run.fingerprints),
        }
      end
    end
  end
  if not record.same(outputs, present) then run.store:write({ op = "outputs", outputs = outputs }) end
  return true
end

--- Outputs as commands show them, sorted; secrets have no value.
---@param document scw.state.Document
---@return { name: string, value: any, secret: boolean }[]
function apply.shown_outputs(document)
  local list = {}
  for name, output in next, document.outputs do
    local value = output.value
    if output.secret or value == json.null then value = nil end
    list[#list + 1] = { name = name, value = value, secret = output.secret or false }
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return apply
