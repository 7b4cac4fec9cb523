--- The log of a state as it is read: segment after segment, into a document.
local damage = require "scw.state.damage"
local errors = require "scw.errors"
local form = require "scw.state.form"
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

--- What is made, as an entry tells it: its address and id.
local function told(entry)
  if entry.op == "created" then return ("%s (%s)"):format(entry.address, entry.id) end
  local record = entry.op == "set" and entry.record
  return record and record.id and ("%s (%s)"):format(record.address, record.id) or nil
end

---@class scw.state.CaughtUp
---@field taken integer segments that went on from the document, or from each other
---@field unread integer segments that cannot be read
---@field lost string[] what others tell was made, and does not fit: the segment that began it cannot be read

--- Takes into a document what the log says after it: for one that takes the place of a snapshot that cannot be read. What was pulled while
--- the log was there has it already; its trail says up to where. Behind a gap each entry is taken that fits: to know of less would double
--- what exists.
---@param store scw.state.Store
---@param document scw.state.Document
---@return scw.state.CaughtUp|nil, scw.Error|nil
function segments.catch_up(store, document)
  local numbers, failure = log.numbers(store.backend, store.name)
  if not numbers then return nil, errors.wrap(failure, "cannot list the log of the state") end
  local last = document.trail[#document.trail]
  local known, result = math.max(document.folded, last and last.number or 0), { taken = 0, unread = 0, lost = {} }
  for _, number in ipairs(numbers) do
    local segment
    if number > known then segment, failure = read(store, number, document.lineage) end
    if segment and (segment.fence or 0) >= document.fence then
      result.taken = result.taken + 1
      document.fence = segment.fence or 0
      for _, entry in ipairs(segment.entries) do
        if not model.apply(document, entry) then result.lost[#result.lost + 1] = told(entry) end
      end
    elseif number > known and not segment then
      local lies = failure.kind == "invalid" or failure.kind == "not_found"
      if not lies then return nil, errors.wrap(failure, "cannot read the log of the state") end
      result.unread = result.unread + 1
    end
  end
  return result
end

return segments
