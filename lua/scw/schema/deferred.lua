--- Values that are not there yet: the unknown sentinel, secret fingerprints, and references of a stack.
--- A reference says what it is through its metatable: `__reference = function(value) return description end`, where the
--- description is `{address=, type=, attribute=, secret=}`; `attribute` is nil for the handle itself, `type` for an
--- expression made of several references.
local unknown = require "scw.unknown"

local deferred = {}

local PLAIN = {}

--- What a value stands for when it is not there yet, nil when it is there.
---@param value any
---@return table|nil description
function deferred.describe(value)
  if type(value) ~= "table" then return nil end
  if value == unknown then return PLAIN end
  local metatable = debug.getmetatable(value)
  if not metatable then return rawget(value, "$secret") ~= nil and { secret = true } or nil end
  local describe = rawget(metatable, "__reference")
  if describe then return describe(value) end
  return nil
end

--- Whether any part of a value is not there yet.
---@param value any
---@return boolean
function deferred.contains(value)
  if type(value) ~= "table" then return false end
  if deferred.describe(value) then return true end
  for _, part in next, value do
    if deferred.contains(part) then return true end
  end
  return false
end

--- Whether any part of a value is known only after apply.
---@param value any
---@return boolean
function deferred.unknown(value)
  if value == unknown then return true end
  if type(value) ~= "table" then return false end
  for _, part in next, value do
    if deferred.unknown(part) then return true end
  end
  return false
end

--- What stands for a secret that is there, but that nobody can tell: it differs from every other, and is left alone.
deferred.UNSURE = "?"

--- A secret that stays what it is.
---@param fingerprint? string of what it is, as far as known
---@return table
function deferred.kept(fingerprint) return { ["$secret"] = fingerprint or deferred.UNSURE, ["$kept"] = true } end

--- A secret of which nobody knows what it is.
---@return table
function deferred.unsure() return { ["$secret"] = deferred.UNSURE } end

---@param value any
---@return boolean
function deferred.is_kept(value) return type(value) == "table" and rawget(value, "$kept") == true end

---@param value any
---@return boolean
function deferred.is_unsure(value) return type(value) == "table" and rawget(value, "$secret") == deferred.UNSURE end

--- The fingerprint that stands for a secret in state and plan, nil for any other value.
---@param value any
---@return string|nil
function deferred.fingerprint(value)
  return type(value) == "table" and rawget(value, "$secret") or nil
end

return deferred
