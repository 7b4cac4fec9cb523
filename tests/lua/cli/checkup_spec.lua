local checkup = require "scw.cli.checkup"
local style = require "scw.ui.style"

describe("the checkup", function()
  it("judges how far a clock is off, either way", function()
    assert.are.equal("ok", checkup.skew(-29))
    assert.are.equal("warn", checkup.skew(30))
    assert.are.equal("fail", checkup.skew(-300))
  end)

  it("is as bad as its worst check", function()
    assert.are.equal("ok", checkup.worst({ { result = "ok" } }))
    assert.are.equal("warn", checkup.worst({ { result = "warn" }, { result = "ok" } }))
    assert.are.equal("fail", checkup.worst({ { result = "warn" }, { result = "fail" }, { result = "warn" } }))
  end)

  it("shows one aligned line a check, with what to do", function()
    assert.are.same({ "ok    program  fine", "fail  API      no answer", "               -> check the network" }, checkup.lines({
      { name = "program", result = "ok", message = "fine" },
      { name = "API", result = "fail", message = "no answer", hint = "check the network" },
    }, style.new()))
  end)
end)
