--- What a session rests on, each made when something first needs it: client, backend, key, store, and the state in it.
local codec = require "scw.state.codec"
local core = require "core"
local desired = require "scw.engine.desired"
local edges = require "scw.engine.edges"
local errors = require "scw.errors"
local keys = require "scw.state.keys"
local recorded = require "scw.engine.recorded"
local store = require "scw.state.store"

local opening = {}

local PARALLEL = 64

--- The client of the API.
---@param self scw.Session
---@return table|nil client, scw.Error|nil
function opening.client(self)
  if self.client == nil then
    local made = self.make_client
    if type(made) == "function" then
      local err
      made, err = made()
      if not made then return nil, err end
    end
    if not made then
      return nil, errors.new({
        code = "INFRA_001", message = "there are no credentials to call the API with", hint = "set SCW_ACCESS_KEY and SCW_SECRET_KEY",
      })
    end
    self.client = made
  end
  return self.client
end

--- Where the state is; its key is not needed for that.
---@param self scw.Session
---@return scw.state.Backend|nil backend
---@return string|scw.Error name of the state there, or the error
function opening.backend(self)
  if self.backend then return self.backend, self.name or self.stack.name end
  local declaration = self.stack.state
  if declaration.kind == "file" then
    self.backend, self.name = require("scw.state.file").at(declaration.path)
    return self.backend, self.name
  end
  local client, err = opening.client(self)
  if not client then return nil, err end
  local function bucket(place)
    local storage = require("scw.api.object_storage").new(client, {
      region = place.region, endpoint = place.endpoint, path_style = place.path_style,
    })
    return require("scw.state.s3").new({ storage = storage, bucket = place.bucket, on_message = self.on_message })
  end
  self.backend, self.name = bucket(declaration), declaration.key
  if declaration.replica then
    self.backend = require("scw.state.mirror").new({
      primary = self.backend, replica = bucket(declaration.replica), patience = declaration.replica.patience, on_message = self.on_message,
    })
  end
  return self.backend, self.name
end

---@param self scw.Session
---@return scw.state.Keyring|userdata|false|nil, scw.Error|nil
local function key_of(self)
  if self.key ~= nil then return self.key end
  local key, err, warning = keys.load(self.stack.state, {
    environment = self.environment, stack_environment = self.stack.environment, region = self.stack.state.region or self.stack.region,
    client = function() return opening.client(self) end, old_key_file = self.options.old_key_file,
    old_key_manager = self.options.old_key_manager,
  })
  if key == nil then return nil, err end
  if warning then self.warnings[#self.warnings + 1] = { message = warning, source = self.stack.state.source } end
  return key
end

--- The state and what lies beside it; nothing is read yet.
---@param self scw.Session
---@return scw.state.Store|nil, scw.Error|nil
function opening.store(self)
  if self.store then return self.store end
  local key, err = key_of(self)
  if key == nil then return nil, err end
  local backend, name = opening.backend(self)
  if not backend then return nil, name end
  self.store = store.new({
    backend = backend, codec = codec.new({ stack = self.stack.name, key = key or nil, unsealed = self.options.unsealed }), name = name,
    stack = self.stack.name, environment = self.stack.environment, keep = self.options.keep, salvage = self.options.salvage,
    on_saved = function() self.on_event({ kind = "state_saved" }) end,
  })
  return self.store
end

--- Says once who is named and has no place in the state, and which key files are not there.
---@param self scw.Session
---@param ring scw.state.Keyring|nil
local function warn_of_keys(self, ring)
  if self.told_keys or not ring then return end
  self.told_keys = true
  local function warn(message) self.warnings[#self.warnings + 1] = { message = message, source = self.stack.state.source } end
  for _, missing in ipairs(ring:missing()) do warn(missing.message) end
  for _, name in ipairs(ring:left_out()) do
    warn(("the state is not sealed for %s yet: `%s state rekey STACK` does it"):format(name, core.program))
  end
end

--- The state as it is saved now.
---@param self scw.Session
---@return scw.state.Document|nil, scw.Error|nil
function opening.document(self)
  local opened, err = opening.store(self)
  if not opened then return nil, err end
  local document
  document, err = opened:load()
  if not document then return nil, err end
  warn_of_keys(self, opened.codec.key)
  return document
end

--- The state as it can be planned with.
---@param self scw.Session
---@return scw.state.Document|nil, scw.Error|nil
function opening.checked(self)
  local document, err = opening.document(self)
  if not document then return nil, err end
  local ok
  ok, err = recorded.check(document, self.catalogue)
  return ok and document, err
end

--- What the stack declares, in order.
---@param self scw.Session
---@return scw.Desired|nil, scw.Error|nil
function opening.declared(self)
  if self.set then return self.set end
  local set, err = desired.build(self.stack, self.catalogue)
  if not set then return nil, err end
  self.order, err = edges.order(set)
  if not self.order then return nil, err end
  self.set = set
  return set
end

--- Where resources are when they do not say it: what the stack says, else the credentials.
---@param self scw.Session
---@return { region?: string, zone?: string, project?: string, organization?: string }
function opening.place(self)
  local place, stack = {}, self.stack
  local known = self.client and self.client.credentials or {}
  for _, kind in ipairs({ "region", "zone", "project", "organization" }) do place[kind] = stack[kind] or known[kind] end
  return place
end

local function needs_client(self, document, nodes)
  local function remote(type) return type and type.driver ~= "local" end
  for _, present in next, document.resources do
    if remote(self.catalogue.get(present.type)) then return true end
  end
  for _, node in ipairs(nodes) do
    if remote(node.type) then return true end
  end
  return next(document.intents) ~= nil
end

--- What looks at resources. Those that only exist here need no client, nor credentials.
---@param self scw.Session
---@param document scw.state.Document
---@param nodes? scw.Node[] declared
---@return scw.RefreshFacts|nil, scw.Error|nil
function opening.tools(self, document, nodes)
  if needs_client(self, document, nodes or {}) then
    local client, err = opening.client(self)
    if not client then return nil, err end
  end
  return { crud = self.crud, client = self.client, catalogue = self.catalogue, parallel = self.options.parallel or PARALLEL }
end

return opening
