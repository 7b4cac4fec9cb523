--- The ecosystem's configuration file: finds it, reads it, and flattens the chosen profile.
local core = require "core"
local errors = require "scw.errors"

local profile = {}

--- Where the file may be, most important first. With SCW_CONFIG_PATH there is no other place.
---@param environment table<string, string>
---@return string[]
function profile.paths(environment)
  if environment.SCW_CONFIG_PATH then return { environment.SCW_CONFIG_PATH } end
  local paths = {}
  local function add(directory)
    paths[#paths + 1] = directory .. "/scw/config.yaml"
    paths[#paths + 1] = directory .. "/scw/config.yml"
  end
  if (environment.XDG_CONFIG_HOME or "") ~= "" then add(environment.XDG_CONFIG_HOME) end
  if (environment.HOME or "") ~= "" then add(environment.HOME .. "/.config") end
  return paths
end

local function names_of(profiles)
  local names = { "default" }
  for name in pairs(profiles) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

local function choose(document, path, environment, wanted)
  local name, asked_by = wanted, "--profile"
  if not name then name, asked_by = environment.SCW_PROFILE, "SCW_PROFILE" end
  if not name and type(document.active_profile) == "string" then name, asked_by = document.active_profile, "active_profile in " .. path end
  local profiles = type(document.profiles) == "table" and document.profiles or {}
  local values = {}
  for key, value in pairs(document) do
    if key ~= "profiles" and key ~= "active_profile" then values[key] = value end
  end
  if not name or name == "default" then return { path = path, name = "default", values = values } end
  if type(profiles[name]) ~= "table" then
    return nil, errors.new {
      code = "INFRA_001", kind = "invalid", message = ("there is no profile %q"):format(name),
      details = { asked_by .. " names it", path .. " has: " .. table.concat(names_of(profiles), ", ") },
    }
  end
  for key, value in pairs(profiles[name]) do values[key] = value end -- on top of the root's, field by field
  return { path = path, name = name, values = values }
end

--- Reads the file.
---@param environment table<string, string>
---@param wanted? string name of a profile
---@return { path: string, name: string, values: table, warning: string|nil }|nil profile nil without error when there is no file
---@return scw.Error|nil err
function profile.read(environment, wanted)
  local paths = profile.paths(environment)
  for _, path in ipairs(paths) do
    local text, failure = core.file_read(path)
    if text then
      local document, reason = core.yaml_decode(text)
      if document == nil and reason then
        return nil, errors.new {
          code = "INFRA_001", kind = "invalid", message = path .. " is not YAML", details = { reason.message },
        }
      end
      if type(document) ~= "table" then document = {} end
      local chosen, err = choose(document, path, environment, wanted)
      if not chosen then return nil, err end
      local facts = core.file_stat(path)
      if facts and facts.mode & 63 ~= 0 then -- anything for group or others
        chosen.warning = ("%s can be read by others (mode %03o): chmod 600 %s"):format(path, facts.mode & 511, path)
      end
      return chosen
    elseif failure.kind ~= "not_found" or environment.SCW_CONFIG_PATH then
      return nil, errors.wrap(failure, "cannot read the configuration file", { code = "INFRA_001" })
    end
  end
  local asked = wanted or environment.SCW_PROFILE
  if asked and asked ~= "default" then
    return nil, errors.new {
      code = "INFRA_001", kind = "invalid", message = ("there is no profile %q: there is no configuration file"):format(asked),
      details = { "looked for " .. table.concat(paths, ", ") },
    }
  end
  return nil
end

return profile
