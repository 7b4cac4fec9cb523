--- Tags of buckets and objects: from XML, from headers, and back.
local core = require "core"
local errors = require "scw.emulator.s3.errors"
local shape = require "scw.emulator.s3.shape"
local xml = require "scw.emulator.s3.xml"

local tags = {}

local tagging = {
  { "TagSet", required = true, children = {
    { "Tag", many = true, children = { { "Key", required = true }, { "Value", required = true } } },
  } },
}

--- Checks lengths, doubles and the number; the tags themselves when all is well.
local function checked(list, limit)
  local seen = {}
  for _, tag in ipairs(list) do
    local length, value_length = utf8.len(tag[1]), utf8.len(tag[2])
    if not length or not value_length or length < 1 or length > 128 then
      return errors.fail("InvalidTag", "The TagKey you have provided is invalid")
    end
    if value_length > 256 then return errors.fail("InvalidTag", "The TagValue you have provided is invalid") end
    if seen[tag[1]] then return errors.fail("InvalidTag", "Cannot provide multiple Tags with the same key") end
    seen[tag[1]] = true
  end
  if #list > limit then return errors.fail("InvalidTag", ("Tags cannot be greater than %d"):format(limit)) end
  return list
end

---@param body string
---@param limit integer 10 for an object, 50 for a bucket
---@return table[]? tags `{key, value}` each
---@return scw.emulator.s3.Error?
function tags.read(body, limit)
  local root = shape.read(body, "Tagging", tagging)
  if not root then return errors.fail("MalformedXML") end
  local list = {}
  for i, node in ipairs(root[1]) do list[i] = { xml.text(node, "Key"), xml.text(node, "Value") } end
  return checked(list, limit)
end

--- Of the header x-amz-tagging: `key=value&other=value`.
---@param header string
---@return table[]?
---@return scw.emulator.s3.Error?
function tags.from_header(header)
  local list = {}
  for pair in header:gmatch("[^&]+") do
    local key, value = pair:match("^([^=]*)=?(.*)$")
    key, value = core.uri_decode((key:gsub("%+", " "))), core.uri_decode((value:gsub("%+", " ")))
    if not key or not value then return errors.fail("InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8") end
    list[#list + 1] = { key, value }
  end
  return checked(list, 10)
end

---@param list? table[]
---@return string xml a whole document
function tags.document(list)
  local parts = {}
  for i, tag in ipairs(list or {}) do
    parts[i] = "<Tag>" .. xml.element("Key", tag[1]) .. xml.element("Value", tag[2]) .. "</Tag>"
  end
  return xml.document("Tagging", "<TagSet>" .. table.concat(parts) .. "</TagSet>")
end

return tags
