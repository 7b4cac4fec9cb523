local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "locked", state = scw.file { path = "locked.state" },
  build = function(stack) stack:value("v", { input = 1 }) end,
}
]]

local LOST = json.encode {
  id = "11111111-2222-3333-4444-555555555555", state = "held", who = "ann", host = "a lost runner", pid = 7, command = "scwlua apply",
  created = "2026-01-02T03:04:05Z",
}

describe("the lock of somebody whose machine was lost", function()
  local directory
  setup(function()
    directory = program.directory()
    assert(core.file_write(directory .. "/stack.lua", STACK))
    assert(core.file_write(directory .. "/locked.state.lock", LOST))
  end)
  teardown(function() program.remove(directory) end)

  local function run(...)
    return program.run({ ... }, {
      directory = directory, environment = { SCWLUA_STATE_PASSPHRASE = "four words of it", HOME = directory, XDG_RUNTIME_DIR = "" },
    })
  end

  it("is explained, and freed by the command that the explanation names", function()
    local result = run("apply", "--yes", "--no-wait", "stack.lua")
    assert.are.equal(1, result.status)
    assert.matches("holder: ann on a lost runner %(process 7%) since 2026%-01%-02T03:04:05Z, %d+ days ago, running", result.stderr)
    local id = assert(result.stderr:match("`scwlua%S* unlock stack%.lua ([%x-]+)`"))
    result = run("state", "status", "stack.lua")
    assert.are.equal("", result.stderr)
    assert.are.equal(0, result.status)
    assert.matches("lock   held by ann on a lost runner .*it has no lease", result.stdout)
    assert.matches("scwlua unlock stack.lua " .. id:gsub("%-", "%%-"), result.stdout)
    result = run("unlock", "stack.lua", "another")
    assert.are.equal(1, result.status)
    assert.matches("the lock is now " .. id:gsub("%-", "%%-"), (result.stderr:gsub("%s+", " ")))
    result = run("unlock", "stack.lua", id)
    assert.are.equal(1, result.status)
    assert.matches("%-%-yes", result.stderr)
    result = run("unlock", "--yes", "stack.lua", id:sub(1, 8))
    assert.are.equal("", result.stderr)
    assert.are.equal(0, result.status)
    assert.matches("ann on a lost runner", result.stdout)
    assert.are.equal(0, run("apply", "--yes", "stack.lua").status)
    result = program.run({ "state", "status", "--json", "stack.lua" }, { directory = directory }) -- and without the key
    assert.are.equal(0, result.status, result.stderr)
    local seen = json.decode(result.stdout)
    assert.are.same({ "free", true, "read" }, { seen.lock.state, seen.sealed, seen.advice })
    seen = json.decode(run("state", "status", "--json", "stack.lua").stdout)
    assert.are.same({ "free", 2, "nothing" }, { seen.lock.state, seen.serial, seen.advice })
    assert.matches("the state is not locked", run("unlock", "--yes", "stack.lua", id).stderr)
  end)

  it("is freed by the very words of the hint, for people and for programs", function()
    assert(core.directory_create(directory .. "/.scwlua/emulator/state"))
    local function lock()
      assert(core.file_write(directory .. "/.scwlua/emulator/state/locked.state.lock", LOST))
    end
    for _, form in ipairs { "--no-color", "--json" } do
      lock()
      local result = run("apply", "--yes", "--no-wait", form, "--emulator", "./stack.lua")
      assert.are.equal(1, result.status)
      local words = {}
      for word in assert(result.stderr:match("`scwlua%S* (unlock[^`]*)`")):gmatch("%S+") do words[#words + 1] = word end
      assert.are.same({ "unlock", "--emulator", "./stack.lua", json.decode(LOST).id }, words)
      result = run("unlock", "--yes", table.unpack(words, 2))
      assert.are.equal(0, result.status, result.stderr)
    end
  end)

  it("is not freed while its holder is at work on this machine", function()
    local held
    assert(core.spawn(function()
      held = assert(require("scw.state.lock").acquire {
        backend = require("scw.state.file").new(directory), name = "locked.state", command = "scwlua apply",
        environment = { HOME = directory },
      })
    end):join())
    local result = run("unlock", "--yes", "stack.lua", held.facts.id)
    assert.are.equal(1, result.status)
    assert.matches("INFRA_008: the run that holds the lock is at work on this machine", result.stderr)
    assert.matches("kill " .. held.facts.pid, result.stderr)
    assert(core.spawn(function() assert(held:release()) end):join())
    assert.are.equal(0, run("apply", "--yes", "stack.lua").status)
  end)

  it("can be looked at and freed while the stack's resources cannot be evaluated", function()
    assert(core.file_write(directory .. "/broken.lua", (STACK:gsub("stack:value%(.-%)", 'error("boom")'))))
    assert.are.equal(0, run("state", "status", "broken.lua").status)
    assert.are.equal(0, run("output", "broken.lua").status)
    assert.matches("the state is not locked", run("unlock", "--yes", "broken.lua", "11111111").stderr)
  end)
end)
