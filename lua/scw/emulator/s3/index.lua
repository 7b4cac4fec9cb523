--- A set of keys in byte order: adding and removing are cheap, the order is made when somebody asks for it.
local index = {}

---@class scw.emulator.s3.Index
---@field private order string[] ascending; may hold removed keys while `stale` is not zero
---@field private added string[] not in `order` yet
---@field private listed table<string, boolean> is in `order` or `added`
---@field private present table<string, boolean>
---@field private stale integer
---@field count integer
local methods = {}
local metatable = { __index = methods }

---@return scw.emulator.s3.Index
function index.new()
  return setmetatable({ order = {}, added = {}, listed = {}, present = {}, stale = 0, count = 0 }, metatable)
end

---@param key string
function methods:add(key)
  if self.present[key] then return end
  self.present[key] = true
  self.count = self.count + 1
  if not self.listed[key] then
    self.listed[key] = true
    self.added[#self.added + 1] = key
  end
end

---@param key string
function methods:remove(key)
  if not self.present[key] then return end
  self.present[key] = nil
  self.count = self.count - 1
  self.stale = self.stale + 1
end

local function drop_stale(self)
  local kept = 0
  local order, present = self.order, self.present
  for i = 1, #order do
    local key = order[i]
    order[i] = nil
    if present[key] then
      kept = kept + 1
      order[kept] = key
    else
      self.listed[key] = nil
    end
  end
  self.stale = 0
end

--- Merges the new keys from the back, so that a few of them cost one pass and no copy.
local function merge(self)
  local order, added = self.order, self.added
  table.sort(added)
  local from, to = #order, #order + #added
  for i = #added, 1, -1 do
    local key = added[i]
    while from > 0 and order[from] > key do
      order[to] = order[from]
      from, to = from - 1, to - 1
    end
    order[to] = key
    to = to - 1
  end
  self.added = {}
end

--- All keys, ascending. Borrowed: valid until the next change.
---@return string[]
function methods:sorted()
  if #self.added > 0 then merge(self) end
  if self.stale > 0 then drop_stale(self) end
  return self.order
end

--- Position of the first key that is not before `key`.
---@param keys string[] ascending
---@param key string
---@return integer position one past the end when there is none
function index.lower_bound(keys, key)
  local low, high = 1, #keys + 1
  while low < high do
    local middle = (low + high) // 2
    if keys[middle] < key then low = middle + 1 else high = middle end
  end
  return low
end

--- The first string behind everything that begins with `prefix`; nil when nothing is.
---@param prefix string
---@return string?
function index.after_prefix(prefix)
  local head = prefix:match("^(.-)\xff*$")
  if head == "" then return nil end
  return head:sub(1, -2) .. string.char(head:byte(-1) + 1)
end

return index
