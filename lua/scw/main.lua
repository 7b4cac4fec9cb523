--- Entry point of the program: dispatches to a command and turns every outcome into an exit code.
local core = require "core"

local main = {}

---@param arguments string[] the words behind the program's name
---@return integer exit_code
function main.run(arguments)
  if arguments[1] == "version" or arguments[1] == "--version" then
    io.stdout:write(core.program, " ", core.version, "\n")
    return 0
  end
  io.stderr:write("usage: ", core.program, " version\n")
  return 1
end

return main
