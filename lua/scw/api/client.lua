--- Calls the API: JSON over HTTPS with a token, retries, bounded concurrency, errors that say what to do.
local api_errors = require "scw.api.errors"
local attempts = require "scw.api.attempts"
local core = require "core"
local json = require "scw.json"
local pages = require "scw.api.pages"
local rate = require "scw.api.rate"

local client = {}

local TIMEOUT_MS = 60000
local CONNECT_TIMEOUT_MS = 30000

local idempotent = { GET = true, HEAD = true, PUT = true, DELETE = true, PATCH = true, POST = false }

---@class scw.Client
---@field credentials scw.Credentials
---@field time_scale number
---@field rate scw.Rate
---@field user_agent string
---@field on_retry function|nil
---@field trace function|nil
---@field answered? number core.clock() of the latest answer, whatever it said
local methods = {}
local metatable = { __index = methods, __name = "scw.Client" }

--- `scwlua/<version> (<os>; <arch>)`, behind what the user asks for.
---@param credentials scw.Credentials
---@return string
function client.user_agent(credentials)
  local own = ("%s/%s (%s)"):format(core.program, core.version, core.platform)
  if not credentials.user_agent then return own end
  return (credentials.user_agent .. " " .. own):sub(1, 512)
end

---@class scw.ClientOptions
---@field credentials scw.Credentials
---@field time_scale? number real milliseconds per millisecond of the service's time: below 1 for a fast emulator
---@field concurrency? integer most calls under way at once, for each product
---@field on_retry? fun(event: table) attempt, delay_ms, error, method, path, address
---@field trace? fun(event: table) after every exchange

---@param options scw.ClientOptions
---@return scw.Client
function client.new(options)
  return setmetatable({
    credentials = options.credentials,
    time_scale = options.time_scale or 1,
    rate = rate.new { most = options.concurrency },
    user_agent = client.user_agent(options.credentials),
    on_retry = options.on_retry,
    trace = options.trace,
  }, metatable)
end

--- Sleeps `ms` milliseconds of the service's time (an emulator may run faster).
---@param ms number
---@return true|nil, table|nil
function methods:sleep(ms)
  return core.sleep(math.max(0, ms * self.time_scale))
end

local function add_parameter(parts, name, value)
  if value == nil or value == json.null then return end
  if type(value) == "table" then
    for _, item in ipairs(value) do add_parameter(parts, name, item) end
    return
  end
  if math.type(value) == "float" then value = ("%.14g"):format(value) end
  parts[#parts + 1] = core.uri_encode(name) .. "=" .. core.uri_encode(tostring(value))
end

--- A query as text: pairs in their order, a map sorted by name, a list of values as a repeated name.
---@param query table|nil
---@return string
function client.query(query)
  local parts = {}
  if type(query) ~= "table" then return "" end
  if query[1] then
    for _, pair in ipairs(query) do add_parameter(parts, pair[1], pair[2]) end
  else
    local names = {}
    for name in pairs(query) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do add_parameter(parts, name, query[name]) end
  end
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

---@class scw.Call
---@field method string
---@field path string
---@field query? table a map, or pairs {name, value}
---@field body? table|string
---@field product? string for the limit of concurrency; otherwise the first word of the path
---@field idempotent? boolean may be sent twice; otherwise everything but POST may
---@field address? string of the resource, for messages
---@field secrets? string[] what must not show in errors
---@field timeout_ms? integer
---@field attempts? integer

local function encode_body(call)
  if call.body == nil then
    if call.method == "GET" or call.method == "HEAD" or call.method == "DELETE" then return nil end
    return "{}", "application/json"
  end
  if type(call.body) == "string" then return call.body, "text/plain" end
  local text, err = json.encode(call.body)
  if not text then error("a request body that is not JSON: " .. err.message, 3) end
  return text, "application/json"
end

--- One exchange: answer and response, or nothing, nothing and an error.
local function exchange(self, request, call)
  local ticket, failure = self.rate:acquire(call.product)
  if not ticket then return nil, nil, api_errors.unanswered(call, failure) end
  local began = core.clock()
  local response
  response, failure = core.http(request)
  local limited = response and response.status == 429
  self.rate:release(call.product, ticket, limited and "limited" or response and response.status < 500 and "ok" or nil)
  if self.trace then
    self.trace { method = call.method, path = call.path, status = response and response.status, ms = core.clock() - began,
      kind = failure and failure.kind, request_id = response and response.headers["x-request-id"] }
  end
  if not response then return nil, nil, api_errors.unanswered(call, failure) end
  self.answered = core.clock()
  local body, malformed
  local is_json = (response.headers["content-type"] or ""):find("json", 1, true)
  if response.body ~= "" then
    if is_json or response.body:match("^%s*[{%[]") then body, malformed = json.answer(response.body) end
  end
  if response.status >= 200 and response.status < 300 then
    if malformed then
      malformed.sent = true
      return nil, nil, api_errors.unanswered(call, malformed)
    end
    if body == nil then body = response.body == "" and {} or response.body end
    return body, response
  end
  local err = api_errors.answered(call, response, body)
  err.retry_after = response.headers["retry-after"]
  if not err.retry_after and response.status == 429 and type(body) == "table" then err.retry_after = tonumber(body.reset_seconds) end
  return nil, nil, err
end

--- Calls; waits. The answer is the decoded body, an empty table when there is none.
---@param call scw.Call
---@return any answer
---@return table|scw.ApiError|nil response_or_error
function methods:call(call)
  local credentials = self.credentials
  local body, content_type = encode_body(call)
  local facts = {
    method = call.method, path = call.path, address = call.address,
    product = call.product or call.path:match("^/([^/]+)") or "api",
    secrets = { credentials.secret_key, table.unpack(call.secrets or {}) },
  }
  local request = {
    method = call.method,
    url = credentials.api_url .. call.path .. client.query(call.query),
    headers = { ["X-Auth-Token"] = credentials.secret_key, ["User-Agent"] = self.user_agent, ["Content-Type"] = content_type,
      Accept = "application/json" },
    body = body,
    timeout_ms = call.timeout_ms or TIMEOUT_MS,
    connect_timeout_ms = CONNECT_TIMEOUT_MS,
    insecure = credentials.insecure or false,
  }
  local repeatable = call.idempotent
  if repeatable == nil then repeatable = idempotent[call.method] or false end
  return attempts.run {
    idempotent = repeatable, call = facts, on_retry = self.on_retry, attempts = call.attempts,
    try = function() return exchange(self, request, facts) end,
    sleep = function(ms) return self:sleep(ms) end,
  }
end

--- Every item of a list, over all its pages.
---@param options { path: string, field: string, query: table|nil, page_size: integer|nil, product: string|nil, address: string|nil }
---@return table[]|nil, scw.ApiError|nil
function methods:pages(options)
  return pages.collect(self, options)
end

return client
