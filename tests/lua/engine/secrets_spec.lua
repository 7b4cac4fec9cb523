local cloud = require "tests.lua.engine.cloud"
local core = require "core"
local json = require "scw.json"
local reference = require "scw.dsl.reference"

-- Everything that leaves the engine, searched for every secret that went through it.

local GIVEN = { "hunter2-password", "map-secret-one", "map-secret-two", "from-the-environment" }

local function stack(changed)
  return cloud.stack(function(declare, output)
    local owner = declare("server", "owner", { name = "owner", password = GIVEN[1] })
    declare("server", "user", {
      name = "user", password = "derived of " .. owner.token, secrets = {
        ONE = GIVEN[2], TWO = changed or GIVEN[3], URL = "https://user:" .. owner.password .. "@" .. owner.ip,
        OUTSIDE = reference.from_outside("environment variable X", GIVEN[4]), CERTIFICATE = owner.certificate,
      },
    })
    output("url", "https://" .. owner.password)
    output("ip", owner.ip)
  end)
end

local function forms(secret)
  return { secret, core.base64(secret), core.base64(secret):sub(1, -4), core.hex(secret), core.uri_encode(secret) }
end

local function check_absent(text, secrets, where)
  for _, secret in ipairs(secrets) do
    for _, form in ipairs(forms(secret)) do
      assert.is_nil(text:find(form, 1, true), ("%s contains %s"):format(where, secret))
    end
  end
end

describe("a secret", function()
  it("reaches the service and is in no plan, event, result or byte of an unsealed state", function()
    local world = cloud.world()
    local written = {}
    world.backend.on_put = function(key, bytes) written[#written + 1] = key .. " " .. bytes end
    local result, made, events = world:apply(stack())
    assert.equal("", cloud.failures(result))
    local user = world.cloud.objects["server-2"].fields
    local secrets = { table.unpack(GIVEN) }
    secrets[#secrets + 1] = "token of server-1"
    secrets[#secrets + 1] = "certificate of server-1"
    assert.equal("derived of token of server-1", user.password)
    assert.equal("https://user:hunter2-password@1.2.3.1", user.secrets.URL)
    assert.equal("from-the-environment", user.secrets.OUTSIDE)
    assert.equal("certificate of server-1", user.secrets.CERTIFICATE)

    local _, later = world:apply(stack("another-secret"))
    secrets[#secrets + 1] = "another-secret"
    assert.same({ "update server.user" }, cloud.actions(later))
    assert.equal("another-secret", user.secrets.TWO)

    assert.is_true(#written > 6)
    check_absent(table.concat(written, "\n"), secrets, "the state")
    for index, plan in ipairs({ made, later }) do
      check_absent(json.encode({ steps = plan.steps, outputs = plan.outputs, warnings = plan.warnings }), secrets, "plan " .. index)
    end
    check_absent(json.encode(events), secrets, "the events")
    check_absent(json.encode(result), secrets, "the result")
    assert.same({ { name = "ip", value = "1.2.3.1", secret = false }, { name = "url", secret = true } }, result.outputs)
  end)

  it("is not in the error of a call that failed", function()
    local world = cloud.world()
    local refused = { status = 400, kind = "invalid", message = "refused", code = "INFRA_001" }
    world.cloud.fail = function(verb) return verb == "create" and refused or nil end
    local result = world:apply(stack())
    check_absent(json.encode(result.failures), GIVEN, "the errors")
  end)

  it("cannot be told from its mark without the key, and is the same mark for the same value only at one place", function()
    local world = cloud.world()
    world:apply(cloud.stack(function(declare)
      declare("server", "a", { name = "a", password = "same", secrets = { A = "same", B = "same" } })
      declare("server", "b", { name = "b", password = "same" })
    end))
    local state, marks = world:state(), {}
    for _, record in pairs(state.resources) do
      marks[#marks + 1] = record.inputs.password["$secret"]
      for _, mark in pairs(record.inputs.secrets or {}) do marks[#marks + 1] = mark["$secret"] end
    end
    local seen = {}
    for _, mark in ipairs(marks) do
      assert.is_nil(seen[mark])
      seen[mark] = true
      assert.is_false(mark == core.hex(core.digest("sha256", "same")))
    end
    assert.equal(4, #marks)
  end)
end)
