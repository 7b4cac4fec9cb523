local project = dofile "tests/lua/dsl/project.lua"
local reference = require "scw.dsl.reference"

local WEB = [[
local scw = require "scw"
return scw.module {
  summary = "A service.",
  inputs = {
    name = scw.str { required = true, pattern = "^[a-z]+$" },
    replicas = scw.int { default = 1, min = 1, max = 9 },
    size = scw.enum { "small", "large", default = "small" },
    images = scw.ref { to = "registry_namespace" },
    environment = scw.map { of = "string", default = {} },
  },
  outputs = { id = "The namespace." },
  build = function(scope, input)
    local space = scope:container_namespace("space", { name = input.name, environment_variables = input.environment })
    scope:value("facts", { input = { scope.name, scope.path, input.replicas, input.size, input.images and input.images.endpoint } })
    return { id = space.id }
  end,
}]]

local function build(lines, more)
  local files = { ["modules/web.lua"] = WEB }
  for name, text in pairs(more or {}) do files[name] = text end
  return project.build(lines, nil, files)
end

local function ok(made, err)
  assert(made, err and table.concat(project.problems(err), "\n"))
  return made
end

describe("modules", function()
  it("declare under their own name, with defaults filled in and references passed through", function()
    local made = ok(build [[
local images = stack:registry_namespace("images", { name = "images" })
local web = stack:use("web", require "modules.web", { name = "shop", images = images, environment = { HOST = images.endpoint } })
stack:output("id", web.id)]])
    local space, facts = made.declarations[2], made.declarations[3]
    assert.are.same({ "web/container_namespace.space", "web", { "registry_namespace.images" } },
      { space.address, space.module, space.needs })
    assert.are.same({ "web", "web", 1, "small" }, table.move(facts.fields.input, 1, 4, 1, {}))
    assert.are.same({ "registry_namespace.images", { "endpoint" } }, { reference.target(facts.fields.input[5]) })
  end)

  it("check their inputs, naming the use and the input", function()
    local _, err = build [[
local web = stack:use("web", require "modules.web", { nam = "x", replicas = 0, size = "huge", images = stack:value("v", {}) })
stack:value("after", { input = "x" .. web.id .. web.anything })]]
    assert.are.same({
      "3: module 'web': images must be a registry_namespace, but value.v is a value",
      "3: module 'web': name is required", "3: module 'web': replicas must be at least 1, not 0",
      "3: module 'web': size must be one of small, large, not 'huge'", "3: module 'web': there is no input 'nam'",
    }, project.problems(err))
    assert.are.same({ "the input is declared at modules/web.lua:6" }, err.problems[3].details)
  end)

  it("refuse words they do not know", function()
    for text, pattern in pairs {
      ["return scw.module { summary = 'M.', biuld = 1 }"] = "no 'biuld'",
      ["return scw.module { build = print }"] = "needs a `summary`",
      ["return scw.module { summary = 'M.', inputs = { a = 1 }, build = print }"] = "input a is not declared with a word",
      ["return scw.module { summary = 'M.', inputs = { a = scw.str { requird = true } }, build = print }"] = "requird",
      ["local w = scw.int { min = 'x' }"] = "scw.int min does not fit",
      ["local w = scw.str { enum = 5 }"] = "enum must be a list of texts",
      ["local w = scw.str { pattern = '((' }"] = "pattern must be a Lua pattern",
      ["local w = scw.str { format = 'emial' }"] = "format must be one of",
      ["local w = scw.int { default = 'x' }"] = "default must be a whole number",
      ["local w = scw.list { of = 'strnig' }"] = "of must be a word",
      ["local w = scw.object { fields = { a = 1 } }"] = "fields must be a table of words",
      ["local w = scw.ref {}"] = "needs `to`",
      ["local w = scw.enum {}"] = "takes the texts to choose from",
      ["return scw.module { summary = 'M.', build = function(scope) return scope end }"] = "a plain table of names",
      ["return scw.module { summary = 'M.', build = function(_, input) local x = input.nothing end }"] = "no input 'nothing'",
      ["return scw.module { summary = 'M.', outputs = { url = 'U.' }, build = function() return { uri = 1 } end }"] = "output 'url'",
      ["return scw.module { summary = 'M.', build = function() return 1 end }"] = "has to return a table",
      ["local unused = 1"] = "returns nothing",
    } do
      local _, err = build('stack:use("m", require "modules.m", {})', { ["modules/m.lua"] = 'local scw = require "scw"\n' .. text })
      assert.matches(pattern, table.concat(project.problems(err), "|"), 1, true)
    end
  end)

  it("say from where they are used when they fail", function()
    local _, err = build('\nstack:use("outer", require "modules.outer", {})', {
      ["modules/outer.lua"] = [[local scw = require "scw"
return scw.module { summary = "O.", build = function(scope)
  scope:use("inner", require "modules.inner", {}) end }]],
      ["modules/inner.lua"] = [[local scw = require "scw"
return scw.module { summary = "I.", build = function(scope) local x = nil + 1 end }]],
    })
    assert.are.equal("modules/inner.lua:2", err.source)
    assert.are.same({ "used at modules/outer.lua:3", "used at stacks/test.lua:4" }, err.details)
    _, err = build('stack:use("outer", require "modules.outer", {})', {
      ["modules/outer.lua"] = [[local scw = require "scw"
return scw.module { summary = "O.", build = function(scope) scope:container_namespace("x", {}) end }]],
    })
    assert.are.equal("modules/outer.lua:2", err.source)
    assert.are.same({ "used at stacks/test.lua:3" }, err.details)
  end)

  it("nest, and stand for everything in them in depends_on", function()
    local made = ok(build([[
local outer = stack:use("outer", require "modules.outer", {})
stack:value("last", {}, { depends_on = { outer } })
stack:use("late", require "modules.web", { name = "late" }, { depends_on = outer })]], {
      ["modules/outer.lua"] = [[local scw = require "scw"
return scw.module { summary = "O.", build = function(scope)
  scope:use("inner", require "modules.web", { name = "a" })
  scope:value("own", {}) end }]] }))
    local addresses = { "outer/inner/container_namespace.space", "outer/inner/value.facts", "outer/value.own" }
    assert.are.same(addresses, made.declarations[4].needs)
    assert.are.same(addresses, made.declarations[5].needs)
  end)

  it("cannot use themselves or require each other in a circle", function()
    local _, err = build('stack:use("m", require "modules.a", {})', {
      ["modules/a.lua"] = 'local b = require "modules.b" return b', ["modules/b.lua"] = 'local a = require "modules.a" return a',
    })
    assert.matches("modules.a requires modules.b requires modules.a", err.message, 1, true)
    _, err = build('stack:use("m", require "modules.loop", {})', { ["modules/loop.lua"] = [[local scw = require "scw"
local loop
loop = scw.module { summary = "L.", build = function(scope) scope:use("m", loop, {}) end }
return loop]] })
    assert.matches("seems to use itself", err.message)
  end)

  it("are known by name only once in a scope, and have to be modules", function()
    local _, err = build [[
stack:use("web", require "modules.web", { name = "a" })
stack:use("web", require "modules.web", { name = "b" })
stack:use("other", { build = print }, {})
stack:use("x", require "modules.wbe", {})]]
    local lines = table.concat(project.problems(err), "\n")
    assert.matches("4: there are two modules called 'web'", lines, 1, true)
    assert.matches("5: use('other', …) takes a module", lines, 1, true)
    assert.matches("6: there is no module 'modules.wbe'", lines, 1, true)
  end)

  it("give back results that report typos", function()
    local _, err = build [[
local web = stack:use("web", require "modules.web", { name = "a" })
stack:output("x", web.idd)]]
    assert.are.same({ "4: the module 'web' gives back no 'idd'" }, project.problems(err))
  end)
end)
