--- Faults on demand: rules that make calls fail, wait, or lose their answer.
---
--- A list of rules is JSON: `[{"method": "POST", "path": "/rdb/", "status": 503, "count": 2}]`, or
--- `{"seed": 7, "rules": [...]}`. The first rule that fits a call decides; all its parts are optional:
---
---   method       "GET", "POST" …; any when absent
---   path         Lua pattern found in the path (with `%` as its escape); any when absent
---   service      "api" or "s3"; both when absent
---   skip         how many fitting calls pass untouched first
---   count        how many calls it hits; without end when absent
---   probability  0 to 1, drawn from a generator started with `seed`, so that a run can be repeated
---   delay_ms     wait that long before anything else
---   status       answer this instead of doing the work; 429 has an empty body, as the gateway's
---   body         body of that answer (a table); a message otherwise
---   retry_after  value of its Retry-After header, seconds
---   drop         "before": close the connection without doing the work; "after": do the work, lose the reply
local json = require "scw.json"

local faults = {}

---@class scw.emulator.Faults
---@field rules table[]
local methods = {}
local metatable = { __index = methods }

local KINDS = {
  method = "string", path = "string", service = "string", skip = "number", count = "number", probability = "number",
  delay_ms = "number", status = "number", body = "table", retry_after = "number", drop = "string",
}

local function problem_of(rule)
  if type(rule) ~= "table" then return "a rule must be an object" end
  for name, value in next, rule do
    if not KINDS[name] then return ("a rule has no '%s'"):format(tostring(name)) end
    if type(value) ~= KINDS[name] then return ("'%s' must be a %s"):format(name, KINDS[name]) end
  end
  if rule.path and not pcall(string.find, "", rule.path) then return "'path' is not a Lua pattern" end
  if rule.status and (rule.status < 200 or rule.status > 599) then return "'status' must be between 200 and 599" end
  if rule.drop and rule.drop ~= "before" and rule.drop ~= "after" then return "'drop' must be \"before\" or \"after\"" end
  return nil
end

--- A xorshift generator: the same draws for the same seed everywhere.
local function generator(seed)
  local state = (seed ~ 0x9E3779B97F4A7C15) | 1
  return function()
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return (state >> 11) / (1 << 53)
  end
end

--- Replaces all rules.
---@param given table|nil a list of rules, or `{ seed =, rules = }`
---@return true|nil
---@return string|nil problem
function methods:set(given)
  given = given or {}
  local rules, seed = given.rules or given, given.seed or 1
  if type(rules) ~= "table" or math.type(seed) ~= "integer" then return nil, "a list of rules was expected" end
  if not json.is_array(rules) and next(rules) ~= nil and #rules == 0 then return nil, "a list of rules was expected" end
  local list = {}
  for index, rule in ipairs(rules) do
    local problem = problem_of(rule)
    if problem then return nil, ("rule %d: %s"):format(index, problem) end
    list[index] = setmetatable({ seen = 0, hits = 0 }, { __index = rule })
  end
  self.rules, self.random = list, generator(seed)
  return true
end

local function fits(rule, service, method, path)
  return (not rule.method or rule.method == method) and (not rule.service or rule.service == service)
    and (not rule.path or path:find(rule.path) ~= nil)
end

--- The rule that hits this call, nil for none. Counts it.
---@param service "api"|"s3"
---@param method string
---@param path string
---@return table|nil
function methods:hit(service, method, path)
  for _, rule in ipairs(self.rules) do
    if fits(rule, service, method, path) then
      rule.seen = rule.seen + 1
      local ready = rule.seen > (rule.skip or 0) and (not rule.count or rule.hits < rule.count)
      if ready and (not rule.probability or self.random() < rule.probability) then
        rule.hits = rule.hits + 1
        return rule
      end
    end
  end
  return nil
end

---@param given? table
---@return scw.emulator.Faults|nil
---@return string|nil problem
function faults.new(given)
  local self = setmetatable({ rules = {}, random = generator(1) }, metatable)
  local ok, problem = self:set(given)
  if not ok then return nil, problem end
  return self
end

return faults
