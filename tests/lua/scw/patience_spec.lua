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
    for _, ms in ipairs({ 18, 20, 22, 25, 200 }) do -- of a wait of 20
      local call = patience.begin(function()
        for _ = 1, 4 do core.sleep(1) end -- an answer that comes in pieces
        return "it"
      end)
      core.spawn(stand_still, ms)
      assert.same({ "it", n = 1 }, patience.await(call, core.clock() + 20))
    end
  end)

  it("looks once at a call that it asks about after the moment", function()
    local call = patience.begin(function() core.sleep(2); return "it" end)
    local moment = core.clock() + 5
    core.sleep(0)
    stand_still(100)
    assert.same({ "it", n = 1 }, patience.await(call, moment))
    local never = patience.begin(function() core.event():wait() end)
    assert.equal("late", patience.await(never, core.clock() - 50))
    never.task:cancel()
  end)
end)
