--- One stack's state: a snapshot, and while a deployment runs or after it crashed, log segments beside it.
---
--- Reading takes no lock. Every write is conditional: the first snapshot and each segment must not exist yet, a later snapshot must
--- replace the one that was read.
local beside = require "scw.state.beside"
local core = require "core"
local damage = require "scw.state.damage"
local errors = require "scw.errors"
local history = require "scw.state.history"
local log = require "scw.state.log"
local model = require "scw.state.model"
local parallel = require "scw.parallel"
local segments = require "scw.state.segments"
local trail = require "scw.state.trail"

local store = {}

local READERS = 16
local READ_ATTEMPTS = 5
local FOLD_BYTES = 8 * 1024 * 1024

--- The lineage of a state that nobody can read.
local UNREADABLE = "unreadable"

---@class scw.state.Store
---@field backend scw.state.Backend
---@field codec scw.state.Codec
---@field name string
---@field document scw.state.Document what is known now
---@field fresh boolean there is no snapshot yet
---@field etag? string of the snapshot
---@field ignored integer[] numbers of segments from somebody who had lost the lock
---@field writer string this run, as in the trail
---@field lagging? scw.state.Store the side of a mirror that lacks something
---@field lineage? string once it is known: a state of another one is never taken for this one
---@field opened? scw.state.Opened the envelope of its snapshot
---@field unreadable? string|boolean what stands where the snapshot should be, or true for nothing: only `replace` may write
---@field damaged? scw.state.Store[] what the sides of a mirror hold of which none can be read
---@field given_up? boolean this side of a mirror does not count any more
---@field left_by? scw.state.Deployment the one that left the snapshot as it is
---@field on_replace? fun() called before a snapshot is replaced that a deployment left
---@field segments integer how many there were when it was read: a run is under way, or died
local methods = {}
local metatable = { __index = methods }

---@class scw.state.StoreFacts
---@field backend scw.state.Backend
---@field codec scw.state.Codec
---@field name string
---@field stack string
---@field environment? string
---@field on_saved? fun()
---@field lineage? string when it is known
---@field salvage? boolean a state that cannot be read is one without resources, to be replaced as a whole
---@field keep? "primary"|"replica" which side of a mirror counts when the two went separate ways

---@param facts scw.state.StoreFacts|scw.state.Store another look at the same place
---@return scw.state.Store
function store.new(facts)
  return setmetatable({
    backend = facts.backend, codec = facts.codec, name = facts.name, stack = facts.stack, environment = facts.environment,
    on_saved = facts.on_saved, keep = facts.keep, salvage = facts.salvage, lineage = facts.lineage, writer = trail.NOBODY, ignored = {},
    segments = 0,
    check = function() return true end, doubtful = false, snapshot_bytes = 0, folded_entries = 0, folded_bytes = 0,
  }, metatable)
end

--- Is it the state that this run knows already?
---@param self scw.state.Store
local function check_lineage(self, document)
  if not self.lineage or document.lineage == self.lineage then return true end
  return nil, damage.refused(("%s is of another lineage than before: somebody exchanged it while this run went on"):format(
    self.backend:describe(self.name)), "find out who, and whether it was meant (`state push --force` or a new state); then start again")
end

--- What lies beside the state: the numbers of its log, and the serial of the latest deployment that its history knows.
---@param self scw.state.Store
---@return { numbers: integer[], latest: integer }|nil, scw.Error|nil
local function look_around(self)
  local found, failure = parallel.map({ log.numbers, history.latest }, 2, function(look) return look(self.backend, self.name) end)
  if not found then return nil, failure end
  return { numbers = found[1], latest = found[2] }
end

---@param self scw.state.Store
local function unread(self, failure) return errors.wrap(failure, "cannot read the state at " .. self.backend:describe(self.name)) end

--- Nothing that this program writes makes a state older than its history: somebody exchanged it.
---@param self scw.state.Store
local function put_back(self, document, latest)
  return damage.found(("%s is an earlier one, which was put back: it has serial %d, and its history goes to %d"):format(
    self.backend:describe(self.name), document.serial, latest))
end

--- A state does not go away while somebody works with it.
---@param self scw.state.Store
local function check_presence(self)
  if not self.lineage then return self.document end
  return nil, damage.refused(("%s was there, and is gone"):format(self.backend:describe(self.name)),
    "find out who removed it; nothing was changed. If that was meant, start again")
end

--- Is it the state of this stack, in this environment?
---@param self scw.state.Store
local function check_owner(self, document)
  local place = self.backend:describe(self.name)
  if document.stack ~= self.stack then
    return nil, damage.refused(("%s is the state of the stack '%s', not of '%s'"):format(place, document.stack, self.stack),
      "give this stack a state of its own")
  end
  local environment = document.environment
  if environment and self.environment and environment ~= self.environment and not self.salvage then
    return nil, damage.refused(("%s is the state of '%s' in %s, not in %s"):format(place, self.stack, environment, self.environment),
      ("give this one a state of its own. If the environment was renamed: `%s state pull --out FILE` with the former name, then "
        .. "`%s state push --force STACK FILE`"):format(core.program, core.program))
  end
  return true
