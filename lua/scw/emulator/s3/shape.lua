--- Checks XML documents against a description of their elements, and writes them the way the service does.
local time = require "scw.emulator.s3.time"
local xml = require "scw.emulator.s3.xml"

local shape = {}

--- `{name, required=, many=, one_of=, kind=, children=}`; without `children` it holds text.
---@class scw.emulator.s3.Shape
---@field [1] string
---@field required? boolean
---@field many? boolean may come more than once
---@field one_of? string[]
---@field kind? "positive"|"integer"|"boolean"|"date"|"text" text: not empty
---@field children? scw.emulator.s3.Shape[]
---@field check? fun(node: table): boolean

local kinds = {
  positive = function(text) return text:find("^%d+$") ~= nil and #text <= 9 and tonumber(text) > 0 end,
  integer = function(text) return text:find("^%d+$") ~= nil and #text <= 18 end,
  boolean = function(text) return text == "true" or text == "false" end,
  date = function(text) return time.parse_iso(text) ~= nil end,
  text = function(text) return text ~= "" end,
}

local function fits_text(node, wanted)
  if #node > 0 then return false end
  local text = xml.trimmed(node)
  if wanted.one_of then
    for _, choice in ipairs(wanted.one_of) do
      if choice == text then return true end
    end
    return false
  end
  return not wanted.kind or kinds[wanted.kind](text)
end

local function fits(node, children)
  local by_name, seen = {}, {}
  for _, wanted in ipairs(children) do by_name[wanted[1]] = wanted end
  for _, child in ipairs(node) do
    local wanted = by_name[child.name]
    if not wanted or seen[child.name] and not wanted.many then return false end
    seen[child.name] = true
    if wanted.children then
      if not fits(child, wanted.children) then return false end
    elseif not fits_text(child, wanted) then
      return false
    end
    if wanted.check and not wanted.check(child) then return false end
  end
  for _, wanted in ipairs(children) do
    if wanted.required and not seen[wanted[1]] then return false end
  end
  return true
end

--- Reads a document; nil when it is malformed or not of this shape.
---@param body string
---@param root string
---@param children scw.emulator.s3.Shape[]
---@return table? node
function shape.read(body, root, children)
  local node = xml.read(body, root)
  if not node or not fits(node, children) then return nil end
  return node
end

--- How many children of that name there are.
---@param node table
---@param name string
---@return integer
function shape.count(node, name)
  local count = 0
  for _, child in ipairs(node) do
    if child.name == name then count = count + 1 end
  end
  return count
end

--- The content of an element as the service gives it back: fields in the order of their names, repeated ones as they came.
---@param node table
---@return string xml
function shape.content(node)
  if #node == 0 then return xml.escape(xml.trimmed(node)) end
  local order = {}
  for i in ipairs(node) do order[i] = i end
  table.sort(order, function(a, b)
    if node[a].name ~= node[b].name then return node[a].name < node[b].name end
    return a < b
  end)
  local parts = {}
  for i, at in ipairs(order) do
    local child = node[at]
    parts[i] = "<" .. child.name .. ">" .. shape.content(child) .. "</" .. child.name .. ">"
  end
  return table.concat(parts)
end

return shape
