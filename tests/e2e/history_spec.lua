--- The history of a stack whose state is in a bucket, and the state put right by hand: as a user would, with the built program.
local core = require "core"
local json = require "scw.json"
local user = require "tests.e2e.user"

local STACK = [[
local scw = require "scw"
return scw.stack {
  name = "shop", environment = "staging", region = "fr-par",
  state = scw.s3 { bucket = "shop-states", key = "staging/shop.state", region = "fr-par", history = 6 },
  build = function(stack)
    local scale = stack:config("scale", { type = "int", default = 2 })
    local renamed = stack:config("renamed", { type = "string", default = "key" })
    local key = stack:secret(renamed, { name = "shop-key" })
    local version = stack:secret_version(renamed, { secret = key, data = scw.secret_env "SHOP_KEY" })
    local space = stack:container_namespace("space", { name = "shop", secret_environment_variables = { KEY = version.value } })
    stack:container("app", { namespace = space, name = "shop", image = "rg.fr-par.scw.cloud/shop/web:1.0.0", max_scale = scale })
    stack:output("key", version.value)
  end,
}
]]

local SECRETS = { "sEcr3t-of-the-shop", "an0ther-secret" }

describe("the history of a stack", function()
  local ann
  setup(function() ann = user.new { files = { ["shop.lua"] = STACK }, environment = { SHOP_KEY = SECRETS[1] }, secrets = SECRETS } end)
  teardown(function() ann:leave() end)

  local function refused(code, ...)
    local reason = ann:refused(...)
    assert.matches(code, reason)
    return reason
  end

  local function git(...)
    local result = core.exec { argv = { "git", "-C", ann.directory, "-c", "user.name=t", "-c", "user.email=t@localhost", ... } }
    return result and result.status == 0 and result.stdout or nil
  end

  local first, second -- ids of the applies

  it("is empty before the first deployment", function()
    assert.are.same({}, ann:deployments("shop.lua"))
    assert.matches("Nothing was deployed yet", ann:done("state", "history", "shop.lua").stdout)
    assert.matches("nothing was deployed yet", refused("INFRA_004", "state", "list", "--at", "12345678", "shop.lua"))
  end)

  it("says who deployed what, when, of which commit, and what came of it", function()
    local with_git = git("init", "-q") and git("add", ".") and git("commit", "-q", "-m", "one")
    ann:done("apply", "--yes", "shop.lua")
    ann:write("shop.lua", STACK .. "\n")
    ann.environment.SHOP_KEY = SECRETS[2]
    ann:done("apply", "--yes", "--set", "scale=4", "shop.lua")
    local all = ann:deployments("shop.lua")
    assert.are.equal(2, #all)
    first, second = all[2].id, all[1].id
    assert.are.same({ create = 4 }, all[2].planned)
    assert.are.same({ done = 4, failed = 0, skipped = 0 }, all[2].counts)
    assert.are.equal(all[1].previous, all[2].serial)
    for _, record in ipairs(all) do
      assert.are.equal("done", record.result)
      assert.are.equal("scwlua apply", record.command)
      assert.are.equal(core.host().user, record.who)
      assert.are.equal(core.host().name, record.host)
      assert.is_true(record.started <= record.ended)
    end
    if with_git then
      local commit = git("rev-parse", "HEAD"):match("%x+")
      assert.are.same({ commit, commit, false, true }, { all[1].commit, all[2].commit, all[2].dirty, all[1].dirty })
    end
    local shown = ann:done("state", "history", "shop.lua").stdout
    assert.matches("^DEPLOYMENT +STARTED +RESULT +CHANGES +COMMIT +WHO +COMMAND\n" .. second:sub(1, 8), shown)
    assert.matches(first:sub(1, 8) .. " .* done +%+4 ", shown)
  end)

  it("shows what each of them left", function()
    local function scale(...)
      return ann:answer("state", "show", "--json", "shop.lua", "container.app", ...).inputs.max_scale
    end
    assert.are.same({ 2, 4, 4 }, { scale("--at", first), scale("--at", second:sub(1, 8)), scale() })
    assert.are.equal(4, #ann:answer("state", "list", "--json", "--at", first, "shop.lua").resources)
    assert.matches("did you mean 'container.app'", refused("INFRA_004", "state", "show", "--at", first, "shop.lua", "container.ap"))
    assert.matches("the latest is " .. second:sub(1, 8), refused("INFRA_004", "state", "show", "--at", "zzzz", "shop.lua", "container.app"))
  end)

  it("says what differs between two, field by field, and never a secret", function()
    local shown = ann:done("state", "diff", "shop.lua", first, second).stdout
    assert.matches("~ container%.app.-~ max_scale: 2 %-> 4", shown)
    assert.matches("%-/%+ secret_version%.key.-~ data: %(secret, changed%)", shown)
    assert.matches("KEY: %(secret, changed%)", shown)
    assert.matches("~ key: %(secret, changed%)", shown)
    local difference = ann:answer("state", "diff", "--json", "shop.lua", first)
    assert.are.same({ first, "now", true }, { difference.from.deployment, difference.to.deployment, difference.changes })
    local covered = 0
    for _, step in ipairs(difference.steps) do
      for _, change in ipairs(step.changes) do
        if change.secret then
          assert.are.same({ ["$secret"] = true }, change.new)
          covered = covered + 1
        end
      end
    end
    assert.are.equal(2, covered)
    assert.is_nil(json.encode(difference):find('"$secret":"', 1, true)) -- a fingerprint
    assert.matches("No difference", ann:done("state", "diff", "shop.lua", second).stdout)
  end)

  it("goes on under another address without touching a resource", function()
    assert.matches("did you mean 'secret.key'", refused("INFRA_004", "state", "mv", "shop.lua", "secret.kye", "secret.main"))
    local result = ann:done("state", "mv", "shop.lua", "secret.key", "secret.main")
    assert.matches("does not declare secret%.main", result.stderr)
    local moved = ann:answer("state", "mv", "--json", "shop.lua", "secret_version.key", "secret_version.main")
    assert.are.same({ "secret_version.key", "secret_version.main" }, { moved.from, moved.to })
    ann:done("plan", "--exit-code", "--set", "scale=4", "--set", "renamed=main", "shop.lua")
  end)

  it("is pulled, put right and pushed, but neither from elsewhere nor from the past", function()
    local pulled = ann:answer("state", "pull", "--json", "--out", "state.json", "shop.lua")
    local text = assert(core.file_read(ann.directory .. "/state.json"))
    assert.are.equal(384, core.file_stat(ann.directory .. "/state.json").mode & 511)
    for _, secret in ipairs(SECRETS) do assert.is_nil(text:find(secret, 1, true)) end
    local document = json.decode(text)
    assert.are.same({ document.lineage, document.serial, 4 }, { pulled.lineage, pulled.serial, pulled.resources })
    local result = ann:done("state", "pull", "shop.lua")
    assert.are.same(document, json.decode(result.stdout))
    assert.matches("not sealed.-only fingerprints", result.stderr)

    local pushed = ann:answer("state", "push", "--json", "shop.lua", "state.json")
    assert.are.equal(document.serial + 1, pushed.serial)
    assert.matches("older than the present one", refused("INFRA_001", "state", "push", "shop.lua", "state.json"))
    document.serial, document.lineage = 1000, core.uuid()
    ann:write("foreign.json", json.encode(document))
    assert.matches("its lineage is another", refused("INFRA_001", "state", "push", "shop.lua", "foreign.json"))
    assert.matches("is not JSON", refused("INFRA_001", "state", "push", "shop.lua", "shop.lua"))
    ann:done("state", "push", "--force", "shop.lua", "state.json")
    ann:done("plan", "--exit-code", "--set", "scale=4", "--set", "renamed=main", "shop.lua")
  end)

  it("forgets a resource only when asked twice, and leaves it where it is", function()
    local before = ann.emulator:objects()
    assert.matches("add %-%-yes", refused("INFRA_001", "state", "rm", "shop.lua", "container.app"))
    local result = ann:done("state", "rm", "--yes", "shop.lua", "container.app")
    assert.matches("Forgot container%.app", result.stdout)
    assert.matches("still declares container%.app", result.stderr)
    assert.is_nil(ann:done("state", "list", "shop.lua").stdout:find("container.app", 1, true))
    local after = ann.emulator:objects()
    assert.are.equal(before.container, after.container)
  end)

  it("keeps as many deployments as the stack says", function()
    local all = ann:deployments("shop.lua")
    assert.are.equal(6, #all)
    assert.are.equal("scwlua state rm", all[1].command)
    assert.matches("has no deployment", refused("INFRA_004", "state", "list", "--at", first, "shop.lua"))
  end)
end)
