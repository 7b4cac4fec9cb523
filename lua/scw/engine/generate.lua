--- Makes secret values: random text of asked-for characters, every kind of them at least once.
local core = require "core"

local generate = {}

local KINDS = {
  { "lower", "abcdefghijklmnopqrstuvwxyz" },
  { "upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
  { "digits", "0123456789" },
}

--- A number from 1 to `count`, each as likely as the others.
local function pick(count)
  local limit = 256 - 256 % count
  while true do
    local byte = core.random(1):byte()
    if byte < limit then return byte % count + 1 end
  end
end

local function character(text)
  local position = pick(#text)
  return text:sub(position, position)
end

---@param options { length?: integer, lower?: boolean, upper?: boolean, digits?: boolean, special?: string }
---@return string
function generate.text(options)
  local sets, all = {}, ""
  for _, kind in ipairs(KINDS) do
    if options[kind[1]] ~= false then sets[#sets + 1] = kind[2] end
  end
  if options.special and options.special ~= "" then sets[#sets + 1] = options.special end
  assert(#sets > 0, "a generated value needs at least one kind of characters")
  for _, set in ipairs(sets) do all = all .. set end
  local characters = {}
  for index, set in ipairs(sets) do characters[index] = character(set) end
  for index = #sets + 1, options.length or 32 do characters[index] = character(all) end
  for index = #characters, 2, -1 do
    local other = pick(index <= 256 and index or 256)
    characters[index], characters[other] = characters[other], characters[index]
  end
  return table.concat(characters)
end

return generate
