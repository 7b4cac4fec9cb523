--- The form of what is read back: documents and their records, entries of the log, deployments, locks, places in the queue, saved plans.
--- What passes here can be used without another look, whoever wrote it.
---
--- A form is a function: nil for a value that has it, otherwise where it has not ("" for the value itself).
local core = require "core"
local json = require "scw.json"

local form = {}

---@alias scw.state.Form fun(value: any): string|nil

local LARGEST = 1 << 53 -- counters never get there; one more than it is still an integer

local function plain(kind)
  return function(value) return type(value) ~= kind and "" or nil end
end

local text, flag = plain "string", plain "boolean"

local function count(value)
  return not (math.type(value) == "integer" and value >= 0 and value < LARGEST) and "" or nil
end

--- Seconds since 1970 that can be counted with.
local function time(value) return not (type(value) == "number" and value > -LARGEST and value < LARGEST) and "" or nil end

local function anything() return nil end

local function hexadecimal(value)
  return not (type(value) == "string" and #value % 2 == 0 and value:find("^%x+$")) and "" or nil
end

local function integer(value) return math.type(value) ~= "integer" and "" or nil end

local function optional(inner)
  return function(value)
    if value == nil then return nil end
    return inner(value)
  end
end

local function one_of(...)
  local known = {}
  for _, word in ipairs({ ... }) do known[word] = true end
  return function(value) return not known[value] and "" or nil end
end

local function below(name, rest) return rest == "" and name or name .. "." .. rest end

local function is_object(value) return type(value) == "table" and not core.is_array(value) end

local function is_list(value) return type(value) == "table" and (core.is_array(value) or next(value) == nil) end

--- The first wrong one in the order of names: the same for the same document.
local function first_wrong(wrong)
  local names = {}
  for name in next, wrong do names[#names + 1] = name end
  table.sort(names)
  return below(names[1], wrong[names[1]])
end

---@param inner? scw.state.Form
local function map(inner)
  return function(value)
    if not is_object(value) then return "" end
    if not inner then return nil end
    local wrong
    for name, part in next, value do
      local where = inner(part)
      if where then
        wrong = wrong or {}
        wrong[name] = where
      end
    end
    return wrong and first_wrong(wrong)
  end
end

local function list(inner)
  return function(value)
    if not is_list(value) then return "" end
    for index, part in ipairs(value) do
      local where = inner(part)
      if where then return below(("[%d]"):format(index), where) end
    end
    return nil
  end
end

--- Fields that are not named may be there: later versions add some.
---@param fields table<string, scw.state.Form>
local function object(fields)
  local names = {}
  for name in next, fields do names[#names + 1] = name end
  table.sort(names)
  return function(value)
    if not is_object(value) then return "" end
    for _, name in ipairs(names) do
      local where = fields[name](value[name])
      if where then return below(name, where) end
    end
    return nil
  end
end

local function with(fields, more)
  local all = {}
  for name, inner in next, fields do all[name] = inner end
  for name, inner in next, more do all[name] = inner end
  return all
end

-- Where values come from (scw.dsl.origin) ---------------------------------------------------------------------------------

local function key(value) return type(value) ~= "string" and math.type(value) ~= "integer" and "" or nil end

local function attribute(value)
  if type(value[1]) ~= "string" then return "[1]" end
  for index, name in ipairs(value) do
    if key(name) then return ("[%d]"):format(index) end
  end
  return nil
end

local origin

local function operand(value)
  if type(value) == "table" then return origin(value) end
  return type(value) ~= "string" and type(value) ~= "number" and "" or nil
end

local COMPUTED = object({
  join = optional(list(operand)), operator = optional(text), operands = optional(list(operand)), index = optional(key),
  operand = optional(operand), outside = optional(text), opaque = optional(list(plain "table")),
})

origin = function(value)
  if type(value) ~= "table" then return "" end
  if value[1] ~= nil then return attribute(value) end
  return COMPUTED(value)
end

local origins = optional(map(origin))

-- Records ---------------------------------------------------------------------------------------------------------------

local OPTIONS = {
  protect = optional(flag), retain_on_delete = optional(flag), create_before_destroy = optional(flag),
  ignore_changes = optional(list(text)), timeouts = optional(map(text)),
}

local RECORD = {
  type = text, id = text, place = map(text), inputs = map(), outputs = map(), dependencies = list(text),
  status = one_of("ready", "creating", "updating", "tainted"), reason = optional(text), schema = optional(count),
  options = object(OPTIONS),
  source = optional(text), marked_as = optional(text), origins = origins,
}
local OPTIONAL = { reason = true, source = true, marked_as = true, origins = true }

local former = object(RECORD)
local record = object(with(RECORD, { deposed = optional(list(former)) }))
local intent = object(with(RECORD, { id = optional(text), at = optional(integer), deposed = optional(list(former)) }))
local recorded = object(with(RECORD, { address = text, deposed = optional(list(former)) }))
local intended = object(with(RECORD, { address = text, id = optional(text), at = optional(integer), deposed = optional(list(former)) }))

--- Fields of a record that change; null takes one away that need not be there.
local function changes(value)
  if not is_object(value) then return "" end
  for name, part in next, value do
    local inner = RECORD[name] or anything
    local where = not (part == json.null and OPTIONAL[name]) and inner(part) or nil
    if where then return below(name, where) end
  end
  return nil
end

local outputs = map(object({ value = anything, secret = flag, origins = origins }))

-- Deployments -----------------------------------------------------------------------------------------------------------

local DEPLOYMENT = {
  id = text, serial = count, previous = count, lineage = text, who = text, host = text, command = text, run = optional(text),
  commit = optional(text), back_to = optional(text), dirty = optional(flag), started = text, ended = text, result = text,
  planned = optional(map(count)), counts = map(count),
}

form.deployment = object(DEPLOYMENT)

--- In a document; older ones say less.
local noted = {}
for name, inner in next, DEPLOYMENT do noted[name] = optional(inner) end
noted = object(with(noted, { id = text }))

-- What is read ----------------------------------------------------------------------------------------------------------

form.document = object({
  lineage = text, serial = count, stack = text, environment = optional(text), fingerprint_key = hexadecimal, folded = count,
  fence = optional(count), trail = optional(list(object({ writer = text, number = count }))), resources = map(record), outputs = outputs,
  intents = map(intent), deployments = list(noted),
})

--- What makes up an entry of the log, by its operation.
form.entries = {
  intent = object({ record = intended }), created = object({ address = text, id = text, outputs = optional(map()) }),
  abandon = object({ address = text }), set = object({ record = recorded }), patch = object({ address = text, fields = changes }),
  remove = object({ address = text }), undepose = object({ address = text, id = text }), move = object({ address = text, from = text }),
  outputs = object({ outputs = outputs }), deployment = object({ deployment = noted }), fence = object({}),
}

form.segment = object({ lineage = text, number = count, fence = optional(count), writer = optional(text), entries = list(map()) })

local CLAIM = {
  id = text, who = text, host = text, pid = integer, command = text, run = optional(text), created = text, expires = optional(time),
  witness = optional(text),
}

form.lock = object(with(CLAIM, {
  state = one_of("held", "released"), fence = optional(count), renewals = optional(count), removed = optional(flag),
  abandoned = optional(flag),
}))

local planned = object({
  address = text, action = text, order = optional(text), reason = optional(text), changes = list(object({ path = text })),
  dependencies = list(text),
})

--- What a saved plan says (`scw.cli.saved_plan`); the plan itself is only compared.
form.plan = object({
  lineage = text, program = text, goal = one_of("apply", "destroy", "rollback"), deployment = optional(text), position = text,
  header = text, key = hexadecimal, basis = map(text), set = list(object({ name = text, value = text })),
  secrets = list(object({ name = text, variable = text, given = flag })), config_file = optional(text), made = text, who = text,
  host = text, plan = object({ steps = list(planned), outputs = list(object({ name = text, action = text })), left_out = list(text) }),
  options = object({
    target = optional(list(text)), exclude = optional(list(text)), replace = optional(list(text)), leave = optional(list(text)),
    lose_data = optional(list(text)), no_refresh = optional(flag),
  }),
})

form.place = object(with(CLAIM, { state = one_of("waiting", "gone"), expires = time }))

return form
