--- The three ways S3 writes a moment, all UTC: HTTP dates, ISO 8601, and the compact form of signatures.
local time = {}

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

--- Seconds since 1970 of a civil date; nil when there is no such date.
local function epoch(year, month, day, hour, minute, second)
  if month < 1 or month > 12 or day < 1 or day > 31 or hour > 23 or minute > 59 or second > 60 then return nil end
  local y = month > 2 and year or year - 1
  local era = y // 400
  local year_of_era = y - era * 400
  local day_of_year = (153 * (month + (month > 2 and -3 or 9)) + 2) // 5 + day - 1
  local day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
  return (era * 146097 + day_of_era - 719468) * 86400 + hour * 3600 + minute * 60 + second
end

local function integers(...)
  local values = { ... }
  for i, value in ipairs(values) do values[i] = math.tointeger(tonumber(value)) end
  return table.unpack(values)
end

---@param seconds number
---@return string date "Mon, 17 Aug 2026 09:28:39 GMT"
function time.http(seconds)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(seconds)) --[[@as string]]
end

local iso_second, iso_text -- listings ask for the same second again and again

---@param seconds number
---@return string date "2026-08-17T09:28:39.000Z"
function time.iso(seconds)
  local second = math.floor(seconds)
  if second ~= iso_second then
    iso_second, iso_text = second, os.date("!%Y-%m-%dT%H:%M:%S.000Z", second) --[[@as string]]
  end
  return iso_text
end

---@param text string "20260817T092839Z"
---@return integer? seconds
function time.parse_compact(text)
  local year, month, day, hour, minute, second = text:match("^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)Z$")
  if not year then return nil end
  return epoch(integers(year, month, day, hour, minute, second))
end

---@param text string
---@return integer? seconds
function time.parse_http(text)
  local day, name, year, hour, minute, second = text:match("^%a+, (%d%d?) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) %a+$")
  if not day or not months[name] then return nil end
  year, day, hour, minute, second = integers(year, day, hour, minute, second)
  return epoch(year, months[name], day, hour, minute, second)
end

--- Date, or date and time with or without fractions, with `Z` or an offset.
---@param text string
---@return integer? seconds
function time.parse_iso(text)
  local year, month, day, rest = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  if not year then return nil end
  year, month, day = integers(year, month, day)
  if rest == "" then return epoch(year, month, day, 0, 0, 0) end
  local hour, minute, second, zone = rest:match("^T(%d%d):(%d%d):(%d%d)%.?%d*(.*)$")
  if not hour then return nil end
  hour, minute, second = integers(hour, minute, second)
  local seconds = epoch(year, month, day, hour, minute, second)
  if zone == "Z" or not seconds then return seconds end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return nil end
  hours, minutes = integers(hours, minutes)
  local offset = hours * 3600 + minutes * 60
  return sign == "+" and seconds - offset or seconds + offset
end

return time
