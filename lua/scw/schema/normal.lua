--- One spelling per value: durations, sizes, networks, times, identifiers. Values that are not there yet pass untouched.
local normal = {}

local SECONDS = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }
local BYTES = {
  B = 1, KB = 10 ^ 3, MB = 10 ^ 6, GB = 10 ^ 9, TB = 10 ^ 12,
  KIB = 2 ^ 10, MIB = 2 ^ 20, GIB = 2 ^ 30, TIB = 2 ^ 40,
}

--- Seconds in a duration: a number of seconds, or text such as "300s", "1h30m", "500ms".
---@param value any
---@return number|nil seconds
function normal.seconds(value)
  if type(value) == "number" then return value >= 0 and value or nil end
  if type(value) ~= "string" then return nil end
  local total, rest = 0, value
  if rest == "" then return nil end
  while rest ~= "" do
    local amount, unit, tail = rest:match("^(%d+%.?%d*)(%a+)(.*)$")
    if not amount or not SECONDS[unit] then return nil end
    total, rest = total + tonumber(amount) * SECONDS[unit], tail
  end
  return total
end

--- A duration as the services answer it: "300s", "1.500s". The text itself when it is no duration.
---@param value any
---@return any
function normal.duration(value)
  local seconds = normal.seconds(value)
  if not seconds then return value end
  local whole = math.tointeger(seconds)
  if whole then return whole .. "s" end
  return ("%.3fs"):format(seconds)
end

--- Bytes in a size: an integer, or text such as "512MB", "2 GiB". The value itself when it is no size.
---@param value any
---@return any
function normal.size(value)
  if type(value) == "number" then return math.tointeger(value) or value end
  if type(value) ~= "string" then return value end
  local amount, unit = value:match("^(%d+%.?%d*)%s*(%a+)$")
  local factor = unit and BYTES[unit:upper()]
  if not factor then return value end
  return math.tointeger(tonumber(amount) * factor) or value
end

--- Bytes in one unit of a size ("MB", "MiB", …).
---@param unit string
---@return integer
function normal.unit(unit)
  return math.tointeger(BYTES[unit:upper()]) --[[@as integer]]
end

--- Days since 1970-01-01 of a date of the Gregorian calendar.
local function days_from_civil(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local of_era = year - era * 400
  local of_year = (153 * (month + (month > 2 and -3 or 9)) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

--- A time in UTC without needless fractions: "2030-01-01T00:00:00Z". The text itself when it is no time.
---@param value any
---@return any
function normal.timestamp(value)
  if type(value) ~= "string" then return value end
  local year, month, day, hour, minute, second, tail =
    value:match("^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(.*)$")
  if not year then return value end
  local fraction, zone = tail:match("^%.(%d+)(.*)$")
  zone = zone or tail
  local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign and zone ~= "Z" and zone ~= "z" then return value end
  local at = days_from_civil(tonumber(year), tonumber(month), tonumber(day)) * 86400
    + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
  if sign then at = at - (sign == "-" and -1 or 1) * (tonumber(hours) * 3600 + tonumber(minutes) * 60) end
  fraction = (fraction or ""):gsub("0+$", "")
  return os.date("!%Y-%m-%dT%H:%M:%S", at) .. (fraction ~= "" and "." .. fraction or "") .. "Z"
end

local function trim_slash(value)
  if type(value) ~= "string" or #value < 2 then return value end
  return (value:gsub("/+$", ""):gsub("^$", "/"))
end

--- A network with its prefix length: a bare address is itself alone.
local function cidr(value)
  if type(value) ~= "string" or value:find("/", 1, true) then return value end
  return value .. (value:find(":", 1, true) and "/128" or "/32")
end

--- Identifiers may carry their locality ("fr-par/…"); the services want them bare.
---@param value any
---@return any
function normal.id(value)
  if type(value) ~= "string" then return value end
  return value:match("^%l%l%-%l%l%l+/(.+)$") or value:match("^%l%l%-%l%l%l+%-%d+/(.+)$") or value
end

local function as_list(value)
  return type(value) == "table" and value or { value }
end

--- A bucket policy: a lone text means a list of one.
local function policy(value)
  if type(value) ~= "table" or type(value.Statement) ~= "table" then return value end
  local result, statements = {}, {}
  for name, part in next, value do result[name] = part end
  for index, statement in ipairs(value.Statement[1] and value.Statement or { value.Statement }) do
    local copy = {}
    for name, part in next, statement do copy[name] = part end
    for _, name in ipairs { "Action", "NotAction", "Resource", "NotResource" } do
      if copy[name] ~= nil then copy[name] = as_list(copy[name]) end
    end
    if type(copy.Principal) == "table" and copy.Principal.SCW ~= nil then copy.Principal = { SCW = as_list(copy.Principal.SCW) } end
    statements[index] = copy
  end
  result.Statement = statements
  return result
end

--- What a ref field holds: the bare id, or the last part of it when the field takes another attribute (a name).
---@param field scw.schema.Field
---@param value any
---@return any
function normal.ref(field, value)
  if field.attribute == "id" or type(value) ~= "string" then return normal.id(value) end
  return value:match("[^/]*$")
end

--- The normalisations a field may name.
normal.named = {
  lower = function(value) return type(value) == "string" and value:lower() or value end,
  path = trim_slash,
  cidr = cidr,
  policy = policy,
  timestamp = normal.timestamp,
}

return normal
