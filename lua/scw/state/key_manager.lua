--- A key of Scaleway Key Manager as a recipient of the state. The service makes another key and gives it twice: plain, to seal with and
--- forget, and wrapped. The wrapped one is the ticket that stands in the state; the service opens it for whoever may decrypt.
local core = require "core"
local errors = require "scw.errors"
local json = require "scw.json"

local key_manager = {}

local SERVICE = "key-manager"
local PATH = "/key-manager/v1alpha1/regions/%s/keys/%s"
local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
local RIGHTS = "KeyManagerKeyEncrypt, KeyManagerKeyDecrypt and KeyManagerReadOnly"

---@class scw.state.KeyManager
---@field region string
---@field id string
---@field client fun(): scw.Client|nil, scw.Error|nil
local methods = {}
local metatable = { __index = methods }

---@param facts { region: string, id: string, client: fun(): scw.Client|nil, scw.Error|nil }
---@return scw.state.KeyManager
function key_manager.new(facts)
  return setmetatable({ region = facts.region, id = facts.id:lower(), client = facts.client }, metatable)
end

--- What `key_manager = "fr-par/ID"`, or "ID" alone, names.
---@param text string
---@return string|nil id nil: it names no key
---@return string|nil region
function key_manager.parse(text)
  local region, id = text:match("^([%l]+%-[%l]+)/([^/]+)$")
  id = id or text
  if id:find(UUID) then return id, region end
end

local function name_of(region, id) return ("Key Manager key %s/%s"):format(region, id) end

---@return string
function methods:name() return name_of(self.region, self.id) end

---@param ticket string
---@return { region: string, key: string, ciphertext: string }|nil facts nil: another kind of ticket
local function read_ticket(ticket)
  local facts = json.decode(ticket)
  local complete = type(facts) == "table" and facts.service == SERVICE and type(facts.region) == "string" and type(facts.key) == "string"
    and type(facts.ciphertext) == "string"
  return complete and facts or nil
end

--- Whose ticket it is, for people.
---@param ticket string
---@return string
function key_manager.describe(ticket)
  local facts = read_ticket(ticket)
  return facts and name_of(facts.region, facts.key) or "a key that an unknown service keeps"
end

--- Only a key that was named is asked: a ticket says nothing about who made it.
---@param ticket string
---@return boolean
function methods:is_for(ticket)
  local facts = read_ticket(ticket)
  return facts ~= nil and facts.region == self.region and facts.key == self.id
end

local WRONG_STATES = {
  disabled = { "is disabled", "enable it again" },
  scheduled_for_deletion = { "is about to be deleted", "restore it before it is gone for good" },
  pending_key_material = { "has no key material", "import its key material" },
}

local function problem(self, code, kind, what, hint, cause)
  return errors.new({
    code = code, kind = kind, message = ("the %s %s"):format(self:name(), what), hint = hint, request_id = cause and cause.request_id,
    details = cause and cause.message and { cause.message } or nil,
  })
end

--- What a look at the key itself explains: nil when nothing is wrong with it.
local function problem_of(self, found, cause)
  local wrong = WRONG_STATES[found.state]
  if wrong then return problem(self, "INFRA_011", "refused", wrong[1], wrong[2], cause) end
  if type(found.usage) == "table" and found.usage.symmetric_encryption == nil then
    return problem(self, "INFRA_001", "invalid", "is not for symmetric encryption", "name one whose usage is symmetric_encryption", cause)
  end
end

--- One error that says what is wrong and what to do.
local function explain(self, client, err)
  if err.status == 404 then
    return problem(self, "INFRA_004", "not_found", "does not exist", 'check `key_manager = "REGION/ID"` of the state, and the credentials',
      err)
  end
  if err.status == 403 then
    return problem(self, "INFRA_003", "denied", "may not be used with these credentials",
      ("a policy must give the API key's owner %s in the key's project; a new right takes up to two minutes to work"):format(RIGHTS), err)
  end
  if not err.status or err.status >= 500 or err.status == 429 then return err end
  local found = client:call({ method = "GET", path = PATH:format(self.region, self.id), product = SERVICE })
  return found and problem_of(self, found, err) or err
end

--- Asks the service. Nothing changes there, so that a lost answer is asked for again.
local function ask(self, verb, body)
  local client, err = self.client()
  if not client then return nil, err end
  local answer
  answer, err = client:call({
    method = "POST", path = PATH:format(self.region, self.id) .. "/" .. verb, product = SERVICE, idempotent = true, body = body,
  })
  if not answer then return nil, explain(self, client, err) end
  return answer
end

local function key_from(self, plaintext, ticket)
  local raw = type(plaintext) == "string" and core.unbase64(plaintext)
  if not raw or #raw ~= 32 then return nil, problem(self, "INFRA_005", "refused", "gave something that is no key") end
  local key, failure = core.key({ raw = raw, ticket = ticket })
  if not key then return nil, errors.wrap(failure, ("the ticket of the %s is of no use"):format(self:name())) end
  return key
end

--- A new key, which carries its ticket.
---@return userdata|nil key, scw.Error|nil
function methods:make()
  local answer, err = ask(self, "generate-data-key", { algorithm = "aes_256_gcm", without_plaintext = false })
  if not answer then return nil, err end
  local ticket = assert(json.encode({ service = SERVICE, region = self.region, key = self.id, ciphertext = answer.ciphertext or "" }))
  return key_from(self, answer.plaintext, ticket)
end

--- The key that a ticket is for.
---@param ticket string
---@return userdata|nil key, scw.Error|nil
function methods:key(ticket)
  local answer, err = ask(self, "decrypt", { ciphertext = read_ticket(ticket).ciphertext })
  if not answer then return nil, err end
  return key_from(self, answer.plaintext, ticket)
end

--- Is the key there and fit for use? Decrypts nothing.
---@return boolean|nil, scw.Error|nil
function methods:check()
  local client, err = self.client()
  if not client then return nil, err end
  local found
  found, err = client:call({ method = "GET", path = PATH:format(self.region, self.id), product = SERVICE })
  if not found then return nil, explain(self, client, err) end
  err = problem_of(self, found)
  if err then return nil, err end
  return true
end

return key_manager
