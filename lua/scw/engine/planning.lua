--- How a session plans: reads the state, looks at what exists, compares; and how it plans to go back. Takes no lock, writes nothing.
local adopt = require "scw.engine.adopt"
local caution = require "scw.engine.caution"
local errors = require "scw.errors"
local forgotten = require "scw.engine.forgotten"
local locks = require "scw.state.locks"
local lookup = require "scw.engine.lookup"
local model = require "scw.state.model"
local observe = require "scw.engine.observe"
local opening = require "scw.engine.opening"
local outage = require "scw.engine.outage"
local parallel = require "scw.parallel"
local past = require "scw.engine.past"
local plan = require "scw.engine.plan"
local recorded = require "scw.engine.recorded"
local refresh = require "scw.engine.refresh"
local rollback = require "scw.engine.rollback"

local planning = {}

local LOOKUP_ROUNDS = 100

--- Plans, reads the lookups that can be read, and plans again with them.
local function plan_with_lookups(tools, facts)
  for _ = 1, LOOKUP_ROUNDS do
    local made, err, wanted = plan.make(facts)
    if not wanted then return made, err end
    local done
    done, err = parallel.map(wanted, tools.parallel, function(entry)
      local result, failure = lookup.read(tools, entry)
      if not result then return nil, failure end
      facts.observed[entry.address] = result
      return true
    end)
    if not done then return nil, err end
  end
  error("lookups without end")
end

--- What a plan says that could not look.
local BLIND = "the service does not answer: this plan rests on the recorded state alone"

