--- The one seam to JSON: nothing else calls a codec.
---
--- `encode` and `decode` are the program's own: canonical, exact, for state, plans, hashes and request bodies.
--- `answer` reads what services send; there every number is a float, and an empty array is an empty table.
local core = require "core"

local json = {}

--- JSON's null; compare with `==`.
json.null = core.null

--- Marks a table as an array, which only an empty one needs. Returns it.
json.array = core.array

--- Would this value be encoded as an array?
json.is_array = core.is_array

--- An empty table for a copy of `value`: marked when that one would be encoded as an array.
---@param value any
---@return table
function json.like(value)
  return core.is_array(value) and core.array({}) or {}
end

--- Canonical text: sorted keys, exact integers, shortest floats.
---@type fun(value: any, options?: { indent: integer }): string|nil, table|nil
json.encode = core.json_encode

--- The value, with arrays marked and integers exact.
---@type fun(text: string): any, table|nil
json.decode = core.json_decode

local codec = require("cjson").new()
codec.decode_invalid_numbers(false) -- neither NaN nor hexadecimal
codec.decode_max_depth(200)

--- Reads the answer of a service.
---@param text string
---@return any value or nil and an error table of kind `invalid`
---@return table|nil err
function json.answer(text)
  local ok, value = pcall(codec.decode, text)
  if ok then return value end
  return nil, { kind = "invalid", message = "the answer is not JSON: " .. tostring(value):match("^[^']*") }
end

return json
