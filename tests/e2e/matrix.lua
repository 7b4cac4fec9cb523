--- Ends runs of the program by SIGKILL at requests they make. The service is an emulator in this process: it sees the requests one
--- after the other, so that "the k-th request" means something although a run sends many at once.
local codec = require "scw.state.codec"
local core = require "core"
local emulator = require "scw.emulator"
local json = require "scw.json"
local program = require "tests.e2e.program"

local matrix = {}

--- When, around a request, the run that sent it dies.
---   before    as it arrives: neither it nor anything behind it is done
---   done      after the work, before the reply; what else was under way is done as well, and not answered
---   answered  right behind the reply, which nobody may have read; nothing behind it is done
matrix.PHASES = { "before", "done", "answered" }

local WORKERS = 4
local ENOUGH = 2000 -- requests; no run has more

---@class e2e.World one emulator, one stack
---@field seen integer requests of the run under way
---@field last? string the request at which the run was killed
local World = {}
World.__index = World
World.__close = function(self) self:close() end

--- Puts the watch between a service and its callers.
local function watch(world, service)
  local handle = service.handle
  function service.handle(self, request)
    local fatal = world.fatal
    if not fatal then return handle(self, request) end
    if fatal.task then
      fatal.task:join()
      if fatal.phase ~= "done" then return table.unpack(world.silence[service]) end
      return handle(self, request)
    end
    world.seen = world.seen + 1
    if world.seen ~= fatal.at then return handle(self, request) end
    world.last = request.method .. " " .. request.path
    local function kill() core.exec { argv = { "kill", "-KILL", (core.file_read(world.directory .. "/pid"):gsub("%s", "")) } } end
    if fatal.phase == "answered" then
      local status, headers, body = handle(self, request)
      fatal.task = core.spawn(kill)
      return status, headers, body
    end
    local answer = fatal.phase == "done" and table.pack(handle(self, request)) or world.silence[service]
    fatal.task = core.spawn(kill)
    fatal.task:join()
    return table.unpack(answer) -- to nobody
  end
end