end

---@param self scw.state.Store
---@param around { numbers: integer[], latest: integer }
local function read_with(self, around)
  local bytes, etag = self.backend:get(self.name)
  if not bytes then
    if etag.kind ~= "not_found" then return nil, unread(self, etag) end
    local left = #around.numbers > 0 and "log" or around.latest > 0 and "history"
    if left then return nil, damage.found(("%s is missing, but its %s is there"):format(self.backend:describe(self.name), left)) end
    self.document, self.fresh, self.etag, self.last = model.new(self.stack, self.environment), true, nil, 0
    return true
  end
  local packed, err, opened = self.codec:decode(bytes, { kind = "snapshot" })
  local document
  if packed then document, err = model.unpack(packed) end
  if not document then return damage.about(self, self.name, err) end
  local known
  known, err = check_owner(self, document)
  if known then known, err = check_lineage(self, document) end
  if not known then return nil, err end
  if document.serial < around.latest then return nil, put_back(self, document, around.latest) end
  local left_by = model.left_by(document) -- before the log goes on from there
  local last
  last, err = segments.replay(self, document, around.numbers)
  if not last or last == "again" then return last, err end
  self.document, self.fresh, self.etag, self.last, self.snapshot_bytes = document, false, etag, last, #bytes
  self.lineage, self.opened = document.lineage, opened
  self.segments, self.left_by = #around.numbers, left_by
  return true
end

---@param self scw.state.Store
local function read_once(self)
  local around, failure = look_around(self) -- before the snapshot: what is folded meanwhile is in the snapshot then
  if not around then return nil, unread(self, failure) end
  local outcome, err = read_with(self, around)
  if not outcome and around.latest == 0 then err = damage.without_history(err) end
  return outcome, err
end

