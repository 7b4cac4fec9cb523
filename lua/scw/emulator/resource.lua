--- One kind of resource behind its paths: create, list, read, update, delete, and what passes in between.
---
--- A behaviour file declares a resource in this vocabulary. What its type (scw.types) says need not be said again:
---
---   kind       name of the type; also the name in the statistics
---   path       collection, item   one resource (path .. "/{id}")      from the type
---   list       name of the array in a list answer                     from the type
---   fields     what bodies hold, by wire name: "str", or { kind =, required =, default =, enum =, create =, update =,
---              hidden = }; `false` takes a field of the type out      added to the type's
---   body       what an answer holds besides: a table of constants, or function(call, values) -> table
---   noun       `resource` of a 404; or missing = function(id) -> answer
---   parent     { kind =, field = "namespace_id", ready = true }: must exist (404) and be ready (409);
---              children go with it unless keep = true
---   unique     { fields }: 409 already_exists when another one in the same scope (`within`: a field, default the
---              project and region) has the same
---   placeless  answers do not show the region or zone
---   wrapped    name of the object in answers, as the oldest services have it: {"server": {…}}, creation answered with 201,
---              pages by `per_page` with the total in a header, `project`, `creation_date` and the like for names
---   uses       { private_network = function(record, id, emulator) -> boolean }: a record that uses another keeps it from
---              being deleted (412)
---   status     { creating = {"creating", 5}, updating = {"updating", 5}, deleting = {"deleting", 5}, ready = "ready",
---              field = "status", message = "error_message" }: words and virtual seconds; a change while passing is
---              refused with 409; the message is absent while passing and "" when ready
---   update     "PATCH" | "PUT" | false, delete "object" (200, with the object) | "empty" (204) | false,
---              create = false, read = false
---   filters    own filters of the list, page_size its default
---   owner      which owner ids an answer shows: "project" (default) the project and its organisation, "bare" the project,
---              "organization" that, "parent" none (they belong to what their parent belongs to)
---   before     function(call), ahead of every call
---   hooks      prepare(call, values), created(call, record), patched(call, record, values, before),
---              removing(call, record), removed(emulator, record), view(call, record, body), settled(emulator, record, step),
---              passes(record, values) -> boolean: does this update take time,
---              outcome(emulator, record, verb) -> nil | { status =, message =, after = } instead of ready
---   actions    { ["POST redeploy"] = function(call, record) -> answer | nil (the object) } below the item
---   routes     { ["GET /any/path/{x}"] = function(call) -> answer }
local answer = require "scw.emulator.answer"
local calls = require "scw.emulator.calls"
local catalogue = require "scw.schema.catalogue"
local core = require "core"
local model = require "scw.emulator.model"

local resource = {}

---@class scw.emulator.Resource
local methods = {}
local metatable = { __index = methods }

resource.is_uuid = model.is_uuid

-- Passing from one state to the next ----------------------------------------------------------------------------------

--- Applies what the clock made due. Returns the record, nil when it went away.
---@param record scw.emulator.Record
---@return scw.emulator.Record|nil
function methods:settle(record)
  local steps = record.steps
  if not steps then return record end
  local now = self.emulator.clock:now()
  while steps[1] and steps[1].at <= now do
    local step = table.remove(steps, 1)
    if step.remove then
      self:remove(record)
      return nil
    end
    for name, value in next, step.set or {} do record.body[name] = value end
    if not step.quiet then record.body[self.names.updated_at] = self:timestamp(step.at) end
    if self.hooks.settled then self.hooks.settled(self.emulator, record, step) end
    self.collection:put(record)
  end
  if #steps == 0 then record.steps = nil end
  if not record.steps then self.passing[record.id] = nil end
  return record
end

--- Plans what happens to a record: { after = seconds, set = {…} | remove = true, quiet = no new updated_at,
--- lasting = a period of grace, which does not shrink when time is instant }.
--- Replaces what was planned before.
---@param record scw.emulator.Record
---@param steps table[]
function methods:plan(record, steps)
  local total = 0
  record.steps = {}
  for index, step in ipairs(steps) do
    total = total + step.after
    step.at = step.lasting and self.emulator.clock:now() + total or self.emulator.clock:after(total)
    record.steps[index] = step
  end
  self.passing[record.id] = record
  self.collection:put(record)
