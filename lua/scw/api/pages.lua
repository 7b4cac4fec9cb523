--- Reads lists to their end. The first page is never taken for all of it, and totals are not believed when a page is empty.
local pages = {}

local PAGE_SIZE = 100 -- safe everywhere
local MOST_PAGES = 10000

local function with(query, page, size, token)
  local pairs_list = {}
  if query and query[1] then
    for i, pair in ipairs(query) do pairs_list[i] = pair end
  else
    local names = {}
    for name in pairs(query or {}) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do pairs_list[#pairs_list + 1] = { name, query[name] } end
  end
  pairs_list[#pairs_list + 1] = token and { "page_token", token } or { "page", page }
  pairs_list[#pairs_list + 1] = { "page_size", size }
  return pairs_list
end

local function total_of(answer, response)
  return tonumber(answer.total_count) or tonumber(response.headers["x-total-count"])
end

---@param client scw.Client
---@param options { path: string, field: string, query: table|nil, page_size: integer|nil, product: string|nil, address: string|nil }
---@return table[]|nil items
---@return scw.ApiError|nil err
function pages.collect(client, options)
  local items, size, token = {}, options.page_size or PAGE_SIZE, nil
  for page = 1, MOST_PAGES do
    local answer, response = client:call {
      method = "GET", path = options.path, query = with(options.query, page, size, token), product = options.product,
      address = options.address,
    }
    if answer == nil then return nil, response end
    local found = answer[options.field]
    if type(found) ~= "table" then found = {} end
    for _, item in ipairs(found) do items[#items + 1] = item end

    token = type(answer.next_page_token) == "string" and answer.next_page_token ~= "" and answer.next_page_token or nil
    local total = total_of(answer, response)
    local more = token ~= nil or (total and #items < total) or (not total and #found >= size)
    if #found == 0 or not more then return items end
  end
  return items
end

return pages
