--- Instance v1: the types of servers on offer.
local answer = require "scw.emulator.answer"
local instance_types = require "scw.emulator.instance_types"
local listing = require "scw.emulator.listing"

local instance_catalogue = {}

local PRODUCTS = "/instance/v1/zones/{zone}/products/servers"
local PAGE_SIZE = 50

--- A page of the types, by their names.
local function page_of(call, described)
  local at, names = 0, instance_types.names()
  local page, total = listing.page(function()
    at = at + 1
    return names[at] and { sequence = at, name = names[at], body = {} }
  end, call.query, nil, PAGE_SIZE)
  local servers = {}
  for _, record in ipairs(page) do servers[record.name] = described(instance_types.get(record.name)) end
  return answer.reply(200, { servers = servers }, { ["x-total-count"] = tostring(total) })
end

instance_catalogue.routes = {
  ["GET " .. PRODUCTS] = function(call)
    return page_of(call, function(described) return described end)
  end,
  ["GET " .. PRODUCTS .. "/availability"] = function(call)
    return page_of(call, function(described) return { availability = described.end_of_service and "shortage" or "available" } end)
  end,
}

return instance_catalogue
