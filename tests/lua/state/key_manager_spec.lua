local api_errors = require "scw.api.errors"
local caller = require "tests.lua.emulator.caller"
local core = require "core"
local key_manager = require "scw.state.key_manager"
local keyring = require "scw.state.keyring"
local parallel = require "scw.parallel"

local KEYS = "/key-manager/v1alpha1/regions/fr-par/keys"
local FOREIGN = "99999999-2222-3333-4444-555555555555"

--- A client of an emulator without sockets: counts its calls, and may be refused.
local function client_of(call)
  local client = { calls = {} }
  function client:call(asked) -- luacheck: no unused
    table.insert(client.calls, asked.method .. " " .. asked.path:match("[^/]*$"))
    core.sleep(1)
    local refused = client.refuse and client.refuse(asked)
    if refused == "unreachable" then return nil, api_errors.unanswered(asked, { kind = "connect", message = "no route" }) end
    local status, body = call(asked.method, asked.path, asked.body)
    if refused then status, body = refused, { type = refused == 403 and "permissions_denied" or "x", message = "refused" } end
    if status < 300 then return body end
    return nil, api_errors.answered(asked, { status = status, headers = {}, body = "x" }, body)
  end
  return client
end

describe("a Key Manager key", function()
  local call, client, id, path

  before_each(function()
    local _, made
    _, call = caller.new()
    _, made = call("POST", KEYS, { name = "k", usage = { symmetric_encryption = "aes_256_gcm" }, unprotected = true })
    id, path, client = made.id, KEYS .. "/" .. made.id, client_of(call)
  end)

  local function holder(of) return key_manager.new({ region = "fr-par", id = of or id, client = function() return client end }) end

  --- A run that has nothing but these keys.
  local function ring(...)
    local members = {}
    for index, one in ipairs({ ... }) do
      members[index] = type(one) == "userdata" and { name = "a key", key = one } or { name = one:name(), holder = one }
    end
    return keyring.new(members)
  end

  it("is named by its id, with or without its region", function()
    assert.same({ id, "fr-par" }, { key_manager.parse("fr-par/" .. id) })
    assert.same({ id }, { key_manager.parse(id) })
    for _, text in ipairs({ "", "fr-par/", "fr-par/key", "key", "/" .. id, id .. "/fr-par", "fr-par/" .. id .. "x" }) do
      assert.is_nil((key_manager.parse(text)))
    end
  end)

  it("seals for whoever may use it: each run asks for a key once", function()
    local first = ring(holder())
    local envelopes = {}
    for number = 1, 5 do envelopes[number] = assert(first:close("text " .. number, "label", "context")) end
    assert.same({ "POST generate-data-key" }, client.calls)
    client.calls = {}
    local second = ring(holder())
    local texts = assert(parallel.map(envelopes, 5, function(envelope)
      local opened, err = second:open(envelope, "context", "the state")
      return opened and opened.text, err
    end))
    assert.same({ "text 1", "text 2", "text 3", "text 4", "text 5" }, texts)
    assert.same({ "POST decrypt" }, client.calls)
    client.calls = {}
    call("POST", path .. "/rotate", {})
    assert.equal("text 1", assert(ring(holder()):open(envelopes[1], "context", "the state")).text)
  end)

  it("is asked only when no key at hand opens, and not at all for what is another's", function()
    local raw = core.key({ raw = ("k"):rep(32) })
    local envelope = assert(ring(raw, holder()):close("text", "label", "context"))
    client.calls = {}
    assert(ring(raw, holder()):open(envelope, "context", "the state"))
    assert.same({}, client.calls)
    local opened, err = ring(holder(FOREIGN)):open(envelope, "context", "the state")
    assert.is_nil(opened)
    assert.same({}, client.calls)
    assert.equal("INFRA_011", err.code)
    assert.match("the state: it is sealed for other keys", err.message)
    assert.equal("sealed for: a key file, Key Manager key fr-par/" .. id, err.details[1])
    assert.match("set SCWLUA_STATE_KEY_FILE", err.hint)
  end)

  it("says what is wrong with it, once, and what to do", function()
    local envelope = assert(ring(holder()):close("text", "label", "context"))
    local function refusal()
      client.calls = {}
      local here = ring(holder())
      local opened, err = here:open(envelope, "context", "the state")
      assert.is_nil(opened)
      local asked = #client.calls
      assert.equal(err.message, select(2, here:open(envelope, "context", "the state")).message)
      assert.equal(asked, #client.calls)
      return err
    end
    call("POST", path .. "/disable", {})
    local err = refusal()
    assert.equal(("cannot open the state: the Key Manager key fr-par/%s is disabled"):format(id), err.message)
    assert.match("enable it", err.hint)
    assert.same({ "POST decrypt", "GET " .. id }, client.calls)
    call("POST", path .. "/enable", {})
    call("DELETE", path)
    err = refusal()
    assert.match("is about to be deleted", err.message)
    assert.match("restore it", err.hint)
    call("POST", path .. "/restore", {})
    call("POST", path .. "/enable", {})

    client.refuse = function() return 403 end
    err = refusal()
    assert.equal("INFRA_003", err.code)
    assert.match("may not be used with these credentials", err.message)
    assert.match("KeyManagerKeyDecrypt", err.hint)
    client.refuse = function() return 404 end
    err = refusal()
    assert.same({ "INFRA_004", true }, { err.code, err.message:find("does not exist", 1, true) ~= nil })
    client.refuse = function() return "unreachable" end
    assert.match("no route", refusal().message)
    client.refuse = nil
    assert.equal("text", assert(ring(holder()):open(envelope, "context", "the state")).text)
  end)

  it("that cannot wrap is refused before anything is sealed for it", function()
    local _, signing = call("POST", KEYS, { name = "s", usage = { asymmetric_signing = "ec_p256_sha256" } })
    local envelope, err = ring(holder(signing.id)):close("text", "label", "context")
    assert.is_nil(envelope)
    assert.match("is not for symmetric encryption", err.message)
    _, err = holder(signing.id):check()
    assert.match("is not for symmetric encryption", err.message)
    _, err = holder(FOREIGN):check()
    assert.match("does not exist", err.message)
    assert.is_true(holder():check())
  end)

  it("names itself in nobody's ticket", function()
    assert.equal("a key that an unknown service keeps", key_manager.describe("\0"))
    assert.is_false(holder():is_for('{"service":"key-manager"}'))
  end)
end)
