--- Turns what services and networks answer into error objects: status first, then type, then the parts of the body that
--- help. The body's own `message` is shown, never interpreted.
local errors = require "scw.errors"

local api_errors = {}

---@class scw.ApiError: scw.Error
---@field status? integer of the answer
---@field type? string of the body, or the S3 code
---@field sent boolean may the request have reached the service?
---@field uncertain? boolean may the service have acted without saying so?
---@field resource? string
---@field resource_id? string
---@field current_state? string
---@field precondition? string
---@field arguments? { name: string, reason: string|nil, help: string|nil }[]
---@field quotas? { resource: string|nil, quota: number|nil, current: number|nil }[]

local by_status = {
  [304] = { "INFRA_005", "unchanged" },
  [400] = { "INFRA_001", "invalid" }, [401] = { "INFRA_003", "denied" }, [402] = { "INFRA_002", "limit" },
  [403] = { "INFRA_003", "denied" },
  [404] = { "INFRA_004", "not_found" }, [408] = { "INFRA_010", "timeout" }, [409] = { "INFRA_005", "exists" },
  [410] = { "INFRA_004", "not_found" }, [412] = { "INFRA_005", "condition" }, [422] = { "INFRA_001", "invalid" },
  [423] = { "INFRA_003", "locked" }, [429] = { "INFRA_002", "limit" },
}

local by_type = {
  quotas_exceeded = { "INFRA_002", "limit" }, out_of_stock = { "INFRA_002", "limit" }, locked = { "INFRA_003", "locked" },
  transient_state = { "INFRA_005", "busy" }, already_exists = { "INFRA_005", "exists" }, conflict = { "INFRA_005", "busy" },
  BucketAlreadyExists = { "INFRA_005", "exists" }, BucketAlreadyOwnedByYou = { "INFRA_005", "exists" },
  BucketNotEmpty = { "INFRA_005", "busy" },
  ConditionalRequestConflict = { "INFRA_005", "busy" }, OperationAborted = { "INFRA_005", "busy" }, SlowDown = { "INFRA_002", "limit" },
  permissions_denied = { "INFRA_003", "denied" }, denied_authentication = { "INFRA_003", "denied" },
}

local words = {
  [304] = "not modified", [400] = "refused as malformed", [401] = "refused the key",
  [403] = "refused", [404] = "not found", [408] = "timed out", [409] = "in conflict",
  [410] = "gone", [412] = "precondition failed", [423] = "locked", [429] = "too many requests", [500] = "internal error",
  [502] = "bad gateway", [503] = "unavailable", [504] = "gateway timed out",
}

local permission_sets = {
  account = { "ProjectReadOnly", "ProjectManager" }, cockpit = { "ObservabilityReadOnly", "ObservabilityFullAccess" },
  containers = { "ContainersReadOnly", "ContainersFullAccess" }, domain = { "DomainsDNSReadOnly", "DomainsDNSFullAccess" },
  functions = { "FunctionsReadOnly", "FunctionsFullAccess" }, iam = { "IAMReadOnly", "IAMManager" },
  ipam = { "IPAMReadOnly", "IPAMFullAccess" },
  ["key-manager"] = { "KeyManagerReadOnly", "KeyManagerFullAccess" },
  ["object storage"] = { "ObjectStorageReadOnly", "ObjectStorageFullAccess" },
  rdb = { "RelationalDatabasesReadOnly", "RelationalDatabasesFullAccess" },
  registry = { "ContainerRegistryReadOnly", "ContainerRegistryFullAccess" },
  ["secret-manager"] = { "SecretManagerReadOnly", "SecretManagerFullAccess" },
  ["serverless-jobs"] = { "ServerlessJobsReadOnly", "ServerlessJobsFullAccess" },
  ["serverless-sqldb"] = { "ServerlessSQLDatabaseReadOnly", "ServerlessSQLDatabaseFullAccess" },
  ["transactional-email"] = { "TransactionalEmailDomainReadOnly", "TransactionalEmailDomainFullAccess" },
  ["edge-services"] = { "EdgeServicesReadOnly", "EdgeServicesFullAccess" },
  mnq = { "MessagingAndQueuingReadOnly", "MessagingAndQueuingFullAccess" },
  vpc = { "VPCReadOnly and PrivateNetworksReadOnly", "VPCFullAccess and PrivateNetworksFullAccess" },
}

local function text_of(value)
  if type(value) == "string" and value ~= "" then return value end
  return nil
end

--- A number as people write it: services' numbers are floats here.
local function number(value)
  if type(value) ~= "number" then return "?" end
  return ("%.14g"):format(value)
end

local function list(value)
  return type(value) == "table" and value or {}
end

