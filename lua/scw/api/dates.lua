--- What time it is elsewhere: the dates that HTTP servers send.
local dates = {}

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

--- Seconds since 1970 of an HTTP date.
---@param date string|nil "Sun, 06 Nov 1994 08:49:37 GMT"
---@return integer|nil
function dates.seconds(date)
  local day, month, year, hour, minute, second = (date or ""):match("(%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$")
  if not day or not months[month] then return nil end
  local y, m = tonumber(year), months[month]
  if m <= 2 then y = y - 1 end -- days since 1970 of a civil date, with years that begin in March
  local era = y // 400
  local year_of_era = y - era * 400
  local day_of_year = (153 * ((m + 9) % 12) + 2) // 5 + tonumber(day) - 1
  local days = era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
  return math.tointeger(((days * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60 + tonumber(second))
end

return dates
