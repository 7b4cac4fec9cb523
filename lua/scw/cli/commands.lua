--- The commands: one file each under `scw.cli.commands`; a file there is all it takes to add one.
local core = require "core"

local commands = {}

local PREFIX = "scw.cli.commands."

---@class scw.Command
---@field name string the words that call it: `plan`, `state list`
---@field group? string heading in the overview
---@field summary string
---@field description? string
---@field arguments? { name: string, doc: string, optional?: boolean, choices?: string[] }[]
---@field options? scw.Option[]
---@field examples? { [1]: string, [2]: string }[] command line, what it does
---@field commands? table<string, scw.Command> subcommands, by their last word
---@field run? fun(context: scw.Context): integer|nil, scw.Error|nil

--- Headings of the overview, in their order.
commands.groups = { "Deploy", "Look", "Try and learn" }

---@return string[] names, sorted
function commands.names()
  local names = {}
  for _, module in ipairs(core.modules(PREFIX)) do names[#names + 1] = module:sub(#PREFIX + 1) end
  return names
end

---@param name string
---@return scw.Command|nil
function commands.get(name)
  for _, known in ipairs(commands.names()) do
    if known == name then return require(PREFIX .. name) end
  end
  return nil
end

--- Subcommands in alphabetical order.
---@param command scw.Command
---@return scw.Command[]
function commands.below(command)
  local found = {}
  for _, inner in pairs(command.commands or {}) do found[#found + 1] = inner end
  table.sort(found, function(left, right) return left.name < right.name end)
  return found
end

return commands
