--- The log of a state as it is read: segment after segment, into a document.
local damage = require "scw.state.damage"
local errors = require "scw.errors"
local form = require "scw.state.form"
local json = require "scw.json"
local log = require "scw.state.log"
local model = require "scw.state.model"
local parallel = require "scw.parallel"
local trail = require "scw.state.trail"

local segments = {}

local READERS = 16

---@param store scw.state.Store
local function read(store, number, lineage)
  local bytes, failure = store.backend:get(log.key(store.name, number))
  if not bytes then return nil, failure end
  local segment, err = store.codec:decode(bytes, { kind = "segment", number = number, lineage = lineage })
  local wrong = segment and form.segment(segment)
  if wrong then
    err = damage.found(("log segment %d of the state is damaged: it has no valid '%s'"):format(number, wrong))
  elseif segment and (segment.lineage ~= lineage or segment.number ~= number) then
    err = damage.found(("log segment %d belongs to another state"):format(number))
  end
  if err then return damage.about(store, log.key(store.name, number), err) end
  return segment
end

--- Applies a segment. What somebody wrote who had lost the lock to a later holder does not count.
---@param store scw.state.Store
local function take_in(store, document, segment, number)
  local fence = segment.fence or 0
  if fence < document.fence then
    store.ignored[#store.ignored + 1] = number
    return true
  end
  document.fence = fence
  document.trail = trail.extend(document.trail, segment.writer or trail.NOBODY, segment.number)
  for _, entry in ipairs(segment.entries) do
    local ok, err = model.apply(document, entry)
    if not ok then return damage.about(store, log.key(store.name, number), err) end
  end
  return true
end

--- Segments after the snapshot, in order. Answers "again" when a fold removed one under our eyes.
---@param store scw.state.Store
function segments.replay(store, document, numbers)
  local wanted, last = {}, document.folded
  for _, number in ipairs(numbers) do
    if number > document.folded then
      if number ~= last + 1 then return nil, damage.found(("log segment %d of the state is missing"):format(last + 1)) end
      wanted[#wanted + 1], last = number, number
    end
  end
  local all, failure = parallel.map(wanted, READERS, function(number) return read(store, number, document.lineage) end)
  if not all then
    if failure.kind == "not_found" then return "again", damage.found("a log segment of the state is missing") end
    return nil, errors.wrap(failure, "cannot read the state")
  end
  store.ignored = {}
  for index, segment in ipairs(all) do
    local ok, err = take_in(store, document, segment, wanted[index])
    if not ok then return nil, err end
  end
  return last
end

--- What entries change in a document: they put others in the place of records, and change none.
local CHANGING = { "resources", "intents", "outputs", "deployments", "trail", "fence" }

local function copies(document)
  local kept = {}
  for _, name in ipairs(CHANGING) do
    local value = document[name]
    kept[name] = type(value) == "table" and json.like(value) or value
    for key, part in next, type(value) == "table" and value or {} do kept[name][key] = part end
  end
  return kept
end

--- Takes the next segment into a document, or leaves that as it is.
---@return "taken"|"unfit"|nil, table|nil failure
local function take_next(store, document, number)
  local segment, failure = read(store, number, document.lineage)
  if not segment then
    local unfit = failure.kind == "invalid" or failure.kind == "not_found"
    return unfit and "unfit" or nil, failure
  end
  local before = copies(document)
  if take_in(store, document, segment, number) then return "taken" end
  for name, value in next, before do document[name] = value end
  return "unfit"
end

--- Takes into a document what the log says after it: for one that takes the place of a snapshot that cannot be read. What was pulled while
--- the log was there has it already; its trail says up to where.
---@param store scw.state.Store
---@param document scw.state.Document
---@return integer|nil taken segments that went on from it
---@return integer|scw.Error|nil left segments that did not, or cannot be read; or why that is not known
function segments.catch_up(store, document)
  local numbers, failure = log.numbers(store.backend, store.name)
  if not numbers then return nil, errors.wrap(failure, "cannot list the log of the state") end
  local last = document.trail[#document.trail]
  local known, taken, left = math.max(document.folded, last and last.number or 0), 0, 0
  for _, number in ipairs(numbers) do
    local outcome = "unfit"
    if left == 0 and number == known + taken + 1 then outcome, failure = take_next(store, document, number) end
    if not outcome then return nil, errors.wrap(failure, "cannot read the log of the state") end
    if outcome == "taken" then taken = taken + 1 elseif number > known then left = left + 1 end
  end
  return taken, left
end

return segments
