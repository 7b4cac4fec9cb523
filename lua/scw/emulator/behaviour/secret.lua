--- Secret Manager: secrets and their versions. What is deleted stays readable for seven days.
local answer = require "scw.emulator.answer"
local core = require "core"
local grace = require "scw.emulator.grace"
local json = require "scw.json"
local listing = require "scw.emulator.listing"

local secret = {}

local REGION = "/secret-manager/v1beta1/regions/{region}"
local SECRETS = REGION .. "/secrets"
local VERSIONS = SECRETS .. "/{secret}/versions"
local MOST_BYTES = 65536

local GONE = { scheduled_for_deletion = true, deleted = true }

-- Values ----------------------------------------------------------------------------------------------------------------

local function text_fields(names, more)
  return function(content)
    for _, name in ipairs(names) do
      if type(content[name]) ~= "string" then return ("- %s: %s is required"):format("(root)", name) end
    end
    return more and more(content)
  end
end

--- What the value of a typed secret must look like: a function that returns what is wrong.
local SHAPES = {
  basic_credentials = text_fields { "username", "password" },
  database_credentials = text_fields({ "engine", "username", "password", "host", "dbname", "port" }, function(content)
    local port = math.tointeger(tonumber(content.port))
    if not port or port < 0 or port > 65535 then return "- port: Does not match a port number" end
  end),
  ssh_key = text_fields { "ssh_private_key" },
  key_value = function(content)
    local names = {}
    for name in next, content do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      if type(content[name]) ~= "string" then
        local kind = type(content[name]) == "table" and "object" or type(content[name])
        return ("- %s: Invalid type. Expected: string, given: %s"):format(name, kind)
      end
    end
  end,
}

local function wrong_data(help)
  answer.refuse(answer.invalid_argument("data", "format", help))
end

local function check_data(kind, data)
  if type(data) ~= "string" then answer.refuse(answer.invalid_argument("data", "required", "is required")) end
  local raw = core.unbase64(data)
  if not raw then wrong_data("must be base64") end
  if #raw > MOST_BYTES then answer.refuse(answer.invalid_argument("data", "constraint", "must not exceed 65536 bytes")) end
  if kind == "certificate" and not raw:find("-----BEGIN ", 1, true) then wrong_data("must be PEM blocks") end
  local shape = SHAPES[kind]
  if not shape then return end
  local content = json.decode(raw)
  if type(content) ~= "table" then wrong_data("must be a JSON object") end
  local problem = shape(content)
  if problem then wrong_data(problem .. "\n") end
end

-- Versions --------------------------------------------------------------------------------------------------------------

local function versions_of(emulator, id)
  return emulator.resources.secret_version:by("secret_id", id)
end

