--- From method and path to the handler: a tree of path segments, texts before parameters.
local core = require "core"

local router = {}

---@class scw.emulator.Route
---@field template string "/rdb/v1/regions/{region}/instances/{id}"
---@field key string "GET /rdb/v1/regions/{region}/instances/{id}"
---@field names string[] of the parameters, in order
---@field handler fun(call: table): any

---@class scw.emulator.Router
---@field private root table
local methods = {}
local metatable = { __index = methods }

---@param method string
---@param template string
---@param handler fun(call: table): any
function methods:add(method, template, handler)
  local node, names = self.root, {}
  for segment in template:gmatch("[^/]+") do
    local name = segment:match("^{([%w_]+)}$")
    if name then
      names[#names + 1] = name
      node.parameter = node.parameter or { texts = {} }
      node = node.parameter
    else
      node.texts[segment] = node.texts[segment] or { texts = {} }
      node = node.texts[segment]
    end
  end
  node.routes = node.routes or {}
  assert(not node.routes[method], ("two routes for %s %s"):format(method, template))
  node.routes[method] = { template = template, key = method .. " " .. template, names = names, handler = handler }
end

local function walk(node, segments, at, values)
  local segment = segments[at]
  if not segment then return node.routes end
  local next_node = node.texts[segment]
  if next_node then
    local routes = walk(next_node, segments, at + 1, values)
    if routes then return routes end
  end
  if not node.parameter then return nil end
  local depth = #values
  values[depth + 1] = segment
  local routes = walk(node.parameter, segments, at + 1, values)
  if not routes then values[depth + 1] = nil end
  return routes
end

--- The route and its parameters, percent-decoded; nil when there is none.
---@param method string
---@param path string
---@return scw.emulator.Route|nil
---@return table<string, string>|nil
function methods:find(method, path)
  local segments, values = {}, {}
  for segment in path:gmatch("[^/]+") do segments[#segments + 1] = segment end
  local routes = walk(self.root, segments, 1, values)
  local route = routes and routes[method]
  if not route then return nil end
  local parameters = {}
  for index, name in ipairs(route.names) do parameters[name] = core.uri_decode(values[index]) or values[index] end
  return route, parameters
end

--- Is there a route for this method and a path of this form?
---@param method string
---@param template string
---@return boolean
function methods:knows(method, template)
  return self:find(method, (template:gsub("{[%w_]+}", "x"))) ~= nil
end

--- A query as a table: a text a name, or a list of texts when a name of several ("tags") repeats; of any other one the first counts.
---@param query string
---@return table<string, string|string[]>
function router.query(query)
  local result = {}
  for part in query:gmatch("[^&]+") do
    local name, value = part:match("^([^=]*)=?(.*)$")
    local plain = value:gsub("+", " ")
    name, value = core.uri_decode(name) or name, core.uri_decode(plain) or plain
    local present = result[name]
    if present == nil then
      result[name] = value
    elseif type(present) == "table" then
      present[#present + 1] = value
    elseif name:find "s$" then
      result[name] = { present, value }
    end
  end
  return result
end

---@return scw.emulator.Router
function router.new()
  return setmetatable({ root = { texts = {} } }, metatable)
end

return router
