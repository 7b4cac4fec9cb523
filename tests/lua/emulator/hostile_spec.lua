local caller = require "tests.lua.emulator.caller"
local json = require "scw.json"

--- Every route: "GET /a/{b}".
local function routes_of(node, found)
  for _, route in pairs(node.routes or {}) do found[#found + 1] = route.key end
  for _, inner in pairs(node.texts) do routes_of(inner, found) end
  if node.parameter then routes_of(node.parameter, found) end
  return found
end

--- Names that bodies and queries may have, so that nonsense gets past the first check.
local function names_of(emulator)
  local seen, names = {}, {}
  for _, installed in pairs(emulator.resources) do
    for name in pairs(installed.fields) do
      if not seen[name] then seen[name], names[#names + 1] = true, name end
    end
  end
  table.sort(names)
  return names
end

local function generator(names, ids)
  local value
  local function object(depth)
    local result = {}
    for _ = 1, math.random(0, 8) do result[names[math.random(#names)]] = value(depth - 1) end
    return result
  end
  local kinds = {
    function() return math.random(-5, 100000) end,
    function() return math.random() * 1e9 end,
    function() return json.null end,
    function() return math.random() < 0.5 end,
    function() return "" end,
    function() return "a-name-" .. math.random(99) end,
    function() return "10." .. math.random(0, 300) .. ".0.0/" .. math.random(0, 40) end,
    function() return ids[math.random(#ids)] or "x" end,
    function() return "300s" end,
    function() return json.array {} end,
    function(depth) return depth > 0 and json.array { value(depth - 1), value(depth - 1) } or "leaf" end,
    function(depth) return depth > 0 and object(depth) or "leaf" end,
  }
  value = function(depth) return kinds[math.random(#kinds)](depth) end
  return object, value
end

local FIT = {
  int = function() return math.random(0, 20) end,
  size = function() return math.random(1, 9) * 1000000 end,
  float = function() return math.random() end,
  bool = function() return math.random() < 0.5 end,
  duration = function() return math.random(1, 500) .. "s" end,
  list = function() return json.array(math.random() < 0.5 and {} or { "10." .. math.random(0, 99) .. ".0.0/24" }) end,
  map = function() return { KEY = "value" } end,
}

--- A body that mostly fits the fields.
local function fitting(fields, verb, ids, value)
  local body = {}
  for _, field in pairs(fields) do
    local name = field[verb]
    if name and (field.required or math.random() < 0.6) then
      if math.random() < 0.08 then
        body[name] = value(2)
      elseif field.fields then
        body[name] = fitting(field.fields, verb, ids, value)
      elseif field.enum then
        body[name] = field.enum[math.random(#field.enum)]
      elseif FIT[field.kind] then
        body[name] = FIT[field.kind]()
      elseif name:find "_id$" then
        body[name] = ids[math.random(#ids)]
      else
        body[name] = "a" .. math.random(9999)
      end
    end
  end
  return body
end

--- Resources by the paths whose bodies have their fields.
local function by_path(emulator)
  local found = {}
  for _, installed in pairs(emulator.resources) do
    found[installed.path], found[installed.item] = installed, installed
  end
  return found
end

--- The id of some record, nil when there is none.
local function some(installed)
  local order = installed.collection.order
  local record = order[math.random(math.max(1, #order))]
  return record and record.id
end

--- The resource whose item the path begins with.
local function owner_of(template, resources)
  while template ~= "" do
    if resources[template] then return resources[template] end
    template = template:match("^(.*)/[^/]*$") or ""
  end
  return nil
end

describe("the emulator", function()
  it("has an answer to whatever it is sent", function()
    math.randomseed(20261120)
    local emulator, call = caller.new()
    local problems, ids = {}, { emulator.project_id }
    emulator.on_defect = function(text) problems[#problems + 1] = text end
    local routes = routes_of(emulator.router.root, {})
    table.sort(routes)
    assert.is_true(#routes > 50)
    local names = names_of(emulator)
    local object, value = generator(names, ids)
    local resources = by_path(emulator)
    for _ = 1, 25 do
      for _, key in ipairs(routes) do
        local method, template = key:match("^(%S+) (%S+)$")
        local owner = owner_of(template, resources)
        local path = template:gsub("{([%w_]+)}", function(name)
          if name == "region" then return "fr-par" end
          if name == "zone" then return "fr-par-1" end
          local parent = owner and owner.parent
          if parent and name == parent.parameter then return some(emulator.resources[parent.kind]) or "x" end
          return owner and math.random() < 0.8 and some(owner) or ids[math.random(#ids)]
        end)
        local filter = value(0)
        filter = filter == json.null and "null" or tostring(filter):gsub("[^%w%-.]", "")
        local query = ("?%s=%s&page=%d"):format(names[math.random(#names)], filter, math.random(1, 3))
        if math.random() < 0.3 then query = query .. "&project_id=x&name=a&order_by=name_asc" .. query:gsub("?", "&") .. "&name=b" end
        local before = #problems
        local given = method ~= "GET" and object(3) or nil
        if given and resources[template] and math.random() < 0.8 then
          given = fitting(owner.fields, method == "POST" and "create" or "update", ids, value)
          local parent = owner.parent
          if parent and method == "POST" then given[parent.field] = some(emulator.resources[parent.kind]) end
        end
        local status, body = call(method, path .. query, given)
        assert.is_true(status >= 200 and status < 600)
        for index = before + 1, #problems do problems[index] = key .. ": " .. problems[index] end
        if status == 200 and type(body) == "table" and type(body.id) == "string" and #ids < 200 then ids[#ids + 1] = body.id end
      end
    end
    assert.are.equal("", table.concat(problems, "\n\n"))
  end)
end)
