--- State objects in memory, with the conditions of a real store, and with faults when a spec asks for them.
local core = require "core"

local memory = {}

---@class tests.Memory
---@field objects table<string, { bytes: string, etag: string }>
---@field writes integer bytes written
---@field time? number what its clock shows; this machine's without
---@field on_put fun(key: string, bytes: string): table|nil called before a write or a copy; an error to answer with, `landed`: when done
local methods = {}
local metatable = { __index = methods }

function memory.new()
  return setmetatable({ objects = {}, written = 0, puts = 0, counter = 0, on_put = function() end, delay_ms = 0 }, metatable)
end

function methods:describe(key) return "memory:" .. (key or "") end
function methods:prepare() return true end
function methods:now() return self.time or core.now() end

function methods:get(key)
  local object = self.objects[key]
  if not object then return nil, { kind = "not_found", message = key .. " does not exist" } end
  return object.bytes, object.etag
end

function methods:put(key, bytes, condition)
  local failure = self.on_put(key, bytes)
  if failure and not failure.landed then return nil, failure end
  if self.delay_ms > 0 then
    local ok, err = core.sleep(self.delay_ms)
    if not ok then return nil, err end
  end
  local present = self.objects[key]
  local holds = true
  if condition and condition.if_none_match then holds = present == nil end
  if condition and condition.if_match then holds = present ~= nil and present.etag == condition.if_match end
  if not holds then return nil, { kind = "condition", message = key .. " was changed" } end
  self.counter = self.counter + 1
  self.objects[key] = { bytes = bytes, etag = "etag-" .. self.counter }
  self.written, self.puts = self.written + #bytes, self.puts + 1
  if failure then return nil, failure end
  return self.objects[key].etag
end

function methods:copy(from, to, etag)
  local failure = self.on_put(to, self.objects[from] and self.objects[from].bytes)
  if failure and not failure.landed then return nil, failure end
  local object = self.objects[from]
  if not object or object.etag ~= etag then return nil, { kind = "condition", message = from .. " was changed" } end
  self.counter = self.counter + 1
  self.objects[to] = { bytes = object.bytes, etag = "etag-" .. self.counter }
  return not failure, failure
end

function methods:delete(key)
  self.objects[key] = nil
  return true
end

function methods:list(prefix)
  local keys = {}
  for key in next, self.objects do
    if key:sub(1, #prefix) == prefix then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

--- The same objects in another store: what a crash leaves.
function methods:twin()
  local twin = memory.new()
  for key, object in next, self.objects do twin.objects[key] = { bytes = object.bytes, etag = object.etag } end
  twin.counter = self.counter
  return twin
end

return memory
