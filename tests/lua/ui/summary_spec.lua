local errors = require "scw.errors"
local progress = require "scw.ui.progress"
local style = require "scw.ui.style"
local summary = require "scw.ui.summary"

--- The last lines of a run of one step that ended with this error.
local function ended(action, err, changes)
  local state = progress.new({ steps = { { address = "web/container.app", action = action, changes = changes or {} } } }, 0)
  state:take({ kind = "step_started", address = "web/container.app", action = action }, 0)
  state:take({ kind = "step_failed", address = "web/container.app", action = action, error = err }, 10)
  local cancelled = err.kind == "cancelled"
  local facts = summary.facts(state, { failures = cancelled and {} or { err }, interrupted = cancelled }, nil, 4000)
  return summary.lines(facts, style.new()), summary.public(facts)
end

local function failure(more)
  local facts = { code = "INFRA_005", message = "it failed" }
  for name, value in pairs(more or {}) do facts[name] = value end
  return errors.new(facts)
end

describe("the summary of a deployment", function()
  it("says that nothing changed only when that is certain", function()
    local nothing = { "Failed after 4.0s: nothing changed, 1 failed." }
    assert.are.same(nothing, (ended("update", failure({ status = 400 }))))
    assert.are.same(nothing, (ended("create", failure({ status = 403 }))))
    assert.are.same(nothing, (ended("create", failure({ sent = false }))))
    local perhaps = { "Failed after 4.0s: 1 failed.", "May have changed all the same: web/container.app." }
    assert.are.same(perhaps, (ended("update", failure({ kind = "failed" }))))
    assert.are.same(perhaps, (ended("update", failure({ status = 500 }))))
    assert.are.same(perhaps, (ended("update", failure({ kind = "timeout", sent = true }))))
    assert.are.same(perhaps, (ended("replace", failure({ status = 400 }))))
    assert.are.same(perhaps, (ended("update", failure({ status = 400 }), { { path = "a", action = "upgrade" }, { path = "b" } })))
  end)

  it("does not count as failed what an interrupt cut short", function()
    local lines, public = ended("update", failure({ code = "INFRA_009", kind = "cancelled" }))
    assert.are.same({ "Interrupted after 4.0s: 1 interrupted.", "May have changed all the same: web/container.app." }, lines)
    assert.are.equal(0, public.failed)
    assert.are.equal(1, public.interrupted)
    assert.are.same({ "web/container.app" }, { table.unpack(public.may_have_changed) })
  end)
end)
