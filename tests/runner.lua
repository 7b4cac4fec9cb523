--- Runs busted inside the engine, so that specs can use `core` and wait.
local runner = {}

local SHARE = { "/usr/share/lua/5.4", "/usr/local/share/lua/5.4" }
local LIBRARIES = { "/usr/lib/x86_64-linux-gnu/lua/5.4", "/usr/lib/aarch64-linux-gnu/lua/5.4", "/usr/local/lib/lua/5.4" }
local SYSTEM_PATH = table.concat(SHARE, "/?.lua;") .. "/?.lua;" .. table.concat(SHARE, "/?/init.lua;") .. "/?/init.lua"
local SYSTEM_CPATH = table.concat(LIBRARIES, "/?.so;") .. "/?.so"

--- Lets `require` find installed test libraries behind the program's own modules.
local function open_system_modules()
  package.path, package.cpath = SYSTEM_PATH, SYSTEM_CPATH
  table.insert(package.searchers, function(name)
    local path, reason = package.searchpath(name, package.path)
    if not path then return reason end
    return assert(loadfile(path)), path
  end)
  table.insert(package.searchers, function(name)
    local path, reason = package.searchpath(name, package.cpath)
    if not path then return reason end
    return assert(package.loadlib(path, "luaopen_" .. name:gsub("%.", "_"))), path
  end)
end

--- Entry point of the test program: arguments are busted's (files, folders, --filter …), or `bench` and what to measure.
---@param arguments string[]
---@return integer exit_code
function runner.run(arguments)
  if arguments[1] == "bench" then return require("tests.bench.run").run({ table.unpack(arguments, 2) }) end
  open_system_modules()
  io.stdout:setvbuf "line" -- what is cut off has said how far it came
  local exit_code = 0
  local real_exit = os.exit
  local leave = {}
  os.exit = function(code) -- luacheck: ignore 122
    exit_code = code == true and 0 or code == false and 1 or code or 0
    error(leave, 0)
  end
  _G.arg = { [0] = "scwlua-test", "--pattern=_spec", "--output=plainTerminal", table.unpack(arguments) }
  local ok, reason = xpcall(function() require("busted.runner")({ standalone = false }) end, function(reason)
    if reason == leave then return reason end
    return debug.traceback(tostring(reason), 2)
  end)
  os.exit = real_exit -- luacheck: ignore 122
  if not ok and reason ~= leave then error(reason, 0) end
  return exit_code
end

return runner
