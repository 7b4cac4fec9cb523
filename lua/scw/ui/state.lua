--- Recorded state for people and for programs.
local columns = require "scw.ui.table"
local core = require "core"
local text = require "scw.text"
local value = require "scw.ui.value"

local state_view = {}

---@param state table
---@return string[] sorted
function state_view.addresses(state)
  local addresses = {}
  for address in pairs(state.resources or {}) do addresses[#addresses + 1] = address end
  table.sort(addresses)
  return addresses
end

--- A record for programs; no fingerprint of a secret.
---@param record table
---@return table
function state_view.public(record)
  local dependencies = { table.unpack(record.dependencies or {}) }
  table.sort(dependencies)
  return {
    address = record.address, type = record.type, id = record.id, status = record.status, place = value.public(record.place or {}),
    inputs = value.public(record.inputs or {}), outputs = value.public(record.outputs or {}), source = record.source,
    dependencies = core.array(dependencies),
  }
end

---@param state table
---@param console scw.Console
function state_view.list(state, console)
  local rows, public = {}, {}
  for i, address in ipairs(state_view.addresses(state)) do
    local record = state.resources[address]
    rows[i] = { address, record.type, record.id or "", record.status or "" }
    public[i] = { address = address, type = record.type, id = record.id, status = record.status }
  end
  if console.json then
    console:data({
      stack = state.stack, environment = state.environment, lineage = state.lineage, serial = state.serial, resources = core.array(public),
    }, { indent = 2 })
  else
    if #rows == 0 then console:note(text.nothing_yet.state) end
    console:print(columns.lines(rows))
  end
end

local function add_values(lines, title, map, look)
  local paths = {}
  for key in pairs(map or {}) do paths[#paths + 1] = key end
  if #paths == 0 then return end
  table.sort(paths)
  lines[#lines + 1] = look:paint("bold", title)
  for _, path in ipairs(paths) do
    for _, part in ipairs(value.parts(path, map[path])) do
      if not value.absent(part.value) then lines[#lines + 1] = ("  %s: %s"):format(part.path, value.text(part.value)) end
    end
  end
end

---@param record table
---@param console scw.Console
function state_view.show(record, console)
  if console.json then
    console:data(state_view.public(record), { indent = 2 })
    return
  end
  local look = console.style
  local lines = { look:paint("bold", record.address) }
  local rows = {}
  for _, fact in ipairs({ "type", "id", "status", "source" }) do
    if record[fact] then rows[#rows + 1] = { fact, tostring(record[fact]) } end
  end
  for _, line in ipairs(columns.lines(rows, { indent = 2 })) do lines[#lines + 1] = line end
  add_values(lines, "place", record.place, look)
  add_values(lines, "inputs", record.inputs, look)
  add_values(lines, "outputs", record.outputs, look)
  if #(record.dependencies or {}) > 0 then
    local dependencies = { table.unpack(record.dependencies) }
    table.sort(dependencies)
    lines[#lines + 1] = look:paint("bold", "needs")
    for _, address in ipairs(dependencies) do lines[#lines + 1] = "  " .. address end
  end
  console:print(lines)
end

return state_view
