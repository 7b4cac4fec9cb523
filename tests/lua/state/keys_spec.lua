local core = require "core"
local keys = require "scw.state.keys"
local reference = require "scw.dsl.reference"

local function load(declaration, environment, stack_environment)
  return keys.load(declaration, { environment = environment or {}, stack_environment = stack_environment })
end

--- Do two keys open each other's envelopes?
local function same(one, other)
  return other:open(assert(one:seal("text", "context")), "context") == "text"
end

describe("the key of the state", function()
  local path
  before_each(function()
    path = os.tmpname()
    os.remove(path)
    assert(core.key_create(path))
  end)
  after_each(function() os.remove(path) end)

  it("comes from the environment before what the stack names", function()
    local by_file = assert(load({}, { SCWLUA_STATE_KEY_FILE = path }))
    assert.is_true(same(by_file, assert(load({ key_file = path }))))
    local by_phrase = assert(load({ key_file = path }, { SCWLUA_STATE_PASSPHRASE = "long enough" }))
    assert.is_false(same(by_file, by_phrase))
    assert.is_true(same(by_phrase, assert(load({ passphrase = reference.from_outside("X", "long enough") }))))
  end)

  it("is demanded with one error that says how to make one", function()
    local key, err = load({})
    assert.is_nil(key)
    assert.equal("INFRA_001", err.code)
    assert.match("there is no key", err.message)
    assert.match("openssl rand %-hex 32 > state.key.*SCWLUA_STATE_KEY_FILE.*SCWLUA_STATE_PASSPHRASE", err.hint)
    local _
    _, err = load({}, { SCWLUA_STATE_KEY_FILE = "/nowhere/state.key" })
    assert.match("openssl rand %-hex 32 > /nowhere/state.key", err.hint)
    _, err = load({}, { SCWLUA_STATE_PASSPHRASE = "short" })
    assert.match("too short", err.message)
    _, err = load({}, { SCWLUA_STATE_PASSPHRASE = "long enough", SCWLUA_STATE_KEY_FILE = path })
    assert.match("both", err.message)
  end)

  it("is what the hint makes", function()
    local made = os.tmpname()
    assert(os.execute(("(umask 077; openssl rand -hex 32 > %s)"):format(made)))
    assert.is_truthy(load({}, { SCWLUA_STATE_KEY_FILE = made }))
    os.remove(made)
  end)

  it("may be absent when the stack says so, with a warning, but not in production", function()
    local key, err, warning = load({ sealed = false })
    assert.is_false(key)
    assert.is_nil(err)
    assert.match("not sealed", warning)
    key, err = load({ sealed = false }, {}, "production")
    assert.is_nil(key)
    assert.match("must be sealed", err.message)
  end)
end)
