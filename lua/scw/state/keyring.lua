--- Who can open a state and for whom it is sealed: keys of this machine, keys that a service keeps, and the seals they found.
---
--- The seal that opened the snapshot closes what is written next, for all its recipients, whichever of them this run is. What was found
--- once is kept: a passphrase is stretched, and a service asked, at most once in a run.
local core = require "core"
local errors = require "scw.errors"
local key_manager = require "scw.state.key_manager"

local keyring = {}

local MOST_SEALS = 8

---@class scw.state.Member
---@field name string for people: "the key file state.key"
---@field key? userdata of this machine
---@field holder? scw.state.KeyManager who keeps it
---@field kind? "raw"|"passphrase" of a key of this machine
---@field file? string where the key is
---@field missing? scw.Error why neither is there; the others may do
---@field needed? boolean whoever runs this named it: it is said when it is missing, whatever opens the state
---@field former? boolean opens, but is no recipient any more

---@class scw.state.Keyring
---@field members scw.state.Member[]
---@field hidden? { message: string, hint: string } that keys of the environment stand in the place of the stack's
---@field current? userdata the seal that closes
---@field slots? table[] of the state that was opened, as core.seal_look gives them
local methods = {}
local metatable = { __index = methods }

---@param members scw.state.Member[]
---@param hidden? { message: string, hint: string }
---@return scw.state.Keyring
function keyring.new(members, hidden)
  return setmetatable({ members = members, hidden = hidden, seals = {}, held = {} }, metatable)
end

--- A ring for one key.
---@param key userdata
---@return scw.state.Keyring
function keyring.of(key) return keyring.new({ { name = "the key", key = key } }) end

-- Opening ---------------------------------------------------------------------------------------------------------------

--- The key that a ticket is for, asked for once, whoever needs it.
local function held_key(self, holder, ticket)
  local entry = self.held[ticket]
  if not entry then
    entry = { settled = core.event() }
    self.held[ticket] = entry
    entry.key, entry.err = holder:key(ticket)
    entry.done = true
    entry.settled:set()
  end
  while not entry.done do
    local ok, failure = entry.settled:wait()
    if not ok then return nil, errors.wrap(failure, "interrupted while a key was fetched") end
  end
  return entry.key, entry.err
end

local WORDS = { passphrase = "a passphrase", raw = "a key file", unknown = "a key of a kind that this program does not know" }

local ADVICE = {
  passphrase = ("set SCWLUA_STATE_PASSPHRASE to the passphrase that it was sealed with (a former one, to replace it: "
    .. "SCWLUA_STATE_OLD_PASSPHRASE, and `%s state rekey STACK`)"):format(core.program),
  raw = ("set SCWLUA_STATE_KEY_FILE to the file that it was sealed with (a former one, to replace it: `%s state rekey --old-key-file FILE "
    .. "STACK`, or SCWLUA_STATE_OLD_KEY_FILE)"):format(core.program),
}

