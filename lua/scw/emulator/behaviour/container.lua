--- Serverless Containers v1: namespaces, containers, domains, triggers.
---
--- An image whose reference contains "fail", or the image hello-world (which serves nothing), never gets ready: the
--- container ends in `error`. A host name below .invalid (which never resolves) cannot become a domain.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"

local container = {}

local SOURCES = { cron_config = "cron", sqs_config = "sqs", nats_config = "nats" }

local function unpadded(bytes)
  return (core.base64(bytes):gsub("=+$", ""))
end

--- How a secret value is read back: the form of an argon2id hash, of a digest that is cheap to make.
local function hashed(value)
  local salt = core.random(16)
  return ("$argon2id$v=19$m=65536,t=3,p=64$%s$%s"):format(unpadded(salt), unpadded(core.hmac("sha256", salt, value)))
end

--- The set of secrets after a write: "" keeps what is there, what is not named goes.
local function secrets_after(given, present)
  local result = {}
  for name, value in next, given do
    if value == "" and present and present[name] then result[name] = present[name] else result[name] = hashed(value) end
  end
  return result
end

local function hash_secrets(_, values)
  if values.secret_environment_variables then
    values.secret_environment_variables = secrets_after(values.secret_environment_variables)
  end
end

local function replace_secrets(_, record, values)
  if values.secret_environment_variables then
    values.secret_environment_variables =
      secrets_after(values.secret_environment_variables, record.body.secret_environment_variables)
  end
end

-- Containers --------------------------------------------------------------------------------------------------------------

local function endpoint_of(space, name, region)
  local prefix = space.body.name:lower():gsub("[^a-z0-9]", ""):sub(1, 20)
  return ("https://%s%s-%s.functions.fnc.%s.scw.cloud"):format(prefix, space.id:sub(1, 8), name, region)
end

local function check_network(call, values)
  local id = values.private_network_id
  if id == nil or id == "" then return end
  local networks = call.emulator.resources.private_network
  local network = networks:need(id)
  if network.body.region ~= call.parameters.region then answer.refuse(networks:absent(id)) end
end

local function check_scale(values)
  local low, high = values.min_scale, values.max_scale
  if low and high and low > high then
    answer.refuse(answer.invalid_argument("min_scale", "constraint", "must not be greater than max_scale"))
  end
end

--- A container that cannot start ends in error, with the words the service uses.
local function outcome(_, record)
  local body = record.body
  local image = body.image:lower()
  if not image:find("fail", 1, true) and not image:find("^hello%-world") and not image:find("/hello-world", 1, true) then return nil end
  local probe = body.startup_probe ~= json.null and body.startup_probe or body.liveness_probe
  local message = ("Container is unable to start OR is not listening on port %d"):format(body.port)
  if type(probe) == "table" and type(probe.http) == "table" then
    message = ("Container is unable to start OR does not respond to HTTP requests on port %d and path %s")
      :format(body.port, probe.http.path)
  end
  return { status = "error", message = message, after = 60 }
end

local DEFAULT_PROBE = { failure_threshold = 30, interval = "10s", timeout = "1s", tcp = {} }

local containers = {
  kind = "container",
  list = "containers",
  noun = "container",
  owner = "parent",
  parent = { kind = "container_namespace", field = "namespace_id", ready = true },
  unique = { "name" },
  within = "namespace_id",
  fields = {
    private_network_id = { absent = true },
    liveness_probe = { default = DEFAULT_PROBE },
  },
  status = {
    creating = { "creating", 10 }, updating = { "updating", 10 }, deleting = { "deleting", 5 }, message = "error_message",
    busy = { "upgrading", "locking" },
  },
  uses = { private_network = function(record, id) return record.body.private_network_id == id end },
  hooks = {
    prepare = function(call, values)
      local fields = call.emulator.resources.container.fields
      check_network(call, values)
      check_scale { min_scale = values.min_scale, max_scale = values.max_scale or fields.max_scale.default }
      hash_secrets(call, values)
      if values.private_network_id == "" then values.private_network_id = nil end
      local space = call.emulator.resources.container_namespace:get(values.namespace_id)
      values.public_endpoint = endpoint_of(space, values.name, call.parameters.region)
    end,
    patching = function(call, record, values)
      check_network(call, values)
      check_scale { min_scale = values.min_scale or record.body.min_scale, max_scale = values.max_scale or record.body.max_scale }
      replace_secrets(call, record, values)
    end,
    patched = function(_, record)
      if record.body.private_network_id == "" then record.body.private_network_id = nil end
    end,
    outcome = outcome,
  },
}

