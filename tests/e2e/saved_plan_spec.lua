--- Saved plans, as a user would use them: what was looked at is carried out, or nothing is.
local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"
local user = require "tests.e2e.user"

local GIVEN = "s3cret-of-the-command-line"

local STACK = [[
local scw = require "scw"
local service = require "modules.greeting"
return scw.stack {
  name = "shop", region = "fr-par", project = scw.env "SCW_DEFAULT_PROJECT_ID",
  state = scw.file { path = "shop.state"%s },
  build = function(stack)
    local size = stack:config("size", { type = "int", default = 1 })
    local token = stack:config("token", { type = "str", required = false, secret = true })
    local space = stack:container_namespace("main", { name = "shop", secret_environment_variables = token and { TOKEN = token } or nil })
    stack:container("web", { name = "web", namespace = space, image = "docker.io/library/nginx:1", max_scale = size })
    stack:value("note", { input = service.text .. scw.env("GREETING", "hello") })
    stack:output("note", size)
  end,
}
]]

describe("a saved plan", function()
  local ann, emulator, state
  local function write(name, text) ann:write(name, text) end
  local function run(...) return ann:run(...) end
  local function done(...)
    local result = ann:done(...)
    return result.stdout .. result.stderr
  end

  --- It fails with this one error and changes nothing.
  local function refused(pattern, ...)
    local before = core.file_read(ann.directory .. "/shop.state")
    local said = ann:refused(...)
    assert.matches(pattern, said)
    assert.is_nil(said:find("error INFRA.*error INFRA"), said)
    assert.equal(before, core.file_read(ann.directory .. "/shop.state"))
  end

  before_each(function()
    state = STACK:format("")
    ann = user.new { files = { ["shop.lua"] = state }, secrets = { GIVEN } }
    emulator = ann.emulator
    assert(core.key_create(ann.directory .. "/key"))
    ann.environment.SCWLUA_STATE_PASSPHRASE, ann.environment.SCWLUA_STATE_KEY_FILE = nil, "key" -- not stretched in each command
    assert(core.directory_create(ann.directory .. "/modules"))
    write("modules/greeting.lua", 'return { text = "say " }\n')
  end)
  after_each(function() ann:leave() end)

  it("is carried out without a question, once", function()
    local said = done("plan", "--out", "first.plan", "--set", "size=3", "shop.lua")
    assert.matches("Saved in first%.plan%. `.- apply first%.plan` carries", said)
    assert.equal(384, core.file_stat(ann.directory .. "/first.plan").mode) -- 0600
    assert.is_nil(core.file_read(ann.directory .. "/first.plan"):find("nginx", 1, true))
    assert.matches("3 created", done("apply", "first.plan"))
    assert.equal(3, emulator:api("GET", "/containers/v1/regions/fr-par/containers").containers[1].max_scale)
    refused("INFRA_011: the state changed since the plan was made .*latest deployment: .*plan: first%.plan, made .*hint: plan again",
      "apply", "first.plan")
    assert.matches("Nothing to do", done("plan", "--set", "size=3", "shop.lua"))
    done("plan", "--out", "first.plan", "--set", "size=3", "shop.lua") -- over the former one
    assert.matches("Nothing to do", done("apply", "first.plan"))
  end)

  it("says for programs what an apply says", function()
    local plan = ann:answer("plan", "--json", "--out", "x.plan", "shop.lua")
    local lines = {}
    for line in done("apply", "--json", "x.plan"):gmatch("[^\n]+") do lines[#lines + 1] = json.decode(line) end
    plan.lineage, lines[1].plan.lineage = nil, nil -- nothing was there yet
    assert.same(plan, lines[1].plan)
    assert.equal("done", lines[#lines].result)
  end)

  it("destroys, and goes back", function()
    done("apply", "--yes", "shop.lua")
    done("apply", "--yes", "--set", "size=5", "shop.lua")
    done("rollback", "--plan", "--out", "back.plan", "shop.lua")
    assert.matches("Back to deployment.*1 updated", done("apply", "back.plan"))
    assert.equal(1, emulator:api("GET", "/containers/v1/regions/fr-par/containers").containers[1].max_scale)
    refused("the state changed since", "apply", "back.plan")
    done("plan", "--destroy", "--out", "end.plan", "shop.lua")
    assert.matches("3 deleted", done("apply", "end.plan"))
    assert.same({}, emulator:objects())
    refused("%-%-out saves a plan: add %-%-plan", "rollback", "--out", "x.plan", "shop.lua")
  end)

  it("keeps its options, and takes no others", function()
    done("plan", "--target", "container_namespace.main", "--out", "x.plan", "shop.lua")
    refused("x%.plan is a saved plan: %-%-target is part of it", "apply", "--target", "value.note", "x.plan")
    refused("what 'size' is set to is part of it", "apply", "--set", "size=2", "x.plan")
    refused("x%.plan was made without %-%-emulator", "apply", "--emulator", "x.plan")
    refused("x%.plan is a saved plan, not a stack .*`scwlua apply x%.plan`", "plan", "x.plan")
    assert.matches("1 created", done("apply", "x.plan"))
    assert.same({ "container_namespace" }, { next(emulator:objects()) and (next(emulator:objects())) })
  end)

  it("is not looked for in what comes out of a pipe, which can be read once", function()
    write("note.lua", 'return require("scw").stack { name = "n", build = function(stack) stack:value("a", { input = 1 }) end }')
    local result = program.run({ "apply", "--yes", "--emulator", "/dev/stdin" },
      { directory = ann.directory, wrapper = { "sh", "-c", 'cat note.lua | "$0" "$@"' } })
    assert.equal(0, result.status, result.stderr)
    assert.matches("1 created", result.stdout)
  end)

  it("keeps no secret: that is given again", function()
    for _, sealed in ipairs { "", ", sealed = false" } do
      write("shop.lua", STACK:format(sealed))
      done("plan", "--out", "x.plan", "--set", "token=" .. GIVEN, "shop.lua")
      local bytes = core.file_read(ann.directory .. "/x.plan")
      local content = core.unbase64(json.decode(bytes).sealed)
      assert.equal(sealed ~= "", content:find("container_namespace.main", 1, true) ~= nil)
      for _, form in ipairs { GIVEN, core.base64(GIVEN), core.hex(GIVEN) } do
        assert.is_nil(bytes:find(form, 1, true))
        assert.is_nil(content:find(form, 1, true))
      end
    end
    refused("x%.plan keeps no secrets, and needs them again: token hint: give the same as to plan, with %-%-set token=… or in the "
      .. "environment as SCWLUA_CONFIG_TOKEN; or plan again", "apply", "x.plan")
    refused("INFRA_001: the plan was made from something else: secret token %(another value%) plan: x%.plan, .* hint: give the same as "
      .. "to plan, with %-%-set token=… or in the environment as SCWLUA_CONFIG_TOKEN; or plan again",
      "apply", "--set", "token=another", "x.plan")
    assert.matches("3 created", done("apply", "--set", "token=" .. GIVEN, "x.plan"))
  end)

  it("takes a secret in either way, whichever it was given to plan", function()
    local variable, assignment = "SCWLUA_CONFIG_TOKEN", "token=" .. GIVEN
    local another = "the plan was made from something else: secret token %(another value%)"
    done("plan", "--out", "assigned.plan", "--set", assignment, "shop.lua")
    ann.environment[variable] = GIVEN
    done("plan", "--out", "inherited.plan", "shop.lua")
    ann.environment[variable] = "another"
    refused(another, "apply", "assigned.plan")
    refused(another, "apply", "inherited.plan")
    done("plan", "--out", "both.plan", "--set", assignment, "shop.lua") -- what is assigned counts
    ann.environment[variable] = nil
    for _, path in ipairs { "assigned.plan", "inherited.plan", "both.plan" } do
      refused(path .. " keeps no secrets, and needs them again: token", "apply", path)
      refused(another, "apply", "--set", "token=another", path)
    end
    for way = 1, 4 do
      local words = { "apply", way % 2 == 0 and "assigned.plan" or "inherited.plan" }
      if way <= 2 then ann.environment[variable] = GIVEN else words = { words[1], "--set", assignment, words[2] } end
      assert.matches("3 created", done(table.unpack(words)))
      ann.environment[variable] = nil
      ann:start_over "shop.state"
    end
  end)

  it("finds a secret again that the config file gives", function()
    write("shop.config.yaml", "token: " .. GIVEN .. "\n")
    done("plan", "--out", "x.plan", "shop.lua")
    refused("secret token %(another value%)", "apply", "--set", "token=another", "x.plan")
    write("shop.config.yaml", "token: another\n")
    refused("secret token %(another value%)", "apply", "x.plan")
    write("shop.config.yaml", "{}\n")
    refused("secret token %(not there now%)", "apply", "x.plan")
    assert.matches("3 created", done("apply", "--set", "token=" .. GIVEN, "x.plan"))
    done("plan", "--out", "x.plan", "shop.lua")
    refused("secret token %(not there then%)", "apply", "--set", "token=" .. GIVEN, "x.plan")
  end)

  it("is refused when the stack is another one", function()
    done("plan", "--out", "x.plan", "shop.lua")
    local function stale(what)
      refused("INFRA_001: the plan was made from something else: " .. what .. " plan: x%.plan, made .* hint: plan again", "apply", "x.plan")
    end
    write("shop.lua", state .. "-- one more line\n")
    stale "shop%.lua %(another text%)"
    write("modules/greeting.lua", 'return { text = "cry " }\n')
    stale "shop%.lua %(another text%), module greeting %(another text%)"
    write("shop.lua", state)
    stale "module greeting %(another text%)"
    write("modules/greeting.lua", 'return { text = "say " }\n')
    for name, change in pairs {
      GREETING = { "good bye", "environment variable GREETING %(not there then%)" },
      SCWLUA_CONFIG_SIZE = { "2", "config size %(not there then%)" },
      SCW_DEFAULT_ZONE = { "fr-par-3", "the zone %(another value%)" },
    } do
      ann.environment[name] = change[1]
      stale(change[2])
      ann.environment[name] = nil
    end
    write("shop.config.yaml", "size: 4\n")
    stale "config size %(not there then%)"
    write("shop.config.yaml", "# nothing\n{}\n") -- gives no value
    core.exec { argv = { "mv", "shop.lua", "store.lua" }, directory = ann.directory }
    refused("x%.plan is for the stack shop%.lua, which is not there", "apply", "x.plan")
    core.exec { argv = { "mv", "store.lua", "shop.lua" }, directory = ann.directory }
    done("apply", "x.plan")
  end)

  it("names what it was made from, not too much of it", function()
    for i = 1, 12 do write(("modules/m%02d.lua"):format(i), "return {}\n") end
    write("shop.lua", (state:gsub("return scw", 'for i = 1, 12 do require(("modules.m%%02d"):format(i)) end\n%0', 1)))
    ann.environment.GREETING = "hello"
    done("plan", "--out", "x.plan", "shop.lua")
    ann.environment.GREETING = "hi"
    refused("made from something else: environment variable GREETING %(another value%) plan", "apply", "x.plan")
    for i = 1, 12 do write(("modules/m%02d.lua"):format(i), "return { 1 }\n") end
    refused("module m01 %(another text%), .*module m08 %(another text%), and 5 more plan", "apply", "x.plan")
  end)

  it("is refused when what there is changed", function()
    done("apply", "--yes", "shop.lua")
    done("plan", "--out", "x.plan", "--set", "size=2", "--set", "token=" .. GIVEN, "shop.lua")
    local function stale(what)
      refused("INFRA_011: what there is changed since the plan was made: it would be another one now " .. what
        .. " plan: x%.plan, .* hint: plan again", "apply", "--set", "token=" .. GIVEN, "x.plan")
    end
    local path = "/containers/v1/regions/fr-par/"
    local web = emulator:api("GET", path .. "containers").containers[1]
    emulator:api("PATCH", path .. "containers/" .. web.id, { max_scale = 7 })
    stale "container%.web: was ~ max_scale: 1 %-> 2 container%.web: now ~ max_scale: 7 %-> 2"
    emulator:api("PATCH", path .. "containers/" .. web.id, { max_scale = 1, min_scale = 1 })
    stale "container%.web: now ~ min_scale: 1 %-> 0"
    emulator:api("PATCH", path .. "containers/" .. web.id, { min_scale = 0, max_scale = 2 })
    stale "container%.web: was update, now no change"
    emulator:api("DELETE", path .. "containers/" .. web.id)
    stale "container%.web: was update, now create"
    emulator:api("DELETE", path .. "namespaces/" .. web.namespace_id)
    stale "container%.web: was update, now create container_namespace%.main: was update, now create"
  end)

  it("is refused when outputs, or what it leaves out, would be others", function()
    write("shop.lua", (state:gsub('stack:output', 'local other = stack:lookup("container_namespace", { name = "other" })\n'
      .. '    stack:output("described", other.description)\n    %0')))
    local path = "/containers/v1/regions/fr-par/"
    local other = emulator:api("POST", path .. "namespaces",
      { name = "other", project_id = emulator.ready.project_id, description = "before" })
    done("apply", "--yes", "shop.lua")
    done("plan", "--out", "x.plan", "--set", "size=2", "shop.lua")
    emulator:api("PATCH", path .. "namespaces/" .. other.id, { description = "later" })
    refused("another one now .*output described: was no change, now update", "apply", "x.plan")
    done("plan", "--out", "x.plan", "--set", "size=2", "shop.lua")
    emulator:api("PATCH", path .. "namespaces/" .. other.id, { description = "last" })
    refused('another one now .*output described: was ~ value: "before" %-> "later" output described: now ~ value: "before" %-> "last"',
      "apply", "x.plan")
    done("apply", "--yes", "shop.lua")
    done("plan", "--out", "x.plan", "--target", "value.note", "shop.lua")
    local web = emulator:api("GET", path .. "containers").containers[1]
    emulator:api("PATCH", path .. "containers/" .. web.id, { max_scale = 9 })
    refused("another one now container%.web: was no change, now left out plan", "apply", "x.plan")
  end)

  it("is refused when a file that it sends is another one", function()
    write("page.html", "LOOKED AT")
    write("shop.lua", (state:gsub('stack:output', 'local pages = stack:bucket("pages", { name = "saved-plan-pages" })\n'
      .. '    stack:object("page", { bucket = pages, key = "page.html", source = "page.html" })\n    %0')))
    done("plan", "--out", "x.plan", "shop.lua")
    write("page.html", "NEVER LOOKED AT")
    refused("the plan was made from something else: page%.html %(another text%) plan", "apply", "x.plan")
    write("page.html", "LOOKED AT")
    done("apply", "x.plan")
  end)

  it("stands in the history as what it does", function()
    done("apply", "--yes", "shop.lua")
    done("apply", "--yes", "--set", "size=5", "shop.lua")
    done("rollback", "--plan", "--out", "back.plan", "shop.lua")
    done("apply", "back.plan")
    done("plan", "--destroy", "--out", "end.plan", "shop.lua")
    done("apply", "end.plan")
    done("plan", "--out", "new.plan", "shop.lua")
    done("apply", "new.plan")
    local commands, kept = {}, ann:deployments "shop.lua"
    for i, deployment in ipairs(kept) do commands[i] = deployment.command end
    local mark = " (saved plan)"
    assert.same({ "scwlua apply" .. mark, "scwlua destroy" .. mark, "scwlua rollback" .. mark, "scwlua apply", "scwlua apply" }, commands)
    assert.equal(kept[5].id, kept[3].back_to)
    -- nobody goes back to nothing
    assert.matches("Back to deployment " .. kept[4].id:sub(1, 8) .. ".* 1 to update", done("rollback", "--plan", "shop.lua"))
  end)

  it("says in the queue what it waits for, and is refused when others changed the state", function()
    done("apply", "--yes", "shop.lua")
    done("plan", "--out", "x.plan", "--set", "size=3", "shop.lua")
    local held = assert(require("scw.state.lock").acquire {
      backend = require("scw.state.file").at(ann.directory .. "/shop.state"), name = "shop.state", command = "scwlua apply",
      environment = {}, lease = 600,
    })
    local function waiting(...)
      local task, place = core.spawn(run, ...), #(core.file_list(ann.directory .. "/shop.state.queue") or {})
      local deadline = core.clock() + 60000
      while #(core.file_list(ann.directory .. "/shop.state.queue") or {}) == place do
        assert(not task:done() and core.clock() < deadline, "it does not wait")
        core.sleep(10)
      end
      return task
    end
    local first = waiting("apply", "--yes", "--set", "size=2", "shop.lua")
    local second = waiting("apply", "x.plan")
    assert(held:release())
    assert.equal(0, select(2, assert(first:join())).status)
    local _, result = assert(second:join())
    assert.equal(1, result.status)
    local said = result.stderr:gsub("%s+", " ")
    assert.matches("The state changed meanwhile: checking whether the saved plan still holds%. error INFRA_011: the state changed", said)
    assert.is_nil(said:find("planning again", 1, true))
  end)

  it("says how to go on when it fails, and no secret that it was given", function()
    done("plan", "--out", "x.plan", "--set", "token=" .. GIVEN, "shop.lua")
    emulator:faults { { service = "api", method = "POST", path = "/containers$", status = 400 } }
    local result = run("apply", "--set", "token=" .. GIVEN, "x.plan")
    emulator:faults {}
    assert.equal(1, result.status)
    assert.matches("A saved plan is carried out once: fix the cause, if there is one, and plan again", (result.stderr:gsub("%s+", " ")))
    local here = { directory = ann.directory }
    assert.equal(0, program.run({ "plan", "--emulator", "--out", "y.plan", "--set", "token=" .. GIVEN, "shop.lua" }, here).status)
    result = program.run({ "apply", "--set", "token=" .. GIVEN, "y.plan" }, here)
    assert.equal(0, result.status, result.stderr)
    assert.matches("state list %-%-emulator %-%-set token=… shop%.lua", result.stdout)
    assert.is_nil(result.stdout:find(GIVEN, 1, true))
  end)

  it("is for one state", function()
    done("plan", "--out", "x.plan", "shop.lua")
    write("shop.lua", (state:gsub("shop%.state", "other.state")))
    done("apply", "--yes", "shop.lua")
    write("shop.lua", state)
    core.exec { argv = { "sh", "-c", "mv other.state shop.state && rm -r other.*" }, directory = ann.directory }
    refused("the state changed since the plan was made", "apply", "x.plan")
    ann.environment.SCWLUA_STATE_KEY_FILE, ann.environment.SCWLUA_STATE_PASSPHRASE = nil, "another passphrase"
    refused("INFRA_011: cannot open the saved plan: it is sealed for other keys .* hint: .*; or plan again", "apply", "x.plan")
  end)

  it("is refused when it was changed, whatever the bit", function()
    done("plan", "--target", "value.note", "--out", "x.plan", "shop.lua")
    local saved = json.decode(core.file_read(ann.directory .. "/x.plan"))
    local sealed = core.unbase64(saved.sealed)
    for at = 1, #sealed, #sealed // 20 do
      saved.sealed = core.base64(sealed:sub(1, at - 1) .. string.char(sealed:byte(at) ~ (1 << at % 8)) .. sealed:sub(at + 1))
      write("y.plan", json.encode(saved))
      refused("cannot open the saved plan: .* hint: .*plan again", "apply", "y.plan")
    end
    saved.sealed = core.base64(sealed:sub(1, #sealed // 2))
    write("y.plan", json.encode(saved))
    refused("the saved plan", "apply", "y.plan")
    saved.sealed = core.base64(sealed)
    write("other.lua", state)
    saved.stack = "other.lua" -- of the same name
    write("y.plan", json.encode(saved))
    refused("was changed: it is for another stack", "apply", "y.plan")
    for _, pair in ipairs {
      { "{", "is neither a stack nor a saved plan" },
      { '{"kind":"scwlua.plan","format":9}', "is a saved plan of another format %(9%)" },
      { '{"kind":"scwlua.plan","format":1,"stack":"shop.lua","sealed":""}', "the saved plan is empty" },
      { '{"kind":"scwlua.plan","format":1,"stack":"shop.lua","sealed":"e30="}', "the saved plan is damaged: it is neither sealed" },
      { '{"kind":"scwlua.plan","format":1,"stack":1,"sealed":""}', "y%.plan is damaged" },
      { '{"kind":"scwlua.plan","format":1,"stack":"","sealed":""}', "y%.plan is damaged" },
      { '{"kind":"scwlua.plan","format":1,"stack":"a\\u0000b","sealed":""}', "y%.plan is damaged" },
    } do
      write("y.plan", pair[1])
      refused(pair[2], "apply", "y.plan")
    end
    local last = json.decode(run("apply", "--json", "y.plan").stdout:match("[^\n]+\n$"))
    assert.equal("finished failed", last.event .. " " .. last.result)
    refused("%-%-out no/such/x%.plan: there is no directory no/such", "plan", "--out", "no/such/x.plan", "shop.lua")
    refused("shop%.lua: there is something else than a saved plan", "plan", "--out", "shop.lua", "shop.lua")
    assert.equal(state, core.file_read(ann.directory .. "/shop.lua"))
  end)
end)
