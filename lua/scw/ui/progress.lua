--- Live progress of an apply on a terminal: finished steps scroll by, what runs stands below and is redrawn in place.
--- `progress.new` is pure bookkeeping (events in, lines out); `progress.live` draws it at most ten times a second.
local core = require "core"
local events = require "scw.ui.events"
local style = require "scw.ui.style"
local text = require "scw.text"

local progress = {}

local REDRAW_MS = 100
local MOST_RUNNING = 10
local HIDE_CURSOR, SHOW_CURSOR = "\27[?25l", "\27[?25h"
local CLEAR_BELOW = "\27[J"

---@class scw.Progress
---@field total integer
---@field done integer
---@field failed integer
---@field skipped integer
---@field interrupted integer
---@field perhaps string[] addresses of steps that did not succeed, but may have changed something
---@field running table<string, table>
local methods = {}
local metatable = { __index = methods }

---@param plan table
---@param began_ms number monotonic time at which the apply began
---@return scw.Progress
function progress.new(plan, began_ms)
  local total, steps = 0, {}
  for _, step in ipairs(plan.steps) do
    steps[step.address] = step
    if step.action ~= "none" then total = total + 1 end
  end
  return setmetatable({
    total = total, steps = steps, done = 0, failed = 0, skipped = 0, interrupted = 0, perhaps = {}, began = began_ms, running = {},
    waiting = {}, counts = {},
  }, metatable)
end

--- Whether a step that failed may have changed something: not when the service refused its only call, or never got it.
---@param step table|nil
---@param err any
---@return boolean
local function perhaps_changed(step, err)
  if not step or type(err) ~= "table" or step.action == "read" then return false end
  if step.action == "replace" then return true end
  if err.sent == false then return false end
  for _, change in ipairs(step.changes or {}) do
    if change.action then return true end -- several calls: earlier ones may have been accepted
  end
  return not (err.status and err.status >= 400 and err.status < 500 and err.kind ~= "failed")
end

