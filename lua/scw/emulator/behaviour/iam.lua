--- IAM: applications, API keys, policies and their rules, groups, SSH keys, users. Grants are kept, not enforced.
local answer = require "scw.emulator.answer"
local core = require "core"
local credentials = require "scw.emulator.credentials"
local json = require "scw.json"

local iam = {}

local ROOT = "/iam/v1alpha1"
local OWNED = { editable = true, deletable = true, managed = false }

--- Permission sets that are granted on the whole organisation; every other one is granted on projects.
local ORGANIZATION_SETS = {
  ProjectReadOnly = true, ProjectManager = true, IAMReadOnly = true, IAMManager = true, OrganizationReadOnly = true,
  OrganizationManager = true, BillingReadOnly = true, BillingManager = true, AuditTrailReadOnly = true,
  AuditTrailFullAccess = true, AuditTrailExportRead = true, AuditTrailExportDelete = true, SupportTicketManager = true,
  SupportTicketReadOnly = true, AbuseTicketManager = true, AbuseTicketReadOnly = true,
}

local function is_organization_set(name)
  return ORGANIZATION_SETS[name] or name:find("^IAM") ~= nil
end

local function owned(more)
  return function(call, values)
    local body = {}
    for name, value in next, OWNED do body[name] = value end
    for name, value in next, type(more) == "function" and more(call, values) or more or {} do body[name] = value end
    return body
  end
end

--- Lists of IAM show everything to an organisation nobody made, as a default organisation would.
local function any_organization(call)
  call.query.organization_id = nil
end

-- Rules -----------------------------------------------------------------------------------------------------------------

local function refuse_rule(index, name, reason, help)
  answer.refuse(answer.invalid_argument(("rules.%d.%s"):format(index - 1, name), reason, help))
end

local function rule_of(rule, index)
  local names = rule.permission_set_names
  if type(names) ~= "table" or #names == 0 then refuse_rule(index, "permission_set_names", "required", "is required") end
  local wide = 0
  for _, name in ipairs(names) do
    if type(name) ~= "string" or not name:find("^%u%w+$") then
      refuse_rule(index, "permission_set_names", "constraint", "unknown permission set " .. tostring(name))
    end
    if is_organization_set(name) then wide = wide + 1 end
  end
  if wide > 0 and wide < #names then
    refuse_rule(index, "permission_set_names", "constraint", "permission sets of one rule must have the same scope type")
  end
  local projects = type(rule.project_ids) == "table" and rule.project_ids or nil
  local organization = type(rule.organization_id) == "string" and rule.organization_id or nil
  if (projects ~= nil) == (organization ~= nil) then
    refuse_rule(index, "scope", "constraint", "exactly one of project_ids and organization_id is needed")
  end
  if wide > 0 and projects then refuse_rule(index, "organization_id", "required", "these permission sets need an organization") end
  return {
    id = core.uuid(), permission_set_names = json.array(names), project_ids = projects and json.array(projects),
    organization_id = organization, condition = type(rule.condition) == "string" and rule.condition or "",
    permission_sets_scope_type = wide > 0 and "organization" or "projects",
  }
end

local function rules_of(list)
  local rules = {}
  for index, rule in ipairs(type(list) == "table" and list or {}) do rules[index] = rule_of(rule, index) end
  return json.array(rules)
end

