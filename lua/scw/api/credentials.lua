--- Who deploys and where: keys and defaults from the places the ecosystem uses. From weakest to strongest: built-in
--- defaults, the profile of the configuration file, environment variables, flags. Secrets are in no message.
local core = require "core"
local errors = require "scw.errors"
local profiles = require "scw.api.profile"
local settings = require "scw.api.settings"

local credentials = {}

local API_URL = "https://api.scaleway.com"
local DEFAULT_REGION = "fr-par"

---@class scw.Credentials
---@field access_key? string
---@field secret_key? string
---@field project? string
---@field organization? string
---@field region string
---@field zone string
---@field api_url string
---@field s3_endpoint? string only when set; otherwise it follows from the region
---@field path_style? boolean only when set
---@field insecure boolean
---@field user_agent? string
---@field profile? string
---@field sources table<string, string> name of a setting to where it came from
---@field warnings string[]

local function malformed(setting, source, problem)
  return errors.new {
    code = "INFRA_001", kind = "invalid",
    message = ("the %s from %s is %s"):format(setting.name:gsub("_", " "), source, problem),
    hint = setting.form and ("it should be " .. setting.form) or nil,
  }
end

--- Checks and normalises one value.
local function accept(setting, value, source, warnings)
  if setting.boolean then
    local flag = settings.boolean(value)
    if flag == nil then
      warnings[#warnings + 1] = ("%s is neither true nor false: taken as false"):format(source)
      return false
    end
    return flag
  end
  if type(value) ~= "string" then return nil, malformed(setting, source, "not a text") end
  if value == "" then return nil, malformed(setting, source, "set but empty") end
  if setting.normal then value = setting.normal(value) end
  if not setting.check(value) then return nil, malformed(setting, source, "malformed") end
  return value
end

--- The variable that gives a setting; SCALEWAY_ACCESS_KEY once meant either key, so there its form decides.
local function from_environment(setting, environment, warnings)
  for i, name in ipairs(setting.variables) do
    local value = environment[name]
    if value and (name ~= "SCALEWAY_ACCESS_KEY" or setting.check(value)) then
      if i > setting.modern then
        warnings[#warnings + 1] = ("%s is deprecated: use %s"):format(name, setting.variables[1])
      end
      return value, name
    end
  end
  if setting.name == "insecure" and environment.SCW_TLSVERIFY then
    warnings[#warnings + 1] = "SCW_TLSVERIFY is deprecated: use SCW_INSECURE"
    return settings.boolean(environment.SCW_TLSVERIFY) == false, "SCW_TLSVERIFY"
  end
end

--- Everything that says something about a setting, strongest first.
local function candidates(setting, options, file, warnings)
  local found = {}
  local function add(value, source)
    if value ~= nil then found[#found + 1] = { value = value, source = source } end
  end
  local flag = (options.flags or {})[setting.name]
  add(flag, "the option " .. setting.name)
  add(from_environment(setting, options.environment, warnings))
  if file then
    local source = ("%s (profile %s)"):format(file.path, file.name)
    local value = file.values[setting.file]
    if value ~= core.null then add(value, source) end
  end
  return found
end

local function known(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

--- Region and zone complete each other; a strange pair warns.
local function complete_place(loaded)
  local warnings = loaded.warnings
  local region_of_zone = loaded.zone and loaded.zone:match("^(.*)%-%d+$")
  if not loaded.region then
    loaded.region = region_of_zone or DEFAULT_REGION
    loaded.sources.region = region_of_zone and "the zone" or "the built-in default"
  end
  if not loaded.zone then
    loaded.zone = loaded.region .. "-1"
    loaded.sources.zone = "the region"
  elseif region_of_zone ~= loaded.region then
    warnings[#warnings + 1] = ("the zone %s (from %s) is not in the region %s (from %s)"):format(
      loaded.zone, loaded.sources.zone, loaded.region, loaded.sources.region)
  end
  if not known(settings.regions, loaded.region) then
    warnings[#warnings + 1] = ("unknown region %s: known are %s"):format(loaded.region, table.concat(settings.regions, ", "))
  elseif region_of_zone == loaded.region and not known(settings.zones, loaded.zone) then
    warnings[#warnings + 1] = ("unknown zone %s: known are %s"):format(loaded.zone, table.concat(settings.zones, ", "))
  end
end

local function missing(loaded, options)
  local lacking, variables = {}, {}
  for _, setting in ipairs(settings.list) do
    if (setting.name == "access_key" or setting.name == "secret_key") and not loaded[setting.name] then
      lacking[#lacking + 1] = setting.name:gsub("_", " ")
      variables[#variables + 1] = setting.variables[1]
    end
  end
  if #lacking == 0 or options.optional then return nil end
  local looked = { "the environment: " .. table.concat(variables, ", ") }
  if options.config_file ~= false then
    looked[#looked + 1] = "the configuration file: " .. table.concat(profiles.paths(options.environment), ", ")
  end
  return errors.new {
    code = "INFRA_003", kind = "denied",
    message = "no credentials: there is no " .. table.concat(lacking, " and no "),
    details = { "looked in " .. looked[1], looked[2] and "and in " .. looked[2] or nil },
    hint = ("set %s, or make a profile with `scw init`; keys come from IAM > API keys in the console"):format(
      table.concat(variables, " and ")),
  }
end

--- Loads everything. Returns an error for malformed values and unknown profiles and, unless `optional`, for missing keys.
---@class scw.CredentialOptions
---@field environment? table<string, string> otherwise the process's
---@field profile? string
---@field flags? table names of settings to values
---@field optional? boolean keys may be missing
---@field config_file? boolean false: do not look at it

---@param options scw.CredentialOptions
---@return scw.Credentials|nil, scw.Error|nil
function credentials.load(options)
  options = setmetatable({ environment = options.environment or core.environment() }, { __index = options })
  local warnings = {}
  local file, err
  if options.config_file ~= false then
    file, err = profiles.read(options.environment, options.profile)
    if err then return nil, err end
  end
  if file and file.warning then warnings[1] = file.warning end
  ---@type scw.Credentials
  local loaded = { warnings = warnings, sources = {}, profile = file and file.name or nil }
  for _, setting in ipairs(settings.list) do
    local found = candidates(setting, options, file, warnings)
    if found[1] then
      local value
      value, err = accept(setting, found[1].value, found[1].source, warnings)
      if err then return nil, err end
      loaded[setting.name], loaded.sources[setting.name] = value, found[1].source
      for i = 2, #found do
        if not setting.boolean and (setting.normal or tostring)(tostring(found[i].value)) ~= value then
          warnings[#warnings + 1] = ("the %s differs between %s, which is used, and %s"):format(
            setting.name:gsub("_", " "), found[1].source, found[i].source)
        end
      end
    end
  end
  complete_place(loaded)
  loaded.api_url = loaded.api_url or API_URL
  loaded.insecure = loaded.insecure or false
  if loaded.insecure then warnings[#warnings + 1] = "certificates are not checked (" .. loaded.sources.insecure .. ")" end
  local host = loaded.api_url:match("^http://([^/]*)")
  if host and not host:match("^127%.") and not host:match("^localhost") and not host:match("^%[::1%]") then
    warnings[#warnings + 1] = "the secret key travels unencrypted to " .. loaded.api_url
  end
  err = missing(loaded, options)
  if err then return nil, err end
  return loaded
end

return credentials
