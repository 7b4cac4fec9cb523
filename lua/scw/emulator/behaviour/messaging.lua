--- Messaging and Queuing: what triggers of containers need to exist. Queues and topics themselves are not served.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"

local messaging = {}

local REGION = "/mnq/v1beta1/regions/{region}"

local function digest_of(text) return core.hex(core.digest("sha1", text)) end

local function shown_once(name)
  return function(call, record)
    local self = call.emulator.resources[record.kind]
    local body = self:show(call, record)
    body[name] = record.once
    record.once = nil
    self.collection:put(record)
    return answer.reply(200, body)
  end
end

local nats_accounts = {
  kind = "mnq_nats_account",
  path = REGION .. "/nats-accounts",
  list = "nats_accounts",
  noun = "nats_account",
  owner = "bare",
  fields = { name = { kind = "str", required = true } },
  hooks = {
    prepare = function(call, values)
      local letters = {}
      for byte in core.random(55):gmatch(".") do
        local at = byte:byte() % 32 + 1
        letters[#letters + 1] = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"):sub(at, at)
      end
      values.id = "A" .. table.concat(letters)
      values.endpoint = ("nats://nats.mnq.%s.scaleway.com:4222"):format(call.parameters.region)
    end,
  },
}

local nats_credentials = {
  kind = "mnq_nats_credentials",
  path = REGION .. "/nats-credentials",
  list = "nats_credentials",
  noun = "nats_credentials",
  update = false,
  owner = "parent",
  parent = { kind = "mnq_nats_account", field = "nats_account_id" },
  fields = {
    nats_account_id = { kind = "str", required = true },
    name = { kind = "str", required = true },
  },
  body = { credentials = json.null },
  hooks = {
    created = function(call, record)
      local content = ("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n"):format(core.base64(core.random(96)))
      record.kind = "mnq_nats_credentials"
      record.body.checksum = digest_of(content)
      record.once = { name = "user.creds", content = content }
      return shown_once "credentials"(call, record)
    end,
  },
}

local sqs_credentials = {
  kind = "mnq_sqs_credentials",
  path = REGION .. "/sqs-credentials",
  list = "sqs_credentials",
  noun = "sqs_credentials",
  owner = "bare",
  fields = {
    name = { kind = "str", required = true },
    permissions = { kind = "object", fields = {
      can_publish = { kind = "bool", create = "can_publish", update = "can_publish", default = false },
      can_receive = { kind = "bool", create = "can_receive", update = "can_receive", default = false },
      can_manage = { kind = "bool", create = "can_manage", update = "can_manage", default = false },
    } },
  },
  body = { secret_key = "" },
  hooks = {
    prepare = function(call, values)
      local active = call.emulator.resources.mnq_sqs:by("project_id", values.project_id)[1]
      if not active or active.body.status ~= "enabled" then
        answer.refuse(answer.precondition("attribute_must_be_set", "SQS is not activated for this project"))
      end
    end,
    created = function(call, record)
      local secret = core.base64(core.random(48)):gsub("[^%w]", "x")
      record.kind = "mnq_sqs_credentials"
      record.body.access_key = core.base64(core.random(15)):gsub("[^%w]", "x")
      record.body.secret_checksum = digest_of(secret)
      record.once = secret
      return shown_once "secret_key"(call, record)
    end,
  },
}

-- Activation --------------------------------------------------------------------------------------------------------------

local function activation(call, project)
  local known = call.emulator.resources.mnq_sqs
  if type(project) ~= "string" then project = call.emulator.project_id end
  for _, record in ipairs(known:by("project_id", project)) do
    if record.body.region == call.parameters.region then return record end
  end
  return known:insert({
    project_id = project, region = call.parameters.region, status = "disabled", sqs_endpoint_url = "",
    created_at = json.null, updated_at = json.null,
  }, { builtin = true })
end

local function switch(status)
  return function(call)
    local record = activation(call, call.body.project_id)
    local known, now = call.emulator.resources.mnq_sqs, call.emulator.clock:timestamp()
    local on = status == "enabled"
    if not on and #call.emulator.resources.mnq_sqs_credentials:by("project_id", record.body.project_id) > 0 then
      answer.refuse(answer.in_use("SQS credentials are left"))
    end
    record.body.status, record.builtin = status, not on
    record.body.sqs_endpoint_url = ("https://sqs.mnq.%s.scaleway.com"):format(call.parameters.region)
    if record.body.created_at == json.null then record.body.created_at = now end
    record.body.updated_at = now
    known.collection:put(record)
    return answer.reply(200, known:show(call, record))
  end
end

local sqs = {
  kind = "mnq_sqs",
  path = REGION .. "/sqs",
  create = false, read = false, update = false, delete = false, list = false,
  hooks = { view = function(_, _, body) body.id = nil end },
  routes = {
    ["POST " .. REGION .. "/activate-sqs"] = switch "enabled",
    ["POST " .. REGION .. "/deactivate-sqs"] = switch "disabled",
    ["GET " .. REGION .. "/sqs-info"] = function(call)
      return answer.reply(200, call.emulator.resources.mnq_sqs:show(call, activation(call, call.query.project_id)))
    end,
  },
}

messaging.resources = { nats_accounts, nats_credentials, sqs, sqs_credentials }

return messaging
