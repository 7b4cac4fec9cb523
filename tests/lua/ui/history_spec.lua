local history_view = require "scw.ui.history"
local style = require "scw.ui.style"

local plain = style.new({ colour = false, columns = 80 })

local function record(facts)
  local made = {
    id = "3f2a9c1d-0000-4000-8000-000000000000", serial = 7, previous = 6, lineage = "l", who = "ann", host = "desk",
    command = "scwlua apply", started = "2026-01-02T03:04:05Z", ended = "2026-01-02T03:05:05Z", result = "done",
    planned = { create = 3, update = 1 }, counts = { done = 4, failed = 0, skipped = 0 },
  }
  for name, value in pairs(facts or {}) do made[name] = value end
  return made
end

describe("the history as people read it", function()
  it("is one line a deployment", function()
    assert.are.same({
      "DEPLOYMENT  STARTED               RESULT  CHANGES         COMMIT     WHO       COMMAND",
      "3f2a9c1d    2026-01-02T03:04:05Z  done    +3 ~1           0123abcd+  ann@desk  scwlua apply (https://ci/1)",
      "3f2a9c1d    2026-01-02T03:04:05Z  failed  +3 ~1 (1 done)  0123abcd   ann@desk  scwlua apply",
    }, history_view.lines({
      record({ commit = "0123abcdef", dirty = true, run = "https://ci/1" }),
      record({ commit = "0123abcdef", result = "failed", counts = { done = 1, failed = 1, skipped = 2 } }),
    }, plain))
    local made = record({ command = "scwlua refresh", counts = { changed = 2 } })
    made.planned = nil
    assert.matches("done    2 changed  %-       ann@desk  scwlua refresh$", history_view.lines({ made }, plain)[2])
    made.counts = { resources = 1 }
    assert.matches("done    1 resource  %-", history_view.lines({ made }, plain)[2])
  end)

  it("says what a rollback went back to", function()
    local made = record({ command = "scwlua rollback", back_to = "77b0e6a2-0000-4000-8000-000000000000" })
    assert.matches("scwlua rollback to 77b0e6a2$", history_view.lines({ made }, plain)[2])
    assert.are.equal(made.back_to, history_view.public({ made }).deployments[1].back_to)
  end)

  it("cuts no id, however long the rest and narrow the terminal", function()
    local run = "https://git.example.org/platform/infrastructure/-/jobs/123456789012345"
    local made = record({ command = "scwlua rollback", back_to = "77b0e6a2-0000-4000-8000-000000000000", who = ("w"):rep(60), run = run })
    local line = history_view.lines({ made }, style.new({ columns = 40, wraps = true }))[2]
    assert.is_truthy(line:find("scwlua rollback to 77b0e6a2 (" .. run .. ")", 1, true), line)
  end)

  it("cannot steer the terminal", function()
    assert.is_nil(history_view.lines({ record({ who = "ann\27[2J" }) }, plain)[2]:find("\27", 1, true))
  end)

  it("says so when there is none", function()
    assert.are.same({ "Nothing was deployed yet, or the stack keeps no history." }, history_view.lines({}, plain))
  end)
end)

describe("a difference as people and programs read it", function()
  local mark_one, mark_two = { ["$secret"] = "1" }, { ["$secret"] = "2" }
  local comparison = {
    stack = "shop", from = { name = "3f2a9c1d-0000-4000-8000-000000000000", serial = 7 }, to = { name = "now", serial = 9 },
    difference = {
      steps = {
        { address = "db/rdb_instance.main", type = "rdb_instance", action = "update", changes = {
          { path = "password", old = mark_one, new = mark_two, secret = true }, { path = "volume", old = 5, new = 10, secret = false },
        } },
        { address = "secret.key", type = "secret", action = "create", changes = { { path = "data", new = mark_one, secret = true } } },
      },
      outputs = { { name = "url", action = "update", old = "a", new = "b", secret = false } }, summary = { update = 1, create = 1 },
    },
  }

  it("looks like a plan", function()
    assert.are.same({
      "shop", "  + secret.key", "      data: (secret)", "",
      "db", "  ~ rdb_instance.main", "      ~ password: (secret, changed)", "      ~ volume: 5 -> 10", "",
      "Outputs", '  ~ url: "a" -> "b"', "", "From 3f2a9c1d to now: 1 created, 1 updated.",
    }, history_view.difference(comparison, plain))
  end)

  it("carries no fingerprint", function()
    local public = history_view.public_difference(comparison)
    assert.are.same({ deployment = "3f2a9c1d-0000-4000-8000-000000000000", serial = 7 }, public.from)
    assert.are.same({ { path = "password", old = { ["$secret"] = true }, new = { ["$secret"] = true }, secret = true, replace = false },
      { path = "volume", old = 5, new = 10, secret = false, replace = false } }, { table.unpack(public.steps[1].changes) })
    assert.is_true(public.changes)
  end)

  it("of nothing is one sentence", function()
    assert.are.same({ "No difference between 3f2a9c1d and now." }, history_view.difference({
      from = comparison.from, to = comparison.to, difference = { steps = {}, outputs = {}, summary = {} },
    }, plain))
  end)
end)
