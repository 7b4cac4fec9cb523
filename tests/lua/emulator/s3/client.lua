--- A client for the specs: signs requests and hands them straight to a service, without a socket.
local core = require "core"
local s3 = require "scw.emulator.s3"

local client = {}

client.PROJECT = "11111111-1111-4111-8111-111111111111"
client.OTHER_PROJECT = "22222222-2222-4222-8222-222222222222"

local keys = {
  SCWMINE = { secret_key = "mine", project_id = client.PROJECT },
  SCWOTHER = { secret_key = "other", project_id = client.OTHER_PROJECT },
  SCWAPP = { secret_key = "app", project_id = client.PROJECT, principal = "application_id:33333333-3333-4333-8333-333333333333" },
  SCWOWNER = { secret_key = "owner", project_id = client.PROJECT, principal = "user_id:4", owner = true },
}

---@class tests.s3.Client
---@field service scw.emulator.s3.Service
---@field time number what the service takes for now
local methods = {}
local metatable = { __index = methods }

local function query_text(pairs_of_query)
  local parts = {}
  for i, pair in ipairs(pairs_of_query) do parts[i] = core.uri_encode(pair[1]) .. "=" .. core.uri_encode(pair[2]) end
  return table.concat(parts, "&")
end

--- Signs and sends. `path` is encoded; `query` an array of pairs; options: `key`, `region`, `payload` (x-amz-content-sha256),
--- `skew` seconds, `spoil(request)` called between signing and sending, `anonymous`, `host`.
---@return integer status
---@return table headers
---@return string body
function methods:send(method, path, options)
  options = options or {}
  local body, query = options.body or "", options.query or {}
  local headers = { host = options.host or "127.0.0.1:4567" }
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  if not options.anonymous then
    local access_key = options.key or "SCWMINE"
    local at = math.floor(self.time) + (options.skew or 0)
    headers["x-amz-content-sha256"] = options.payload or core.hex(core.digest("sha256", body))
    headers["x-amz-date"] = os.date("!%Y%m%dT%H%M%SZ", at)
    local answer = core.sigv4 {
      method = method, path = path, query = query, headers = headers, payload_hash = headers["x-amz-content-sha256"],
      access_key = access_key, secret_key = keys[access_key:match("^[^@]+")] and keys[access_key:match("^[^@]+")].secret_key or "none",
      region = options.region or "fr-par", service = "s3", time = at,
    }
    headers.authorization = answer.authorization
  end
  local request = { method = method, target = path, path = path, query = query_text(query), headers = headers, body = body }
  if options.frame then request.body = options.frame(headers) end
  if options.spoil then options.spoil(request) end
  return self.service:handle(request)
end

--- Sends a request that must succeed.
---@return table headers
---@return string body
function methods:must(method, path, options)
  local status, headers, body = self:send(method, path, options)
  if status >= 300 then error(("%s %s: %d %s"):format(method, path, status, body), 2) end
  return headers, body
end

--- Sends a request that must be refused with this status and code.
---@return string body
function methods:refused(status, code, method, path, options)
  local got, headers, body = self:send(method, path, options)
  local got_code = body:match("<Code>(.-)</Code>")
  if got ~= status or got_code ~= code then
    error(("%s %s: expected %d %s, got %d %s"):format(method, path, status, tostring(code), got, body), 2)
  end
  return body, headers
end

--- Replaces a sub-resource by an XML body.
function methods:configure(path, name, body, options)
  local all = { query = { { name, "" } }, body = body, headers = { ["content-type"] = "application/xml" } }
  for field, value in pairs(options or {}) do all[field] = value end
  return self:must("PUT", path, all)
end

---@param options? table of scw.emulator.s3
---@return tests.s3.Client
function client.new(options)
  local self = setmetatable({ time = core.now() }, metatable)
  local all = {
    now = function() return self.time end,
    credentials = function(access_key) return keys[access_key] end,
  }
  for name, value in pairs(options or {}) do all[name] = value end
  self.service = s3.new(all)
  return self
end

return client
