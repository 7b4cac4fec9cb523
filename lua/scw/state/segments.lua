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

--- Takes into a document what the log says after it: for one that takes the place of a snapshot that cannot be read.
---@param store scw.state.Store
---@param document scw.state.Document
---@return integer|nil taken segments that went on from it
---@return integer|table|nil left segments that did not, or cannot be read; or the failure
function segments.catch_up(store, document)
  local numbers, failure = log.numbers(store.backend, store.name)
  if not numbers then return nil, failure end
  local taken, left = 0, 0
  for _, number in ipairs(numbers) do
    local follows = left == 0 and number == document.folded + taken + 1
    local segment = follows and read(store, number, document.lineage)
    if segment and take_in(store, document, segment, number) then
      taken = taken + 1
    elseif number > document.folded then
      left = left + 1
    end
  end
  return taken, left
end

return segments
