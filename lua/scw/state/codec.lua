--- Between documents and the bytes that are stored: canonical JSON, sealed unless the stack asks otherwise.
---
--- What a sealed object is, is part of its seal: stack, kind, number and lineage. Objects cannot be swapped for each other. The lineage
--- also stands on the envelope, for all to read.
local core = require "core"
local errors = require "scw.errors"
local json = require "scw.json"
local keyring = require "scw.state.keyring"

local codec = {}

---@class scw.state.Codec
---@field stack string
---@field key? scw.state.Keyring nil: not sealed
---@field unsealed? boolean also what is not sealed is read
local methods = {}
local metatable = { __index = methods }

---@param facts { stack: string, key?: scw.state.Keyring|userdata, unsealed?: boolean } a key alone is a ring of one
---@return scw.state.Codec
function codec.new(facts)
  local key = facts.key
  if type(key) == "userdata" then key = keyring.of(key) end
  return setmetatable({ stack = facts.stack, key = key, unsealed = facts.unsealed }, metatable)
end

--- What an object is, as authenticated data.
---@class scw.state.Identity
---@field kind "snapshot"|"segment"|"history"|"deployment"|"plan" every one of them knows its lineage
---@field number? integer of a segment; the serial of a deployment
---@field lineage? string of a segment
---@field deployment? string id, of what belongs to the history
---@field beside? boolean of a snapshot: a version that lost a race or what the history keeps, not the state
---@field former? scw.state.Identity what it is when an earlier version wrote it

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
  if identity.former then return named(identity.former) end
  if identity.kind == "segment" then return ("log segment %d of the state"):format(identity.number) end
  if identity.kind == "history" then return "the state after deployment " .. identity.deployment end
  if identity.kind == "plan" then return "the saved plan" end
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
  sealed, failure = self.key:close(text, document.lineage, bound_to(self, identity))
  if not sealed then return nil, errors.wrap(failure, "cannot seal " .. named(identity)) end
  return sealed
end

local function unreadable(message, hint, details)
  return nil, errors.new({ code = "INFRA_011", kind = "invalid", message = message, hint = hint, details = details })
end

--- The text, and what is known about its envelope when it has one.
---@param self scw.state.Codec
---@return string|nil, scw.Error|nil, scw.state.Opened|nil
local function open(self, bytes, identity)
  local plain = bytes:sub(1, 1) == "{"
  if not self.key then
    if plain then return bytes end
    if not core.seal_look(bytes) then return unreadable(named(identity) .. " is damaged: it is neither sealed nor a document") end
    return unreadable(named(identity) .. " is sealed, and the stack says that it is not",
      "remove `sealed = false` and give its key")
  end
  if plain then
    if self.unsealed then return bytes end
    local document = json.decode(bytes)
    if type(document) ~= "table" or document.kind ~= identity.kind then
      return unreadable(named(identity) .. " is damaged: it is neither sealed nor a document")
    end
    local mend = identity.kind == "plan" and "plan again"
      or ("then `%s state rekey --unsealed STACK` seals it; or bring back what the history has"):format(core.program)
    local _, err = unreadable(named(identity) .. " is not sealed, but it has to be",
      "somebody replaced it, or the stack used to say `sealed = false`: " .. mend)
    err.damaged = document.stack == self.stack or identity.kind ~= "snapshot" or nil -- nobody has to trust it
    return nil, err
  end
  local opened, err = self.key:open(bytes, bound_to(self, identity), named(identity))
  if not opened then return nil, err end
  return opened.text, nil, opened
end

--- A state goes on under the seal that its snapshot has, or else its log.
local function take_seal(self, opened, identity)
  local is_state = identity.kind == "snapshot" and not identity.beside
  if is_state or (identity.kind == "segment" and not self.key.current) then self.key:adopt(opened) end
end

---@param self scw.state.Codec
local function decode(self, bytes, identity)
  if bytes == "" then return unreadable(named(identity) .. " is empty") end
  local text, err, opened = open(self, bytes, identity)
  if not text then return nil, err end
  local document, failure = json.decode(text)
  if type(document) ~= "table" then
    return unreadable(("%s is damaged: %s"):format(named(identity), failure and failure.message or "no document"))
  end
  if document.kind ~= identity.kind then
    return unreadable(("%s holds something else (%s)"):format(named(identity), tostring(document.kind)))
  end
  if opened then
    if opened.label and opened.label ~= document.lineage then
      return unreadable(("%s is of another lineage than its envelope says"):format(named(identity)))
    end
    take_seal(self, opened, identity)
  end
  document.kind, document.nonce = nil, nil
  return document, nil, opened
end

---@param bytes string
---@param identity scw.state.Identity
---@return table|nil document, scw.Error|nil
---@return scw.state.Opened|nil opened of what was sealed
function methods:decode(bytes, identity)
  local document, err, opened = decode(self, bytes, identity)
  if document or err.kind ~= "invalid" then return document, err, opened end
  local older, _, its
  if identity.former then older, _, its = decode(self, bytes, identity.former) end
  if older then return older, nil, its end
  if identity.kind == "plan" then err.hint = err.hint or "plan again" end -- of the state, whoever reads it knows how to restore it
  return nil, err
end

--- The same object under the seal that is in use now.
---@param bytes string
---@param identity scw.state.Identity
---@return string|nil bytes, scw.Error|nil
function methods:reseal(bytes, identity)
  local document, err = self:decode(bytes, identity)
  if not document then return nil, err end
  return self:encode(document, identity)
end

return codec
