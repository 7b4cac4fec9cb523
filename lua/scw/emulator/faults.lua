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
  method = "string", path = "string", service = "string", skip = "integer", count = "integer", probability = "number",
  delay_ms = "integer", status = "integer", body = "table", retry_after = "integer", drop = "string",
}
local LONGEST_DELAY_MS = 24 * 3600 * 1000

--- Where the set that begins at `at` ends; nil when it does not.
local function end_of_set(text, at)
  at = at + (text:sub(at + 1, at + 1) == "^" and 2 or 1)
  repeat
    if at > #text then return nil end
    at = at + (text:sub(at, at) == "%" and 2 or 1) -- the first one belongs to the set even when it is a bracket
  until text:sub(at, at) == "]"
  return at
end

--- Is it a Lua pattern without back references? `string.find` cannot tell: it reads a pattern only as far as its text leads.
local function is_pattern(text)
  local at, open = 1, 0
  while at <= #text do
    local mark, behind = text:sub(at, at), text:sub(at + 1, at + 1)
    if mark == "[" then
      at = end_of_set(text, at)
      if not at then return false end
    elseif mark == "%" then
      if behind == "" or behind:find "%d" or behind == "f" and text:sub(at + 2, at + 2) ~= "[" then return false end
      if behind == "b" and #text < at + 3 then return false end
      at = at + (behind == "b" and 3 or 1)
    elseif mark == "(" or mark == ")" then
      open = open + (mark == "(" and 1 or -1)
      if open < 0 then return false end
    end
    at = at + 1
  end
  return open == 0
end

local function is_a(kind, value)
  return type(value) == kind or math.type(value) == kind
end

local function problem_of(rule)
  if type(rule) ~= "table" then return "a rule must be an object" end
  for name, value in next, rule do
    if not KINDS[name] then return ("a rule has no '%s'"):format(tostring(name)) end
    if not is_a(KINDS[name], value) then return ("'%s' must be of the kind %s"):format(name, KINDS[name]) end
  end
  if rule.delay_ms and (rule.delay_ms < 0 or rule.delay_ms > LONGEST_DELAY_MS) then return "'delay_ms' must be between 0 and a day" end
  if rule.path and not is_pattern(rule.path) then return "'path' is not a Lua pattern" end
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
  if type(given) ~= "table" then return nil, "a list of rules was expected" end
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