local function count_rules(record, body)
  local scopes, sets = 0, 0
  for _, rule in ipairs(record.rules) do
    scopes = scopes + (rule.project_ids and #rule.project_ids or 1)
    sets = sets + #rule.permission_set_names
  end
  body.nb_rules, body.nb_scopes, body.nb_permission_sets = #record.rules, scopes, sets
end

local function policy_of(call, id)
  return call.emulator.resources.iam_policy:need(id)
end

local rule_routes = {}

rule_routes["GET " .. ROOT .. "/rules"] = function(call)
  local rules = policy_of(call, call.query.policy_id).rules
  return answer.reply(200, { rules = rules, total_count = #rules })
end

rule_routes["PUT " .. ROOT .. "/rules"] = function(call)
  local record = policy_of(call, call.body.policy_id)
  record.rules = rules_of(call.body.rules)
  call.emulator.resources.iam_policy.collection:put(record)
  return answer.reply(200, { rules = record.rules })
end

local PRINCIPALS = { "user_id", "group_id", "application_id", "no_principal" }

local function principals_in(values)
  local found = {}
  for _, name in ipairs(PRINCIPALS) do
    local value = values[name]
    if value ~= nil and value ~= json.null and value ~= "" and value ~= false then found[#found + 1] = name end
  end
  return found
end

local function need_application(call, values)
  local id = values.application_id
  if type(id) == "string" and id ~= "" then call.emulator.resources.iam_application:need(id) end
end

local policies = {
  kind = "iam_policy", path = ROOT .. "/policies", list = "policies", noun = "policy", owner = "organization",
  before = any_organization,
  fields = {
    name = { kind = "str", required = true, max_length = 64 }, description = { kind = "str", default = "" }, tags = "list",
    application_id = { kind = "str", create = "application_id", update = "application_id", optional = true },
    user_id = { kind = "str", create = "user_id", update = "user_id", optional = true },
    group_id = { kind = "str", create = "group_id", update = "group_id", optional = true },
    no_principal = { kind = "bool", create = "no_principal", update = "no_principal", optional = true },
    rules = { kind = "list", create = "rules", update = false, hidden = true },
  },
  filters = {
    policy_name = function(record, value) return record.body.name:find(value, 1, true) ~= nil end,
    policy_ids = function(record, value) return record.id == value end,
  },
  body = owned { nb_rules = 0, nb_scopes = 0, nb_permission_sets = 0 },
  hooks = {
    prepare = function(call, values)
      if #principals_in(values) ~= 1 then
        answer.refuse(answer.invalid_argument("principal", "constraint", "exactly one principal is needed"))
      end
      need_application(call, values)
    end,
    patching = function(call, record, values)
      need_application(call, values)
      if #principals_in(values) == 0 then return end
      for _, name in ipairs(PRINCIPALS) do
        if values[name] == nil then record.body[name] = nil end
      end
    end,
    created = function(call, record)
      record.rules = rules_of(record.body.rules)
      record.body.rules = nil
      local shown = call.emulator.resources.iam_policy:show(call, record)
      shown.nb_rules, shown.nb_scopes, shown.nb_permission_sets = 0, 0, 0 -- counted only by later reads
      call.emulator.resources.iam_policy.collection:put(record)
      return answer.reply(200, shown)
    end,
    view = function(_, record, body)
      for _, name in ipairs(PRINCIPALS) do
        if body[name] == "" or body[name] == json.null or body[name] == false then body[name] = nil end
      end
      if record.rules then count_rules(record, body) end
    end,
  },
  routes = rule_routes,
}

-- Applications and their keys -------------------------------------------------------------------------------------------

local applications = {
  kind = "iam_application", path = ROOT .. "/applications", list = "applications", noun = "application", owner = "organization",
  before = any_organization,
  fields = {
    name = { kind = "str", required = true }, description = { kind = "str", default = "" }, tags = "list",
  },
  filters = { application_ids = function(record, value) return record.id == value end },
  body = owned(),
  hooks = {
    view = function(call, record, body)
      body.nb_api_keys = #call.emulator.resources.iam_api_key:by("application_id", record.id)
    end,
    removed = function(emulator, record)
      local keys = emulator.resources.iam_api_key
      for _, key in ipairs(keys:by("application_id", record.id)) do keys:remove(key) end
      for _, policy in ipairs(emulator.resources.iam_policy:by("application_id", record.id)) do
        policy.body.application_id, policy.body.no_principal = nil, true
        emulator.resources.iam_policy.collection:put(policy)
      end
    end,
  },
}

local function missing_key(id) return answer.not_found("access_key", id) end

local api_keys = {
  kind = "iam_api_key", path = ROOT .. "/api-keys", list = "api_keys", id = "access_key", missing = missing_key, owner = "none",
  placeless = true,
  fields = {
    description = { kind = "str", default = "" },
    default_project_id = { kind = "str", create = "default_project_id", update = "default_project_id" },
    expires_at = { kind = "any", create = "expires_at", update = "expires_at" },
    application_id = { kind = "str", create = "application_id", update = false },
    user_id = { kind = "str", create = "user_id", update = false },
  },
  filters = {
    organization_id = false, bearer_type = function(record, value)
      if value == "application" then return record.body.application_id ~= nil end
      return value ~= "user" or record.body.user_id ~= nil
    end,
    bearer_id = function(record, value) return record.body.application_id == value or record.body.user_id == value end,
    access_keys = function(record, value) return record.id == value end,
    access_key = function(record, value) return record.id == value end,
    default_project_id = function(record, value) return record.body.default_project_id == value end,
  },
  body = owned { creation_ip = "127.0.0.1", expires_at = json.null, secret_key = json.null },
  hooks = {
    prepare = function(call, values)
      local application, user = values.application_id, values.user_id
      if (application ~= nil) == (user ~= nil) then
        answer.refuse(answer.invalid_argument("bearer", "constraint", "exactly one of application_id and user_id is needed"))
      end
      need_application(call, values)
      if user then call.emulator.resources.iam_user:need(user) end
      values.access_key = credentials.access_key()
      local project = values.default_project_id
      if project == nil or project == "" then
        local bearer = application and call.emulator.resources.iam_application:get(application)
        values.default_project_id = bearer and bearer.body.organization_id or call.emulator.organization_id
      end
    end,
    created = function(call, record)
      record.secret_key = core.uuid()
      call.emulator.resources.iam_api_key.collection:put(record)
      local shown = call.emulator.resources.iam_api_key:show(call, record)
      shown.secret_key = record.secret_key -- this once
      return answer.reply(200, shown)
    end,
    view = function(_, record, body)
      body.secret_key = json.null
      for _, name in ipairs { "application_id", "user_id" } do
        if record.body[name] == "" or record.body[name] == json.null then body[name] = nil end
      end
      if body.expires_at == nil then body.expires_at = json.null end
    end,
  },
}

-- Groups, SSH keys, users -----------------------------------------------------------------------------------------------

local function change_members(change)
  return function(call, record)
    change(record.body, call.body)
    call.emulator.resources.iam_group.collection:put(record)
  end
end

local function without(list, value)
  local rest = {}
  for _, one in ipairs(list) do
    if one ~= value then rest[#rest + 1] = one end
  end
  return json.array(rest)
end

local function as_array(value)
  return json.array(type(value) == "table" and value or {})
end

local groups = {
  kind = "iam_group", path = ROOT .. "/groups", list = "groups", noun = "group", owner = "organization",
  before = any_organization,
  fields = { name = { kind = "str", required = true }, description = { kind = "str", default = "" }, tags = "list" },
  body = owned(function() return { user_ids = json.array {}, application_ids = json.array {} } end),
  actions = {
    ["PUT members"] = change_members(function(body, given)
      body.user_ids, body.application_ids = as_array(given.user_ids), as_array(given.application_ids)
    end),
    ["POST add-member"] = change_members(function(body, given)
      local list = given.user_id and body.user_ids or body.application_ids
      local rest = without(list, given.user_id or given.application_id)
      rest[#rest + 1] = given.user_id or given.application_id
      body[given.user_id and "user_ids" or "application_ids"] = rest
    end),
    ["POST add-members"] = change_members(function(body, given)
      for _, name in ipairs { "user_ids", "application_ids" } do
        for _, id in ipairs(as_array(given[name])) do
          body[name] = without(body[name], id)
          table.insert(body[name], id)
        end
      end
    end),
    ["POST remove-member"] = change_members(function(body, given)
      body.user_ids = without(body.user_ids, given.user_id)
      body.application_ids = without(body.application_ids, given.application_id)
    end),
  },
}

--- "256 MD5:…  (ssh-ed25519)" of a public key; the comment behind the key is dropped.
local function read_public_key(text)
  local kind, data = tostring(text):match("^(%S+)%s+(%S+)")
  local raw = data and core.unbase64(data)
  if not raw then answer.refuse(answer.invalid_argument("public_key", "format", "is not a public key")) end
  local digest = core.hex(core.digest("md5", raw)):gsub("(%x%x)", "%1:"):sub(1, -2)
  local bits = kind == "ssh-ed25519" and 256 or kind == "ssh-rsa" and (#raw - 23) // 8 * 64 or 256
  return kind .. " " .. data, ("%d MD5:%s (%s)"):format(bits, digest, kind)
end

local ssh_keys = {
  kind = "iam_ssh_key", path = ROOT .. "/ssh-keys", list = "ssh_keys", noun = "ssh_key", placeless = true,
  before = any_organization,
  fields = {
    name = { kind = "str", default = "" }, public_key = { kind = "str", required = true, update = false },
    disabled = { kind = "bool", default = false, create = false },
  },
  hooks = {
    prepare = function(_, values) values.public_key, values.fingerprint = read_public_key(values.public_key) end,
  },
  body = { disabled = false },
}

local function user_of(call, values)
  local given = type(call.body.member) == "table" and call.body.member or {}
  local email = given.email or call.body.email
  if type(email) ~= "string" or not email:find("^.+@.+$") then
    answer.refuse(answer.invalid_argument("email", "format", "must be an e-mail address"))
  end
  local locale = type(given.locale) == "string" and given.locale ~= "" and given.locale or "en_US"
  values.email, values.username = email, given.username or email
  values.first_name, values.last_name = given.first_name or "", given.last_name or ""
  values.phone_number, values.locale = given.phone_number or "", locale
end

local users = {
  kind = "iam_user", path = ROOT .. "/users", list = "users", noun = "user", owner = "organization",
  before = any_organization,
  fields = {
    email = { kind = "str", create = false }, first_name = { kind = "str", create = false }, last_name = { kind = "str", create = false },
    phone_number = { kind = "str", create = false }, locale = { kind = "str", create = false }, tags = "list",
  },
  filters = {
    type = function(record, value) return value == "unknown_type" or record.body.type == value end,
    user_ids = function(record, value) return record.id == value end,
  },
  body = {
    deletable = true, last_login_at = json.null, type = "member", two_factor_enabled = false, status = "activated", mfa = false,
    account_root_user_id = "", locked = false,
  },
  hooks = {
    prepare = user_of,
    removing = function(_, record)
      if record.body.type == "owner" then
        answer.refuse(answer.precondition("protected_resource", "the owner of the organization cannot be deleted"))
      end
    end,
  },
  actions = {
    ["POST update-username"] = function(call, record)
      record.body.username = call.body.username
      record.body.updated_at = call.emulator.clock:timestamp()
      call.emulator.resources.iam_user.collection:put(record)
    end,
  },
}

iam.resources = { applications, policies, api_keys, groups, ssh_keys, users }

--- Every organisation has its owner.
function iam.populate(emulator)
  local known = emulator.resources.iam_user
  for record in known:each() do
    if record.body.type == "owner" then return end
  end
  local now = emulator.clock:timestamp()
  known:insert({
    email = "owner@example.com", username = "owner@example.com", first_name = "", last_name = "", phone_number = "",
    locale = "en_US", created_at = now, updated_at = now, organization_id = emulator.organization_id, deletable = false,
    last_login_at = now, type = "owner", two_factor_enabled = true, status = "activated", mfa = true,
    account_root_user_id = core.uuid(), tags = json.array {}, locked = false,
  }, { builtin = true })
end

return iam
