local core = require "core"
local progress = require "scw.ui.progress"
local style = require "scw.ui.style"

local plain = style.new()

local function plan_of(...)
  local steps = {}
  for i, address in ipairs({ ... }) do steps[i] = { address = address, action = "create" } end
  steps[#steps + 1] = { address = "same.thing", action = "none" }
  return { steps = steps }
end

describe("progress", function()
  it("shows what runs, oldest first, and counts", function()
    local state = progress.new(plan_of("a.one", "a.two", "a.three", "a.four"), 0)
    state:take({ kind = "step_started", address = "a.two", action = "create" }, 0)
    state:take({ kind = "step_started", address = "a.one", action = "create" }, 500)
    state:take({ kind = "step_waiting", address = "a.one", detail = "status is creating" }, 600)
    state:take({ kind = "step_started", address = "a.three", action = "create" }, 600)
    state:take({ kind = "step_done", address = "a.three", action = "create" }, 900)
    local frame = state:frame(2000, plain)
    assert.are.equal(3, #frame)
    assert.matches("^  %+ a%.two: creating +2%.0s$", frame[1])
    assert.matches("^  %+ a%.one: creating, status is creating +1%.5s$", frame[2])
    assert.are.equal("1/4 done, 2 running, 1 waiting, 2.0s", frame[3])
  end)

  it("counts failures and what is skipped because of them", function()
    local state = progress.new(plan_of("a.one", "a.two"), 0)
    state:take({ kind = "step_started", address = "a.one", action = "create" }, 0)
    state:take({ kind = "step_failed", address = "a.one", action = "create" }, 10)
    state:take({ kind = "step_skipped", address = "a.two", action = "create" }, 10)
    assert.are.same({ "0/2 done, 0 running, 0 waiting, 1.0s, 1 failed" }, state:frame(1000, plain))
  end)

  it("says what everything waits for when nothing runs", function()
    local state = progress.new(plan_of("a.one"), 0)
    state:take({ kind = "step_waiting", address = "a.one", needs = { "a.zero" } }, 0)
    assert.are.same({ "0/1 done, 0 running, 1 waiting, 1.0s, waits for a.zero" }, state:frame(1000, plain))
  end)

  it("fits any width and never grows beyond a screenful", function()
    local addresses = {}
    for i = 1, 60 do addresses[i] = ("module-with-a-long-name/container_namespace.number_%d"):format(i) end
    local state = progress.new(plan_of(table.unpack(addresses)), 0)
    for _, address in ipairs(addresses) do state:take({ kind = "step_started", address = address, action = "create" }, 0) end
    for _, width in ipairs({ 40, 80, 200 }) do
      local frame = state:frame(1000, style.new({ columns = width }))
      assert.is_true(#frame <= 12)
      for _, line in ipairs(frame) do assert.is_true(style.width(line) < width, line) end
    end
  end)
end)

describe("live progress", function()
  --- A console that records what is drawn.
  local function recorder(columns)
    local console = { style = style.new({ columns = columns }), drawn = {} }
    function console:draw(text) self.drawn[#self.drawn + 1] = text end
    function console:columns() return self.style.columns end
    return console
  end

  --- What a terminal of that width shows after the given output, and whether its cursor is visible.
  local function screen(output)
    local rows, row, cursor, position = { "" }, 1, true, 1
    while position <= #output do
      local count, command, after = output:match("^\27%[(%??%d*)(%a)()", position)
      if command == "A" then
        row = row - tonumber(count)
      elseif command == "J" then
        rows[row] = ""
        for i = row + 1, #rows do rows[i] = nil end
      elseif count == "?25" then
        cursor = command == "h"
      elseif output:sub(position, position) == "\n" then
        row = row + 1
        rows[row] = rows[row] or ""
      elseif output:sub(position, position) ~= "\r" then
        rows[row] = rows[row] .. output:sub(position, position)
      end
      position = after or position + 1
    end
    return rows, cursor
  end

  it("redraws in place at most ten times a second and gives the cursor back", function()
    local console = recorder(60)
    local state = progress.new(plan_of("a.one", "a.two"), core.clock())
    do
      local live <close> = progress.live(state, console)
      for _ = 1, 200 do
        state:take({ kind = "step_started", address = "a.one", action = "create" }, core.clock())
        live:take({ kind = "step_started", address = "a.one", action = "create" }, core.clock())
        core.sleep(1)
      end
      live:take({ kind = "step_done", address = "a.two", action = "create", elapsed_ms = 5 }, state.began + 5)
      local _, cursor = screen(table.concat(console.drawn))
      assert.is_false(cursor)
      assert.is_true(#console.drawn <= 6 + 4)
    end
    local rows, cursor = screen(table.concat(console.drawn))
    assert.is_true(cursor)
    assert.are.same({ "[   0.0s]   + a.two: created in 0.0s", "" }, rows)
  end)

  it("restores the cursor when what it watches fails", function()
    local console = recorder(60)
    pcall(function()
      local _ <close> = progress.live(progress.new(plan_of("a.one"), 0), console)
      error("boom")
    end)
    local _, cursor = screen(table.concat(console.drawn))
    assert.is_true(cursor)
  end)

  it("erases as many rows as a narrower terminal made of the last frame", function()
    local console = recorder(60)
    local live = progress.live(progress.new(plan_of("a.one"), 0), console)
    live:redraw()
    local rows = 0
    for _, width in ipairs(live.widths) do rows = rows + math.ceil(width / 20) end
    console.style.columns = 20
    assert.is_truthy(live:erase():find(("\27[%dA"):format(rows), 1, true))
    live:close()
  end)
end)

describe("a small terminal", function()
  it("gets a frame that leaves room, and lines that fit", function()
    local steps = {}
    for i = 1, 20 do steps[i] = { address = ("web/container.app%02d"):format(i), action = "create" } end
    local state = progress.new({ steps = steps }, 0)
    for _, step in ipairs(steps) do state:take({ kind = "step_started", address = step.address, action = "create" }, 0) end
    local look = style.new({ columns = 40 })
    assert.are.equal(6, #state:frame(0, look, 8))
    assert.are.equal(12, #state:frame(0, look, 50))
    assert.are.equal(3, #state:frame(0, look, 3))
    assert.matches("and 16 more", state:frame(0, look, 8)[5])
    local events = require "scw.ui.events"
    local event = { kind = "step_failed", address = "web/container.app", action = "create", error = { message = ("why "):rep(40) } }
    assert.are.equal(40, style.width(events.line(event, 0, style.new({ colour = true }), 40)))
    assert.is_true(style.width(events.line(event, 0, look)) > 100)
  end)
end)
