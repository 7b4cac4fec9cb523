--- How many calls may be under way at once, for each product: starts at a width that services are known to bear, is
--- halved when one says "too many", grows back by one a round of successes. Who waits longest goes first.
local core = require "core"

local rate = {}

local START = 10
local LEAST = 1

---@class scw.Rate
---@field most integer
---@field products table<string, table>
local methods = {}
local metatable = { __index = methods, __name = "scw.Rate" }

---@param options? { start: integer|nil, most: integer|nil }
---@return scw.Rate
function rate.new(options)
  options = options or {}
  local most = options.most or math.max(START, options.start or START)
  return setmetatable({ start = math.min(options.start or START, most), most = most, products = {} }, metatable)
end

local function product_of(self, name)
  local product = self.products[name]
  if not product then
    product = { width = self.start, running = 0, waiting = {}, first = 1, last = 0, calls = 0, shrunk_at = 0 }
    self.products[name] = product
  end
  return product
end

local function admit(product)
  while product.first <= product.last and product.running < math.floor(product.width) do
    local waiter = product.waiting[product.first]
    product.waiting[product.first] = nil
    product.first = product.first + 1
    if not waiter.gone then
      waiter.admitted = true
      product.running = product.running + 1
      waiter.event:set()
    end
  end
end

--- Waits for a place. Give it back with `release`.
---@param name string a product
---@return integer|nil ticket
---@return table|nil err when the task was cancelled
function methods:acquire(name)
  local product = product_of(self, name)
  if product.first > product.last and product.running < math.floor(product.width) then
    product.running = product.running + 1
  else
    local waiter = { event = core.event() }
    product.last = product.last + 1
    product.waiting[product.last] = waiter
    while not waiter.admitted do
      local ok, err = waiter.event:wait()
      if not ok then
        if waiter.admitted then self:release(name) end
        waiter.gone = true
        return nil, err
      end
    end
  end
  product.calls = product.calls + 1
  return product.calls
end

--- Gives a place back and says how the call went.
---@param name string
---@param ticket? integer
---@param outcome? "ok"|"limited" nil when the call says nothing about limits
function methods:release(name, ticket, outcome)
  local product = product_of(self, name)
  product.running = product.running - 1
  if outcome == "limited" and (ticket or math.huge) > product.shrunk_at then
    product.width = math.max(LEAST, product.width / 2)
    product.shrunk_at = product.calls -- calls that were already under way tell nothing new
  elseif outcome == "ok" then
    product.width = math.min(self.most, product.width + 1 / product.width)
  end
  admit(product)
end

--- Calls of a product that may be under way at once, now.
---@param name string
---@return integer
function methods:width(name)
  return math.floor(product_of(self, name).width)
end

return rate
