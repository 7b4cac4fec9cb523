--- Turns a stack file into declarations. Pure: reads the stack and its modules, and gives the same result every time.
local core = require "core"
local config = require "scw.dsl.config"
local errors = require "scw.errors"
local guard = require "scw.dsl.guard"
local json = require "scw.json"
local loader = require "scw.dsl.loader"
local places = require "scw.dsl.places"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"
local session = require "scw.dsl.session"
local stack = require "scw.dsl.stack"

local dsl = {}

local PAUSE = 1000 -- of the garbage collector: most of what an evaluation makes is kept

---@class scw.dsl.Declaration
---@field address string "db/rdb_instance.main"
---@field type string
---@field name string
---@field module string path of the module instance, "" for the stack itself
---@field fields table as declared, stack tags added; may hold references (`scw.dsl.reference`)
---@field options table depends_on (addresses), protect, ignore_changes, replace_on, create_before_destroy, aliases,
---       retain_on_delete, timeouts, import
---@field needs string[] addresses of direct dependencies, sorted: of fields, place and options
---@field source string file:line
---@field uses string[] lines of the `use` that lead to it, outermost first
---@field region? string
---@field zone? string
---@field project? any may be a reference
---@field organization? any
---@field lookup boolean reads what exists; `fields` is the query

---@class scw.dsl.Stack
---@field name string
---@field environment? string
---@field region? string
---@field zone? string
---@field project? any
---@field organization? any
---@field tags table
---@field state? table kind, sealed, and the keys of scw.s3 or scw.file; `passphrase` is a reference
---@field declarations scw.dsl.Declaration[] in the order they were made
---@field outputs { name: string, value: any, source: string, secret: boolean }[]
---@field checks { condition: any, message: string, source: string }[] conditions that are known only later
---@field config table[] the config values the stack takes, and where each came from
---@field messages { text: string, source: string }[] what the stack printed
---@field warnings { message: string, address?: string, source?: string }[]
---@field basis? table<string, string|false> what it rests on (`scw.dsl.Session`); may hold secrets

local function read_config_file(path, explicit)
  local text, reason = loader.read(path)
  if not text then
    if not explicit then return nil end
    local named = reason:find(path, 1, true) == 1 and reason or path .. ": " .. reason
    return nil, errors.new { code = "INFRA_004", message = "cannot read the config file " .. named }
  end
  local values, err
  if path:find("%.json$") then values, err = json.decode(text) else values, err = core.yaml_decode(text) end
  if err or type(values) ~= "table" then
    return nil, errors.new { code = "INFRA_001", message = path .. ": " .. (err and err.message or "not a table of names and values") }
  end
  local flat = {}
  local function flatten(prefix, nested)
    for name, value in pairs(nested) do
      -- a table under a module's name holds the module's values
      flat[prefix .. name] = value
      if type(value) == "table" and not core.is_array(value) then flatten(prefix .. name .. ".", value) end
    end
  end
  flatten("", values)
  return { path = path, values = flat, top = values }
end

--- The config file: the one named, else the stack's own (`staging.config.yaml` beside `staging.lua`).
local function find_config_file(path, named)
  if named then return read_config_file(named, true) end
  local base = path:gsub("%.lua$", "")
  for _, ending in ipairs { ".config.yaml", ".config.json" } do
    local found, err = read_config_file(base .. ending)
    if found or err then return found, err end
  end
end

local function check_declarations(made, evaluation)
  local warnings = {}
  for _, declaration in ipairs(made.declarations) do
    if not declaration.lookup then
      local type_object = evaluation:type(declaration.type)
      local problems, cautions = schema.check(type_object, declaration.fields, declaration)
      for _, problem in ipairs(problems) do
        evaluation:report {
          address = declaration.address, source = declaration.source, message = ("%s: %s"):format(declaration.address, problem.message),
          hint = problem.hint, path = problem.path, details = dsl.used_at(declaration),
        }
      end
      for _, caution in ipairs(cautions or {}) do
        warnings[#warnings + 1] = {
          address = declaration.address, source = declaration.source, path = caution.path, hint = caution.hint,
          message = ("%s: %s"):format(declaration.address, caution.message),
        }
      end
      for name, value in next, declaration.fields do
        local field = type_object.fields[name]
        if field and field.kind == "any" and not field.secret and reference.secret(value) then
          evaluation:report {
            address = declaration.address, source = declaration.source, path = name,
            message = ("%s: %s is not secret, but the value given to it is"):format(declaration.address, name),
            hint = "pass it to a field that is kept secret", details = dsl.used_at(declaration),
          }
        end
      end
    end
  end
  return warnings
end

