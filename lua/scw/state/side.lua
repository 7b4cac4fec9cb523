--- One of the two places of a state that has a replica: a backend that is given up when it does not answer.
---
--- What fails because nothing answers is tried again until the patience is over. A call that takes longer than that is given up only when a
--- small question meanwhile gets no answer either: a large object on a slow line is not an outage. One that fails after that is not
--- begun again: what answers small questions alone is of no use.
local core = require "core"
local errors = require "scw.errors"
local patience = require "scw.patience"

local side = {}

--- Seconds without an answer after which a side counts as out, unless the stack says otherwise.
side.PATIENCE = 15

local PAUSE_MS = 500
--- How long nothing is said about a side that takes its time.
local QUIET_MS = 2000
--- What part of the patience is left for the small question, and what it asks for: nothing is there.
local QUESTION, QUESTION_KEY = 1 / 3, "scwlua.question"

---@class scw.state.Side: scw.state.Backend
---@field backend scw.state.Backend
---@field role "primary"|"replica"
---@field out? scw.Error it did not answer: nothing more is asked of it
---@field behind? boolean it lacks what the other one has, or may: it cannot take its place
---@field empty? boolean there is no state on it; nil: not known yet
---@field heard? number when it answered last, as of core.clock()
---@field silent_since? number since when there was no answer, once it is out
local methods = {}
local metatable = { __index = methods }

---@param facts { backend: scw.state.Backend, role: "primary"|"replica", patience?: number, on_out?: fun(side: scw.state.Side),
---on_slow?: fun(side: scw.state.Side), on_heard?: fun(side: scw.state.Side) }
---@return scw.state.Side
function side.new(facts)
  local backend = facts.backend
  local self = setmetatable({
    backend = backend, role = facts.role, patience_ms = (facts.patience or side.PATIENCE) * 1000,
    on_out = facts.on_out or function() end, on_slow = facts.on_slow or function() end,
    on_heard = facts.on_heard or function() end,
  }, metatable)
  for _, name in ipairs({ "etag_of", "farewell" }) do -- not every backend has them; neither waits
    if backend[name] then self[name] = function(_, ...) return backend[name](backend, ...) end end
  end
  return self
end

--- Does an error say that nobody answered, or that the service is down?
---@param err table
---@return boolean
local function is_silence(err) return err.kind == "connect" or err.kind == "timeout" or err.kind == "io" end
methods.is_silence = is_silence

--- Is it worth another try? Also a side that answers nothing but "slow down" is of no use in the end.
local function is_passing(err) return is_silence(err) or err.status == 429 or err.type == "SlowDown" end

local function give_up(self, err, began)
  if not self.out then
    self.silent_since = math.max(began, self.heard or began)
    self.out = errors.new({
      code = "INFRA_010", kind = "out", message = ("%s does not answer"):format(self.backend:describe()),
      details = err and { err.message } or nil,
    })
    self.on_out(self)
  end
  return nil, self.out
end

--- Does it answer a small question within that time? Nil and an error when the wait was interrupted.
---@return boolean|nil, table|nil
local function answers(self, ms)
  local question = patience.begin(function() return self.backend:get(QUESTION_KEY, true) end)
  local results, failure = patience.await(question, core.clock() + ms)
  if results == "late" then question.task:cancel() end
  if not results then return nil, failure end
  local alive = results ~= "late" and (results[1] ~= nil or not is_silence(results[2]))
  if alive then self.heard = core.clock() end
  return alive
end

--- Says once that a side is waited for.
local function tell(self)
  if not self.told then self.on_slow(self) end
  self.told = true
end

--- One call with patience.
local function ask(self, name, ...)
  if self.out then return nil, self.out end
  local arguments, last = table.pack(...), nil
  local once = name == "delete" and arguments[2]
  local began = core.clock()
  local moment, pause = began + self.patience_ms, math.min(PAUSE_MS, self.patience_ms / 10)
  while true do
    local call = patience.begin(function() return self.backend[name](self.backend, table.unpack(arguments, 1, arguments.n)) end)
    local results, failure
    repeat
      local question, quiet = moment - self.patience_ms * QUESTION, core.clock() + QUIET_MS
      results, failure = patience.await(call, math.min(question, quiet))
      if results == "late" and quiet < question then
        tell(self)
        results, failure = patience.await(call, question)
      end
      if self.out then -- another call noticed
        call.task:cancel()
        return nil, self.out
      end
      if results == "late" then
        local alive, interrupted = answers(self, self.patience_ms * QUESTION)
        if not alive then
          call.task:cancel()
          if interrupted then return nil, interrupted end
          return give_up(self, last, began)
        end
        moment = core.clock() + self.patience_ms
      end
    until results ~= "late"
    if not results then return nil, failure end
    if results[1] ~= nil or not is_passing(results[2]) then
      self.heard = core.clock()
      self:on_heard()
      return table.unpack(results, 1, results.n)
    end
    last = results[2]
    if once then return nil, last end
    if core.clock() + pause >= began + self.patience_ms then return give_up(self, last, began) end
    if core.clock() - began >= QUIET_MS then tell(self) end
    local slept
    slept, failure = core.sleep(pause)
    if not slept then return nil, failure end
  end
end

function methods:get(key) return ask(self, "get", key) end
function methods:put(key, bytes, condition) return ask(self, "put", key, bytes, condition) end
function methods:copy(from, to, etag) return ask(self, "copy", from, to, etag) end
function methods:delete(key, once) return ask(self, "delete", key, once) end
function methods:list(prefix) return ask(self, "list", prefix) end
function methods:prepare(name) return ask(self, "prepare", name) end
function methods:now() return self.backend:now() end
function methods:describe(key) return self.backend:describe(key) end

--- Asks a side that is out once more; when it answers it is used again.
---@param ms number how long it may take; never longer than the patience
---@return boolean
function methods:revive(ms)
  if self.out and answers(self, math.min(ms, self.patience_ms)) then self.out = nil end
  return self.out == nil
end

return side
