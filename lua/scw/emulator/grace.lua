--- A deletion that only sets a date: what is deleted stands there readable for seven days, and can be restored. Lists show it only when
--- asked, and it is no longer something that a user has.
local json = require "scw.json"

local grace = {}

local SECONDS = 7 * 86400

--- For `before` of a resource: lists leave out what is about to go.
---@param call table
function grace.before(call)
  if call.method == "GET" then call.query.scheduled_for_deletion = call.query.scheduled_for_deletion or "false" end
end

--- The filter `scheduled_for_deletion` of its list.
---@param record scw.emulator.Record
---@param value string
---@return boolean
function grace.filter(record, value)
  return (record.body.deletion_requested_at ~= json.null) == (value == "true")
end

--- Sets the date.
---@param owner scw.emulator.Resource of the record
---@param record scw.emulator.Record
function grace.schedule(owner, record)
  record.body.deletion_requested_at = owner.emulator.clock:timestamp()
  record.builtin = true
  owner:plan(record, { { after = SECONDS, remove = true, lasting = true } })
end

--- Takes it back.
---@param owner scw.emulator.Resource of the record
---@param record scw.emulator.Record
function grace.restore(owner, record)
  record.body.deletion_requested_at = json.null
  record.builtin, record.steps = nil, nil
  owner.collection:put(record)
end

return grace
