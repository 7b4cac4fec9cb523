--- The sub-resources of a bucket: which field lives where, and how it looks there. Pure.
local json = require "scw.json"
local markup = require "scw.engine.driver.markup"

local bucket_parts = {}

---@class scw.BucketPart
---@field field string
---@field name string of the sub-resource: `?cors`
---@field empty? any the value that stands for "no such sub-resource"
---@field removable? boolean an empty value is a DELETE
---@field encode fun(value: any): string|table, table? body (text, or a node), and headers
---@field decode fun(node: table, text: string): any
---@field absent? string error code that means "none"

local CORS = {
  { "AllowedHeader", "allowed_headers", "texts" }, { "AllowedMethod", "allowed_methods", "texts" },
  { "AllowedOrigin", "allowed_origins", "texts" }, { "ExposeHeader", "expose_headers", "texts" },
  { "MaxAgeSeconds", "max_age", "int" },
}

local CORS_RULES = { { "CORSRule", "rules", "nodes", CORS } }

local TRANSITION = { { "Days", "days", "int" }, { "Date", "date", "text" }, { "StorageClass", "storage_class", "text" } }

local LIFECYCLE = {
  { "AbortIncompleteMultipartUpload", nil, "node", { { "DaysAfterInitiation", "abort_multipart_days", "int" } } },
  { "Expiration", nil, "node", { { "Days", "expiration_days", "int" }, { "Date", "expiration_date", "text" },
    { "ExpiredObjectDeleteMarker", "expired_delete_marker", "bool" } } },
  { "ID", "id", "text" },
  { "NoncurrentVersionExpiration", nil, "node", { { "NoncurrentDays", "noncurrent_days", "int" },
    { "NewerNoncurrentVersions", "noncurrent_versions_kept", "int" } } },
  { "Transition", "transitions", "nodes", TRANSITION },
}

local RETENTION = { { "Days", "days", "int" }, { "Mode", "mode", "text" }, { "Years", "years", "int" } }

local function sorted_names(map)
  local names = {}
  for name in next, map do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function tag_nodes(tags)
  local nodes = {}
  for index, name in ipairs(sorted_names(tags)) do
    nodes[index] = markup.node("Tag", nil, { markup.node("Key", name), markup.node("Value", tags[name]) })
  end
  return nodes
end

local function tags_of(node)
  local tags = {}
  for _, child in ipairs(node or {}) do
    if child.name == "Tag" then tags[markup.text(child, "Key") or ""] = markup.text(child, "Value") or "" end
  end
  return tags
end

--- One condition stands alone, several stand in And.
local function filter_of(rule)
  local conditions = tag_nodes(rule.tags or {})
  if rule.prefix then table.insert(conditions, 1, markup.node("Prefix", rule.prefix)) end
  if #conditions > 1 then conditions = { markup.node("And", nil, conditions) } end
  return markup.node("Filter", nil, conditions)
end

local function read_filter(node, rule)
  local filter = markup.child(node, "Filter")
  local inner = markup.child(filter, "And") or filter
  rule.prefix = markup.text(inner, "Prefix") or markup.text(node, "Prefix")
  local tags = tags_of(inner)
  if next(tags) then rule.tags = tags end
end

local function encode_lifecycle(rules)
  local nodes = {}
  for index, rule in ipairs(rules) do
    local children = markup.encode(LIFECYCLE, rule)
    if not rule.id then table.insert(children, markup.node("ID", ("rule-%d"):format(index))) end
    table.insert(children, filter_of(rule))
    table.insert(children, markup.node("Status", rule.enabled == false and "Disabled" or "Enabled"))
    nodes[index] = markup.node("Rule", nil, children)
  end
  return markup.document("LifecycleConfiguration", nodes)
end

local function decode_lifecycle(node)
  local rules = {}
  for _, child in ipairs(node) do
    if child.name == "Rule" then
      local rule = markup.decode(LIFECYCLE, child)
      if rule.expired_delete_marker == false then rule.expired_delete_marker = nil end
      rule.enabled = markup.text(child, "Status") ~= "Disabled"
      read_filter(child, rule)
      rules[#rules + 1] = rule
    end
  end
  return rules
end

local GROUPS = { ["http://acs.amazonaws.com/groups/global/AllUsers"] = "public",
  ["http://acs.amazonaws.com/groups/global/AuthenticatedUsers"] = "authenticated" }

--- The canned name of a list of grants.
local function canned_acl(node)
  local granted = {}
  for _, grant in ipairs(markup.child(node, "AccessControlList") or {}) do
    local group = GROUPS[markup.text(markup.child(grant, "Grantee"), "URI") or ""]
    if group then granted[group .. " " .. (markup.text(grant, "Permission") or "")] = true end
  end
  if granted["public WRITE"] then return "public-read-write" end
  if granted["public READ"] then return "public-read" end
  if granted["authenticated READ"] then return "authenticated-read" end
  return "private"
end

---@type scw.BucketPart[]
bucket_parts.all = {
  { field = "acl", name = "acl", empty = "private",
    encode = function(value) return "", { ["x-amz-acl"] = value } end, decode = canned_acl },
  { field = "cors", name = "cors", empty = {}, removable = true, absent = "NoSuchCORSConfiguration",
    encode = function(rules) return markup.document("CORSConfiguration", markup.encode(CORS_RULES, { rules = rules })) end,
    decode = function(node) return markup.decode(CORS_RULES, node).rules or {} end },
  { field = "lifecycle", name = "lifecycle", empty = {}, removable = true, absent = "NoSuchLifecycleConfiguration",
    encode = encode_lifecycle, decode = decode_lifecycle },
  { field = "object_lock", name = "object-lock", absent = "ObjectLockConfigurationNotFoundError",
    encode = function(value)
      local children = { markup.node("ObjectLockEnabled", "Enabled") }
      if value.mode then
        children[2] = markup.node("Rule", nil, { markup.node("DefaultRetention", nil, markup.encode(RETENTION, value)) })
      end
      return markup.document("ObjectLockConfiguration", children)
    end,
    decode = function(node)
      if markup.text(node, "ObjectLockEnabled") ~= "Enabled" then return nil end
      local retention = markup.child(markup.child(node, "Rule"), "DefaultRetention")
      return retention and markup.decode(RETENTION, retention) or {}
    end },
  { field = "policy", name = "policy", removable = true, absent = "NoSuchBucketPolicy",
    encode = function(value) return assert(json.encode(value)) end,
    decode = function(_, text) return (json.decode(text)) end },
  { field = "tags", name = "tagging", empty = {}, removable = true, absent = "NoSuchTagSet",
    encode = function(tags) return markup.document("Tagging", { markup.node("TagSet", nil, tag_nodes(tags)) }) end,
    decode = function(node) return tags_of(markup.child(node, "TagSet")) end },
  { field = "versioning", name = "versioning", empty = false,
    encode = function(value)
      return markup.document("VersioningConfiguration", { markup.node("Status", value and "Enabled" or "Suspended") })
    end,
    decode = function(node) return markup.text(node, "Status") == "Enabled" end },
}

return bucket_parts
