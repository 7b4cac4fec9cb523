--- Uploads in `aws-chunked` framing: chunks with or without signatures, trailers behind them.
local core = require "core"
local errors = require "scw.emulator.s3.errors"

local chunked = {}

local EMPTY_HASH = core.hex(core.digest("sha256", ""))

--- What signs the chunks of one upload, starting from the signature of the request.
---@class scw.emulator.s3.ChunkSigner
---@field key string the signing key
---@field date string x-amz-date
---@field scope string
---@field previous string signature the next one builds on

local function chunk_signature(signer, payload)
  local text = table.concat({ "AWS4-HMAC-SHA256-PAYLOAD", signer.date, signer.scope, signer.previous, EMPTY_HASH,
    core.hex(core.digest("sha256", payload)) }, "\n")
  return core.hex(core.hmac("sha256", signer.key, text))
end

local function trailer_signature(signer, lines)
  local text = table.concat({ "AWS4-HMAC-SHA256-TRAILER", signer.date, signer.scope, signer.previous,
    core.hex(core.digest("sha256", lines)) }, "\n")
  return core.hex(core.hmac("sha256", signer.key, text))
end

local function read_trailers(text, signer)
  local trailers, lines, signature = {}, {}, nil
  for line in text:gmatch("[^\r\n]+") do
    local name, value = line:match("^%s*([^:%s]+)%s*:%s*(.-)%s*$")
    if not name then return errors.fail("InvalidRequest", "The trailer of the upload is malformed.") end
    name = name:lower()
    if name == "x-amz-trailer-signature" then
      signature = value
    else
      trailers[name] = value
      lines[#lines + 1] = name .. ":" .. value .. "\n"
    end
  end
  if signer and next(trailers) and signature ~= trailer_signature(signer, table.concat(lines)) then
    return errors.fail("SignatureDoesNotMatch")
  end
  return trailers
end

--- Takes the framing off.
---@param framed string the body as received
---@param expected? integer x-amz-decoded-content-length
---@param signer? scw.emulator.s3.ChunkSigner nil: the chunks are not signed
---@return string? payload
---@return table|scw.emulator.s3.Error trailers by lower-case name, or the refusal
function chunked.decode(framed, expected, signer)
  local payloads, at = {}, 1
  while true do
    local from, to, size, extension = framed:find("^(%x+)([^\r\n]*)\r?\n", at)
    if not from then return errors.fail("IncompleteBody") end
    local length = tonumber(size, 16)
    if #size > 15 or to + length > #framed then return errors.fail("IncompleteBody") end
    local payload = framed:sub(to + 1, to + length)
    if signer then
      local signature = extension:match("chunk%-signature=(%x+)")
      if signature ~= chunk_signature(signer, payload) then return errors.fail("SignatureDoesNotMatch") end
      signer.previous = signature
    end
    at = to + length + 1
    if length == 0 then break end
    payloads[#payloads + 1] = payload
    local _, newline = framed:find("^\r?\n", at)
    if not newline then return errors.fail("IncompleteBody") end
    at = newline + 1
  end
  local payload = table.concat(payloads)
  if expected and expected ~= #payload then return errors.fail("IncompleteBody") end
  local trailers, err = read_trailers(framed:sub(at), signer)
  if not trailers then return nil, err end
  return payload, trailers
end

return chunked