end

--- Brings every record that is passing up to now, parents first: their end is the end of their children.
function methods:settle_all()
  if self.parent then self.emulator.resources[self.parent.kind]:settle_all() end
  if next(self.passing) == nil then return end
  local ids = {}
  for id in next, self.passing do ids[#ids + 1] = id end
  for _, id in ipairs(ids) do
    local record = self.passing[id]
    if record then self:settle(record) end
  end
end

--- Ends a record at once, and what hangs on it.
function methods:remove(record)
  self.passing[record.id] = nil
  self.collection:remove(record.id)
  for _, child in ipairs(self.children) do
    if not child.parent.keep then
      for _, other in ipairs(child.collection:by(child.parent.field, record.id)) do child:remove(other) end
    end
  end
  if self.hooks.removed then self.hooks.removed(self.emulator, record) end
end

--- The record as of now, nil when there is none.
---@param id string
function methods:get(id)
  if self.parent then self.emulator.resources[self.parent.kind]:settle_all() end
  local record = id and self.collection:get(id)
  return record and self:settle(record)
end

--- Every record as of now.
function methods:each()
  self:settle_all()
  return self.collection:each()
end

--- The records whose body has this value at this path.
function methods:by(path, value)
  self:settle_all()
  return self.collection:by(path, value)
end

-- Answers ---------------------------------------------------------------------------------------------------------------

---@param id string
function methods:absent(id)
  if self.missing then return self.missing(id) end
  return answer.not_found(self.noun, id)
end

--- The record, or the call ends with this resource's 404.
function methods:need(id)
  local record = self:get(id)
  if not record then answer.refuse(self:absent(id)) end
  return record
end

--- A copy of the values without those that are never answered.
local function visible(fields, values)
  local shown = {}
  for name, value in next, values do
    local field = fields[name]
    if field and field.fields and type(value) == "table" and next(value) ~= nil then value = visible(field.fields, value) end
    if not (field and field.hidden) then shown[name] = value end
  end
  return shown
end

--- What is answered for a record.
function methods:show(call, record)
  local body = visible(self.fields, record.body)
  if self.hooks.view then body = self.hooks.view(call, record, body) or body end
  return body
end

--- The answer for a record: as it is, or under its name.
---@param call table
---@param status integer of an answer that wraps
---@param record scw.emulator.Record
function methods:answer(call, status, record)
  local body = self:show(call, record)
  if not self.wrapped then return answer.reply(200, body) end
  local place = self.path:gsub("{(%w+)}", call.parameters)
  return answer.reply(status, { [self.wrapped] = body }, status == 201 and { location = place .. "/" .. record.id } or nil)
end

--- A time as this resource spells it.
---@param at? number
---@return string
function methods:timestamp(at)
  local text = self.emulator.clock:timestamp(at)
  return self.wrapped and text:gsub("Z$", "+00:00") or text
end

--- Refuses while the record passes from one state to the next.
function methods:refuse_passing(record)
  local status = self.status
  if status and record.steps and self.busy[record.body[status.field]] then
    answer.refuse(answer.transient(self.noun, record.id, record.body[status.field]))
  end
end

--- Starts the passing state of a verb: its word now, the ready word after its seconds.
function methods:begin(record, verb)
  local status = self.status
  local passing = status and status[verb]
  if not passing then return end
  record.body[status.field] = passing[1]
  if status.message then record.body[status.message] = nil end
  if verb == "deleting" then return self:plan(record, { { after = passing[2], remove = true } }) end
  local outcome = self.hooks.outcome and self.hooks.outcome(self.emulator, record, verb) or {}
  local set = { [status.field] = outcome.status or status.ready }
  if status.message then set[status.message] = outcome.message or "" end
  self:plan(record, { { after = outcome.after or passing[2], set = set } })
end

--- Makes a record without any call: for what exists from the start, and for hooks.
---@param body table complete
---@param extra? table further keys of the record ({ builtin = true })
function methods:insert(body, extra)
  local record = { id = body.id or core.uuid(), body = body }
  body.id = record.id
  for name, value in next, extra or {} do record[name] = value end
  self.collection:put(record)
  return record
end

-- Declaring -------------------------------------------------------------------------------------------------------------

local NAMES = {
  project_id = "project_id", organization_id = "organization_id", created_at = "created_at", updated_at = "updated_at",
}
local OLDEST_NAMES = {
  project_id = "project", organization_id = "organization", created_at = "creation_date", updated_at = "modification_date",
}

local function add_routes(self, router)
  local function add(verb, path, handler)
    router:add(verb, path, function(call)
      if self.before then self.before(call) end
      return handler(self, call)
    end)
  end
  if self.create ~= false then add("POST", self.path, calls.create) end
  if self.list then add("GET", self.list_path or self.path, calls.list) end
  if self.read ~= false then add("GET", self.item, calls.read) end
  if self.update then add(self.update, self.item, calls.update) end
  if self.delete then add("DELETE", self.item, calls.delete) end
  for key, action in next, self.actions or {} do
    local verb, name = key:match("^(%S+) (%S+)$")
    add(verb, self.item .. "/" .. name, function(_, call)
      local record = calls.find(self, call)
      local own = action(call, record)
      if answer.is(own) then return own end
      return self:answer(call, 200, record)
    end)
  end
  for key, handler in next, self.routes or {} do
    local verb, path = key:match("^(%S+) (%S+)$")
    router:add(verb, path, handler)
  end
end

local function from_type(self, type)
  local api = type.api
  self.path = self.path or api.path
  self.item = self.item or api.item
  if self.list == nil then self.list = api.list and api.list.field or false end
  if self.update == nil then self.update = api.update and api.update.method or false end
  if self.id == nil and not api.id:find("{", 1, true) then self.id = api.id end
end

--- Puts a declared resource behind its paths.
---@param emulator scw.emulator.Emulator
---@param declaration table
---@return scw.emulator.Resource
function resource.install(emulator, declaration)
  local self = setmetatable({}, metatable)
  for name, value in next, declaration do self[name] = value end
  local type = catalogue.get(declaration.type or declaration.kind)
  if type and type.api then from_type(self, type) end
  self.id, self.owner, self.hooks = self.id or "id", self.owner or "project", self.hooks or {}
  if self.update == nil then self.update = "PATCH" end
  if self.delete == nil then self.delete = "empty" end
  self.item = self.item or self.path .. "/{id}"
  self.fields = model.fields(type, declaration.fields)
  self.names = self.wrapped and OLDEST_NAMES or NAMES
  for _, name in ipairs { self.names.project_id, self.names.organization_id, "region", "zone" } do self.fields[name] = nil end
  if self.status then
    self.status.field, self.status.ready = self.status.field or "status", self.status.ready or "ready"
    self.busy = {}
    for _, verb in ipairs { "creating", "updating", "deleting" } do
      if self.status[verb] then self.busy[self.status[verb][1]] = true end
    end
    for _, word in ipairs(self.status.busy or {}) do self.busy[word] = true end
  end
  self.emulator, self.children, self.passing = emulator, {}, {}
  self.collection = emulator.store:collection(self.kind)
  emulator.resources[self.kind] = self
  add_routes(self, emulator.router)
  return self
end

--- Once everything is declared: makes it known to its parent.
function methods:link()
  if not self.parent then return end
  local above = self.emulator.resources[self.parent.kind]
  above.children[#above.children + 1] = self
end

--- After the memory was read or emptied: which records are passing.
function methods:recall()
  self.passing = {}
  for record in self.collection:each() do
    if record.steps then self.passing[record.id] = record end
  end
end

--- How many objects users made are left.
---@return integer
function methods:live()
  local count = 0
  for record in self:each() do
    if not record.builtin then count = count + 1 end
  end
  return count
end

return resource
