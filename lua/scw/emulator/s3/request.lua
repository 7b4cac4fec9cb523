--- Takes a request apart: bucket and key (path style or virtual-host style), query, headers.
local core = require "core"
local errors = require "scw.emulator.s3.errors"

local request = {}

---@class scw.emulator.s3.Request
---@field method string
---@field path string as sent, percent-encoded
---@field pairs table[] the query, decoded, in order: `{name, value}` each
---@field query table<string, string> the same by name, the first of each
---@field headers table<string, string> lower-case names
---@field body string as received; the payload once decoded
---@field bucket_name? string nil: the service itself
---@field key? string nil: the bucket itself

--- The bucket a host name carries: `bucket.s3.fr-par.scw.cloud`, `bucket.s3.localhost`, `bucket.localhost`.
---@param host? string
---@return string?
function request.host_bucket(host)
  local name = (host or ""):lower():gsub(":%d+$", "")
  local bucket = name:match("^(.+)%.s3[.-]")
  if bucket then return bucket end
  if name:find("^s3[.-]") then return nil end
  return name:match("^(.+)%.localhost$")
end

local function decode_query(text)
  local list, map = {}, {}
  for pair in (text or ""):gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name, value = core.uri_decode((name:gsub("%+", " "))), core.uri_decode((value:gsub("%+", " ")))
    if not name or not value then return nil end
    list[#list + 1] = { name, value }
    if map[name] == nil then map[name] = value end
  end
  return list, map
end

---@param raw table `{method, path, query, headers, body}` as the server hands it over
---@return scw.emulator.s3.Request?
---@return scw.emulator.s3.Error?
function request.parse(raw)
  local list, map = decode_query(raw.query)
  local path = core.uri_decode(raw.path or "/")
  if not list or not path or not utf8.len(path) or path:find("\0", 1, true) then return errors.fail("InvalidURI") end
  local key
  local bucket = request.host_bucket(raw.headers.host)
  if bucket then
    key = path:sub(2)
  else
    bucket, key = path:match("^/([^/]*)/?(.*)$")
    if not bucket then return errors.fail("InvalidURI") end
    if bucket == "" then bucket = nil end
  end
  if key == "" then key = nil end
  return {
    method = raw.method, path = raw.path or "/", pairs = list, query = map, headers = raw.headers, body = raw.body or "",
    bucket_name = bucket, key = key,
  }
end

--- The `Resource` of an error.
---@param parsed scw.emulator.s3.Request
---@return string
function request.resource(parsed)
  if not parsed.bucket_name then return "/" end
  return "/" .. parsed.bucket_name .. (parsed.key and "/" .. parsed.key or "")
end

return request
