local core = require "core"
local dsl = require "scw.dsl"
local project = dofile "tests/lua/dsl/project.lua"
local reference = require "scw.dsl.reference"

local function declaration_of(made, address)
  for _, declaration in ipairs(made.declarations) do
    if declaration.address == address then return declaration end
  end
end

local function ok(made, err)
  assert(made, err and table.concat(project.problems(err), "\n"))
  return made
end

describe("a stack", function()
  it("becomes declarations with addresses, fields, needs and sources", function()
    local made = ok(project.build [[
local space = stack:container_namespace("main", { name = "evalap" })
stack:value("url", { input = "https://" .. space.name },
  { depends_on = space, protect = true, timeouts = { create = "20m" } })]])
    local value = declaration_of(made, "value.url")
    assert.are.equal("stacks/test.lua:4", value.source)
    assert.are.same({ "container_namespace.main" }, value.needs)
    assert.are.same({ depends_on = { "container_namespace.main" }, protect = true, timeouts = { create = "20m" } }, value.options)
    assert.are.equal('"https://" .. container_namespace.main.name', reference.describe(value.fields.input))
    assert.are.same({ "fr-par", "fr-par-2", "", false },
      { value.region, value.zone, value.module, value.lookup })
    assert.are.same({ kind = "file", path = "x", sealed = true, source = made.state.source }, made.state)
    assert.matches("stacks/test.lua:2$", made.source)
  end)

  it("holds text in UTF-8 only: the state could not be saved otherwise", function()
    local made, err = project.build [[
stack:value("a", { input = { "caf\xe9" } })
stack:value("b", { input = { ["\xff"] = 1 } })
stack:value("c", { input = "café" })]]
    assert.is_nil(made)
    local text = table.concat(project.problems(err), "\n")
    assert.matches("input%[1%]: a text must be UTF%-8", text)
    assert.matches("input: a key must be UTF%-8", text)
    assert.is_nil(text:find("value.c", 1, true))
  end)

  it("says how many deployments its state keeps", function()
    local function load(given)
      return project.load { ["stacks/test.lua"] = ([[
local scw = require "scw"
return scw.stack { name = "t", state = scw.file { path = "x", history = %s }, build = function() end }]]):format(given) }
    end
    assert.are.equal(20, ok(load("20")).state.history)
    assert.are.equal(0, ok(load("0")).state.history)
    for _, wrong in ipairs { "-1", "2.5", '"20"', "true" } do
      local made, err = load(wrong)
      assert.is_nil(made)
      assert.matches("scw.file: history must be a whole number, 0 or more", tostring(err))
    end
  end)

  it("evaluates to the same declarations every time", function()
    local lines = [[
local t = {}
for i = 1, 40 do t["key" .. i * 7919 % 41] = i end
for name, i in pairs(t) do stack:value(name, { input = { i, tostring(t), tostring(print) } }) end]]
    local first, second = ok(project.build(lines)), ok(project.build(lines))
    for i, declaration in ipairs(first.declarations) do
      assert.are.equal(declaration.address, second.declarations[i].address)
      assert.are.same(declaration.fields, second.declarations[i].fields)
    end
  end)

  it("is copied: later changes of a table do not reach the declaration", function()
    local made = ok(project.build [[
local input = { 1 }
stack:value("a", { input = input })
input[1] = 2]])
    assert.are.same({ 1 }, made.declarations[1].fields.input)
  end)

  it("adds its tags to what has tags, as a list or a map", function()
    local made = ok(project.load { ["stacks/test.lua"] = [[
local scw = require "scw"
return scw.stack { name = "t", tags = { "app=evalap", "team" }, build = function(stack)
  stack:container_namespace("a", { name = "a", tags = { "own", "team" } })
  stack:registry_namespace("b", { name = "b" })
end }]] })
    assert.are.same({ "app=evalap", "team", "own" }, made.declarations[1].fields.tags)
    assert.is_nil(made.declarations[2].fields.tags)
  end)

  it("lets places flow down and be overridden", function()
    local made = ok(project.build([[
stack:use("m", require "modules.m", {}, { region = "nl-ams" })
stack:registry_namespace("b", { name = "b", region = "pl-waw" })]], nil, { ["modules/m.lua"] = [[
local scw = require "scw"
return scw.module { summary = "M.", build = function(scope) scope:registry_namespace("a", { name = scope.region }) end }]] }))
    local inner, outer = made.declarations[1], made.declarations[2]
    assert.are.same({ "nl-ams", "nl-ams-1", "nl-ams" }, { inner.region, inner.zone, inner.fields.name })
    assert.are.same({ "pl-waw", "pl-waw-1" }, { outer.region, outer.zone })
  end)

  it("takes its place from the environment when it names none", function()
    local text = 'local scw = require "scw" return scw.stack { name = "t", build = function() end }'
    local environment = { SCW_DEFAULT_REGION = "nl-ams", SCW_DEFAULT_PROJECT_ID = "p-1" }
    local made = ok(project.load({ ["stacks/test.lua"] = text }, { environment = environment }))
    assert.are.same({ "nl-ams", "p-1" }, { made.region, made.project })
  end)

  it("knows the line even of tail calls and of declarations inside declarations", function()
    local made = ok(project.build([[
stack:use("m", require "modules.m", {})
stack:value("outer", {
  input = stack:value("inner", {}).output,
})]], nil, { ["modules/m.lua"] = [[
local scw = require "scw"
local function last(scope)
  return scope:value("tail", {})
end
return scw.module { summary = "M.", build = function(scope) local _ = last(scope) end }]] }))
    assert.are.same({ "modules/m.lua:3", "stacks/test.lua:5", "stacks/test.lua:4" },
      { made.declarations[1].source, made.declarations[2].source, made.declarations[3].source })
    assert.are.same({ "stacks/test.lua:3" }, made.declarations[1].uses)
  end)

  it("gives outputs, marked when secret", function()
    local made = ok(project.build([[
local v = stack:value("v", { input = 1 })
stack:output("plain", { v.output })
stack:output("hidden", "x" .. scw.secret_env "TOKEN")]], { environment = { TOKEN = "t" } }))
    assert.are.same({ "plain", "hidden" }, { made.outputs[1].name, made.outputs[2].name })
    assert.are.same({ false, true }, { made.outputs[1].secret, made.outputs[2].secret })
  end)

  it("keeps what it prints", function()
    local made = ok(project.build [[print("replicas", 3)]])
    assert.are.equal("replicas\t3", made.messages[1].text)
  end)

  it("can look up what exists", function()
    local made = ok(project.build [[
local images = stack:lookup("registry_namespace", { name = "shared" })
stack:lookup("registry_namespace", { name = "shared", region = "nl-ams" })
stack:value("v", { input = images.endpoint })]])
    assert.are.same({ "lookup.registry_namespace.shared", true, { name = "shared" } },
      { made.declarations[1].address, made.declarations[1].lookup, made.declarations[1].fields })
    assert.are.equal("lookup.registry_namespace.shared-2", made.declarations[2].address)
    assert.are.same({ "lookup.registry_namespace.shared" }, made.declarations[3].needs)
  end)

  it("keeps checks whose condition is known only later", function()
    local made, err = project.build [[
local v = stack:value("v", { input = 1 })
stack:check(v.output:map(function(n) return n > 0 end), "must be positive")
stack:check(1 > 0, "never said")]]
    assert.are.equal("must be positive", ok(made, err).checks[1].message)
    made, err = project.build [[stack:check(false, "zone and region must fit")]]
    assert.is_nil(made)
    assert.are.same({ "3: zone and region must fit" }, project.problems(err))
  end)

  it("is refused as a whole when it cannot be read", function()
    local _, err = dsl.load("stacks/there-is-none.lua", { environment = {} })
    assert.are.equal("INFRA_004", err.code)
    _, err = project.load { ["stacks/test.lua"] = "return 1" }
    assert.matches("return scw.stack", err.message, 1, true)
    _, err = project.load { ["stacks/test.lua"] = "local x = = 1" }
    assert.are.equal("stacks/test.lua:1", err.source)
    assert.not_matches("stacks", err.message)
  end)
end)

