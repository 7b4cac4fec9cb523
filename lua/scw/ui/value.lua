--- Values of fields as short text, and what differs between two of them, element by element.
local core = require "core"
local style = require "scw.ui.style"
local unknown = require "scw.unknown"

local value = {}

value.KNOWN_LATER = "(known after apply)"
value.SECRET = "(secret)"
value.SECRET_CHANGED = "(secret, changed)"

--- Beyond this many elements a list is compared position by position instead of aligned.
local ALIGN_LIMIT = 200

local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quote(text)
  local body = text:gsub('[%c"\\]', function(byte) return escapes[byte] or ("\\x%02x"):format(byte:byte()) end)
  return '"' .. body .. '"'
end

---@param v any
---@return boolean
function value.absent(v)
  return v == nil or v == core.null
end

---@param v any
---@return boolean
local function is_secret(v)
  return type(v) == "table" and v["$secret"] ~= nil
end

--- Known after the apply, also as `value.public` tells it.
local function is_later(v)
  return type(v) == "table" and v["$unknown"] == true
end

local function is_list(v)
  return type(v) == "table" and v ~= unknown and (#v > 0 or core.is_array(v))
end

local function is_map(v)
  return type(v) == "table" and not is_later(v) and not is_secret(v) and not is_list(v)
end

---@param map table
---@return string[]
local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(left, right) return tostring(left) < tostring(right) end)
  return keys
end

