--- Scopes: what `build` gets. `scope:<type>(name, fields, options)` declares a resource, `scope:use` a module.
local config = require "scw.dsl.config"
local core = require "core"
local errors = require "scw.errors"
local handle = require "scw.dsl.handle"
local module = require "scw.dsl.module"
local options = require "scw.dsl.options"
local reference = require "scw.dsl.reference"
local secret = require "scw.dsl.secret"
local source = require "scw.dsl.source"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"

local scope = {}

options.declarations_of = module.declarations_of

local SCOPE = {}
local PLACES = { "region", "zone", "project", "organization" }
local USE_OPTIONS = { "depends_on", "organization", "project", "region", "tags", "zone" }

--- A scope's own facts; a scope in user code is an opaque table around them.
---@class scw.dsl.Scope
---@field session scw.dsl.Session
---@field path string "" for the stack, "app/db" for a module in a module
---@field name string the stack's, or the instance's
---@field place table region, zone, project, organization
---@field tags table as given: a list or a map
---@field depends_on string[] addresses that everything in the scope waits for
---@field uses string[] lines of the `use` that lead here, outermost first

local function fail(message, hint, here)
  error(errors.new { code = "INFRA_001", message = message, hint = hint, source = here }, 0)
end

local find = string.find -- the plain one: methods of texts are checked while user code runs

local function is_name(name)
  return type(name) == "string" and #name <= 100 and find(name, "^[%w_][%w_-]*$") ~= nil
end

local function check_name(data, what, name, here)
  if is_name(name) then return true end
  local shown = type(name) == "string" and ("'%s'"):format(name) or reference.is(name) and "a reference" or "a " .. type(name)
  data.session:report {
    message = ("%s is no name for %s"):format(shown, what), source = here,
    hint = "a name has letters, digits, - and _, at most 100 of them, and is known now",
  }
  return false
end

-- Tags -------------------------------------------------------------------------------------------------------------------