describe("problems of a stack", function()
  it("are all reported, sorted by line", function()
    local _, err = project.build [[
stack:container_namespace("a", { nam = "evalap" })
stack:valeu("b", {})
stack:value("c", {}, { depend_on = {} })
local d = stack:value("d", {})
stack:value("e", { input = d.outptu })
stack:value("d", {})
stack:value("not a name", {})
stack:output("x", nil)]]
    assert.are.equal("8 problems in stacks/test.lua", err.message)
    local lines = project.problems(err)
    for i, pattern in ipairs {
      "^3: container_namespace.a: name is required", "^3: container_namespace.a: .*no field 'nam'", "^4: there is no type 'valeu'",
      "^5: there is no option 'depend_on'", "^7: value.d has no attribute 'outptu'", "^8: value.d is declared twice",
      "^9: 'not a name' is no name", "^10: the output 'x' has no value",
    } do
      local found = false
      for _, line in ipairs(lines) do found = found or line:find(pattern) ~= nil end
      assert.is_true(found, pattern .. " is missing in\n" .. table.concat(lines, "\n") .. i)
    end
    for i = 2, #lines do assert.is_true(tonumber(lines[i]:match("^%d+")) >= tonumber(lines[i - 1]:match("^%d+"))) end
  end)

  it("come with what was meant", function()
    for lines, hint in pairs {
      ['stack:container_namspace("a", {})'] = "container_namespace",
      ['stack:value("a", {}, { protected = true })'] = "'protect'",
      ['stack:value("a", {}, { input = 1 })'] = "table of fields",
      ['local a = stack:value("a", {}) stack:output("x", a.ouput)'] = "'output'",
      ['local v = scw.modul {}'] = "'module'",
      ['local v = tabel.insert'] = "'table'",
      ['count = 1'] = "local count",
      ['stack.value("a", {})'] = "scope:value",
      ['stack:value("a", { input = print })'] = "ref:map",
      ['stack:value("a", { input = { [stack:value("b", {})] = 1 } })'] = "put the reference beside it",
      ['local text = "x" .. stack:value("a", {})'] = ".id",
    } do
      local _, err = project.build(lines)
      assert(err, lines)
      local hints = {}
      for _, problem in ipairs(err.problems or { err }) do hints[#hints + 1] = problem.hint end
      assert.is_true(table.concat(hints, "|"):find(hint, 1, true) ~= nil, lines .. " -> " .. err.message .. table.concat(hints, "|"))
      assert.matches("^stacks/test%.lua:3$", err.source)
    end
  end)

  it("name the other declaration when an address is taken", function()
    local _, err = project.build 'stack:value("a", {})\nstack:value("a", {})'
    assert.are.equal("stacks/test.lua:4", err.source)
    assert.matches("test.lua:3", err.details[1], 1, true)
  end)

  it("keep secrets out of fields that are not secret, and name the field to use", function()
    local _, err = project.build([[
local token = scw.secret_env "TOKEN"
stack:container_namespace("a", { name = "a", environment_variables = { TOKEN = token } })
stack:container_namespace("b", { name = "b", secret_environment_variables = { TOKEN = token } })
stack:value("c", { input = { "x" .. token } })]], { environment = { TOKEN = "t" } })
    local lines = project.problems(err)
    assert.are.equal(2, #lines)
    assert.matches("^4: .*environment_variables.TOKEN is not secret", lines[1])
    assert.matches("^6: .*input is not secret", lines[2])
  end)

  it("in user code have the line, the text of Lua, and no traceback", function()
    local _, err = project.build 'local x = nil\nlocal y = x.field'
    assert.are.equal("stacks/test.lua:4", err.source)
    assert.are.equal("attempt to index a nil value (local 'x')", err.message)
    _, err = project.build 'error("my own words")'
    assert.are.same({ "stacks/test.lua:3", "my own words" }, { err.source, err.message })
    _, err = project.build 'error({ message = "in a table" })'
    assert.are.equal("in a table", err.message)
    _, err = project.build 'table.insert(nil, 1)'
    assert.are.same({ "stacks/test.lua:3", "table.insert takes a table, not a nil" }, { err.source, err.message })
  end)

  it("of the engine stay bugs with a traceback", function()
    local broken = { get = math.floor, names = function() return {} end } -- fails inside the engine's own code
    local raised, reason = pcall(project.build, 'stack:value("a", {})', { catalogue = broken })
    assert.is_false(raised)
    assert.matches("number expected, got string.*traceback.*scw/dsl/session.lua", tostring(reason))
  end)

  it("of ten thousand values with references take a fraction of a second to find none", function()
    local started = core.clock()
    local made = ok(project.build [[
local last = stack:value("v0", { input = 1 })
for i = 1, 10000 do last = stack:value("v" .. i, { input = { last.output, "x" .. last.id } }) end]])
    assert.are.equal(10001, #made.declarations)
    assert.is_true(core.clock() - started < 20000)
  end)
end)

describe("values from outside", function()
  it("come from the environment", function()
    local made = ok(project.build([[stack:value("a", { input = { scw.env "A", scw.env("B", "other"), scw.env("C", false) } })]],
      { environment = { A = "1" } }))
    assert.are.same({ "1", "other", false }, made.declarations[1].fields.input)
    local _, err = project.build [[stack:value("a", { input = "x" .. scw.env "A" .. "y" })]]
    assert.are.equal("the environment variable A is not set", err.message)
  end)

  local lines = [[
local n = stack:config("replicas", { type = "int", default = 2, min = 1 })
stack:value("a", { input = n })]]
  local function replicas(options, more) return ok(project.build(lines, options, more)).declarations[1].fields.input end

  it("as config are typed, and the nearest source wins", function()
    local file = { ["stacks/test.config.json"] = '{"replicas":3}' }
    assert.are.equal(2, replicas())
    assert.are.equal(3, replicas({}, file))
    assert.are.equal(4, replicas({ environment = { SCWLUA_CONFIG_REPLICAS = "4" } }, file))
    assert.are.equal(5, replicas({ environment = { SCWLUA_CONFIG_REPLICAS = "4" }, config = { replicas = "5" } }, file))
    assert.are.equal(3, replicas({}, { ["stacks/test.config.yaml"] = "replicas: 3\n" }))
    assert.are.equal(6, replicas({ config_file = "other.json" }, { ["other.json"] = '{"replicas":6}' }))
  end)

  it("that are not set are no part of a text", function()
    local _, err = project.build('local a = stack:value("a", { input = 1 })\nstack:value("b", { input = a.id .. stack.zonee })')
    assert.matches("^4: ", project.problems(err)[1])
    _, err = project.build('local a, settings = stack:value("a", { input = 1 }), {}\nstack:value("b", { input = a.id .. settings.suffix })')
    assert.are.same({ "4: cannot use nil with value.a.id in `..`" }, project.problems(err))
  end)

  it("as config are what a plan rests on, wherever they come from", function()
    local take = 'stack:value("x", { input = { stack:config("n", { type = "int", default = 1 }), stack:config("m", { type = "list", '
      .. 'default = {} }) } })'
    local file = { ["stacks/test.config.yaml"] = "# two values\nn: 2\nm: [a, b]\n" }
    local function basis(options, files)
      local found = assert(project.build(take, options, files)).basis
      for name in pairs(found) do assert.is_nil(name:find("variable", 1, true)) end
      return { found["config n"], found["config m"] }
    end
    assert.are.same({ false, false }, basis())
    assert.are.same({ "2", false }, basis { config = { n = "2" } })
    assert.are.same({ "2", false }, basis { environment = { SCWLUA_CONFIG_N = "2" } })
    assert.are.same({ "2", '["a","b"]' }, basis({}, file))
    assert.are.same({ "3", '["a","b"]' }, basis({ config = { n = "3" } }, file))
  end)

  it("as config take lists from files, as they are in YAML and in JSON", function()
    local take = 'stack:config("n", { type = "list" }) stack:value("x", { input = stack:config("m", { type = "list", default = {} }) })'
    for name, text in pairs { ["f.yaml"] = "n: [x, y]\nm: []\n", ["f.json"] = '{"n":["x","y"],"m":[]}' } do
      local made = assert(project.build(take, { config_file = name }, { [name] = text }))
      assert.is_true(core.is_array(made.declarations[1].fields.input))
    end
    local shown = 'print(table.concat(stack:config("n", { type = "list", of = "int" }), "+"))'
    local made = assert(project.build(shown, { config_file = "f.yaml" }, { ["f.yaml"] = "n:\n  - 1\n  - 2\n" }))
    assert.are.equal("1+2", made.messages[1].text)
    local _, err = project.build(shown, { config_file = "f.yaml" }, { ["f.yaml"] = "n: [one]" })
    assert.matches("a whole number", project.problems(err)[1])
  end)

  it("as config are checked", function()
    local function message(options) return project.problems(select(2, project.build(lines, options)))[1] end
    assert.matches("'replicas': it must be at least 1", message { config = { replicas = "0" } })
    assert.matches("a whole number", message { config = { replicas = "many" } })
    local _, err = project.build(lines, { config = { replica = "3" } })
    assert.matches("no such config", err.message)
    assert.matches("replicas", err.hint)
    _, err = project.build 'stack:config("image", { doc = "Image to run." })'
    assert.matches("--set image=", err.hint, 1, true)
    assert.matches("SCWLUA_CONFIG_IMAGE", err.hint, 1, true)
  end)

  it("as config know lists, maps and booleans", function()
    local made = ok(project.build([[
stack:value("a", { input = { stack:config("hosts", { type = "list" }), stack:config("labels", { type = "map", of = "string" }),
  stack:config("debug", { type = "bool" }) } })]], { config = { hosts = "a, b", labels = "x=1,y=2", debug = "yes" } }))
    assert.are.same({ { "a", "b" }, { x = "1", y = "2" }, true }, made.declarations[1].fields.input)
  end)

  it("as secret config stay hidden", function()
    local made = ok(project.build([[
stack:container_namespace("a", { name = "a", secret_environment_variables = { T = stack:config("token", { secret = true }) } })]],
      { config = { token = "hunter2" } }))
    local given = made.declarations[1].fields.secret_environment_variables.T
    assert.is_true(reference.secret(given))
    assert.are.equal("hunter2", (reference.resolve(given, error)))
    for _, entry in ipairs(made.config) do
      for _, fact in pairs(entry) do assert.are_not.equal("hunter2", fact) end
    end
  end)
end)

describe("state declarations", function()
  local function state(text, options)
    local stack = 'local scw = require "scw"\nreturn scw.stack { name = "t", state = %s, build = function() end }'
    return project.load({ ["stacks/test.lua"] = stack:format(text) }, options)
  end
  it("are checked", function()
    assert.are.equal("b", ok(state 'scw.s3 { bucket = "b", key = "k" }').state.bucket)
    assert.matches("needs `key`", project.problems(select(2, state 'scw.s3 { bucket = "b" }'))[1], 1, true)
    local twin = 'scw.s3 { bucket = "b", key = "k", replica = { %s } }'
    assert.same({ bucket = "c", region = "nl-ams", patience = 20 },
      ok(state(twin:format('bucket = "c", region = "nl-ams", patience = "20s"'))).state.replica)
    assert.matches("scw.s3's replica needs `region`", project.problems(select(2, state(twin:format('bucket = "c"'))))[1], 1, true)
    assert.matches("the replica is the same bucket as the state: b",
      project.problems(select(2, state(twin:format('bucket = "b", region = "nl-ams"'))))[1], 1, true)
    assert.matches('patience must be a duration such as "15s"',
      project.problems(select(2, state(twin:format('bucket = "c", region = "nl-ams", patience = "soon"'))))[1], 1, true)
    assert.are.equal("90s", ok(state 'scw.file { path = "p", lease = "90s" }').state.lease)
    for _, wrong in ipairs({ '"soon"', '"0s"', '"2h"', "60", '""' }) do
      assert.matches('lease must be a duration from "1s" to "1h"',
        project.problems(select(2, state('scw.file { path = "p", lease = ' .. wrong .. " }")))[1], 1, true)
    end
    assert.matches("replica must be a table", project.problems(select(2, state 'scw.s3 { bucket = "b", key = "k", replica = "c" }'))[1])
    assert.matches("no 'buckt'", project.problems(select(2, state 'scw.s3 { buckt = "b", bucket = "b", key = "k" }'))[1])
    assert.matches("must not stand in the stack", project.problems(select(2, state 'scw.file { path = "p", passphrase = "hunter2" }'))[1])
    local key = "fr-par/11111111-2222-3333-4444-555555555555"
    assert.are.equal(key, ok(state(('scw.file { path = "p", key_manager = "%s" }'):format(key))).state.key_manager)
    for _, wrong in ipairs { '"fr-par/shop"', '"11111111"', "7", '""', 'scw.secret_env "P"' } do
      local _, err = state(('scw.file { path = "p", key_manager = %s }'):format(wrong), { environment = { P = "x" } })
      assert.matches("key_manager must be the id of a Key Manager key, such as", project.problems(err)[1], 1, true)
    end
    local made = ok(state('scw.file { path = "p", passphrase = scw.secret_env "P" }', { environment = { P = "x" } }))
    assert.is_true(reference.secret(made.state.passphrase))
  end)
end)
