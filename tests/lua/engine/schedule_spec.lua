local cloud = require "tests.lua.engine.cloud"

-- Random stacks that become other random stacks. The cloud of the specs refuses to delete a network in use and to change what
-- cannot be changed, so every wrong order shows.

local function generator(seed)
  local state = seed
  return function(most)
    state = (state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
    return (state >> 33) % most + 1
  end
end

--- A stack of up to `count` resources; what they refer to stands before them in a random order of names.
local function random_stack(random, count, create_first)
  return cloud.stack(function(declare)
    local made = {}
    for i = 1, count do
      if random(4) > 1 then -- the others are not declared this time
        local pick = #made > 0 and made[random(#made)] or nil
        local other = #made > 0 and made[random(#made)] or nil
        local kind = i % 3
        local options = { create_before_destroy = create_first and random(3) == 1 or nil }
        if other and random(3) == 1 then options.depends_on = { other.address } end
        local entry = {}
        if kind == 0 then
          entry.handle = declare("net", "n" .. i, { name = "n" .. i, size = random(2), kind = "k" .. random(2) }, options)
          entry.address, entry.net = "net.n" .. i, true
        elseif kind == 1 then
          local nets = {}
          for _, one in ipairs(made) do
            if one.net then nets[#nets + 1] = one end
          end
          local net = #nets > 0 and nets[random(#nets)].handle or nil
          entry.handle = declare("server", "s" .. i, { name = "s" .. i, network = net, image = pick and pick.handle.id or "none" }, options)
          entry.address = "server.s" .. i
        else
          local triggers = random(4) == 1 and random(9) or nil
          entry.handle = declare("value", "v" .. i, { input = { pick and pick.handle.id or 0, random(3) }, triggers = triggers }, options)
          entry.address = "value.v" .. i
        end
        made[#made + 1] = entry
      end
    end
  end)
end

describe("the order of steps", function()
  for _, create_first in ipairs({ false, true }) do
    it("takes any stack to any other" .. (create_first and ", new ones first here and there" or ""), function()
      for seed = 1, 40 do
        local random = generator(seed * 7919)
        local world = cloud.world()
        for round = 1, 4 do
          local stack = random_stack(random, 6 + random(14), create_first)
          local where = ("seed %d, round %d"):format(seed, round)
          local result = world:apply(stack)
          assert.equal("", cloud.failures(result), where)
          assert.same({}, cloud.actions(world:plan(stack)), where)
          local declared = 0
          for _, declaration in ipairs(stack.declarations) do declared = declared + (declaration.type ~= "value" and 1 or 0) end
          assert.equal(declared, world.cloud:size(), where)
        end
        assert.equal("", cloud.failures(world:destroy(cloud.stack(function() end))))
        assert.equal(0, world.cloud:size())
      end
    end)
  end

  it("survives random failures: what is left is what the state says, and the next run finishes", function()
    for seed = 1, 40 do
      local random = generator(seed * 104729)
      local world = cloud.world()
      local stack = random_stack(random, 15, seed % 2 == 0)
      world.cloud.fail = function(verb)
        if (verb == "create" or verb == "update" or verb == "delete" or verb == "ready") and random(4) == 1 then
          return { status = 500, kind = "failed", message = "no", code = "INFRA_005" }
        end
      end
      world:apply(stack)
      stack = random_stack(random, 15, seed % 2 == 0)
      world:apply(stack)
      local recorded = 0
      for _, record in next, world:state().resources do
        if record.type ~= "value" then recorded = recorded + 1 + #(record.deposed or {}) end
      end
      assert.equal(world.cloud:size(), recorded, "seed " .. seed)
      world.cloud.fail = function() end
      local result = world:apply(stack)
      assert.equal("", cloud.failures(result), "seed " .. seed)
      assert.same({}, cloud.actions(world:plan(stack)), "seed " .. seed)
    end
  end)
end)