--- Looks at a state that cannot be read as at one without resources, with a serial above all that its history knows.
---@param self scw.state.Store
local function look_past(self)
  local around, failure = look_around(self)
  if not around then return nil, failure end
  local bytes, etag = self.backend:get(self.name)
  if not bytes and etag.kind ~= "not_found" then return nil, etag end
  self.document, self.unreadable = model.new(self.stack, self.environment), bytes or true
  self.document.lineage, self.document.serial = UNREADABLE, around.latest
  local numbers = around.numbers
  self.fresh, self.etag, self.last, self.segments = bytes == nil, bytes and etag, numbers[#numbers] or 0, #numbers
  return true
end

---@param self scw.state.Store
local function load_once(self)
  local outcome, err = read_once(self)
  if outcome or not self.salvage or not err.damaged then return outcome, err end
  return look_past(self)
end

--- What one side of a mirror holds.
---@param self scw.state.Store
local function view_of(self)
  return function(side)
    return store.new({
      backend = side, codec = self.codec, name = self.name, stack = self.stack, environment = not self.salvage and self.environment or nil,
    })
  end
end

--- Reads the state; a stack that was never applied has an empty one.
---@return scw.state.Document|nil, scw.Error|nil
function methods:load()
  local outcome, err
  if self.backend.sides then
    outcome, err = require("scw.state.replica").load(self, view_of(self))
    if not outcome and self.salvage and err.nowhere then
      outcome, err = require("scw.state.replica").look_past(self, view_of(self))
      return outcome and self.document, err
    end
    if not outcome then return nil, err end
    if self.fresh then return check_presence(self) end
    outcome, err = check_lineage(self, self.document)
    if not outcome then return nil, err end
    self.lineage = self.document.lineage
    return self.document
  end
  for _ = 1, READ_ATTEMPTS do
    outcome, err = load_once(self)
    if outcome ~= "again" then break end
  end
  if outcome ~= true then return nil, err end
  if self.fresh and not self.unreadable then return check_presence(self) end
  return self.document
end

--- What the two sides of a state with a replica hold.
---@return table[]|nil versions see `replica.versions`; nil without an error: there is no replica
---@return scw.Error|nil
function methods:versions()
  if not self.backend.sides then return nil end
  return require("scw.state.replica").versions(self, view_of(self))
end

--- Where the state stands: two equal positions mean that nothing was written in between. Two sides of a replica that went separate ways may
--- have come equally far; who wrote last tells them apart.
---@return string
function methods:position()
  local last = self.document.trail[#self.document.trail]
  return ("%s %d %d %s"):format(self.fresh and "new" or self.document.lineage, self.document.serial,
    self.log and self.log.number or self.last, last and last.writer or trail.NOBODY)
end

local function conflict(self, message, place)
  return errors.new({
    code = "INFRA_011", kind = "condition", message = message,
    hint = place and ("this run's version was saved at %s; nothing was overwritten"):format(place) or "nothing was overwritten",
    details = { "state: " .. self.backend:describe(self.name) },
  })
end

--- What a run is told that lost its lock, or cannot tell, once it is known where its version is.
local function lost(err, place)
  local saved = place and ("its version was saved at %s"):format(place)
  if saved then err.hint = err.hint and err.hint .. "; " .. saved or saved end
  return nil, err
end

--- What a deployment left is about to be replaced, or what lies beside it.
function methods:make_way()
  if self.left_by and self.on_replace then self.on_replace() end
  self.left_by = nil
end

---@param self scw.state.Store
---@param document scw.state.Document the one to write
---@param known? boolean nothing in it is new: it is not kept when it cannot be written
local function write_snapshot(self, document, known)
  local bytes, err = self.codec:encode(model.pack(document), { kind = "snapshot" })
  if not bytes then return nil, err end
  local ours
  ours, err = self.check()
  if not ours then
    if err.kind == "cancelled" or known then return nil, err end
    return lost(err, beside.rescue(self, bytes, document.serial))
  end
  self:make_way()
  local etag, failure = self.backend:put(self.name, bytes, self.etag and { if_match = self.etag } or { if_none_match = true })
  if not etag then
    self.doubtful = self.doubtful or failure.kind ~= "condition"
    local saved = not known and beside.rescue(self, bytes, document.serial) or nil
    if failure.kind == "condition" then
      return nil, conflict(self, "the state was changed by somebody else while this run went on", saved)
    end
    err = errors.wrap(failure, "cannot save the state at " .. self.backend:describe(self.name))
    if saved then err.hint = ("when that is mended, run the same command again: it finds what this run did, which is saved at %s as well")
      :format(saved) end
    return nil, err
  end
  self.etag, self.fresh, self.snapshot_bytes, self.lineage, self.doubtful = etag, false, #bytes, document.lineage, false
  self.left_by = model.left_by(document)
  return true
end

---@param self scw.state.Store
local function advanced(self, document, folded)
  local copy = {}
  for name, value in next, document do copy[name] = value end
  copy.serial, copy.folded = document.serial + 1, folded
  copy.trail = trail.extend(document.trail, self.writer, folded)
  return copy
end

--- The caller's lock: its fencing number goes into all that is written, and nothing is written once it is lost.
---@param self scw.state.Store
---@param held scw.state.Lock
local function bind(self, held)
  if self.writer == trail.writer(held.facts.id) then return true end
  if held.facts.fence <= self.document.fence then -- somebody deleted the lock object
    local ok, err = held:raise(self.document.fence + 1)
    if not ok then return nil, err end
  end
  self.document.fence, self.check = held.facts.fence, function() return held:check() end
  self.writer = trail.writer(held.facts.id)
  held.on_lost = function(err)
    if self.log then self.log:refuse(err) end
  end
  return true
end

--- Removes the segments that a snapshot holds. Left-overs are harmless: whoever folds next removes them.
---@param self scw.state.Store
---@param upto integer
local function remove_segments(self, upto)
  local old = {}
  for _, number in ipairs(log.numbers(self.backend, self.name) or {}) do
    if number <= upto then old[#old + 1] = number end
  end
  return parallel.map(old, READERS, function(number) return self.backend:delete(log.key(self.name, number)) end)
end

--- Writes a snapshot of what is known, with the next serial after this one and another ETag.
---@param self scw.state.Store
---@param serial integer
---@return boolean|nil, scw.Error|nil
local function write_anew(self, serial)
  local snapshot = advanced(self, self.document, self.last)
  snapshot.serial = serial + 1
  local ok, err = write_snapshot(self, snapshot, true)
  if not ok then return nil, err end
  self.document.serial, self.document.folded, self.document.trail = snapshot.serial, snapshot.folded, snapshot.trail
  return true
end

--- Prepares for writing: the first snapshot if there is none, then the log. Whoever was taken over from is fenced off: the snapshot gets
--- another ETag, and the next number of the log is taken.
---@param held? scw.state.Lock without: nobody else can write
---@return boolean|nil, scw.Error|nil
function methods:begin(held)
  if held then
    local ok, err = bind(self, held)
    if not ok then return nil, err end
  end
  local fenced = not self.fresh and held ~= nil and held.takeover and not self.unreadable
  if (self.fresh and not self.unreadable) or fenced then
    local ok, err = write_anew(self, self.document.serial)
    if not ok then return nil, err end
  end
  self.log = log.new({
    backend = self.backend, codec = self.codec, name = self.name, lineage = self.document.lineage, number = self.last,
    on_saved = self.on_saved, fence = self.document.fence, writer = self.writer, check = self.check,
  })
  if not fenced then return true end
  local ok, err = self:commit(self:write({ op = "fence", fence = self.document.fence }))
  if not ok then return nil, err end
  remove_segments(self, self.document.folded)
  return true
end

--- Goes above the serial of another version, before that is given up.
---@param held scw.state.Lock
---@param serial integer
---@return boolean|nil, scw.Error|nil
function methods:outrank(held, serial)
  local ok, err = bind(self, held)
  if not ok then return nil, err end
  return write_anew(self, math.max(serial, self.document.serial))
end

--- Applies an entry here and appends it to the log. Does not wait.
---@param entry table
---@return integer ticket for `commit`
function methods:write(entry)
  local ok, err = model.apply(self.document, entry)
  if not ok then error(err, 0) end -- an entry that does not fit its document is a bug
  return self.log:append(entry)
end

--- Waits until the entry is durable; without a ticket: everything so far.
---@param ticket? integer
---@return boolean|nil, scw.Error|nil
function methods:commit(ticket) return self.log:commit(ticket) end

--- A new snapshot holds everything up to here.
---@param self scw.state.Store
---@param folded integer number of the last segment in it
---@param upto integer number of entries in it
local function settle(self, folded, upto)
  self.log:resume(folded, upto)
  self.last, self.folded_entries, self.folded_bytes = self.log.number, upto, self.log.bytes
  remove_segments(self, folded)
end

--- The log becomes part of a new snapshot; entries may go on arriving. Without entries since the last one nothing is written.
---@return boolean|nil, scw.Error|nil
function methods:fold()
  local closed, log_failure = self.log:close() -- a snapshot may still succeed where a segment failed
  if not closed and log_failure.kind == "cancelled" then return nil, log_failure end
  local upto = self.log.appended
  if upto == self.folded_entries and self.log.number == self.document.folded then return true end
  -- A segment that failed may have landed all the same: its number is spent, its entries are in the snapshot.
  local folded = self.log.number + (log_failure and 1 or 0)
  local next_document = advanced(self, self.document, folded)
  if log_failure and (log_failure.kind == "condition" or log_failure.kind == "lost") then
    local bytes = self.codec:encode(model.pack(next_document), { kind = "snapshot" })
    local saved = bytes and beside.rescue(self, bytes, next_document.serial)
    if log_failure.kind == "lost" then return lost(log_failure, saved) end
    return nil, conflict(self, log_failure.message, saved)
  end
  if log_failure then self.log.pending = {} end -- what waits is in the snapshot: a second time it would not fit
  local ok, err = write_snapshot(self, next_document)
  if not ok then return nil, err end
  self.document.serial, self.document.folded, self.document.trail = next_document.serial, folded, next_document.trail
  settle(self, folded, upto)
  return true
end

--- Puts another document in the place of this one, as a whole, under a serial above both. The caller holds the lock and has begun.
---@param document scw.state.Document
---@return boolean|nil, scw.Error|nil
function methods:replace(document)
  for _, view in ipairs(self.unreadable and (self.damaged or { self }) or {}) do
    local kept, failure = beside.set_aside(view, { self.backend })
    if not kept then return nil, errors.wrap(failure, "cannot keep what was damaged") end
  end
  local closed, err = self.log:close()
  if not closed then return nil, err end
  local folded, before = self.log.number, document.trail[#document.trail]
  folded = math.max(folded, document.folded, before and before.number or 0) -- numbers are not used twice
  local next_document = advanced(self, document, folded)
  next_document.trail = trail.extend(self.document.trail, self.writer, folded) -- it goes on from the present one
  next_document.serial = math.max(document.serial, self.document.serial) + 1
  next_document.fence = self.document.fence
  local ok
  ok, err = write_snapshot(self, next_document)
  if not ok then return nil, err end
  self.document, self.log.lineage = next_document, next_document.lineage
  settle(self, folded, self.log.appended)
  return true
end

--- How many segments there are that the snapshot holds: an old one, whose removal failed.
---@return integer|nil count, scw.Error|nil
function methods:stale_segments()
  local numbers, failure = log.numbers(self.backend, self.name)
  if not numbers then return nil, errors.wrap(failure, "cannot list the log of the state") end
  local count = 0
  for _, number in ipairs(numbers) do count = count + (number <= self.document.folded and 1 or 0) end
  return count
end

--- May something of this run still be under way to the state?
---@return boolean
function methods:is_doubtful() return self.doubtful or self.log ~= nil and (self.log.writing or self.log.failure ~= nil) end

--- Folds when the log has grown much longer than the snapshot: a crash late in a long run stays cheap to read.
---@return boolean|nil, scw.Error|nil
function methods:checkpoint()
  if self.log.bytes - self.folded_bytes < math.max(FOLD_BYTES, 2 * self.snapshot_bytes) then return true end
  return self:fold()
end

return store
