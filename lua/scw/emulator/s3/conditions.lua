--- Preconditions: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since.
local errors = require "scw.emulator.s3.errors"
local time = require "scw.emulator.s3.time"

local conditions = {}

--- Is one of the tags of the header this one? Quoted and unquoted count, and `*` is any.
local function names(header, etag)
  for tag in header:gmatch("[^,]+") do
    tag = tag:match("^%s*(.-)%s*$"):gsub("^W/", ""):gsub('^"(.*)"$', "%1")
    if tag == "*" or tag == etag then return true end
  end
  return false
end

local function failed(condition)
  return errors.fail("PreconditionFailed", nil, { { "Condition", condition } })
end

--- Of a read; `prefix` is `x-amz-copy-source-` for the source of a copy, which is never "not modified".
---@param headers table<string, string>
---@param version scw.emulator.s3.Version
---@param prefix? string
---@return boolean?
---@return scw.emulator.s3.Error?
function conditions.read(headers, version, prefix)
  local function header(name) return headers[(prefix or "") .. name] end
  local modified = math.floor(version.modified)
  local match, unmodified = header("if-match"), header("if-unmodified-since")
  if match then
    if not names(match, version.etag) then return failed("If-Match") end
  elseif unmodified then
    local moment = time.parse_http(unmodified)
    if moment and modified > moment then return failed("If-Unmodified-Since") end
  end
  local none, since = header("if-none-match"), header("if-modified-since")
  local unchanged = false
  if none then
    unchanged = names(none, version.etag)
  elseif since then
    local moment = time.parse_http(since)
    unchanged = moment ~= nil and modified <= moment
  end
  if not unchanged then return true end
  if prefix then return failed(none and "If-None-Match" or "If-Modified-Since") end
  return errors.fail("NotModified")
end

--- Of a write: what must, or must not, be under the key already.
---@param headers table<string, string>
---@param current? scw.emulator.s3.Version
---@return boolean?
---@return scw.emulator.s3.Error?
function conditions.write(headers, current)
  local none, match = headers["if-none-match"], headers["if-match"]
  if none then
    if none:gsub('"', "") ~= "*" then
      return errors.fail("NotImplemented", nil, { { "Header", "If-None-Match" } })
    end
    if current then return failed("If-None-Match") end
  end
  if match then
    if not current then return errors.fail("NoSuchKey") end
    if not names(match, current.etag) then return failed("If-Match") end
  end
  return true
end

return conditions
