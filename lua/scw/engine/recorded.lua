--- Whether what the state says about resources fits their types: what was recorded is compared and sent without another look.
local core = require "core"
local deferred = require "scw.schema.deferred"
local errors = require "scw.errors"

local recorded = {}

local TYPES = {
  str = { string = true }, ref = { string = true }, int = { number = true }, float = { number = true }, bool = { boolean = true },
  duration = { string = true, number = true }, size = { string = true, number = true },
}

local function below(name, rest) return rest == "" and name or name .. "." .. rest end

local function sorted_names(map)
  local names = {}
  for name in next, map do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Where a value is not of the kind of its field; nil when it is.
local function misfit(field, value)
  if value == nil then return nil end
  local kinds = TYPES[field.kind]
  local mark = deferred.fingerprint(value)
  if mark ~= nil then return type(mark) ~= "string" and "" or nil end
  if kinds then return not kinds[type(value)] and "" or nil end
  if field.kind == "any" then return nil end
  if type(value) ~= "table" then return "" end
  local array = core.is_array(value)
  if field.kind == "list" or field.kind == "set" then
    if not array and next(value) ~= nil then return "" end
    for index, part in ipairs(value) do
      local where = misfit(field.of, part)
      if where then return below(("[%d]"):format(index), where) end
    end
    return nil
  end
  if array then return next(value) ~= nil and "" or nil end
  for _, name in ipairs(field.kind == "map" and sorted_names(value) or field.order) do
    local where = misfit(field.kind == "map" and field.of or field.fields[name], value[name])
    if where then return below(name, where) end
  end
  return nil
end

local function misfit_of(type, record)
  for name, value in next, record.inputs do
    local where = type.fields[name] and misfit(type.fields[name], value)
    if where then return below("inputs." .. name, where) end
  end
  for name, value in next, record.outputs do
    local field = type.outputs[name] or type.fields[name]
    local where = field and misfit(field, value)
    if where then return below("outputs." .. name, where) end
  end
  for _, former in ipairs(record.deposed or {}) do
    local where = misfit_of(type, former)
    if where then return below("deposed", where) end
  end
  return nil
end

--- Records of types that this program does not know are somebody else's to complain about.
---@param document scw.state.Document
---@param catalogue { get: fun(name: string): scw.schema.Type|nil }
---@return boolean|nil fits, scw.Error|nil
function recorded.check(document, catalogue)
  for _, records in ipairs({ document.resources, document.intents }) do
    for _, address in ipairs(sorted_names(records)) do
      local record = records[address]
      local type = catalogue.get(record.type)
      local where = type and misfit_of(type, record)
      if where then
        return nil, errors.new({
          code = "INFRA_011", kind = "invalid", address = address,
          message = ("the state is damaged: the %s %s has no valid '%s'"):format(record.type, address, where),
          hint = ("look at it with `%s state show STACK %s`; put it right with `%s state pull STACK` and `%s state push STACK FILE`")
            :format(core.program, address, core.program, core.program),
        })
      end
    end
  end
  return true
end

return recorded
