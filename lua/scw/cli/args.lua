--- Turns the words of a command line into a command and its values. Wrong usage becomes one error that names the nearest right word.
local core = require "core"
local commands = require "scw.cli.commands"
local errors = require "scw.errors"
local nearest = require "scw.suggest"
local options = require "scw.cli.options"
local text = require "scw.text"

local args = {}

---@param message string
---@param command? scw.Command
---@param hint? string
---@return nil, scw.Error
local function wrong(message, command, hint)
  local see = text.error.see_help(core.program, command and command.name)
  return nil, errors.new({ code = "INFRA_001", kind = "usage", message = message, hint = hint and hint .. "; " .. see or see })
end

--- All options of a command, the common ones included.
---@param command scw.Command
---@return scw.Option[]
function args.options(command)
  return options.join(command.options or {}, options.everywhere)
end

---@param command scw.Command
local function parser_for(command)
  local argparse = require "argparse"
  local parser = argparse(command.name):add_help(false)
  for _, argument in ipairs(command.arguments or {}) do
    local element = parser:argument(options.field(argument.name)):args(argument.optional and "?" or 1)
    if argument.choices then element:choices(argument.choices) end
  end
  for _, option in ipairs(args.options(command)) do
    if option.value then
      local element = parser:option(option.name):target(options.field(option.name))
      if option.repeats then element:count("*") end
      if option.convert then element:convert(option.convert) end
      if option.choices then element:choices(option.choices) end
    else
      parser:flag(option.name):target(options.field(option.name)):count("*"):init(false):action("store_true")
    end
  end
  return parser
end

---@param command scw.Command
---@param message string argparse's
---@return nil, scw.Error
local function explain(command, message)
  message = message:gsub("\nDid you mean.*$", "")
  local unknown = message:match("^unknown option '(.*)'$")
  if unknown then
    local names = {}
    for i, option in ipairs(args.options(command)) do names[i] = option.name end
    return wrong(text.error.unknown_option(command.name, unknown), command, nearest.hint(unknown:gsub("=.*$", ""), names))
  end
  local missing = message:match("^missing argument '(.*)'$")
  if missing then return wrong(("%s needs %s"):format(command.name, missing:upper()), command) end
  if message == "too many arguments" then return wrong(command.name .. " got too many arguments", command) end
  return wrong(command.name .. ": " .. message, command)
end

--- Reads the words behind a command's name.
---@param command scw.Command
---@param words string[]
---@return table|nil values by field name; repeated options are arrays
---@return scw.Error|nil
function args.values(command, words)
  local parser = parser_for(command)
  local failed
  parser.error = function(_, message)
    failed = message
    error(parser, 0)
  end
  local ok, values = pcall(parser.parse, parser, words)
  if failed then return explain(command, failed) end
  if not ok then error(values, 0) end
  for _, one in ipairs(options.join(command.arguments or {}, args.options(command))) do
    local given = values[options.field(one.name)]
    for _, value in ipairs(one.repeats and given or { given }) do
      if value == "" then return wrong(("%s: %s is empty"):format(command.name, one.name), command) end
    end
  end
  return values
end

--- Whether help is asked for, in a place where an option may stand.
---@param words string[]
---@return boolean
local function asks_for_help(words)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word == "--help" or word == "-h" then return true end
  end
  return false
end

--- Finds the command that the first words name.
---@param words string[]
---@return scw.Command|nil
---@return string[]|scw.Error rest the words behind it
function args.find(words)
  local name = words[1]
  local command = commands.get(name)
  if not command then return wrong(text.error.unknown_command(name), nil, nearest.hint(name, commands.names())) end
  local rest = { table.unpack(words, 2) }
  while command.commands and rest[1] and rest[1]:sub(1, 1) ~= "-" do
    local inner = command.commands[rest[1]]
    if not inner then
      local names = {}
      for i, below in ipairs(commands.below(command)) do names[i] = below.name:match("%S+$") end
      return wrong(text.error.unknown_command(command.name .. " " .. rest[1]), command, nearest.hint(rest[1], names))
    end
    command = inner
    table.remove(rest, 1)
  end
  return command, rest
end

--- Reads a whole command line.
---@param words string[]
---@return scw.Command|nil command
---@return table|scw.Error values
function args.parse(words)
  local first = words[1]
  if not first or first == "--help" or first == "-h" then return commands.get("help"), {} end
  if first == "--version" then return commands.get("version"), {} end
  if first:sub(1, 1) == "-" then return wrong(("options come behind the command, got '%s' first"):format(first)) end
  local command, rest = args.find(words)
  if not command then return nil, rest end
  if asks_for_help(rest) then
    local topic = {}
    for word in command.name:gmatch("%S+") do topic[#topic + 1] = word end
    return commands.get("help"), { topic = topic[1], subtopic = topic[2] }
  end
  if not command.run then
    local names = {}
    for i, below in ipairs(commands.below(command)) do names[i] = below.name end
    return wrong(command.name .. " needs a second word", command, table.concat(names, ", "))
  end
  local values, err = args.values(command, rest)
  if not values then return nil, err end
  return command, values
end

return args
