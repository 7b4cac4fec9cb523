--- IAM: how an organisation lets another system sign users in (SAML) and keep them in step (SCIM).
local answer = require "scw.emulator.answer"
local core = require "core"

local federation = {}

local ROOT = "/iam/v1alpha1"
local YEAR_SECONDS = 365 * 86400

local function of_organization(emulator, kind, organization)
  return emulator.resources[kind]:by("organization_id", organization)[1]
end

--- GET and POST below an organisation: it has one of these at most.
local function singleton_routes(kind, path, noun)
  local routes = {}
  routes["GET " .. path] = function(call)
    local record = of_organization(call.emulator, kind, call.parameters.organization)
    if not record then return answer.not_found(noun, call.parameters.organization) end
    return answer.reply(200, call.emulator.resources[kind]:show(call, record))
  end
  routes["POST " .. path] = function(call)
    local owner = call.emulator.resources[kind]
    local present = of_organization(call.emulator, kind, call.parameters.organization)
    if present then return answer.exists(noun, present.id) end
    local record = owner:insert {
      organization_id = call.parameters.organization, created_at = call.emulator.clock:timestamp(), entity_id = "", single_sign_on_url = "",
    }
    return answer.reply(200, owner:show(call, record))
  end
  return routes
end

local function saml_status(emulator, record)
  if #emulator.resources.iam_saml_certificate:by("saml_id", record.id) == 0 then return "missing_certificate" end
  if record.body.entity_id == "" then return "missing_entity_id" end
  if record.body.single_sign_on_url == "" then return "missing_single_sign_on_url" end
  return "valid"
end

local saml = {
  kind = "iam_saml", path = ROOT .. "/saml", create = false, list = false, read = false, noun = "saml", owner = "none",
  untimed = true,
  fields = { entity_id = { kind = "str" }, single_sign_on_url = { kind = "str" } },
  hooks = {
    view = function(call, record)
      return {
        id = record.id, status = saml_status(call.emulator, record), entity_id = record.body.entity_id,
        single_sign_on_url = record.body.single_sign_on_url,
        service_provider = {
          entity_id = "https://iam.scaleway.com/saml/" .. record.id,
          assertion_consumer_service_url = ("https://api.scaleway.com/iam/v1/saml/%s/login"):format(record.id),
        },
      }
    end,
  },
  routes = singleton_routes("iam_saml", ROOT .. "/organizations/{organization}/saml", "organization_saml"),
}

local certificates = {
  kind = "iam_saml_certificate", path = ROOT .. "/saml/{saml}/certificates", item = ROOT .. "/saml-certificates/{id}",
  list = "certificates", noun = "saml_certificate", update = false, owner = "none", untimed = true,
  parent = { kind = "iam_saml", parameter = "saml", field = "saml_id" },
  fields = { type = { kind = "str", required = true, enum = { "signing", "encryption" } }, content = { kind = "str", required = true } },
  hooks = {
    view = function(call, record)
      local body = record.body
      return {
        id = record.id, type = body.type, origin = "identity_provider", content = body.content,
        expires_at = body.expires_at or call.emulator.clock:timestamp(call.emulator.clock:now() + YEAR_SECONDS),
      }
    end,
  },
}

local scim = {
  kind = "iam_scim", path = ROOT .. "/scim", create = false, list = false, read = false, update = false, noun = "scim", owner = "none",
  hooks = { view = function(_, record) return { id = record.id, created_at = record.body.created_at } end },
  routes = singleton_routes("iam_scim", ROOT .. "/organizations/{organization}/scim", "organization_scim"),
}

local tokens = {
  kind = "iam_scim_token", path = ROOT .. "/scim/{scim}/tokens", item = ROOT .. "/scim-tokens/{id}", list = "scim_tokens",
  noun = "scim_token", create = false, read = false, update = false, owner = "none",
  parent = { kind = "iam_scim", parameter = "scim", field = "scim_id" },
}

tokens.routes = {
  ["POST " .. ROOT .. "/scim/{scim}/tokens"] = function(call)
    local above = call.emulator.resources.iam_scim:need(call.parameters.scim)
    local clock = call.emulator.clock
    local record = call.emulator.resources.iam_scim_token:insert {
      scim_id = above.id, created_at = clock:timestamp(), expires_at = clock:timestamp(clock:now() + YEAR_SECONDS),
    }
    return answer.reply(200, { token = record.body, bearer_token = core.hex(core.random(32)) })
  end,
}

federation.resources = { saml, certificates, scim, tokens }

return federation
