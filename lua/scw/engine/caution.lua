--- What going back by a record alone must not get wrong: secrets that nobody knows any more, data that would be lost, what cannot be
--- changed back, values that the stack's own functions computed.
local deferred = require "scw.schema.deferred"
local equal = require "scw.schema.equal"
local errors = require "scw.errors"
local json = require "scw.json"
local known = require "scw.engine.known"
local origin = require "scw.dsl.origin"
local reference = require "scw.dsl.reference"
local unknown = require "scw.unknown"

local caution = {}

--- The keys that a change's path stands for: names in a map are one key, whatever is in them.
local function keys_of(type, path)
  local keys = { path:match("^[^.%[]+") }
  local rest, field = path:sub(#keys[1] + 1), type.fields[keys[1]]
  while rest ~= "" and field do
    local number = rest:match("^%[(%d+)%]")
    local name = not number and (field.kind == "map" and rest:sub(2) or rest:match("^%.([^.%[]+)"))
    if not number and not name then break end
    keys[#keys + 1] = name or math.tointeger(tonumber(number))
    rest = rest:sub(#(name or number) + (number and 3 or 2))
    field = field.fields and field.fields[name] or field.of
  end
  return keys
end

local function with(container, keys, value, position)
  position = position or 1
  if position > #keys then return value end
  local copy = json.like(container)
  for key, part in next, type(container) == "table" and container or {} do copy[key] = part end
  copy[keys[position]] = with(copy[keys[position]], keys, value, position + 1)
  return copy
end

--- A recorded value as it is now, with secrets that stay.
local function as_present(value)
  if type(value) ~= "table" then return value end
  local mark = deferred.fingerprint(value)
  if mark then return deferred.kept(mark) end
  local copy = json.like(value)
  for key, part in next, value do copy[key] = as_present(part) end
  return copy
end

local function warning(entry, message)
  return { message = ("%s: %s"):format(entry.address, message), address = entry.address, source = entry.node.source }
end

--- Where a node's fields come from, once the value at a pointer is the present one.
local function take_origin(entry, pointer)
  local node, origins = entry.node, {}
  local now = entry.record.origins or {}
  for other, packed in next, node.origins or {} do
    if not origin.touches({ [other] = true }, pointer) then origins[other] = packed end
  end
  for other, packed in next, now do
    if origin.touches({ [other] = true }, pointer) then origins[other] = packed end
  end
  node.origins = next(origins) and origins or false
end

--- Takes the wish for a field back: it stays what it is. Once: what differs all the same differs for another reason.
---@return boolean done
local function leave(self, entry, keys, value, message)
  local pointer = origin.pointer(keys)
  local left = self.left[entry.address] or {}
  self.left[entry.address] = left
  if left[pointer] then return false end
  left[pointer] = true
  entry.node.fields = with(entry.node.fields, keys, value)
  take_origin(entry, pointer)
  self.warnings[#self.warnings + 1] = warning(entry, message)
  return true
end

--- Would this change need a secret that nobody can tell?
local function needs_closed(self, entry, change)
  return change.new ~= nil and not change.option
    and origin.touches(self.gaps.closed[entry.address], origin.pointer(keys_of(entry.type, change.path)))
end

--- A secret that is not what it was and that nobody can tell stays what it is.
local function keep_secret(self, entry, change)
  if not needs_closed(self, entry, change) then return false end
  local keys, present = keys_of(entry.type, change.path), entry.record.inputs
  local top, actual = keys[1], entry.observed and entry.observed.fields or present
  if not change.secret or #keys > 1 and reference.is(entry.node.fields[top]) then
    return leave(self, entry, { top }, as_present(present[top]), top .. " stays as it is: a secret in it is not known any more")
  elseif entry.type.fields[top].kind == "map" and reference.dig(actual, keys) == nil then
    return leave(self, entry, keys, nil, change.path .. " does not come back: this secret is not known any more")
  end
  return leave(self, entry, keys, deferred.kept(deferred.fingerprint(reference.dig(present, keys))),
    change.path .. " stays as it is: the secret it was is not known any more")
end

local ONE_WAY = { off = true, decrease = true }

--- What only grows, or cannot be switched off, does not go back in place.
local function keep_one_way(self, entry, change)
  local name = change.field
  local field = entry.type.fields[name]
  if not change.replace or not field or not ONE_WAY[field.replace] then return false end
  local actual = entry.observed and entry.observed.fields or entry.record.inputs
  return leave(self, entry, { name }, as_present(actual[name]), name .. " stays as it is: it cannot be changed back in place")
end

--- Takes wishes back that cannot be fulfilled; true when there were some.
local function settle(self, entry)
  local settled = false
  if not entry.record or entry.step.action == "create" then return false end
  for _, change in ipairs(entry.step.changes) do
    if keep_one_way(self, entry, change) or keep_secret(self, entry, change) then settled = true end
  end
  return settled
end

local function refuse(context, entry, message, hint)
  local node = entry.node
  context.problems[#context.problems + 1] = errors.new({
    code = "INFRA_001", kind = "protected", message = ("%s: %s"):format(entry.address, message), hint = hint, address = entry.address,
    source = node and node.source or entry.record and entry.record.source,
  })
end

--- How to go back without this resource: as it is now with all that needs it, or, when there is none now, without what needs it.
local function way_around(entry)
  local is_there = entry.record and entry.step.action ~= "create"
  return (is_there and "leave it as it is with --leave %s" or "leave it out with --exclude %s"):format(entry.address)
end

local function never_ready(record) return record.status == "creating" or record.status == "tainted" end

--- Is the value that this resource stands for made when it is made?
local function is_generated(entry)
  for _, name in ipairs(entry.type.order) do
    local by = entry.type.fields[name].generate
    if by and entry.inputs[by] ~= nil then return true end
  end
  return false
end

--- What would be lost by a step, nil when nothing is.
local function loss_of(entry)
  local action, present = entry.step.action, entry.record
  local data, generated = entry.type.holds_data, entry.node and is_generated(entry)
  if entry.deposed_of or not data and not generated then return nil end
  if action == "create" then
    if not data then return "its generated value does not come back: another one would be made" end
    return "it held data that does not come back: it would be made anew, empty"
  elseif action == "replace" and not never_ready(present) then
    if not data then return "its generated value would be lost, and the one of then does not come back: " .. entry.step.reason end
    return "it holds data that a replacement loses: " .. entry.step.reason
  elseif action == "delete" and data and not never_ready(present) then
    return "it holds data, and did not exist then: it would be deleted"
  end
  return nil
end

local function check_loss(self, context, entry)
  local step, present, lost = entry.step, entry.record, loss_of(entry)
  if lost and not self.gaps.confirmed[entry.address] then
    refuse(context, entry, lost, ("confirm it with --lose-data %s, or %s"):format(entry.address, way_around(entry)))
  elseif lost and step.action ~= "delete" then -- a deletion has its warning
    context.warnings[#context.warnings + 1] = warning(entry, lost)
  end
  if step.action == "replace" and present.options and present.options.protect and not entry.node.options.protect then
    refuse(context, entry, ("it is protected, but would have to be replaced: %s"):format(step.reason), way_around(entry))
  end
end

local function sorted(pointers)
  local names = {}
  for pointer in next, pointers do names[#names + 1] = pointer end
  table.sort(names)
  return names
end

--- A pointer as people read paths.
local function shown(pointer) return (pointer:gsub("^/", ""):gsub("/", "."):gsub("~1", "/"):gsub("~0", "~")) end

--- What is made anew needs every secret in clear, and so does what is sent again.
local function check_secrets(self, context, entry)
  local action, missing = entry.step.action, {}
  if action == "create" or action == "replace" then
    for pointer in next, self.gaps.closed[entry.address] do missing[pointer] = "it would have to be made anew" end
  else
    for _, change in ipairs(entry.step.changes) do
      if needs_closed(self, entry, change) then
        missing[origin.pointer(keys_of(entry.type, change.path))] = "it would have to be changed"
      end
    end
  end
  for _, pointer in ipairs(sorted(missing)) do
    refuse(context, entry, ("%s, but its secret %s is not known any more"):format(missing[pointer], shown(pointer)),
      "apply a source that gives it, or " .. way_around(entry))
  end
end

--- An attribute as it was then.
local function then_of(self, attribute)
  local record = self.gaps.past.resources[attribute[1]]
  if not record then return nil end
  local name = attribute[2]
  if name == "id" then return record.id end
  local value = record.outputs[name]
  if value == nil then value = record.inputs[name] end
  if value == nil then value = record.place[name] end
  return reference.dig(value, attribute, 3)
end

--- What a function of the stack computed is right as long as it would be given the same.
local function check_opaque(self, context, entry)
  local action, changed = entry.step.action, {}
  for _, change in ipairs(entry.step.changes) do changed[origin.pointer(keys_of(entry.type, change.path))] = true end
  for _, pointer in ipairs(sorted(self.gaps.opaque[entry.address])) do
    local matters = action == "create" or action == "replace" or origin.touches(changed, pointer)
    for _, attribute in ipairs(matters and self.gaps.opaque[entry.address][pointer] or {}) do
      local other = context.entries[attribute[1]]
      local value = other and known.attribute(other, { table.unpack(attribute, 2) }, context.fingerprints)
      if other and (value == unknown or not equal.plain(value, then_of(self, attribute))) then
        refuse(context, entry, ("%s was computed by the stack from %s.%s, which is not what it was then"):format(shown(pointer),
          attribute[1], table.concat(attribute, ".", 2)), "apply its source, or " .. way_around(entry))
        break
      end
    end
  end
end

--- A `review` of `scw.PlanFacts`: takes back what cannot be wished for, refuses what must not happen unasked, says what stays.
---@param gaps scw.Rollback
---@return fun(context: scw.PlanContext, steps: scw.Step[]): boolean
function caution.review(gaps)
  local self = { gaps = gaps, left = {}, warnings = {} }
  return function(context, steps)
    local settled = false
    for _, step in ipairs(steps) do
      local entry = context.entries[step.address]
      if entry.node then settled = settle(self, entry) or settled end
    end
    if settled then return true end
    for _, step in ipairs(steps) do
      local entry = context.entries[step.address]
      if entry.type then check_loss(self, context, entry) end
      if entry.node then
        check_secrets(self, context, entry)
        check_opaque(self, context, entry)
      end
    end
    table.move(self.warnings, 1, #self.warnings, #context.warnings + 1, context.warnings)
    return false
  end
end

return caution
