--- Between a table of fields and the XML of a sub-resource, by a list of rows: { element, field, kind, inner rows }.
--- Kinds: text, int, bool; `texts` repeats the element for every value of a list; `node` nests the fields of the same
--- table; `nodes` repeats the element for every table of a list.
local markup = {}

local NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

---@param name string
---@param text? string
---@param children? table[]
---@return table node
function markup.node(name, text, children)
  local node = { name = name, text = text or "", attributes = {} }
  for index, child in ipairs(children or {}) do node[index] = child end
  return node
end

--- A document of the storage protocol.
---@param name string
---@param children table[]
---@return table node
function markup.document(name, children)
  local node = markup.node(name, nil, children)
  node.attributes.xmlns = NAMESPACE
  return node
end

--- The first child of that name.
---@param node table|nil
---@param name string
---@return table|nil
function markup.child(node, name)
  for _, child in ipairs(node or {}) do
    if child.name == name then return child end
  end
  return nil
end

--- The text of a child, nil when there is none.
---@param node table|nil
---@param name string
---@return string|nil
function markup.text(node, name)
  local child = markup.child(node, name)
  return child and child.text ~= "" and child.text or nil
end

local function add(node, child) node[#node + 1] = child end

--- Children for the fields of `value`.
---@param rows table[]
---@param value table
---@return table[] children
function markup.encode(rows, value)
  local children = {}
  for _, row in ipairs(rows) do
    local element, field, kind = row[1], row[2], row[3]
    local part = value[field]
    if kind == "node" then
      local inner = markup.encode(row[4], value)
      if #inner > 0 then add(children, markup.node(element, nil, inner)) end
    elseif part ~= nil then
      if kind == "texts" then
        for _, text in ipairs(part) do add(children, markup.node(element, text)) end
      elseif kind == "nodes" then
        for _, inner in ipairs(part) do add(children, markup.node(element, nil, markup.encode(row[4], inner))) end
      else
        add(children, markup.node(element, tostring(part)))
      end
    end
  end
  return children
end

local read = {
  text = function(text) return text end,
  int = function(text) return math.tointeger(tonumber(text)) end,
  bool = function(text) return text == "true" end,
}

--- Fields out of the children of a node.
---@param rows table[]
---@param node table
---@param into? table
---@return table
function markup.decode(rows, node, into)
  local result = into or {}
  for _, row in ipairs(rows) do
    local element, field, kind = row[1], row[2], row[3]
    if kind == "node" then
      local child = markup.child(node, element)
      if child then markup.decode(row[4], child, result) end
    elseif kind == "texts" or kind == "nodes" then
      for _, child in ipairs(node) do
        if child.name == element then
          result[field] = result[field] or {}
          add(result[field], kind == "texts" and child.text or markup.decode(row[4], child))
        end
      end
    else
      local text = markup.text(node, element)
      if text then result[field] = read[kind](text) end
    end
  end
  return result
end

return markup
