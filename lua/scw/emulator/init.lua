--- A local Scaleway: the control plane on one port, Object Storage on another, objects in memory or in a file.
--- What exists comes from the types (scw.types); what they do not say, from scw.emulator.behaviour.
local answer = require "scw.emulator.answer"
local catalogue = require "scw.schema.catalogue"
local clock = require "scw.emulator.clock"
local core = require "core"
local credentials = require "scw.emulator.credentials"
local faults = require "scw.emulator.faults"
local json = require "scw.json"
local resource = require "scw.emulator.resource"
local router = require "scw.emulator.router"
local s3 = require "scw.emulator.s3"
local store = require "scw.emulator.store"

local emulator = {}

local BEHAVIOURS = "scw.emulator.behaviour."

---@class scw.emulator.Options
---@field host? string default 127.0.0.1
---@field port? integer of the API; default: any free one
---@field s3_port? integer default: the port after the API's, or any free one
---@field data? string file to keep everything in
---@field speed? number|"instant" virtual seconds a real second
---@field faults? table rules of scw.emulator.faults
---@field exchanges? string file to which every call of the API and its answer is appended, a line of JSON each

---@class scw.emulator.Emulator
---@field store scw.emulator.Store
---@field clock scw.emulator.Clock
---@field router scw.emulator.Router
---@field credentials scw.emulator.Credentials
---@field faults scw.emulator.Faults
---@field resources table<string, scw.emulator.Resource> by kind
---@field project_id string
---@field organization_id string
---@field s3 scw.emulator.s3.Service
local methods = {}
local metatable = { __index = methods }

-- Who it is ---------------------------------------------------------------------------------------------------------------

--- Keys and ids, the same for the life of a file.
local function identity_of(self)
  local collection = self.store:collection("emulator")
  local record = collection:get("identity")
  if not record then
    local organization = core.uuid()
    record = { id = "identity", builtin = true, body = {
      access_key = credentials.access_key(), secret_key = core.uuid(),
      project_id = organization, organization_id = organization, -- the default project has the organisation's id
      user_id = core.uuid(), owner = true,
    } }
  end
  record.body.clock = math.max(record.body.clock or 0, self.clock:now())
  self.clock:not_before(record.body.clock)
  collection:put(record)
  return record
end

--- The organisation of a project. One nobody made is the default project of its organisation.
---@param project string|nil
---@return string
function methods:organization_of(project)
  local known = self.resources.account_project and self.resources.account_project:get(project)
  if known then return known.body.organization_id end
  return type(project) == "string" and project or self.organization_id
end

-- What it serves ----------------------------------------------------------------------------------------------------------

--- The resource a path parameter names, from the reference field of the type: "{instance}" is the field `instance`.
local function parent_of(type)
  local name = type.api.path:gsub("{region}", ""):gsub("{zone}", ""):match("{([%w_]+)}")
  local field = name and type.fields[name]
  if not name then return nil end
  if not field or field.kind ~= "ref" then return false end
  local wire = field.wire.read or field.wire.create
  return { kind = field.to, parameter = name, field = wire and wire[1] or name .. "_id" }
end

--- Types without a behaviour are served by what they say themselves.
local function install_plain(self, type)
  local api = type.api
  if not api or type.driver or self.resources[type.name] or api.id:find("{", 1, true) then return end
  if not api.create or not api.delete or self.router:knows("POST", api.path) or self.router:knows("GET", api.item) then return end
  local parent = parent_of(type)
  if parent == false then return end
  local status = type.ready and { field = type.ready.field, ready = type.ready.ok[1],
    message = type.ready.reason, creating = { "creating", 5 }, updating = { "updating", 5 }, deleting = { "deleting", 5 } }
  resource.install(self, { kind = type.name, parent = parent, status = status, noun = type.name,
    owner = type.scope == "organization" and "organization" or "project" })
end

