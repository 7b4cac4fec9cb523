--- A cloud in memory and stacks for it: what engine specs work with. Acts like `scw.engine.crud`, on types made for tests.
local core = require "core"
local errors = require "scw.errors"
local json = require "scw.json"
local memory = require "tests.lua.state.memory"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"
local session = require "scw.engine.session"

local cloud = {}

local types = {}

types.net = schema.type {
  name = "net", summary = "A network.", product = "test",
  api = { path = "/net/{region}/nets", list = { field = "nets" } },
  fields = {
    name = schema.str { required = true }, size = schema.int { default = 1 }, kind = schema.str { replace = true },
    tags = schema.set { of = "string", default = {} }, mtu = schema.int { computed = true },
  },
  outputs = { cidr = schema.str {}, revision = schema.int { follows = { "size" } } },
  identity = { "name" },
}

types.server = schema.type {
  name = "server", summary = "A server in a network.", product = "test",
  api = { path = "/server/{region}/servers", list = { field = "servers" } },
  fields = {
    name = schema.str { required = true, replace = true }, network = schema.ref { to = "net", replace = true },
    image = schema.str {}, password = schema.str { secret = true },
    secrets = schema.map { of = "string", secret = true, keep = true },
  },
  outputs = { ip = schema.str {}, token = schema.str { secret = true, once = true },
    certificate = schema.str { secret = true, fetch = "x" } },
  identity = { "name" },
}

types.disk = schema.type {
  name = "disk", summary = "Keeps data.", product = "test",
  api = { path = "/disk/{region}/disks", list = { field = "disks" } },
  fields = {
    name = schema.str { required = true }, format = schema.str { replace = true }, space = schema.int { replace = "decrease" },
    mirrored = schema.bool { replace = "off" },
  },
  identity = { "name" }, holds_data = true,
}

types.version = schema.type {
  name = "version", summary = "Of a disk; a new one is made before the old one goes.", product = "test",
  api = { path = "/disk/{region}/versions", list = { field = "versions" } },
  fields = {
    name = schema.str { required = true }, disk = schema.ref { to = "disk", replace = true }, text = schema.str { replace = true },
  },
  identity = { "name", "disk" }, create_first = true,
}

types.token = schema.type {
  name = "token", summary = "One of several that may be called the same.", product = "test",
  api = { path = "/token/{region}/tokens", list = { field = "tokens" } },
  fields = { name = schema.str { required = true } },
  identity = { "name" }, ambiguous = true,
}

types.value = require "scw.types.local.value"

cloud.catalogue = {
  get = function(name) return types[name] end,
  names = function() return { "disk", "net", "server", "token", "value", "version" } end,
}

-- The cloud -------------------------------------------------------------------------------------------------------------

---@class tests.Cloud
---@field objects table<string, table> by id
---@field calls table[] `{verb, type, address}`
---@field fail fun(verb: string, type: string, values: table, address?: string): table|nil an error to answer with
---@field before fun(verb: string, address?: string) called first; may wait
local methods = {}
local metatable = { __index = methods }

---@return tests.Cloud
function cloud.new()
  return setmetatable({ objects = {}, calls = {}, next_id = 0, fail = function() end, before = function() end, delay_ms = 0 }, metatable)
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = json.like(value)
  for key, part in next, value do result[key] = copy(part) end
  return result
end

local function readable(type_object, fields)
  local shown = {}
  for name, value in next, fields do
    local field = type_object.fields[name]
    if field.secret and field.kind == "map" then
      shown[name] = {}
      for key in next, value do shown[name][key] = "hidden" end
    elseif not field.secret then
      shown[name] = copy(value)
    end
  end
  return shown
end

local function result_of(type_object, object)
  return { id = object.id, fields = readable(type_object, object.fields), outputs = copy(object.outputs), failure = object.failure,
    leaving = object.leaving }
end

