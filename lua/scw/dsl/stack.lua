--- The declaration of a stack: `scw.stack { name, environment, region, state, build, … }`.
local errors = require "scw.errors"
local key_manager = require "scw.state.key_manager"
local normal = require "scw.schema.normal"
local reference = require "scw.dsl.reference"
local scope = require "scw.dsl.scope"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"

local stack = {}

local STACK, STATE = {}, {}

local NAMES = { "build", "environment", "name", "organization", "project", "region", "state", "summary", "tags", "zone" }

local STATE_KEYS = {
  s3 = { bucket = "string", key = "string", region = "string", endpoint = "string", path_style = "boolean", sealed = "boolean",
    key_file = "string", passphrase = "secret", key_manager = "key", history = "integer", lease = "lease", replica = "table" },
  replica = { bucket = "string", region = "string", endpoint = "string", path_style = "boolean", patience = "duration" },
  file = { path = "string", sealed = "boolean", key_file = "string", passphrase = "secret", key_manager = "key", history = "integer",
    lease = "lease" },
}
--- How a problem names what was wanted.
local STATE_WORDS = { string = "a text known now", boolean = "true or false", integer = "a whole number, 0 or more",
  key = 'the id of a Key Manager key, such as "fr-par/11111111-2222-3333-4444-555555555555"',
  duration = 'a duration such as "15s"', lease = 'a duration from "1s" to "1h"', table = "a table: replica = { bucket = …, region = … }" }
local STATE_REQUIRED = { s3 = { "bucket", "key" }, file = { "path" }, replica = { "bucket", "region" } }

local function fits(found, wanted)
  if wanted == "integer" then return math.type(found) == "integer" and found >= 0 end
  if wanted == "duration" then return type(found) == "string" and (normal.seconds(found) or 0) > 0 end
  if wanted == "lease" then return type(found) == "string" and require("scw.state.lock").seconds(found) ~= nil end
  if wanted == "key" then return type(found) == "string" and key_manager.parse(found) ~= nil end
  if wanted == "table" then return type(found) == "table" and not reference.is(found) end
  return type(found) == wanted and found ~= ""
end

--- Takes a declaration apart: checks names, notes problems.
local function check_names(given, names, what, report)
  for _, name in ipairs((value.sorted_keys(given))) do
    local known = false
    for _, candidate in ipairs(names) do known = known or candidate == name end
    if not known then
      report(("%s has no '%s'"):format(what, tostring(name)), suggest.hint(tostring(name), names) or "it has " .. table.concat(names, ", "))
    end
  end
end

local opaque = { __name = "declaration", __metatable = "declaration" }

--- Reads what a place says about itself; what is wrong is reported. `damaged`: something in it had been reported before.
---@param given table
---@param kind "s3"|"file"|"replica"
---@param what string how the place is called
---@param report fun(message: string, hint?: string)
---@return table
local function read_place(given, kind, what, report)
  local keys, place = STATE_KEYS[kind], {}
  check_names(given, (value.sorted_keys(keys)), what, report)
  for _, key in ipairs((value.sorted_keys(keys))) do
    local wanted, found = keys[key], given[key]
    if reference.is_void(found) then
      place.damaged = true
    elseif found ~= nil then
      if wanted == "secret" then
        if reference.is(found) and reference.secret(found) then place[key] = found
        else report(("%s: %s must not stand in the stack"):format(what, key), 'use scw.secret_env "NAME"') end
      elseif not fits(found, wanted) then
        report(("%s: %s must be %s"):format(what, key, STATE_WORDS[wanted]))
      elseif wanted == "table" then
        place[key] = read_place(found, key, what .. "'s " .. key, report)
        place.damaged = place.damaged or place[key].damaged
      else
        place[key] = wanted == "duration" and normal.seconds(found) or found
      end
    end
  end
  for _, key in ipairs(STATE_REQUIRED[kind]) do
    if given[key] == nil then report(("%s needs `%s`"):format(what, key)) end
  end
  return place
end

