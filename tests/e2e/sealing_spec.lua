--- A state that is sealed for several recipients, one of them a key of Key Manager: as a user would, with the built program.
local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"
local user = require "tests.e2e.user"

local KEYS = "/key-manager/v1alpha1/regions/fr-par/keys"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "shop", environment = "%s", region = "fr-par",
  state = scw.s3 { bucket = "shop-states", key = "shop.state", region = "fr-par", %s },
  build = function(stack)
    stack:value("size", { input = stack:config("size", { type = "int", default = 1 }) })
    stack:container_namespace("space", { name = "shop" })
  end,
}
]]

local FILE_STACK = [[
local scw = require "scw"
return scw.stack {
  name = "%s", state = scw.file { path = "%s" },
  build = function(stack) stack:value("v", { input = stack:config("size", { type = "int", default = 1 }) }) end,
}
]]

describe("a state sealed for several recipients", function()
  local ann, key

  setup(function()
    local directory = program.directory()
    for _, name in ipairs({ "first.key", "second.key" }) do assert(core.key_create(("%s/%s"):format(directory, name))) end
    ann = user.new { directory = directory, emulator = { "--speed", "1000", "--exchanges", ("%s/exchanges"):format(directory) } }
    ann.environment.SCWLUA_STATE_PASSPHRASE = nil
    key = ann.emulator:api("POST", KEYS, { name = "states", usage = { symmetric_encryption = "aes_256_gcm" }, unprotected = true })
  end)

  teardown(function() ann:leave() end)

  --- Writes the stack with these keys for its state.
  local function names(keys, stack_environment)
    local state = keys:gsub("KEY", "fr-par/" .. key.id)
    ann:write("shop.lua", STACK:format(stack_environment or "staging", state))
  end

  --- How often the service was asked to do this with the key.
  local function asked(verb) return ann.emulator:requests()[("POST %s/{id}/%s"):format(KEYS:gsub("fr%-par", "{region}"), verb)] or 0 end

  it("opens for each of them, and asks Key Manager once in a run, and only when nothing else opens", function()
    names 'key_file = "first.key", key_manager = "KEY"'
    ann:done("apply", "--yes", "shop.lua")
    ann:done("apply", "--yes", "--set", "size=2", "shop.lua")
    assert.are.same({ 1, 0 }, { asked("generate-data-key"), asked("decrypt") })
    names 'key_file = "first.key"'
    ann:done("plan", "--exit-code", "--set", "size=2", "shop.lua")
    assert.are.equal(0, asked("decrypt"))
    names 'key_file = "missing.key", key_manager = "KEY"'
    ann:done("plan", "--exit-code", "--set", "size=2", "shop.lua")
    assert.are.equal(1, asked("decrypt"))
    assert.are.equal(2, #ann:deployments("shop.lua"))
    assert.are.equal(2, asked("decrypt"))
    ann:done("apply", "--yes", "--set", "size=3", "shop.lua") -- and goes on for all
    assert.are.same({ 1, 3 }, { asked("generate-data-key"), asked("decrypt") })
    names 'key_file = "first.key"'
    ann:done("plan", "--exit-code", "--set", "size=3", "shop.lua")
  end)

  it("says what is wrong with the key, and what to do", function()
    names 'key_manager = "KEY"'
    local healthy = ann:done("doctor", "shop.lua").stdout:gsub("%s+", " ")
    assert.matches("ok key manager the Key Manager key fr%-par/[%x-]+ is fit for use", healthy)
    ann.emulator:api("POST", KEYS .. "/" .. key.id .. "/disable", {})
    local message = ann:refused("plan", "shop.lua")
    assert.matches("cannot open the state: the Key Manager key fr%-par/" .. key.id:gsub("%-", "%%-") .. " is disabled", message)
    assert.matches("sealed for: a key file, Key Manager key fr%-par/", message)
    assert.matches("enable it again; or set SCWLUA_STATE_KEY_FILE", message)
    local checked = ann:run("doctor", "shop.lua")
    assert.are.equal(1, checked.status)
    assert.matches("fail +key manager +the Key Manager key .-is disabled", (checked.stdout:gsub("%s+", " ")))
    ann.emulator:api("POST", KEYS .. "/" .. key.id .. "/enable", {})
    ann:done("plan", "--exit-code", "--set", "size=3", "shop.lua")
  end)

  it("gets other keys by a command of its own: a former one opens nothing any more, and the history stays", function()
    names 'key_file = "second.key"'
    assert.matches("it is sealed for other keys.*sealed for: a key file, Key Manager.*not sealed for: the key file second%.key",
      ann:refused("plan", "shop.lua"))
    assert.matches("it is sealed for other keys", ann:refused("state", "rekey", "shop.lua"))
    assert.matches("cannot use the key file old%.key %(%-%-old%-key%-file%)",
      ann:refused("state", "rekey", "--old-key-file", "old.key", "shop.lua"))
    local told = ann:answer("state", "rekey", "--json", "--old-key-file", "first.key", "shop.lua")
    assert.are.same({ 6, { "the key file second.key (named by the stack)" } }, { told.resealed, told.recipients })
    ann:done("plan", "--exit-code", "--set", "size=3", "shop.lua")
    local deployments = ann:deployments("shop.lua")
    assert.are.same({ 4, "scwlua state rekey" }, { #deployments, deployments[1].command })
    for index, size in ipairs({ 3, 3, 2, 1 }) do
      local shown = ann:answer("state", "show", "--json", "--at", deployments[index].id, "shop.lua", "value.size")
      assert.are.equal(size, shown.inputs.input)
    end
    for _, former in ipairs({ 'key_file = "first.key"', 'key_manager = "KEY"' }) do
      names(former)
      assert.matches("it is sealed for other keys", ann:refused("plan", "shop.lua"))
      assert.matches("it is sealed for other keys", ann:refused("state", "history", "shop.lua"))
    end
    names 'key_file = "second.key", key_manager = "KEY"'
    local shown = ann:run("plan", "shop.lua")
    assert.matches("warning: the state is not sealed for the Key Manager key .- yet: `scwlua%S* state rekey shop%.lua` does it",
      ((shown.stdout .. shown.stderr):gsub("%s+", " ")))
    assert.matches("warn keys the state is not sealed for the Key Manager key", (ann:run("doctor", "shop.lua").stdout:gsub("%s+", " ")))
    names 'key_file = "first.key", key_manager = "KEY"'
    ann.environment.SCWLUA_STATE_OLD_KEY_FILE = ann.directory .. "/second.key"
    assert.matches("Sealed the state and 8 objects beside it anew, for the key file first%.key %(named by the stack%), the Key Manager key",
      ann:done("state", "rekey", "shop.lua").stdout)
    ann.environment.SCWLUA_STATE_OLD_KEY_FILE = nil
    names 'key_manager = "KEY"'
    ann:done("plan", "--exit-code", "--set", "size=3", "shop.lua")
  end)

  it("leaves no key in what the emulator records", function()
    local record = assert(core.file_read(ann.directory .. "/exchanges"))
    local seen = 0
    for line in record:gmatch("[^\n]+") do
      local exchange = json.decode(line)
      if exchange.path:match("/generate%-data%-key$") or exchange.path:match("/decrypt$") then
        seen = seen + 1
        local plaintext = exchange.response_body.plaintext
        assert(plaintext == nil or plaintext == "", line) -- nil: the refusal of a disabled key
      end
    end
    assert(seen >= 6)
  end)

  it("is never left unsealed in production", function()
    names("sealed = false", "production")
    assert.matches("policy state: the state is not sealed", ann:refused("plan", "shop.lua"))
  end)
end)

describe("sealed states", function()
  local directory
  before_each(function() directory = program.directory() end)
  after_each(function() program.remove(directory) end)

  local function run(...)
    return program.run({ ... }, { directory = directory, environment = { SCWLUA_STATE_PASSPHRASE = "four words of it", HOME = directory } })
  end

  --- A stack with a state of its own, applied.
  local function applied(name, file, ...)
    assert(core.file_write(directory .. "/" .. file .. ".lua", FILE_STACK:format(name, file .. ".state")))
    local result = run("apply", "--yes", file .. ".lua", ...)
    assert.are.equal(0, result.status, result.stderr)
  end

  local function copy(from, to) assert(core.file_write(directory .. "/" .. to, assert(core.file_read(directory .. "/" .. from)))) end

  it("with --emulator have a key of their own there, and ask no Key Manager", function()
    local keys = 'key_manager = "fr-par/11111111-2222-3333-4444-555555555555", key_file = "missing.key"'
    assert(core.file_write(directory .. "/shop.lua", STACK:format("staging", keys)))
    for _, command in ipairs({ { "apply", "--yes" }, { "plan", "--exit-code" } }) do
      local result = program.run({ command[1], command[2], "--emulator", "shop.lua" }, { directory = directory })
      assert.are.equal(0, result.status, result.stdout .. result.stderr)
      assert.is_nil((result.stdout .. result.stderr):find("in the place of", 1, true))
    end
  end)

  it("with --emulator are opened by the emulator's own key when the environment names another one later", function()
    assert(core.file_write(directory .. "/shop.lua", FILE_STACK:format("shop", "shop.state")))
    local alone = program.run({ "apply", "--yes", "--emulator", "shop.lua" }, { directory = directory })
    assert.are.equal(0, alone.status, alone.stderr)
    local result = run("plan", "--exit-code", "--emulator", "shop.lua")
    assert.are.equal(0, result.status, result.stdout .. result.stderr)
    assert.matches("not sealed for the passphrase in SCWLUA_STATE_PASSPHRASE yet", ((result.stdout .. result.stderr):gsub("%s+", " ")))
  end)

  --- What a command says with these keys in its environment, in one line, and how it ended.
  local function with_keys(environment, ...)
    local variables = { HOME = directory }
    for name, value in pairs(environment) do variables["SCWLUA_STATE_" .. name] = value end
    local result = program.run({ ... }, { directory = directory, environment = variables })
    return ((result.stdout .. result.stderr):gsub("%s+", " ")), result.status
  end

  local function times(text, part) return select(2, text:gsub(part, "")) end

  it("say so when the environment hides the key that the stack names", function()
    local HIDDEN = "warning: SCWLUA_STATE_PASSPHRASE stands in the place of the stack's `key_file`: unset SCWLUA_STATE_PASSPHRASE"
    local phrase = { PASSPHRASE = "four words of it" }
    assert(core.key_create(directory .. "/own.key"))
    local named = FILE_STACK:gsub('path = "%%s"', '%0, key_file = "own.key"')
    assert(core.file_write(directory .. "/one.lua", named:format("one", "one.state")))
    assert.are.equal(0, select(2, with_keys({}, "apply", "--yes", "one.lua")))
    assert.matches("ok keys the key file own%.key %(named by the stack%)", (with_keys({}, "doctor", "one.lua")))
    assert.matches("hint: unset SCWLUA_STATE_PASSPHRASE to use what the stack names, or set", (with_keys(phrase, "plan", "one.lua")))
    local said, status = with_keys(phrase, "state", "rekey", "--old-key-file", "own.key", "one.lua")
    assert.are.equal(0, status, said)
    assert.are.equal(1, times(said, HIDDEN), said)
    assert.matches("anew, for the passphrase in SCWLUA_STATE_PASSPHRASE%.", said)
    for _, command in ipairs({ { "plan" }, { "apply", "--yes", "--set", "size=2" } }) do
      command[#command + 1] = "one.lua"
      said = with_keys(phrase, table.unpack(command))
      assert.are.equal(1, times(said, HIDDEN), said)
    end
    said = with_keys(phrase, "doctor", "one.lua")
    assert.matches("ok keys the passphrase in SCWLUA_STATE_PASSPHRASE warn keys SCWLUA_STATE_PASSPHRASE stands in the place of the stack's "
      .. "`key_file` %-> unset SCWLUA_STATE_PASSPHRASE", said)
    assert(core.file_write(directory .. "/one.lua", FILE_STACK:format("one", "one.state")))
    said = with_keys(phrase, "plan", "--set", "size=2", "one.lua") .. with_keys(phrase, "doctor", "one.lua")
    assert.are.equal(0, times(said, "in the place of"), said)
  end)

  it("say which key file is not there, or can be read by others, and how a former key is given", function()
    local keys = { PASSPHRASE = "four words of it", KEY_FILE = "none.key" }
    applied("one", "one")
    local said, status = with_keys(keys, "plan", "one.lua")
    assert.are.equal(0, status, said)
    assert.matches("warning: cannot use the key file none%.key %(SCWLUA_STATE_KEY_FILE%): .-No such file", said)
    assert.are.equal(0, times(said, "not sealed for"), said)
    assert.matches("warn keys cannot use the key file none%.key .- %-> point to the file", (with_keys(keys, "doctor", "one.lua")))
    assert(core.file_write(directory .. "/none.key", ("ab"):rep(32), { mode = 420 })) -- octal 644
    said = with_keys(keys, "doctor", "one.lua")
    assert.matches("warn keys none%.key can be read by others %(mode 644%) %-> chmod 600 none%.key", said)
    assert.matches("warn keys the state is not sealed for the key file none%.key", said)
    said, status = with_keys({ PASSPHRASE = "another passphrase" }, "state", "rekey", "one.lua")
    assert.are.equal(1, status)
    assert.matches("hint: set SCWLUA_STATE_PASSPHRASE .- SCWLUA_STATE_OLD_PASSPHRASE", said)
    said = with_keys({ PASSPHRASE = "another passphrase" }, "state", "rekey", "--old-key-file", "absent.key", "one.lua")
    assert.matches("hint: point to the file that this state was sealed with", said)
    assert.are.equal(0, times(said, "openssl"), said)
  end)

  it("are checked by doctor with every key that is named, and their lock, too", function()
    applied("one", "one")
    assert(core.key_create(directory .. "/true.key"))
    local both = { PASSPHRASE = "four words of it", KEY_FILE = "true.key" }
    assert.are.equal(0, select(2, with_keys(both, "state", "rekey", "one.lua")))
    local said = with_keys(both, "doctor", "one.lua")
    assert.are.equal(0, times(said, "is not sealed for"), said)
    assert.matches("ok lock free", said)
    said = with_keys({ PASSPHRASE = "another passphrase", KEY_FILE = "true.key" }, "doctor", "one.lua")
    assert.matches("warn keys the state is not sealed for the passphrase in SCWLUA_STATE_PASSPHRASE", said) -- though another one opens it
    assert(core.file_write(directory .. "/one.state.lock", "junk"))
    local status
    said, status = with_keys(both, "doctor", "one.lua")
    assert.are.equal(1, status)
    assert.matches("fail lock damaged: .-one%.state%.lock .- remove .-one%.state%.lock; the state itself is untouched", said)
    assert.are.equal(1, select(2, with_keys(both, "state", "status", "one.lua")))
  end)

  it("of two stacks cannot be swapped", function()
    applied("one", "one")
    applied("two", "two")
    copy("one.state", "two.state")
    local result = run("plan", "two.lua")
    assert.are.equal(1, result.status)
    assert.matches("INFRA_011.*cannot open the state: it was changed, or taken from elsewhere", (result.stderr:gsub("%s+", " ")))
  end)

  it("of two lineages of a stack are not taken for each other by a run that saw one of them", function()
    applied("one", "one")
    applied("one", "other")
    local lock = assert(json.decode((core.file_read(directory .. "/one.state.lock"))))
    lock.state, lock.host, lock.expires = "held", "a lost runner", core.now() + 600
    assert(core.file_write(directory .. "/one.state.lock", json.encode(lock)))
    local waiting = core.spawn(run, "apply", "--yes", "--set", "size=2", "one.lua")
    local deadline = core.clock() + 60000
    repeat
      core.sleep(20)
      assert(core.clock() < deadline, "it does not wait in the queue")
    until #(core.file_list(directory .. "/one.state.queue") or {}) > 0
    copy("other.state", "one.state")
    assert.are.equal(0, run("unlock", "--yes", "one.lua", lock.id).status)
    local _, result = waiting:join()
    assert.are.equal(1, result.status, result.stdout)
    assert.matches("INFRA_011.*is of another lineage than before: somebody exchanged it", (result.stderr:gsub("%s+", " ")))
  end)
end)
