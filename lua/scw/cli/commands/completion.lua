local core = require "core"

--- Words that may follow a command's name: options, or the second words of a command that has some.
---@param command scw.Command
---@return string
local function following(command)
  local words = {}
  for _, below in ipairs(require("scw.cli.commands").below(command)) do words[#words + 1] = below.name:match("%S+$") end
  if command.run then
    for _, option in ipairs(require("scw.cli.args").options(command)) do words[#words + 1] = option.name end
  end
  return table.concat(words, " ")
end

--- A completion function for bash, from the command tables.
---@return string[]
local function script()
  local commands = require "scw.cli.commands"
  local lines = {
    "# Completion of " .. core.program .. ": source it, or put it where bash-completion looks.",
    "_" .. core.program .. "() {",
    "  local current=${COMP_WORDS[COMP_CWORD]} words=",
    '  case "${COMP_WORDS[*]:1:COMP_CWORD-1} " in',
    ('    " ") words="%s" ;;'):format(table.concat(commands.names(), " ")),
    ('    "help ") words="%s" ;;'):format(table.concat(commands.names(), " ")),
  }
  for _, name in ipairs(commands.names()) do
    local command = commands.get(name)
    for _, below in ipairs(commands.below(command)) do
      lines[#lines + 1] = ('    "%s "*) words="%s" ;;'):format(below.name, following(below))
    end
    if name ~= "help" then lines[#lines + 1] = ('    "%s "*) words="%s" ;;'):format(name, following(command)) end
  end
  for _, line in ipairs({
    "  esac",
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
    '  if [ ${#COMPREPLY[@]} -eq 0 ] && [ "$COMP_CWORD" -gt 1 ]; then',
    '    mapfile -t COMPREPLY < <(compgen -f -X "!*.lua" -- "$current"; compgen -d -S / -- "$current")',
    "  fi",
    "}",
    ("complete -o filenames -F _%s %s"):format(core.program, core.program),
  }) do
    lines[#lines + 1] = line
  end
  return lines
end

return {
  name = "completion",
  group = "Try and learn", order = 6,
  summary = "Write a completion script for the shell.",
  arguments = { { name = "SHELL", optional = true, choices = { "bash", "zsh" }, doc = "bash (unless said) or zsh." } },
  examples = { { "scwlua completion bash", "to be sourced by the shell: source <(scwlua completion)" } },
  run = function(context)
    local lines = script()
    if context.options.shell == "zsh" then table.insert(lines, 1, "autoload -U +X bashcompinit && bashcompinit") end
    if context.console.json then
      context.console:data({ shell = context.options.shell or "bash", script = table.concat(lines, "\n") .. "\n" })
    else
      context.console:print(lines)
    end
    return 0
  end,
}