--- `scw.s3 { … }` and `scw.file { … }`: where the state is kept.
---@param session scw.dsl.Session
---@param kind "s3"|"file"
---@param given table
---@param here string
---@return table
function stack.state(session, kind, given, here)
  local what = "scw." .. kind
  local function report(message, hint) return session:report { message = message, hint = hint, source = here } end
  if type(given) ~= "table" or reference.is(given) then return report(what .. " takes a table") end
  local problems = #session.problems
  local state = read_place(given, kind, what, report)
  state.kind, state.source = kind, here
  if state.sealed == nil then state.sealed = true end
  local replica = state.replica
  if replica and replica.bucket and replica.bucket == state.bucket and replica.endpoint == state.endpoint then
    report("the replica is the same bucket as the state: " .. replica.bucket, "give it a bucket of its own, in another region")
  end
  state.damaged = state.damaged or #session.problems > problems or nil
  return setmetatable({ [STATE] = state }, opaque)
end

--- `scw.stack { … }`
---@param session scw.dsl.Session
---@param given table
---@param here string
---@return table
function stack.declare(session, given, here)
  if type(given) ~= "table" or reference.is(given) then
    error(errors.new { code = "INFRA_001", message = "scw.stack takes a table", source = here }, 0)
  end
  return setmetatable({ [STACK] = { given = given, source = here, session = session } }, opaque)
end

local function name_of(given, report)
  if type(given) == "string" and #given <= 63 and given:find("^[%a][%w-]*$") then return given end
  if reference.is_void(given) then return "stack" end
  report("a stack needs a `name`: letters, digits and -, beginning with a letter, at most 63", 'for example name = "evalap-staging"')
  return "stack"
end

--- Evaluates what the stack file returned.
---@param session scw.dsl.Session
---@param declared any
---@return table stack
function stack.build(session, declared)
  local content = type(declared) == "table" and rawget(declared, STACK)
  if not content then
    error(errors.new {
      code = "INFRA_001", message = "a stack file has to end with: return scw.stack { … }", source = session.path .. ":1",
    }, 0)
  end
  local given, here = content.given, content.source
  local function report(message, hint) session:report { message = message, hint = hint, source = here } end
  check_names(given, NAMES, "a stack", report)

  local tags, problem = scope.read_tags(given.tags)
  if problem then report(problem) end
  for _, kind in ipairs { "region", "zone" } do -- from outside: said here, since nothing else names a line
    local text = session.place[kind]
    if text ~= nil and given[kind] == nil and not scope.is_place(kind, text) then
      report(("the default %s '%s' is not %s"):format(kind, text, scope.place_form(kind)))
      session.place[kind] = nil
    end
  end
  local place = scope.place(session.place, given, report)
  if place.region and place.zone and place.zone:match("^(.*)%-%d+$") ~= place.region then
    report(("the zone %s is not in the region %s"):format(place.zone, place.region))
  end
  local state
  if given.state == nil then
    state = { kind = "file", path = ".scwlua/" .. name_of(given.name, function() end) .. ".state", sealed = true, source = here }
  else
    state = type(given.state) == "table" and rawget(given.state, STATE)
    if not state and not reference.is_void(given.state) then
      report("`state` says where the state is kept", 'for example state = scw.s3 { bucket = "…", key = "staging/scwlua.state" }')
    end
  end
  if given.environment ~= nil and not (type(given.environment) == "string" and given.environment:find("^[%w_-]+$"))
    and not reference.is_void(given.environment) then
    report('`environment` is a word such as "staging"')
  end
  local made = {
    name = name_of(given.name, report), environment = type(given.environment) == "string" and given.environment or nil,
    region = place.region, zone = place.zone, project = place.project, organization = place.organization, tags = tags or {},
    state = state or nil, declarations = session.declarations, outputs = session.outputs, checks = session.checks,
    config = session.configs, messages = session.messages, path = session.path, source = here,
  }
  session.stack = made
  if session.bare then
    made.readable = type(given.name) == "string" and made.name == given.name and not reference.is_void(given.environment)
      and made.state ~= nil and not made.state.damaged
    return made
  end
  if type(given.build) ~= "function" then
    report("a stack needs `build = function(stack) … end`")
    return made
  end
  given.build(scope.new {
    session = session, path = "", name = made.name, place = place, tags = made.tags, depends_on = {}, uses = {},
  })
  return made
end

return stack
