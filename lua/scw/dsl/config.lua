--- Typed values that are given from outside when a stack is evaluated: `stack:config("replicas", { type = "int", default = 2 })`.
--- Precedence: `--set name=value`, then the environment (`SCWLUA_CONFIG_NAME`), then the config file, then the default.
local core = require "core"
local json = require "scw.json"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"
local word = require "scw.dsl.word"

local config = {}

local KINDS = { str = true, int = true, float = true, bool = true, list = true, map = true, duration = true, size = true }
local SYNONYMS = { string = "str", integer = "int", number = "float", boolean = "bool" }

--- SCWLUA_CONFIG_DB_NODE_TYPE for db.node_type
---@param name string
---@return string
function config.variable(name)
  return "SCWLUA_CONFIG_" .. (name:upper():gsub("[^%w]", "_"))
end

--- Text from the command line or the environment as a value of the kind. Texts that do not fit stay texts: the check names them.
local function parse(field, text)
  if type(text) ~= "string" then return text end
  local kind = field.kind
  if kind == "int" then return math.tointeger(tonumber(text)) or text end
  if kind == "float" then return tonumber(text) or text end
  if kind == "bool" then
    if text == "true" or text == "1" or text == "yes" then return true end
    if text == "false" or text == "0" or text == "no" then return false end
  elseif kind == "list" then
    local list = {}
    for part in (text .. ","):gmatch("%s*([^,]-)%s*,") do
      if part ~= "" then list[#list + 1] = parse(field.of or { kind = "str" }, part) end
    end
    return list
  elseif kind == "map" then
    local map = {}
    for part in (text .. ","):gmatch("%s*([^,]-)%s*,") do
      local key, element = part:match("^([^=]+)=(.*)$")
      if not key then return text end
      map[key] = element
    end
    return map
  end
  return text
end

local function find(session, name)
  if session.config[name] ~= nil then return session.config[name], "--set" end
  local variable = config.variable(name)
  local found = session.environment[variable]
  if found ~= nil then return found, variable end
  if session.config_file and session.config_file.values[name] ~= nil then
    return session.config_file.values[name], session.config_file.path
  end
  return nil
end

--- Notes what a value is, not where it came from.
local function note(session, name, given)
  local text = type(given) == "table" and json.encode(given) or tostring(given)
  session.basis["config " .. name] = given ~= nil and text
end

local function field_from(session, name, spec, here)
  local function report(message, hint)
    session:report { message = ("config '%s': %s"):format(name, message), hint = hint, source = here }
    return nil
  end
  if type(spec) ~= "table" or reference.is(spec) then return report("takes a table such as { type = \"int\", default = 2 }") end
  local kind, options = spec.type or "str", {}
  for option, given in next, spec do options[option] = given end
  options.type = nil
  kind = SYNONYMS[kind] or kind
  if not KINDS[kind] then
    return report(("there is no type '%s'"):format(tostring(kind)), "the types are bool, duration, float, int, list, map, size, str")
  end
  if options.secret and kind ~= "str" then return report("a secret is a text") end
  local field, problem, hint = word.make(kind, options)
  if not field then return report(problem, hint) end
  return field
end

--- Reads one config value.
---@param session scw.dsl.Session
---@param name string with the path of its module: "db.node_type"
---@param spec table
---@param here string
---@return any
function config.read(session, name, spec, here)
  local field = field_from(session, name, spec or {}, here)
  if not field then return reference.void() end
  local given, from = find(session, name)
  note(session, name, given)
  local entry = {
    name = name, kind = field.kind, doc = field.doc, secret = field.secret or false, source = here, from = from or "default",
    variable = config.variable(name), default = not field.secret and field.default or nil,
    required = field.default == nil and field.required ~= false,
  }
  session.configs[#session.configs + 1] = entry
  if given == nil then
    if field.default ~= nil then
      given = field.default
    elseif field.required == false then
      return nil
    else
      return session:report {
        message = ("config '%s' is required"):format(name), source = here, details = { field.doc },
        hint = ("give it with --set %s=…, in the environment as %s, or in the config file"):format(name, entry.variable),
      }
    end
  end
  local parsed = parse(field, given)
  local probe = schema.type { name = "config", summary = name, locality = "global", fields = { value = field } }
  local problems = schema.check(probe, { value = parsed })
  for _, problem in ipairs(problems) do
    local path = problem.path:gsub("^value", "", 1)
    session:report {
      message = ("config '%s': %s"):format(name, (problem.message:gsub("^value", "it" .. path, 1))), hint = problem.hint, source = here,
      details = { "given by " .. (from or "its default") },
    }
  end
  if #problems > 0 then return reference.void() end
  if field.secret then return reference.from_outside(("config '%s'"):format(name), parsed) end
  return schema.defaults(probe, { value = parsed }).value
end

--- Reports values that were given on the command line or in the file, but that no config takes.
---@param session scw.dsl.Session
function config.check_unused(session)
  local names, known = {}, {}
  for _, entry in ipairs(session.configs) do
    names[#names + 1] = entry.name
    known[entry.name] = true
  end
  local function check(given, from, at)
    for _, name in ipairs((value.sorted_keys(given))) do
      if not known[name] then
        session:report {
          message = ("%s gives '%s', but the stack has no such config"):format(from, tostring(name)), source = at or session.path,
          hint = suggest.hint(tostring(name), names)
            or (#names > 0 and "it takes " .. table.concat(names, ", ") or "the stack takes no config: leave it out"),
        }
      end
    end
  end
  check(session.config, "--set")
  local file = session.config_file
  if not file then return end
  -- a table may be the value of one config, or hold those of a module
  local function check_file(prefix, nested)
    for _, name in ipairs((value.sorted_keys(nested))) do
      local full = prefix .. tostring(name)
      if not known[full] then
        if type(nested[name]) == "table" and not core.is_array(nested[name]) then check_file(full .. ".", nested[name])
        else check({ [full] = true }, file.path, file.path) end
      end
    end
  end
  check_file("", file.top)
end

return config
