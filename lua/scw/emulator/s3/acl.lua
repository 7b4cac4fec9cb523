--- Access control lists: canned ones, grants in headers, grants in XML; who may do what by them.
local errors = require "scw.emulator.s3.errors"
local xml = require "scw.emulator.s3.xml"

local acl = {}

---@class scw.emulator.s3.Grant
---@field id? string canonical user, `<project>:<project>`
---@field group? string "AllUsers" or "AuthenticatedUsers"
---@field permission string FULL_CONTROL, READ, WRITE, READ_ACP or WRITE_ACP

local GROUPS = "http://acs.amazonaws.com/groups/global/"
local INSTANCE = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type='
local permissions = { FULL_CONTROL = true, READ = true, WRITE = true, READ_ACP = true, WRITE_ACP = true }
local groups = { AllUsers = true, AuthenticatedUsers = true }
local grant_headers = {
  ["x-amz-grant-full-control"] = "FULL_CONTROL", ["x-amz-grant-read"] = "READ", ["x-amz-grant-read-acp"] = "READ_ACP",
  ["x-amz-grant-write"] = "WRITE", ["x-amz-grant-write-acp"] = "WRITE_ACP",
}
local grant_header_names = {
  "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp",
}
local canned = {
  ["private"] = {},
  ["public-read"] = { { "AllUsers", "READ" } },
  ["public-read-write"] = { { "AllUsers", "READ" }, { "AllUsers", "WRITE" } },
  ["authenticated-read"] = { { "AuthenticatedUsers", "READ" } },
  ["bucket-owner-read"] = {},
  ["bucket-owner-full-control"] = {},
}

--- How the service writes a project as an owner.
---@param project_id string
---@return string
function acl.owner(project_id) return project_id .. ":" .. project_id end

--- A project's id, or `<id>:<id>`, as an owner; nil when it is neither.
local function owner_of(text)
  local first, second = text:match("^([%x-]+):([%x-]+)$")
  if first then return first == second and text or nil end
  return text:find("^[%x-]+$") and acl.owner(text) or nil
end

---@param name string
---@param project_id string
---@return scw.emulator.s3.Grant[]? grants nil when no canned list has that name
function acl.canned(name, project_id)
  local further = canned[name]
  if not further then return nil end
  local grants = { { id = acl.owner(project_id), permission = "FULL_CONTROL" } }
  for _, grant in ipairs(further) do grants[#grants + 1] = { group = grant[1], permission = grant[2] } end
  return grants
end

local function grants_of_headers(headers)
  local grants = {}
  for _, header in ipairs(grant_header_names) do
    for kind, value in (headers[header] or ""):gmatch("(%a+)%s*=%s*\"?([^\",]+)\"?") do
      local grant = { permission = grant_headers[header] }
      if kind == "id" then
        grant.id = owner_of(value:match("^%s*(.-)%s*$"))
      elseif kind == "uri" then
        grant.group = value:sub(1, #GROUPS) == GROUPS and value:sub(#GROUPS + 1) or nil
      end
      if not grant.id and not groups[grant.group or ""] then return errors.fail("InvalidArgument", "Invalid grantee: " .. value) end
      grants[#grants + 1] = grant
    end
  end
  return grants
end

--- The list the headers of a request ask for.
---@param headers table<string, string>
---@param project_id string of the owner
---@return scw.emulator.s3.Grant[]? grants nil without an error: the headers do not speak of it
---@return scw.emulator.s3.Error?
function acl.from_headers(headers, project_id)
  local name, grants_asked = headers["x-amz-acl"], false
  for _, header in ipairs(grant_header_names) do grants_asked = grants_asked or headers[header] ~= nil end
  if name and grants_asked then
    return errors.fail("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
  end
  if grants_asked then return grants_of_headers(headers) end
  if not name then return nil end
  local grants = acl.canned(name, project_id)
  if not grants then return errors.fail("InvalidArgument", nil, { { "ArgumentName", "x-amz-acl" }, { "ArgumentValue", name } }) end
  return grants
end

local function read_grant(node)
  local grantee, permission = xml.child(node, "Grantee"), xml.text(node, "Permission")
  if not grantee or not permissions[permission or ""] then return nil end
  local id, uri = xml.text(grantee, "ID"), xml.text(grantee, "URI")
  if id then
    id = owner_of(id)
    return id and { id = id, permission = permission }
  end
  local group = uri and uri:sub(1, #GROUPS) == GROUPS and uri:sub(#GROUPS + 1)
  return group and groups[group] and { group = group, permission = permission } or nil
end

--- The list a body asks for.
---@param body string
---@param project_id string of the owner, who must be named as such
---@return scw.emulator.s3.Grant[]?
---@return scw.emulator.s3.Error?
function acl.from_xml(body, project_id)
  local root = xml.read(body, "AccessControlPolicy")
  local list = root and xml.child(root, "AccessControlList")
  local owner = root and xml.child(root, "Owner")
  if not list or not owner then return errors.fail("MalformedACLError") end
  if owner_of(xml.text(owner, "ID") or "") ~= acl.owner(project_id) then return errors.fail("AccessDenied") end
  local grants = {}
  for i, node in ipairs(list) do
    local grant = node.name == "Grant" and read_grant(node)
    if not grant then return errors.fail("MalformedACLError") end
    grants[i] = grant
  end
  return grants
end

local function user(id) return xml.element("ID", id) .. xml.element("DisplayName", id) end

---@param project_id string
---@return string xml
function acl.owner_element(project_id)
  local id = xml.escape(acl.owner(project_id))
  return "<Owner><DisplayName>" .. id .. "</DisplayName><ID>" .. id .. "</ID></Owner>"
end

---@param grants scw.emulator.s3.Grant[]
---@param project_id string of the owner
---@return string xml a whole document
function acl.document(grants, project_id)
  local parts = { acl.owner_element(project_id), "<AccessControlList>" }
  for _, grant in ipairs(grants) do
    parts[#parts + 1] = "<Grant><Grantee " .. INSTANCE
      .. (grant.id and '"CanonicalUser">' .. user(grant.id) or '"Group">' .. xml.element("URI", GROUPS .. grant.group))
      .. "</Grantee>" .. xml.element("Permission", grant.permission) .. "</Grant>"
  end
  parts[#parts + 1] = "</AccessControlList>"
  return xml.document("AccessControlPolicy", table.concat(parts), true)
end

--- Does the list give this permission to the caller?
---@param grants scw.emulator.s3.Grant[]
---@param caller scw.emulator.s3.Caller
---@param permission string
---@return boolean
function acl.allows(grants, caller, permission)
  for _, grant in ipairs(grants) do
    if grant.permission == permission or grant.permission == "FULL_CONTROL" then
      if grant.group == "AllUsers" or not caller.anonymous
        and (grant.group == "AuthenticatedUsers" or grant.id == acl.owner(caller.project_id)) then
        return true
      end
    end
  end
  return false
end

return acl
