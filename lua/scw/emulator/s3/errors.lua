--- The refusals of Object Storage: code, status, words, and the XML they travel in.
local xml = require "scw.emulator.s3.xml"

local errors = {}

---@class scw.emulator.s3.Error
---@field code string
---@field status integer
---@field message string
---@field facts? table[] further elements, `{name, text}` each
---@field headers? table<string, string>

local known = {
  AccessDenied = { 403, "Access Denied." },
  AuthorizationHeaderMalformed = { 400, "The authorization header is malformed." },
  AuthorizationQueryParametersError = { 400, "Error parsing the query authentication parameters." },
  BadDigest = { 400, "The Content-MD5 or checksum value you specified did not match what we received." },
  BucketAlreadyExists = { 409, "The requested bucket name is not available. The bucket namespace is shared by all users of the system."
    .. " Please select a different name and try again." },
  BucketAlreadyOwnedByYou = { 409, "Your previous request to create the named bucket succeeded and you already own it." },
  BucketNotEmpty = { 409, "The bucket that you tried to delete is not empty." },
  ConditionalRequestConflict = { 409, "A conflicting operation occurred while this request was carried out." },
  EntityTooLarge = { 400, "Your proposed upload exceeds the maximum allowed object size." },
  EntityTooSmall = { 400, "Your proposed upload is smaller than the minimum allowed object size." },
  ExpiredToken = { 400, "The provided token has expired." },
  IllegalLocationConstraintException = { 400, "The location constraint is incompatible for the region this request was sent to." },
  IncompleteBody = { 400, "You did not provide the number of bytes specified by the Content-Length HTTP header." },
  InvalidAccessKeyId = { 403, "The access key ID you provided does not exist in our records." },
  InvalidArgument = { 400, "Invalid argument." },
  InvalidBucketName = { 400, "The specified bucket is not valid." },
  InvalidBucketState = { 409, "The request is not valid with the current state of the bucket." },
  InvalidDigest = { 400, "The Content-MD5 or checksum value that you specified is not valid." },
  InvalidObjectState = { 403, "The operation is not valid for the object's storage class." },
  InvalidPart = { 400, "One or more of the specified parts could not be found. The part may not have been uploaded,"
    .. " or the specified entity tag may not match the part's entity tag." },
  InvalidPartOrder = { 400, "The list of parts was not in ascending order. Parts must be ordered by part number." },
  InvalidRange = { 416, "The requested range cannot be satisfied." },
  InvalidRequest = { 400, "The request is not valid." },
  InvalidStorageClass = { 400, "The storage class you specified is not valid." },
  InvalidTag = { 400, "The tag provided was not a valid tag." },
  InvalidURI = { 400, "Couldn't parse the specified URI." },
  KeyTooLongError = { 400, "Your key is too long." },
  MalformedACLError = { 400, "The XML you provided was not well-formed or did not validate against our published schema." },
  MalformedPolicy = { 400, "The policy you provided is not valid." },
  MalformedXML = { 400, "The XML you provided was not well-formed or did not validate against our published schema." },
  MetadataTooLarge = { 400, "Your metadata headers exceed the maximum allowed metadata size." },
  MethodNotAllowed = { 405, "The specified method is not allowed against this resource." },
  MissingContentLength = { 411, "You must provide the Content-Length HTTP header." },
  MissingSecurityHeader = { 400, "Your request is missing a required header." },
  NoSuchBucket = { 404, "The specified bucket does not exist" },
  NoSuchBucketPolicy = { 404, "The bucket policy does not exist" },
  NoSuchCORSConfiguration = { 404, "The CORS configuration does not exist" },
  NoSuchKey = { 404, "The specified key does not exist." },
  NoSuchLifecycleConfiguration = { 404, "The lifecycle configuration does not exist" },
  NoSuchObjectLockConfiguration = { 404, "The specified object does not have a ObjectLock configuration" },
  NoSuchTagSet = { 404, "The TagSet does not exist" },
  NoSuchUpload = { 404, "The specified upload does not exist. The upload ID may be invalid,"
    .. " or the upload may have been aborted or completed." },
  NoSuchVersion = { 404, "The specified version does not exist." },
  NoSuchWebsiteConfiguration = { 404, "The specified bucket does not have a website configuration" },
  NotImplemented = { 501, "A header or query you provided requests a function that is not implemented." },
  NotModified = { 304, "Not Modified" },
  ObjectLockConfigurationNotFoundError = { 404, "Object Lock configuration does not exist for this bucket" },
  PreconditionFailed = { 412, "At least one of the pre-conditions you specified did not hold" },
  RequestTimeTooSkewed = { 403, "The difference between the request time and the current time is too large." },
  ServerSideEncryptionConfigurationNotFoundError = { 404, "The server side encryption configuration was not found" },
  SignatureDoesNotMatch = { 403, "The request signature we calculated does not match the signature you provided."
    .. " Check your key and signing method." },
  TooManyBuckets = { 400, "You have attempted to create more buckets than allowed" },
  XAmzContentSHA256Mismatch = { 400, "The provided 'x-amz-content-sha256' header does not match what was computed." },
}

--- Makes the two values a refusing handler returns.
---@param code string one of the codes above
---@param message? string instead of the usual words
---@param facts? table[] further elements of the answer, `{name, text}` each
---@return nil, scw.emulator.s3.Error
function errors.fail(code, message, facts)
  local usual = assert(known[code], code)
  return nil, { code = code, status = usual[1], message = message or usual[2], facts = facts }
end

--- The body of a refusal.
---@param err scw.emulator.s3.Error
---@param resource string `/bucket/key`
---@param request_id string
---@return string
function errors.body(err, resource, request_id)
  local parts = {
    "<Error>", xml.element("Code", err.code), xml.element("Message", err.message), xml.element("RequestId", request_id),
    xml.element("HostId", request_id), xml.element("Resource", resource),
  }
  for _, fact in ipairs(err.facts or {}) do parts[#parts + 1] = xml.element(fact[1], fact[2]) end
  parts[#parts + 1] = "</Error>"
  return table.concat(parts)
end

return errors
