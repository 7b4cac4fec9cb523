--- Real servers for the tests, started by the scripts of the reference data; each in a directory of its own, on 127.0.0.1.
local core = require "core"
local program = require "tests.e2e.program"

local services = {}

local START_TIMEOUT_MS = 60000
local STOP_TIMEOUT_MS = 60000
local PORTS = 20 -- that one server may use
local ATTEMPTS = 5

---@class e2e.Service
---@field directory string
---@field port integer
---@field urls string[]
local methods = {}
local metatable = { __index = methods }

--- The beginning of a range that nobody else uses, below those that the system gives away.
local function first_port(attempt)
  return 12000 + (core.host().pid * 7 + attempt) % 900 * PORTS
end

--- Nil and why, when this machine cannot have that server.
---@param script string
---@param ... string|integer arguments before the port
---@return e2e.Service|nil
---@return string|nil reason
local function start(script, ...)
  local path = ("%s/services/%s.sh"):format(program.reference, script)
  if not core.file_stat(path) then return nil, "no server: no services beside the repository" end
  local began, said = core.clock(), nil
  for attempt = 1, ATTEMPTS do -- a port may be somebody else's, and a busy machine slower than the script has patience
    local directory = program.directory()
    local port = first_port(attempt)
    local argv = { path, "up", directory, ... }
    argv[#argv + 1] = port
    for index, word in ipairs(argv) do argv[index] = tostring(word) end
    -- what goes on after the script has to hold none of its pipes
    argv = { "sh", "-c", 'exec "$@" > "$0/out" 2> "$0/err"', directory, table.unpack(argv) }
    local result, failure = core.exec { argv = argv, env = program.environment(), input = "", timeout_ms = START_TIMEOUT_MS }
    said = core.file_read(directory .. "/err") or ""
    if result and result.status == 0 then
      local urls = {}
      for url in assert(core.file_read(directory .. "/out")):gmatch("%S+") do urls[#urls + 1] = url end
      return setmetatable({ script = path, directory = directory, port = port, urls = urls }, metatable)
    end
    local log = core.file_read(directory .. "/log") or ""
    core.exec { argv = { path, "down", directory } }
    program.remove(directory)
    if said:find("not found", 1, true) then return nil, "no server: " .. said:gsub("%s+$", "") end
    said = ("%s%s%s"):format(said, log, failure and failure.message or "")
    if core.clock() - began > START_TIMEOUT_MS then break end
  end
  error("cannot start a server: " .. said)
end

--- A Ceph RADOS Gateway: a real S3 server.
function services.rgw() return start("rgw") end

--- A proxy before a server, that fails on demand.
---@param port integer of the server
function services.proxy(port) return start("faultproxy", port) end

function methods:run(command, ...)
  local result = assert(core.exec { argv = { self.script, command, self.directory, ... }, env = program.environment(), input = "" })
  assert(result.status == 0, result.stderr)
end

local function send(name, pid)
  assert(assert(core.exec { argv = { "kill", "-" .. name, pid } }).status == 0, "it is not there: " .. pid)
end

--- Does no thread of a process run any more?
local function stands(pid)
  for _, thread in ipairs(assert(core.file_list(("/proc/%s/task"):format(pid)))) do
    local file = io.open(("/proc/%s/task/%s/stat"):format(pid, thread))
    local state = file and file:read("a"):match(".*%) (%a)")
    if file then file:close() end
    if state and state ~= "T" and state ~= "Z" then return false end
  end
  return true
end

--- Calls a function while one of its processes stands still.
---@param process string "radosgw"
---@param act fun()
function methods:stopped(process, act)
  local pid = assert(core.file_read(("%s/%s.pid"):format(self.directory, process))):gsub("%s", "")
  local going <close> = setmetatable({}, { __close = function() send("CONT", pid) end }) -- luacheck: ignore 211
  send("STOP", pid)
  local deadline = core.clock() + STOP_TIMEOUT_MS
  while not stands(pid) do -- the thread that takes the signal has to get its turn first: until then the others go on
    assert(core.clock() < deadline, "it does not stop: " .. process)
    core.sleep(1)
  end
  act()
end

function methods:stop()
  self:run("down")
  program.remove(self.directory)
end

--- What a client needs for that server.
---@return table<string, string>
function services.environment(url)
  return {
    SCW_S3_ENDPOINT = url, SCW_ACCESS_KEY = "SCWTESTACCESSKEY0001", SCW_SECRET_KEY = "00000000-1111-2222-3333-444444444444",
    SCW_DEFAULT_PROJECT_ID = "11111111-2222-3333-4444-555555555555", SCW_DEFAULT_ORGANIZATION_ID = "11111111-2222-3333-4444-555555555555",
    SCW_API_URL = "http://127.0.0.1:1", SCWLUA_STATE_PASSPHRASE = "four words of it",
  }
end

--- Objects in a bucket of that server, through a connection of their own.
---@param environment table<string, string>
---@param bucket string
---@return scw.state.S3Backend, scw.ObjectStorage
function services.backend(environment, bucket)
  local client = require("scw.api.client").new { credentials = require("scw.api.credentials").load {
    environment = environment, config_file = false,
  } }
  local storage = require("scw.api.object_storage").new(client)
  return require("scw.state.s3").new { bucket = bucket, storage = storage }, storage
end

return services
