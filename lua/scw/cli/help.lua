--- Help texts, for the terminal and for `docs/commands.md`, from the command tables.
local core = require "core"
local args = require "scw.cli.args"
local columns = require "scw.ui.table"
local commands = require "scw.cli.commands"
local style = require "scw.ui.style"

local help = {}

---@param command scw.Command
---@return string
local function usage(command)
  local words = { core.program, command.name }
  if command.commands then words[#words + 1] = "COMMAND" end
  for _, argument in ipairs(command.arguments or {}) do
    words[#words + 1] = argument.optional and "[" .. argument.name .. "]" or argument.name
  end
  words[#words + 1] = "[options]"
  return table.concat(words, " ")
end

---@param option scw.Option
---@return string
local function spelled(option)
  return option.name .. (option.value and " " .. option.value or "")
end

---@param option scw.Option
---@return string
local function explained(option)
  return option.doc .. (option.repeats and " Repeatable." or "")
end

local function definitions(lines, rows, look, widest)
  local shown = columns.definitions(rows, { columns = look.columns, indent = 2, widest = widest })
  table.move(shown, 1, #shown, #lines + 1, lines)
end

local function section(lines, look, title)
  lines[#lines + 1] = ""
  lines[#lines + 1] = look:paint("bold", title)
end

--- Commands under their headings, in the order of the headings.
---@return { title: string, commands: scw.Command[] }[]
local function grouped()
  local groups, by_title = {}, {}
  for i, title in ipairs(commands.groups) do
    groups[i] = { title = title, commands = {} }
    by_title[title] = groups[i]
  end
  for _, name in ipairs(commands.names()) do
    local command = commands.get(name)
    table.insert(by_title[command.group].commands, command)
  end
  for _, group in ipairs(groups) do
    table.sort(group.commands, function(left, right)
      if (left.order or 99) ~= (right.order or 99) then return (left.order or 99) < (right.order or 99) end
      return left.name < right.name
    end)
  end
  return groups
end

--- The overview of all commands.
---@param look scw.Style
---@return string[]
function help.overview(look)
  local lines = {
    ("%s %s: infrastructure at Scaleway, written in Lua."):format(core.program, core.version), "",
    ("usage: %s COMMAND [arguments] [options]"):format(core.program),
  }
  local widest = 0
  for _, name in ipairs(commands.names()) do widest = math.max(widest, #name) end
  for _, group in ipairs(grouped()) do
    section(lines, look, group.title)
    local rows = {}
    for i, command in ipairs(group.commands) do rows[i] = { command.name, command.summary } end
    definitions(lines, rows, look, widest)
  end
  section(lines, look, "First steps")
  definitions(lines, {
    { core.program .. " apply --emulator STACK", "try a stack, such as stacks/staging.lua of the sources, without an account" },
    { core.program .. " types", "what a stack may declare" },
    { core.program .. " help COMMAND", "arguments, options and examples of a command" },
  }, look)
  return lines
end

--- Help of one command.
---@param command scw.Command
---@param look scw.Style
---@return string[]
function help.command(command, look)
  local lines = { "usage: " .. usage(command), "" }
  for _, line in ipairs(style.wrap(command.summary, look.columns)) do lines[#lines + 1] = line end
  if command.description then
    lines[#lines + 1] = ""
    for _, line in ipairs(style.wrap(command.description, look.columns)) do lines[#lines + 1] = line end
  end
  if command.commands then
    section(lines, look, "Commands")
    local rows = {}
    for i, below in ipairs(commands.below(command)) do rows[i] = { below.name, below.summary } end
    definitions(lines, rows, look)
  end
  if #(command.arguments or {}) > 0 then
    section(lines, look, "Arguments")
    local rows = {}
    for i, argument in ipairs(command.arguments) do rows[i] = { argument.name, argument.doc } end
    definitions(lines, rows, look)
  end
  section(lines, look, "Options")
  local rows = {}
  for i, option in ipairs(args.options(command)) do rows[i] = { spelled(option), explained(option) } end
  definitions(lines, rows, look)
  if command.examples then
    section(lines, look, "Examples")
    for _, example in ipairs(command.examples) do
      lines[#lines + 1] = "  " .. example[1]
      lines[#lines + 1] = "      " .. example[2]
    end
  end
  return lines
end

--- A command for programs (`docs/json.md`).
---@param command scw.Command
---@return table
function help.public(command)
  local arguments, options, examples, below = {}, {}, {}, {}
  for i, argument in ipairs(command.arguments or {}) do
    arguments[i] = {
      name = argument.name, doc = argument.doc, optional = argument.optional or false,
      choices = argument.choices and core.array(argument.choices),
    }
  end
  for i, option in ipairs(args.options(command)) do
    options[i] = {
      name = option.name, value = option.value, doc = option.doc, repeats = option.repeats or false,
      choices = option.choices and core.array(option.choices),
    }
  end
  for i, example in ipairs(command.examples or {}) do examples[i] = { command = example[1], doc = example[2] } end
  for i, inner in ipairs(commands.below(command)) do below[i] = help.public(inner) end
  return {
    name = command.name, group = command.group, summary = command.summary, description = command.description, usage = usage(command),
    arguments = core.array(arguments), options = core.array(options), examples = core.array(examples), commands = core.array(below),
  }
end

--- All commands for programs, in the order of the overview.
---@return table
function help.public_overview()
  local all = {}
  for _, group in ipairs(grouped()) do
    for _, command in ipairs(group.commands) do all[#all + 1] = help.public(command) end
  end
  return { program = core.program, version = core.version, commands = core.array(all) }
end

local function markdown_command(lines, command, level)
  local function add(line) lines[#lines + 1] = line end
  add(("#"):rep(level) .. " " .. command.name)
  add("")
  add(command.summary)
  add("")
  add("    " .. usage(command))
  add("")
  if command.description then
    add(command.description)
    add("")
  end
  local rows = {}
  for _, argument in ipairs(command.arguments or {}) do rows[#rows + 1] = { argument.name, argument.doc } end
  for _, option in ipairs(command.options or {}) do rows[#rows + 1] = { spelled(option), explained(option) } end
  if #rows > 0 then
    add("| argument or option | meaning |")
    add("| --- | --- |")
    for _, row in ipairs(rows) do add(("| `%s` | %s |"):format(row[1], (row[2]:gsub("|", "\\|")))) end
    add("")
  end
  for _, example in ipairs(command.examples or {}) do add(("- `%s`: %s"):format(example[1], example[2])) end
  if command.examples then add("") end
  for _, below in ipairs(commands.below(command)) do markdown_command(lines, below, level + 1) end
end

--- The whole reference of commands as Markdown.
---@return string
function help.markdown()
  local lines = {
    "# Commands", "", "Generated from the command tables by `scwlua docs --out docs`; do not edit by hand.", "",
    "Every command takes these options:", "", "| option | meaning |", "| --- | --- |",
  }
  for _, option in ipairs(args.options({ name = "" })) do
    lines[#lines + 1] = ("| `%s` | %s |"):format(spelled(option), explained(option))
  end
  for _, line in ipairs({
    "", "Exit codes: 0 done, or nothing to do; 1 an error; 2 changes are pending (`plan --exit-code`); 130 interrupted; "
      .. "141 nobody read the rest of the output.",
    "Formats of `--json`: [json.md](json.md). Errors: [errors.md](errors.md).", "",
  }) do
    lines[#lines + 1] = line
  end
  for _, group in ipairs(grouped()) do
    lines[#lines + 1] = "## " .. group.title
    lines[#lines + 1] = ""
    for _, command in ipairs(group.commands) do markdown_command(lines, command, 3) end
  end
  return (table.concat(lines, "\n"):gsub("\n+$", "")) .. "\n"
end

return help
