--- Digests a client sends along: Content-MD5 and x-amz-checksum-*, checked against what arrived.
local core = require "core"
local errors = require "scw.emulator.s3.errors"

local checksum = {}

---@class scw.emulator.s3.Checksum
---@field algorithm string CRC32, CRC32C, CRC64NVME, SHA1 or SHA256
---@field value string base64; with `-parts` behind it when COMPOSITE
---@field type string FULL_OBJECT or COMPOSITE

--- A reflected CRC by table, for the two kinds `core.digest` does not have.
local function crc_function(polynomial, mask, format)
  local steps
  local function prepare()
    steps = {}
    for i = 0, 255 do
      local value = i
      for _ = 1, 8 do value = value & 1 == 1 and (value >> 1) ~ polynomial or value >> 1 end
      steps[i] = value
    end
  end
  return function(bytes)
    if not steps then prepare() end
    local value, table_of_steps, byte = mask, steps, string.byte
    for from = 1, #bytes, 128 do
      local block = { byte(bytes, from, math.min(from + 127, #bytes)) }
      for i = 1, #block do value = (value >> 8) ~ table_of_steps[(value ~ block[i]) & 255] end
    end
    return string.pack(format, value ~ mask)
  end
end

local functions = {
  CRC32 = function(bytes) return core.digest("crc32", bytes) end,
  CRC32C = crc_function(0x82F63B78, 0xFFFFFFFF, ">I4"),
  CRC64NVME = crc_function(0x9A6C9329AC4BC9B5, -1, ">i8"),
  SHA1 = function(bytes) return core.digest("sha1", bytes) end,
  SHA256 = function(bytes) return core.digest("sha256", bytes) end,
}
local sizes = { CRC32 = 4, CRC32C = 4, CRC64NVME = 8, SHA1 = 20, SHA256 = 32 }
local algorithms = { "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256" }

---@param algorithm string
---@return boolean
function checksum.known(algorithm) return functions[algorithm] ~= nil end

--- The response header, and the request header, of an algorithm.
---@param algorithm string
---@return string
function checksum.header(algorithm) return "x-amz-checksum-" .. algorithm:lower() end

--- The element that carries it in XML.
---@param algorithm string
---@return string
function checksum.element(algorithm) return "Checksum" .. algorithm end

---@param algorithm string
---@param bytes string
---@return string base64
function checksum.of(algorithm, bytes)
  return core.base64(functions[algorithm](bytes))
end

--- Checks what the headers (trailers included) claim about the body. Without a claim a CRC32 is made.
---@param headers table<string, string>
---@param body string
---@return scw.emulator.s3.Checksum?
---@return scw.emulator.s3.Error?
function checksum.check(headers, body)
  local md5 = headers["content-md5"]
  if md5 then
    local claimed = core.unbase64(md5)
    if not claimed or #claimed ~= 16 then return errors.fail("InvalidDigest") end
    if claimed ~= core.digest("md5", body) then return errors.fail("BadDigest") end
  end
  for _, algorithm in ipairs(algorithms) do
    local name = checksum.header(algorithm)
    local claim = headers[name]
    if claim then
      local claimed = core.unbase64(claim)
      if not claimed or #claimed ~= sizes[algorithm] then
        return errors.fail("InvalidRequest", "Value for " .. name .. " header is invalid.")
      end
      local computed = checksum.of(algorithm, body)
      if claim ~= computed then
        return errors.fail("BadDigest", "The " .. algorithm .. " you specified did not match the calculated checksum.")
      end
      return { algorithm = algorithm, value = computed, type = "FULL_OBJECT" }
    end
  end
  return { algorithm = "CRC32", value = checksum.of("CRC32", body), type = "FULL_OBJECT" }
end

--- Was any digest of the body sent?
---@param headers table<string, string>
---@return boolean
function checksum.claimed(headers)
  if headers["content-md5"] then return true end
  for _, algorithm in ipairs(algorithms) do
    if headers[checksum.header(algorithm)] then return true end
  end
  return false
end

--- The checksum of an object made of parts.
---@param parts scw.emulator.s3.Checksum[] in order
---@param body string the whole object
---@param whole boolean wanted over the whole object instead of over the checksums of the parts
---@return scw.emulator.s3.Checksum? checksum nil when the parts do not agree on an algorithm
function checksum.combine(parts, body, whole)
  local algorithm = parts[1] and parts[1].algorithm
  for _, part in ipairs(parts) do
    if part.algorithm ~= algorithm then return nil end
  end
  if not algorithm then return nil end
  if whole or algorithm == "CRC64NVME" then
    return { algorithm = algorithm, value = checksum.of(algorithm, body), type = "FULL_OBJECT" }
  end
  local raw = {}
  for i, part in ipairs(parts) do raw[i] = core.unbase64(part.value) end
  return { algorithm = algorithm, value = checksum.of(algorithm, table.concat(raw)) .. "-" .. #parts, type = "COMPOSITE" }
end

return checksum
