--- Who wrote a state, and up to which segment of the log: enough to tell whether one version of it goes on from another. Pure.
local core = require "core"

local trail = {}

--- Spans that are kept: versions that are further apart count as diverged.
trail.KEPT = 50

--- Enough of a lock's id to tell writers apart.
local WRITER_LENGTH = 13

--- A run that writes without a lock.
trail.NOBODY = "nobody"

---@class scw.state.Span
---@field writer string
---@field number integer of the last segment that it wrote, or that the snapshot it wrote contains

--- What stands in a trail for the holder of a lock.
---@param lock_id string
---@return string
function trail.writer(lock_id) return lock_id:sub(1, WRITER_LENGTH) end

--- The trail with one more write; the one given is not changed.
---@param spans scw.state.Span[]
---@param writer string
---@param number integer
---@return scw.state.Span[]
function trail.extend(spans, writer, number)
  local last = spans[#spans]
  local goes_on = last ~= nil and last.writer == writer
  local first = math.max(1, #spans + (goes_on and 0 or 1) - trail.KEPT + 1)
  local longer = core.array({ table.unpack(spans, first, goes_on and #spans - 1 or #spans) })
  longer[#longer + 1] = { writer = writer, number = number }
  return longer
end

--- Is everything in `other` also in `document`?
local function covers(document, other)
  if other.serial == 0 then return true end
  if document.serial == 0 then return false end
  local last = other.trail[#other.trail]
  if not last then return document.lineage == other.lineage and document.serial >= other.serial end -- written before there were trails
  for _, span in ipairs(document.trail) do
    if span.writer == last.writer and span.number >= last.number then return true end
  end
  return false
end

---@alias scw.state.Relation "same"|"ahead"|"behind"|"diverged"

--- How a version of a state stands to another one, as seen from the first.
---@param document scw.state.Document
---@param other scw.state.Document
---@return scw.state.Relation
function trail.compare(document, other)
  local forth, back = covers(document, other), covers(other, document)
  if forth and back then
    if document.lineage ~= other.lineage and document.serial > 0 then return "diverged" end
    if document.serial ~= other.serial then return document.serial > other.serial and "ahead" or "behind" end
    return "same"
  end
  return forth and "ahead" or back and "behind" or "diverged"
end

return trail
