local errors = require "scw.errors"
local events = require "scw.ui.events"
local style = require "scw.ui.style"

local plain = style.new()

describe("events for a log", function()
  it("are one line each, with the time since the start", function()
    assert.are.equal("[   0.0s]   + db/rdb_instance.main: creating",
      events.line({ kind = "step_started", address = "db/rdb_instance.main", action = "create" }, 0, plain))
    assert.are.equal("[  1m12s] -/+ web/container.app: replaced in 12.0s",
      events.line({ kind = "step_done", address = "web/container.app", action = "replace", elapsed_ms = 12000 }, 72000, plain))
    assert.are.equal("[   2.0s]   ! a.b: failed: INFRA_003: no",
      events.line({ kind = "step_failed", address = "a.b", action = "create",
        error = errors.new({ code = "INFRA_003", message = "no" }) }, 2000, plain))
    assert.are.equal("[   2.0s]   ! a.c: skipped, needs a.b",
      events.line({ kind = "step_skipped", address = "a.c", action = "create", needs = { "a.b" } }, 2000, plain))
    assert.are.equal("[   2.0s]     a.b: tries again: 429, in 1.5s",
      events.line({ kind = "retry", address = "a.b", detail = "429, in 1.5s" }, 2000, plain))
  end)

  it("leave out what a log does not need, and control characters", function()
    assert.is_nil(events.line({ kind = "state_saved" }, 0, plain))
    assert.is_nil(events.line({ kind = "step_waiting", address = "a.b", needs = { "a.c" } }, 0, plain))
    assert.is_nil(events.line({ kind = "message", detail = "a\27[2Jb" }, 0, plain):find("\27", 1, true))
  end)
end)

describe("the same wait", function()
  local function wait(detail) return { kind = "step_waiting", address = "a.b", action = "create", detail = detail } end

  it("is told to people as a sign of life only", function()
    local news = events.news()
    assert.is_true(news({ kind = "step_started", address = "a.b" }, 0, false))
    assert.is_false(news(wait("creating"), 100, false))
    assert.is_false(news(wait("creating"), 9999, false))
    assert.is_true(news(wait("creating"), 10000, false))
    assert.is_false(news(wait("creating"), 19999, false))
    assert.are.equal("[  10.0s]     a.b: still creating", events.line(wait("creating"), 10000, plain))
  end)

  it("is told to programs when it changes", function()
    local news = events.news()
    assert.is_true(news(wait("creating"), 0, true))
    assert.is_false(news(wait("creating"), 60000, true))
    assert.is_true(news(wait("initializing"), 60001, true))
  end)
end)

describe("events for programs", function()
  it("carry whole milliseconds and the error", function()
    local public = events.public({
      kind = "step_failed", address = "a.b", action = "create", elapsed_ms = 1.6,
      error = errors.new({ code = "INFRA_003", message = "no" }),
    }, 12.4)
    assert.are.equal("step_failed", public.event)
    assert.are.equal(12, public.elapsed_ms)
    assert.are.equal(2, public.step_ms)
    assert.are.equal("INFRA_003", public.error.code)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT", public.timestamp)
  end)
end)
