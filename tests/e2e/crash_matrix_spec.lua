--- A deployment that is killed loses nothing and makes nothing twice, at whatever request it dies.
---
--- SCWLUA_MATRIX says how many of the points are tried: "full" all of them, "few" a small share (sanitizers are slow); otherwise every
--- request of the small stack, each in one of the three phases, and a share of the staging stack.
local core = require "core"
local matrix = require "tests.e2e.matrix"
local program = require "tests.e2e.program"

local STEPS = ({ full = { small = 1, staging = 1 }, few = { small = 12, staging = 60 } })[core.environment().SCWLUA_MATRIX]
  or { small = 3, staging = 12 }

--- One of each kind of thing: made at once or after a while, told only once, part of another, in a bucket, generated.
local SMALL = [[
local scw = require "scw"
return scw.stack {
  name = "small", environment = "staging", region = "fr-par", zone = "fr-par-1",
  state = scw.s3 { bucket = "small-state", key = "small.state" },
  build = function(stack)
    local release, generation = stack:config("release", { default = "1" }), stack:config("generation", { default = "1" })

    local network = stack:private_network("network", { name = "small", subnets = { "10.1.0.0/24" } })
    local password = stack:generated_secret("password", { name = "password", special = "-_" }).value
    local server = stack:rdb_instance("server", { name = "small", engine = "PostgreSQL-16", node_type = "DB-DEV-S", user_name = "owner",
      password = password, endpoints = { { private_network = { network = network } } } })
    local database = stack:rdb_database("database", { instance = server, name = "small" })
    local user = stack:rdb_user("user", { instance = server, name = "small", password = password })
    local privilege = stack:rdb_privilege("privilege", { instance = server, database = database, user = user, permission = "all" })

    local robot = stack:iam_application("robot", { name = "robot" })
    local policy = stack:iam_policy("robot", { name = "robot", application = robot,
      rules = { { permission_sets = { "ContainersReadOnly" }, projects = { network.project } } } })
    local key = stack:iam_api_key("robot", { application = robot, description = "robot" },
      { depends_on = policy, replace_on = { generation } })
    local secret = stack:secret("key", { name = "key" })
    local kept = stack:secret_version("key", { secret = secret, data = key.secret_key })

    local bucket = stack:bucket("files", { name = "small-files", force_destroy = true })
    stack:object("motd", { bucket = bucket, key = "motd", content = "This is release " .. release })
    stack:cockpit_data_source("logs", { name = "logs", type = "logs" })
    stack:cockpit_token("push", { name = "push-" .. generation, scopes = { "write_only_logs" } })

    local space = stack:container_namespace("space", { name = "small" })
    local web = stack:container("web", { namespace = space, name = "web", image = "rg.fr-par.scw.cloud/small/web:" .. release,
      max_scale = math.tointeger(tonumber(release)), private_network = network,
      secret_environment_variables = { KEY = kept.value, PASSWORD = password } }, { depends_on = privilege })
    stack:container("worker", { namespace = space, name = "worker-" .. generation, image = "rg.fr-par.scw.cloud/small/worker:1" },
      { create_before_destroy = true })
    stack:value("note", { input = { release = release, host = web.url } })
    stack:output("url", web.url)
  end,
}
]]

