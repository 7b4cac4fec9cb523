--- Lists: filters, order and pages as the services understand them.
local answer = require "scw.emulator.answer"
local json = require "scw.json"

local listing = {}

local PAGE_SIZE, MAX_PAGE_SIZE = 20, 100
local PAGES = { page = true, page_size = true, per_page = true }
local NOT_FILTERS = { order_by = true, organization_id = true, with_details = true }

local function number_of(query, name, default, max)
  local text = query[name]
  if text == nil or text == "" then return default end
  local number = math.tointeger(tonumber(text))
  if not number or number < 0 then answer.refuse(answer.invalid_argument(name, "format", "must be a positive number")) end
  if number == 0 then return default end
  return math.min(number, max)
end

local function as_list(value)
  if type(value) ~= "table" then return { value } end
  return value
end

local function has_all(list, wanted)
  local present = {}
  for _, value in ipairs(type(list) == "table" and list or {}) do present[value] = true end
  for _, value in ipairs(wanted) do
    if not present[value] then return false end
  end
  return true
end

local function is_one(value, wanted)
  for _, text in ipairs(wanted) do
    if tostring(value) == text then return true end
  end
  return false
end

--- A filter by the name of a query parameter; nil when it filters nothing.
local function filter_of(name, value, own)
  if own[name] then
    if name == "tags" then return function(record) return own.tags(record, value) end end -- all of them must be there
    return function(record)
      for _, one in ipairs(as_list(value)) do
        if own[name](record, one) then return true end
      end
      return false
    end
  end
  if own[name] == false or PAGES[name] or NOT_FILTERS[name] or value == "" then return nil end
  if name == "name" then
    return function(record) return tostring(record.body.name or ""):find(value, 1, true) ~= nil end
  end
  local wanted = as_list(value)
  if name == "tags" then return function(record) return has_all(record.body.tags, wanted) end end
  if wanted[1]:find("^unknown_") then return nil end
  local plural = name:match("^(.*_id)s$")
  return function(record)
    local present = record.body[name]
    if present == nil and plural then present = record.body[plural] end
    if present == nil then present = record[name] end
    if present == nil then return true end
    if json.is_array(present) then return has_all(present, wanted) end
    return is_one(present, wanted)
  end
end

local function filters_of(query, own)
  local names, filters = {}, {}
  for name in next, query do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do filters[#filters + 1] = filter_of(name, query[name], own) end
  return filters
end

local function passes(record, filters)
  for _, filter in ipairs(filters) do
    if not filter(record) then return false end
  end
  return true
end

--- What has no order of its own counts as nothing, and nothing comes first.
local function sortable(value)
  return (type(value) == "string" or type(value) == "number") and value or ""
end

--- Sorts by "created_at_asc", "name_desc" and the like; what is equal keeps the order of creation.
local function sort(records, order_by)
  local field, direction = (order_by or "created_at_asc"):match("^(.-)_(%a+)$")
  if not field or (direction ~= "asc" and direction ~= "desc") then field, direction = "created_at", "asc" end
  if field == "created_at" and direction == "asc" then return end
  local descending = direction == "desc"
  table.sort(records, function(a, b)
    local left, right = sortable(a.body[field]), sortable(b.body[field])
    if left == right then left, right = a.sequence, b.sequence end
    if type(left) ~= type(right) then left, right = type(left), type(right) end
    if descending then left, right = right, left end
    return left < right
  end)
end

--- What identifies a selection: the query without its pages.
---@param query table<string, string|string[]>
---@return string
function listing.key(query)
  local names, parts = {}, {}
  for name in next, query do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if not PAGES[name] then
      parts[#parts + 1] = name .. "=" .. table.concat(as_list(query[name]), ",")
    end
  end
  return table.concat(parts, "&")
end

--- The records that pass the filters of a query, in its order.
---@param each fun(): scw.emulator.Record|nil every candidate in the order of creation
---@param query table<string, string|string[]>
---@param own? table<string, fun(record: table, value: any): boolean> of this list, each by one value, `tags` by all; false: no filter
---@return scw.emulator.Record[]
function listing.select(each, query, own)
  local filters, found = filters_of(query, own or {}), {}
  for record in each do
    if passes(record, filters) then found[#found + 1] = record end
  end
  sort(found, query.order_by)
  return found
end

--- The page of a selection that a query asks for, and how many there are in all.
---@param found scw.emulator.Record[]
---@param query table<string, string|string[]>
---@param default_size? integer
---@return scw.emulator.Record[] page
---@return integer total
function listing.cut(found, query, default_size)
  local size = number_of(query, query.per_page and "per_page" or "page_size", default_size or PAGE_SIZE, MAX_PAGE_SIZE)
  local first = (number_of(query, "page", 1, math.maxinteger // MAX_PAGE_SIZE) - 1) * size
  return table.move(found, first + 1, math.min(first + size, #found), 1, {}), #found
end

--- Both at once.
---@return scw.emulator.Record[] page
---@return integer total
function listing.page(each, query, own, default_size)
  return listing.cut(listing.select(each, query, own), query, default_size)
end

return listing