--- Looks at what exists. A plan that only shows something goes without that when it has to.
local function look(self, tools, document, set)
  local observed, err, adoption = outage.ask(self, function()
    return observe.run(tools, document, set, opening.place(self), self.options.refresh ~= false)
  end)
  if observed or self.command ~= "plan" or err.kind ~= "silent" then return observed, err, adoption end
  self.passing[#self.passing + 1] = { message = BLIND }
  return {}, nil, { entries = {}, found = {} }
end

--- What somebody is at work on looks in the state like what was interrupted.
local function warn_of_holder(self)
  if self.taken and not self.taken:is_closed() then return end -- it is this run
  local holder = locks.holder(self.backend, self.name)
  if not holder then return end
  self.passing[#self.passing + 1] = {
    message = ("a deployment is under way: what it has begun looks interrupted here; it is that of %s"):format(
      locks.describe(holder, self.backend:now())),
  }
end

---@class scw.Wish
---@field destroy? boolean
---@field document? scw.state.Document the present state, when it was read
---@field review? fun(context: scw.PlanContext, steps: scw.Step[]): boolean
---@field entries? table[] of the log, in the document already: what is taken back

--- What it takes to come from the present state to what is wished for.
---@param self scw.Session
---@param wish scw.Wish
---@return scw.Plan|nil, scw.Error|nil
function planning.make(self, wish)
  local set, err = opening.declared(self)
  if not set then return nil, err end
  local tools
  local document, destroy, taken_back = wish.document, wish.destroy or false, wish.entries or {}
  if not document then document, err = opening.checked(self) end
  if not document then return nil, err end
  tools, err = opening.tools(self, document, set.nodes)
  if not tools then return nil, err end
  local position = self.store:position()
  self.passing = {}
  if self.store.segments > 0 or next(document.intents) then warn_of_holder(self) end
  local observed, adoption
  observed, err, adoption = look(self, tools, document, set)
  if not observed then return nil, err end
  for _, entry in ipairs(taken_back) do adoption.found[entry.record.address] = forgotten.REASON end
  local made
  made, err = plan_with_lookups(tools, {
    set = set, order = self.order, stack = self.stack, catalogue = self.catalogue, document = document, observed = observed,
    place = opening.place(self), adopted = adoption.found, destroy = destroy, target = self.options.target, exclude = self.options.exclude,
    replace = not destroy and self.options.replace or nil, review = wish.review,
  })
  if not made then return nil, err end
  made.position, made.adoption = position, adoption.entries
  for _, entry in ipairs(taken_back) do
    if not made.left_out[entry.record.address] then table.insert(made.adoption, entry) end
  end
  for _, list in ipairs({ self.warnings, self.passing }) do table.move(list, 1, #list, #made.warnings + 1, made.warnings) end
  return made
end

-- Going back ------------------------------------------------------------------------------------------------------------

--- What a deployment left has to fit the types that this program knows: an older one may have recorded it.
local function check_back(self)
  local ok, err = recorded.check(self.back.document, self.catalogue)
  if ok then return true end
  err.message = ("cannot go back to deployment %s: %s"):format(self.back.record.id:sub(1, 8), err.message)
  err.hint = "name another deployment with --to"
  return nil, err
end

--- What the deployment to go back to left and the state has forgotten since; the document gets to know it.
---@return table[]|nil entries, scw.Error|nil
local function take_back(self, now)
  local records = forgotten.records(self.back.document, now, self.options.leave)
  if #records == 0 then return {} end
  local tools, err = opening.tools(self, self.back.document)
  if not tools then return nil, err end
  local entries
  entries, err = outage.ask(self, function() return forgotten.find(tools, records) end)
  for _, entry in ipairs(entries or {}) do model.apply(now, entry) end
  return entries, err
end

--- What going back would do. The declarations of then take the place of the stack's, for this session.
---@param self scw.Session
---@param to? string id of the deployment, or the beginning of it; without: the latest that ended well and wanted something else
---@return scw.Plan|nil plan with `back_to`, the record of that deployment
---@return scw.Error|nil
function planning.back(self, to)
  local now, entries, wanted, gaps, made, err
  now, err = opening.checked(self)
  if now and not self.back then self.back, err = past.target(self.store, now, to, self.on_message) end
  if not now or not self.back then return nil, err end
  made, err = check_back(self)
  if not made then return nil, err end
  entries, err = take_back(self, now)
  if not entries then return nil, errors.wrap(err, "cannot plan") end
  self.declared = self.declared or self.stack
  wanted, gaps = rollback.wanted({
    stack = self.declared, back = self.back, now = now, catalogue = self.catalogue, leave = self.options.leave,
    lose_data = self.options.lose_data,
  })
  if not wanted then return nil, gaps end
  self.stack, self.set = wanted, nil
  made, err = planning.make(self, { document = now, review = caution.review(gaps), entries = entries })
  if not made then
    local record = self.back.record
    self.on_message(("Cannot go back to deployment %s of %s:"):format(record.id:sub(1, 8), record.started))
    return nil, errors.wrap(err, "cannot plan")
  end
  made.back_to = self.back.record
  return made
end

-- Looking without a wish ------------------------------------------------------------------------------------------------

---@class scw.Found
---@field position string of the state that was compared
---@field entries table[] of the log: what the state has to be told
---@field changes scw.Drift[]
---@field count integer resources that were looked at

--- What is there now, and how the state differs.
---@param self scw.Session
---@return scw.Found|nil, scw.Error|nil
function planning.compare(self)
  local tools, document, observed, entries
  local set, err = opening.declared(self)
  if not set then return nil, err end
  document, err = opening.checked(self)
  if not document then return nil, err end
  tools, err = opening.tools(self, document)
  if not tools then return nil, err end
  local position = self.store:position()
  entries, err = outage.ask(self, function() return adopt.settle(tools, document) end)
  if not entries then return nil, err end
  for _, entry in ipairs(entries) do model.apply(document, entry) end
  local records = model.sorted(document)
  observed, err = outage.ask(self, function() return refresh.run(tools, records) end)
  if not observed then return nil, err end
  local changed = refresh.entries(tools, records, observed)
  table.move(changed, 1, #changed, #entries + 1, entries)
  return { position = position, entries = entries, changes = refresh.drift(tools, records, observed), count = #records }
end

return planning
