--- Entry point of the program: finds the command, runs it, turns every outcome into an exit code.
local core = require "core"

local main = {}

local OK, FAILED, INTERRUPTED, NOBODY_READS = 0, 1, 130, 141
local NO_MEMORY = "not enough memory" -- what Lua raises then

--- Environment variables whose values must never be shown.
local SECRET_VARIABLES = { "SCW_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "SCWLUA_STATE_PASSPHRASE", "SCWLUA_STATE_OLD_PASSPHRASE" }
local SHORTEST_SECRET = 6

---@class scw.Context what a command runs with
---@field options table values of options and arguments by name
---@field console scw.Console
---@field environment table<string, string>
---@field command scw.Command

--- Makes reading or writing an undeclared global an error: a misspelt name is a bug, not a nil.
local function forbid_globals()
  setmetatable(_G, {
    __index = function(_, name) error(("undeclared global '%s'"):format(tostring(name)), 2) end,
    __newindex = function(_, name) error(("assignment to undeclared global '%s'"):format(tostring(name)), 2) end,
  })
end

---@param words string[]
---@param wanted string
---@return boolean
local function has(words, wanted)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word == wanted then return true end
  end
  return false
end

---@param words string[]
---@param environment table<string, string>
---@return scw.Console
local function open_console(words, environment)
  local secrets = {}
  for _, name in ipairs(SECRET_VARIABLES) do
    local secret = environment[name]
    if secret and #secret >= SHORTEST_SECRET then secrets[#secrets + 1] = secret end
  end
  local no_color = environment.NO_COLOR
  return require("scw.ui.console").new({
    json = has(words, "--json"), secrets = secrets,
    colour = not (has(words, "--no-color") or (no_color and no_color ~= "") or environment.TERM == "dumb"),
  })
end

--- Shows a problem and says which exit code it deserves.
---@param err scw.Error
---@param console scw.Console
---@return integer
local function report(err, console)
  local error_view = require "scw.ui.error"
  if console.json then
    local json, given = require "scw.json", console.style.given
    for _, one in ipairs(require("scw.errors").list(err)) do console:complain(assert(json.encode(error_view.public(one, given)))) end
  else
    console:complain(error_view.lines(err, console.error_style))
  end
  return (err.kind == "cancelled" or err.code == "INFRA_009") and INTERRUPTED or FAILED
end

---@param words string[]
---@param console scw.Console
---@param environment table<string, string>
---@return integer
local function dispatch(words, console, environment)
  local command, values = require("scw.cli.args").parse(words)
  if not command then return report(values, console) end
  console:take(values)
  local code, err = command.run({ options = values, console = console, environment = environment, command = command })
  if err then return report(err, console) end
  return code or OK
end

--- The exit code when not everything reached standard output. Somebody who stopped reading, such as `head`, is told nothing: the
--- code is what a shell makes of SIGPIPE.
---@param code integer of the command
---@param console scw.Console
---@return integer
local function after_writing(code, console)
  local lost = console.lost
  if not lost then return code end
  if lost.kind == "not_found" then return code == OK and NOBODY_READS or code end
  report(require("scw.errors").new({
    code = "INFRA_012", kind = "io", message = "standard output: " .. lost.message, hint = "is the disk full?",
  }), console)
  return code == OK and FAILED or code
end

--- What is told about a failure that is no error object: a bug of the program.
---@param failure any what was raised
---@param trace string
---@param console scw.Console
local function report_bug(failure, trace, console)
  local error_view = require "scw.ui.error"
  if console.json then
    console:complain(assert(require("scw.json").encode(error_view.public_bug(failure, trace))))
  else
    console:complain(error_view.bug(failure, trace))
  end
end

---@param arguments string[] the words behind the program's name
---@return integer exit_code
function main.run(arguments)
  forbid_globals()
  local environment = core.environment()
  local console = open_console(arguments, environment)
  local trace
  local ok, result = xpcall(dispatch, function(failure)
    trace = debug.traceback("", 2)
    return failure
  end, arguments, console, environment)
  if ok then return after_writing(result, console) end
  if require("scw.errors").is(result) then return after_writing(report(result, console), console) end
  if result == NO_MEMORY then
    return report(require("scw.errors").new({
      code = "INFRA_002", kind = "memory", message = NO_MEMORY, hint = "give the program more of it, or do less at once (`--parallel`)",
    }), console)
  end
  report_bug(type(result) == "table" and result.message or result, trace, console)
  return FAILED
end

return main
