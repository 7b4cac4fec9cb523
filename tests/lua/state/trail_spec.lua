local model = require "scw.state.model"
local trail = require "scw.state.trail"

describe("a trail", function()
  --- A version of one state: serial, then writer and number of each span.
  local function version(serial, ...)
    local document = model.new("shop")
    document.lineage, document.serial = "one", serial
    for _, span in ipairs({ ... }) do document.trail = trail.extend(document.trail, span[1], span[2]) end
    return document
  end

  it("grows by one span a writer", function()
    local spans = trail.extend(trail.extend(trail.extend({}, "a", 1), "a", 2), "b", 3)
    assert.same({ { writer = "a", number = 2 }, { writer = "b", number = 3 } }, { table.unpack(spans) })
  end)

  it("keeps the latest spans", function()
    local spans = {}
    for number = 1, trail.KEPT + 20 do spans = trail.extend(spans, "w" .. number, number) end
    assert.equal(trail.KEPT, #spans)
    assert.equal(21, spans[1].number)
    assert.equal(trail.KEPT, #trail.extend(spans, "w" .. trail.KEPT + 20, 99))
  end)

  it("tells a beginning from what goes on from it", function()
    local function check(wanted, one, other)
      assert.equal(wanted, trail.compare(one, other))
      local back = { ahead = "behind", behind = "ahead" }
      assert.equal(back[wanted] or wanted, trail.compare(other, one))
    end
    check("same", version(3, { "a", 5 }, { "b", 7 }), version(3, { "a", 5 }, { "b", 7 }))
    check("ahead", version(3, { "a", 5 }, { "b", 7 }), version(3, { "a", 5 }, { "b", 6 })) -- a crash between two writes
    check("ahead", version(4, { "a", 5 }, { "b", 7 }), version(3, { "a", 5 }, { "b", 7 })) -- folded on one side only
    check("ahead", version(5, { "a", 5 }, { "b", 7 }, { "c", 9 }), version(2, { "a", 5 }))
    check("ahead", version(5, { "a", 5 }, { "b", 7 }), version(2, { "a", 3 }))
    check("behind", version(0), version(2, { "a", 3 }))
    check("diverged", version(5, { "a", 5 }, { "b", 7 }), version(5, { "a", 5 }, { "c", 7 }))
    check("diverged", version(5, { "a", 5 }, { "b", 7 }), version(5, { "a", 6 }))
  end)

  it("never takes states of different lineage for each other", function()
    local stranger = version(9, { "a", 5 })
    stranger.lineage = "two"
    assert.equal("diverged", trail.compare(version(3, { "a", 5 }), stranger))
    stranger.trail = trail.extend(stranger.trail, "b", 5) -- pushed in the place of the other one
    assert.equal("behind", trail.compare(version(3, { "a", 5 }), stranger))
    assert.equal("same", trail.compare(model.new("shop"), model.new("shop")))
  end)
end)
