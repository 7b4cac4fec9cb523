--- Object lock: retention and legal holds, and what they forbid.
local errors = require "scw.emulator.s3.errors"
local shape = require "scw.emulator.s3.shape"
local time = require "scw.emulator.s3.time"
local xml = require "scw.emulator.s3.xml"

local lock = {}

local MISSING = "Bucket is missing Object Lock Configuration"
local modes = { GOVERNANCE = true, COMPLIANCE = true }

local function bypasses(headers) return (headers["x-amz-bypass-governance-retention"] or ""):lower() == "true" end

--- May this version be deleted for good?
---@param version scw.emulator.s3.Version
---@param headers table<string, string>
---@param now number
---@return boolean?
---@return scw.emulator.s3.Error?
function lock.check_removal(version, headers, now)
  local retention = version.retention
  local held = retention and retention.until_date > now and not (retention.mode == "GOVERNANCE" and bypasses(headers))
  if version.legal_hold or held then
    return errors.fail("AccessDenied", "Access Denied because object protected by object lock.")
  end
  return true
end

--- The lock a new version gets: from the request's headers, else from the bucket.
---@param bucket scw.emulator.s3.Bucket
---@param headers table<string, string>
---@param now number
---@return table? fields `retention` and `legal_hold` of the version
---@return scw.emulator.s3.Error?
function lock.of_write(bucket, headers, now)
  local mode, date = headers["x-amz-object-lock-mode"], headers["x-amz-object-lock-retain-until-date"]
  local hold = headers["x-amz-object-lock-legal-hold"]
  if (mode or date or hold) and not bucket.lock_enabled then return errors.fail("InvalidRequest", MISSING) end
  if (mode == nil) ~= (date == nil) then
    return errors.fail("InvalidArgument",
      "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
  end
  if hold and hold ~= "ON" and hold ~= "OFF" then return errors.fail("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'") end
  local fields = { legal_hold = hold == "ON" or nil }
  if mode then
    local until_date = time.parse_iso(date)
    if not modes[mode] then return errors.fail("InvalidArgument", "Unknown wormMode directive.") end
    if not until_date or until_date <= now then return errors.fail("InvalidArgument", "The retain until date must be in the future!") end
    fields.retention = { mode = mode, until_date = until_date }
  elseif bucket.configuration.default_retention then
    local default = bucket.configuration.default_retention
    fields.retention = { mode = default.mode, until_date = math.floor(now) + default.days * 86400 }
  end
  return fields
end

--- Response headers of a version.
---@param version scw.emulator.s3.Version
---@param headers table<string, string> they are added here
function lock.add_headers(version, headers)
  if version.retention then
    headers["x-amz-object-lock-mode"] = version.retention.mode
    headers["x-amz-object-lock-retain-until-date"] = time.iso(version.retention.until_date)
  end
  if version.legal_hold ~= nil then headers["x-amz-object-lock-legal-hold"] = version.legal_hold and "ON" or "OFF" end
end

local configuration_shape = {
  { "ObjectLockEnabled", one_of = { "Enabled" }, required = true },
  { "Rule", children = {
    { "DefaultRetention", required = true, children = {
      { "Days", kind = "positive" },
      { "Mode", required = true, one_of = { "GOVERNANCE", "COMPLIANCE" } },
      { "Years", kind = "positive" },
    } },
  } },
}

function lock.get_configuration(context)
  local configuration = context.bucket.configuration
  if not context.bucket.lock_enabled then return errors.fail("ObjectLockConfigurationNotFoundError") end
  return 200, {}, xml.document("ObjectLockConfiguration",
    configuration["object-lock"] or xml.element("ObjectLockEnabled", "Enabled"), true)
end

function lock.put_configuration(context)
  local root = shape.read(context.body, "ObjectLockConfiguration", configuration_shape)
  if not root then return errors.fail("MalformedXML") end
  if not context.bucket.lock_enabled then
    return errors.fail("InvalidBucketState", "Object Lock configuration cannot be enabled on existing buckets")
  end
  local rule = xml.child(root, "Rule")
  local retention = rule and xml.child(rule, "DefaultRetention")
  local default
  if retention then
    local days, years = xml.text(retention, "Days"), xml.text(retention, "Years")
    if (days == nil) == (years == nil) then return errors.fail("MalformedXML") end
    default = { mode = xml.text(retention, "Mode"), days = math.tointeger(tonumber(days)) or math.tointeger(tonumber(years)) * 365 }
  end
  context.bucket.configuration["object-lock"] = shape.content(root)
  context.bucket.configuration.default_retention = default
  context.service.storage:save_bucket(context.bucket)
  return 200, {}, ""
end

function lock.get_retention(context)
  local retention = context.version.retention
  if not context.bucket.lock_enabled then return errors.fail("InvalidRequest", MISSING) end
  if not retention then return errors.fail("NoSuchObjectLockConfiguration") end
  return 200, {}, xml.document("Retention",
    xml.element("Mode", retention.mode) .. xml.element("RetainUntilDate", time.iso(retention.until_date)), true)
end

local retention_shape = {
  { "Mode", one_of = { "GOVERNANCE", "COMPLIANCE" }, required = true },
  { "RetainUntilDate", kind = "date", required = true },
}

--- May the retention be replaced by this one? It may grow; it shrinks, or goes, only from GOVERNANCE by a bypass.
local function may_change(old, new, context)
  if not old or old.until_date <= context.now then return true end
  local weaker = not new or new.until_date < old.until_date or old.mode == "COMPLIANCE" and new.mode ~= "COMPLIANCE"
  return not weaker or old.mode == "GOVERNANCE" and bypasses(context.headers)
end

function lock.put_retention(context)
  if not context.bucket.lock_enabled then return errors.fail("InvalidRequest", MISSING) end
  local retention
  local empty = xml.read(context.body, "Retention")
  if not empty or #empty > 0 then
    local root = shape.read(context.body, "Retention", retention_shape)
    if not root then return errors.fail("MalformedXML") end
    retention = { mode = xml.text(root, "Mode"), until_date = time.parse_iso(xml.text(root, "RetainUntilDate")) }
    if retention.until_date <= context.now then
      return errors.fail("InvalidArgument", "The retain until date must be in the future!")
    end
  end
  if not may_change(context.version.retention, retention, context) then
    return errors.fail("AccessDenied", "Access Denied because object protected by object lock.")
  end
  context.version.retention = retention
  context.service.storage:save_version(context.bucket, context.version)
  return 200, {}, ""
end

function lock.get_legal_hold(context)
  if not context.bucket.lock_enabled then return errors.fail("InvalidRequest", MISSING) end
  if context.version.legal_hold == nil then return errors.fail("NoSuchObjectLockConfiguration") end
  return 200, {}, xml.document("LegalHold", xml.element("Status", context.version.legal_hold and "ON" or "OFF"), true)
end

function lock.put_legal_hold(context)
  if not context.bucket.lock_enabled then return errors.fail("InvalidRequest", MISSING) end
  local root = shape.read(context.body, "LegalHold", { { "Status", one_of = { "ON", "OFF" }, required = true } })
  if not root then return errors.fail("MalformedXML") end
  context.version.legal_hold = xml.text(root, "Status") == "ON"
  context.service.storage:save_version(context.bucket, context.version)
  return 200, {}, ""
end

return lock
