--- What time it is elsewhere: the dates that HTTP servers send, and those that documents hold.
local dates = {}

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

--- Seconds since 1970 of a date and a time of day in UTC.
local function seconds_of(year, month, day, hour, minute, second)
  if month <= 2 then year = year - 1 end -- days since 1970 of a civil date, with years that begin in March
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  local days = era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
  return math.tointeger(((days * 24 + hour) * 60 + minute) * 60 + second)
end

--- Seconds since 1970 of an HTTP date.
---@param date string|nil "Sun, 06 Nov 1994 08:49:37 GMT"
---@return integer|nil
function dates.seconds(date)
  local day, month, year, hour, minute, second = (date or ""):match("(%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$")
  if not day or not months[month] then return nil end
  return seconds_of(tonumber(year), months[month], tonumber(day), tonumber(hour), tonumber(minute), tonumber(second))
end

--- Seconds since 1970 of a timestamp in UTC.
---@param timestamp any "1994-11-06T08:49:37Z"; anything else: nil
---@return integer|nil
function dates.seconds_of_timestamp(timestamp)
  local parts = { tostring(timestamp):match("^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)Z$") }
  if not parts[1] then return nil end
  for index, part in ipairs(parts) do parts[index] = tonumber(part) end
  return seconds_of(table.unpack(parts))
end

return dates
