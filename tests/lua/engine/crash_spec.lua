local cloud = require "tests.lua.engine.cloud"
local json = require "scw.json"

-- A crash leaves the state and the cloud as they were at one moment. Every moment of an apply is taken, a new run starts from
-- it, and nothing may be lost, doubled or left over.

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = json.like(value)
  for key, part in next, value do result[key] = copy(part) end
  return result
end

--- Applies and collects what a crash would leave before and after every write of the state and every call.
local function moments(world, stack)
  local taken = {}
  local function take(what)
    taken[#taken + 1] = { what = what, backend = world.backend:copy(), objects = copy(world.cloud.objects), next_id = world.cloud.next_id }
  end
  world.backend.on_put = function(key) take("before the write of " .. key) end
  world.cloud.before = function(verb, address) take(("before %s of %s"):format(verb, address or "?")) end
  local opened = world:session(stack)
  local made = assert(opened:plan())
  local first = #taken
  local result = assert(opened:apply(made))
  assert(#result.failures == 0, cloud.failures(result))
  take("at the end")
  world.backend.on_put, world.cloud.before = function() end, function() end
  return taken, first
end

--- The world that a crash at this moment leaves, its lock removed.
local function after_crash(moment)
  local world = cloud.world()
  world.backend, world.cloud.objects, world.cloud.next_id = moment.backend, moment.objects, moment.next_id
  local lock = require "scw.state.lock"
  local facts = lock.read(world.backend, "test.state")
  if facts and facts.state == "held" then assert(lock.remove(world.backend, "test.state", facts.id)) end
  return world
end

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
  local taken = moments(world, stack())
  assert.is_true(#taken > 8)
  for index, moment in ipairs(taken) do
    local where = ("moment %d of %d, %s"):format(index, #taken, moment.what)
    local fresh = after_crash(moment)
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
