--- What the calls of a resource do: create, list, read, update, delete.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"
local listing = require "scw.emulator.listing"
local model = require "scw.emulator.model"

local calls = {}

local function parent_of(self, call, values)
  local parent = self.parent
  if not parent then return nil end
  local id = call.parameters[parent.parameter or parent.field] or values[parent.field]
  local above = self.emulator.resources[parent.kind]
  local record = above:need(id)
  values[parent.field] = record.id
  if parent.ready then above:refuse_passing(record) end
  return record
end

local function owners(self, call, values, parent)
  if self.owner == "none" then return nil end
  local from, names = parent and parent.body or call.body, self.names
  local project = parent and parent.project_id or from[names.project_id]
  if self.owner == "parent" then return project end
  if self.owner ~= "organization" then
    if project == nil or project == json.null or project == "" then project = self.emulator.project_id end
    if not model.is_uuid(project) then
      answer.refuse(answer.invalid_argument(names.project_id, "format", "must be a valid UUID"))
    end
    values[names.project_id] = project
  end
  if self.owner == "bare" then return project end
  local organization = from[names.organization_id]
  if type(organization) ~= "string" or organization == "" then
    organization = self.emulator:organization_of(project)
  end
  values[names.organization_id] = organization
  return project
end

local function scope_of(self, body)
  return body[self.within or self.names.project_id]
end

local function merge(target, source)
  for name, value in next, source do
    if target[name] == nil then target[name] = value end
  end
end

local function refuse_twin(self, values, region)
  if not self.unique then return end
  for _, other in ipairs(self:by(self.unique[1], values[self.unique[1]])) do
    local same = scope_of(self, other.body) == scope_of(self, values) and (other.place or other.body).region == region
    for _, name in ipairs(self.unique) do same = same and other.body[name] == values[name] end
    if same then answer.refuse(answer.exists(self.noun, other.id, "name is already used")) end
  end
end

---@param self scw.emulator.Resource
function calls.create(self, call)
  model.check(self.fields, call.body, "create")
  local values = model.values(self.fields, call.body, "create")
  local parent = parent_of(self, call, values)
  local project = owners(self, call, values, parent)
  local place = { region = call.parameters.region, zone = call.parameters.zone }
  if not self.placeless then merge(values, place) end
  if self.hooks.prepare then self.hooks.prepare(call, values) end
  refuse_twin(self, values, place.region)
  model.complete(self.fields, values)
  local extra = type(self.body) == "function" and self.body(call, values) or model.copy(self.body or {})
  merge(values, extra)
  local now, created_at, updated_at = self:timestamp(), self.names.created_at, self.names.updated_at
  values[created_at], values[updated_at] = values[created_at] or now, values[updated_at] or now
  if self.untimed then values[created_at], values[updated_at] = nil, nil end
  local record = { id = values[self.id] or core.uuid(), body = values, place = place, project_id = project }
  values[self.id] = record.id
  self.collection:put(record)
  self:begin(record, "creating")
  local own = self.hooks.created and self.hooks.created(call, record)
  self.collection:put(record)
  if answer.is(own) then return own end
  return self:answer(call, 201, record)
end

--- Is a record where the path of the call says? Bodies that do not tell their place are everywhere.
local function is_here(call, record)
  local region, zone = call.parameters.region, call.parameters.zone
  local place = record.place or record.body
  return (not region or place.region == nil or place.region == region) and (not zone or place.zone == nil or place.zone == zone)
end

--- Everything a list may show: what is in the place of the call, below the parent it names.
local function candidates(self, call, scope)
  local each
  if scope then
    local found, at = self:by(self.parent.field, scope), 0
    each = function()
      at = at + 1
      return found[at]
    end
  else
    each = self:each()
  end
  return function()
    repeat
      local record = each()
      if not record or is_here(call, record) then return record end
    until false
  end
end

