local cloud = require "tests.lua.engine.cloud"
local core = require "core"

-- How much an apply writes for the state: what changed, a few times over; never every change times everything.

describe("an apply", function()
  --- Bytes of everything that is written (log, snapshots, history, lock), and of the state at the end.
  local function written(world, declare_all)
    local before = world.backend.written
    local result = world:apply(cloud.stack(declare_all))
    assert.equal("", cloud.failures(result))
    return world.backend.written - before, #world.backend.objects["test.state"].bytes
  end

  local shapes = {
    value = function(declare, number) declare("value", "v" .. number, { input = "payload " .. number }) end,
    net = function(declare, number) declare("net", "n" .. number, { name = "payload " .. number }) end,
  }

  for name, shape in pairs(shapes) do
    it(("of many resources writes less than three times the state (%s)"):format(name), function()
      local last
      for _, count in ipairs { 200, 800, 3200 } do
        local world = cloud.world { key = assert(core.key { raw = ("k"):rep(32) }) }
        local bytes, size = written(world, function(declare)
          for number = 1, count do shape(declare, number) end
        end)
        local ratio = bytes / size
        assert.is_true(ratio < 3, ("%d resources: %d bytes for a state of %d"):format(count, bytes, size))
        assert.is_true(not last or ratio < last * 1.02, ("%d resources: the ratio grew from %.3f to %.3f"):format(count, last or 0, ratio))
        last = ratio
      end
    end)
  end

  it("of one change writes the state twice and little more, however often things are noted", function()
    local world = cloud.world()
    local function stack(size)
      return function(declare)
        for number = 1, 1000 do declare("net", "n" .. number, { name = "n" .. number, size = number == 7 and size or 1 }) end
      end
    end
    written(world, stack(1))
    local bytes, size = written(world, stack(2))
    assert.is_true(bytes < 2 * size + 5000, ("%d bytes for a state of %d"):format(bytes, size))
  end)
end)