--- The parts of the body that say more than its message, as lines and as fields.
local function read_details(body, facts)
  local details = facts.details
  for _, detail in ipairs(list(body.details)) do
    if type(detail) == "table" and detail.argument_name then
      facts.arguments = facts.arguments or {}
      table.insert(facts.arguments, {
        name = tostring(detail.argument_name), reason = text_of(detail.reason), help = text_of(detail.help_message),
      })
      local help = text_of(detail.help_message)
      details[#details + 1] = ("%s: %s%s"):format(detail.argument_name, text_of(detail.reason) or "refused", help and (", " .. help) or "")
    elseif type(detail) == "table" and detail.quota then
      facts.quotas = facts.quotas or {}
      table.insert(facts.quotas, { resource = text_of(detail.resource), quota = detail.quota, current = detail.current })
      details[#details + 1] = ("quota of %s: %s, in use: %s"):format(detail.resource or "?", number(detail.quota), number(detail.current))
    elseif type(detail) == "table" and detail.action then
      details[#details + 1] = ("not allowed: %s %s"):format(detail.action, detail.resource or "")
    end
  end
  for path, messages in pairs(list(body.fields)) do -- the legacy form
    for _, message in ipairs(list(messages)) do details[#details + 1] = ("%s: %s"):format(path, message) end
  end
  table.sort(details)
  if facts.precondition then details[#details + 1] = "precondition: " .. facts.precondition end
  if facts.current_state then
    details[#details + 1] = ("%s %s is %s"):format(facts.resource or "it", facts.resource_id or "", facts.current_state)
  elseif facts.resource_id then
    details[#details + 1] = ("%s %s"):format(facts.resource or "resource", facts.resource_id)
  end
  local help = text_of(body.help_message)
  if help then details[#details + 1] = help end
end

local function hint_for(status, kind, product, method, body)
  if body.type == "RequestTimeTooSkewed" then return "set the clock: signatures carry the time" end
  if body.type == "SignatureDoesNotMatch" or body.type == "InvalidAccessKeyId" then return "check the access key and the secret key" end
  if kind == "limit" and status ~= 429 and body.type ~= "SlowDown" then
    return body.type == "out_of_stock" and "try another zone or another size" or "ask for a higher quota, or remove what is no longer used"
  end
  if status == 401 then
    return body.reason == "expired" and "the key has expired: make a new one" or "check the access key and the secret key"
  end
  if status == 403 and body.type ~= nil then
    local sets = permission_sets[product]
    local set = sets and sets[(method == "GET" or method == "HEAD") and 1 or 2]
    local advice = "a policy must give the key's owner " .. (set and ("the permission set " .. set) or "a permission set of this product")
    return advice .. "; a new right takes up to two minutes to work"
  end
  if status == 412 and body.precondition == "resource_still_in_use" then return "something still uses it: remove that first" end
  if status == 429 then return "lower --parallel" end
end

--- Replaces every secret by stars.
---@param text string
---@param secrets string[]
---@return string
function api_errors.redact(text, secrets)
  for _, secret in ipairs(secrets) do
    if #secret >= 4 then
      local from, to = text:find(secret, 1, true)
      while from do
        text = text:sub(1, from - 1) .. "***" .. text:sub(to + 1)
        from, to = text:find(secret, from + 3, true)
      end
    end
  end
  return text
end

--- An answer whose status is an error.
---@param call { method: string, path: string, product: string|nil, address: string|nil, secrets: string[] }
---@param response { status: integer, headers: table<string, string>, body: string }
---@param body any decoded, when it was JSON
---@return scw.ApiError
function api_errors.answered(call, response, body)
  local status = response.status
  local raw = body
  body = type(body) == "table" and body or {}
  local known = by_type[body.type] or by_status[status]
    or { status >= 500 and "INFRA_010" or "INFRA_005", status >= 500 and "io" or "refused" }
  local facts = {
    code = known[1], kind = known[2], status = status, sent = true, address = call.address, details = {},
    type = text_of(body.type), resource = text_of(body.resource), resource_id = text_of(body.resource_id),
    current_state = text_of(body.current_state), precondition = text_of(body.precondition),
    request_id = response.headers["x-request-id"] or response.headers["x-amz-request-id"] or text_of(body.request_id),
  }
  read_details(body, facts)
  local said = text_of(body.message) or (raw == nil and "no JSON in the answer") or nil
  facts.message = ("%s %s: %d %s%s"):format(call.method, call.path, status, words[status] or (status >= 500 and "failed" or "refused"),
    said and (" (" .. said .. ")") or "")
  facts.hint = hint_for(status, known[2], call.product, call.method, body)
  return api_errors.clean(errors.new(facts), call.secrets)
end

--- No answer: the `err` of a core call.
---@param call table as for `answered`
---@param cause { kind: string, message: string, sent: boolean|nil }
---@return scw.ApiError
function api_errors.unanswered(call, cause)
  local err = errors.wrap(cause, ("%s %s"):format(call.method, call.path), { sent = cause.sent == true, address = call.address })
  if cause.kind == "io" then err.code = "INFRA_010" end
  if cause.kind == "connect" then err.hint = "check the network, a proxy, and the URL of the service" end
  if cause.kind == "io" or cause.kind == "timeout" then
    err.hint = "it was tried several times: run the same command again when the service answers"
  end
  if cause.kind == "tls" then err.hint = "check the clock, and whether something between here and the service answers for it" end
  return api_errors.clean(err, call.secrets)
end

--- Removes secrets from everything that may be shown.
---@param err scw.ApiError
---@param secrets string[]|nil
---@return scw.ApiError
function api_errors.clean(err, secrets)
  if not secrets then return err end
  err.message = api_errors.redact(err.message, secrets)
  for i, detail in ipairs(err.details) do err.details[i] = api_errors.redact(detail, secrets) end
  return err
end

return api_errors
