--- The disk of Object Storage on a database of `core.store`.
local core = require "core"

local disk = {}

---@class scw.emulator.s3.StoreDisk: scw.emulator.s3.Disk
---@field private store table of `core.store`
local methods = {}
local metatable = { __index = methods }

local function run(self, sql, ...)
  local rows, err = self.store:run(sql, ...)
  if not rows then error("cannot keep Object Storage: " .. err.message, 0) end
  return rows
end

function methods:put(collection, key, bytes)
  run(self, "INSERT OR REPLACE INTO s3 (collection, key, bytes) VALUES (?, ?, ?)", collection, core.hex(key), bytes)
end

function methods:get(collection, key)
  local rows = run(self, "SELECT bytes FROM s3 WHERE collection = ? AND key = ?", collection, core.hex(key))
  return rows[1] and rows[1].bytes
end

function methods:delete(collection, key)
  run(self, "DELETE FROM s3 WHERE collection = ? AND key = ?", collection, core.hex(key))
end

function methods:clear(collection)
  run(self, "DELETE FROM s3 WHERE collection = ?", collection)
end

function methods:each(collection)
  local rows, at = run(self, "SELECT key FROM s3 WHERE collection = ? ORDER BY key", collection), 0
  return function()
    at = at + 1
    local row = rows[at]
    if row then
      local key = core.unhex(row.key)
      return key, self:get(collection, key)
    end
  end
end

--- Makes its table when it is missing.
---@param store table of `core.store`; owned by the caller, who also decides when to commit
---@return scw.emulator.s3.StoreDisk
function disk.new(store)
  local self = setmetatable({ store = store }, metatable)
  run(self, "CREATE TABLE IF NOT EXISTS s3 (collection TEXT NOT NULL, key TEXT NOT NULL, bytes BLOB NOT NULL,"
    .. " PRIMARY KEY (collection, key)) WITHOUT ROWID")
  return self
end

return disk
