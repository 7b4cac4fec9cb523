--- State objects as files. Writes are durable and atomic; conditions hold between processes of one machine.
local core = require "core"
local errors = require "scw.errors"

local file = {}

local GUARD = ".scwlua-guard"
local GUARD_PATIENCE_MS = 10000
local GUARD_PAUSE_MS = 5

---@class scw.state.Backend
---@field get fun(self, key: string, quiet?: boolean): string|nil, string|table|nil bytes and etag, or nil and an error (`kind` not_found);
--- quiet: nobody is told when it takes several attempts
---@field put fun(self, key: string, bytes: string, condition?: { if_match?: string, if_none_match?: boolean }): string|nil, table|nil
---@field copy fun(self, from: string, to: string, etag: string): boolean|nil, table|nil makes `to` what `from` is, if that has this etag
--- (`kind` condition otherwise); `kind` refused, denied or invalid: the service does not copy
---@field delete fun(self, key: string, once?: boolean): boolean|nil, table|nil once: it is not sent again when nobody answers, for keys
--- that are used again
---@field list fun(self, prefix: string): string[]|nil, table|nil
---@field prepare fun(self): boolean|nil, table|nil
---@field sweep? fun(self, name: string) removes what is left of preparations that were not finished
---@field now fun(self): number the time in seconds since 1970, by the clock that all users of this backend share
---@field describe fun(self, key?: string): string
---@field etag_of? fun(self, bytes: string): string the etag that an object with these bytes has, as far as anybody can tell
---@field farewell? fun(self, key: string, bytes: string, etag: string, leftover?: string): { withdraw: fun(self) }|nil, table|nil puts the
--- object, if it still has that etag, when this process ends without having withdrawn it; removes the file `leftover` then

---@class scw.state.FileBackend: scw.state.Backend
---@field directory string
local methods = {}
local metatable = { __index = methods }

---@param directory string
---@return scw.state.FileBackend
function file.new(directory)
  return setmetatable({ directory = directory }, metatable)
end

--- The backend and the state's name in it, for a path.
---@param path string
---@return scw.state.FileBackend, string name
function file.at(path)
  local directory, name = path:match("^(.*)/([^/]+)$")
  if directory == "" then directory = "/" end
  return file.new(directory or "."), name or path
end

---@param key? string
---@return string
function methods:describe(key)
  if self.directory == "." then return key or "." end
  return self.directory .. (key and "/" .. key or "")
end

--- Files are shared by the processes of one machine: its clock is theirs.
---@return number
function methods:now() return core.now() end

function methods:path(key) return self.directory .. "/" .. key end

function methods:etag_of(bytes) return core.hex(core.digest("sha256", bytes)) end

--- Files are refused to somebody who is not the one who made them, or on a file system that is read only.
local function explain(self, failure)
  if failure.kind == "denied" then
    failure.hint = ("the user %s has to be able to read and write in %s"):format(core.host().user, self:describe())
  end
  return failure
end

function methods:get(key)
  local bytes, failure = core.file_read(self:path(key))
  if not bytes then return nil, explain(self, failure) end
  return bytes, self:etag_of(bytes)
end

--- Nobody else changes objects while this is held. It is short: no one holds it across a wait.
local function guard(self)
  local path, deadline = self:path(GUARD), core.clock() + GUARD_PATIENCE_MS
  while true do
    local held, failure = core.file_lock(path)
    if held then return held end
    if failure.kind ~= "locked" or core.clock() > deadline then return nil, failure end
    local slept
    slept, failure = core.sleep(GUARD_PAUSE_MS)
    if not slept then return nil, failure end
  end
end

local function condition_failed(key)
  return nil, { kind = "condition", message = key .. " was changed by somebody else" }
end

local function ensure_directory(path)
  return core.directory_create(path:match("^(.*)/[^/]+$"))
end

--- Calls `act` while nobody changes objects and one has this etag.
local function with_present(self, key, etag, act)
  local held <close>, locked = guard(self)
  if not held then return nil, explain(self, locked) end
  local bytes, present = self:get(key)
  if not bytes and present.kind ~= "not_found" then return nil, present end
  if not bytes or present ~= etag then return condition_failed(key) end
  return act()
end

function methods:put(key, bytes, condition)
  local path = self:path(key)
  local ok, failure = ensure_directory(path)
  if not ok then return nil, explain(self, failure) end
  if condition and condition.if_none_match then
    ok, failure = core.file_create(path, bytes)
    if not ok and failure.kind == "exists" then return condition_failed(key) end
  elseif condition and condition.if_match then
    ok, failure = with_present(self, key, condition.if_match, function() return core.file_write(path, bytes) end)
  else
    ok, failure = core.file_write(path, bytes)
  end
  if not ok then return nil, explain(self, failure) end
  return self:etag_of(bytes)
end

--- A file of its own, no second name of the same one: what damages one of them leaves the other whole.
function methods:copy(from, to, etag)
  local path = self:path(to)
  local ok, failure = ensure_directory(path)
  if ok then ok, failure = with_present(self, from, etag, function() return core.file_copy(self:path(from), path) end) end
  if not ok then return nil, explain(self, failure) end
  return true
end

function methods:farewell(key, bytes, etag, leftover)
  return core.farewell_file({ path = self:path(key), guard = self:path(GUARD), present = etag, bytes = bytes, leftover = leftover })
end

function methods:delete(key)
  local ok, failure = core.file_remove(self:path(key))
  if not ok and failure.kind ~= "not_found" then return nil, failure end
  return true
end

function methods:list(prefix)
  local directory, start = prefix:match("^(.*/)([^/]*)$")
  directory, start = directory or "", start or prefix
  local names, failure = core.file_list(self.directory .. "/" .. directory)
  if not names then
    if failure.kind == "not_found" then return {} end
    return nil, explain(self, failure)
  end
  local keys = {}
  for _, name in ipairs(names) do
    if name:sub(1, #start) == start then keys[#keys + 1] = directory .. name end
  end
  return keys
end

--- Files need no preparation beyond their directory.
function methods:prepare()
  local ok, failure = core.directory_create(self.directory)
  if not ok then return nil, errors.wrap(explain(self, failure), "cannot make the directory of the state") end
  return true
end

return file
