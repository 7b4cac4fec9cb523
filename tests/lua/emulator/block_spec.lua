local caller = require "tests.lua.emulator.caller"

local VOLUMES = "/block/v1/zones/fr-par-1/volumes"

describe("block volumes", function()
  local call
  before_each(function() call = select(2, caller.new()) end)

  it("are made empty, become available, and grow", function()
    local status, made = call("POST", VOLUMES, { name = "v", from_empty = { size = 20000000000 }, perf_iops = 15000 })
    assert.are.equal(200, status)
    assert.are.equal("creating", made.status)
    assert.are.equal("sbs_15k", made.type)
    assert.is_nil(made.from_empty)
    local path = VOLUMES .. "/" .. made.id
    local _, changed = call("PATCH", path, { size = 30000000000, perf_iops = 5000 })
    assert.are.equal("updating", changed.status)
    local _, read = call("GET", path)
    assert.are.equal("available", read.status)
    assert.are.equal(30000000000, read.size)
    assert.are.same({ class = "sbs", perf_iops = 5000 }, read.specs)
    assert.are.equal(400, (call("PATCH", path, { size = 20000000000 })))
    assert.are.equal(204, (call("DELETE", path)))
    assert.are.equal(404, (call("GET", path)))
  end)

  it("need a source, a size and a known performance", function()
    for _, body in ipairs { { name = "v" }, { name = "v", from_empty = { size = 1 } },
      { name = "v", from_empty = { size = 20000000000 }, perf_iops = 7 } } do
      assert.are.equal(400, (call("POST", VOLUMES, body)))
    end
  end)

  it("refuse changes while they pass", function()
    local ask = select(2, caller.new { speed = 1 })
    local _, made = ask("POST", VOLUMES, { name = "v", from_empty = { size = 20000000000 } })
    local status, body = ask("DELETE", VOLUMES .. "/" .. made.id)
    assert.are.equal(409, status)
    assert.are.equal("creating", body.current_state)
  end)
end)
