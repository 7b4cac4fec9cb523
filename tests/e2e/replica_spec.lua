--- A region goes away: the emulator that holds the API and the state's bucket is suspended; the replica's bucket is in another one.
local core = require "core"
local json = require "scw.json"
local program = require "tests.e2e.program"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "twin", environment = "staging", region = "fr-par",
  state = scw.s3 {
    bucket = "twin-here", key = "twin.state", lease = "2s",
    replica = { bucket = "twin-there", region = "nl-ams", endpoint = "%s", patience = "1s" },
  },
  build = function(stack)
    local space = stack:container_namespace("space", { name = "twin" })
    stack:value("size", { input = stack:config("size", { type = "int", default = 1 }) })
    stack:output("space", space.id)
  end,
}
]]

describe("a state with a replica in another region", function()
  local here, there, directory
  before_each(function()
    directory = program.directory()
    local first = program.emulator { "--speed", "1000", "--data", directory .. "/here.db" } -- for its keys: both regions know the same
    core.exec { argv = { "kill", "-TERM", first:pid() } }
    first.task:join()
    program.remove(first.directory)
    assert(core.exec { argv = { "cp", directory .. "/here.db", directory .. "/there.db" } }.status == 0)
    here = program.emulator { "--speed", "1000", "--data", directory .. "/here.db" }
    there = program.emulator { "--speed", "1000", "--data", directory .. "/there.db" }
    assert(core.file_write(directory .. "/twin.lua", STACK:format(there.ready.s3_url)))
  end)
  after_each(function()
    here:stop()
    there:stop()
    program.remove(directory)
  end)

  local function run(...)
    return program.run({ ... }, { directory = directory, environment = here.environment, timeout_ms = 60000 })
  end

  local function check(result, status)
    assert.equal(status or 0, result.status, result.stdout .. result.stderr)
    return result.stdout, result.stderr
  end

  local function suspended(emulator, fn)
    local pid = emulator:pid()
    core.exec { argv = { "kill", "-STOP", pid } }
    local ok, err = pcall(fn)
    core.exec { argv = { "kill", "-CONT", pid } }
    if not ok then error(err, 0) end
  end

  --- What `doctor` says of the two sides, in one line each.
  local function doctor(status)
    local found = {}
    for _, one in ipairs(json.decode((check(run("doctor", "--json", "twin.lua"), status))).checks) do
      if one.name == "primary" or one.name == "replica" then found[#found + 1] = ("%s %s %s"):format(one.result, one.name, one.message) end
    end
    return found
  end

  it("can be read and written while a region is out, and becomes whole afterwards", function()
    check(run("apply", "--yes", "twin.lua"))
    assert.same({ "ok primary s3://twin-here/twin.state: counts", "ok replica s3://twin-there/twin.state: the same" }, doctor())
    suspended(here, function()
      local out, err = check(run("output", "twin.lua"))
      assert.matches("space", out)
      assert.matches("The primary of the state, s3://twin%-here, does not answer", err)
      out, err = check(run("plan", "twin.lua"))
      assert.matches("the service does not answer: this plan rests on the recorded state%s+alone", out .. err)
      assert.matches("Nothing to do", out)
      err = select(2, check(run("destroy", "--yes", "twin.lua"), 1))
      assert.matches("the service does not answer, and neither does the primary of the state", err)
      out = check(run("apply", "--yes", "--no-refresh", "--set", "size=2", "twin.lua")) -- nothing of it is in the region that is out
      assert.matches("1 updated", out)
    end)
    local sides = json.decode((check(run("state", "status", "--json", "twin.lua")))).sides
    assert.same({ "behind", "leads" }, { sides[1].state, sides[2].state })
    local _, err = check(run("plan", "--set", "size=2", "twin.lua"))
    assert.matches("The primary of the state is behind", err)
    assert.matches("^warn primary .-: behind", doctor()[1])
    _, err = check(run("apply", "--yes", "--set", "size=3", "twin.lua"))
    assert.matches("Made the primary of the state equal to the replica", err)
    suspended(there, function()
      local _, words = check(run("apply", "--yes", "--set", "size=4", "twin.lua"))
      assert.matches("The replica of the state, s3://twin%-there, does not answer", words)
      assert.matches("replica +s3://twin%-there/twin.state: does not answer", (check(run("state", "status", "twin.lua"))))
      assert.same({ "ok primary s3://twin-here/twin.state: counts", "warn replica s3://twin-there/twin.state: does not answer" }, doctor())
    end)
    _, err = check(run("apply", "--yes", "--set", "size=4", "twin.lua"))
    assert.matches("Made the replica of the state equal to the primary", err)
    check(run("apply", "--yes", "--set", "size=5", "twin.lua"))
    local out = check(run("state", "resolve", "twin.lua"))
    assert.matches("No difference between primary and replica", out)
    assert.equal(5, #json.decode((check(run("state", "history", "--json", "twin.lua")))).deployments)
    here:faults { { service = "s3", path = "^/twin%-here", drop = "before" } }
    _, err = check(run("output", "twin.lua"))
    assert.matches("^tries again: GET /twin%-here[^\n]*; in [%d.]+s\n", err)
    assert.is_nil(err:find("question", 1, true), err)
    here:faults {}
    check(run("destroy", "--yes", "twin.lua"))
  end)

  it("asks which version counts when both were written apart", function()
    check(run("apply", "--yes", "twin.lua"))
    suspended(here, function() check(run("apply", "--yes", "--no-refresh", "--set", "size=2", "twin.lua")) end)
    suspended(there, function() check(run("apply", "--yes", "--set", "size=3", "twin.lua")) end)
    local _, err = check(run("apply", "--yes", "twin.lua"), 1)
    assert.matches("INFRA_011: the state and its replica went separate ways", err)
    local sides = doctor(1)
    assert.matches("^fail primary .-: has what the other one lacks", sides[1])
    assert.matches("^fail replica .-: has what the other one lacks", sides[2])
    local out = check(run("state", "resolve", "twin.lua"))
    assert.matches("input: 3 %-> 2", out)
    check(run("state", "resolve", "--yes", "--keep", "replica", "twin.lua"))
    out = check(run("plan", "--set", "size=2", "twin.lua"))
    assert.matches("Nothing to do", out)
  end)
end)
