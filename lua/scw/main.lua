--- Entry point of the program: finds the command, runs it, turns every outcome into an exit code.
local core = require "core"

local main = {}

local OK, FAILED, INTERRUPTED = 0, 1, 130

--- Environment variables whose values must never be shown.
local SECRET_VARIABLES = { "SCW_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "SCWLUA_STATE_PASSPHRASE" }
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
    local json = require "scw.json"
    for _, one in ipairs(require("scw.errors").list(err)) do console:complain(assert(json.encode(error_view.public(one)))) end
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
  local code, err = command.run({ options = values, console = console, environment = environment, command = command })
  if err then return report(err, console) end
  return code or OK
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
  if ok then return result end
  local errors = require "scw.errors"
  if errors.is(result) then return report(result, console) end
  console:complain(require("scw.ui.error").bug(type(result) == "table" and result.message or result, trace))
  return FAILED
end

return main
