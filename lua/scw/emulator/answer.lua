--- What a call is answered with: status, body, headers; and the error bodies of the services.
local json = require "scw.json"

local answer = {}

---@class scw.emulator.Answer
---@field status integer
---@field body? table encoded as JSON; nil: no body
---@field headers? table<string, string>
---@field recorded? table what a record of calls shows instead of the body
local metatable = { __name = "scw.emulator.Answer" }

---@param status integer
---@param body? table
---@param headers? table<string, string>
---@return scw.emulator.Answer
function answer.reply(status, body, headers)
  return setmetatable({ status = status, body = body, headers = headers }, metatable)
end

--- An answer that holds a key: no record shows that part of it.
---@param body table
---@param name string of the part
---@return scw.emulator.Answer
function answer.private(body, name)
  local reply = answer.reply(200, body)
  reply.recorded = {}
  for key, value in next, body do reply.recorded[key] = value end
  if type(body[name]) == "string" then reply.recorded[name] = "" end
  return reply
end

---@return boolean
function answer.is(value)
  return getmetatable(value) == metatable
end

--- Ends the present call with this answer, from any depth.
---@param reply scw.emulator.Answer
function answer.refuse(reply)
  error(reply, 0)
end

--- The older bodies: a message and nothing else.
function answer.message(status, text)
  return answer.reply(status, { message = text })
end

function answer.not_found(resource, id)
  return answer.reply(404, { message = "resource is not found", resource = resource, resource_id = id, type = "not_found" })
end

--- details: a list of {argument_name, reason, help_message}.
function answer.invalid(details)
  return answer.reply(400, { message = "invalid argument(s)", type = "invalid_arguments", details = json.array(details) })
end

---@param reason "unknown"|"required"|"format"|"constraint"
function answer.invalid_argument(name, reason, help)
  return answer.invalid { { argument_name = name, reason = reason, help_message = help or "" } }
end

function answer.denied(method, reason)
  return answer.reply(401, {
    message = "authentication is denied", type = "denied_authentication", method = method, reason = reason,
  })
end

--- details: a list of {resource, action}.
function answer.forbidden(details)
  return answer.reply(403, { message = "insufficient permissions", type = "permissions_denied", details = json.array(details or {}) })
end

function answer.transient(resource, id, state)
  return answer.reply(409, {
    message = "resource is in a transient state", type = "transient_state",
    resource = resource, resource_id = id, current_state = state,
  })
end

function answer.exists(resource, id, help)
  return answer.reply(409, {
    message = "resource already exists", type = "already_exists",
    resource = resource, resource_id = id, help_message = help or "",
  })
end

---@param precondition "unknown_precondition"|"resource_still_in_use"|"attribute_must_be_set"|"protected_resource"
function answer.precondition(precondition, help)
  return answer.reply(412, {
    message = "precondition is not respected", type = "precondition_failed",
    precondition = precondition, help_message = help or "",
  })
end

function answer.in_use(help)
  return answer.precondition("resource_still_in_use", help)
end

function answer.quota(resource, quota, current)
  return answer.reply(403, {
    message = "quota exceeded", type = "quotas_exceeded",
    details = json.array { { resource = resource, quota = quota, current = current } },
  })
end

return answer
