local refresh_view = require "scw.ui.refresh"
local style = require "scw.ui.style"

local function result()
  return { count = 5, changes = {
    { address = "web/container.app", type = "container", action = "changed", changes = {
      { path = "min_scale", old = 2, new = 0 },
      { path = "secrets.TOKEN", old = { ["$secret"] = "aa" }, new = { ["$secret"] = "bb" }, secret = true },
    } },
    { address = "secret.key", type = "secret", action = "gone", changes = {} },
    { address = "vpc.main", type = "vpc", action = "unreadable", changes = {}, message = "permission denied" },
  } }
end

describe("a refresh", function()
  it("shows what is not as it was applied", function()
    assert.are.same({
      "  ~ web/container.app", "      ~ min_scale: 2 -> 0", "      ~ secrets.TOKEN: (secret, changed)", "  - secret.key  no longer exists",
      "  ~ vpc.main  permission denied", "",
      "3 of 5 resources are not as last applied; `scwlua plan --emulator shop.lua` shows what apply would",
      "put right.",
    }, refresh_view.lines(result(), style.new({ columns = 100, given = { stack = "shop.lua", emulator = true } })))
  end)

  it("is one line when everything is as applied", function()
    assert.are.same({ "Scaleway is as last applied: 1 resource." }, refresh_view.lines({ count = 1, changes = {} }, style.new()))
  end)

  it("carries no fingerprint for programs", function()
    local public = refresh_view.public(result())
    assert.are.equal("gone", public.changes[2].action)
    assert.are.same({ ["$secret"] = true }, public.changes[1].changes[2].old)
    assert.are.equal(2, public.changes[1].changes[1].old)
  end)
end)
