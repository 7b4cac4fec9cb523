--- How a state is doing, for people and for programs.
local claim = require "scw.state.claim"
local columns = require "scw.ui.table"
local command = require "scw.ui.command"
local core = require "core"
local history_view = require "scw.ui.history"
local status = require "scw.state.status"
local style = require "scw.ui.style"
local text = require "scw.text"

local status_view = {}

local words = text.status
local SHOWN = 5 -- addresses of a list

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function shorten(list) return words.more(table.concat(list, ", ", 1, math.min(SHOWN, #list)), math.max(#list - SHOWN, 0)) end

--- Addresses of what is recorded, but not ready.
local function unready_of(document)
  local list = {}
  for _, address in ipairs(sorted_keys(document.resources)) do
    local record = document.resources[address]
    if record.status ~= "ready" then list[#list + 1] = ("%s (%s)"):format(address, record.status) end
  end
  return list
end

local function describe_last(last, now)
  local facts = { result = last.result, who = last.who, host = last.host, since = claim.since(last.started, now), command = last.command }
  return words.last(facts, history_view.changed(last))
end

local function describe_holder(seen)
  local holder = seen.holder
  local lease = words.no_lease
  if holder.died then
    lease = words.died
  elseif holder.expired then
    lease = words.expired(claim.span(seen.now - holder.expires))
  elseif type(holder.expires) == "number" then
    lease = words.lease(claim.span(holder.expires - seen.now))
  end
  return ("%s; %s; lock %s"):format(words.held(claim.describe(holder, seen.now)), lease, holder.id)
end

local function add_document(rows, seen)
  local document = seen.document
  if status.is_damaged(seen) or seen.problem and seen.exists then
    rows[#rows + 1] = { "content", words.unknown(seen.problem.message) }
  elseif seen.exists and document then
    rows[#rows + 1] = { "serial", words.serial(document.serial, document.lineage) }
    local unready, intents = unready_of(document), sorted_keys(document.intents)
    local count = tostring(#sorted_keys(document.resources))
    rows[#rows + 1] = { "resources", #unready > 0 and count .. ", " .. words.unready(#unready, shorten(unready)) or count }
    if #intents > 0 then rows[#rows + 1] = { "intents", words.intents(#intents, shorten(intents)) } end
  end
  if seen.segments > 0 then
    local running = seen.holder ~= nil and not seen.holder.died and not seen.holder.expired
    rows[#rows + 1] = { "log", words.segments(seen.segments, running) }
  end
  local last = document and document.deployments[#document.deployments]
  if last then rows[#rows + 1] = { "last", describe_last(last, seen.now) } end
end

--- Who has the lock, in words.
---@param seen scw.state.Status
---@return string
function status_view.lock(seen)
  if seen.lock == "damaged" then return words.damaged(seen.lock_place) end
  return seen.holder and describe_holder(seen) or words.free
end

local function add_lock(rows, seen)
  rows[#rows + 1] = { "lock", status_view.lock(seen) }
  for index, waiting in ipairs(seen.waiting) do
    rows[#rows + 1] = { index == 1 and "queue" or "", words.place(index, claim.describe(waiting, seen.now)) }
  end
end

--- One line that says what to do.
local function advice(seen)
  local what, problem = status.advice(seen), seen.problem
  if what == "read" and problem.code == "INFRA_001" then -- no key, or none that can be used
    return seen.sealed and words.advice.key or words.advice.first(problem.hint or problem.message)
  end
  if what == "apply" and not seen.exists and not seen.problem then return words.advice.begin end
  if what == "repair" then return words.advice.repair(seen.lock_place) end
  if what == "wait" and seen.holder and seen.holder.alive then return words.advice.wait_here(seen.holder.pid) end
  return words.advice[what](core.program, seen.holder and seen.holder.id, problem and problem.hint)
end

---@param seen scw.state.Status
---@param stack scw.dsl.Stack
---@param look scw.Style
---@return string[]
function status_view.lines(seen, stack, look)
  local rows = { { "state", words.sealed(seen.place, seen.recipients, seen.exists, status.is_damaged(seen)) } }
  for _, side in ipairs(seen.sides or {}) do rows[#rows + 1] = { side.role, words.side(side) } end
  add_document(rows, seen)
  add_lock(rows, seen)
  for _, row in ipairs(rows) do row[2] = style.clean(row[2]) end
  local lines = { look:paint("bold", stack.name .. (stack.environment and " (" .. stack.environment .. ")" or "")) }
  for _, line in ipairs(columns.definitions(rows, { indent = 2, columns = look.wraps and look.columns or math.huge })) do
    lines[#lines + 1] = line
  end
  local told = command.complete(advice(seen), look.given)
  for _, line in ipairs(look:fold(style.clean(told))) do lines[#lines + 1] = line end
  return lines
end

--- A claim for programs.
local function public_claim(facts, now)
  local began = claim.age(facts, now)
  return {
    id = facts.id, who = facts.who, host = facts.host, pid = facts.pid, command = facts.command, run = facts.run, since = facts.created,
    seconds = began, lease_seconds = type(facts.expires) == "number" and math.floor(facts.expires - now) or nil,
  }
end

--- For programs (`docs/json.md`).
---@param seen scw.state.Status
---@param stack scw.dsl.Stack
---@param given? scw.Given
---@return table
function status_view.public(seen, stack, given)
  local lock, waiting = { state = seen.lock, place = seen.lock_place }, {}
  if seen.holder then
    for name, value in pairs(public_claim(seen.holder, seen.now)) do lock[name] = value end
    lock.died, lock.expired = seen.holder.died, seen.holder.expired
  end
  for index, one in ipairs(seen.waiting) do waiting[index] = public_claim(one, seen.now) end
  local result = {
    stack = stack.name, environment = stack.environment, place = seen.place, exists = seen.exists, sealed = seen.sealed,
    recipients = seen.recipients and core.array(seen.recipients),
    segments = seen.segments, lock = lock, waiting = core.array(waiting), advice = status.advice(seen),
  }
  if seen.sides then result.sides = core.array(seen.sides) end
  local problem = seen.problem
  if problem then
    result.problem = { code = problem.code, message = problem.message, hint = command.complete(problem.hint, given) }
  end
  local document = seen.exists and seen.document
  if document then
    result.serial, result.lineage = document.serial, document.lineage
    result.resources, result.unready = #sorted_keys(document.resources), #unready_of(document)
    result.intents = core.array(sorted_keys(document.intents))
    local last = document.deployments[#document.deployments]
    result.last = last and history_view.public_record(last) or nil
  end
  return result
end

return status_view
