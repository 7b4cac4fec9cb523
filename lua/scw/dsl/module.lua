--- Modules: reusable parts of stacks with typed inputs. What `build` gives back is the module's result.
local errors = require "scw.errors"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"
local source = require "scw.dsl.source"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"
local word = require "scw.dsl.word"

local module = {}

local MODULE, RESULT = {}, {}
local SPEC_NAMES = { "build", "inputs", "outputs", "summary" }
local DEEPEST = 32 -- modules inside modules

local module_metatable = { __name = "module", __metatable = "module" }

local function fail(message, hint, at)
  error(errors.new { code = "INFRA_001", message = message, hint = hint, source = at or source.here() }, 0)
end

-- Input words ------------------------------------------------------------------------------------------------------------

--- The words inputs are declared with: the schema's, plus `enum`.
---@return table<string, fun(session: scw.dsl.Session, here: string, options?: table): table>
function module.words()
  local words = {}
  for _, kind in ipairs { "str", "int", "float", "bool", "list", "set", "map", "object", "ref", "any", "duration", "size" } do
    words[kind] = function(_, here, options)
      local field, problem, hint = word.make(kind, options)
      if not field then fail(("scw.%s %s"):format(kind, problem), hint, here) end
      field.source = here
      return field
    end
  end
  --- `scw.enum { "small", "large", default = "small" }`
  function words.enum(session, here, options)
    local choices, others = {}, {}
    for key, option in next, type(options) == "table" and options or {} do
      if math.type(key) then choices[key] = option else others[key] = option end
    end
    if #choices == 0 then fail("scw.enum takes the texts to choose from", 'for example scw.enum { "small", "large" }', here) end
    others.enum = choices
    return words.str(session, here, others)
  end
  return words
end

-- Declaring --------------------------------------------------------------------------------------------------------------

--- `scw.module { summary, inputs, outputs, build }`
---@param spec table
---@param here string? where it is declared
---@return table module
function module.new(spec, here)
  if type(spec) ~= "table" then fail("scw.module takes a table: summary, inputs, build", nil, here) end
  for _, name in ipairs((value.sorted_keys(spec))) do
    if name ~= "summary" and name ~= "inputs" and name ~= "outputs" and name ~= "build" then
      fail(("a module has no '%s'"):format(tostring(name)), suggest.hint(tostring(name), SPEC_NAMES)
        or "it has " .. table.concat(SPEC_NAMES, ", "), here)
    end
  end
  if type(spec.summary) ~= "string" or spec.summary == "" then fail("a module needs a `summary`: one sentence", nil, here) end
  if type(spec.build) ~= "function" then fail("a module needs `build = function(scope, input) … end`", nil, here) end
  local inputs, outputs = spec.inputs or {}, spec.outputs
  if type(inputs) ~= "table" or (outputs ~= nil and type(outputs) ~= "table") then
    fail("`inputs` and `outputs` of a module are tables", nil, here)
  end
  for _, name in ipairs((value.sorted_keys(inputs))) do
    local field = inputs[name]
    if type(name) ~= "string" or type(field) ~= "table" or reference.is(field) or not field.kind then
      fail(("input %s is not declared with a word such as scw.str { required = true }"):format(tostring(name)), nil, here)
    end
  end
  for _, name in ipairs((value.sorted_keys(outputs or {}))) do
    if type(name) ~= "string" or type(outputs[name]) ~= "string" then
      fail("`outputs` of a module gives each name a sentence that says what it is", nil, here)
    end
  end
  local type_object = schema.type { name = "the module", summary = spec.summary, locality = "global", fields = inputs }
  return setmetatable({ [MODULE] = {
    summary = spec.summary, build = spec.build, outputs = outputs, source = here, type = type_object,
  } }, module_metatable)
end

--- What is known about a module; for documentation.
---@param given any
---@return { summary: string, type: scw.schema.Type, outputs?: table<string, string>, source: string }?
function module.facts(given)
  return type(given) == "table" and rawget(given, MODULE) or nil
end

-- Inputs and results -----------------------------------------------------------------------------------------------------

local function refuse_change(what)
  return function(_, key) fail(("cannot set %s: %s cannot be changed"):format(tostring(key), what)) end
end

local INPUT = {}

local function input_of(values, type_object)
  return setmetatable({ [INPUT] = values }, type_object.input_metatable)
end

local function sorted_pairs(content)
  local keys, position = value.sorted_keys(content), 0
  return function()
    position = position + 1
    local key = keys[position]
    if key ~= nil then return key, content[key] end
  end
end

