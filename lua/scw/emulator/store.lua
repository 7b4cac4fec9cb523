--- The emulator's memory: records in Lua tables, in the order they were made, written through to SQLite when a file
--- is given. What changed is kept and written together, at most `DELAY_MS` later.
local core = require "core"
local json = require "scw.json"

local store = {}

local FORMAT = 1 -- of the records; another one is not read

local DELAY_MS = 20

---@class scw.emulator.Record
---@field id string
---@field body table what the service answers
---@field sequence integer order of creation; given by `put`

---@class scw.emulator.Collection
---@field name string
---@field version integer grows with every change
local collection_methods = {}
local collection_metatable = { __index = collection_methods }

---@class scw.emulator.Store
---@field private collections table<string, scw.emulator.Collection>
---@field private database? table of `core.store`
---@field on_flush? fun() called before changes are written
local methods = {}
local metatable = { __index = methods }

local function value_at(body, path)
  for name in path:gmatch("[^.]+") do
    if type(body) ~= "table" then return nil end
    body = body[name]
  end
  return body
end

local function index_remove(index, id)
  local value = index.values[id]
  if value == nil then return end
  index.values[id] = nil
  local group = index.groups[value]
  group[id] = nil
  if next(group) == nil then index.groups[value] = nil end
end

local function index_put(index, path, record)
  local value = value_at(record.body, path)
  if index.values[record.id] == value then return end
  index_remove(index, record.id)
  if type(value) ~= "string" then return end
  index.values[record.id] = value
  index.groups[value] = index.groups[value] or {}
  index.groups[value][record.id] = record
end

---@param id string
---@return scw.emulator.Record|nil
function collection_methods:get(id)
  return self.records[id]
end

