--- Key Manager: keys that never leave it. It encrypts with AES-256-GCM under their key material, wraps data keys with them, and
--- keeps all former material, so that what was encrypted before a rotation stays readable.
local answer = require "scw.emulator.answer"
local core = require "core"
local grace = require "scw.emulator.grace"
local json = require "scw.json"

local key_manager = {}

local KEY_BYTES = 32
local MOST_BYTES = 65535
local DATA_KEY = "aes_256_gcm"

local function keys_of(call) return call.emulator.resources.key_manager_key end

--- Saves a key that was changed.
local function save(call, record)
  record.body.updated_at = call.emulator.clock:timestamp()
  keys_of(call).collection:put(record)
end

local function refuse_state(record, help)
  answer.refuse(answer.precondition("unknown_precondition", ("the key is %s: %s"):format(record.body.state, help)))
end

-- Key material -----------------------------------------------------------------------------------------------------------

--- Gives a key new material; the former stays, for what it encrypted.
local function add_material(call, record, bytes)
  record.material = record.material or json.array {}
  record.material[#record.material + 1] = core.hex(bytes)
  record.body.rotation_count = #record.material
  record.body.rotated_at = call.emulator.clock:timestamp()
end

local function material(record, rotation)
  local digits = record.material and record.material[rotation]
  return digits and core.unhex(digits)
end

--- The text of a field in base64, decoded.
local function bytes_of(call, name, most)
  local text = call.body[name]
  if type(text) ~= "string" or text == "" then answer.refuse(answer.invalid_argument(name, "required", "is required")) end
  local bytes = core.unbase64(text)
  if not bytes then answer.refuse(answer.invalid_argument(name, "format", "must be base64")) end
  if #bytes > most then answer.refuse(answer.invalid_argument(name, "constraint", ("must not exceed %d bytes"):format(most))) end
  return bytes
end

local function associated_data(call)
  local given = call.body.associated_data
  if given == nil or given == json.null or given == "" then return "" end
  return bytes_of(call, "associated_data", MOST_BYTES)
end

--- Only an enabled key for symmetric encryption works.
local function need_cipher(record)
  if record.body.state ~= "enabled" then refuse_state(record, "it can only be used when it is enabled") end
  if record.body.usage.symmetric_encryption == nil then
    answer.refuse(answer.precondition("unknown_precondition", "the key is not for symmetric encryption"))
  end
end

--- A version, the number of the rotation, then nonce, ciphertext and tag.
local function encrypt(record, plaintext, associated)
  local rotation = record.body.rotation_count
  return string.pack(">BI4", 1, rotation) .. assert(core.encrypt(material(record, rotation), plaintext, associated))
end

local function refuse_ciphertext(help)
  answer.refuse(answer.invalid_argument("ciphertext", "constraint", help))
end

--- The plaintext, and the rotation it was encrypted in.
local function decrypt(record, ciphertext, associated)
  if #ciphertext < 5 then refuse_ciphertext("is too short") end
  local version, rotation, at = string.unpack(">BI4", ciphertext)
  local key = version == 1 and material(record, rotation)
  local plaintext = key and core.decrypt(key, ciphertext:sub(at), associated)
  if not plaintext then refuse_ciphertext("cipher: message authentication failed") end
  return plaintext, rotation
end

-- Calls ------------------------------------------------------------------------------------------------------------------

local actions = {}

actions["POST encrypt"] = function(call, record)
  need_cipher(record)
  local ciphertext = encrypt(record, bytes_of(call, "plaintext", MOST_BYTES), associated_data(call))
  return answer.reply(200, { key_id = record.id, ciphertext = core.base64(ciphertext) })
end

--- What was encrypted before the last rotation comes back encrypted anew as well.
actions["POST decrypt"] = function(call, record)
  need_cipher(record)
  local associated = associated_data(call)
  local plaintext, rotation = decrypt(record, bytes_of(call, "ciphertext", 2 * MOST_BYTES), associated)
  local fresh = rotation < record.body.rotation_count and core.base64(encrypt(record, plaintext, associated)) or json.null
  return answer.private({ key_id = record.id, plaintext = core.base64(plaintext), ciphertext = fresh }, "plaintext")
end

actions["POST generate-data-key"] = function(call, record)
  need_cipher(record)
  if call.body.algorithm ~= nil and call.body.algorithm ~= DATA_KEY and call.body.algorithm ~= "unknown_symmetric_encryption" then
    answer.refuse(answer.invalid_argument("algorithm", "constraint", "must be " .. DATA_KEY))
  end
  local plaintext = core.random(KEY_BYTES)
  return answer.private({
    key_id = record.id, algorithm = DATA_KEY, ciphertext = core.base64(encrypt(record, plaintext, "")),
    plaintext = call.body.without_plaintext == true and json.null or core.base64(plaintext),
    created_at = call.emulator.clock:timestamp(),
  }, "plaintext")
end

local function turning(from, to)
  return function(call, record)
    if record.body.state ~= from and record.body.state ~= to then refuse_state(record, "it cannot become " .. to) end
    record.body.state = to
    save(call, record)
  end
end

actions["POST enable"] = turning("disabled", "enabled")
actions["POST disable"] = turning("enabled", "disabled")

local function protecting(value)
  return function(call, record)
    record.body.protected = value
    save(call, record)
  end
end

actions["POST protect"] = protecting(true)
actions["POST unprotect"] = protecting(false)

actions["POST rotate"] = function(call, record)
  if record.body.state ~= "enabled" then refuse_state(record, "only an enabled one can be rotated") end
  if record.body.origin == "external" then
    answer.refuse(answer.precondition("unknown_precondition", "the key material comes from outside: it is imported, not rotated"))
  end
  add_material(call, record, core.random(KEY_BYTES))
  save(call, record)
end

local function need_external(record)
  if record.body.origin ~= "external" then
    answer.refuse(answer.precondition("unknown_precondition", "the key material is the service's own"))
  end
end

--- Material of another length than a key's is stretched with its salt.
actions["POST import-key-material"] = function(call, record)
  need_external(record)
  if record.body.state == "scheduled_for_deletion" then refuse_state(record, "restore it first") end
  local bytes = bytes_of(call, "key_material", MOST_BYTES)
  local salt = call.body.salt
  salt = type(salt) == "string" and salt ~= "" and bytes_of(call, "salt", MOST_BYTES) or ""
  add_material(call, record, (salt == "" and #bytes == KEY_BYTES) and bytes or core.hmac("sha256", salt, bytes))
  record.body.state = "enabled"
  save(call, record)
end

actions["POST delete-key-material"] = function(call, record)
  need_external(record)
  record.material, record.body.state, record.body.rotation_count = nil, "pending_key_material", 0
  save(call, record)
  return answer.reply(204)
end

actions["POST restore"] = function(call, record)
  if record.body.state ~= "scheduled_for_deletion" then refuse_state(record, "there is nothing to restore") end
  record.body.state = record.material and "disabled" or "pending_key_material"
  grace.restore(keys_of(call), record)
  save(call, record)
end

-- Keys -------------------------------------------------------------------------------------------------------------------

--- Exactly one use, with a word for its algorithm.
local function check_usage(values)
  local count = 0
  for _, algorithm in next, type(values.usage) == "table" and values.usage or {} do
    if algorithm ~= json.null then count = count + 1 end
  end
  if count ~= 1 then answer.refuse(answer.invalid_argument("usage", "required", "exactly one usage is required")) end
end

key_manager.resources = { {
  kind = "key_manager_key",
  noun = "key",
  owner = "bare",
  fields = {
    name = { kind = "str", required = false },
    description = { kind = "str", default = json.null },
    origin = { kind = "str", default = "scaleway_kms", update = false },
    rotation_policy = { kind = "object", default = json.null },
    protected = { kind = "bool", create = false, update = false },
    unprotected = { kind = "bool", update = false, hidden = true },
  },
  body = function(_, values)
    local external = values.origin == "external"
    return {
      state = external and "pending_key_material" or "enabled", rotation_count = 0, rotated_at = json.null,
      locked = false, deletion_requested_at = json.null, protection_level = "software",
    }
  end,
  before = grace.before,
  filters = {
    scheduled_for_deletion = grace.filter,
    usage = function(record, value) return value:find("^unknown_") ~= nil or record.body.usage[value] ~= nil end,
  },
  hooks = {
    prepare = function(_, values)
      check_usage(values)
      values.protected = values.unprotected ~= true
    end,
    created = function(call, record)
      if record.body.origin ~= "external" then add_material(call, record, core.random(KEY_BYTES)) end
    end,
    removing = function(call, record)
      if record.body.protected then answer.refuse(answer.precondition("protected_resource", "the key is protected")) end
      if record.body.state ~= "scheduled_for_deletion" then
        record.body.state = "scheduled_for_deletion"
        grace.schedule(keys_of(call), record)
        save(call, record)
      end
      return answer.reply(204)
    end,
  },
  actions = actions,
} }

return key_manager