--- One line that stands for the value; secrets and values known later are named, not shown.
---@param v any
---@return string
function value.text(v)
  if value.absent(v) then return "null" end
  if is_later(v) then return value.KNOWN_LATER end
  if is_secret(v) then return value.SECRET end
  if type(v) == "string" then return quote(v) end
  if type(v) ~= "table" then return tostring(v) end
  local parts = {}
  if is_list(v) then
    for i, element in ipairs(v) do parts[i] = value.text(element) end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for _, key in ipairs(sorted_keys(v)) do parts[#parts + 1] = tostring(key) .. ": " .. value.text(v[key]) end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

--- Two texts side by side in `width` columns; when they do not fit, what they begin with in common is left out first.
---@param old string
---@param new string
---@param width integer
---@return string
function value.pair(old, new, width)
  local arrow = " -> "
  if style.width(old) + #arrow + style.width(new) <= width then return old .. arrow .. new end
  if utf8.len(old) and utf8.len(new) then
    local common = 0
    for position, code in utf8.codes(old) do
      local other = new:sub(position, position + #utf8.char(code) - 1)
      if other ~= utf8.char(code) then break end
      common = position + #utf8.char(code) - 1
    end
    local spare = (style.width(old) + #arrow + style.width(new) - width + 1) // 2 + 2
    local leave = math.min(utf8.len(old:sub(1, common)) - 6, spare) -- a few equal characters give the place away
    if leave > 2 then
      local start = utf8.offset(old, leave + 1)
      local lead = old:sub(1, 1) == '"' and '"…' or "…"
      old, new = lead .. old:sub(start), lead .. new:sub(start)
    end
  end
  local room = math.max(width - #arrow, 8)
  local half = room // 2
  local short = math.min(style.width(old), style.width(new))
  if short <= half then half = room - short end
  local left = style.cut(old, math.min(style.width(old), half))
  return left .. arrow .. style.cut(new, math.max(room - style.width(left), 4))
end

local function same(left, right)
  if left == right then return true end
  if type(left) ~= "table" or type(right) ~= "table" then return false end
  if left == unknown or right == unknown then return false end
  for key, element in pairs(left) do
    if not same(element, right[key]) then return false end
  end
  for key in pairs(right) do
    if left[key] == nil then return false end
  end
  return true
end

local compare

local function compare_maps(path, old, new, found)
  local keys = {}
  for key in pairs(old) do keys[key] = true end
  for key in pairs(new) do keys[key] = true end
  for _, key in ipairs(sorted_keys(keys)) do
    compare(path == "" and tostring(key) or path .. "." .. tostring(key), old[key], new[key], found)
  end
end

--- Pairs the equal elements of two lists (longest common subsequence); calls back with what is only left or only right.
local function align(old, new, on_removed, on_added)
  local lengths = {}
  for i = #old + 1, 1, -1 do
    lengths[i] = {}
    for j = #new + 1, 1, -1 do
      if i > #old or j > #new then
        lengths[i][j] = 0
      elseif same(old[i], new[j]) then
        lengths[i][j] = lengths[i + 1][j + 1] + 1
      else
        lengths[i][j] = math.max(lengths[i + 1][j], lengths[i][j + 1])
      end
    end
  end
  local i, j = 1, 1
  while i <= #old or j <= #new do
    if i <= #old and j <= #new and same(old[i], new[j]) then
      i, j = i + 1, j + 1
    elseif j > #new or (i <= #old and lengths[i + 1][j] >= lengths[i][j + 1]) then
      on_removed(i, old[i])
      i = i + 1
    else
      on_added(j, new[j])
      j = j + 1
    end
  end
end

local function compare_lists(path, old, new, found)
  local objects = is_map(old[1]) or is_map(new[1])
  if (objects and #old == #new) or #old > ALIGN_LIMIT or #new > ALIGN_LIMIT then
    for i = 1, math.max(#old, #new) do compare(("%s[%d]"):format(path, i), old[i], new[i], found) end
    return
  end
  local changed, position = 0, nil
  for i = 1, #old == #new and #old or 0 do
    if not same(old[i], new[i]) then changed, position = changed + 1, i end
  end
  if changed == 1 then return compare(("%s[%d]"):format(path, position), old[position], new[position], found) end
  local before = #found
  align(old, new, function(_, element) found[#found + 1] = { mark = "-", path = path, old = element, element = true } end,
    function(_, element) found[#found + 1] = { mark = "+", path = path, new = element, element = true } end)
  if #found == before then found[#found + 1] = { mark = "~", path = path, old = old, new = new } end
end

function compare(path, old, new, found)
  if same(old, new) then return end
  if is_map(old) and is_map(new) then
    compare_maps(path, old, new, found)
  elseif is_list(old) and is_list(new) then
    compare_lists(path, old, new, found)
  elseif is_secret(old) and is_secret(new) then
    found[#found + 1] = { mark = "~", path = path, old = old, new = new, secret = true }
  elseif value.absent(old) then
    found[#found + 1] = { mark = "+", path = path, new = new }
  elseif value.absent(new) then
    found[#found + 1] = { mark = "-", path = path, old = old }
  else
    found[#found + 1] = { mark = "~", path = path, old = old, new = new }
  end
end

---@class scw.Difference
---@field mark "+"|"-"|"~"
---@field path string
---@field old any
---@field new any
---@field element? boolean one element of a list that joins or leaves
---@field secret? boolean

--- What differs between two values of one field, down to map keys and list elements, in a stable order.
---@param path string
---@param old any
---@param new any
---@return scw.Difference[]
function value.diff(path, old, new)
  local found = {}
  compare(path, old, new, found)
  if #found == 0 then found[1] = { mark = "~", path = path, old = old, new = new } end
  return found
end

--- Says nothing: absent, an empty text, an empty table.
---@param v any
---@return boolean
function value.empty(v)
  return value.absent(v) or v == "" or (type(v) == "table" and v ~= unknown and next(v) == nil)
end

--- The parts of a new value, each with a path: a map gives one part a key, a list of maps one a map, everything else is one part.
---@param path string
---@param v any
---@return { path: string, value: any }[]
function value.parts(path, v)
  local parts = {}
  local function add(inner_path, inner)
    local more = value.parts(inner_path, inner)
    table.move(more, 1, #more, #parts + 1, parts)
  end
  if is_list(v) and is_map(v[1]) then
    for i, element in ipairs(v) do add(("%s[%d]"):format(path, i), element) end
  elseif is_map(v) and next(v) ~= nil then
    for _, key in ipairs(sorted_keys(v)) do add(path .. "." .. tostring(key), v[key]) end
  else
    parts[1] = { path = path, value = v }
  end
  return parts
end

--- A copy for JSON: secrets without their fingerprints, later values marked, absent as null.
---@param v any
---@return any
function value.public(v)
  if v == nil then return core.null end
  if v == unknown then return { ["$unknown"] = true } end
  if is_secret(v) then return { ["$secret"] = true } end
  if type(v) ~= "table" then return v end
  local copy = {}
  for key, element in pairs(v) do copy[key] = value.public(element) end
  return is_list(v) and core.array(copy) or copy
end

return value
