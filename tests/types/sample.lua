--- Makes values for the fields of any type, from its schema alone.
local sample = {}

local CANDIDATES = { "abc", "abc-1", "PostgreSQL-17", "Name1" }
local OTHERS = { "def", "def-2", "PostgreSQL-16", "Name2" }

local FORMATS = {
  uuid = { "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222" },
  cidr = { "10.1.0.0/22", "10.2.0.0/22" },
  ipv4_cidr = { "192.0.2.0/24", "198.51.100.7/32" },
  cron = { "0 3 * * *", "*/5 * * * MON" },
  email = { "ops@example.com", "dev@example.com" },
  hostname = { "app.example.com", "www.example.com" },
  timestamp = { "2030-01-31T12:00:00Z", "2031-01-31T12:00:00Z" },
  path = { "/one", "/two" },
  password = { "Correct-horse-1", "Correct-horse-2" },
}

local value_of

local function text(field, variant)
  if field.enum then return field.enum[variant == 1 and 1 or #field.enum] end
  if field.format then return FORMATS[field.format][variant] end
  for _, candidate in ipairs(variant == 1 and CANDIDATES or OTHERS) do
    if not field.pattern or candidate:find(field.pattern) then return candidate end
  end
  error("no sample for " .. field.name)
end

local function number(field, variant)
  local low = field.min or field.soft_min or 1
  if variant == 1 then return low + 1 end
  return math.min(low + 2, field.max or math.maxinteger)
end

local makers = {
  str = text, int = number, float = number,
  bool = function(field, variant) return (variant == 1) ~= (field.default == true) end,
  any = function(_, variant) return { "any", variant } end,
  ref = function(_, variant) return FORMATS.uuid[variant] end,
  duration = function(_, variant) return variant == 1 and "120s" or "180s" end,
  size = function(_, variant) return variant * 10000000000 end,
  list = function(field, variant) return { (value_of(field.of, variant)) } end,
  map = function(field, variant) return { ["KEY_" .. variant] = value_of(field.of, variant) } end,
}
makers.set = makers.list

function makers.object(field, variant)
  local result, chosen = {}, field.one_of and field.one_of[math.min(variant, #field.one_of)]
  local excluded = {}
  for _, name in ipairs(field.one_of or {}) do excluded[name] = name ~= chosen end
  for _, name in ipairs(field.order) do
    if not excluded[name] then result[name] = value_of(field.fields[name], variant) end
  end
  return result
end

value_of = function(field, variant)
  if field.unit then return variant * 2 ^ 30 // 1 | 0 end
  return makers[field.kind](field, variant)
end

--- A valid value of one field; `variant` 1 or 2 differ.
---@param field scw.schema.Field
---@param variant 1|2
---@return any
function sample.value(field, variant)
  return value_of(field, variant)
end

--- Values for all fields of a type that can be set together.
---@param type scw.schema.Type
---@return table
function sample.fields(type)
  local result, excluded = {}, {}
  for _, group in ipairs(type.one_of) do
    for index = 2, #group do excluded[group[index]] = true end
  end
  for _, name in ipairs(type.order) do
    local field = type.fields[name]
    if not excluded[name] and not field.placement then result[name] = value_of(field, 1) end
  end
  if result.object_lock then result.object_lock.years = nil end
  if result.volume_type == "lssd" then result.volume_type = "sbs_5k" end
  if result.min_scale then result.max_scale = result.min_scale + 1 end
  return result
end

sample.place = {
  region = "fr-par", zone = "fr-par-1", project = "33333333-3333-4333-8333-333333333333",
  organization = "44444444-4444-4444-8444-444444444444",
}

return sample
