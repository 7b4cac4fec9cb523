--- The log of one deployment: numbered segments, each created once, each carrying everything that waited for it.
---
--- `append` only notes an entry. A writer with at most one write in flight carries all of them in the next segment; it starts at
--- once when somebody waits (`commit`), otherwise after a short pause that lets more entries gather.
local core = require "core"
local errors = require "scw.errors"

local log = {}

local PAUSE_MS = 100

---@class scw.state.Log
---@field number integer of the last segment known to exist
---@field bytes integer written since the log was opened
---@field failure? scw.Error the log can take nothing more
local methods = {}
local metatable = { __index = methods }

--- The key of a segment.
---@param name string of the state
---@param number integer
---@return string
function log.key(name, number) return ("%s.log/%010d"):format(name, number) end

--- The numbers of the segments that there are, sorted. Objects that are no segments do not count.
---@param backend scw.state.Backend
---@param name string of the state
---@return integer[]|nil, table|nil failure
function log.numbers(backend, name)
  local start = name .. ".log/"
  local keys, failure = backend:list(start)
  if not keys then return nil, failure end
  local numbers = {}
  for _, key in ipairs(keys) do
    local digits = key:sub(#start + 1):match("^%d+$")
    numbers[#numbers + 1] = digits and math.tointeger(tonumber(digits))
  end
  table.sort(numbers)
  return numbers
end

---@class scw.state.LogFacts
---@field backend scw.state.Backend
---@field codec scw.state.Codec
---@field name string of the state
---@field lineage string
---@field number integer of the last segment
---@field fence integer of the lock that the writer holds
---@field writer string as in the trail
---@field check fun(): boolean|nil, scw.Error|nil may this run still write?
---@field on_saved? fun()

---@param facts scw.state.LogFacts
---@return scw.state.Log
function log.new(facts)
  return setmetatable({
    backend = facts.backend, codec = facts.codec, name = facts.name, lineage = facts.lineage, number = facts.number,
    on_saved = facts.on_saved, fence = facts.fence, writer = facts.writer, check = facts.check,
    pending = {}, appended = 0, durable = 0, bytes = 0, urgent = false, writing = false,
    changed = core.event(), hurry = core.event(),
  }, metatable)
end

---@param self scw.state.Log
local function write_segment(self, entries)
  local number = self.number + 1
  local ours, err = self.check()
  if not ours then return nil, err end
  local bytes
  bytes, err = self.codec:encode({
    lineage = self.lineage, number = number, fence = self.fence, writer = self.writer, entries = core.array(entries),
  }, { kind = "segment", number = number, lineage = self.lineage })
  if not bytes then return nil, err end
  local etag, failure = self.backend:put(log.key(self.name, number), bytes, { if_none_match = true })
  if not etag then
    if failure.kind == "condition" then
      return nil, errors.new({
        code = "INFRA_011", kind = "condition", message = "somebody else writes to this state: log segment " .. number .. " exists already",
        hint = "find out who; nothing of theirs was overwritten",
      })
    end
    return nil, errors.wrap(failure, "cannot save the state")
  end
  ours, err = self.check() -- it may have landed after a later holder came and went: nobody reads it then
  if not ours then return nil, err end
  self.number, self.bytes = number, self.bytes + #bytes
  return true
end

---@param self scw.state.Log
local function write_all(self)
  local guard <close> = setmetatable({}, { __close = function(_, bug) -- luacheck: ignore 211
    if bug == nil then return end
    self.writing = false -- nobody may wait for what will never be written
    local what = type(bug) == "table" and bug.message or tostring(bug)
    self.failure = errors.new({ code = "INFRA_011", kind = "bug", message = "cannot save the state: " .. what })
    self.changed:set()
  end })
  while #self.pending > 0 and not self.failure do
    if not self.urgent then self.hurry:wait(PAUSE_MS) end
    local entries, upto = self.pending, self.appended
    self.pending, self.urgent = {}, false
    local ok, err = write_segment(self, entries)
    if ok then
      self.durable = upto
      if self.on_saved then self.on_saved() end
    else
      self.failure = err
    end
    self.changed:set()
  end
  self.writing = false
  self.changed:set()
end

---@param self scw.state.Log
local function start_writing(self)
  if self.writing or self.failure or #self.pending == 0 then return end
  self.writing = true
  core.spawn(write_all, self)
end

--- Notes an entry and gives its place in the queue. Does not wait.
---@param entry table
---@return integer ticket for `commit`
function methods:append(entry)
  self.pending[#self.pending + 1] = entry
  self.appended = self.appended + 1
  start_writing(self)
  return self.appended
end

--- Goes on after a failure: a snapshot took in everything up to `durable`, and spent the numbers up to `number`.
---@param number integer
---@param durable integer
function methods:resume(number, durable)
  self.number, self.durable, self.failure = math.max(self.number, number), math.max(self.durable, durable), nil
  start_writing(self)
  self.changed:set()
end

--- Takes nothing more: what is tried from now on fails with this error.
---@param err scw.Error
function methods:refuse(err)
  self.failure = self.failure or err
  self.changed:set()
end

--- Waits until the entry (or everything so far) is durable.
---@param ticket? integer
---@return boolean|nil done, scw.Error|nil
function methods:commit(ticket)
  ticket = ticket or self.appended
  while self.durable < ticket do
    if self.failure then return nil, self.failure end
    if not self.urgent then
      self.urgent = true
      self.hurry:set()
    end
    local ok, failure = self.changed:wait()
    if not ok then return nil, errors.wrap(failure, "interrupted while the state was saved") end
  end
  return true
end

--- Waits until no write is in flight; what is pending is written first.
---@return boolean|nil done, scw.Error|nil
function methods:close()
  while self.writing do
    self.urgent = true
    self.hurry:set()
    local ok, failure = self.changed:wait()
    if not ok then return nil, errors.wrap(failure, "interrupted while the state was saved") end
  end
  if self.failure then return nil, self.failure end
  return true
end

return log
