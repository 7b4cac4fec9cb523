--- Gives a lock back when its holder cannot do so any more: the engine replaces the object at the end of the process, whatever became
--- of Lua (core/farewell.h), if it still is what this process wrote.
local farewell = {}

---@class scw.state.Farewell
---@field backend scw.state.Backend
---@field key string
---@field leftover? string a file that means nothing once the lock is free
---@field present? { withdraw: fun(self) } for the object as it was written last
---@field coming? { withdraw: fun(self) } for the object as it is being written
local methods = {}
local metatable = { __index = methods }

---@param backend scw.state.Backend
---@param key string of the lock
---@param leftover? string path
---@return scw.state.Farewell
function farewell.new(backend, key, leftover)
  return setmetatable({ backend = backend, key = key, leftover = leftover }, metatable)
end

local function drop(self, name)
  if self[name] then self[name]:withdraw() end
  self[name] = nil
end

local function arm(self, released, etag) return self.backend:farewell(self.key, released, etag, self.leftover) or nil end

--- Called before the lock is written: from that moment on nobody may be able to act on the answer.
---@param bytes string of the lock
---@param released string what takes its place
function methods:prepare(bytes, released)
  drop(self, "coming")
  self.released = released
  if not self.backend.farewell then return end
  self.expected = self.backend:etag_of(bytes)
  self.coming = arm(self, released, self.expected)
end

--- Called afterwards. What may have landed without an answer stays prepared.
---@param etag? string
---@param failure? table
function methods:settle(etag, failure)
  if not self.backend.farewell then return end
  if etag then
    if etag ~= self.expected or not self.coming then
      drop(self, "coming")
      self.coming = arm(self, self.released, etag)
    end
    drop(self, "present")
    self.present, self.coming = self.coming, nil
  elseif failure and failure.kind == "condition" then
    drop(self, "coming")
  end
end

--- The lock was given back, or is somebody else's. Twice is fine.
function methods:withdraw()
  drop(self, "coming")
  drop(self, "present")
end

return farewell
