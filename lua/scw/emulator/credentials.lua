--- Who may call: the key the emulator prints, and the API keys made in it.
local core = require "core"

local credentials = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

---@class scw.emulator.Key
---@field access_key string
---@field secret_key string
---@field project_id string the project its buckets live in
---@field expires_at? string RFC 3339
---@field application_id? string whose key it is
---@field user_id? string
---@field owner? boolean of the organisation's owner

---@class scw.emulator.Credentials
---@field own scw.emulator.Key
---@field private made scw.emulator.Collection records of API keys: body.access_key, secret_key beside the body
local methods = {}
local metatable = { __index = methods }

--- A new access key: SCW and 17 letters or digits.
---@return string
function credentials.access_key()
  local text = { "SCW" }
  for byte in core.random(17):gmatch(".") do
    local at = byte:byte() % #ALPHABET + 1
    text[#text + 1] = ALPHABET:sub(at, at)
  end
  return table.concat(text)
end

local function text(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function as_key(record, own)
  if not record then return nil end
  local body = record.body
  return {
    access_key = body.access_key, secret_key = record.secret_key, project_id = text(body.default_project_id) or own.project_id,
    expires_at = text(body.expires_at), application_id = text(body.application_id), user_id = text(body.user_id),
    owner = body.user_id == own.user_id,
  }
end

--- The key with this access key; nil when there is none.
---@param access_key string
---@return scw.emulator.Key|nil
function methods:by_access_key(access_key)
  if access_key == self.own.access_key then return self.own end
  return as_key(self.made:by("access_key", access_key)[1], self.own)
end

--- The key with this secret; nil when there is none.
---@param secret_key string
---@return scw.emulator.Key|nil
function methods:by_secret_key(secret_key)
  if secret_key == self.own.secret_key then return self.own end
  for record in self.made:each() do
    if record.secret_key == secret_key then return as_key(record, self.own) end
  end
  return nil
end

--- Who signs requests to Object Storage with this key, in which project: "KEY@project" asks for another than the key's.
---@param access_key string
---@param project_id? string
---@param now string RFC 3339: an expired key is none
---@return { secret_key: string, project_id: string, principal: string, owner: boolean }|nil
function methods:caller(access_key, project_id, now)
  local key = self:by_access_key(access_key)
  if not key or key.expires_at and key.expires_at <= now then return nil end
  local principal = key.application_id and "application_id:" .. key.application_id or "user_id:" .. (key.user_id or "")
  return { secret_key = key.secret_key, project_id = project_id or key.project_id, principal = principal, owner = key.owner or false }
end

---@param own scw.emulator.Key
---@param made scw.emulator.Collection
---@return scw.emulator.Credentials
function credentials.new(own, made)
  return setmetatable({ own = own, made = made }, metatable)
end

return credentials
