local cloud = require "tests.lua.engine.cloud"
local moments = require "tests.lua.engine.moments"

-- Every moment of an apply is taken, a new run starts from it, and nothing may be lost, doubled or left over.

local function names(world)
  local list = {}
  for _, object in next, world.cloud.objects do list[#list + 1] = object.type .. " " .. object.fields.name end
  table.sort(list)
  return list
end

local function check_every_moment(prepare, before, stack, wanted)
  local world = cloud.world()
  if before then assert.equal("", cloud.failures(world:apply(before()))) end
  if prepare then prepare(world) end
  local taken = moments.of(world, function() return (world:apply(stack())) end)
  assert.is_true(#taken > 8)
  for index, moment in ipairs(taken) do
    local where = ("moment %d of %d, %s"):format(index, #taken, moment.what)
    local fresh = moments.after_crash(moment)
    local result = fresh:apply(stack())
    assert.equal("", cloud.failures(result), where)
    assert.same(wanted, names(fresh), where)
    assert.same({}, cloud.actions(fresh:plan(stack())), where)
    assert.same({}, fresh:state().intents, where)
  end
  return #taken
end

describe("a crash", function()
  local function stack(facts)
    facts = facts or {}
    return function()
      return cloud.stack(function(declare, output)
        local net = declare("net", "base", { name = "base", kind = facts.kind, size = facts.size })
        local web = declare("server", "web", { name = "web", network = net, password = "hush", image = facts.image },
          { create_before_destroy = facts.create_first })
        local job = declare("server", "job", { name = "job", network = net, secrets = { A = web.certificate } },
          { create_before_destroy = facts.create_first })
        declare("value", "v", { input = { web.ip, job.ip } })
        if not facts.without then declare("disk", "d", { name = "d" }) end
        output("ip", web.ip)
      end)
    end
  end
  local ALL = { "disk d", "net base", "server job", "server web" }

  it("while everything is created loses and doubles nothing", function()
    check_every_moment(nil, nil, stack(), ALL)
  end)

  it("while things are updated converges", function()
    check_every_moment(nil, stack(), stack({ image = "new", size = 3 }), ALL)
  end)

  it("while things are replaced, old first, converges", function()
    check_every_moment(nil, stack(), stack({ kind = "new" }), ALL)
  end)

  it("while things are replaced, new first, leaves no old ones", function()
    check_every_moment(nil, stack({ create_first = true }), stack({ kind = "new", create_first = true }), ALL)
  end)

  it("while things are deleted deletes the rest", function()
    check_every_moment(nil, stack(), stack({ without = true }), { "net base", "server job", "server web" })
  end)
end)
