--- Options that several commands share, each described once.
local normal = require "scw.schema.normal"

local options = {}

---@class scw.Option
---@field name string `--target`
---@field doc string
---@field value? string the word for its value in help; a flag without
---@field repeats? boolean may be given several times: an array
---@field convert? fun(word: string): any, string|nil the value, or nil and what is wrong
---@field choices? string[]

--- A whole number.
---@param name string
---@param least integer
---@return fun(word: string): integer|nil, string|nil
function options.whole(name, least)
  return function(word)
    local number = math.tointeger(tonumber(word))
    if not number or number < least then return nil, ("%s needs a whole number of at least %d, got '%s'"):format(name, least, word) end
    return number
  end
end

---@param word string
local function assignment(word)
  local key, value = word:match("^([%w_.-]+)=(.*)$")
  if not key then return nil, ("--set needs name=value, got '%s'"):format(word) end
  return { name = key, value = value }
end

--- A number above zero, such as a speed.
---@param name string
---@return fun(word: string): number|nil, string|nil
function options.positive(name)
  return function(word)
    local number = tonumber(word)
    if not number or number <= 0 or number ~= number then return nil, ("%s needs a number above 0, got '%s'"):format(name, word) end
    return number
  end
end

--- Seconds in a duration such as "90s" or "1h30m".
---@param name string
---@return fun(word: string): number|nil, string|nil
function options.duration(name)
  return function(word)
    local seconds = normal.seconds(word)
    if not seconds then return nil, ("%s needs a duration such as 90s or 10m, got '%s'"):format(name, word) end
    return seconds
  end
end

options.json = { name = "--json", doc = "Write JSON for programs instead of text for people." }
options.no_color = { name = "--no-color", doc = "No colours (also: the environment variable NO_COLOR)." }
options.help = { name = "--help", doc = "Show this help." }

options.exit_code = { name = "--exit-code", doc = "Exit with 2 when changes are pending." }
options.yes = { name = "--yes", doc = "Go on without asking." }
options.target = { name = "--target", value = "ADDRESS", repeats = true, doc = "Only this resource or module and what it needs." }
options.exclude = { name = "--exclude", value = "ADDRESS", repeats = true, doc = "Leave out this resource or module and what needs it." }
options.destroy_target = {
  name = "--target", value = "ADDRESS", repeats = true, doc = "Delete only this resource or module, and what needs it.",
}
options.destroy_exclude = {
  name = "--exclude", value = "ADDRESS", repeats = true, doc = "Keep this resource or module, and what it needs.",
}
options.replace = { name = "--replace", value = "ADDRESS", repeats = true, doc = "Replace this resource although nothing forces it." }
options.no_refresh = { name = "--no-refresh", doc = "Trust the state: do not look at Scaleway first." }
options.parallel = { name = "--parallel", value = "N", convert = options.whole("--parallel", 1), doc = "At most N calls at the same time." }
options.lock_wait = {
  name = "--lock-wait", value = "DURATION", convert = options.duration("--lock-wait"),
  doc = "How long to wait in the queue while others hold the state (10m).",
}
options.no_wait = { name = "--no-wait", doc = "Fail at once when another deployment holds the state." }
--- What every command that writes the state takes.
options.writing = { options.lock_wait, options.no_wait }

options.set = {
  name = "--set", value = "NAME=VALUE", repeats = true, convert = assignment, doc = "Give a configuration value of the stack.",
}
options.config_file = { name = "--config-file", value = "FILE", doc = "Read configuration values from a YAML or JSON file." }
options.emulator = { name = "--emulator", doc = "Use a local emulator of Scaleway, kept in .scwlua/: no account needed." }
options.profile = { name = "--profile", value = "NAME", doc = "Profile of ~/.config/scw/config.yaml to use." }

--- What every command that reads a stack takes.
options.stack = { options.set, options.config_file, options.emulator, options.profile }

--- What every command takes.
options.everywhere = { options.json, options.no_color, options.help }

--- The argument that names a stack.
options.stack_argument = { name = "STACK", doc = "The stack's file, such as stacks/staging.lua." }

--- Several lists as one.
---@param ... scw.Option[]
---@return scw.Option[]
function options.join(...)
  local all = {}
  for _, list in ipairs({ ... }) do
    for _, option in ipairs(list) do all[#all + 1] = option end
  end
  return all
end

--- The name under which the parsed value is found: `--no-refresh` is `no_refresh`.
---@param name string
---@return string
function options.field(name)
  return (name:gsub("^%-+", ""):gsub("-", "_"):lower())
end

return options
