--- Who sent a request, and is it as that one signed it? Signature version 4, in headers or in the query.
--- Written apart from the signer (`core.sigv4`), so that each of the two shows the mistakes of the other.
local core = require "core"
local chunked = require "scw.emulator.s3.chunked"
local errors = require "scw.emulator.s3.errors"
local time = require "scw.emulator.s3.time"

local auth = {}

local ALGORITHM = "AWS4-HMAC-SHA256"
local SKEW = 15 * 60
local LONGEST_PRESIGNED = 7 * 86400
local UNSIGNED = "UNSIGNED-PAYLOAD"

---@class scw.emulator.s3.Caller
---@field anonymous boolean
---@field access_key? string without the project
---@field project_id? string the project the request acts in
---@field principal? string `user_id:<uuid>` or `application_id:<uuid>`
---@field owner? boolean owns the organisation: no bucket policy shuts this one out
---@field region? string of the signature
---@field payload? string what x-amz-content-sha256 says
---@field signer? scw.emulator.s3.ChunkSigner

---@class scw.emulator.s3.Claim what a request says about its signature
---@field access_key string
---@field date string yyyymmdd
---@field region string
---@field stamp string x-amz-date
---@field signed string[] names of the signed headers
---@field signature string
---@field payload string
---@field expires? integer seconds, presigned only

local function split_credential(text)
  local access_key, date, region, service, terminator = text:match("^(.+)/(%d%d%d%d%d%d%d%d)/([^/]+)/([^/]+)/([^/]+)$")
  if not access_key or service ~= "s3" or terminator ~= "aws4_request" then return nil end
  return access_key, date, region
end

