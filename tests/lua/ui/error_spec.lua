local error_view = require "scw.ui.error"
local errors = require "scw.errors"
local style = require "scw.ui.style"

local function example()
  return errors.new({
    code = "INFRA_003", message = "the key may not create containers",
    details = { "permission ContainersFullAccess is missing", "twice\nover" },
    source = "stacks/shop.lua:12", address = "web/container.app", request_id = "5b1f2c6e",
    hint = "give the application a policy", timestamp = "2026-01-02T03:04:05Z",
  })
end

describe("an error", function()
  it("says what, why, where and what to do", function()
    assert.are.same({
      "error INFRA_003: the key may not create containers", "  permission ContainersFullAccess is missing", "  twice", "  over",
      "  at stacks/shop.lua:12", "  resource: web/container.app", "  request: 5b1f2c6e", "  hint: give the application a policy",
    }, error_view.lines(example(), style.new()))
  end)

  it("carries the same facts for programs", function()
    local public = error_view.public(example())
    assert.are.same({
      code = "INFRA_003", message = "the key may not create containers",
      details = { "permission ContainersFullAccess is missing", "twice\nover" },
      source = "stacks/shop.lua:12", address = "web/container.app", request_id = "5b1f2c6e", hint = "give the application a policy",
      timestamp = "2026-01-02T03:04:05Z",
    }, public)
  end)

  it("names commands as they have to be typed here", function()
    local err = errors.new({ code = "INFRA_008", message = "held", hint = "free it with `scwlua unlock STACK 11-22`" })
    local given = { stack = "stacks/my shop.lua", emulator = true }
    local told = "free it with `scwlua unlock --emulator 'stacks/my shop.lua' 11-22`"
    assert.are.same({ "error INFRA_008: held", "  hint: " .. told }, error_view.lines(err, style.new({ columns = 100, given = given })))
    assert.are.equal(told, error_view.public(err, given).hint)
    assert.are.equal(err.hint, error_view.public(err).hint)
  end)

  it("is shown with its fellows, sorted by source", function()
    local second = errors.new({ code = "INFRA_001", message = "second", source = "a.lua:10" })
    local first = errors.new({ code = "INFRA_001", message = "first", source = "a.lua:9" })
    assert.are.same({ "error INFRA_001: first", "  at a.lua:9", "error INFRA_001: second", "  at a.lua:10" },
      error_view.lines(errors.several({ second, first }), style.new()))
  end)

  it("cannot steer the terminal", function()
    local lines = error_view.lines(errors.new({ code = "INFRA_001", message = "a\27]0;x\7b" }), style.new({ colour = true }))
    assert.is_nil(lines[1]:find("\27]", 1, true))
  end)

  it("leaves out what is secret", function()
    assert.are.equal("key (secret), again (secret).", error_view.mask("key s3cr%t, again s3cr%t.", { "s3cr%t" }))
    assert.are.equal("nothing", error_view.mask("nothing", { "s3cr%t" }))
  end)

  it("that is a bug says so, with the traceback", function()
    local lines = error_view.bug("x.lua:1: boom", "stack traceback:\n\tx.lua:1")
    assert.matches("^This is a bug in scwlua", lines[1])
    assert.are.same({ "  x.lua:1: boom", "  stack traceback:", "  \tx.lua:1" }, { table.unpack(lines, 2) })
  end)
end)

describe("long sentences", function()
  local err = errors.new({ code = "INFRA_005", message = ("words "):rep(30):sub(1, -2), details = { ("more "):rep(30):sub(1, -2) } })

  it("are wrapped on a terminal, whole elsewhere", function()
    for _, line in ipairs(error_view.lines(err, style.new({ columns = 60, wraps = true, colour = true }))) do
      assert.is_true(style.width(line) <= 60, line)
    end
    assert.are.equal(2, #error_view.lines(err, style.new({ columns = 60 })))
  end)
end)
