--- Fingerprints stand for secrets in state and plans: keyed, so that nobody can guess what they stand for; equal when the secret is
--- the same, so that a change shows.
local core = require "core"
local deferred = require "scw.schema.deferred"
local json = require "scw.json"
local unknown = require "scw.unknown"

local fingerprint = {}

---@class scw.Fingerprints
---@field key string
local methods = {}
local metatable = { __index = methods }

---@param key_hex string the state's `fingerprint_key`
---@return scw.Fingerprints
function fingerprint.new(key_hex)
  return setmetatable({ key = assert(core.unhex(key_hex)) }, metatable)
end

---@param self scw.Fingerprints
local function mark(self, ...)
  return { ["$secret"] = core.hex(core.hmac("sha256", self.key, table.concat({ ... }, "\0"))) }
end

local function canonical(value)
  if type(value) == "string" then return "s" .. value end
  return "j" .. assert(json.encode(value))
end

--- What stands for a secret field of a resource.
---@param address string
---@param path string "password", "secrets.TOKEN"
---@param symbolic any the value, secrets of others in it as fingerprints
---@return table mark, or the unknown value
function methods:field(address, path, symbolic)
  if deferred.unknown(symbolic) then return unknown end
  if deferred.is_kept(symbolic) then return { ["$secret"] = symbolic["$secret"] } end
  return mark(self, address, path, canonical(symbolic))
end

--- What stands for a secret that the service made. It changes with the resource.
---@param type_name string
---@param id string
---@param name string
---@return table
function methods:output(type_name, id, name) return mark(self, "output", type_name, id, name) end

--- What stands for the value of a secret field inside the fields of others: the same at any address.
---@param symbolic any
---@return table mark, or the unknown value
function methods:symbol(symbolic)
  if deferred.unknown(symbolic) then return unknown end
  return mark(self, "symbol", canonical(symbolic))
end

--- What stands for a secret that came from outside.
---@param value string|number
---@return table
function methods:outside(value) return mark(self, "outside", canonical(value)) end

local function is_plain_table(value)
  return type(value) == "table" and not deferred.describe(value) and value ~= json.null
end

local cover

local function cover_secret(self, field, address, path, value)
  if field.kind == "map" and is_plain_table(value) then
    local result = {}
    for name, part in next, value do result[name] = self:field(address, path .. "." .. name, part) end
    return result
  end
  return self:field(address, path, value)
end

local function has_secret(field)
  if field.secret then return true end
  if field.fields then
    for _, inner in next, field.fields do
      if has_secret(inner) then return true end
    end
  end
  return field.of ~= nil and has_secret(field.of)
end

local function cover_elements(self, field, address, path, value)
  local result = json.like(value)
  for key, part in next, value do
    local inner = math.type(key) and ("%s[%d]"):format(path, key) or path .. "." .. key
    result[key] = cover(self, field.of, address, inner, part)
  end
  return result
end

cover = function(self, field, address, path, value)
  if field.secret then return cover_secret(self, field, address, path, value) end
  if not is_plain_table(value) then return value end
  if field.kind == "object" then
    local result = {}
    for name, part in next, value do
      local inner = field.fields[name]
      result[name] = inner and cover(self, inner, address, path .. "." .. name, part) or part
    end
    return result
  end
  if field.of and has_secret(field.of) then return cover_elements(self, field, address, path, value) end
  return value
end

--- Names of the fields of a type that hold secrets somewhere; computed once a type.
local secret_names = setmetatable({}, { __mode = "k" })

---@param type scw.schema.Type
---@return string[]
function fingerprint.secret_fields(type)
  local names = secret_names[type]
  if not names then
    names = {}
    for _, name in ipairs(type.order) do
      if has_secret(type.fields[name]) then names[#names + 1] = name end
    end
    secret_names[type] = names
  end
  return names
end

--- The fields with every secret covered. The table given is changed.
---@param type scw.schema.Type
---@param address string
---@param fields table symbolic, completed
---@return table
function methods:cover(type, address, fields)
  for _, name in ipairs(fingerprint.secret_fields(type)) do
    if fields[name] ~= nil then fields[name] = cover(self, type.fields[name], address, name, fields[name]) end
  end
  return fields
end

--- Does this path of a type lead into a secret?
---@param type scw.schema.Type
---@param path (string|integer)[]
---@return boolean
function fingerprint.is_secret(type, path)
  local field = type.fields[path[1]] or type.outputs[path[1]]
  local index = 2
  while field do
    if field.secret then return true end
    if path[index] == nil then return has_secret(field) end
    if field.fields then field = field.fields[path[index]] else field = field.of end
    index = index + 1
  end
  return false
end

return fingerprint
