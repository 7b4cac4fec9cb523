local cloud = require "tests.lua.engine.cloud"
local core = require "core"
local json = require "scw.json"
local lock = require "scw.state.lock"
local memory = require "tests.lua.state.memory"
local mirror = require "scw.state.mirror"
local parallel = require "scw.parallel"
local session = require "scw.engine.session"
local trail = require "scw.state.trail"

-- Histories of runs on two machines, with outages of either side, writes that land after they were given up, answers that get lost, and
-- machines that die at any write. What happens hangs on a seed, which a failure names; SCWLUA_SEEDS="from to" tries others.

local PATIENCE, LEASE = 0.015, 1
local HISTORIES, AT_ONCE = 80, 8 -- they mostly wait
local NAME = "faults.state"
local NAMES = { "a", "b", "c", "d" }
--- How a run may end. Anything else is a failure of the program.
local ENDINGS = { out = true, locked = true, condition = true, lost = true, diverged = true, dead = true, silent = true, gone = true }

--- Numbers that depend on the seed alone.
local function dice(seed)
  local state = seed * 2654435761 % 4294967296
  local function below(count)
    state = (state * 1664525 + 1013904223) % 4294967296
    return (state >> 8) % count
  end
  return {
    below = below, chance = function(percent) return below(100) < percent end, one = function(list) return list[below(#list) + 1] end,
  }
end

-- Places ----------------------------------------------------------------------------------------------------------------

--- A place for objects that goes away and returns. Each machine has a door to it.
local function place(world, name)
  return { name = name, inner = memory.new(), world = world, mode = "up", left = 0, late = {}, fence = 0, serial = 0 }
end

--- What the service sees: what it accepts has to make sense.
local function carry_out(self, call, key, bytes, condition)
  if call == "copy" then return self.inner:copy(key, bytes, condition) end
  local former = self.inner.objects[key]
  local etag, err = self.inner:put(key, bytes, condition)
  if not etag then
    if former and former.bytes == bytes then return former.etag end -- as in a bucket: every write is unlike all others
    return nil, err
  end
  if key == NAME .. ".lock" then
    local fence = json.decode(bytes).fence
    assert(fence >= self.fence, "the fencing number went down")
    self.fence = fence
  elseif key == NAME and former and former.bytes ~= bytes and not self.world.resolving then
    local new, old = json.decode(bytes), json.decode(former.bytes)
    assert(new.serial > old.serial or (new.serial == old.serial and trail.compare(new, old) == "ahead"), "a serial was used twice")
  end
  return etag
end

local function return_of(self)
  self.mode = "up"
  for _, write in ipairs(self.late) do carry_out(self, table.unpack(write)) end
  self.late = {}
end

--- Time goes by with every call: outages begin and end.
local function tick(world)
  for _, one in ipairs(world.places) do
    if one.mode ~= "up" then
      one.left = one.left - 1
      if one.left <= 0 then return_of(one) end
    elseif world.outages > 0 and world.dice.below(100) < world.rate and (one.name == "there" or not world.one_side) then
      world.outages = world.outages - 1
      one.mode, one.left = world.dice.one({ "refuses", "hangs" }), world.dice.below(40) + 1
    end
  end
end

--- Each of two machines reached another side: one takes away what the other one still uses.
local GONE = { kind = "gone", message = "it is not there any more" }
local DEAD = { kind = "dead", message = "the machine died" }

local function die_at(machine)
  if machine.dies_in then
    machine.dies_in = machine.dies_in - 1
    if machine.dies_in <= 0 then machine.dead = true end
  end
end

local WRITES = { put = true, copy = true }

--- What a machine sees of a place.
local function door(self, machine)
  local world, methods = self.world, {}
  function methods.describe(_, key) return self.name .. (key and "/" .. key or "") end
  function methods.now() return world.time end
  function methods.prepare() return true end
  for _, call in ipairs({ "get", "put", "copy", "delete", "list" }) do
    methods[call] = function(_, ...)
      local arguments = table.pack(call, ...)
      tick(world)
      if not world.calm and world.dice.chance(20) then core.sleep(1) end
      if machine.dead then return nil, DEAD end
      if self.mode == "refuses" or machine.cut == self then return nil, { kind = "connect", message = self.name .. " is not there" } end
      while self.mode == "hangs" do
        local ok, failure = core.sleep(2)
        if not ok then
          if WRITES[call] and world.late and world.dice.chance(50) then self.late[#self.late + 1] = arguments end
          return nil, failure
        end
      end
      if machine.dead then return nil, DEAD end
      if not WRITES[call] then return self.inner[call](self.inner, ...) end
      local before = world.dice.chance(50)
      if before then die_at(machine) end
      if machine.dead then return nil, DEAD end
      local etag, err = carry_out(self, call, ...)
      if not before then die_at(machine) end
      if machine.dead then return nil, DEAD end
      if etag and not world.calm and world.dice.chance(2) then return nil, { kind = "io", message = "the answer got lost" } end
      return etag, err
    end
  end
  return methods
end

-- Runs ------------------------------------------------------------------------------------------------------------------

local function crud_of(world, machine)
  local real, crud = world.cloud:crud(), {}
  for name, call in pairs(real) do
    crud[name] = type(call) == "function" and name ~= "list_scope" and function(...)
      if machine.dead then return nil, DEAD end
      return call(...)
    end or call
  end
  for _, name in ipairs({ "update", "wait_ready" }) do
    local call = crud[name]
    crud[name] = function(client, type_object, record, ...)
      if not machine.dead and not world.cloud.objects[record.id] then return nil, GONE end
      return call(client, type_object, record, ...)
    end
  end
  return crud
end

local function open(world, machine, stack, options)
  machine.said = machine.said or {}
  local backend = mirror.new({
    primary = door(world.places[1], machine), replica = door(world.places[2], machine), patience = PATIENCE,
    on_message = function(line)
      machine.said[#machine.said + 1] = line
      if line:find("here,? does not answer") then world.primary_was_out = true end
    end,
  })
  return session.open({
    stack = stack, client = { credentials = {}, sleep = function(_, ms) return core.sleep(math.ceil(ms / 1000)) end },
    crud = crud_of(world, machine), catalogue = cloud.catalogue, backend = backend, name = NAME, key = false,
    options = options, environment = { SCWLUA_LEASE = LEASE .. "s" }, host = { name = machine.name, user = "me", pid = 1 },
    on_message = function(line) machine.said[#machine.said + 1] = line end,
  })
end

local function random_stack(world)
  local wanted = {}
  for _, name in ipairs(NAMES) do
    local facts = { name = name, size = world.dice.below(3) + 1, kind = world.dice.one({ "x", "y" }) }
    if world.dice.chance(60) then wanted[#wanted + 1] = facts end
  end
  return cloud.stack(function(declare, output)
    for _, facts in ipairs(wanted) do declare("net", facts.name, facts) end
    output("count", #wanted)
  end)
end

--- All that counts of what lies in a place.
local function kept(one)
  local all = {}
  for key, object in next, one.inner.objects do
    local bytes = object.bytes
    if key:find("%.history/") then -- each side may have got it from another run: the same, written twice
      local document = json.decode(bytes)
      document.nonce, document.fence, document.trail, document.folded = nil, nil, nil, nil
      bytes = json.encode(document)
    end
    if not key:find("%.lock$") and not key:find("%.queue/") and not key:find("%.unsaved") then all[key] = bytes end
  end
  return all
end

local function both(world) return { kept(world.places[1]), kept(world.places[2]) } end

--- One run from its plan to its end. What became of it: "done", or the kind of its error.
local function run(world, machine, stack, options)
  local opened = open(world, machine, stack, options)
  local made, err = opened:plan()
  if not made then return err.kind, err end
  local result
  result, err = opened:apply(made)
  if not result then return err.kind, err end
  if result.failures[1] then return result.failures[1].kind, result.failures[1] end
  local deployments = opened.store.document.deployments
  world.acknowledged[#world.acknowledged + 1] = deployments[#deployments].id
  return "done", made
end

local function check_ending(machine, ending, err)
  if ending == "done" or ENDINGS[ending] then return end
  if machine.dead then return end
  error(("a run ended with %s: %s\n%s"):format(tostring(ending), tostring(err), err and table.concat(err.details or {}, "\n") or ""), 0)
end

--- Everything that exists is known, and known once.
local function check_document(world, document)
  local names, known = {}, {}
  for address, record in next, document.resources do known[record.id] = address end
  assert(next(document.intents) == nil, "an intent is left")
  for id, object in next, world.cloud.objects do
    assert(not names[object.fields.name], "created twice: " .. object.fields.name)
    names[object.fields.name] = true
    assert(known[id], "lost: " .. id)
    known[id] = nil
  end
  assert(next(known) == nil, "recorded, but not there")
  local noted = {}
  for _, deployment in ipairs(document.deployments) do noted[deployment.id] = true end
  for _, id in ipairs(world.acknowledged) do assert(noted[id], "a deployment that ended well is forgotten: " .. id) end
end

local function same(left, right, what)
  for key, bytes in next, left do
    assert(right[key] == bytes, ("%s: %s %s"):format(what, key, right[key] and "differs" or "is missing"))
  end
  for key in next, right do assert(left[key], ("%s: %s is too many"):format(what, key)) end
end

--- Everything works again: one more run has to make it whole, unless the two sides went separate ways.
local function settle(world)
  world.outages, world.calm = 0, true
  for _, one in ipairs(world.places) do return_of(one) end
  world.time = world.time + 2 * LEASE
  local stack, machine, ending, err = random_stack(world), { name = "last" }, nil, nil
  for _ = 1, 3 do -- what landed late may stand where the first one wants to write
    local before = both(world)
    ending, err = run(world, machine, stack)
    check_ending(machine, ending, err)
    if ending == "diverged" then
      local after = both(world)
      for index = 1, 2 do same(before[index], after[index], "touched though diverged") end
      assert(world.primary_was_out or world.late or world.split, "diverged, although only one side was ever out")
      world.resolving = true
      local keep = world.dice.one({ "primary", "replica" })
      local opened = open(world, machine, stack, { keep = keep })
      local record, problem = require("scw.engine.amend").resolve(opened)
      assert(record, ("cannot be resolved: %s\n%s"):format(tostring(problem), table.concat(machine.said, "\n")))
      after = both(world)
      same(after[1], after[2], "after it was resolved")
      return "diverged"
    end
    if ending == "done" then break end
  end
  assert(ending == "done", ("does not become whole: %s %s"):format(ending, tostring(err)))
  local sides = both(world)
  same(sides[1], sides[2], "replica")
  same(sides[2], sides[1], "primary")
  local opened = open(world, machine, stack)
  local plan = assert(opened:plan())
  assert(#cloud.actions(plan) == 0, "the plan is not empty: " .. table.concat(cloud.actions(plan), ", "))
  local document = json.decode(world.places[1].inner.objects[NAME].bytes)
  check_document(world, document)
  for _, one in ipairs(world.places) do
    local facts = lock.read(one.inner, NAME)
    assert(facts.state == "released", "a lock is left")
  end
  return "whole"
end

--- One history; what became of it.
local function history(seed)
  local world = { dice = dice(seed), cloud = cloud.new(), time = 1000000, acknowledged = {}, outages = 0 }
  world.places = { place(world, "here"), place(world, "there") }
  world.one_side, world.late = world.dice.chance(40), world.dice.chance(50)
  world.rate = world.dice.one({ 0, 1, 2, 5 })
  world.split = not world.one_side and world.dice.chance(15)
  world.calm = true
  assert(run(world, { name = "first" }, random_stack(world)) == "done")
  world.calm = false
  for _ = 1, world.dice.below(5) + 1 do
    world.outages = world.dice.below(3)
    local machines = {}
    for index = 1, world.dice.chance(25) and 2 or 1 do
      local machine = { name = "machine " .. index }
      if world.dice.chance(40) then machine.dies_in = world.dice.below(40) + 1 end
      if world.split and world.dice.chance(30) then machine.cut = world.dice.one(world.places) end
      local stack = random_stack(world)
      machine.task = core.spawn(function()
        machine.ok, machine.failure = pcall(function()
          check_ending(machine, run(world, machine, stack, { lock_wait = index > 1 and 1 or nil }))
        end)
      end)
      machines[index] = machine
    end
    for _, machine in ipairs(machines) do
      machine.task:join()
      assert(machine.ok, tostring(machine.failure))
    end
    if world.dice.chance(60) then world.time = world.time + 2 * LEASE end
    if world.dice.chance(60) then
      for _, one in ipairs(world.places) do return_of(one) end
    end
  end
  return settle(world)
end

describe("a state with a replica", function()
  after_each(function() -- what runs rescued that could reach neither side
    for _, file in ipairs(core.file_list(".scwlua") or {}) do
      if file:find(NAME .. ".unsaved", 1, true) then core.file_remove(".scwlua/" .. file) end
    end
  end)

  it("loses, doubles and hides nothing whatever fails", function()
    local from, to = (core.environment().SCWLUA_SEEDS or ""):match("^(%d+) (%d+)$")
    local count, seeds = { whole = 0, diverged = 0 }, {}
    for seed = math.tointeger(tonumber(from)) or 1, math.tointeger(tonumber(to)) or HISTORIES do seeds[#seeds + 1] = seed end
    if not from then seeds[#seeds + 1] = 919 end -- its sides go separate ways and come equally far
    local _, failure = parallel.map(seeds, AT_ONCE, function(seed)
      local ok, outcome = pcall(history, seed)
      if not ok then return nil, ("seed %d: %s"):format(seed, outcome) end
      count[outcome] = count[outcome] + 1
      return true
    end)
    assert.is_nil(failure)
    if from then print(("%d whole, %d diverged"):format(count.whole, count.diverged)) end
    assert.is_true(from ~= nil or count.whole > count.diverged)
  end)
end)