local function install_all(self)
  for _, name in ipairs(core.modules(BEHAVIOURS)) do
    local behaviour = require(name)
    for _, declaration in ipairs(behaviour.resources or {}) do resource.install(self, declaration) end
    for key, handler in next, behaviour.routes or {} do
      local verb, path = key:match("^(%S+) (%S+)$")
      self.router:add(verb, path, handler)
    end
    self.behaviours[#self.behaviours + 1] = behaviour
  end
  for _, name in ipairs(catalogue.names()) do install_plain(self, catalogue.get(name)) end
  for _, installed in next, self.resources do installed:link() end
  for _, behaviour in ipairs(self.behaviours) do
    if behaviour.install then behaviour.install(self) end
  end
end

--- What exists without anybody making it, and the list of what is passing.
local function populate(self)
  for _, installed in next, self.resources do installed:recall() end
  for _, behaviour in ipairs(self.behaviours) do
    if behaviour.populate then behaviour.populate(self) end
  end
end

-- The API -----------------------------------------------------------------------------------------------------------------

local function authenticate(self, request)
  local token = request.headers["x-auth-token"]
  if not token or token == "" then return nil, answer.denied("unknown_method", "invalid_argument") end
  local key = resource.is_uuid(token) and self.credentials:by_secret_key(token)
  if not key then return nil, answer.denied("api_key", "not_found") end
  if key.expires_at and key.expires_at <= self.clock:timestamp() then return nil, answer.denied("api_key", "expired") end
  return key
end

local function body_of(request)
  if request.body == "" then return {} end
  local kind = request.headers["content-type"] or ""
  if kind:find "^text/plain" then return {} end -- its handler takes the text itself
  local body = json.decode(request.body)
  if type(body) ~= "table" then return nil, answer.invalid_argument("body", "format", "is not a JSON object") end
  return body
end

--- An error that is no answer is a defect of the emulator: told on standard error, answered with 500.
local function failed(self, problem)
  if answer.is(problem) then return problem end
  self.on_defect(tostring(problem))
  return answer.message(500, "the emulator failed: " .. tostring(problem):match("^[^\n]*"))
end

local function traced(problem)
  if answer.is(problem) then return problem end
  return debug.traceback(tostring(problem), 2)
end

--- Is it UTF-8 behind its percent-encoding? What is not could not be told again in any answer.
local function is_text(encoded)
  return utf8.len(core.uri_decode(encoded) or encoded) ~= nil
end

--- Answers one call of the API.
---@param request { method: string, path: string, query: string, headers: table<string, string>, body: string }
---@return scw.emulator.Answer
function methods:handle(request)
  if not (is_text(request.method) and is_text(request.path) and is_text(request.query or "")) then
    self.requests.unknown = (self.requests.unknown or 0) + 1
    return answer.message(400, "method, path and query must be UTF-8")
  end
  local route, parameters = self.router:find(request.method, request.path)
  if not route then
    self.requests.unknown = (self.requests.unknown or 0) + 1
    return answer.message(501, ("the emulator has no %s %s"):format(request.method, request.path))
  end
  self.requests[route.key] = (self.requests[route.key] or 0) + 1
  local key, denied = authenticate(self, request)
  if not key then return denied end
  local body, refused = body_of(request)
  if not body then return refused end
  local call = {
    emulator = self, method = request.method, parameters = parameters, body = body, text = request.body, key = key,
    query = router.query(request.query or ""), route = route,
  }
  local ok, reply = xpcall(route.handler, traced, call)
  if ok then return reply end
  return failed(self, reply)
end

-- Object Storage ----------------------------------------------------------------------------------------------------------

--- Object Storage with the same keys, kept in the same file. Its time is real: clients sign with it and lock until it.
local function object_storage(self)
  return s3.new {
    store = self.store,
    credentials = function(access_key, project)
      if project and not resource.is_uuid(project) then return nil end
      return self.credentials:caller(access_key, project, self.clock:timestamp())
    end,
  }
end

-- Its own paths -----------------------------------------------------------------------------------------------------------

--- Forgets every object, fault and count. Keys stay valid.
function methods:reset()
  self.store:reset()
  self.identity.body.clock = self.clock:now()
  self.store:collection("emulator"):put(self.identity)
  self.requests = {}
  self.faults:set(nil)
  self.s3:reset()
  populate(self)
end

--- `{ requests = { ["GET /…/{id}"] = n, ["PUT /{bucket}/{key}"] = n }, objects = { kind = n } }`:
--- objects that users made and that still exist.
---@return table
function methods:stats()
  local objects = {}
  for kind, installed in next, self.resources do
    local count = installed:live()
    if count > 0 then objects[kind] = count end
  end
  for kind, count in next, self.s3:objects() do
    if count > 0 then objects[kind] = count end
  end
  local requests = {}
  for _, counts in ipairs { self.requests, self.s3.requests } do
    for name, count in next, counts do requests[name] = (requests[name] or 0) + count end
  end
  return { requests = requests, objects = objects }
end

local own_paths = {}

own_paths["POST /_emulator/reset"] = function(self)
  self:reset()
  return answer.reply(200, {})
end

own_paths["GET /_emulator/stats"] = function(self)
  return answer.reply(200, self:stats())
end

own_paths["POST /_emulator/faults"] = function(self, request)
  local rules, err = json.decode(request.body == "" and "[]" or request.body)
  if rules == nil then return answer.message(400, err.message) end
  local ok, problem = self.faults:set(rules)
  if not ok then return answer.message(400, problem) end
  return answer.reply(200, { rules = #self.faults.rules })
end

-- Serving -----------------------------------------------------------------------------------------------------------------

local function send(request, reply)
  local headers = { ["x-request-id"] = core.uuid(), server = "Scaleway API Gateway (emulator)" }
  local body = ""
  if type(reply.body) == "string" then
    headers["content-type"], body = "text/plain", reply.body
  elseif reply.body then
    headers["content-type"] = "application/json"
    body = assert(json.encode(reply.body))
  end
  for name, value in next, reply.headers or {} do headers[name] = value end
  request:respond(reply.status, headers, body)
end

--- The answer a fault gives instead of the work, nil when the work is to be done.
local function fault_reply(rule)
  if not rule.status then return nil end
  local headers = rule.retry_after and { ["retry-after"] = ("%d"):format(rule.retry_after) } or {}
  if rule.status == 429 then
    headers["x-envoy-ratelimited"] = "true"
    return answer.reply(429, rule.body, headers)
  end
  return answer.reply(rule.status, rule.body or { message = "injected fault" }, headers)
end

--- For those who want to check what a client sent: bodies as they were, secrets included, but no keys.
local function keep_exchange(self, request, reply)
  if not utf8.len(request.method .. request.path .. request.query .. request.body) then return end -- JSON cannot hold it
  local query = request.query ~= "" and request.query or nil
  self.exchanges:write(assert(json.encode {
    method = request.method, path = query and request.path .. "?" .. query or request.path, request_body = request.body,
    status = reply.status, response_body = reply.recorded or reply.body,
  }), "\n")
  self.exchanges:flush()
end

local function answer_api(self, request, rule)
  if rule and rule.delay_ms then core.sleep(rule.delay_ms) end
  if rule and rule.drop == "before" then return request:drop() end
  local reply = rule and fault_reply(rule) or self:handle(request)
  if self.exchanges then keep_exchange(self, request, reply) end
  if rule and rule.drop == "after" then return request:drop() end
  send(request, reply)
end

local function serve_api(self, request)
  local own = own_paths[request.method .. " " .. request.path]
  if own then return send(request, own(self, request)) end
  local rule = self.faults:hit("api", request.method, request.path)
  if rule and rule.delay_ms then return core.spawn(answer_api, self, request, rule) end
  return answer_api(self, request, rule)
end

local FAULT_CODES = { [403] = "AccessDenied", [503] = "SlowDown" }

local function answer_s3(self, request, rule)
  if rule and rule.delay_ms then core.sleep(rule.delay_ms) end
  if rule and rule.drop == "before" then return request:drop() end
  if rule and rule.status then
    local code = FAULT_CODES[rule.status] or "InternalError"
    local headers = { ["content-type"] = "application/xml", ["retry-after"] = rule.retry_after and ("%d"):format(rule.retry_after) }
    return request:respond(rule.status, headers, ("<Error><Code>%s</Code><Message>injected fault</Message></Error>"):format(code))
  end
  local status, headers, body = self.s3:handle(request)
  if rule and rule.drop == "after" then return request:drop() end
  request:respond(status, headers, body)
end

local function serve_s3(self, request)
  local rule = self.faults:hit("s3", request.method, request.path)
  if rule and rule.delay_ms then return core.spawn(answer_s3, self, request, rule) end
  return answer_s3(self, request, rule)
end

local function accept_all(self, server, serve)
  core.spawn(function()
    while true do
      local request = server:accept()
      if not request then return end
      local ok, problem = xpcall(serve, traced, self, request)
      if not ok then
        self.on_defect(tostring(problem))
        pcall(request.respond, request, 500, {}, "")
      end
    end
  end)
end

-- Starting ----------------------------------------------------------------------------------------------------------------

--- An emulator without sockets: for tests of behaviour, through `handle`.
---@param options? scw.emulator.Options
---@return scw.emulator.Emulator|nil
---@return table|nil err
function emulator.new(options)
  options = options or {}
  local memory, err = store.open(options.data)
  if not memory then return nil, err end
  local rules, problem = faults.new(options.faults)
  if not rules then
    memory:close()
    return nil, { kind = "invalid", message = "faults: " .. problem } end
  local self = setmetatable({
    store = memory, clock = clock.new(options.speed), router = router.new(), faults = rules,
    resources = {}, behaviours = {}, requests = {},
    on_defect = function(text) io.stderr:write("emulator: ", text, "\n") end,
  }, metatable)
  self.identity = identity_of(self)
  local own = self.identity.body
  self.project_id, self.organization_id = own.project_id, own.organization_id
  self.credentials = credentials.new(own, memory:collection("iam_api_key"))
  self.s3 = object_storage(self)
  install_all(self)
  populate(self)
  memory.on_flush = function()
    own.clock = self.clock:now()
    memory:collection("emulator"):put(self.identity)
  end
  return self
end

function methods:close()
  for _, server in ipairs(self.servers or {}) do server:close() end
  self.servers = nil
  if self.exchanges then self.exchanges:close() end
  self.exchanges = nil
  self.store:close()
end

---@class scw.emulator.Handle
---@field api_url string
---@field s3_url string
---@field access_key string
---@field secret_key string
---@field project_id string
---@field organization_id string
---@field emulator scw.emulator.Emulator
local handle_methods = {}

--- Stops listening, keeps what is to be kept.
function handle_methods:close()
  self.emulator:close()
end

--- The line that tells how to reach it: JSON.
---@return string
function handle_methods:ready_line()
  local facts = {}
  for _, name in ipairs { "api_url", "s3_url", "access_key", "secret_key", "project_id", "organization_id" } do
    facts[name] = self[name]
  end
  return assert(json.encode(facts))
end

local handle_metatable = { __index = handle_methods, __close = handle_methods.close }

local function listen(self, host, port, serve)
  if port > 65535 then return nil, { kind = "invalid", message = ("there is no port %d"):format(port) } end
  local server, err = core.listen { host = host, port = port }
  if not server then return nil, err end
  self.servers[#self.servers + 1] = server
  accept_all(self, server, serve)
  local name = host == "0.0.0.0" and "127.0.0.1" or host:find(":", 1, true) and "[" .. host .. "]" or host
  return ("http://%s:%d"):format(name, server:port())
end

--- Starts an emulator that listens, in this process.
---@param options? scw.emulator.Options
---@return scw.emulator.Handle|nil
---@return table|nil err
function emulator.start(options)
  options = options or {}
  local self, err = emulator.new(options)
  if not self then return nil, err end
  self.servers = {}
  if options.exchanges then
    local file, problem = io.open(options.exchanges, "a")
    if not file then
      self:close()
      return nil, { kind = "io", message = problem }
    end
    self.exchanges = file
  end
  local host, port = options.host or "127.0.0.1", options.port or 0
  if host == "localhost" then host = "127.0.0.1" end -- the core listens on addresses, not on names
  local s3_port = options.s3_port or (port ~= 0 and port + 1 or 0)
  local api_url, s3_url
  api_url, err = listen(self, host, port, serve_api)
  if api_url then s3_url, err = listen(self, host, s3_port, serve_s3) end
  if not s3_url then
    self:close()
    return nil, err
  end
  local own = self.credentials.own
  return setmetatable({
    api_url = api_url, s3_url = s3_url, access_key = own.access_key, secret_key = own.secret_key,
    project_id = own.project_id, organization_id = own.organization_id, emulator = self,
  }, handle_metatable)
end

return emulator
