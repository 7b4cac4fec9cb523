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

  it("shows how the sides of a state with a replica stand, and what to do", function()
    local function seen(states, problem)
      local sides = {}
      for index, state in ipairs(states) do
        sides[index] = { role = index == 1 and "primary" or "replica", place = "s3://b" .. index .. "/k", state = state }
      end
      local found = {}
      for index, check in ipairs(checkup.sides({ sides = sides, problem = problem }, "shop.lua")) do
        found[index] = ("%s %s: %s"):format(check.result, check.name, check.hint or "")
        assert.matches("^s3://b%d/k: ", check.message)
      end
      return found
    end
    assert.are.same({ "ok primary: ", "ok replica: " }, seen { "leads", "equal" })
    local behind = seen { "behind", "leads" }
    assert.matches("^warn primary: scwlua apply shop.lua$", behind[1])
    assert.are.equal("ok replica: ", behind[2])
    assert.matches("^warn replica: One side does not answer", seen({ "leads", "out" })[2])
    local apart = seen({ "diverged", "diverged" }, { message = "they went separate ways" })
    for index, role in ipairs({ "primary", "replica" }) do
      assert.matches("^fail " .. role .. ": scwlua state resolve shop.lua", apart[index])
    end
    assert.are.same({ "fail replica: remove it" }, seen({ "leads", "damaged" }, { message = "it is damaged", hint = "remove it" }))
    assert.are.same({}, seen({ "leads", "equal" }, { message = "there is no key" })) -- nothing is known of them
    assert.are.same({}, checkup.sides({}, "shop.lua"))
  end)

  it("shows one aligned line a check, with what to do", function()
    assert.are.same({ "ok    program  fine", "fail  API      no answer", "               -> check the network" }, checkup.lines({
      { name = "program", result = "ok", message = "fine" },
      { name = "API", result = "fail", message = "no answer", hint = "check the network" },
    }, style.new()))
  end)
end)
