--- Between documents and the bytes that are stored: canonical JSON, sealed unless the stack asks otherwise.
---
--- What a sealed object is, is part of its seal: stack, kind, number and lineage. Objects cannot be swapped for each other.
local core = require "core"
local errors = require "scw.errors"
local json = require "scw.json"

local codec = {}

---@class scw.state.Codec
---@field stack string
---@field key? userdata nil: not sealed
local methods = {}
local metatable = { __index = methods }

---@param facts { stack: string, key?: userdata }
---@return scw.state.Codec
function codec.new(facts)
  return setmetatable({ stack = facts.stack, key = facts.key }, metatable)
end

--- What an object is, as authenticated data.
---@class scw.state.Identity
---@field kind "snapshot"|"segment"|"history"|"deployment"
---@field number? integer of a segment; the serial of a deployment
---@field lineage? string of a segment
---@field deployment? string id, of what belongs to the history

---@param self scw.state.Codec
---@param identity scw.state.Identity
---@return string
local function bound_to(self, identity)
  local parts = { "scwlua state", self.stack, identity.kind, tostring(identity.number or 0), identity.lineage or "" }
  parts[#parts + 1] = identity.deployment
  return table.concat(parts, "\0")
end

---@param identity scw.state.Identity
---@return string
local function named(identity)
  if identity.kind == "segment" then return ("log segment %d of the state"):format(identity.number) end
  if identity.kind == "history" then return "the state after deployment " .. identity.deployment end
  if identity.kind == "deployment" then return "the record of deployment " .. identity.deployment end
  return "the state"
end

---@param document table
---@param identity scw.state.Identity
---@return string|nil bytes, scw.Error|nil
function methods:encode(document, identity)
  local content = {}
  for name, value in next, document do content[name] = value end
  content.kind, content.nonce = identity.kind, core.hex(core.random(16)) -- no two writes are the same bytes
  local text, failure = json.encode(content)
  if not text then return nil, errors.wrap(failure, "cannot encode " .. named(identity)) end
  if not self.key then return text end
  local sealed
  sealed, failure = self.key:seal(text, bound_to(self, identity))
  if not sealed then return nil, errors.wrap(failure, "cannot seal " .. named(identity)) end
  return sealed
end

local function unreadable(message, hint, details)
  return nil, errors.new({ code = "INFRA_011", kind = "invalid", message = message, hint = hint, details = details })
end

---@param self scw.state.Codec
local function open(self, bytes, identity)
  local plain = bytes:sub(1, 1) == "{"
  if not self.key then
    if plain then return bytes end
    return unreadable(named(identity) .. " is sealed or damaged, and the stack says that it is not sealed",
      "remove `sealed = false` and give its key")
  end
  if plain then
    return unreadable(named(identity) .. " is not sealed, but it has to be",
      "somebody replaced it, or the stack used to say `sealed = false`; it was not read")
  end
  local text, failure = self.key:open(bytes, bound_to(self, identity))
  if text then return text end
  if failure.kind == "denied" then
    return unreadable(("cannot open %s: this is another key, or the object was changed or taken from elsewhere"):format(named(identity)),
      "check SCWLUA_STATE_KEY_FILE, SCWLUA_STATE_PASSPHRASE or the key that the stack names", { failure.message })
  end
  return unreadable(("cannot open %s: %s"):format(named(identity), failure.message))
end

---@param bytes string
---@param identity scw.state.Identity
---@return table|nil document, scw.Error|nil
function methods:decode(bytes, identity)
  if bytes == "" then return unreadable(named(identity) .. " is empty") end
  local text, err = open(self, bytes, identity)
  if not text then return nil, err end
  local document, failure = json.decode(text)
  if type(document) ~= "table" then
    return unreadable(("%s is damaged: %s"):format(named(identity), failure and failure.message or "no document"))
  end
  if document.kind ~= identity.kind then
    return unreadable(("%s holds something else (%s)"):format(named(identity), tostring(document.kind)))
  end
  document.kind, document.nonce = nil, nil
  return document
end

return codec
