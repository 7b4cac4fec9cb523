--- Secrets that nobody ever sees: made while applying, kept in Secret Manager only.
local reference = require "scw.dsl.reference"
local suggest = require "scw.suggest"
local value = require "scw.dsl.value"

local secret = {}

local SECRET_FIELDS = { name = true, path = true, description = true, tags = true, protected = true, region = true, project = true }
local GENERATE_FIELDS = { length = true, lower = true, upper = true, digits = true, special = true }
local NAMES = { "description", "digits", "length", "lower", "name", "path", "project", "protected", "region", "special", "tags", "upper" }
local LENGTH = 32

--- Declares a `secret` and its `secret_version`; gives the version's handle, whose `value` is the secret.
---@param data scw.dsl.Scope
---@param here string
---@param name string
---@param given table? length, lower, upper, digits, special, and the fields of `secret`
---@param declare fun(data: scw.dsl.Scope, here: string, type: scw.schema.Type, name: string, fields: table): table
---@return table handle
function secret.declare(data, here, name, given, declare)
  local session = data.session
  if given ~= nil and (type(given) ~= "table" or reference.is(given)) then
    return session:report { source = here, message = ("generated_secret('%s', …) takes a table of options"):format(name) }
  end
  local fields = { name = (data.path == "" and "" or data.path:gsub("/", "-") .. "-") .. name }
  local generate = { length = LENGTH }
  for _, option in ipairs((value.sorted_keys(given or {}))) do
    if SECRET_FIELDS[option] then
      fields[option] = given[option]
    elseif GENERATE_FIELDS[option] then
      generate[option] = given[option]
    else
      session:report {
        source = here, message = ("a generated secret has no option '%s'"):format(tostring(option)),
        hint = suggest.hint(tostring(option), NAMES) or "the options are " .. table.concat(NAMES, ", "),
      }
    end
  end
  local holder = declare(data, here, session:type("secret"), name, fields)
  return declare(data, here, session:type("secret_version"), name, {
    secret = holder, generate = generate, region = fields.region,
  })
end

return secret
