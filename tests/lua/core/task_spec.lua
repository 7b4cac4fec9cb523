local core = require "core"

describe("tasks", function()
  it("run side by side and hand over their results", function()
    local order = {}
    local slow = core.spawn(function(name) core.sleep(200) order[#order + 1] = name return name, 1 end, "slow")
    local fast = core.spawn(function(name) core.sleep(1) order[#order + 1] = name return name, 2 end, "fast")
    assert.are.same({ true, "slow", 1 }, { slow:join() })
    assert.are.same({ true, "fast", 2 }, { fast:join() })
    assert.are.same({ "fast", "slow" }, order)
  end)

  it("hand over nil results in their places", function()
    local results = table.pack(core.spawn(function() return nil, 7, nil end):join())
    assert.are.equal(4, results.n)
    assert.are.equal(7, results[3])
  end)

  it("end with an error that says where", function()
    local ok, err = core.spawn(function() error("boom") end):join()
    assert.is_nil(ok)
    assert.are.equal("bug", err.kind)
    assert.matches("task_spec.lua:%d+: boom", err.message)
    assert.matches("traceback", err.traceback)
  end)

  it("close what they hold when they fail", function()
    local closed = false
    core.spawn(function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      error({ kind = "invalid" })
    end):join()
    assert.is_true(closed)
  end)

  it("can be cancelled while they sleep, and may wait again afterwards", function()
    local task = core.spawn(function()
      local ok, err = core.sleep(60000)
      local again = core.sleep(1)
      return ok, err.kind, again
    end)
    core.sleep(1)
    task:cancel()
    assert.are.same({ true, nil, "cancelled", true }, { task:join() })
  end)

  it("keep a cancellation that comes before the wait", function()
    local task = core.spawn(function() return core.sleep(60000) end)
    task:cancel()
    local ok, slept, err = task:join()
    assert.is_true(ok)
    assert.is_nil(slept)
    assert.are.equal("cancelled", err.kind)
  end)

  it("refuse to wait in a coroutine of their own and inside a sort", function()
    local ok, reason = coroutine.resume(coroutine.create(function() core.sleep(0) end))
    assert.is_false(ok)
    assert.matches("inside a task", reason)
    assert.has_error(function() table.sort({ 2, 1 }, function() core.sleep(0) end) end)
  end)
end)

describe("events", function()
  it("wake every waiter, in the order they came", function()
    local event, order = core.event(), {}
    local tasks = {}
    for i = 1, 3 do tasks[i] = core.spawn(function() event:wait() order[#order + 1] = i end) end
    core.sleep(1)
    event:set()
    for _, task in ipairs(tasks) do task:join() end
    assert.are.same({ 1, 2, 3 }, order)
  end)

  it("time out", function()
    local ok, err = core.event():wait(5)
    assert.is_nil(ok)
    assert.are.equal("timeout", err.kind)
    assert.has_error(function() core.event():wait(math.huge) end)
  end)

  it("survive a cancelled waiter", function()
    local event = core.event()
    local cancelled = core.spawn(function() return event:wait() end)
    local other = core.spawn(function() return event:wait(60000) end)
    core.sleep(1)
    cancelled:cancel()
    event:set()
    assert.are.same({ true, true }, { other:join() })
    assert.are.equal("cancelled", select(3, cancelled:join()).kind)
  end)
end)
