--- Entries for a state, and what came of them.
local core = require "core"

local entry = {}

--- Records a resource that is nothing but its address.
---@param address string
---@return table
function entry.set(address)
  return { op = "set", record = { address = address, type = "value", id = address, place = {}, inputs = {}, outputs = {},
    dependencies = core.array({}), status = "ready", schema = 1, options = {} } }
end

--- The addresses in a document, sorted.
---@param document scw.state.Document
---@return string[]
function entry.addresses(document)
  local list = {}
  for address in next, document.resources do list[#list + 1] = address end
  table.sort(list)
  return list
end

return entry