--- Lines that say which `use` leads to a declaration, innermost first.
---@param declaration scw.dsl.Declaration
---@return string[]
function dsl.used_at(declaration)
  local lines = {}
  for i = #declaration.uses, 1, -1 do lines[#lines + 1] = "used at " .. declaration.uses[i] end
  return lines
end

---@class scw.dsl.Options
---@field environment? table<string, string> environment variables
---@field config? table<string, string> values from the command line
---@field config_file? string path of a file with config values
---@field place? table region, zone, project, organization to use where the stack names none
---@field catalogue? table resource types; the built-in ones by default
---@field policies? boolean false leaves the policies unchecked
---@field limits? { instructions: integer, memory: integer, seconds: number } `guard.stack_limits` by default

--- What one evaluation works with.
---@param path string
---@param options scw.dsl.Options
---@param bare? boolean
---@return scw.dsl.Session? evaluation, scw.Error? err
---@return string? text of the stack
local function begin(path, options, bare)
  local text, reason = loader.read(path)
  if not text then
    return nil, errors.new { code = "INFRA_004", kind = "not_found", message = ("cannot read the stack %s: %s"):format(path, reason) }
  end
  local environment, place = options.environment or {}, options.place or {}
  local evaluation = session.new {
    path = path, root = loader.root(path), environment = environment, catalogue = options.catalogue or require "scw.schema.catalogue",
    config = options.config or {}, bare = bare,
    place = {
      region = place.region or environment.SCW_DEFAULT_REGION, zone = place.zone or environment.SCW_DEFAULT_ZONE,
      project = place.project or environment.SCW_DEFAULT_PROJECT_ID,
      organization = place.organization or environment.SCW_DEFAULT_ORGANIZATION_ID,
    },
  }
  return evaluation, nil, text
end

--- Runs the stack's file below the ceilings.
---@return scw.dsl.Stack? made, scw.Error? err
local function run(evaluation, text, limits)
  local words = require("scw").words(evaluation)
  local pause = collectgarbage("setpause", PAUSE)
  local ok, made = guard.call(function()
    return stack.build(evaluation, loader.run(evaluation, text, words))
  end, limits or guard.stack_limits, evaluation.path)
  evaluation.closed = true
  collectgarbage("setpause", pause)
  if ok then return made end
  local failure = made
  if #evaluation.uses > 0 and #failure.details == 0 then failure.details = evaluation:chain() end
  evaluation.problems[#evaluation.problems + 1] = failure
  return nil, evaluation:failure()
end

--- What a stack says about itself: its name, environment, place and state. `build` is not run, and what is wrong in it, in modules or in
--- values from outside does no harm as long as name, environment and state can be told. Raises only for bugs of the engine.
---@param path string
---@param options? scw.dsl.Options
---@return scw.dsl.Stack? stack without declarations
---@return scw.Error? err
function dsl.declaration(path, options)
  options = options or {}
  local evaluation, err, text = begin(path, options, true)
  if not evaluation then return nil, err end
  local made
  made, err = run(evaluation, text, options.limits)
  if not made then return nil, err end
  if not made.readable then return nil, evaluation:failure() end
  made.warnings = {}
  return made
end

--- What is known before the stack runs.
local function note_basis(evaluation, text)
  evaluation.basis["file " .. evaluation.path] = text
  for kind, value in next, evaluation.place do evaluation.basis["place " .. kind] = value end
end

--- Evaluates a stack. Raises only for bugs of the engine.
---@param path string
---@param options? scw.dsl.Options
---@return scw.dsl.Stack?
---@return scw.Error? err one error; `problems` lists them all when there are several
function dsl.load(path, options)
  options = options or {}
  local evaluation, err, text = begin(path, options)
  if not evaluation then return nil, err end
  evaluation.config_file, err = find_config_file(path, options.config_file)
  if err then return nil, err end
  note_basis(evaluation, text)
  local made
  made, err = run(evaluation, text, options.limits)
  if not made then return nil, err end
  evaluation.uses = {}
  made.warnings = check_declarations(made, evaluation)
  for _, warning in ipairs(places.check(evaluation, made, dsl.used_at)) do made.warnings[#made.warnings + 1] = warning end
  config.check_unused(evaluation)
  if options.policies ~= false then
    local invalid = {}
    for _, problem in ipairs(evaluation.problems) do
      if problem.address then invalid[problem.address] = true end
    end
    for _, problem in ipairs(require("scw.policy").check(made, invalid)) do evaluation:report(problem) end
  end
  local failure = evaluation:failure()
  if failure then return nil, failure end
  made.basis = evaluation.basis
  return made
end

return dsl
