--- Drives the built program and its emulator as a user would: as separate processes.
local core = require "core"
local json = require "scw.json"

local program = {}

program.path = core.environment().SCWLUA_PROGRAM or "build/development/scwlua"
program.root = core.environment().SCWLUA_SOURCE or "."
--- Where the reference data is, when this machine has it.
program.reference = core.environment().SCWLUA_REFERENCE or program.root .. "/../shared"

local READY_TIMEOUT_MS = 60000
local COMMAND_TIMEOUT_MS = 120000

--- A new private directory, removed by `directory.remove`.
---@return string path
function program.directory()
  local base = core.environment().TMPDIR or "/tmp"
  local path = ("%s/scwlua-e2e-%s"):format(base, core.uuid())
  assert(core.directory_create(path))
  return path
end

---@param path string made by program.directory
function program.remove(path)
  assert(path:match("/scwlua%-e2e%-[%x-]+$"), "not a directory of these tests")
  core.exec { argv = { "rm", "-rf", path } }
end

--- Environment of a child: this one's without anything that belongs to the ecosystem, plus `more`.
---@param more? table<string, string>
---@return table<string, string>
function program.environment(more)
  local all = {}
  for name, value in pairs(core.environment()) do
    if not name:match("^SCW") and not name:match("^AWS") then all[name] = value end
  end
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

--- Runs the program to its end.
---@param arguments string[]
---@param options? {environment: table?, directory: string?, input: string?, timeout_ms: integer?, wrapper: string[]?}
---@return {status: integer, signal: integer, stdout: string, stderr: string}
function program.run(arguments, options)
  options = options or {}
  local argv = {}
  for _, word in ipairs(options.wrapper or {}) do argv[#argv + 1] = word end
  argv[#argv + 1] = program.path
  for _, word in ipairs(arguments) do argv[#argv + 1] = word end
  return assert(core.exec {
    argv = argv, env = program.environment(options.environment), directory = options.directory or program.root,
    input = options.input or "", timeout_ms = options.timeout_ms or COMMAND_TIMEOUT_MS,
  })
end

--- Was the program built with the address sanitizer? It is several times slower then.
---@return boolean
function program.is_sanitized() return assert(core.file_read(program.path)):find("__asan_init", 1, true) ~= nil end

--- The library that shifts a process's clock, where it is installed and works with this build.
---@return string|nil path
function program.faketime()
  if program.shift == nil then
    program.shift = false
    for _, machine in ipairs { "x86_64", "aarch64" } do
      local path = ("/usr/lib/%s-linux-gnu/faketime/libfaketimeMT.so.1"):format(machine)
      if core.file_stat(path) and program.run({ "version" }, { environment = { LD_PRELOAD = path, FAKETIME = "+4m" } }).status == 0 then
        program.shift = path
      end
    end
  end
  return program.shift or nil
end

---@class e2e.Emulator
---@field ready table what the ready line says
---@field environment table variables that point a client at it
local Emulator = {}
Emulator.__index = Emulator

local function request(self, method, path, body)
  local answer = assert(core.http {
    method = method, url = self.ready.api_url .. path, body = body and json.encode(body),
    headers = { ["Content-Type"] = "application/json", ["X-Auth-Token"] = self.ready.secret_key },
  })
  assert(answer.status < 300, ("%s %s: %d %s"):format(method, path, answer.status, answer.body))
  return #answer.body > 0 and json.decode(answer.body) or nil
end

--- Live user-made objects by type: empty when nothing is left.
function Emulator:objects() return request(self, "GET", "/_emulator/stats").objects end
--- Number of requests by operation, and in all.
function Emulator:requests()
  local all, total = request(self, "GET", "/_emulator/stats").requests, 0
  for _, count in pairs(all) do total = total + count end
  return all, total
end
function Emulator:faults(rules) return request(self, "POST", "/_emulator/faults", rules) end
function Emulator:reset() return request(self, "POST", "/_emulator/reset", {}) end

--- A call to the API, for looking behind the program's back.
function Emulator:api(method, path, body) return request(self, method, path, body) end

--- Its process.
---@return string
function Emulator:pid() return (core.file_read(self.directory .. "/pid"):match("%d+")) end

function Emulator:stop()
  self.task:cancel()
  self.task:join()
  program.remove(self.directory)
end

--- Starts `scwlua emulator` on free ports and waits for its ready line.
---@param options? string[] further arguments
---@return e2e.Emulator
function program.emulator(options)
  local directory = program.directory()
  local output = directory .. "/ready"
  local command = ('echo $$ > %s/pid; exec "$0" emulator --listen 127.0.0.1:0 "$@" > %s 2> %s/log'):format(directory, output, directory)
  local argv = { "sh", "-c", command, program.path }
  for _, word in ipairs(options or { "--speed", "1000" }) do argv[#argv + 1] = word end
  local task = core.spawn(core.exec, { argv = argv, env = program.environment() })
  local deadline = core.clock() + READY_TIMEOUT_MS
  local line
  repeat
    core.sleep(10)
    line = (core.file_read(output) or ""):match("^(.-)\n")
    assert(not task:done(), "the emulator ended: " .. (core.file_read(directory .. "/log") or ""))
    assert(core.clock() < deadline, "the emulator did not get ready")
  until line
  local ready = json.decode(line)
  return setmetatable({
    task = task, ready = ready, directory = directory,
    environment = {
      SCW_API_URL = ready.api_url, SCW_S3_ENDPOINT = ready.s3_url,
      SCW_ACCESS_KEY = ready.access_key, SCW_SECRET_KEY = ready.secret_key,
      SCW_DEFAULT_PROJECT_ID = ready.project_id, SCW_DEFAULT_ORGANIZATION_ID = ready.organization_id,
      SCWLUA_STATE_PASSPHRASE = "correct horse battery staple", SCWLUA_TIME_SCALE = "0.01",
      HOME = directory,
    },
  }, Emulator)
end

return program
