--- Account: projects. One organisation; a project nobody made is the default project of the organisation of that id.
local answer = require "scw.emulator.answer"
local json = require "scw.json"
local resource = require "scw.emulator.resource"

local account = {}

local QUALIFICATION = { architecture_type = "unknown_architecture_type" }

local function default_project(id, at)
  return {
    id = id, name = "default", organization_id = id, description = "", created_at = at, updated_at = at,
  }
end

--- Does the project still hold something? Default VPCs do not count.
local function holder_of(emulator, project)
  local kinds = {}
  for kind in next, emulator.resources do kinds[#kinds + 1] = kind end
  table.sort(kinds)
  for _, kind in ipairs(kinds) do
    local other = emulator.resources[kind]
    if kind ~= "account_project" then
      for _, record in ipairs(other:by(other.names.project_id, project)) do
        if not record.builtin then return kind end
      end
    end
  end
  return emulator.s3 and emulator.s3:project_in_use(project) and "bucket" or nil
end

--- Projects that were deleted must not come back as somebody's default project.
local function is_gone(emulator, id)
  return emulator.store:collection("account_deleted"):get(id) ~= nil
end

local function remember_gone(emulator, record)
  emulator.store:collection("account_deleted"):put { id = record.id, body = {} }
end

local projects = {
  kind = "account_project",
  path = "/account/v3/projects",
  list = "projects",
  fields = {
    name = { kind = "str", required = true },
    description = { kind = "str", default = "" },
    organization_id = { kind = "str", update = false },
  },
  noun = "project_id",
  owner = "organization",
  filters = {
    organization_id = function(record, value) return record.body.organization_id == value end,
    project_ids = function(record, value) return record.id == value end,
  },
  hooks = {
    created = function(call, record)
      local body = {}
      for name, value in next, record.body do body[name] = value end
      body.qualification = json.null -- known to reads only
      call.emulator.resources.account_project.collection:put(record)
      return answer.reply(200, body)
    end,
    view = function(_, _, body) body.qualification = QUALIFICATION end,
    removing = function(call, record)
      if record.id == record.body.organization_id then
        answer.refuse(answer.precondition("protected_resource", "the default project cannot be deleted"))
      end
      local holder = holder_of(call.emulator, record.id)
      if holder then answer.refuse(answer.in_use(("the project still has: %s"):format(holder))) end
    end,
    removed = remember_gone,
  },
}

--- Makes the default project of an organisation that is asked for.
local function adopt(emulator, id)
  local known = emulator.resources.account_project
  if not resource.is_uuid(id) or known:get(id) or is_gone(emulator, id) then return end
  known:insert(default_project(id, emulator.clock:timestamp()), { builtin = true })
end

--- Has this organisation a project of such a name?
local function has_project(emulator, organization, name)
  for _, record in ipairs(emulator.resources.account_project:by("organization_id", organization)) do
    if not name or record.body.name:find(name, 1, true) then return true end
  end
  return false
end

--- Organisations are not kept apart: one that has nothing to show sees what there is.
projects.before = function(call)
  local query = call.query
  adopt(call.emulator, call.parameters.id)
  adopt(call.emulator, query.organization_id)
  if query.organization_id and not has_project(call.emulator, query.organization_id, query.name) then
    query.organization_id = nil
  end
end

account.resources = { projects }

function account.populate(emulator)
  adopt(emulator, emulator.organization_id)
end

return account