--- Takes note of an event.
---@param event table
---@param now_ms number
function methods:take(event, now_ms)
  local kind, address = event.kind, event.address
  if kind == "step_started" then
    self.running[address] = { address = address, action = event.action, since = now_ms, detail = event.detail }
    self.waiting[address] = nil
  elseif kind == "step_waiting" then
    if self.running[address] then
      self.running[address].detail = event.detail
    else
      self.waiting[address] = event.needs or {}
    end
  elseif kind == "retry" and self.running[address] then
    self.running[address].detail = text.progress.retry(tostring(event.detail or ""))
  elseif kind == "step_done" then
    self.running[address] = nil
    if event.action ~= "none" then
      self.done = self.done + 1
      self.counts[event.action] = (self.counts[event.action] or 0) + 1
    end
  elseif kind == "step_failed" then
    local ended = type(event.error) == "table" and event.error.kind == "cancelled" and "interrupted" or "failed"
    self.running[address], self[ended] = nil, self[ended] + 1
    if perhaps_changed(self.steps[address], event.error) then self.perhaps[#self.perhaps + 1] = address end
  elseif kind == "step_skipped" then
    self.waiting[address], self.skipped = nil, self.skipped + 1
  end
end

---@param map table<string, any>
---@return integer
local function size(map)
  local count = 0
  for _ in pairs(map) do count = count + 1 end
  return count
end

--- The lines below the scrolled ones: what runs (longest first) and the status line; each fits in `look.columns`.
---@param now_ms number
---@param look scw.Style
---@param rows? integer of the terminal
---@return string[]
function methods:frame(now_ms, look, rows)
  local running = {}
  for _, step in pairs(self.running) do running[#running + 1] = step end
  table.sort(running, function(left, right)
    if left.since ~= right.since then return left.since < right.since end
    return left.address < right.address
  end)
  local lines, room = {}, look.columns - 1
  local most = math.max(math.min(MOST_RUNNING, (rows or 24) - 4), 1) -- the status, what more there is, and a line that scrolls by
  for i = 1, math.min(#running, most) do
    local step = running[i]
    local facts = style.action(step.action)
    local detail = step.detail and step.detail ~= facts.doing and ", " .. style.clean(tostring(step.detail)) or ""
    local line = style.clean(step.address) .. ": " .. facts.doing .. detail
    local elapsed = style.duration(now_ms - step.since)
    line = style.pad(style.cut(line, room - 6 - #elapsed), room - 6 - #elapsed)
    lines[#lines + 1] = ("%s %s  %s"):format(look:paint(facts.colour, ("%3s"):format(facts.symbol)), line, look:paint("dim", elapsed))
  end
  if #running > most then
    lines[#lines + 1] = look:paint("dim", style.cut("    " .. text.progress.more(#running - most), room))
  end
  local left = math.max(self.total - self.done - self.failed - self.interrupted - self.skipped - #running, 0)
  local status = text.progress.status(self.done, self.total, #running, left, style.duration(now_ms - self.began))
  if self.failed > 0 then status = status .. ", " .. text.apply.count_failed(self.failed) end
  if #running == 0 and size(self.waiting) > 0 then
    local needed = {}
    for _, needs in pairs(self.waiting) do
      for _, address in ipairs(needs) do needed[address] = true end
    end
    local addresses = {}
    for address in pairs(needed) do addresses[#addresses + 1] = address end
    table.sort(addresses)
    if #addresses > 0 then status = status .. ", " .. text.progress.waits_for(addresses) end
  end
  lines[#lines + 1] = look:paint("bold", style.cut(status, room))
  return lines
end

---@class scw.LiveProgress
local live_methods = {}
local live_metatable = { __index = live_methods, __close = function(live) live:close() end }

--- Draws progress on the console until it is closed; use it as a `<close>` variable so that the cursor comes back.
---@param state scw.Progress
---@param console scw.Console
---@return scw.LiveProgress
function progress.live(state, console)
  local live = setmetatable({ state = state, console = console, widths = {}, pending = {}, open = true }, live_metatable)
  console:draw(HIDE_CURSOR)
  live.task = core.spawn(function()
    while live.open do
      live:redraw()
      if not core.sleep(REDRAW_MS) then break end
    end
  end)
  return live
end

--- Text that moves the cursor to the top of the last frame and clears it. Lines that a narrower terminal wrapped count for the rows
--- they take now.
function live_methods:erase()
  local rows = 0
  local columns = self.console.style.columns
  for _, line_width in ipairs(self.widths) do rows = rows + math.max(1, (line_width + columns - 1) // columns) end
  self.widths = {}
  return (rows > 0 and ("\27[%dA"):format(rows) or "") .. "\r" .. CLEAR_BELOW
end

--- Writes what happened since the last time and the present frame.
function live_methods:redraw()
  self.console:columns()
  local look = self.console.style
  local parts = { self:erase() }
  for _, line in ipairs(self.pending) do parts[#parts + 1] = line .. "\n" end
  self.pending = {}
  if self.open then
    for _, line in ipairs(self.state:frame(core.clock(), look, (self.console.terminal or {}).rows)) do
      parts[#parts + 1] = line .. "\n"
      self.widths[#self.widths + 1] = style.width(line)
    end
  end
  self.console:draw(table.concat(parts))
end

--- Takes an event; it is shown with the next redraw.
---@param event table
---@param now_ms number
function live_methods:take(event, now_ms)
  if event.kind == "step_started" or event.kind == "step_waiting" then return end -- the frame shows it
  local line = events.line(event, now_ms - self.state.began, self.console.style, self.console.style.columns)
  if line then self.pending[#self.pending + 1] = line end
end

--- Shows a remark above the frame.
---@param line string
function live_methods:note(line)
  for _, part in ipairs(style.wrap(line, self.console.style.columns)) do self.pending[#self.pending + 1] = part end
end

--- Removes the frame and gives the cursor back. May be called again.
function live_methods:close()
  if not self.open then return end
  self.open = false
  self:redraw()
  self.console:draw(SHOW_CURSOR)
  self.task:cancel()
end

return progress
