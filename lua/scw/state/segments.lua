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

--- What the places of a state hold as a segment: one, unless two sides of a mirror were written apart; none when nobody can read it.
---@return table[]|nil segments, table|nil failure
local function read_all(store, number, lineage)
  local found, writers = {}, {}
  for _, place in ipairs(store.backend.sides or { store.backend }) do
    local segment, failure
    if not place.out then segment, failure = read(store, number, lineage, place) end
    if segment and not writers[segment.writer or trail.NOBODY] then
      writers[segment.writer or trail.NOBODY], found[#found + 1] = true, segment
    elseif failure and failure.kind ~= "invalid" and failure.kind ~= "not_found" and not place.out then
      return nil, failure
    end
  end
  return found
end

--- Takes entries in as far as they fit, in order.
---@return boolean|nil all, scw.Error|nil of a newer program
local function take_entries(document, entries, fits)
  for _, entry in ipairs(entries) do
    local form_of = form.entries[entry.op]
    if not form_of then return model.apply(document, entry) end
    local wrong = form_of(entry) ~= nil
    local address = not wrong and (entry.address or entry.record and entry.record.address)
    local resource, intent = document.resources[address or ""], document.intents[address or ""]
    if wrong or not model.apply(document, entry) then return false end
    local made = address and (document.resources[address] or document.intents[address])
    if made and not fits(made) then
      document.resources[address], document.intents[address] = resource, intent
      return false
    end
  end
  return true
end

--- What entries tell was made, by id.
local function note_made(entries, made)
  for _, entry in ipairs(entries) do
    local form_of = form.entries[entry.op]
    local wrong = not form_of or form_of(entry) ~= nil
    local record = not wrong and entry.op == "set" and entry.record or nil
    local id = not wrong and entry.op == "created" and entry.id or record and record.id
    if id then made[id] = entry.address or record.address end
  end
end

--- Those of them that a document does not know, for people.
local function unknown_to(document, made)
  for _, record in next, document.resources do
    made[record.id or ""] = nil
    for _, former in ipairs(record.deposed or {}) do made[former.id or ""] = nil end
  end
  local list = {}
  for id, address in next, made do list[#list + 1] = ("%s (%s)"):format(address, id) end
  table.sort(list)
  return list
end

---@class scw.state.CaughtUp
---@field taken integer segments that went on from the document
---@field left integer segments that cannot be read, or do not go on from it
---@field lost string[] what those tell was made, and the document does not know: "ADDRESS (ID)"

--- Takes into a document what the log says after it: for one that takes the place of a snapshot that cannot be read. That is the log of a
--- run that did not end, and goes on from what the latest deployment left, or from what was pulled since: then number follows number from
--- where its trail ends. Whatever does not follow is out of its context: nothing of it is taken in, but what it made is told.
---@param store scw.state.Store that looked past the damage
---@param document scw.state.Document
---@param fits fun(record: scw.state.Record): boolean
---@return scw.state.CaughtUp|nil, scw.Error|nil
function segments.catch_up(store, document, fits)
  local numbers, failure = log.numbers(store.backend, store.name)
  if not numbers then return nil, errors.wrap(failure, "cannot list the log of the state") end
  local last, made, taken, left = document.trail[#document.trail], {}, 0, 0
  local follows, number = document.serial == store.document.serial, math.max(document.folded, last and last.number or 0)
  for _, present in ipairs(numbers) do
    local found
    found, failure = read_all(store, present, document.lineage)
    if not found then return nil, errors.wrap(failure, "cannot read the log of the state") end
    local segment = #found == 1 and found[1]
    if not follows or present > number then
      follows = follows and segment and present == number + 1 and (segment.fence or 0) >= document.fence
      local all, err
      if follows then all, err = take_entries(document, segment.entries, fits) end
      if err then return damage.about(store, log.key(store.name, present), err) end
      follows, number = all or false, present
      if follows then document.fence, taken = segment.fence or 0, taken + 1 else left = left + 1 end
      for _, one in ipairs(not follows and found or {}) do note_made(one.entries, made) end
    end
  end
  return { taken = taken, left = left, lost = unknown_to(document, made) }
end

return segments