local function alive(versions)
  local result = {}
  for _, record in ipairs(versions) do
    if not GONE[record.body.status] then result[#result + 1] = record end
  end
  return result
end

--- The newest of the versions that are not deleted, and of those that are enabled.
local function newest(emulator, id)
  local last, last_enabled
  for _, record in ipairs(alive(versions_of(emulator, id))) do
    last = record
    if record.body.status == "enabled" then last_enabled = record end
  end
  return last, last_enabled
end

local function show_version(emulator, record)
  local body = {}
  for name, value in next, record.body do body[name] = value end
  body.latest = newest(emulator, record.body.secret_id) == record
  return body
end

local function need_secret(call, id)
  local record = call.emulator.resources.secret:get(id)
  if not record or record.body.region ~= call.parameters.region then answer.refuse(answer.not_found("secret", id)) end
  return record
end

local function need_version(call, id, revision)
  local owner = need_secret(call, id)
  local found
  if revision == "latest" or revision == "latest_enabled" then
    local last, last_enabled = newest(call.emulator, owner.id)
    found = revision == "latest" and last or revision == "latest_enabled" and last_enabled or nil
  else
    found = call.emulator.resources.secret_version:get(owner.id .. "/" .. revision)
  end
  if not found then answer.refuse(answer.not_found("secret_version", revision)) end
  return found, owner
end

local function change_version(status)
  return function(call)
    local record = need_version(call, call.parameters.secret, call.parameters.revision)
    record.body.status, record.body.updated_at = status, call.emulator.clock:timestamp()
    grace.restore(call.emulator.resources.secret_version, record)
    return answer.reply(200, show_version(call.emulator, record))
  end
end

local function ephemeral_of(call, owner)
  local policy = owner.body.ephemeral_policy
  if type(policy) ~= "table" then return json.null end
  local properties = { action = policy.action, expires_once_accessed = policy.expires_once_accessed, expires_at = json.null }
  local seconds = type(policy.time_to_live) == "string" and tonumber(policy.time_to_live:match("^([%d.]+)s$"))
  if seconds then properties.expires_at = call.emulator.clock:timestamp(call.emulator.clock:after(seconds)) end
  return properties
end

local routes = {}

routes["POST " .. VERSIONS] = function(call)
  local owner = need_secret(call, call.parameters.secret)
  check_data(owner.body.type, call.body.data)
  local versions = call.emulator.resources.secret_version
  if call.body.disable_previous == true then
    local last = newest(call.emulator, owner.id)
    if last then
      last.body.status = "disabled"
      versions.collection:put(last)
    end
  end
  owner.revisions = (owner.revisions or 0) + 1
  call.emulator.resources.secret.collection:put(owner)
  local now = call.emulator.clock:timestamp()
  local record = versions:insert({
    id = owner.id .. "/" .. owner.revisions, revision = owner.revisions, secret_id = owner.id, status = "enabled",
    created_at = now, updated_at = now, deleted_at = json.null, deletion_requested_at = json.null,
    description = type(call.body.description) == "string" and call.body.description or "",
    ephemeral_properties = ephemeral_of(call, owner), region = owner.body.region,
  }, { data = call.body.data, crc = call.body.data_crc32 })
  record.body.id = nil
  versions.collection:put(record)
  return answer.reply(200, show_version(call.emulator, record))
end

routes["GET " .. VERSIONS] = function(call)
  local owner = need_secret(call, call.parameters.secret)
  local versions, at = versions_of(call.emulator, owner.id), 0
  local page, total = listing.page(function()
    at = at + 1
    return versions[at]
  end, call.query)
  local shown = {}
  for index, record in ipairs(page) do shown[index] = show_version(call.emulator, record) end
  return answer.reply(200, { versions = json.array(shown), total_count = total })
end

routes["GET " .. VERSIONS .. "/{revision}"] = function(call)
  return answer.reply(200, show_version(call.emulator, (need_version(call, call.parameters.secret, call.parameters.revision))))
end

routes["PATCH " .. VERSIONS .. "/{revision}"] = function(call)
  local record = need_version(call, call.parameters.secret, call.parameters.revision)
  if type(call.body.description) == "string" then record.body.description = call.body.description end
  if type(call.body.ephemeral_properties) == "table" then record.body.ephemeral_properties = call.body.ephemeral_properties end
  record.body.updated_at = call.emulator.clock:timestamp()
  call.emulator.resources.secret_version.collection:put(record)
  return answer.reply(200, show_version(call.emulator, record))
end

routes["DELETE " .. VERSIONS .. "/{revision}"] = function(call)
  local record = need_version(call, call.parameters.secret, call.parameters.revision)
  record.body.status = "scheduled_for_deletion"
  grace.schedule(call.emulator.resources.secret_version, record)
  return answer.reply(204)
end

routes["POST " .. VERSIONS .. "/{revision}/enable"] = change_version("enabled")
routes["POST " .. VERSIONS .. "/{revision}/disable"] = change_version("disabled")
routes["POST " .. VERSIONS .. "/{revision}/restore"] = change_version("disabled")

local function access(call, record, owner)
  if record.body.status ~= "enabled" then
    answer.refuse(answer.precondition("unknown_precondition", "the version is " .. record.body.status))
  end
  local properties = record.body.ephemeral_properties
  if type(properties) == "table" then
    local expired = type(properties.expires_at) == "string" and properties.expires_at <= call.emulator.clock:timestamp()
    if expired or properties.expires_once_accessed == true then
      record.body.status = properties.action == "delete" and "scheduled_for_deletion" or "disabled"
      call.emulator.resources.secret_version.collection:put(record)
    end
    if expired then answer.refuse(answer.precondition("unknown_precondition", "the version has expired")) end
  end
  return answer.reply(200, {
    secret_id = owner.id, revision = record.body.revision, data = record.data, data_crc32 = record.crc or json.null,
    type = owner.body.type,
  })
end

routes["GET " .. VERSIONS .. "/{revision}/access"] = function(call)
  return access(call, need_version(call, call.parameters.secret, call.parameters.revision))
end

routes["GET " .. REGION .. "/secrets-by-path/versions/{revision}/access"] = function(call)
  local query = call.query
  for _, record in ipairs(call.emulator.resources.secret:by("name", query.secret_name)) do
    local body = record.body
    local same_project = not query.project_id or body.project_id == query.project_id
    if body.path == (query.secret_path or "/") and same_project and body.region == call.parameters.region
      and body.deletion_requested_at == json.null then
      return access(call, need_version(call, record.id, call.parameters.revision))
    end
  end
  return answer.not_found("secret", query.secret_name or "")
end

-- Secrets ---------------------------------------------------------------------------------------------------------------

--- "/a/b/" is the same folder as "/a/b".
local function plain_path(path)
  if type(path) ~= "string" or path == "/" then return path end
  return (path:gsub("/+$", ""))
end

local function refuse_twin(call, values)
  for _, other in ipairs(call.emulator.resources.secret:by("name", values.name)) do
    local body = other.body
    if body.path == values.path and body.project_id == values.project_id and body.region == call.parameters.region
      and body.deletion_requested_at == json.null then
      answer.refuse(answer.exists("secret", other.id, "a secret of this name and path exists"))
    end
  end
end

local function protecting(value)
  return function(call, record)
    record.body.protected = value
    call.emulator.resources.secret.collection:put(record)
  end
end

local secrets = {
  kind = "secret",
  noun = "secret",
  fields = {
    key_id = { kind = "str", default = json.null, update = false },
    ephemeral_policy = { kind = "object", default = json.null },
    protected = { kind = "bool", default = false, create = "protected", update = false },
    type = { kind = "str", default = "opaque", update = false },
  },
  body = { status = "ready", managed = false, used_by = json.array {}, deletion_requested_at = json.null },
  before = grace.before,
  filters = {
    scheduled_for_deletion = grace.filter,
    path = function(record, value) return record.body.path == plain_path(value) end,
  },
  hooks = {
    prepare = function(call, values)
      values.path = plain_path(values.path or "/")
      refuse_twin(call, values)
    end,
    patching = function(_, _, values) values.path = plain_path(values.path) end,
    view = function(call, record, body)
      body.version_count = #versions_of(call.emulator, record.id)
      body.organization_id = nil
    end,
    removing = function(call, record)
      if record.body.protected then
        answer.refuse(answer.precondition("protected_resource", "the secret is protected"))
      end
      if record.body.ephemeral_policy ~= json.null then -- what does not last is not kept for a second thought
        call.emulator.resources.secret:remove(record)
        return answer.reply(204)
      end
      local versions = call.emulator.resources.secret_version
      for _, version in ipairs(alive(versions_of(call.emulator, record.id))) do
        version.body.status = "scheduled_for_deletion"
        grace.schedule(versions, version)
      end
      grace.schedule(call.emulator.resources.secret, record)
      return answer.reply(204)
    end,
  },
  actions = {
    ["POST protect"] = protecting(true),
    ["POST unprotect"] = protecting(false),
    ["POST restore"] = function(call, record) grace.restore(call.emulator.resources.secret, record) end,
  },
}

secret.resources = {
  secrets,
  { -- only the memory of it: a version is known by two numbers, and its paths are above
    kind = "secret_version", type = "secret", path = VERSIONS, create = false, list = false, read = false, update = false, delete = false,
    parent = { kind = "secret", field = "secret_id" }, owner = "none",
  },
}
secret.routes = routes

return secret
