--- The settings a deployment needs, and where the ecosystem keeps them: names of variables, keys of the
--- configuration file, formats.
local settings = {}

local UUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"
local ACCESS_KEY = "^SCW" .. ("[A-Z0-9]"):rep(17) .. "$"
local REGION = "^%l%l%-%l%l%l+$"
local ZONE = "^%l%l%-%l%l%l+%-%d%d?$"

--- Regions known when this was written; others warn.
settings.regions = { "fr-par", "nl-ams", "pl-waw", "it-mil" }
settings.zones = {
  "fr-par-1", "fr-par-2", "fr-par-3", "nl-ams-1", "nl-ams-2", "nl-ams-3", "pl-waw-1", "pl-waw-2", "pl-waw-3", "it-mil-1",
}

local ancient = { par1 = "fr-par", ams1 = "nl-ams" }

local function modern(value) return ancient[value] or value end
local function without_slash(value) return (value:gsub("/+$", "")) end

local truth = {}
for _, word in ipairs { "1", "t", "T", "true", "TRUE", "True" } do truth[word] = true end
for _, word in ipairs { "0", "f", "F", "false", "FALSE", "False" } do truth[word] = false end

--- A boolean as the ecosystem spells it; nil for anything else.
---@param value any
---@return boolean|nil
function settings.boolean(value)
  if type(value) == "boolean" then return value end
  return truth[tostring(value)]
end

local function matches(pattern)
  return function(value) return value:match(pattern) ~= nil end
end

local function url(value) return value:match("^https?://[^/%s@?#]+[^%s?#]*$") ~= nil end

local function user_agent(value) return #value <= 512 and value:match("^[\x20-\x7e]+$") ~= nil end

---@class scw.Setting
---@field name string in the loaded credentials
---@field file string its key in the configuration file
---@field variables string[] its environment variables, the modern one first
---@field modern integer how many of them are not deprecated
---@field secret? boolean never shown
---@field boolean? boolean
---@field check? fun(value: string): boolean
---@field form? string what a right value looks like
---@field normal? fun(value: string): string

---@type scw.Setting[]
settings.list = {
  {
    name = "access_key", file = "access_key", variables = { "SCW_ACCESS_KEY", "SCALEWAY_ACCESS_KEY" }, modern = 1, secret = true,
    check = matches(ACCESS_KEY), form = "SCW and 17 capital letters or digits",
  },
  {
    name = "secret_key", file = "secret_key", variables = { "SCW_SECRET_KEY", "SCW_TOKEN", "SCALEWAY_TOKEN", "SCALEWAY_ACCESS_KEY" },
    modern = 1, secret = true, check = matches(UUID), form = "a UUID",
  },
  {
    name = "project", file = "default_project_id", variables = { "SCW_DEFAULT_PROJECT_ID" }, modern = 1,
    check = matches(UUID), form = "a UUID",
  },
  {
    name = "organization", file = "default_organization_id", modern = 1,
    variables = { "SCW_DEFAULT_ORGANIZATION_ID", "SCW_ORGANIZATION", "SCALEWAY_ORGANIZATION" },
    check = matches(UUID), form = "a UUID",
  },
  {
    name = "region", file = "default_region", variables = { "SCW_DEFAULT_REGION", "SCW_REGION", "SCALEWAY_REGION" }, modern = 1,
    check = matches(REGION), form = "a region such as fr-par", normal = modern,
  },
  {
    name = "zone", file = "default_zone", variables = { "SCW_DEFAULT_ZONE" }, modern = 1,
    check = matches(ZONE), form = "a zone such as fr-par-1",
  },
  {
    name = "api_url", file = "api_url", variables = { "SCW_API_URL" }, modern = 1,
    check = url, form = "an http or https URL", normal = without_slash,
  },
  {
    name = "s3_endpoint", file = "s3_endpoint", variables = { "SCW_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL" }, modern = 3,
    check = url, form = "an http or https URL", normal = without_slash,
  },
  { name = "path_style", file = "s3_use_path_style", variables = { "SCW_S3_USE_PATH_STYLE" }, modern = 1, boolean = true },
  { name = "insecure", file = "insecure", variables = { "SCW_INSECURE" }, modern = 1, boolean = true },
  {
    name = "user_agent", file = "user_agent", variables = { "SCW_USER_AGENT" }, modern = 1,
    check = user_agent, form = "at most 512 printable ASCII characters",
  },
}

return settings