--- Adds a record, or says that it changed.
---@param record scw.emulator.Record
function collection_methods:put(record)
  if self.records[record.id] ~= record then
    self.store.sequence = self.store.sequence + 1
    record.sequence = record.sequence or self.store.sequence
    if not self.records[record.id] then self.count = self.count + 1 end
    self.records[record.id] = record
    self.order[#self.order + 1] = record
  end
  self.version = self.version + 1
  for path, index in next, self.indexes do index_put(index, path, record) end
  self.store:note(self, record.id)
end

---@param id string
function collection_methods:remove(id)
  if not self.records[id] then return end
  self.records[id] = nil
  self.count, self.version = self.count - 1, self.version + 1
  for _, index in next, self.indexes do index_remove(index, id) end
  self.store:note(self, id)
  if #self.order > 64 and #self.order > 2 * self.count then self:compact() end
end

---@private
function collection_methods:compact()
  local order = {}
  for _, record in ipairs(self.order) do
    if self.records[record.id] == record then order[#order + 1] = record end
  end
  self.order = order
end

--- Every record in the order of creation. Records may be removed meanwhile.
---@return fun(): scw.emulator.Record|nil
function collection_methods:each()
  local at, order = 0, self.order
  return function()
    repeat
      at = at + 1
      local record = order[at]
      if record == nil then return nil end
      if self.records[record.id] == record then return record end
    until false
  end
end

--- The records whose body has this value at this path ("namespace_id"), in the order of creation.
---@param path string
---@param value string
---@return scw.emulator.Record[]
function collection_methods:by(path, value)
  local index = self.indexes[path]
  if not index then
    index = { values = {}, groups = {} }
    for record in self:each() do index_put(index, path, record) end
    self.indexes[path] = index
  end
  local found = {}
  for _, record in next, index.groups[value] or {} do found[#found + 1] = record end
  table.sort(found, function(a, b) return a.sequence < b.sequence end)
  return found
end

---@param name string
---@return scw.emulator.Collection
function methods:collection(name)
  local collection = self.collections[name]
  if not collection then
    collection = setmetatable({
      name = name, store = self, records = {}, order = {}, indexes = {}, count = 0, version = 0,
    }, collection_metatable)
    self.collections[name] = collection
  end
  return collection
end

--- Runs a statement inside the open transaction; for what keeps its own tables in the file.
---@param sql string
---@return table[]|nil rows
---@return table|nil err
function methods:run(sql, ...)
  assert(self.database, "there is no file")
  self:begin()
  return self.database:run(sql, ...)
end

---@private
function methods:begin()
  if self.open then return end
  self.open = true
  assert(self.database:run("BEGIN"))
  self:schedule()
end

---@private
function methods:schedule()
  if self.scheduled then return end
  self.scheduled = true
  core.spawn(function()
    core.sleep(DELAY_MS)
    self.scheduled = false
    if self.database then self:flush() end
  end)
end

---@private
function methods:note(collection, id)
  if not self.database then return end
  local dirty = self.dirty[collection.name]
  if not dirty then
    dirty = {}
    self.dirty[collection.name] = dirty
  end
  dirty[id] = true
  self:schedule()
end

local PUT = "INSERT OR REPLACE INTO records (collection, id, sequence, data) VALUES (?, ?, ?, ?)"

--- Writes what changed and commits.
function methods:flush()
  local database = self.database
  if not database then return end
  if self.on_flush and next(self.dirty) ~= nil then self.on_flush() end
  local dirty = self.dirty
  self.dirty = {}
  if next(dirty) ~= nil then self:begin() end
  for name, ids in next, dirty do
    local records = self:collection(name).records
    for id in next, ids do
      local record = records[id]
      if record then
        assert(database:run(PUT, name, id, record.sequence, assert(json.encode(record))))
      else
        assert(database:run("DELETE FROM records WHERE collection = ? AND id = ?", name, id))
      end
    end
  end
  if not self.open then return end
  self.open = false
  assert(database:run("COMMIT"))
end

--- Forgets every record.
function methods:reset()
  for _, collection in next, self.collections do
    collection.records, collection.order, collection.indexes = {}, {}, {}
    collection.count, collection.version = 0, collection.version + 1
  end
  self.dirty = {}
  if self.database then
    self:begin()
    assert(self.database:run("DELETE FROM records"))
  end
end

function methods:close()
  if not self.database then return end
  self:flush()
  self.database:close()
  self.database = nil
end

local function load(self)
  for _, row in ipairs(assert(self.database:run("SELECT collection, sequence, data FROM records ORDER BY sequence"))) do
    local record = assert(json.decode(row.data))
    local collection = self:collection(row.collection)
    collection.records[record.id] = record
    collection.order[#collection.order + 1] = record
    collection.count = collection.count + 1
    self.sequence = math.max(self.sequence, row.sequence)
  end
end

--- Files of another version hold records that this one does not understand.
local function check_format(database, path)
  local facts, err = database:run("SELECT (SELECT user_version FROM pragma_user_version) AS format,"
    .. " (SELECT count(*) FROM sqlite_master) AS tables")
  if not facts then return nil, err end
  if facts[1].tables == 0 then return database:run(("PRAGMA user_version = %d"):format(FORMAT)) end
  if facts[1].format == FORMAT then return true end
  return nil, { kind = "invalid", message = ("%s was written by another version of the emulator: delete it to start again"):format(path) }
end

--- Opens the file, or memory alone when there is none.
---@param path? string
---@return scw.emulator.Store|nil
---@return table|nil err
function store.open(path)
  local self = setmetatable({ collections = {}, dirty = {}, sequence = 0 }, metatable)
  if not path then return self end
  local database, err = core.store(path)
  if not database then return nil, err end
  local ok
  ok, err = check_format(database, path)
  if not ok then
    database:close()
    return nil, err
  end
  ok, err = database:run("CREATE TABLE IF NOT EXISTS records (collection TEXT NOT NULL, id TEXT NOT NULL,"
    .. " sequence INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (collection, id)) WITHOUT ROWID")
  if not ok then return nil, err end
  self.database = database
  load(self)
  return self
end

return store
