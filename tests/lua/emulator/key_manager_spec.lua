local caller = require "tests.lua.emulator.caller"
local core = require "core"
local json = require "scw.json"

local KEYS = "/key-manager/v1alpha1/regions/fr-par/keys"
local SYMMETRIC = { symmetric_encryption = "aes_256_gcm" }

describe("keys of Key Manager", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  local function made(fields)
    local body = { name = "k", usage = SYMMETRIC, unprotected = true }
    for name, value in pairs(fields or {}) do body[name] = value end
    local status, key = call("POST", KEYS, body)
    assert.are.equal(200, status)
    return key, KEYS .. "/" .. key.id
  end

  it("encrypt and decrypt, bound to the associated data", function()
    local _, path = made()
    local secret, data = core.base64("secret"), core.base64("of the shop")
    local _, sealed = call("POST", path .. "/encrypt", { plaintext = secret, associated_data = data })
    local _, again = call("POST", path .. "/encrypt", { plaintext = secret, associated_data = data })
    assert.are_not.equal(sealed.ciphertext, again.ciphertext)
    local _, opened = call("POST", path .. "/decrypt", { ciphertext = sealed.ciphertext, associated_data = data })
    assert.are.same({ secret, json.null }, { opened.plaintext, opened.ciphertext })
    local bytes = core.unbase64(sealed.ciphertext)
    local turned = core.base64(bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1))
    for _, body in ipairs { { ciphertext = sealed.ciphertext }, { ciphertext = sealed.ciphertext, associated_data = secret },
      { ciphertext = turned, associated_data = data } } do
      local status, refusal = call("POST", path .. "/decrypt", body)
      assert.are.same({ 400, "ciphertext", "cipher: message authentication failed" },
        { status, refusal.details[1].argument_name, refusal.details[1].help_message })
    end
    local _, other = made()
    assert.are.equal(400, (call("POST", other .. "/decrypt", { ciphertext = sealed.ciphertext, associated_data = data })))
    for _, body in ipairs { {}, { plaintext = "no base64!" }, { plaintext = core.base64(("x"):rep(65536)) } } do
      assert.are.equal(400, (call("POST", path .. "/encrypt", body)))
    end
  end)

  it("make data keys, whose wrapped form opens again", function()
    local _, path = made()
    local _, data_key = call("POST", path .. "/generate-data-key", { algorithm = "aes_256_gcm", without_plaintext = false })
    assert.are.equal(32, #core.unbase64(data_key.plaintext))
    local _, opened = call("POST", path .. "/decrypt", { ciphertext = data_key.ciphertext })
    assert.are.equal(data_key.plaintext, opened.plaintext)
    local _, blind = call("POST", path .. "/generate-data-key", { algorithm = "aes_256_gcm", without_plaintext = true })
    assert.are.equal(json.null, blind.plaintext)
    _, opened = call("POST", path .. "/decrypt", { ciphertext = blind.ciphertext })
    assert.are.equal(32, #core.unbase64(opened.plaintext))
  end)

  it("read after a rotation what was encrypted before, and encrypt it anew", function()
    local key, path = made()
    local secret = core.base64("secret")
    local _, sealed = call("POST", path .. "/encrypt", { plaintext = secret })
    local _, rotated = call("POST", path .. "/rotate", {})
    assert.are.same({ 1, 2 }, { key.rotation_count, rotated.rotation_count })
    local _, opened = call("POST", path .. "/decrypt", { ciphertext = sealed.ciphertext })
    assert.are.equal(secret, opened.plaintext)
    local _, fresh = call("POST", path .. "/decrypt", { ciphertext = opened.ciphertext })
    assert.are.same({ secret, json.null }, { fresh.plaintext, fresh.ciphertext })
  end)

  it("work only while they are enabled", function()
    local _, path = made()
    local _, data_key = call("POST", path .. "/generate-data-key", {})
    local function refused()
      local status, body = call("POST", path .. "/decrypt", { ciphertext = data_key.ciphertext })
      return status == 412 and body.help_message:match("^the key is ([%l_]+)")
    end
    local _, key = call("POST", path .. "/disable", {})
    assert.are.same({ "disabled", "disabled" }, { key.state, refused() })
    assert.are.equal(412, (call("POST", path .. "/rotate", {})))
    call("POST", path .. "/enable", {})
    assert.is_false(refused())
    assert.are.equal(204, (call("DELETE", path)))
    assert.are.equal("scheduled_for_deletion", refused())
    assert.are.equal(412, (call("POST", path .. "/enable", {})))
    _, key = call("POST", path .. "/restore", {})
    assert.are.equal(json.null, key.deletion_requested_at)
    call("POST", path .. "/enable", {})
    assert.is_false(refused())
  end)

  it("are protected unless their creator says otherwise, and go after a while", function()
    local key, path = made({ unprotected = false })
    assert.is_true(key.protected)
    local status, body = call("DELETE", path)
    assert.are.same({ 412, "protected_resource" }, { status, body.precondition })
    call("POST", path .. "/unprotect", {})
    assert.are.equal(204, (call("DELETE", path)))
    local _, list = call("GET", KEYS)
    assert.are.equal(0, list.total_count)
    _, list = call("GET", KEYS .. "?scheduled_for_deletion=true")
    assert.are.equal(key.id, list.keys[1].id)
    assert.are.same({}, emulator:stats().objects)
  end)

  it("may get their material from outside", function()
    local key, path = made({ origin = "external" })
    assert.are.same({ "pending_key_material", 0 }, { key.state, key.rotation_count })
    assert.are.equal(412, (call("POST", path .. "/encrypt", { plaintext = "YQ==" })))
    local material = core.base64(("k"):rep(32))
    local _
    _, key = call("POST", path .. "/import-key-material", { key_material = material })
    assert.are.same({ "enabled", 1 }, { key.state, key.rotation_count })
    local sealed
    _, sealed = call("POST", path .. "/encrypt", { plaintext = "YQ==" })
    assert.are.equal("a", core.decrypt(("k"):rep(32), core.unbase64(sealed.ciphertext):sub(6)))
    assert.are.equal(412, (call("POST", path .. "/rotate", {})))
    assert.are.equal(204, (call("POST", path .. "/delete-key-material", {})))
    assert.are.equal(412, (call("POST", path .. "/decrypt", { ciphertext = sealed.ciphertext })))
  end)

  it("are listed by what they are for", function()
    local first = made()
    local second = made({ usage = { asymmetric_signing = "ec_p256_sha256" } })
    local function listed(usage)
      local _, list = call("GET", KEYS .. "?order_by=name_asc&usage=" .. usage)
      local ids = {}
      for index, key in ipairs(list.keys) do ids[index] = key.id end
      return ids
    end
    assert.are.same({ first.id }, listed("symmetric_encryption"))
    assert.are.same({ second.id }, listed("asymmetric_signing"))
    assert.are.same({ first.id, second.id }, listed("unknown_usage"))
    assert.are.equal(412, (call("POST", KEYS .. "/" .. second.id .. "/encrypt", { plaintext = "YQ==" })))
    assert.are.equal(400, (call("POST", KEYS, { name = "none" })))
  end)

  it("stand in no answer, and a record of calls shows none that they wrapped", function()
    local _, path = made()
    local _, read = call("GET", path)
    assert.is_nil(read.material)
    local file = os.tmpname()
    local running = assert(require("scw.emulator").start { speed = "instant", exchanges = file })
    local function ask(target, body)
      local answer = assert(core.http { method = "POST", url = running.api_url .. target, body = json.encode(body),
        headers = { ["x-auth-token"] = running.secret_key } })
      return json.decode(answer.body)
    end
    local there = KEYS .. "/" .. ask(KEYS, { name = "k", usage = SYMMETRIC }).id
    local wrapped = ask(there .. "/generate-data-key", {})
    assert.are.equal(wrapped.plaintext, ask(there .. "/decrypt", { ciphertext = wrapped.ciphertext }).plaintext)
    running:close()
    local record = assert(core.file_read(file))
    os.remove(file)
    assert.is_truthy(record:find(wrapped.ciphertext, 1, true))
    assert.is_nil(record:find(wrapped.plaintext, 1, true))
  end)
end)
