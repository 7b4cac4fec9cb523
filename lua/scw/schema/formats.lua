--- Formats of text a field may ask for. Each is a test and the words for a message.
local formats = {}

---@class scw.schema.Format
---@field says string "a UUID such as …"
---@field test fun(value: string): boolean

local function hex(count) return ("%x"):rep(count) end
local UUID = "^" .. table.concat({ hex(8), hex(4), hex(4), hex(4), hex(12) }, "%-") .. "$"

local function is_address(value)
  local count = 0
  for part in (value .. "."):gmatch("([^.]*)%.") do
    local number = part:match("^%d+$") and tonumber(part)
    if not number or number > 255 then return false end
    count = count + 1
  end
  return count == 4
end

local function is_address6(value)
  return value:match("^[%x:]+$") ~= nil and value:find(":", 1, true) ~= nil and not value:find(":::", 1, true)
end

local function is_network(value)
  local address, prefix = value:match("^([^/]+)/(%d+)$")
  if not address then address = value end
  if is_address(address) then return not prefix or tonumber(prefix) <= 32 end
  return is_address6(address) and (not prefix or tonumber(prefix) <= 128)
end

local CRON_FIELDS = { { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12 }, { 0, 7 } }
local CRON_NAMES = {
  [4] = { JAN = 1, FEB = 2, MAR = 3, APR = 4, MAY = 5, JUN = 6, JUL = 7, AUG = 8, SEP = 9, OCT = 10, NOV = 11, DEC = 12 },
  [5] = { SUN = 0, MON = 1, TUE = 2, WED = 3, THU = 4, FRI = 5, SAT = 6 },
}

local function cron_number(text, position)
  local names = CRON_NAMES[position]
  local number = tonumber(text:match("^%d+$")) or (names and names[text:upper()])
  local range = CRON_FIELDS[position]
  return number and number >= range[1] and number <= range[2] and number or nil
end

local function is_cron_part(part, position)
  local base, step = part:match("^(.-)/(%d+)$")
  if step and tonumber(step) == 0 then return false end
  base = base or part
  if base == "*" then return true end
  local from, to = base:match("^(%w+)%-(%w+)$")
  if not from then return cron_number(base, position) ~= nil end
  local first, last = cron_number(from, position), cron_number(to, position)
  return first ~= nil and last ~= nil and first <= last
end

local function is_cron(value)
  local position = 0
  for text in value:gmatch("%S+") do
    position = position + 1
    if position > 5 or text:find(",,", 1, true) or text:match("^,") or text:match(",$") then return false end
    for part in text:gmatch("[^,]+") do
      if not is_cron_part(part, position) then return false end
    end
  end
  return position == 5
end

local function is_hostname(value)
  if #value > 253 or not value:find(".", 1, true) or value:find("..", 1, true) then return false end
  for label in value:gmatch("[^.]+") do
    if #label > 63 or not label:match("^[%w*]") or label:match("%-$") or label:find("[^%w%-*]") then return false end
  end
  return not value:match("^%.") and not value:match("%.$")
end

---@type table<string, scw.schema.Format>
formats.known = {
  uuid = { says = "a UUID", test = function(value) return value:match(UUID) ~= nil end },
  cidr = { says = "a network such as 10.0.0.0/22", test = is_network },
  ipv4_cidr = {
    says = "an IPv4 network such as 192.0.2.0/24",
    test = function(value) return is_network(value) and not value:find(":", 1, true) end,
  },
  cron = { says = "five cron fields such as '0 3 * * *'", test = is_cron },
  email = { says = "an e-mail address", test = function(value) return value:match("^%S+@%S+$") ~= nil end },
  hostname = { says = "a host name such as app.example.com", test = is_hostname },
  timestamp = {
    says = "a time such as 2030-01-31T12:00:00Z",
    test = function(value)
      return value:match("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d[%d.]*Z$") ~= nil
        or value:match("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d[%d.]*[+-]%d%d:%d%d$") ~= nil
    end,
  },
  path = { says = "a path that starts with /", test = function(value) return value:sub(1, 1) == "/" end },
  password = {
    says = "8 to 128 characters with a digit, an upper and a lower case letter, and a special character",
    test = function(value)
      return #value >= 8 and #value <= 128 and value:find("%d") and value:find("%u") and value:find("%l")
        and value:find("[^%w]") and true or false
    end,
  },
}

return formats
