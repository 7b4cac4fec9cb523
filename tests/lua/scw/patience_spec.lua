local core = require "core"
local patience = require "scw.patience"

--- This process does nothing else for that long, as if it had been stopped.
local function stand_still(ms)
  local began = core.clock()
  while core.clock() - began < ms do end
end

describe("patience", function()
  it("gives what a call answers in time", function()
    local call = patience.begin(function() core.sleep(5); return "it", nil, "all" end)
    local results = patience.await(call, core.clock() + 5000)
    assert.same({ "it", nil, "all", n = 3 }, results)
  end)

  it("lets a late call go on", function()
    local going = core.event()
    local call = patience.begin(function() going:wait(); return "after all" end)
    assert.equal("late", patience.await(call, core.clock() + 20))
    going:set()
    assert.equal("after all", patience.await(call, core.clock() + 5000)[1])
  end)

  it("calls nobody late for time in which this process did not run", function()
    local call = patience.begin(function() return core.exec({ argv = { "sleep", "0.02" } }).status end)
    core.spawn(function()
      core.sleep(1)
      stand_still(200)
    end)
    assert.same({ 0, n = 1 }, patience.await(call, core.clock() + 60))
  end)

  it("looks once at a call that it asks about after the moment", function()
    local call = patience.begin(function() return core.exec({ argv = { "true" } }).status end)
    local moment = core.clock() + 5
    core.sleep(1)
    stand_still(100)
    assert.same({ 0, n = 1 }, patience.await(call, moment))
    local never = patience.begin(function() core.event():wait() end)
    assert.equal("late", patience.await(never, core.clock() - 50))
    never.task:cancel()
  end)
end)