--- Tags in the form that a field wants: "app=evalap" in a list is app → evalap in a map, and the other way round.
local function tags_as(kind, tags)
  local result = {}
  if kind == "map" then
    for _, tag in ipairs(tags) do
      local key, text = tag:match("^([^=]+)=(.*)$")
      result[key or tag] = text or ""
    end
    for key, text in next, tags do
      if type(key) == "string" then result[key] = text end
    end
  else
    for i, tag in ipairs(tags) do result[i] = tag end
    for _, key in ipairs((value.sorted_keys(tags))) do
      if type(key) == "string" then result[#result + 1] = key .. "=" .. tags[key] end
    end
  end
  return result
end

local function add_tags(field, given, tags)
  if next(tags) == nil or reference.is(given) or (given ~= nil and type(given) ~= "table") then return given end
  local result = tags_as(field.kind, tags)
  if field.kind ~= "map" and given and next(given) ~= nil and #given == 0 then return given end -- no list: the check says so
  if field.kind == "map" then
    for key, text in next, given or {} do result[key] = text end
    return result
  end
  local present = {}
  for _, tag in ipairs(result) do present[tag] = true end
  for _, tag in ipairs(given or {}) do
    if not present[tag] then result[#result + 1] = tag end
  end
  return result
end

---@param tags any
---@return table? tags a plain copy
---@return string? problem
function scope.read_tags(tags)
  if tags == nil then return {} end
  if type(tags) ~= "table" or reference.is(tags) then return nil, "tags must be a list of texts or a table of names and texts" end
  local copy = {}
  for _, key in ipairs((value.sorted_keys(tags))) do
    if type(tags[key]) ~= "string" then return nil, "tags must be texts" end
    copy[key] = tags[key]
  end
  return copy
end

-- Places -----------------------------------------------------------------------------------------------------------------

local function is_place(kind, text)
  if reference.is(text) then return kind == "project" or kind == "organization" end
  if type(text) ~= "string" then return false end
  if kind == "region" then return text:find("^%l%l%-%l%l%l+$") ~= nil end
  if kind == "zone" then return text:find("^%l%l%-%l%l%l+%-%d%d?$") ~= nil end
  return text:find("^[%w_-]+$") ~= nil
end

scope.is_place = is_place

--- What a right place looks like, for messages.
---@param kind "region"|"zone"|"project"|"organization"
---@return string
function scope.place_form(kind)
  return kind == "region" and "a region such as fr-par" or kind == "zone" and "a zone such as fr-par-1" or "an id"
end

--- The place of a declaration or a module: what is given, above what the scope has.
---@param outer table
---@param given table
---@param report fun(message: string)
---@return table
function scope.place(outer, given, report)
  if not (given.region or given.zone or given.project or given.organization) then return outer end
  local place = {}
  for _, kind in ipairs(PLACES) do
    local own = given[kind]
    if own ~= nil and not reference.is_void(own) and not is_place(kind, own) then
      report(("%s must be %s"):format(kind, scope.place_form(kind)))
      own = nil
    end
    place[kind] = own or outer[kind]
  end
  -- a region of its own takes its own zone along, and the other way round
  if given.region and not given.zone and place.zone and place.zone:match("^(.*)%-%d+$") ~= place.region then
    place.zone = place.region .. "-1"
  elseif given.zone and not given.region and place.zone then
    place.region = place.zone:match("^(.*)%-%d+$")
  end
  return place
end

-- Declaring --------------------------------------------------------------------------------------------------------------

--- Direct dependencies: what the fields, the place and the options refer to.
local function needs_of(declaration)
  local needs, seen, options_given = {}, { [declaration.address] = true }, declaration.options
  local function add(address)
    if seen[address] then return end
    seen[address] = true
    needs[#needs + 1] = address
  end
  reference.each(declaration.fields, add)
  reference.each(declaration.project, add)
  reference.each(declaration.organization, add)
  if options_given.replace_on then reference.each(options_given.replace_on, add) end
  if options_given.depends_on then
    for _, address in ipairs(options_given.depends_on) do add(address) end
  end
  if needs[2] then table.sort(needs) end
  return needs
end

local function register(data, declaration, here)
  local session = data.session
  local other = session.by_address[declaration.address]
  if other then
    session:report {
      address = declaration.address, source = here, message = ("%s is declared twice"):format(declaration.address),
      details = { "the other declaration is at " .. other.source }, hint = "names are unique within a type and a module",
    }
    return
  end
  session.by_address[declaration.address] = declaration
  session.declarations[#session.declarations + 1] = declaration
end

--- A report function for `value.copy`: the path goes before the message.
local function with_path(report)
  return function(path, message, hint) report((path ~= "" and path .. ": " or "") .. message, hint) end
end

local function declare(data, here, type_object, name, fields, given_options)
  local session = data.session
  if session.closed then
    fail(("%s cannot be declared now: the stack has been evaluated"):format(type_object.name),
      "declare resources in `build`, not in functions that run later", here)
  end
  if not check_name(data, "a " .. type_object.name, name, here) then return reference.void() end
  local address = (data.path == "" and "" or data.path .. "/") .. type_object.name .. "." .. name
  local function report(message, hint) session:report { address = address, source = here, message = message, hint = hint } end
  if fields ~= nil and (type(fields) ~= "table" or reference.is(fields)) then
    report(("%s takes a table of fields, not a %s"):format(type_object.name, reference.is(fields) and "reference" or type(fields)))
    fields = nil
  end
  local copy = value.copy(fields or {}, with_path(report)) or {}
  local place = scope.place(data.place, copy, report)
  local tags = type_object.fields.tags
  if tags then copy.tags = add_tags(tags, copy.tags, data.tags) end
  local declaration = {
    address = address, type = type_object.name, name = name, module = data.path, fields = copy, source = here, uses = data.uses,
    options = options.read(given_options, type_object, report), lookup = false,
    region = place.region, zone = place.zone, project = place.project, organization = place.organization,
  }
  if #data.depends_on > 0 then
    local all = declaration.options.depends_on or {}
    table.move(data.depends_on, 1, #data.depends_on, #all + 1, all)
    declaration.options.depends_on = all
  end
  declaration.needs = needs_of(declaration)
  register(data, declaration, here)
  return handle.new(session, declaration, type_object)
end

local methods = {}

function methods.use(data, here, name, used, inputs, given_options)
  local session = data.session
  if not check_name(data, "a module", name, here) then return reference.void() end
  local facts = module.facts(used)
  if not facts then
    return session:report {
      source = here, message = ("use('%s', …) takes a module, not a %s"):format(name, reference.is(used) and "reference" or type(used)),
      hint = 'for example: stack:use("db", require "modules.postgres", { … })',
    }
  end
  local path = (data.path == "" and "" or data.path .. "/") .. name
  if session.modules[path] then
    return session:report {
      source = here, message = ("there are two modules called '%s'"):format(path),
      details = { "the other one is used at " .. session.modules[path] },
    }
  end
  session.modules[path] = here
  local function report(message, hint)
    session:report { source = here, message = ("module '%s': %s"):format(path, message), hint = hint }
  end
  given_options = given_options or {}
  if type(given_options) ~= "table" or reference.is(given_options) then
    report "options must be a table"
    given_options = {}
  end
  for _, option in ipairs((value.sorted_keys(given_options))) do
    local known = false
    for _, candidate in ipairs(USE_OPTIONS) do known = known or option == candidate end
    if not known then
      report(("there is no option '%s'"):format(tostring(option)), suggest.hint(tostring(option), USE_OPTIONS)
        or "the options are " .. table.concat(USE_OPTIONS, ", "))
    end
  end
  local addresses = table.move(data.depends_on, 1, #data.depends_on, 1, {})
  local problem = given_options.depends_on ~= nil and options.addresses(given_options.depends_on, addresses)
  if problem then report(problem) end
  local own_tags, tag_problem = scope.read_tags(given_options.tags)
  if tag_problem then report(tag_problem) end
  local tags = table.move(data.tags, 1, #data.tags, 1, {})
  for key, text in next, data.tags do tags[key] = text end
  for key, text in next, own_tags or {} do
    if math.type(key) then tags[#tags + 1] = text else tags[key] = text end
  end
  local uses = table.move(data.uses, 1, #data.uses, 1, {})
  uses[#uses + 1] = here
  return module.use(session, facts, path, scope.new {
    session = session, path = path, name = name, place = scope.place(data.place, given_options, report), tags = tags,
    depends_on = addresses, uses = uses,
  }, inputs, here)
end

function methods.output(data, here, name, given)
  local session = data.session
  if not check_name(data, "an output", name, here) then return end
  local full = (data.path == "" and "" or data.path:gsub("/", ".") .. ".") .. name
  if session.output_sources[full] then
    session:report {
      source = here, message = ("the output '%s' is given twice"):format(full),
      details = { "the other one is at " .. session.output_sources[full] },
    }
    return
  end
  if given == nil then
    session:report { source = here, message = ("the output '%s' has no value"):format(full) }
    return
  end
  session.output_sources[full] = here
  local copy = value.copy(given, function(path, message, hint)
    local place = path ~= "" and " at " .. path or ""
    session:report { source = here, message = ("output '%s'%s: %s"):format(full, place, message), hint = hint }
  end)
  session.outputs[#session.outputs + 1] = { name = full, value = copy, source = here, secret = reference.secret(copy) }
end

function methods.config(data, here, name, spec)
  if not check_name(data, "a config", name, here) then return reference.void() end
  return config.read(data.session, (data.path == "" and "" or data.path:gsub("/", ".") .. ".") .. name, spec, here)
end

function methods.check(data, here, condition, message)
  local session = data.session
  if type(message) ~= "string" then
    session:report { source = here, message = "check takes a condition and a message that says what is wrong without it" }
    return
  end
  if reference.is(condition) then
    if not reference.is_void(condition) then
      local uses = {}
      for i = #data.uses, 1, -1 do uses[#uses + 1] = "used at " .. data.uses[i] end
      session.checks[#session.checks + 1] = {
        condition = condition, message = message, source = here, module = data.path, details = uses,
      }
    end
  elseif not condition then
    session:report { source = here, message = message }
  end
end

function methods.lookup(data, here, type_name, query)
  local session = data.session
  local type_object = session:type(type_name)
  if not type_object then
    return session:report {
      source = here, message = ("there is no type '%s'"):format(tostring(type_name)),
      hint = suggest.hint(tostring(type_name), session.catalogue.names()),
    }
  end
  if type(query) == "string" then query = { id = query } end
  if type(query) ~= "table" or reference.is(query) or next(query) == nil then
    return session:report {
      source = here, message = ("lookup('%s', …) takes a table of fields that name one resource"):format(type_name),
      hint = ('for example scope:lookup("%s", { name = "main" })'):format(type_name),
    }
  end
  local base = (data.path == "" and "" or data.path .. "/") .. "lookup." .. type_name
  local function report(message, hint) session:report { address = base, source = here, message = message, hint = hint } end
  local copy = value.copy(query, with_path(report)) or {}
  for _, name in ipairs((value.sorted_keys(copy))) do
    if name ~= "id" and not type_object.fields[name] and not type_object.outputs[name] then
      report(("%s has no field '%s'"):format(type_name, tostring(name)), suggest.hint(tostring(name), type_object.order))
    end
  end
  local label = type(copy.name) == "string" and copy.name or type(copy.id) == "string" and copy.id or "it"
  label = label:gsub("[^%w_-]", "-")
  local address, count = base .. "." .. label, 1
  while session.by_address[address] do
    count = count + 1
    address = ("%s.%s-%d"):format(base, label, count)
  end
  local place = scope.place(data.place, copy, report)
  local declaration = {
    address = address, type = type_name, name = address:match("[^.]+$"), module = data.path, fields = copy, options = {},
    source = here, uses = data.uses, lookup = true,
    region = place.region, zone = place.zone, project = place.project, organization = place.organization,
  }
  declaration.needs = needs_of(declaration)
  register(data, declaration, here)
  return handle.new(session, declaration, type_object)
end

function methods.generated_secret(data, here, name, given)
  if not check_name(data, "a generated secret", name, here) then return reference.void() end
  return secret.declare(data, here, name, given, declare)
end

-- The scope in user code -------------------------------------------------------------------------------------------------

local METHODS = { "check", "config", "generated_secret", "lookup", "output", "use" }
local PROPERTIES = { name = true, path = true, tags = true, region = true, zone = true, project = true, organization = true,
  environment = true, stack = true }

local metatable = { __name = "scope", __metatable = "scope" }

local function property(data, key)
  if key == "name" or key == "path" then return data[key] end
  if key == "tags" then return value.copy(data.tags, error) end
  if key == "environment" then return data.session.stack.environment end
  if key == "stack" then return data.session.stack.name end
  return data.place[key]
end

local function unknown_word(data, key, here)
  local candidates = data.session.catalogue.names()
  table.move(METHODS, 1, #METHODS, #candidates + 1, candidates)
  for name in next, PROPERTIES do candidates[#candidates + 1] = name end
  return data.session:report {
    source = here, message = ("there is no type '%s'"):format(tostring(key)),
    hint = suggest.hint(tostring(key), candidates) or ("`%s types` lists them"):format(core.program),
  }
end

-- The line is found here, and not when the method runs: a tail call (`return scope:container(…)`) would hide it.
function metatable.__index(self, key)
  local data = rawget(self, SCOPE)
  if PROPERTIES[key] then return property(data, key) end
  local here = source.here(2)
  local method, type_object = methods[key], nil
  if not method then
    type_object = data.session:type(key)
    if not type_object then return unknown_word(data, key, here) end
  end
  return function(given, ...)
    if not rawequal(given, self) then
      fail(("%s is called with a colon"):format(key), ("write scope:%s(…)"):format(key), here)
    end
    if method then return method(data, here, ...) end
    return declare(data, here, type_object, ...)
  end
end

function metatable.__newindex(_, key)
  fail(("cannot set '%s' of a scope"):format(tostring(key)), "use a local variable", source.here(2))
end

---@param facts scw.dsl.Scope
---@return table scope
function scope.new(facts)
  return setmetatable({ [SCOPE] = facts }, metatable)
end

return scope