--- Walking through pages asks for the same selection again and again: the last one is kept while nothing changed.
local function selection(self, call, scope)
  self:settle_all()
  local place = call.parameters.region or call.parameters.zone or ""
  local key = table.concat({ place, scope or "", listing.key(call.query) }, "|")
  local last = self.selected
  if last and last.key == key and last.version == self.collection.version then return last.found end
  local found = listing.select(candidates(self, call, scope), call.query, self.filters)
  self.selected = { key = key, version = self.collection.version, found = found }
  return found
end

---@param self scw.emulator.Resource
function calls.list(self, call)
  local parent = self.parent
  local scope = parent and call.parameters[parent.parameter or parent.field]
  if scope then
    self.emulator.resources[parent.kind]:need(scope)
  elseif parent and type(call.query[parent.field]) == "string" and not (self.filters and self.filters[parent.field]) then
    scope = call.query[parent.field]
  end
  local page, total = listing.cut(selection(self, call, scope), call.query, self.page_size)
  local shown = {}
  for index, record in ipairs(page) do shown[index] = self:show(call, record) end
  if self.wrapped then return answer.reply(200, { [self.list] = json.array(shown) }, { ["x-total-count"] = tostring(total) }) end
  return answer.reply(200, { [self.list] = json.array(shown), total_count = total })
end

--- The record the path of a call names, or the call ends with a 404.
---@return scw.emulator.Record
function calls.find(self, call)
  local id = call.parameters.id
  local record = self:get(id)
  if not record or not is_here(call, record) then answer.refuse(self:absent(id)) end
  return record
end

---@param self scw.emulator.Resource
function calls.read(self, call)
  return self:answer(call, 200, calls.find(self, call))
end

---@param self scw.emulator.Resource
function calls.update(self, call)
  local record = calls.find(self, call)
  model.check(self.fields, call.body, "update")
  self:refuse_passing(record)
  local values = model.values(self.fields, call.body, "update")
  local before = {}
  for name, value in next, record.body do before[name] = value end
  if self.hooks.patching then self.hooks.patching(call, record, values) end
  for name, value in next, values do record.body[name] = value end
  if not self.untimed then record.body[self.names.updated_at] = self:timestamp() end
  if not self.hooks.passes or self.hooks.passes(record, values) then self:begin(record, "updating") end
  local own = self.hooks.patched and self.hooks.patched(call, record, values, before)
  self.collection:put(record)
  if answer.is(own) then return own end
  return self:answer(call, 200, record)
end

local function mark_children(self, record)
  for _, child in ipairs(self.children) do
    if child.status and child.status.deleting and not child.parent.keep then
      for _, other in ipairs(child.collection:by(child.parent.field, record.id)) do
        other.body[child.status.field] = child.status.deleting[1]
        child.collection:put(other)
        mark_children(child, other)
      end
    end
  end
end

--- Refuses while another resource uses this one.
local function refuse_used(self, record)
  for _, other in next, self.emulator.resources do other:each() end -- what is due to go uses nothing any more
  for _, other in next, self.emulator.resources do
    local uses = other.uses and other.uses[self.kind]
    if uses then
      for user in other:each() do
        if uses(user, record.id, self.emulator) then
          answer.refuse(answer.in_use(("still used by %s %s"):format(other.noun or other.kind, user.id)))
        end
      end
    end
  end
end

---@param self scw.emulator.Resource
function calls.delete(self, call)
  local record = calls.find(self, call)
  self:refuse_passing(record)
  refuse_used(self, record)
  if self.hooks.removing then
    local own = self.hooks.removing(call, record)
    if answer.is(own) then return own end
  end
  if self.status and self.status.deleting then
    if not self.untimed then record.body[self.names.updated_at] = self:timestamp() end
    self:begin(record, "deleting")
    mark_children(self, record)
    return answer.reply(200, self:show(call, record))
  end
  local shown = self.delete == "object" and self:show(call, record)
  self:remove(record)
  if shown then return answer.reply(200, shown) end
  return answer.reply(204)
end

return calls
