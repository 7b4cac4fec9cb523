--- What a crash leaves: the state and the cloud as they were at one moment of a run.
local cloud = require "tests.lua.engine.cloud"
local json = require "scw.json"
local lock = require "scw.state.lock"

local moments = {}

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = json.like(value)
  for key, part in next, value do result[key] = copy(part) end
  return result
end

--- Runs and collects what a crash would leave before and after every write of the state and every call.
---@param world tests.World
---@param run fun(): scw.ApplyResult has to succeed
---@return table[]
function moments.of(world, run)
  local taken = {}
  local function take(what)
    taken[#taken + 1] = { what = what, backend = world.backend:twin(), objects = copy(world.cloud.objects), next_id = world.cloud.next_id }
  end
  world.backend.on_put = function(key) take("before the write of " .. key) end
  world.cloud.before = function(verb, address) take(("before %s of %s"):format(verb, address or "?")) end
  local result = run()
  assert(#result.failures == 0, cloud.failures(result))
  take("at the end")
  world.backend.on_put, world.cloud.before = function() end, function() end
  return taken
end

--- The world that a crash at this moment leaves, its lock removed.
---@param moment table
---@return tests.World
function moments.after_crash(moment)
  local world = cloud.world()
  world.backend, world.cloud.objects, world.cloud.next_id = moment.backend, moment.objects, moment.next_id
  local facts = lock.read(world.backend, "test.state")
  if facts and facts.state == "held" then assert(lock.remove(world.backend, "test.state", facts.id)) end
  return world
end

return moments
