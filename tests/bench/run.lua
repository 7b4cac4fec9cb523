--- Measures what the design promises: start-up, validation, plans and applies of generated stacks.
--- Every figure is the best of several runs (the machine's noise only adds), beside its target.
local core = require "core"
local program = require "tests.e2e.program"

local bench = {}

local function write(path, text) assert(core.file_write(path, text)) end

local HEADER = [[
local scw = require "scw"
return scw.stack {
  name = %q, environment = "staging", region = "fr-par", state = scw.file { path = %q },
  build = function(stack)
]]

--- Stacks of `value` resources: no API, so that only the engine is measured.
local stacks = {}

function stacks.flat(count)
  return ([[
    for i = 1, %d do stack:value("v" .. i, { input = "payload " .. i }) end
  ]]):format(count)
end

function stacks.layered(layers, width)
  return ([[
    local below = {}
    for layer = 1, %d do
      local row = {}
      for i = 1, %d do
        local input = { layer = layer, index = i }
        for j = 0, 2 do
          local needed = below[(i + j - 1) %% %d + 1]
          if needed then input["from" .. j] = needed.id end
        end
        row[i] = stack:value(("l%%d_%%d"):format(layer, i), { input = input })
      end
      below = row
    end
  ]]):format(layers, width, width)
end

function stacks.secrets(count)
  return ([[
    for i = 1, %d do stack:secret("s" .. i, { name = "bench-" .. i }) end
  ]]):format(count)
end

local function stack_file(directory, name, body)
  local path = ("%s/%s.lua"):format(directory, name)
  write(path, HEADER:format(name, directory .. "/" .. name .. ".state") .. body .. "  end,\n}\n")
  return path
end

--- Runs once under GNU time: milliseconds, peak memory in MB, and what was printed.
local function once(arguments, environment)
  local started = core.clock()
  local result = program.run(arguments, { environment = environment, wrapper = { "/usr/bin/time", "-f", "%M kB" } })
  local elapsed = core.clock() - started
  assert(result.status == 0, table.concat(arguments, " ") .. ":\n" .. result.stdout .. result.stderr)
  return elapsed, tonumber(result.stderr:match("(%d+) kB%s*$")) / 1024, result
end

local function best(times, arguments, environment)
  local elapsed, memory = math.huge, 0
  for _ = 1, times do
    local ms, mb = once(arguments, environment)
    elapsed, memory = math.min(elapsed, ms), math.max(memory, mb)
  end
  return elapsed, memory
end

local function report(what, ms, mb, target, remark)
  print(("%-46s %9.1f ms %7.1f MB   target %-28s %s"):format(what, ms, mb, target, remark or ""))
end

local function size_of_state(directory, name)
  local total = 0
  for _, file in ipairs(core.file_list(directory)) do
    if file:sub(1, #name + 6) == name .. ".state" then total = total + core.file_stat(directory .. "/" .. file).size end
  end
  return total
end

local function engine_only(directory, environment)
  local shapes = {
    { "flat-100", stacks.flat(100), "-" }, { "flat-1000", stacks.flat(1000), "-" },
    { "flat-5000", stacks.flat(5000), "apply < 2000 ms" }, { "flat-10000", stacks.flat(10000), "plan < 2000 ms, 250 MB" },
    { "layers-100x10", stacks.layered(100, 10), "apply < 1000, plan < 100 ms" },
    { "layers-100x100", stacks.layered(100, 100), "-" },
  }
  for _, shape in ipairs(shapes) do
    local path = stack_file(directory, shape[1], shape[2])
    local ms, mb = once({ "apply", "--yes", path }, environment)
    report("apply " .. shape[1], ms, mb, shape[3], ("state %.2f MB"):format(size_of_state(directory, shape[1]) / 1e6))
    ms, mb = best(3, { "plan", path }, environment)
    report("no-op plan " .. shape[1], ms, mb, shape[3])
  end
end

local function with_api(directory)
  local emulator = program.emulator { "--speed", "1000" }
  local path = stack_file(directory, "secrets-1000", stacks.secrets(1000))
  local ms, mb = once({ "apply", "--yes", path }, emulator.environment)
  local _, total = emulator:requests()
  report("apply secrets-1000 (emulator)", ms, mb, "-", ("%d requests"):format(total))
  ms, mb = once({ "plan", path }, emulator.environment)
  local _, after = emulator:requests()
  report("no-op plan secrets-1000 (emulator)", ms, mb, "250 ms, 60 calls, 60 MB", ("%d requests"):format(after - total))
  emulator:stop()
end

--- Bytes sent for the state by one apply, counted where they arrive: snapshots, log, history, lock. What the service copies is not sent.
local function written_to_bucket(directory, name, body)
  local handle <close> = assert(require("scw.emulator").start { host = "127.0.0.1", port = 0, s3_port = 0, speed = "instant" })
  local bytes, handled, s3 = 0, handle.emulator.s3.handle, handle.emulator.s3
  function s3.handle(self, request)
    if request.method == "PUT" and request.path:find("^/bench%-state/") then bytes = bytes + #request.body end
    return handled(self, request)
  end
  local path = ("%s/%s.lua"):format(directory, name)
  write(path, (HEADER:format(name, ""):gsub("scw%.file {.-}", 'scw.s3 { bucket = "bench-state", key = "state" }')) .. body .. "  end,\n}\n")
  local ms, mb = once({ "apply", "--yes", path }, {
    SCW_API_URL = handle.api_url, SCW_S3_ENDPOINT = handle.s3_url, SCW_ACCESS_KEY = handle.access_key, SCW_SECRET_KEY = handle.secret_key,
    SCW_DEFAULT_PROJECT_ID = handle.project_id, SCW_DEFAULT_ORGANIZATION_ID = handle.organization_id,
    SCWLUA_STATE_KEY_FILE = directory .. "/state.key", HOME = directory, SCWLUA_TIME_SCALE = "0.001",
  })
  local bucket = s3.storage.buckets["bench-state"]
  return ms, mb, bytes, bucket.objects.state[1].size
end

--- The same for a state in files: what is put into them is counted on its way, what the file system copies for the history apart.
local function written_to_files(directory, name, body, environment)
  local path = stack_file(directory, name, body)
  local stack = assert(require("scw.dsl").load(path, { environment = environment }))
  local backend = require("scw.state.file").new(directory)
  local bytes, put = 0, backend.put
  function backend.put(self, key, content, condition)
    bytes = bytes + #content
    return put(self, key, content, condition)
  end
  local copied, copy = 0, backend.copy
  function backend.copy(self, from, ...)
    copied = copied + core.file_stat(self:path(from)).size
    return copy(self, from, ...)
  end
  local session = require("scw.engine.session").open {
    stack = stack, environment = environment, backend = backend, name = name .. ".state",
  }
  local began = core.clock()
  assert(session:apply(assert(session:plan())))
  return core.clock() - began, 0, bytes, core.file_stat(("%s/%s.state"):format(directory, name)).size, copied
end

local function written(directory, environment)
  local function show(what, ms, mb, bytes, size, copied)
    report("bytes written, " .. what, ms, mb, "< 3 x the state",
      ("%.2f MB for a state of %.2f MB: %.2f%s"):format(bytes / 1e6, size / 1e6, bytes / size,
        copied and (", copied by the file system: %.2f"):format(copied / size) or ""))
  end
  for _, count in ipairs { 1000, 10000 } do
    show(("%d values, files"):format(count), written_to_files(directory, "files-" .. count, stacks.flat(count), environment))
    show(("%d values, bucket"):format(count), written_to_bucket(directory, "bucket-" .. count, stacks.flat(count)))
    show(("%d secrets, bucket"):format(count), written_to_bucket(directory, "secrets-" .. count, stacks.secrets(count)))
  end
end

---@param arguments string[] none: everything
---@return integer exit_code
function bench.run(arguments)
  local directory = program.directory()
  assert(core.key_create(directory .. "/state.key")) -- a passphrase costs 0.1 s a run on purpose
  local environment = { SCWLUA_STATE_KEY_FILE = directory .. "/state.key", HOME = directory,
    SCW_DEFAULT_PROJECT_ID = "11111111-1111-4111-8111-111111111111" }
  local parts = {
    start = function()
      local ms, mb = best(50, { "version" })
      report("version, whole process", ms, mb, "5 ms")
      ms, mb = best(20, { "validate", "stacks/production.lua" }, environment)
      report("validate stacks/production.lua", ms, mb, "20 ms")
    end,
    engine = function() engine_only(directory, environment) end,
    api = function() with_api(directory) end,
    written = function() written(directory, environment) end,
  }
  local wanted = #arguments > 0 and arguments or { "start", "engine", "api", "written" }
  for _, name in ipairs(wanted) do parts[name]() end
  program.remove(directory)
  return 0
end

return bench