containers.actions = {
  ["POST redeploy"] = function(call, record)
    local self = call.emulator.resources.container
    self:refuse_passing(record)
    self:begin(record, "updating")
  end,
}

-- What hangs on a container -----------------------------------------------------------------------------------------------

--- Lists of what hangs on a container can be asked by namespace.
local function in_namespace(emulator)
  return function(record, value)
    local owner = emulator.resources.container:get(record.body.container_id)
    return owner ~= nil and owner.body.namespace_id == value
  end
end

local function source_of(values)
  local found
  for name, source in next, SOURCES do
    if values[name] ~= nil and values[name] ~= json.null then
      if found then answer.refuse(answer.invalid_argument(name, "constraint", "only one source is possible")) end
      found = source
    end
  end
  return found
end

--- A queue is in the region of the call when nothing is said.
local function own_region(call, values)
  local queue = values.sqs_config
  if type(queue) == "table" and (queue.region == nil or queue.region == "") then queue.region = call.parameters.region end
end

local LIFE = { creating = { "creating", 5 }, updating = { "updating", 5 }, deleting = { "deleting", 5 }, message = "error_message" }

local triggers = {
  kind = "container_trigger",
  list = "triggers",
  noun = "trigger",
  owner = "parent",
  placeless = true,
  parent = { kind = "container", field = "container_id", ready = true },
  fields = {
    cron_config = { absent = true, update = "cron_config" },
    sqs_config = { absent = true, update = "sqs_config" },
    nats_config = { absent = true, update = "nats_config" },
  },
  filters = { trigger_type = function(record, value) return value:find("^unknown") ~= nil or record.body.source_type == value end },
  status = LIFE,
  hooks = {
    prepare = function(call, values)
      local source = source_of(values)
      if not source then answer.refuse(answer.invalid_argument("source", "required", "a source is required")) end
      values.source_type = source
      own_region(call, values)
    end,
    patching = function(call, record, values)
      own_region(call, values)
      local source = source_of(values)
      if source and source ~= record.body.source_type then
        answer.refuse(answer.invalid_argument("source", "constraint", "the kind of the source cannot change"))
      end
    end,
  },
}

local domains = {
  kind = "container_domain",
  list = "domains",
  noun = "domain",
  owner = "parent",
  placeless = true,
  parent = { kind = "container", field = "container_id", ready = true },
  unique = { "hostname" },
  within = "nothing",
  filters = {},
  status = {
    creating = { "creating", 15 }, updating = { "updating", 5 }, deleting = { "deleting", 5 }, message = "error_message",
  },
  hooks = {
    prepare = function(_, values)
      if values.hostname:find("%.invalid$") then
        answer.refuse(answer.message(400, ("could not validate domain: %s does not resolve"):format(values.hostname)))
      end
    end,
  },
}

local namespaces = {
  kind = "container_namespace",
  list = "namespaces",
  noun = "namespace",
  fields = { secret_environment_variables = { default = {} } },
  status = { creating = { "creating", 5 }, updating = { "updating", 5 }, deleting = { "deleting", 5 } },
  hooks = {
    prepare = hash_secrets,
    patching = replace_secrets,
    passes = function(_, values) -- only the environment has to be rolled out
      return values.environment_variables ~= nil or values.secret_environment_variables ~= nil
    end,
  },
}

container.resources = { namespaces, containers, triggers, domains }

function container.install(emulator)
  emulator.resources.container_trigger.filters.namespace_id = in_namespace(emulator)
  emulator.resources.container_domain.filters.namespace_id = in_namespace(emulator)
end

return container
