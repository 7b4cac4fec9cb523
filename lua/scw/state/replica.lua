--- A state that lies in two places: which of the two versions counts, and how the other one becomes equal to it.
---
--- One version may be a beginning of the other (a run had to go on with one side alone, or died between two writes): the longer one
--- counts. When each has something that the other lacks, nothing is decided here.
local beside = require "scw.state.beside"
local core = require "core"
local errors = require "scw.errors"
local history = require "scw.state.history"
local log = require "scw.state.log"
local trail = require "scw.state.trail"

local replica = {}

local function last_deployment(document)
  local last = document.deployments[#document.deployments]
  if not last then return "never deployed" end
  return ("last deployment %s by %s, %s"):format(tostring(last.id):sub(1, 8), tostring(last.who), tostring(last.ended))
end

--- One line about a version.
---@param view scw.state.Store of one side
---@return string
local function described(view)
  local document = view.document
  return ("%s, %s: serial %d, %s"):format(view.backend.role, view.backend:describe(view.name), document.serial, last_deployment(document))
end

--- Reads what the sides hold, at once.
---@return table<scw.state.Side, scw.state.Store> views of the sides that could be read
---@return table<scw.state.Side, scw.Error> failures of those that answer
local function read(self, view_of)
  local views, failures, tasks = {}, {}, {}
  for index, one in ipairs(self.backend.sides) do
    tasks[index] = core.spawn(function()
      if one.out then return end
      local view = view_of(one)
      local ok, err = view:load()
      if one.out then return end
      if ok then
        views[one], one.empty = view, view.fresh
      else
        failures[one] = err
      end
    end)
  end
  for _, task in ipairs(tasks) do
    local ok, err = task:join()
    if not ok then
      for _, other in ipairs(tasks) do other:cancel() end
      if err.kind == "bug" then error(err.traceback or err.message, 0) end
      return nil, err
    end
  end
  return views, failures
end

local function diverged(primary, second)
  return errors.new({
    code = "INFRA_011", kind = "diverged", message = "the state and its replica went separate ways: each was written without the other",
    details = { described(primary), described(second) },
    hint = ("nothing was changed. See what differs with `%s state resolve STACK`, then decide with `--keep primary` or `--keep replica`; "
      .. "the other version stays beside the state"):format(core.program),
  })
end

--- The only side that answers has no state: whether there is one cannot be known.
local function unknowable(mirror, one)
  return errors.new({
    code = "INFRA_010", kind = "out",
    message = ("the %s of the state does not answer, and the %s holds nothing yet"):format(mirror:other(one).role, one.role),
    details = { mirror:other(one).out.message }, hint = "nothing was changed: run the same command again when it is back",
  })
end

--- A side that cannot be read, whatever it holds, as one that is given up.
---@return scw.state.Store|nil view, scw.Error|nil
local function past_damage(view)
  view.salvage, view.given_up = true, true
  local ok, err = view:load()
  return ok and view, err
end

--- What to do about a side that cannot be read. What the other one holds counts only when somebody says so: it may lack something.
---@param one scw.state.Side
---@return scw.state.Store|nil leading, scw.state.Store|scw.Error|nil lagging or the error
local function without(self, one, views, failures, view_of)
  local mirror, err = self.backend, failures[one]
  local other = mirror:other(one)
  local view, besides = views[other], failures[other]
  err.details[#err.details + 1] = ("this is the %s of the state"):format(one.role)
  if err.kind ~= "invalid" then return nil, err end
  if other.out then
    err.sides = { [one.role] = "damaged" }
    if err.damaged then
      err.hint = ("wait until the %s answers: then `%s state resolve --keep %s STACK` may let that one count"):format(
        other.role, core.program, other.role)
    end
    return nil, err
  end
  err.sides = { [one.role] = "damaged", [other.role] = besides and besides.kind == "invalid" and "damaged" or nil }
  if view then err.sides[other.role] = view.fresh and "empty" or "readable" end
  if besides then err.details[#err.details + 1] = "the other side cannot be read either: " .. besides.message end
  if not view or view.fresh then
    err.nowhere = err.damaged and (not besides or besides.damaged)
    return nil, err
  end
  err.details[#err.details + 1] = "readable: " .. described(view)
  if err.damaged and (self.keep == other.role or self.salvage) then
    local lagging
    lagging, err = past_damage(view_of(one))
    return lagging and view, lagging or err
  end
  if err.damaged then
    err.hint = ("if that one is right, let it count: `%s state resolve --keep %s STACK`; what is damaged stays beside the state")
      :format(core.program, other.role)
  end
  return nil, err
end

--- Which version counts, and which one is behind.
---@return scw.state.Store|nil leading, scw.state.Store|scw.Error|nil lagging or the error
local function choose(self, views, failures, view_of)
  local mirror = self.backend
  local primary, second = views[mirror.sides[1]], views[mirror.sides[2]]
  if primary and second then
    local relation = trail.compare(primary.document, second.document)
    if relation == "same" or relation == "ahead" then return primary, relation == "ahead" and second or nil end
    if relation == "behind" then return second, primary end
    if not self.keep then return nil, diverged(primary, second) end
    if self.keep ~= "primary" then primary, second = second, primary end
    second.given_up = true
    return primary, second
  end
  for _, one in ipairs(mirror.sides) do
    if failures[one] then return without(self, one, views, failures, view_of) end
  end
  local only = primary or second
  if not only then return nil, mirror:silence() end
  if only.fresh then return nil, unknowable(mirror, only.backend) end
  return only
end

local function incomparable(one)
  return errors.new({
    code = "INFRA_010", kind = "out",
    message = ("the two sides cannot be compared: the %s, %s, does not answer"):format(one.role, one:describe()),
    details = one.out.details, hint = "nothing was changed: run the same command again when it is back",
  })
end

--- What each side holds, where both can be read.
---@param self scw.state.Store whose backend is a mirror
---@param view_of fun(side: scw.state.Side): scw.state.Store
---@return { role: string, document: scw.state.Document, relation: scw.state.Relation }[]|nil versions primary first, as seen from the other
---@return scw.Error|nil
function replica.versions(self, view_of)
  local mirror = self.backend
  local views, failures = read(self, view_of)
  if not views then return nil, failures end
  local versions = {}
  if next(failures) then return nil, select(2, choose(self, views, failures, view_of)) end
  for index, one in ipairs(mirror.sides) do
    if not views[one] then return nil, incomparable(one) end
    versions[index] = { role = one.role, document = views[one].document }
  end
  versions[1].relation = trail.compare(versions[1].document, versions[2].document)
  versions[2].relation = trail.compare(versions[2].document, versions[1].document)
  return versions
end

--- Says, once a run, that a side is behind.
local function remark(self)
  local lagging, mirror = self.lagging, self.backend
  if not lagging or lagging.fresh or lagging.given_up then return end
  local line = ("The %s of the state is behind (serial %d, the %s has %d): the next apply makes them equal."):format(
    lagging.backend.role, lagging.document.serial, mirror.leader.role, self.document.serial)
  if line ~= mirror.remarked then mirror.on_message(line) end
  mirror.remarked = line
end

--- Reads both sides and makes the version that counts the store's own.
---@param self scw.state.Store whose backend is a mirror
---@param view_of fun(side: scw.state.Side): scw.state.Store
---@return boolean|nil, scw.Error|nil
function replica.load(self, view_of)
  local mirror = self.backend
  for _, one in ipairs(mirror.sides) do one.behind = nil end
  local views, failures = read(self, view_of)
  if not views then return nil, errors.wrap(failures, "interrupted while the state was read") end
  local leading, lagging = choose(self, views, failures, view_of)
  if not leading then return nil, lagging end
  mirror.leader, self.lagging = leading.backend, lagging
  local former, etags = mirror.known[self.name] or {}, { [leading.backend] = leading.etag }
  for _, one in ipairs(mirror.sides) do
    if not views[one] then
      one.behind, etags[one] = true, former[one] -- what is known of a side that is out does not change
    elseif lagging and lagging.backend == one then
      one.behind = true
    else
      etags[one] = views[one].etag
    end
  end
  for _, name in ipairs({ "document", "fresh", "last", "snapshot_bytes", "ignored", "segments", "left_by" }) do
    self[name] = leading[name]
  end
  self.etag = leading.etag and mirror:know(self.name, etags)
  if leading.opened then self.codec.key:adopt(leading.opened) end -- the two may have different seals
  remark(self)
  return true
end

--- Takes the log away, the latest segment first: what is left is a beginning of it at every moment.
local function remove_log(self, to)
  local keys, failure = to:list(self.name .. ".log/")
  if not keys then return nil, failure end
  table.sort(keys)
  for index = #keys, 1, -1 do
    local ok
    ok, failure = to:delete(keys[index])
    if not ok then return nil, failure end
  end
  return true
end

local function copy(from, to, key, condition)
  local bytes, failure = from:get(key)
  if not bytes then return nil, failure end
  return to:put(key, bytes, condition)
end

local function copy_log(self, from, to)
  for number = self.document.folded + 1, self.last do
    local ok, failure = copy(from, to, log.key(self.name, number), { if_none_match = true })
    if not ok then return nil, failure end
  end
  return true
end

local function keys_of(one, prefix)
  local list, failure = one:list(prefix)
  if not list then return nil, failure end
  local keys = {}
  for _, key in ipairs(list) do keys[key] = true end
  return keys
end

local function copy_missing(from, to, keys, present)
  for key in next, keys do
    if not present[key] then
      local ok, failure = copy(from, to, key, { if_none_match = true })
      if not ok then return nil, failure end
    end
  end
  return true
end

--- The same history on both: each gets what it lacks. Nothing is removed here: what is too old goes at the end of a deployment.
local function share_history(self, one, other)
  local prefix = self.name .. ".history/"
  local here, failure = keys_of(one, prefix)
  if not here then return nil, failure end
  local there
  there, failure = keys_of(other, prefix)
  if not there then return nil, failure end
  local ok
  ok, failure = copy_missing(one, other, here, there)
  if not ok then return nil, failure end
  return copy_missing(other, one, there, here)
end

local function make_equal(self, from, to)
  local ok, failure = remove_log(self, to)
  if not ok then return nil, failure end
  local etag
  etag, failure = copy(from, to, self.name, self.lagging.etag and { if_match = self.lagging.etag } or { if_none_match = true })
  if not etag then return nil, failure end
  ok, failure = copy_log(self, from, to)
  if not ok then return nil, failure end
  ok, failure = share_history(self, from, to)
  if not ok then return nil, failure end
  return etag
end

--- A side that went out after the snapshot was written lacks nothing but history.
local function complete_history(self, from, to)
  if self.fresh or to.out or to.behind then return true end
  local ok, failure = share_history(self, from, to)
  if ok or to.out or from.out then return true end
  return nil, errors.wrap(failure, ("cannot make the history of the %s equal to that of the %s"):format(to.role, from.role))
end

--- Looks at a state of which no side can be read as at one without resources: both sides will be replaced.
---@param self scw.state.Store whose backend is a mirror
---@param view_of fun(side: scw.state.Side): scw.state.Store
---@return boolean|nil, scw.Error|nil
function replica.look_past(self, view_of)
  local mirror, etags, views = self.backend, {}, {}
  for index, one in ipairs(mirror.sides) do
    local view, err = past_damage(view_of(one))
    if not view then return nil, err end
    views[index], etags[one] = view, view.etag
  end
  local first, second = views[1], views[2]
  if second.unreadable and not first.unreadable then first, second = second, first end
  for _, name in ipairs({ "document", "unreadable" }) do self[name] = first[name] end
  for _, name in ipairs({ "last", "segments" }) do self[name] = math.max(first[name], second[name]) end
  self.document.serial = math.max(first.document.serial, second.document.serial)
  self.fresh, self.damaged, self.etag = first.fresh and second.fresh, views, mirror:know(self.name, etags)
  return true
end

--- Keeps what is given up.
---@return string|nil key "" when there was nothing to keep
---@return scw.Error|nil
local function give_up(self, lagging)
  local sides = self.backend.sides
  local key, failure
  if lagging.unreadable then
    key, failure = beside.set_aside(lagging, sides)
  else
    key, failure = beside.keep(self, lagging.document, sides)
  end
  if not key then return nil, errors.wrap(failure, "cannot keep the version that is given up") end
  if lagging.unreadable then return key end
  local ok, err = history.adopt(self, lagging.document, lagging.backend)
  return ok and key, err
end

--- Makes the side that is behind equal to the other one. The caller holds the locks of both.
---@param self scw.state.Store just loaded
---@param held scw.state.Lock
---@return boolean|nil done also when nothing had to be, or the side went out meanwhile
---@return scw.Error|nil
function replica.equalise(self, held)
  local lagging, mirror = self.lagging, self.backend
  if not mirror.sides then return true end
  local from, to = mirror.leader, mirror:other(mirror.leader)
  if not lagging then return complete_history(self, from, to) end
  local apart, serial, kept = lagging.given_up, lagging.document.serial, nil
  if apart or serial > self.document.serial then -- no history may know of a later version than its state
    local ok, err = self:outrank(held, serial)
    if not ok then return nil, err end
  end
  if apart then
    local err
    kept, err = give_up(self, lagging)
    if not kept then return nil, err end
  end
  local etag, failure = make_equal(self, from, to)
  if not etag then
    if to.out then return true end
    return nil, errors.wrap(failure, ("cannot make the %s of the state equal to the %s"):format(to.role, from.role))
  end
  to.behind, to.empty, self.lagging = nil, false, nil
  self.etag = mirror:know(self.name, { [from] = self.etag and mirror.known[self.name][from], [to] = etag })
  local said = lagging.fresh and not apart and ("Copied the state to the %s, %s."):format(to.role, to:describe())
    or ("Made the %s of the state equal to the %s (serial %d)."):format(to.role, from.role, self.document.serial)
  if kept and kept ~= "" then
    said = ("%s The version that was given up is kept at %s, and on the other side."):format(said, from:describe(kept))
  end
  mirror.on_message(said)
  return true
end

return replica
