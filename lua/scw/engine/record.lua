--- Between what a resource call answers and what the state keeps of it.
local core = require "core"
local deferred = require "scw.schema.deferred"
local equal = require "scw.schema.equal"
local unknown = require "scw.unknown"

local record = {}

--- What the state keeps of an answer besides the inputs: outputs that are not secret, and fields that the service decided.
---@param type scw.schema.Type
---@param inputs table
---@param result { fields?: table, outputs?: table }
---@return table
function record.outputs(type, inputs, result)
  local outputs = {}
  for _, name in ipairs(type.output_order) do
    if not type.outputs[name].secret and result.outputs then outputs[name] = result.outputs[name] end
  end
  for _, name in ipairs(type.order) do
    local field = type.fields[name]
    if field.computed and not field.secret and inputs[name] == nil and result.fields then outputs[name] = result.fields[name] end
  end
  return outputs
end

--- Where a resource lives, as far as its type cares.
---@param type scw.schema.Type
---@param place table
---@return table
function record.place(type, place)
  if type.driver == "local" then return {} end
  return {
    region = type.locality ~= "global" and place.region or nil, zone = type.locality == "zone" and place.zone or nil,
    project = place.project, organization = place.organization,
  }
end

--- The options that outlive the declaration.
---@param options table
---@param replace_on any resolved
---@return table
function record.options(options, replace_on)
  return { protect = options.protect or nil, retain_on_delete = options.retain_on_delete or nil, replace_on = replace_on }
end

---@param entry scw.Entry
---@param status string
---@return scw.state.Record
function record.of(entry, status)
  local node = entry.node
  return {
    address = entry.address, type = entry.type.name, id = entry.id ~= unknown and entry.id or nil, place = entry.place,
    inputs = entry.inputs, outputs = {}, dependencies = core.array({ table.unpack(node.needs) }), status = status, schema = 1,
    options = entry.options, source = node.source,
  }
end

--- Is a planned value without anything that is known only later?
---@param value any
---@return boolean
function record.is_known(value) return not deferred.unknown(value) end

record.same = equal.plain

return record
