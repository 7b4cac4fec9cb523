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
---@param backend? scw.state.Backend one side of a mirror, instead of whichever leads
local function read(store, number, lineage, backend)
  local bytes, failure = (backend or store.backend):get(log.key(store.name, number))
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

-- Behind damage ---------------------------------------------------------------------------------------------------------

local function lies(failure) return failure.kind == "invalid" or failure.kind == "not_found" end

--- A segment from wherever it can be read.
---@param store scw.state.Store
local function read_anywhere(store, number, lineage)
  local segment, failure = read(store, number, lineage)
  for _, side in ipairs(not segment and lies(failure) and store.backend.sides or {}) do
    if not side.out then segment = segment or read(store, number, lineage, side) end
  end
  return segment, failure
end

--- What is made, as an entry tells it: its address and id.
local function told(entry)
  if entry.op == "created" then return ("%s (%s)"):format(entry.address, entry.id) end
  local record = entry.op == "set" and entry.record
  return record and record.id and ("%s (%s)"):format(record.address, record.id) or nil
end

--- Whose address an entry is about.
local function address_of(entry) return entry.address or entry.record and entry.record.address end

--- May an entry be taken in although something before it is unknown? Only what adds something where nothing stands, or goes on from that.
local function adds(document, entry, added)
  local address = address_of(entry)
  local resource, intent = document.resources[address], document.intents[address]
  if entry.op == "intent" then return not resource and not intent end
  if entry.op == "created" then return intent ~= nil and not resource end
  if entry.op == "set" then return not resource or resource.id == entry.record.id end
  return added[address] ~= nil and (entry.op == "patch" or entry.op == "remove" or entry.op == "abandon")
end

---@class scw.state.CaughtUp
---@field taken integer segments of which something was taken in
---@field unread integer segments that cannot be read
---@field lost string[] what was made and stays unknown: "ADDRESS (ID)"

--- Takes one entry in. What follows a gap, or does not fit, is taken only where it adds something.
---@return boolean|nil, scw.Error|nil of a newer program
local function take_entry(document, entry, run)
  local form_of = form.entries[entry.op]
  if not form_of then return model.apply(document, entry) end
  local record = not form_of(entry) and (entry.op == "intent" or entry.op == "set") and entry.record
  local fits = not form_of(entry) and (not record or run.fits(record))
  if fits and not run.gap then
    if model.apply(document, entry) then return true end
    run.gap = true
  end
  if fits and adds(document, entry, run.added) and model.apply(document, entry) then
    run.added[address_of(entry)] = true
  elseif not form_of(entry) then
    run.lost[#run.lost + 1] = told(entry)
  end
  return true
end

--- Takes into a document what the log says after it: for one that takes the place of a snapshot that cannot be read. What was pulled while
--- the log was there has it already; its trail says up to where. To know of less than can be read would double what exists.
---@param store scw.state.Store
---@param document scw.state.Document
---@param fits fun(record: scw.state.Record): boolean
---@return scw.state.CaughtUp|nil, scw.Error|nil
function segments.catch_up(store, document, fits)
  local numbers, failure = log.numbers(store.backend, store.name)
  if not numbers then return nil, errors.wrap(failure, "cannot list the log of the state") end
  local last = document.trail[#document.trail]
  local known = math.max(document.folded, last and last.number or 0)
  local run, taken, unread, expected = { gap = false, added = {}, lost = {}, fits = fits }, 0, 0, known + 1
  for _, number in ipairs(numbers) do
    local segment
    if number > known then
      segment, failure = read_anywhere(store, number, document.lineage)
      run.gap, expected = run.gap or not segment or number ~= expected, number + 1
      if not segment and not lies(failure) then return nil, errors.wrap(failure, "cannot read the log of the state") end
      unread = unread + (segment and 0 or 1)
    end
    if segment and (segment.fence or 0) >= document.fence then
      document.fence, taken = segment.fence or 0, taken + 1
      for _, entry in ipairs(segment.entries) do
        local ok, err = take_entry(document, entry, run)
        if not ok then return damage.about(store, log.key(store.name, number), err) end
      end
    end
  end
  return { taken = taken, unread = unread, lost = run.lost }
end

return segments
