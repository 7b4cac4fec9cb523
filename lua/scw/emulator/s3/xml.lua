--- XML of the S3 protocol: writing answers straight into text, reading request bodies into trees.
local core = require "core"

local xml = {}

xml.NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
xml.DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&#34;", ["'"] = "&#39;", ["\r"] = "&#xD;", ["\n"] = "&#xA;",
  ["\t"] = "&#x9;" }

---@param text string|number
---@return string
function xml.escape(text)
  text = tostring(text)
  if not text:find("[&<>\"'%c]") then return text end
  return (text:gsub("[&<>\"'\r\n\t]", escapes):gsub("[\0-\8\11\12\14-\31]", "\u{FFFD}"))
end

---@param name string
---@param text string|number|boolean
---@return string
function xml.element(name, text)
  return "<" .. name .. ">" .. xml.escape(text) .. "</" .. name .. ">"
end

--- A whole document.
---@param root string name of the root element
---@param content string its content, already XML
---@param namespaced? boolean
---@return string
function xml.document(root, content, namespaced)
  local attribute = namespaced and ' xmlns="' .. xml.NAMESPACE .. '"' or ""
  return xml.DECLARATION .. "<" .. root .. attribute .. ">" .. content .. "</" .. root .. ">"
end

local function local_name(name) return name:match("([^:]*)$") end

--- Reads a body; names lose their prefixes. Nil when it is not well-formed, or its root is not `root`.
---@param body string
---@param root? string
---@return table? node `{name=, text=, attributes=, [1]=child…}`
function xml.read(body, root)
  local node = core.xml_decode(body)
  if not node then return nil end
  local function strip(element)
    element.name = local_name(element.name)
    for _, child in ipairs(element) do strip(child) end
  end
  strip(node)
  if root and node.name ~= root then return nil end
  return node
end

---@param node table
---@param name string
---@return table? child the first child of that name
function xml.child(node, name)
  for _, child in ipairs(node) do
    if child.name == name then return child end
  end
end

--- Text of an element without the white space around it.
---@param node table
---@return string
function xml.trimmed(node)
  return (node.text or ""):match("^%s*(.-)%s*$")
end

--- Text of the first child of that name.
---@param node table
---@param name string
---@return string? text nil when there is no such child
function xml.text(node, name)
  local child = xml.child(node, name)
  return child and xml.trimmed(child)
end

return xml