---@param options { stack: string, name: string, bucket: string, key: string, speed?: number|"instant" } path and name of a stack, and
---  where its state is
---@return e2e.World
function matrix.world(options)
  local directory = program.directory()
  assert(core.key_create(directory .. "/key"))
  local handle = assert(emulator.start { host = "127.0.0.1", port = 0, s3_port = 0, speed = options.speed or "instant" })
  local service = handle.emulator
  local self = setmetatable({ directory = directory, handle = handle, service = service, stack = options.stack, bucket = options.bucket,
    key = options.key, name = options.name, silence = { [service] = { { status = 503 } }, [service.s3] = { 503, {}, "" } } }, World)
  self.defects = {}
  service.on_defect = function(text) self.defects[#self.defects + 1] = text end
  watch(self, service)
  watch(self, service.s3)
  self.environment = {
    SCW_API_URL = handle.api_url, SCW_S3_ENDPOINT = handle.s3_url, SCW_ACCESS_KEY = handle.access_key, SCW_SECRET_KEY = handle.secret_key,
    SCW_DEFAULT_PROJECT_ID = handle.project_id, SCW_DEFAULT_ORGANIZATION_ID = handle.organization_id,
    SCWLUA_STATE_KEY_FILE = directory .. "/key", SCWLUA_TIME_SCALE = "0.001", HOME = directory, XDG_RUNTIME_DIR = directory,
    PATH = "/nonexistent", -- asking git takes longer than everything else
  }
  return self
end

function World:close()
  self.handle:close()
  program.remove(self.directory)
end

--- Nothing is left of anything before.
function World:reset() self.service:reset() end

--- Runs the program on the stack; with `fatal`, until that moment.
---@param arguments string[]
---@param fatal? { at: integer, phase: string }
---@return table result, boolean killed
function World:run(arguments, fatal)
  local argv = { table.unpack(arguments) }
  argv[#argv + 1] = self.stack
  self.seen, self.last, self.fatal = 0, nil, { at = fatal and fatal.at or ENOUGH, phase = fatal and fatal.phase }
  local result = program.run(argv, {
    environment = self.environment, directory = self.directory,
    wrapper = { "/bin/sh", "-c", 'echo $$ > ' .. self.directory .. '/pid; exec "$0" "$@"' },
  })
  local killed = self.fatal.task ~= nil
  if killed then
    self.fatal.task:join()
    core.sleep(2) -- what the dead run had sent is taken from the sockets
  end
  self.fatal = nil
  return result, killed
end

local NAMES = { "name", "hostname", "user_name", "database_name", "email", "env_var_name", "description" }

--- What tells an object from its siblings, whoever made it.
local function name_of(body)
  local names = {}
  for _, name in ipairs(NAMES) do names[#names + 1] = body[name] ~= "" and body[name] or nil end
  return table.concat(names, " ")
end

--- Everything users made, by kind, name and parent, without what the state consists of.
---@return string[] sorted
function World:inventory()
  local list = {}
  local function line_of(installed, record)
    local line = installed.kind .. " " .. name_of(record.body)
    local parent = installed.parent and self.service.resources[installed.parent.kind]
    local above = parent and parent:get(record.body[installed.parent.field])
    return above and line .. " of " .. line_of(parent, above) or line
  end
  for _, installed in next, self.service.resources do
    for record in installed:each() do
      if not record.builtin then list[#list + 1] = line_of(installed, record) end
    end
  end
  for name, bucket in next, self.service.s3.storage.buckets do
    list[#list + 1] = "bucket " .. name
    for _, key in ipairs(name ~= self.bucket and bucket.index:sorted() or {}) do
      list[#list + 1] = ("object %s of bucket %s, versions: %d"):format(key, name, #bucket.objects[key])
    end
  end
  table.sort(list)
  return list
end

--- The state's objects: bytes by key.
function World:state_objects()
  local objects, storage = {}, self.service.s3.storage
  local bucket = storage.buckets[self.bucket]
  for _, key in ipairs(bucket and bucket.index:sorted() or {}) do objects[key] = storage:body(bucket, bucket.objects[key][1]) end
  return objects
end

--- What is wrong with the state between two runs, nil when nothing is.
---@return string|nil
function World:untidy()
  local objects, name = self:state_objects(), self.key
  for key in next, objects do
    local rest = key:sub(#name + 1)
    local ours = rest == "" or rest == ".lock" or rest:find("^%.history/") or rest:find("^%.unsaved%-")
    if not ours then return "left behind: " .. key end
  end
  local lock = json.decode(objects[name .. ".lock"])
  if lock.state ~= "released" then return "the lock is " .. lock.state end
  local document, err = codec.new({ stack = self.name, key = assert(core.key { file = self.directory .. "/key" }) })
    :decode(objects[name], { kind = "snapshot" })
  if not document then return err.message end
  if next(document.intents) then return "an intent is open: " .. next(document.intents) end
  for address, record in next, document.resources do
    if record.status ~= "ready" or record.deposed then return ("%s is %s"):format(address, record.status) end
  end
  for index, deployment in ipairs(document.deployments) do -- what the latest one left out, the next one makes up for
    local stem = ("%s.history/%010d-%s"):format(name, deployment.serial, deployment.id)
    local whole = objects[stem .. ".record"] and objects[stem .. ".snapshot"]
    if index < #document.deployments and not whole then return "missing in the history: " .. stem end
  end
  return nil
end

---@class e2e.Point
---@field at integer
---@field phase string

--- Goes through every point, side by side in several worlds: from the first request on, in each phase, until a run ends by itself.
---@param options { worlds: fun(): e2e.World, visit: fun(world: e2e.World, point: e2e.Point): boolean|nil, string|nil, integer|nil,
---  step?: integer } `visit` answers whether the run was killed, or nil and what is wrong; and how many runs were killed
---@return { points: integer, requests: table<string, integer>, failures: string[] }
function matrix.every(options)
  local step = options.step or 1
  local result = { points = 0, requests = {}, failures = {} }
  local phase_index, at, ended = 1, 1, {}
  local function take()
    while phase_index <= #matrix.PHASES do
      local phase = matrix.PHASES[phase_index]
      if not ended[phase] then
        local point = { phase = phase, at = at }
        at = at + step
        return point
      end
      phase_index = phase_index + 1
      at = (phase_index - 1) % step + 1 -- a share takes other points in each phase
    end
  end
  local function work()
    local world = options.worlds()
    for point in take do
      local killed, problem, count = options.visit(world, point)
      if killed == nil or #world.defects > 0 then
        problem = problem or table.concat(world.defects, "\n")
        world.defects = {}
        result.failures[#result.failures + 1] = ("%s request %d (%s): %s"):format(point.phase, point.at, world.last or "?", problem)
      end
      if killed == false then
        ended[point.phase] = true
        result.requests[point.phase] = math.min(result.requests[point.phase] or math.maxinteger, point.at - 1)
      else
        result.points = result.points + (count or 1)
      end
      assert(point.at < ENOUGH)
    end
    world:close()
  end
  local tasks = {}
  for index = 1, WORKERS do tasks[index] = core.spawn(work) end
  for _, task in ipairs(tasks) do assert(task:join()) end
  table.sort(result.failures)
  return result
end

return matrix
