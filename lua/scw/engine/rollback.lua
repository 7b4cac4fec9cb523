--- What an earlier deployment wanted, by what its snapshot says: without the source of then, or of now. Pure.
---
--- Recorded inputs become declarations again, with references where the record says that a value came from one; planning, walking and
--- saving are those of any deployment. What only a source would know is noted for `caution.lua`, which looks after it.
local deferred = require "scw.schema.deferred"
local equal = require "scw.schema.equal"
local errors = require "scw.errors"
local fingerprint = require "scw.engine.fingerprint"
local json = require "scw.json"
local model = require "scw.state.model"
local origin = require "scw.dsl.origin"
local reference = require "scw.dsl.reference"
local selection = require "scw.engine.selection"
local suggest = require "scw.suggest"

local rollback = {}

---@class scw.Rollback
---@field past scw.state.Document what is wished for: of then, but for what stays as it is now
---@field now scw.state.Document
---@field catalogue { get: fun(name: string): scw.schema.Type|nil }
---@field confirmed table<string, boolean> addresses whose data may be lost
---@field kept table<string, table<string, boolean>> by address and pointer: secrets of which only the fingerprint is known
---@field closed table<string, table<string, boolean>> by address and pointer: secrets that nobody can tell in clear
---@field opaque table<string, table<string, table[]>> by address and pointer: what a function of the stack computed a value from
---@field built table<string, table> declared fields by address
local methods = {}
local metatable = { __index = methods }

--- The output of a type that reads a secret field back.
local function reading_output(type, field)
  for _, name in ipairs(type.output_order) do
    local output = type.outputs[name]
    if output.secret and output.fetch and field.wire.create and equal.plain(output.wire.read, field.wire.create) then return name end
  end
  return nil
end

--- Where secrets that were given from outside can be read now: by fingerprint, what holds them.
local function find_readers(self)
  local readers = {}
  for _, record in ipairs(model.sorted(self.now)) do
    local former, type = self.past.resources[record.address], self.catalogue.get(record.type)
    local stays = type and former and former.id == record.id and record.status == "ready"
    for pointer, packed in next, stays and record.origins or {} do
      local field = packed.outside and type.fields[pointer:sub(2)]
      local output = field and field.secret and reading_output(type, field)
      if output and not readers[packed.outside] then readers[packed.outside] = { record.address, output } end
    end
  end
  return readers
end

--- What origins may refer to, for the fields of one record. `loss.closed`: something in it cannot be told in clear.
local function surroundings(self, address, loss)
  local function attribute(other, path)
    local record = self.past.resources[other]
    local type = record and self.catalogue.get(record.type)
    if not type then return nil end -- a lookup, or what this program does not know
    local secret = fingerprint.is_secret(type, path)
    if secret and type.fields[path[1]] then
      self:fields_of(record)
      local pointer = origin.pointer(path)
      if origin.touches(self.kept[other], pointer) then return nil end
      loss.closed = loss.closed or origin.touches(self.closed[other], pointer)
    end
    return reference.attribute(other, path, { type = record.type, secret = secret })
  end
  local function outside(mark)
    local reader = self.readers[mark]
    if reader and reader[1] ~= address then
      return reference.recalled(mark, reference.attribute(reader[1], { reader[2] }, { secret = true }))
    end
    loss.closed = true
    return reference.recalled(mark)
  end
  return { attribute = attribute, outside = outside }
end

--- A recorded value with references where it came from one; what it cannot say is noted.
---@param self scw.Rollback
---@param address string
---@param value any
---@param origins table<string, table>|nil
---@param first? string what the pointers of these origins begin with
---@param keep? fun(mark: string): table what stands for a secret of which only the mark is known
local function declared(self, address, value, origins, first, keep)
  local kept, closed, opaque = {}, {}, {}
  self.kept[address], self.closed[address], self.opaque[address] = kept, closed, opaque
  local function visit(part, pointer)
    local packed = origins and origins[pointer]
    if packed then
      local loss = {}
      local restored = origin.restore(packed, surroundings(self, address, loss))
      if restored ~= nil then
        closed[pointer] = loss.closed or nil
        return restored
      end
    end
    if type(part) ~= "table" then
      if packed and packed.opaque then opaque[pointer] = packed.opaque end
      return part
    end
    local mark = deferred.fingerprint(part)
    if mark then
      kept[pointer], closed[pointer] = true, true
      return (keep or deferred.kept)(mark)
    end
    if packed and packed.opaque then opaque[pointer] = packed.opaque end
    local copy = json.like(part)
    for key, inner in next, part do copy[key] = visit(inner, pointer .. origin.pointer({ key })) end
    return copy
  end
  return visit(value, first or "")
end

--- What the service decided then, where something else is asked for now, is wished for as it was.
local function add_decided(self, record, fields)
  local type, now = self.catalogue.get(record.type), self.now.resources[record.address]
  for _, name in ipairs(type and now and now.type == record.type and type.order or {}) do
    local decides = type.fields[name].computed and fields[name] == nil and now.inputs[name] ~= nil
    if decides then fields[name] = record.outputs[name] end
  end
