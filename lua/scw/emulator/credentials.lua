--- Who may call: the key the emulator prints, and the API keys made in it.
local core = require "core"

local credentials = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

---@class scw.emulator.Key
---@field access_key string
---@field secret_key string
---@field project_id string the project its buckets live in
---@field expires_at? string RFC 3339
---@field bearer? { application_id?: string, user_id?: string }

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

local function as_key(record)
  return record and {
    access_key = record.body.access_key, secret_key = record.secret_key, project_id = record.body.default_project_id,
    expires_at = type(record.body.expires_at) == "string" and record.body.expires_at or nil,
    bearer = { application_id = record.body.application_id, user_id = record.body.user_id },
  }
end

--- The key with this access key; nil when there is none.
---@param access_key string
---@return scw.emulator.Key|nil
function methods:by_access_key(access_key)
  if access_key == self.own.access_key then return self.own end
  return as_key(self.made:by("access_key", access_key)[1])
end

--- The key with this secret; nil when there is none.
---@param secret_key string
---@return scw.emulator.Key|nil
function methods:by_secret_key(secret_key)
  if secret_key == self.own.secret_key then return self.own end
  for record in self.made:each() do
    if record.secret_key == secret_key then return as_key(record) end
  end
  return nil
end

---@param own scw.emulator.Key
---@param made scw.emulator.Collection
---@return scw.emulator.Credentials
function credentials.new(own, made)
  return setmetatable({ own = own, made = made }, metatable)
end

return credentials
