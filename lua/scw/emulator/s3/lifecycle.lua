--- Lifecycle configurations: which ones are valid, and how they come back.
local errors = require "scw.emulator.s3.errors"
local shape = require "scw.emulator.s3.shape"
local xml = require "scw.emulator.s3.xml"

local lifecycle = {}

local storage_classes = { "STANDARD", "GLACIER", "ONEZONE_IA" }
local tag = { "Tag", children = { { "Key", kind = "text", required = true }, { "Value", required = true } } }
local tags = { tag[1], children = tag.children, many = true }

--- Exactly one of the named elements is there.
local function one_of(...)
  local names = { ... }
  return function(node)
    local count = 0
    for _, name in ipairs(names) do count = count + (xml.child(node, name) and 1 or 0) end
    return count == 1
  end
end

local function actions_are_there(node)
  for _, child in ipairs(node) do
    if child.name:find("Expiration$") or child.name:find("Transition$") or child.name == "AbortIncompleteMultipartUpload" then
      return true
    end
  end
  return false
end

local rules = {
  { "Rule", required = true, many = true,
    check = function(node)
      return actions_are_there(node) and not (xml.child(node, "Prefix") and xml.child(node, "Filter"))
    end,
    children = {
      { "ID" },
      { "Prefix" },
      { "Status", required = true, one_of = { "Enabled", "Disabled" } },
      { "Filter", check = function(node) return #node <= 1 end, children = {
        { "Prefix" }, tag, { "ObjectSizeGreaterThan", kind = "integer" }, { "ObjectSizeLessThan", kind = "integer" },
        { "And", children = {
          { "Prefix" }, tags, { "ObjectSizeGreaterThan", kind = "integer" }, { "ObjectSizeLessThan", kind = "integer" },
        } },
      } },
      { "Expiration",
        check = function(node)
          local marker = xml.text(node, "ExpiredObjectDeleteMarker")
          return one_of("Days", "Date")(node) and marker ~= "true" or #node == 1 and marker ~= nil
        end,
        children = { { "Days", kind = "positive" }, { "Date", kind = "date" }, { "ExpiredObjectDeleteMarker", kind = "boolean" } } },
      { "Transition", many = true, check = one_of("Days", "Date"), children = {
        { "Days", kind = "integer" }, { "Date", kind = "date" }, { "StorageClass", required = true, one_of = storage_classes },
      } },
      { "NoncurrentVersionExpiration", children = {
        { "NoncurrentDays", kind = "positive", required = true }, { "NewerNoncurrentVersions", kind = "positive" },
      } },
      { "NoncurrentVersionTransition", many = true, children = {
        { "NoncurrentDays", kind = "integer", required = true }, { "NewerNoncurrentVersions", kind = "positive" },
        { "StorageClass", required = true, one_of = storage_classes },
      } },
      { "AbortIncompleteMultipartUpload", children = { { "DaysAfterInitiation", kind = "positive", required = true } } },
    } },
}

--- Reads a configuration and returns its content as the service keeps it.
---@param body string
---@return string? xml
---@return scw.emulator.s3.Error?
function lifecycle.read(body)
  local root = shape.read(body, "LifecycleConfiguration", rules)
  if not root or shape.count(root, "Rule") > 1000 then return errors.fail("MalformedXML") end
  local ids = {}
  for number, rule in ipairs(root) do
    local id = xml.text(rule, "ID")
    if not id or id == "" then
      id = ("rule-%d"):format(number)
      if not xml.child(rule, "ID") then table.insert(rule, { name = "ID" }) end
      xml.child(rule, "ID").text = id
    end
    if #id > 255 then return errors.fail("InvalidArgument", "ID length should not exceed allowed limit of 255") end
    if ids[id] then return errors.fail("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule") end
    ids[id] = true
    local expiration = xml.child(rule, "Expiration")
    if expiration and not xml.child(expiration, "ExpiredObjectDeleteMarker") then
      table.insert(expiration, { name = "ExpiredObjectDeleteMarker", text = "false" })
    end
  end
  return shape.content(root)
end

return lifecycle