end

--- The declared fields of a record of then.
---@param record scw.state.Record
---@return table
function methods:fields_of(record)
  local address = record.address
  if not self.built[address] then
    self.built[address] = {}
    self.built[address] = declared(self, address, record.inputs, record.origins)
    add_decided(self, record, self.built[address])
  end
  return self.built[address]
end

--- What has another address now, by the one it had then.
local function find_moved(past, now)
  local elsewhere, moved = {}, {}
  for _, record in ipairs(model.sorted(now)) do
    if record.id and not past.resources[record.address] then
      elsewhere[record.type .. "\0" .. record.id] = record.address
    end
  end
  for _, record in ipairs(model.sorted(past)) do
    if record.id and not now.resources[record.address] then
      moved[record.address] = elsewhere[record.type .. "\0" .. record.id]
    end
  end
  return moved
end

--- A value that is only compared is as good as its mark.
local function bare_mark(mark) return { ["$secret"] = mark } end

local function declaration_of(self, record, moved)
  local address, origins, options, needs = record.address, record.origins or {}, {}, {}
  local fields = self:fields_of(record)
  for name, option in next, record.options or {} do options[name] = option end
  options.replace_on = declared(self, address .. " replace_on", options.replace_on, origins, "replace_on", bare_mark)
  options.aliases = moved[address] and { moved[address] } or nil
  for _, needed in ipairs(record.dependencies) do
    if self.past.resources[needed] then needs[#needs + 1] = needed end
  end
  local place = {}
  for _, kind in ipairs({ "project", "organization" }) do
    place[kind] = origins[kind] and origin.restore(origins[kind], surroundings(self, address, {})) or record.place[kind]
  end
  return {
    address = address, type = record.type, name = address:match("([^.]*)$"), module = address:match("^(.*)/[^/]*$") or "",
    fields = fields, options = options, needs = needs, uses = {}, source = record.source, lookup = false,
    region = record.place.region, zone = record.place.zone, project = place.project, organization = place.organization,
    origins = record.origins or false, dependencies = record.dependencies,
  }
end

local function outputs_of(self)
  local outputs = {}
  for name, output in next, self.past.outputs do
    local value = declared(self, "output " .. name, output.value, output.origins)
    outputs[#outputs + 1] = { name = name, value = value, secret = output.secret, origins = output.origins }
  end
  table.sort(outputs, function(a, b) return a.name < b.name end)
  return outputs
end

local function is_same(address, named) return address == named end

--- Calls `found(address)` for what an option names, of now or then. Problems for what it does not find.
local function each_named(past, now, named, option, matches, problems, found)
  for _, word in ipairs(named or {}) do
    local names, any = {}, false
    for _, resources in ipairs({ past.resources, now.resources }) do
      for address in next, resources do
        names[#names + 1] = address
        if matches(address, word) then
          found(address)
          any = true
        end
      end
    end
    if not any then
      problems[#problems + 1] = errors.new({
        code = "INFRA_004", kind = "not_found", message = ("%s %s: there is no such resource, now or then"):format(option, word),
        hint = suggest.hint(word, names),
      })
    end
  end
end

--- The state of then, but for what is to stay as it is now.
local function with_kept(past, now, kept)
  local composed, resources = {}, {}
  for name, value in next, past do composed[name] = value end
  for address, record in next, past.resources do resources[address] = record end
  for address in next, kept do resources[address] = now.resources[address] end
  composed.resources = resources
  return composed
end

---@class scw.RollbackFacts
---@field stack scw.dsl.Stack
---@field back scw.Back
---@field now scw.state.Document
---@field catalogue { get: fun(name: string): scw.schema.Type|nil }
---@field leave? string[] addresses and modules that stay as they are now
---@field lose_data? string[] addresses whose data may be lost

--- What a deployment wanted, as a stack.
---@param facts scw.RollbackFacts
---@return scw.dsl.Stack|nil wanted the stack with the declarations and outputs of then
---@return scw.Rollback|scw.Error gaps what these declarations cannot say
function rollback.wanted(facts)
  local past, now, problems = facts.back.document, facts.now, {}
  local confirmed, kept = {}, {}
  each_named(past, now, facts.lose_data, "--lose-data", is_same, problems, function(address) confirmed[address] = true end)
  each_named(past, now, facts.leave, "--leave", selection.matches, problems, function(address) kept[address] = true end)
  if #problems > 0 then return nil, errors.several(problems) end
  local self = setmetatable({
    past = with_kept(past, now, kept), now = now, catalogue = facts.catalogue, confirmed = confirmed, kept = {}, closed = {}, opaque = {},
    built = {},
  }, metatable)
  self.readers = find_readers(self)
  local moved, declarations = find_moved(self.past, self.now), {}
  for index, record in ipairs(model.sorted(self.past)) do declarations[index] = declaration_of(self, record, moved) end
  local wanted = setmetatable({ declarations = declarations, outputs = outputs_of(self), checks = {} }, { __index = facts.stack })
  return wanted, self
end

return rollback
