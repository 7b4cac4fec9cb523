--- Addresses and ranges: reading, overlapping, taking the next free one.
local answer = require "scw.emulator.answer"

local address = {}

--- An IPv4 address as a number, nil when it is none.
---@param text string
---@return integer|nil
function address.number(text)
  local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then return nil end
  local parts = { tonumber(a), tonumber(b), tonumber(c), tonumber(d) }
  for _, part in ipairs(parts) do
    if part > 255 then return nil end
  end
  return parts[1] << 24 | parts[2] << 16 | parts[3] << 8 | parts[4]
end

---@param number integer
---@return string
function address.text(number)
  return ("%d.%d.%d.%d"):format(number >> 24 & 255, number >> 16 & 255, number >> 8 & 255, number & 255)
end

---@class scw.emulator.Range
---@field text string
---@field ipv6 boolean
---@field first? integer of an IPv4 range
---@field last? integer
---@field length integer

--- A range such as "10.0.0.0/22"; nil when it is none, or when it does not begin at its first address.
---@param text string
---@return scw.emulator.Range|nil
function address.range(text)
  local base, length = text:match("^(.-)/(%d+)$")
  length = math.tointeger(tonumber(length))
  if not length then return nil end
  if base:find(":", 1, true) then
    if length > 128 or base:find("[^%x:]") then return nil end
    return { text = text, ipv6 = true, length = length }
  end
  local first = address.number(base)
  if not first or length > 32 then return nil end
  local size = 1 << (32 - length)
  if first % size ~= 0 then return nil end
  return { text = text, ipv6 = false, first = first, last = first + size - 1, length = length }
end

---@param a scw.emulator.Range
---@param b scw.emulator.Range
---@return boolean
function address.overlap(a, b)
  if a.ipv6 or b.ipv6 then return a.ipv6 == b.ipv6 and a.text == b.text end
  return a.first <= b.last and b.first <= a.last
end

--- The first range of that length inside `within` that overlaps none of the others.
---@param within string
---@param length integer
---@param others scw.emulator.Range[]
---@return string
function address.free_range(within, length, others)
  local pool, size = address.range(within), 1 << (32 - length)
  local at = pool.first
  while at < pool.last do
    local candidate = { ipv6 = false, first = at, last = at + size - 1 }
    local taken
    for _, other in ipairs(others) do
      if not other.ipv6 and address.overlap(candidate, other) then taken = other break end
    end
    if not taken then return ("%s/%d"):format(address.text(at), length) end
    at = math.max(at + size, (taken.last // size + 1) * size)
  end
  answer.refuse(answer.quota("subnet", 0, 0))
end

--- The first address of an IPv4 range that is free: the network's own and the gateway's are not.
---@param range scw.emulator.Range
---@param taken table<string, boolean>
---@return string
function address.free(range, taken)
  for number = range.first + 2, range.last - 1 do
    local text = address.text(number)
    if not taken[text] then return text end
  end
  answer.refuse(answer.quota("ip", 0, 0))
end

return address
