local core = require "core"
local parallel = require "scw.parallel"

describe("the same work on many items", function()
  local items = {}
  for i = 1, 20 do items[i] = i end

  it("gives results by index, with a bound on how many run at once", function()
    local now, most = 0, 0
    local results = assert(parallel.map(items, 6, function(item, index)
      now = now + 1
      most = math.max(most, now)
      core.sleep(21 - item)
      now = now - 1
      assert.equal(item, index)
      return item * 2
    end))
    assert.equal(6, most)
    for i = 1, 20 do assert.equal(i * 2, results[i]) end
    assert.same({}, parallel.map({}, 6, error))
  end)

  it("starts nothing new after a failure and hands it back", function()
    local started = 0
    local results, err = parallel.map(items, 4, function(item)
      started = started + 1
      core.sleep(1)
      if item == 3 then return nil, "no" end
      return true
    end)
    assert.is_nil(results)
    assert.equal("no", err)
    assert.is_true(started < 12)
    results, err = parallel.map({ 1 }, 4, function() return nil, "alone" end)
    assert.is_nil(results)
    assert.equal("alone", err)
  end)

  it("does not take nothing for a failure", function()
    assert.same({ 1, nil, 3 }, parallel.map({ 1, 2, 3 }, 2, function(item)
      if item == 2 then return nil end
      return item
    end))
  end)

  it("raises what the work raises", function()
    assert.has_error(function()
      parallel.map(items, 4, function(item)
        core.sleep(1)
        if item == 2 then error("broken") end
        return true
      end)
    end)
  end)

  it("ends with the task that waits for it", function()
    local began = core.clock()
    local task = core.spawn(function() return parallel.map(items, 4, function()
      local ok, err = core.sleep(60000)
      if not ok then return nil, err end
      return true
    end) end)
    core.sleep(5)
    task:cancel()
    local _, results, err = task:join()
    assert.is_nil(results)
    assert.equal("cancelled", err.kind)
    assert.is_true(core.clock() - began < 10000)
  end)
end)
