local core = require "core"
local keys = require "scw.state.keys"
local reference = require "scw.dsl.reference"

local KEY_ID = "11111111-2222-3333-4444-555555555555"

local function load(declaration, environment, more)
  local facts = { environment = environment or {} }
  for name, value in pairs(more or {}) do facts[name] = value end
  return keys.load(declaration, facts)
end

--- Is the second ring a recipient of what the first one closes?
local function opens(one, other)
  local envelope = assert(one:close("text", "label", "context"))
  local opened, err = other:open(envelope, "context", "the state")
  return opened ~= nil and opened.text == "text", err
end

describe("the keys of the state", function()
  local path
  before_each(function()
    path = os.tmpname()
    os.remove(path)
    assert(core.key_create(path))
  end)
  after_each(function() os.remove(path) end)

  it("come from the environment in place of the file and the passphrase that the stack names", function()
    local by_file = assert(load({}, { SCWLUA_STATE_KEY_FILE = path }))
    assert.is_true(opens(by_file, assert(load({ key_file = path }))))
    local by_phrase = assert(load({ key_file = path }, { SCWLUA_STATE_PASSPHRASE = "long enough" }))
    assert.is_false(opens(by_phrase, by_file))
    assert.is_true(opens(by_phrase, assert(load({ passphrase = reference.from_outside("X", "long enough") }))))
  end)

  it("of the environment are said to hide what the stack names, unless both name the same", function()
    local other, copy = os.tmpname(), os.tmpname()
    os.remove(other)
    assert(core.key_create(other))
    assert(core.file_write(copy, assert(core.file_read(path))))
    local phrase = reference.from_outside("X", "long enough")
    local function said(declaration, environment)
      local ring, err, warning = load(declaration, environment)
      assert(ring, err)
      assert.same(warning, ring.hidden and ("%s: %s"):format(ring.hidden.message, ring.hidden.hint))
      return warning
    end
    local by_file, by_phrase = { SCWLUA_STATE_KEY_FILE = path }, { SCWLUA_STATE_PASSPHRASE = "long enough" }
    local both = { SCWLUA_STATE_KEY_FILE = path, SCWLUA_STATE_PASSPHRASE = "long enough" }
    assert.equal("SCWLUA_STATE_PASSPHRASE stands in the place of the stack's `key_file`: unset SCWLUA_STATE_PASSPHRASE to use what the "
      .. "stack names", said({ key_file = path }, by_phrase))
    assert.match("^SCWLUA_STATE_KEY_FILE stands in the place of the stack's `key_file` and `passphrase`:",
      said({ key_file = other, passphrase = phrase }, by_file))
    assert.match("^SCWLUA_STATE_KEY_FILE and SCWLUA_STATE_PASSPHRASE stand in the place of the stack's `key_file`:",
      said({ key_file = "/nowhere/state.key", passphrase = phrase }, both))
    assert.match("place of the stack's `passphrase`:", said({ passphrase = reference.from_outside("X", "another one") }, by_phrase))
    assert.match("place of the stack's `key_file`:", said({ key_file = path, passphrase = phrase }, by_phrase))
    for _, declaration in ipairs({ {}, { key_file = path }, { key_file = copy, passphrase = phrase }, { passphrase = phrase } }) do
      assert.is_nil(said(declaration, both))
    end
    assert.is_nil(said({ key_file = path, passphrase = phrase }, {}))
    assert.is_nil(said({ key_manager = "fr-par/" .. KEY_ID }, by_phrase))
    os.remove(other)
    os.remove(copy)
  end)

  it("that hide those of the stack are in the way first when nothing opens the state", function()
    local envelope = assert(assert(load({ key_file = path })):close("text", "label", "context"))
    local _, err = assert(load({ key_file = path }, { SCWLUA_STATE_PASSPHRASE = "long enough" })):open(envelope, "context", "it")
    assert.match("^unset SCWLUA_STATE_PASSPHRASE to use what the stack names, or set SCWLUA_STATE_KEY_FILE", err.hint)
    _, err = load({ key_file = path }, { SCWLUA_STATE_KEY_FILE = "/nowhere/state.key" })
    assert.match("; or unset SCWLUA_STATE_KEY_FILE to use what the stack names$", err.hint)
  end)

  it("are all recipients, and each one opens", function()
    local all = {
      { load({ key_file = path, passphrase = reference.from_outside("X", "long enough") }) },
      { load({}, { SCWLUA_STATE_PASSPHRASE = "long enough", SCWLUA_STATE_KEY_FILE = path }) },
    }
    for _, both in ipairs(all) do
      both = assert(both[1], both[2])
      assert.equal(2, #both:recipients())
      assert.is_true(opens(both, assert(load({ key_file = path }))))
      assert.is_true(opens(both, assert(load({}, { SCWLUA_STATE_PASSPHRASE = "long enough" }))))
    end
    local three = assert(load({ key_file = path, key_manager = KEY_ID }, { SCWLUA_STATE_PASSPHRASE = "long enough" },
      { region = "nl-ams" }))
    assert.same({ "the passphrase in SCWLUA_STATE_PASSPHRASE", "the Key Manager key nl-ams/" .. KEY_ID }, three:recipients())
  end)

  it("tell who is named, but has no place in the state yet", function()
    local one = assert(load({ key_file = path }))
    local envelope = assert(one:close("text", "label", "context"))
    assert.same({}, one:left_out())
    local phrase = reference.from_outside("X", "long enough")
    local more = assert(load({ key_file = path, key_manager = "fr-par/" .. KEY_ID, passphrase = phrase }))
    more:adopt(assert(more:open(envelope, "context", "it")))
    assert.same({ "the passphrase in the stack's `passphrase`", "the Key Manager key fr-par/" .. KEY_ID }, more:left_out())
    one:adopt(assert(one:open(envelope, "context", "it")))
    assert.same({}, one:left_out())
  end)

  it("may miss a file as long as another may open, but not to seal anew", function()
    local ring = assert(load({ key_file = "/nowhere/state.key", key_manager = "fr-par/" .. KEY_ID }))
    local ok, err = ring:renew()
    assert.is_nil(ok)
    assert.match("cannot use the key file /nowhere/state.key", err.message)
    assert.match("openssl rand %-hex 32 > /nowhere/state.key", err.hint)
  end)

  it("that are not there are not taken for some that the state is not sealed for", function()
    local phrase = { SCWLUA_STATE_PASSPHRASE = "long enough", SCWLUA_STATE_KEY_FILE = "/nowhere/none.key" }
    local by_phrase = assert(assert(load({}, { SCWLUA_STATE_PASSPHRASE = "long enough" })):close("text", "label", "context"))
    local by_both = assert(assert(load({ key_file = path, passphrase = reference.from_outside("X", "long enough") }))
      :close("text", "label", "context"))
    --- What a ring that opened an envelope says of files that are not there.
    local function missing(ring, envelope)
      ring:adopt(assert(ring:open(envelope, "context", "it")))
      assert.same({}, ring:left_out())
      local said = {}
      for index, err in ipairs(ring:missing()) do said[index] = err.message end
      return said
    end
    local named = "cannot use the key file /nowhere/none.key (SCWLUA_STATE_KEY_FILE): cannot read /nowhere/none.key: "
      .. "No such file or directory"
    assert.same({ named }, missing(assert(load({}, phrase)), by_phrase))
    assert.same({ named }, missing(assert(load({}, phrase)), by_both))
    local stack = { key_file = "/nowhere/state.key", passphrase = reference.from_outside("X", "long enough") }
    assert.match("the key file /nowhere/state.key %(named by the stack%)", missing(assert(load(stack)), by_phrase)[1])
    assert.same({}, missing(assert(load(stack)), by_both)) -- it need not be on every machine
  end)

  it("may be former ones, which open and are no recipients", function()
    local former = assert(load({ key_file = path }))
    local envelope = assert(former:close("text", "label", "context"))
    local old = { SCWLUA_STATE_OLD_PASSPHRASE = "former phrase", SCWLUA_STATE_OLD_KEY_FILE = path, SCWLUA_STATE_PASSPHRASE = "long enough" }
    for _, ring in ipairs({ assert(load({}, old)),
      assert(load({}, { SCWLUA_STATE_PASSPHRASE = "long enough" }, { old_key_file = path })) }) do
      assert.equal("text", assert(ring:open(envelope, "context", "it")).text)
      assert.same({ "the passphrase in SCWLUA_STATE_PASSPHRASE" }, ring:recipients())
      assert.is_false(opens(ring, former))
    end
    local ring, err = load({}, { SCWLUA_STATE_PASSPHRASE = "long enough" }, { old_key_file = "/nowhere/old.key" })
    assert.is_nil(ring)
    assert.match("cannot use the key file /nowhere/old.key %(%-%-old%-key%-file%)", err.message)
    assert.equal("point to the file that this state was sealed with", err.hint) -- and makes none
    local envelope_of = { assert(former:close("text", "label", "context")),
      assert(assert(load({}, { SCWLUA_STATE_PASSPHRASE = "former phrase" })):close("text", "label", "context")) }
    local advice = { "state rekey %-%-old%-key%-file FILE STACK`, or SCWLUA_STATE_OLD_KEY_FILE",
      "SCWLUA_STATE_OLD_PASSPHRASE, and `%S+ state rekey STACK`" }
    for index, sealed in ipairs(envelope_of) do
      local _, refused = assert(load({}, { SCWLUA_STATE_PASSPHRASE = "a new phrase" })):open(sealed, "context", "it")
      assert.match(advice[index], refused.hint)
    end
    ring, err = load({}, { SCWLUA_STATE_OLD_KEY_FILE = path })
    assert.is_nil(ring)
    assert.match("there is no key", err.message)
  end)

  it("are demanded with one error that says how to make one", function()
    local ring, err = load({})
    assert.is_nil(ring)
    assert.equal("INFRA_001", err.code)
    assert.match("there is no key", err.message)
    assert.match("openssl rand %-hex 32 > state.key.*SCWLUA_STATE_KEY_FILE.*SCWLUA_STATE_PASSPHRASE", err.hint)
    local _
    _, err = load({}, { SCWLUA_STATE_KEY_FILE = "/nowhere/state.key" })
    assert.match("openssl rand %-hex 32 > /nowhere/state.key", err.hint)
    _, err = load({ key_manager = "fr-par/" .. KEY_ID }, { SCWLUA_STATE_PASSPHRASE = "short" })
    assert.match("too short", err.message)
    _, err = load({ key_manager = KEY_ID })
    assert.match("its region is missing", err.message)
  end)

  it("are what the hint makes", function()
    local made = os.tmpname()
    assert(os.execute(("(umask 077; openssl rand -hex 32 > %s)"):format(made)))
    assert.is_truthy(load({}, { SCWLUA_STATE_KEY_FILE = made }))
    os.remove(made)
  end)

  it("may be absent when the stack says so, with a warning, but not in production", function()
    local ring, err, warning = load({ sealed = false })
    assert.is_false(ring)
    assert.is_nil(err)
    assert.match("not sealed", warning)
    ring, err = load({ sealed = false }, {}, { stack_environment = "production" })
    assert.is_nil(ring)
    assert.match("must be sealed", err.message)
  end)
end)
