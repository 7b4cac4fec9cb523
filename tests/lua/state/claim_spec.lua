local claim = require "scw.state.claim"

describe("a claim on a state", function()
  it("tells spans in words", function()
    local spans = {
      [0] = "0 seconds", [1] = "1 second", [59.4] = "59 seconds", [60] = "1 minute", [119] = "1 minute", [240] = "4 minutes",
      [3600] = "1 hour", [3900] = "1 hour and 5 minutes", [36000 + 300] = "10 hours", [86400] = "1 day", [90000] = "1 day and 1 hour",
      [864000] = "10 days", [-5] = "0 seconds",
    }
    for seconds, expected in pairs(spans) do assert.equal(expected, claim.span(seconds)) end
  end)

  it("says who, since when, and for how long", function()
    local facts = { who = "ann", host = "box", pid = 7, created = "1970-01-01T00:00:00Z", command = "scwlua apply" }
    assert.equal("ann on box (process 7) since 1970-01-01T00:00:00Z, 4 minutes ago, running `scwlua apply`", claim.describe(facts, 240))
    assert.equal(240, claim.age(facts, 240.5))
    facts.run, facts.created = "https://ci.example/1", "some day"
    assert.equal("ann on box (process 7) since some day, running `scwlua apply` in https://ci.example/1", claim.describe(facts, 240))
    assert.is_nil(claim.age(facts, 240))
  end)
end)