local function add(list, line)
  for _, known in ipairs(list) do
    if known == line then return end
  end
  list[#list + 1] = line
end

local function unreadable(what, failure)
  if failure.kind ~= "invalid" then return errors.wrap(failure, "cannot open " .. what) end
  local newer = failure.message:find("another version of the program", 1, true)
  return errors.new({
    code = "INFRA_011", kind = "invalid", message = ("cannot open %s: %s"):format(what, failure.message), hint = newer and "use that one",
  })
end

local function described(slots)
  local recipients = {}
  for _, slot in ipairs(slots) do add(recipients, slot.kind == "held" and key_manager.describe(slot.ticket) or WORDS[slot.kind]) end
  return recipients
end

--- For whom an envelope is sealed, as far as it says; nil when it is none.
---@param envelope string
---@return string[]|nil recipients for people
function keyring.recipients_of(envelope)
  local facts = core.seal_look(envelope)
  return facts and described(facts.slots)
end

--- Nobody here is a recipient: for whom it is sealed, who tried, and what to do.
local function refusal(self, what, slots, problems)
  local recipients, tried, advice = described(slots), {}, { self.hidden and self.hidden.hint }
  for _, slot in ipairs(slots) do
    if slot.kind ~= "held" then add(advice, ADVICE[slot.kind]) end
  end
  for _, member in ipairs(self.members) do
    if member.missing then add(problems, member.missing) elseif member.key then add(tried, member.name) end
  end
  local cause = problems[1]
  local details = { "sealed for: " .. table.concat(recipients, ", ") }
  if #tried > 0 then details[#details + 1] = "not sealed for: " .. table.concat(tried, ", ") end
  for index = 2, #problems do details[#details + 1] = problems[index].message end
  local hint = cause and cause.hint
  if #advice > 0 then hint = (hint and hint .. "; or " or "") .. table.concat(advice, ", or ") end
  return errors.new({
    code = cause and cause.code or "INFRA_011", kind = cause and cause.kind or "denied", details = details,
    message = ("cannot open %s: %s"):format(what, cause and cause.message or "it is sealed for other keys"),
    hint = hint or "name one of its recipients in the stack's state",
  })
end

--- The seal of an envelope, found by the first key that has a place in it.
local function find(self, envelope, slots, what)
  local problems = {}
  for _, member in ipairs(self.members) do
    local seal, failure
    if member.key then seal, failure = member.key:find(envelope) end
    if seal then return seal end
    if failure and failure.kind ~= "denied" then return nil, unreadable(what, failure) end
  end
  for _, member in ipairs(self.members) do
    for _, slot in ipairs(member.holder and slots or {}) do
      if slot.kind == "held" and member.holder:is_for(slot.ticket) then
        local key, err = held_key(self, member.holder, slot.ticket)
        local seal = key and key:find(envelope)
        if seal then return seal end
        if err then add(problems, err) end
      end
    end
  end
  return nil, refusal(self, what, slots, problems)
end

local function remember(self, seal)
  table.insert(self.seals, 1, seal)
  self.seals[MOST_SEALS + 1] = nil
end

local function changed(what, failure)
  return errors.new({
    code = "INFRA_011", kind = "invalid", message = ("cannot open %s: it was changed, or taken from elsewhere"):format(what),
    details = { failure.message }, elsewhere = true,
  })
end

---@class scw.state.Opened
---@field text string
---@field label? string the lineage; older envelopes have none
---@field seal userdata
---@field slots table[] as core.seal_look gives them

--- Opens an envelope in its context. May wait for a service.
---@param envelope string
---@param context string
---@param what string how errors call it
---@return scw.state.Opened|nil, scw.Error|nil
function methods:open(envelope, context, what)
  local facts, failure = core.seal_look(envelope)
  if not facts then return nil, unreadable(what, failure) end
  for _, seal in ipairs(self.seals) do
    local text = seal:open(envelope, context)
    if text then return { text = text, label = facts.label, seal = seal, slots = facts.slots } end
  end
  local seal, err = find(self, envelope, facts.slots, what)
  if not seal then return nil, err end
  local text
  text, failure = seal:open(envelope, context)
  if not text then return nil, changed(what, failure) end
  if seal:closes() then remember(self, seal) end
  return { text = text, label = facts.label, seal = seal, slots = facts.slots }
end

-- Closing ---------------------------------------------------------------------------------------------------------------

--- What is written from now on goes under the seal of what was opened, unless it is one of an older version.
---@param opened scw.state.Opened
function methods:adopt(opened)
  self.current = opened.seal:closes() and opened.seal or nil
  self.slots = self.current and opened.slots or nil
end

--- A new seal, for the recipients that are named now. May wait for a service.
---@return boolean|nil, scw.Error|nil
function methods:renew()
  local keys, borrowed = {}, {}
  for _, member in ipairs(self.members) do
    local key, err = member.key, member.missing
    if member.holder and not member.former then
      key, err = member.holder:make()
      borrowed[#borrowed + 1] = key
    end
    if not member.former then
      if not key then return nil, err end
      keys[#keys + 1] = key
    end
  end
  if #keys == 0 then
    return nil, errors.new({
      code = "INFRA_001", message = "there is no key to seal the state for", hint = "name one in the stack's state, or in the environment",
    })
  end
  local seal, failure = core.seal(keys)
  for _, key in ipairs(borrowed) do key:close() end
  if not seal then return nil, errors.wrap(failure, "cannot make a new seal for the state") end
  self.current, self.slots = seal, nil
  remember(self, seal)
  return true
end

--- Closes an envelope for all recipients; the first one of a state makes its seal.
---@param text string
---@param label string for all to read
---@param context string
---@return string|nil envelope, table|nil
function methods:close(text, label, context)
  if not self.current then
    local ok, err = self:renew()
    if not ok then return nil, err end
  end
  return self.current:close(text, label, context)
end

local function has_slot(member, slots)
  for _, slot in ipairs(slots) do
    if slot.kind == "held" and member.holder and member.holder:is_for(slot.ticket) then return true end
    if slot.kind == member.kind then return true end
  end
  return false
end

--- Has a recipient no place in the state that was opened? As far as that shows without its key.
local function is_left_out(self, member)
  return self.slots ~= nil and not member.former and (member.holder or member.kind) ~= nil and not has_slot(member, self.slots)
end

--- Who is named and at hand, but has no place in the state that was opened. Two keys of the same kind are told apart by trying them only,
--- which takes a while for a passphrase.
---@param envelope? string the state, to try them on
---@return string[] names
function methods:left_out(envelope)
  local names = {}
  for _, member in ipairs(self.members) do
    local stranger = envelope and member.key and not member.former and not member.key:find(envelope)
    if not member.missing and (stranger or is_left_out(self, member)) then names[#names + 1] = member.name end
  end
  return names
end

--- Whose key file is not there, although something else opens the state. That is said of what the environment names, and of what would
--- have no place in the state.
---@return scw.Error[]
function methods:missing()
  local list = {}
  for _, member in ipairs(self.members) do
    if member.missing and (member.needed or is_left_out(self, member)) then list[#list + 1] = member.missing end
  end
  return list
end

--- For whom a new seal is made.
---@return string[]
function methods:recipients()
  local names = {}
  for _, member in ipairs(self.members) do
    if not member.former then names[#names + 1] = member.name end
  end
  return names
end

return keyring