local function names_of(text)
  local names = {}
  for name in text:gmatch("[^;]+") do names[#names + 1] = name:lower() end
  return names
end

local function read_header(request)
  local parameters = {}
  for name, value in request.headers.authorization:sub(#ALGORITHM + 1):gmatch("(%a+)=([^,%s]+)") do parameters[name] = value end
  if not (parameters.Credential and parameters.SignedHeaders and parameters.Signature) then
    return errors.fail("AuthorizationHeaderMalformed")
  end
  local access_key, date, region = split_credential(parameters.Credential)
  if not access_key then
    return errors.fail("AuthorizationHeaderMalformed", "The authorization header is malformed; the Credential is mal-formed;"
      .. ' expecting "<access-key>/YYYYMMDD/<region>/s3/aws4_request".')
  end
  -- Plain curl signs the hash of the body without sending it along.
  local payload = request.headers["x-amz-content-sha256"] or core.hex(core.digest("sha256", request.body))
  local stamp = request.headers["x-amz-date"]
  if not stamp then
    local seconds = time.parse_http(request.headers.date or "")
    if not seconds then return errors.fail("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") end
    stamp = os.date("!%Y%m%dT%H%M%SZ", seconds)
  end
  return {
    access_key = access_key, date = date, region = region, stamp = stamp, signed = names_of(parameters.SignedHeaders),
    signature = parameters.Signature, payload = payload,
  }
end

local function read_query(request)
  local query = request.query
  if query["X-Amz-Algorithm"] ~= ALGORITHM then return errors.fail("AuthorizationQueryParametersError") end
  local access_key, date, region = split_credential(query["X-Amz-Credential"] or "")
  local expires = math.tointeger(tonumber(query["X-Amz-Expires"]))
  if not (access_key and query["X-Amz-Date"] and query["X-Amz-SignedHeaders"] and query["X-Amz-Signature"]) then
    return errors.fail("AuthorizationQueryParametersError", "Query-string authentication version 4 requires the X-Amz-Algorithm,"
      .. " X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
  end
  if not expires or expires < 1 or expires > LONGEST_PRESIGNED then
    return errors.fail("AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds")
  end
  return {
    access_key = access_key, date = date, region = region, stamp = query["X-Amz-Date"], expires = expires,
    signed = names_of(query["X-Amz-SignedHeaders"]), signature = query["X-Amz-Signature"],
    payload = query["X-Amz-Content-Sha256"] or request.headers["x-amz-content-sha256"] or UNSIGNED,
  }
end

local function canonical_query(request)
  local encoded = {}
  for _, pair in ipairs(request.pairs) do
    if pair[1] ~= "X-Amz-Signature" then encoded[#encoded + 1] = { core.uri_encode(pair[1]), core.uri_encode(pair[2]) } end
  end
  table.sort(encoded, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  for i, pair in ipairs(encoded) do encoded[i] = pair[1] .. "=" .. pair[2] end
  return table.concat(encoded, "&")
end

local function canonical_request(request, claim, path)
  local lines = {}
  for i, name in ipairs(claim.signed) do
    lines[i] = name .. ":" .. (request.headers[name] or ""):gsub("%s+", " "):match("^ ?(.-) ?$") .. "\n"
  end
  return table.concat({ request.method, path, canonical_query(request), table.concat(lines), table.concat(claim.signed, ";"),
    claim.payload }, "\n")
end

local MOST_KEYS = 256

--- Signing keys hold for a day and a region: they are kept, all forgotten when there are too many.
local function signing_key(service, record, claim)
  local name = claim.date .. claim.region .. record.secret_key
  local kept = service.signing_keys
  if kept[name] then return kept[name] end
  local key = "AWS4" .. record.secret_key
  for _, part in ipairs { claim.date, claim.region, "s3", "aws4_request" } do key = core.hmac("sha256", key, part) end
  if kept.count >= MOST_KEYS then
    kept = { count = 0 }
    service.signing_keys = kept
  end
  kept[name], kept.count = key, kept.count + 1
  return key
end

--- Clients differ in what they leave unencoded in paths: the path as sent counts, and its strictest form.
local function matches(request, claim, key)
  local scope = table.concat({ claim.date, claim.region, "s3", "aws4_request" }, "/")
  local first
  local strict = core.uri_encode(core.uri_decode(request.path), true)
  for _, path in ipairs { request.path, strict ~= request.path and strict or nil } do
    local canonical = canonical_request(request, claim, path)
    local text = table.concat({ ALGORITHM, claim.stamp, scope, core.hex(core.digest("sha256", canonical)) }, "\n")
    if core.hex(core.hmac("sha256", key, text)) == claim.signature then return true, scope end
    first = first or { { "StringToSign", text }, { "CanonicalRequest", canonical } }
  end
  return errors.fail("SignatureDoesNotMatch", nil, first)
end

local function check_signed_headers(request, claim)
  local signed = {}
  for _, name in ipairs(claim.signed) do signed[name] = true end
  if not signed.host then return errors.fail("AccessDenied", "Signature must include the host header") end
  if claim.expires then return true end
  for name in pairs(request.headers) do
    if name:sub(1, 6) == "x-amz-" and not signed[name] then
      return errors.fail("AccessDenied", "There were headers present in the request which were not signed",
        { { "HeadersNotSigned", name } })
    end
  end
  return true
end

local function check_time(claim, now)
  local sent = time.parse_compact(claim.stamp)
  if not sent then return errors.fail("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") end
  if claim.stamp:sub(1, 8) ~= claim.date then
    return errors.fail("SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
  end
  local facts = { { "ServerTime", time.iso(now) } }
  if claim.expires then
    if sent > now + SKEW then return errors.fail("AccessDenied", "Request is not yet valid", facts) end
    if now > sent + claim.expires then return errors.fail("AccessDenied", "Request has expired", facts) end
    return true
  end
  if math.abs(now - sent) > SKEW then
    return errors.fail("RequestTimeTooSkewed", nil,
      { { "RequestTime", claim.stamp }, facts[1], { "MaxAllowedSkewMilliseconds", SKEW * 1000 } })
  end
  return true
end

--- Finds out who sent the request and checks the signature; the payload is checked by `auth.payload`.
---@param request scw.emulator.s3.Request
---@param service table `credentials`, `regions`, `signing_keys`
---@param now number
---@return scw.emulator.s3.Caller?
---@return scw.emulator.s3.Error?
function auth.identify(request, service, now)
  local claim, err
  local header = request.headers.authorization
  if header then
    if header:sub(1, #ALGORITHM) ~= ALGORITHM then
      return errors.fail("InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
    end
    claim, err = read_header(request)
  elseif request.query["X-Amz-Signature"] or request.query["X-Amz-Algorithm"] then
    claim, err = read_query(request)
  else
    return { anonymous = true }
  end
  if not claim then return nil, err end
  local access_key, project = claim.access_key:match("^([^@]+)@(.+)$")
  local record = service.credentials(access_key or claim.access_key, project)
  if not record then return errors.fail("InvalidAccessKeyId", nil, { { "AWSAccessKeyId", claim.access_key } }) end
  if not service.regions[claim.region] then
    return errors.fail("AuthorizationHeaderMalformed", ("The authorization header is malformed; the region '%s' is wrong; expecting '%s'")
      :format(claim.region, service.region), { { "Region", service.region } })
  end
  local ok
  ok, err = check_signed_headers(request, claim)
  if ok then ok, err = check_time(claim, now) end
  if not ok then return nil, err end
  local key = signing_key(service, record, claim)
  local matched, scope = matches(request, claim, key)
  if not matched then return nil, scope end
  return {
    anonymous = false, access_key = access_key or claim.access_key, project_id = project or record.project_id,
    principal = record.principal, owner = record.owner and true or false, region = claim.region, payload = claim.payload,
    signer = { key = key, date = claim.stamp, scope = scope, previous = claim.signature },
  }
end

--- Takes the framing off the body and compares it with what was signed.
---@param request scw.emulator.s3.Request its `body` and `headers` (trailers) are replaced
---@param caller scw.emulator.s3.Caller
---@return boolean?
---@return scw.emulator.s3.Error?
function auth.payload(request, caller)
  local payload = caller.payload or request.headers["x-amz-content-sha256"] or UNSIGNED
  if payload == UNSIGNED then return true end
  if payload:sub(1, 10) == "STREAMING-" then
    local signed = payload:sub(1, 26) == "STREAMING-AWS4-HMAC-SHA256"
    if signed and not caller.signer then return errors.fail("AccessDenied") end
    local length = request.headers["x-amz-decoded-content-length"]
    if not length then return errors.fail("MissingContentLength") end
    local body, trailers = chunked.decode(request.body, math.tointeger(tonumber(length)) or -1, signed and caller.signer or nil)
    if not body then return nil, trailers end
    request.body = body
    for name, value in pairs(trailers) do request.headers[name] = value end
    return true
  end
  if not payload:find("^%x+$") or #payload ~= 64 then
    return errors.fail("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER,"
      .. " STREAMING-AWS4-HMAC-SHA256-PAYLOAD, or a valid sha256 value.")
  end
  if payload:lower() ~= core.hex(core.digest("sha256", request.body)) then return errors.fail("XAmzContentSHA256Mismatch") end
  return true
end

return auth
