--- Between what a resource call answers and what the state keeps of it.
local core = require "core"
local deferred = require "scw.schema.deferred"
local equal = require "scw.schema.equal"
local fingerprint = require "scw.engine.fingerprint"
local model = require "scw.state.model"
local origin = require "scw.dsl.origin"
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
  return {
    protect = options.protect or nil, retain_on_delete = options.retain_on_delete or nil, replace_on = replace_on,
    create_before_destroy = options.create_before_destroy or nil, ignore_changes = options.ignore_changes, timeouts = options.timeouts,
  }
end

local function not_secret() return false end

--- Where the fields of a node come from, nil when nothing refers to anything.
---@param node scw.Node
---@param seal fun(value: string|number): table
---@return table<string, table>|nil
local function origins_of(node, seal)
  local origins = origin.of(node.fields, seal, function(path) return fingerprint.is_secret(node.type, path) end)
  for _, kind in ipairs({ "project", "organization" }) do origins[kind] = origin.of(node.declaration[kind], seal, not_secret)[""] end
  for pointer, packed in next, origin.of(node.options.replace_on, seal, not_secret) do origins["replace_on" .. pointer] = packed end
  return next(origins) and origins or nil
end

--- Where the value of an output comes from, nil when nothing in it refers to anything.
---@param output { value: any, secret?: boolean }
---@param fingerprints scw.Fingerprints
---@return table<string, table>|nil
function record.output_origins(output, fingerprints)
  local origins = origin.of(output.value, function(value) return fingerprints:outside(value) end, function() return output.secret end)
  return next(origins) and origins or nil
end

--- The record that says what a step was asked for.
---@param entry scw.Entry
---@param status string
---@param fingerprints scw.Fingerprints
---@return scw.state.Record
function record.of(entry, status, fingerprints)
  local node = entry.node
  if node.origins == nil and node.deferred then
    node.origins = origins_of(node, function(value) return fingerprints:outside(value) end)
  end
  return {
    address = entry.address, type = entry.type.name, id = entry.id ~= unknown and entry.id or nil, place = entry.place,
    inputs = entry.inputs, outputs = {}, dependencies = core.array({ table.unpack(node.dependencies or node.needs) }), status = status,
    schema = model.SCHEMA, options = entry.options, source = node.source, origins = node.origins or nil,
  }
end

--- Is a planned value without anything that is known only later?
---@param value any
---@return boolean
function record.is_known(value) return not deferred.unknown(value) end

record.same = equal.plain

return record
