--- Values in clear, for the calls of an apply. Secrets are fetched when somebody needs them, once, and kept in memory only.
local core = require "core"
local errors = require "scw.errors"
local fingerprint = require "scw.engine.fingerprint"
local known = require "scw.engine.known"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"
local typing = require "scw.engine.typing"

local plain = {}

--- The work behind a key is done once, whoever asks; others wait for it.
local function single(run, key, work)
  local slot = run.clear[key]
  if not slot then
    slot = { done = false, changed = core.event() }
    run.clear[key] = slot
    slot.value, slot.err = work()
    slot.done = true
    if slot.err then run.clear[key] = nil end
    slot.changed:set()
  end
  while not slot.done do
    local ok, failure = slot.changed:wait()
    if not ok then return nil, errors.wrap(failure, "interrupted while waiting for a secret") end
  end
  return slot.value, slot.err
end

local function secret_output(run, entry, name)
  local kept = run.vault[entry.address]
  if kept and kept[name] ~= nil then return kept[name] end
  local output = entry.type.outputs[name]
  if output.once then
    return nil, errors.new({
      code = "INFRA_005", message = ("the %s of %s is told only at its creation"):format(name, entry.address),
      hint = "plan again: it will be replaced", address = entry.address,
    })
  end
  return single(run, entry.address .. "\0" .. entry.id .. "\0" .. name, function()
    return run.crud.fetch(run.client, entry.type, {
      address = entry.address, type = entry.type.name, id = entry.id, place = entry.place, inputs = entry.inputs, outputs = entry.outputs,
    }, name)
  end)
end

--- The function that `reference.resolve` asks for attributes.
---@param run scw.Run
---@return fun(address: string, path: (string|integer)[]): any, scw.Error?
function plain.lookup(run)
  local lookup
  lookup = function(address, path)
    local entry, name = run.entries[address], path[1]
    local output = entry.type.outputs[name]
    if output and output.secret then return secret_output(run, entry, name) end
    if output or name == "id" or not fingerprint.is_secret(entry.type, path) then
      return known.attribute(entry, path, run.fingerprints)
    end
    local value, err = single(run, address .. "\0" .. name, function() return reference.resolve(entry.node.fields[name], lookup) end)
    if err then return nil, err end
    return reference.dig(value, path, 2)
  end
  return lookup
end

--- All fields in clear, completed.
---@param run scw.Run
---@param node scw.Node
---@return table|nil, scw.Error|nil
function plain.fields(run, node)
  local fields = node.fields
  if node.deferred then
    local err
    fields, err = reference.resolve(fields, plain.lookup(run))
    err = err or typing.problem(node, fields, true)
    if err then return nil, err end
  end
  return schema.defaults(node.type, fields)
end

--- The fields of an update: what changes is in clear, other secrets stay marks.
---@param run scw.Run
---@param entry scw.Entry
---@param changes scw.schema.Change[]
---@return table|nil, scw.Error|nil
function plain.changed(run, entry, changes)
  local type, node, lookup = entry.type, entry.node, plain.lookup(run)
  local values = {}
  for name, value in next, entry.inputs do values[name] = value end
  for _, name in ipairs(fingerprint.secret_fields(type)) do
    local declared, keys, whole = node.fields[name], {}, false
    for _, change in ipairs(changes) do
      if (change.field or change.path) == name then
        local key = change.path:sub(#name + 2)
        local by_key = type.fields[name].kind == "map" and key ~= "" and _G.type(declared) == "table" and not reference.is(declared)
        if by_key then keys[#keys + 1] = key else whole = true end
      end
    end
    if whole then
      local value, err = reference.resolve(declared, lookup)
      if err then return nil, err end
      values[name] = value
    elseif #keys > 0 then
      values[name] = {}
      for key, mark in next, entry.inputs[name] or {} do values[name][key] = mark end
      for _, key in ipairs(keys) do
        local value, err = reference.resolve(declared[key], lookup)
        if err then return nil, err end
        values[name][key] = value
      end
    end
  end
  return schema.defaults(type, values)
end

return plain
