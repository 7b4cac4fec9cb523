local dsl = require "scw.dsl"
local project = require "tests.lua.dsl.project"

--- What the stack `stacks/test.lua` says about itself.
local function declared(files, environment)
  local made, err
  project.with(files, function(folder) made, err = dsl.declaration(folder .. "/stacks/test.lua", { environment = environment or {} }) end)
  return made, err
end

local HEAD = [[
local scw = require "scw"
local web = require "modules.web"
local tag = scw.env "TAG"
return scw.stack {
  name = "shop", environment = "staging", region = "fr-par",
  state = scw.s3 { bucket = "states", key = "shop.state", history = 7 },
]]

describe("the declaration of a stack", function()
  it("is read without running build", function()
    local made = assert(declared({ ["stacks/test.lua"] = HEAD .. "build = function(stack) error 'not run' end }" }))
    assert.same({ "shop", "staging", "fr-par" }, { made.name, made.environment, made.region })
    assert.same({ "s3", "states", "shop.state", 7 }, { made.state.kind, made.state.bucket, made.state.key, made.state.history })
    assert.same({}, made.declarations)
  end)

  it("is read although build, modules and values from outside are broken", function()
    for _, build in ipairs({
      "build = function(stack) local x = = 1 end }", "build = function(stack) stack:container( end\n}", "build = function(stack)", "}",
      "build = function(stack) stack:use('web', web, {}) end }",
    }) do
      for _, module in ipairs({ "return = 1", "error 'broken'", "local scw = require 'scw'; return scw.nothing" }) do
        local made = assert(declared({ ["stacks/test.lua"] = HEAD .. build, ["modules/web.lua"] = module }))
        assert.same({ "shop", "states" }, { made.name, made.state.bucket })
      end
    end
  end)

  --- What a file is refused with.
  local function refused(text, files)
    local all = { ["stacks/test.lua"] = text }
    for name, content in pairs(files or {}) do all[name] = content end
    local made, err = declared(all)
    assert.is_nil(made)
    local lines = {}
    for index, problem in ipairs(require("scw.errors").list(err)) do lines[index] = problem.message end
    return table.concat(lines, "\n")
  end

  it("is refused when it cannot say where the state is", function()
    local function stack(fields) return 'local scw = require "scw"\nreturn scw.stack { ' .. fields .. " build = function() end }" end
    assert.matches("a stack needs a `name`", refused(stack ""))
    assert.matches("variable BUCKET is not set", refused(stack 'name = "a", state = scw.s3 { bucket = scw.env "BUCKET", key = "k" },'))
    assert.matches("variable STAGE is not set", refused(stack 'name = "a", environment = scw.env "STAGE",'))
    local sealed = 'name = "a", state = scw.file { path = "x", passphrase = scw.secret_env "KEY" },'
    assert.matches("variable KEY is not set", refused(stack(sealed)))
    local replica = 'name = "a", state = scw.s3 { bucket = "b", key = "k", replica = { bucket = scw.env "OTHER", region = "nl-ams" } },'
    assert.matches("variable OTHER is not set", refused(stack(replica)))
    assert.matches("needs `bucket`", refused(stack 'name = "a", state = scw.s3 { key = "k" },'))
    assert.matches("`state` says where", refused(stack 'name = "a", state = "here",'))
    assert.matches("unexpected symbol", refused 'local x = = 1\nreturn require("scw").stack { name = "a", build = function() end }')
    assert.matches("variable PLACE is not set", refused('local scw, place = require "scw", require "modules.place"\n'
      .. 'return scw.stack { name = "a", state = scw.file { path = place.path }, build = function() end }',
      { ["modules/place.lua"] = 'return { path = require("scw").env "PLACE" }' }))
  end)

  it("quotes nothing of a file that is not a stack, but signs and words of Lua", function()
    for text, said in pairs({
      ["0962bd4c57c66ddd09"] = "malformed number$", ["TOKEN=7777ZEBRA"] = "malformed number$", ['x = "hidden\ny'] = "unfinished string$",
      ["x = 'hidden\\q'"] = "invalid escape sequence$", ["ab12 cd34"] = "syntax error$",
      ["x = [[hidden\nmore"] = "unfinished long string .-$",
      ["return {"] = "near <eof>$", ["x = = 1"] = "near '='$", ["function end"] = "near 'end'$",
      ["correct horse battery"] = "syntax error$",
    }) do
      local message = refused(text)
      assert.matches(said, message)
      assert.is_nil(message:find("\n", 1, true)) -- said once
      for _, secret in ipairs({ "0962", "7777", "hidden", "34", "more", "horse", "battery" }) do
        assert.is_nil(message:find(secret, 1, true), message)
      end
    end
  end)

  it("is read below the same ceilings as any stack", function()
    local _, err = declared({ ["stacks/test.lua"] = "while true do end" })
    assert.equal("INFRA_002", err.code)
    _, err = declared({ ["stacks/test.lua"] = HEAD .. "}", ["modules/web.lua"] = "while true do end" })
    assert.equal("INFRA_002", err.code)
  end)
end)
