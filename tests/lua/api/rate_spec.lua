local core = require "core"
local rate = require "scw.api.rate"

describe("the width for a product", function()
  it("is halved by a refusal, once for all calls that were under way, and never below one", function()
    local limits, tickets = rate.new(), {}
    for i = 1, 10 do tickets[i] = limits:acquire("x") end
    for i = 1, 10 do limits:release("x", tickets[i], "limited") end
    assert.are.equal(5, limits:width("x"))
    for _ = 1, 10 do limits:release("x", limits:acquire("x"), "limited") end
    assert.are.equal(1, limits:width("x"))
  end)

  it("grows back by one a round of successes, up to the ceiling", function()
    local limits = rate.new()
    limits:release("x", limits:acquire("x"), "limited")
    assert.are.equal(5, limits:width("x"))
    for _ = 1, 6 do limits:release("x", limits:acquire("x"), "ok") end
    assert.are.equal(6, limits:width("x"))
    for _ = 1, 200 do limits:release("x", limits:acquire("x"), "ok") end
    assert.are.equal(10, limits:width("x"))
  end)

  it("is not that of another product", function()
    local limits = rate.new()
    limits:release("x", limits:acquire("x"), "limited")
    assert.are.equal(10, limits:width("y"))
  end)
end)

describe("those who wait", function()
  it("go in the order they came", function()
    local limits, order = rate.new { most = 1 }, {}
    local ticket = limits:acquire("x")
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = core.spawn(function()
        local mine = limits:acquire("x")
        order[#order + 1] = i
        core.sleep(1)
        limits:release("x", mine, "ok")
      end)
    end
    core.sleep(1)
    limits:release("x", ticket, "ok")
    for _, task in ipairs(tasks) do task:join() end
    assert.are.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("may be cancelled without blocking those behind them", function()
    local limits = rate.new { most = 1 }
    local ticket = limits:acquire("x")
    local first = core.spawn(function() return limits:acquire("x") end)
    local second = core.spawn(function()
      local mine = limits:acquire("x")
      limits:release("x", mine, "ok")
      return mine
    end)
    core.sleep(1)
    first:cancel()
    local _, none, err = first:join()
    assert.is_nil(none)
    assert.are.equal("cancelled", err.kind)
    limits:release("x", ticket, "ok")
    assert.are.same({ true, 2 }, { second:join() })
    assert.are.equal(3, limits:acquire("x"))
  end)

  it("give their place on when they are cancelled at the moment they get it", function()
    local limits = rate.new { most = 1 }
    local ticket = limits:acquire("x")
    local waiting = core.spawn(function() return limits:acquire("x") end)
    core.sleep(1)
    waiting:cancel()
    limits:release("x", ticket, "ok")
    local _, kept = waiting:join()
    if kept then limits:release("x", kept) end
    local next_one = core.spawn(function() return limits:acquire("x") end)
    core.sleep(1)
    assert.is_true(next_one:done())
  end)
end)