--- What is in one of two sorted lists only.
local function difference(wanted, present)
  local count = {}
  for _, line in ipairs(wanted) do count[line] = (count[line] or 0) + 1 end
  for _, line in ipairs(present) do count[line] = (count[line] or 0) - 1 end
  local lines = {}
  for line, number in next, count do
    if number ~= 0 then lines[#lines + 1] = (number > 0 and "missing: " or "too many: ") .. line end
  end
  table.sort(lines)
  return #lines > 0 and table.concat(lines, "; ") or nil
end

--- Kills a command, runs it again, and looks for what is not as it should be.
---@param world e2e.World
---@param point e2e.Point
---@param arguments string[]
---@param wanted string[] the inventory afterwards
---@param plan? string[] that has nothing to do afterwards
local function interrupt(world, point, arguments, wanted, plan)
  local first, killed = world:run(arguments, point)
  if not killed then
    if first.status ~= 0 then return nil, first.stderr end
    return false
  end
  local last = world.last
  local second = world:run(arguments)
  local problem = second.status ~= 0 and "the next run: " .. second.stdout .. second.stderr
    or difference(wanted, world:inventory()) or world:untidy()
  if not problem and plan then
    local third = world:run(plan)
    problem = third.status ~= 0 and "the plan afterwards: " .. third.stdout .. third.stderr
  end
  world.last = last
  if problem then return nil, problem end
  return true
end

local function succeed(world, arguments)
  local result = world:run(arguments)
  assert(result.status == 0, result.stdout .. result.stderr)
  return world
end

local function report(what, result, began)
  io.write(("%s: %d points (%s requests), %.1f s\n"):format(what, result.points,
    table.concat({ result.requests.before, result.requests.done, result.requests.answered }, ", "), (core.clock() - began) / 1000))
end

local function check(what, options)
  local began = core.clock()
  local result = matrix.every(options)
  report(what, result, began)
  assert.same({}, result.failures)
  return result
end

describe("a run that is killed", function()
  local directory
  setup(function()
    directory = program.directory()
    assert(core.file_write(directory .. "/small.lua", SMALL))
  end)
  teardown(function() program.remove(directory) end)

  local function small()
    return matrix.world { stack = directory .. "/small.lua", name = "small", bucket = "small-state", key = "small.state", speed = 10000 }
  end
  local function staging()
    return matrix.world { stack = program.root .. "/stacks/staging.lua", name = "evalap-staging", bucket = "evalap-staging-state",
      key = "staging/scwlua.state" }
  end

  --- What there is after the commands, when nobody dies.
  local function undisturbed(make, ...)
    local world <close> = make()
    for _, arguments in ipairs { ... } do succeed(world, arguments) end
    assert.is_nil(world:untidy())
    return world:inventory()
  end

  local function first_apply(make)
    local wanted = undisturbed(make, { "apply", "--yes" })
    return { worlds = make, visit = function(world, point)
      world:reset()
      return interrupt(world, point, { "apply", "--yes" }, wanted, { "plan", "--exit-code" })
    end }
  end

  it("is finished by the next one: the first apply of a small stack, then its end", function()
    local options, emptied = first_apply(small), undisturbed(small, { "apply", "--yes" }, { "destroy", "--yes" })
    options.step = STEPS.small
    local begin = options.visit
    function options.visit(world, point)
      local killed, problem = begin(world, point)
      if killed == nil then return nil, problem end
      local late
      late, problem = interrupt(world, point, { "destroy", "--yes" }, emptied)
      if late == nil then return nil, "destroy: " .. problem end
      return killed or late, nil, (killed and 1 or 0) + (late and 1 or 0)
    end
    check("first apply and destroy, small stack", options)
  end)

  --- Applies that change something forth and back.
  local function changes(name)
    local arguments, wanted = {}, {}
    for value = 1, 2 do
      arguments[value] = { "apply", "--yes", "--set", ("%s=%d"):format(name, value) }
      wanted[value] = undisturbed(small, arguments[value])
    end
    local now = {}
    return {
      worlds = function() return succeed(small(), arguments[1]) end, step = STEPS.small,
      visit = function(world, point)
        local value = 3 - (now[world] or 1)
        now[world] = value
        return interrupt(world, point, arguments[value], wanted[value], { "plan", "--exit-code", "--set", arguments[value][4] })
      end,
    }
  end

  it("is finished by the next one: an apply that changes things", function() check("update, small stack", changes "release") end)
  it("is finished by the next one: an apply that replaces things", function() check("replacement, small stack", changes "generation") end)

  it("is finished by the next one: the first apply of the staging stack", function()
    local options = first_apply(staging)
    options.step = STEPS.staging
    check("first apply, staging stack", options)
  end)
end)