local function input_metatable(type_object)
  local metatable = {
    __name = "input", __metatable = "input", __newindex = refuse_change("the input of a module"),
    __pairs = function(self) return sorted_pairs(rawget(self, INPUT)) end,
    __index = function(self, key)
      local found = rawget(self, INPUT)[key]
      if found == nil and not type_object.fields[key] then
        fail(("the module has no input '%s'"):format(tostring(key)), suggest.hint(tostring(key), type_object.order)
          or "its inputs are " .. table.concat(type_object.order, ", "))
      end
      return found
    end,
  }
  value.transparent[metatable] = function(self) return rawget(self, INPUT) end
  return metatable
end

local result_metatable = {
  __name = "module result", __metatable = "module result", __newindex = refuse_change("what a module gives back"),
  __pairs = function(self) return sorted_pairs(rawget(self, RESULT).values) end,
}
value.transparent[result_metatable] = function(self) return rawget(self, RESULT).values end

function result_metatable.__index(self, key)
  local content = rawget(self, RESULT)
  local found = content.values[key]
  if found ~= nil then return found end
  local names = value.sorted_keys(content.values)
  for i, name in ipairs(names) do names[i] = tostring(name) end
  return content.session:report {
    message = ("the module '%s' gives back no '%s'"):format(content.path, tostring(key)), source = source.here(2),
    hint = suggest.hint(tostring(key), names) or (#names > 0 and "it gives " .. table.concat(names, ", ") or "it gives nothing"),
  }
end

--- Addresses of everything that a module result stands for.
---@param given any
---@return (fun(): string[])?
function module.declarations_of(given)
  local content = type(given) == "table" and rawget(given, RESULT)
  if not content then return nil end
  return function()
    local addresses, prefix = {}, content.path .. "/"
    for _, declaration in ipairs(content.session.declarations) do
      if declaration.address:sub(1, #prefix) == prefix then addresses[#addresses + 1] = declaration.address end
    end
    return addresses
  end
end

local function check_inputs(session, facts, path, inputs, here)
  local failed = false
  local function report(name, message, hint)
    failed = true
    local field = facts.type.fields[name:match("^[^.%[]+") or ""]
    local details = session:chain()
    if field and field.source then table.insert(details, 1, "the input is declared at " .. field.source) end
    session:report { message = ("module '%s': %s"):format(path, message), hint = hint, source = here, details = details }
  end
  if inputs ~= nil and (type(inputs) ~= "table" or reference.is(inputs)) then
    report("", "inputs must be a table")
    return nil
  end
  local values = value.copy(inputs or {}, function(at, message, hint)
    report(at, (at ~= "" and at .. ": " or "") .. message, hint)
  end)
  if failed then return nil end
  for _, problem in ipairs((schema.check(facts.type, values))) do
    report(problem.path, (problem.message:gsub("^the module has no field", "there is no input", 1)), problem.hint)
  end
  if failed then return nil end
  return schema.defaults(facts.type, values)
end

local function check_result(session, facts, path, values)
  if values == nil then values = {} end
  if type(values) ~= "table" or (reference.is(values) and not reference.is_void(values)) then
    fail(("build of module '%s' has to return a table of names, not %s"):format(path, reference.is(values) and "one reference"
      or "a " .. type(values)), "for example: return { url = app.url }", facts.source)
  end
  local metatable = debug.getmetatable(values)
  if metatable and not reference.is_void(values) then
    if not value.transparent[metatable] then
      fail(("build of module '%s' has to return a plain table of names"):format(path), nil, facts.source)
    end
    values = value.transparent[metatable](values)
  end
  if facts.outputs and not reference.is_void(values) then
    local function report(message) session:report { message = ("module '%s' %s"):format(path, message), source = facts.source } end
    for _, name in ipairs((value.sorted_keys(facts.outputs))) do
      if values[name] == nil then report(("declares the output '%s' but does not give it back"):format(name)) end
    end
    for _, name in ipairs((value.sorted_keys(values))) do
      if not facts.outputs[name] then report(("gives back '%s' without declaring it in `outputs`"):format(tostring(name))) end
    end
  end
  return values
end

--- Instantiates a module: checks the inputs, runs `build` in a scope of its own.
---@param session scw.dsl.Session
---@param facts table of the module
---@param path string of the instance, "app/db"
---@param scope table the scope for `build`
---@param inputs any
---@param here string the line of the `use`
---@return table result
function module.use(session, facts, path, scope, inputs, here)
  if #session.uses >= DEEPEST then
    fail(("modules nested more than %d deep: '%s' seems to use itself"):format(DEEPEST, path), nil, here)
  end
  local values = check_inputs(session, facts, path, inputs, here)
  if not values then return reference.void() end
  facts.type.input_metatable = facts.type.input_metatable or input_metatable(facts.type)
  table.insert(session.uses, here) -- stays there when build fails: the error then names it
  local given = facts.build(scope, input_of(values, facts.type))
  values = check_result(session, facts, path, given)
  table.remove(session.uses)
  return setmetatable({ [RESULT] = { session = session, path = path, values = values } }, result_metatable)
end

return module
