--- Runs the program on a terminal of its own, made by script(1).
local core = require "core"
local program = require "tests.e2e.program"

local terminal = {}

local TIMEOUT_MS = 60000

--- Runs the program to its end.
---@param arguments string[]
---@param options? { environment: table?, directory: string?, input: string?, before: string? } before: shell text, such as a size
---@return string shown everything that reached the terminal
---@return integer status
function terminal.run(arguments, options)
  options = options or {}
  local words = { (options.before or "") .. program.path }
  for _, word in ipairs(arguments) do words[#words + 1] = "'" .. word .. "'" end
  local environment = {}
  for name, value in pairs(core.environment()) do
    if not name:match("^SCW") and not name:match("^AWS") and name ~= "NO_COLOR" then environment[name] = value end
  end
  for name, value in pairs(options.environment or {}) do environment[name] = value end
  environment.TERM = environment.TERM ~= "dumb" and environment.TERM or "xterm"
  local result = assert(core.exec {
    argv = { "script", "-qefc", table.concat(words, " "), "/dev/null" }, env = environment,
    directory = options.directory or program.root, input = options.input or "", timeout_ms = TIMEOUT_MS,
  })
  return result.stdout, result.status
end

return terminal