function methods:note(verb, type_object, address, values)
  self.calls[#self.calls + 1] = { verb = verb, type = type_object.name, address = address }
  self.before(verb, address, values)
  if self.delay_ms > 0 then
    local ok, failure = core.sleep(self.delay_ms)
    if not ok then return failure end
  end
  return self.fail(verb, type_object.name, values, address)
end

--- The calls of a verb, by address.
function methods:count(verb)
  local count = 0
  for _, call in ipairs(self.calls) do
    if call.verb == verb then count = count + 1 end
  end
  return count
end

function methods:size()
  local count = 0
  for _ in next, self.objects do count = count + 1 end
  return count
end

--- The interface of `scw.engine.crud` over this cloud.
function methods:crud()
  local real = require "scw.engine.crud"
  local crud = { list_scope = real.list_scope }
  local function is_local(type_object) return type_object.driver == "local" end

  function crud.create(client, type_object, values, place, on_created, options)
    if is_local(type_object) then return real.create(client, type_object, values, place, on_created, options) end
    local failure = self:note("create", type_object, options.address, values)
    if failure and not failure.landed then return nil, failure end
    self.next_id = self.next_id + 1
    local id = ("%s-%d"):format(type_object.name, self.next_id)
    local object = { id = id, type = type_object.name, fields = copy(values), outputs = {}, token = "token of " .. id, at = core.now() }
    if type_object.name == "net" then object.outputs = { cidr = "10." .. self.next_id, revision = 1 } end
    if type_object.name == "server" then object.outputs = { ip = "1.2.3." .. self.next_id } end
    self.objects[id] = object
    if failure then return nil, failure end
    local result = result_of(type_object, object)
    result.secrets = { token = object.token }
    on_created(id, result)
    failure = self:note("ready", type_object, options.address, values)
    if failure then return nil, failure end
    return result
  end

  function crud.read(client, type_object, record)
    if is_local(type_object) then return real.read(client, type_object, record) end
    local failure = self:note("read", type_object, record.address)
    if failure then return nil, failure end
    local object = self.objects[record.id]
    return object and result_of(type_object, object) or nil
  end

  function crud.list(_, type_object)
    local failure = self:note("list", type_object)
    if failure then return nil, failure end
    local results = {}
    for _, object in next, self.objects do
      if object.type == type_object.name then results[#results + 1] = result_of(type_object, object) end
    end
    table.sort(results, function(a, b) return a.id < b.id end)
    return results
  end

  function crud.update(client, type_object, record, values, changes, options)
    if is_local(type_object) then return real.update(client, type_object, record, values, changes, options) end
    local failure = self:note("update", type_object, options.address, values)
    if failure then return nil, failure end
    local object = assert(self.objects[record.id], "updates what is not there")
    for _, change in ipairs(changes) do
      local field = type_object.fields[change.field]
      assert(not change.replace, "updates what cannot be updated")
      if field.kind == "map" then
        local key = change.path:sub(#change.field + 2)
        object.fields[change.field] = object.fields[change.field] or {}
        object.fields[change.field][key] = values[change.field] and values[change.field][key]
        assert(type(object.fields[change.field][key]) ~= "table", "a secret was not resolved")
      else
        object.fields[change.field] = copy(values[change.field])
        assert(not field.secret or type(values[change.field]) ~= "table", "a secret was not resolved")
      end
      if type_object.name == "net" and change.field == "size" then object.outputs.revision = object.outputs.revision + 1 end
    end
    return result_of(type_object, object)
  end

  function crud.delete(client, type_object, record, options)
    if is_local(type_object) then return real.delete(client, type_object, record) end
    local failure = self:note("delete", type_object, options.address)
    if failure then return nil, failure end
    for _, object in next, self.objects do
      local uses = object.fields.network == record.id or object.fields.disk == record.id
      if uses then return nil, { kind = "condition", status = 412, message = "in use by " .. object.id } end
    end
    self.objects[record.id] = nil
    return true
  end

  function crud.find(_, type_object, values, _, options)
    local failure = self:note("find", type_object, options.address)
    if failure then return nil, failure end
    for id, object in next, self.objects do
      if object.type == type_object.name and object.fields.name == values.name and not (options.except or {})[id] then return id end
    end
    return nil
  end

  function crud.fetch(_, type_object, record, output)
    local failure = self:note("fetch", type_object, record.address)
    if failure then return nil, failure end
    assert(self.objects[record.id], "fetches from what is not there")
    return output .. " of " .. record.id
  end

  function crud.wait_ready(_, type_object, record, options)
    local failure = self:note("wait", type_object, options.address)
    local object = self.objects[record.id]
    if object.failure then failure = errors.new { code = "INFRA_005", kind = "failed", message = object.failure } end
    if failure then return nil, failure end
    return result_of(type_object, object)
  end
  return crud
end

-- Stacks ----------------------------------------------------------------------------------------------------------------

local function needs_of(declaration)
  local seen, needs = { [declaration.address] = true }, {}
  local function add(address)
    if not seen[address] then
      seen[address] = true
      needs[#needs + 1] = address
    end
  end
  reference.each(declaration.fields, add)
  reference.each(declaration.options.replace_on, add)
  for _, address in ipairs(declaration.options.depends_on or {}) do add(address) end
  table.sort(needs)
  return needs
end

--- A stack as `scw.dsl.load` gives it. `build(declare, output)`: `declare(type, name, fields, options)` returns a handle.
---@param build fun(declare: function, output: function, lookup: function)
---@return scw.dsl.Stack
function cloud.stack(build)
  local stack = { name = "test", environment = "testing", region = "fr-par", declarations = {}, outputs = {}, state = { kind = "file" } }
  local line = 0
  local function add(type_name, name, fields, options, is_lookup)
    line = line + 1
    local module, plain = name:match("^(.*)/([^/]+)$")
    module, plain = module or "", plain or name
    local declaration = {
      address = (module ~= "" and module .. "/" or "") .. (is_lookup and "lookup." or "") .. type_name .. "." .. plain, type = type_name,
      name = plain, module = module, fields = fields or {}, options = options or {}, source = "test.lua:" .. line, uses = {},
      region = "fr-par", lookup = is_lookup or false,
    }
    declaration.needs = needs_of(declaration)
    stack.declarations[#stack.declarations + 1] = declaration
    return reference.handle(declaration, function(key)
      local field = types[type_name].fields[key] or types[type_name].outputs[key] or { kind = "str" }
      return reference.attribute(declaration.address, { key }, { kind = field.kind, type = type_name, secret = field.secret or false })
    end)
  end
  build(add, function(name, value)
    stack.outputs[#stack.outputs + 1] = { name = name, value = value, source = "test.lua:1", secret = reference.secret(value) }
  end, function(type_name, name, query) return add(type_name, name, query, nil, true) end)
  return stack
end

--- What a series of runs shares: a cloud, and a place for the state.
---@class tests.World
---@field cloud tests.Cloud
---@field backend table
local world = {}
local world_metatable = { __index = world }

---@param facts? table
---@return tests.World
function cloud.world(facts)
  local made = { cloud = cloud.new(), backend = memory.new(), key = false }
  for name, fact in pairs(facts or {}) do made[name] = fact end
  return setmetatable(made, world_metatable)
end

---@param stack scw.dsl.Stack
---@param options? scw.SessionOptions
---@param command? string
---@return scw.Session
function world:session(stack, options, command)
  return session.open({
    stack = stack, command = command, client = { credentials = {}, sleep = function(_, ms) return core.sleep(math.ceil(ms / 1000)) end },
    crud = self.cloud:crud(),
    catalogue = cloud.catalogue,
    backend = self.backend, name = "test.state", key = self.key, options = options, environment = {},
    host = { name = "here", user = "me", pid = 1 },
  })
end

--- Plans; raises when that fails.
function world:plan(stack, options) return assert(self:session(stack, options):plan()) end

--- Plans and applies. Returns the result, the plan, the events.
function world:apply(stack, options)
  local opened = self:session(stack, options)
  local made = assert(opened:plan())
  local events = {}
  local result = assert(opened:apply(made, function(event) events[#events + 1] = event end))
  return result, made, events
end

function world:destroy(stack, options)
  local opened = self:session(stack, options)
  local made = assert(opened:destroy_plan())
  return assert(opened:apply(made)), made
end

--- Goes back: the plan, and what came of it. Raises when there is no plan.
function world:rollback(options, to)
  local opened = self:session(cloud.stack(function() end), options, "rollback")
  local made = assert(opened:rollback_plan(to))
  return assert(opened:apply(made)), made
end

function world:state() return assert(self:session(cloud.stack(function() end)):state()) end

--- The steps that do something, as "action address", sorted.
function cloud.actions(plan)
  local list = {}
  for _, step in ipairs(plan.steps) do
    if step.action ~= "none" then list[#list + 1] = step.action .. " " .. step.address end
  end
  table.sort(list)
  return list
end

--- Fails of a result as text.
function cloud.failures(result)
  local list = {}
  for index, failure in ipairs(result.failures) do list[index] = tostring(failure) end
  return table.concat(list, "\n")
end

return cloud
