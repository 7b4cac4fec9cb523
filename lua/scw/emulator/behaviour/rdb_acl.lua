--- The rules that say who reaches the public address of a managed database: actions of the instance.
local address = require "scw.emulator.address"
local answer = require "scw.emulator.answer"
local json = require "scw.json"
local listing = require "scw.emulator.listing"
local rdb_endpoint = require "scw.emulator.behaviour.rdb_endpoint"
local rdb_state = require "scw.emulator.behaviour.rdb_state"

local rdb_acl = {}

local CONFIGURING_SECONDS, MOST_RULES = 15, 50
local DESCRIPTION = "IP allowed"

--- What a new instance has: everybody.
---@return table[]
function rdb_acl.open()
  return { { ip = "0.0.0.0/0", description = DESCRIPTION } }
end

--- The port of the public address, 0 when there is none.
local function port_of(call, record)
  for _, endpoint in ipairs(rdb_endpoint.of(call.emulator, record.id)) do
    if endpoint.body.load_balancer then return endpoint.body.port end
  end
  return 0
end

local function shown(call, record, rules)
  local port, result = port_of(call, record), {}
  for index, rule in ipairs(rules) do
    result[index] = {
      ip = rule.ip, description = rule.description, port = port, protocol = "tcp", direction = "inbound", action = "allow",
    }
  end
  return json.array(result)
end

local function read_rules(given)
  local rules = {}
  for _, rule in ipairs(type(given) == "table" and given or {}) do
    local base, length = tostring(rule.ip):match("^([%d.]+)/(%d+)$")
    if not base or not address.number(base) or tonumber(length) > 32 then
      answer.refuse(answer.invalid_argument("rules.ip", "format", "is not a range of IPv4 addresses"))
    end
    local description = rule.description
    if type(description) ~= "string" or description == "" then description = DESCRIPTION end
    rules[#rules + 1] = { ip = rule.ip, description = description }
  end
  return rules
end

local function change(call, record, rules)
  if #rules > MOST_RULES then answer.refuse(answer.quota("acl_rule", MOST_RULES, #record.acl)) end
  rdb_state.pass(call.emulator.resources.rdb_instance, record, "configuring", CONFIGURING_SECONDS)
  record.acl = rules
end

rdb_acl.actions = {
  ["GET acls"] = function(call, record)
    local at, all = 0, shown(call, record, record.acl)
    local page, total = listing.page(function()
      at = at + 1
      return all[at] and { sequence = at, body = all[at] }
    end, call.query)
    local rules = {}
    for index, each in ipairs(page) do rules[index] = each.body end
    return answer.reply(200, { rules = json.array(rules), total_count = total })
  end,

  ["PUT acls"] = function(call, record)
    change(call, record, read_rules(call.body.rules))
    return answer.reply(200, { rules = shown(call, record, record.acl) })
  end,

  ["POST acls"] = function(call, record)
    local added, rules = read_rules(call.body.rules), {}
    local replaced = {}
    for _, rule in ipairs(added) do replaced[rule.ip] = true end
    for _, rule in ipairs(record.acl) do
      if not replaced[rule.ip] then rules[#rules + 1] = rule end
    end
    table.move(added, 1, #added, #rules + 1, rules)
    change(call, record, rules)
    return answer.reply(200, { rules = shown(call, record, added) })
  end,

  ["DELETE acls"] = function(call, record)
    local gone, kept, removed = {}, {}, {}
    for _, ip in ipairs(type(call.body.acl_rule_ips) == "table" and call.body.acl_rule_ips or {}) do gone[ip] = true end
    for _, rule in ipairs(record.acl) do table.insert(gone[rule.ip] and removed or kept, rule) end
    change(call, record, kept)
    return answer.reply(200, { rules = shown(call, record, removed) })
  end,
}

return rdb_acl
