local caller = require "tests.lua.emulator.caller"

local ROOT = "/iam/v1alpha1"

describe("lists", function()
  it("take several ids, as clients send them: the name once for each", function()
    local _, call = caller.new()
    local ids = {}
    for index = 1, 3 do
      local _, made = call("POST", "/iam/v1alpha1/applications", { name = "a" .. index })
      ids[index] = made.id
    end
    local function found(query)
      local _, body = call("GET", "/iam/v1alpha1/applications?" .. query)
      local names = {}
      for index, application in ipairs(body.applications) do names[index] = application.name end
      return table.concat(names, " ")
    end
    assert.are.equal("a2", found("application_ids=" .. ids[2]))
    assert.are.equal("a1 a3", found(("application_ids=%s&application_ids=%s"):format(ids[1], ids[3])))
  end)
end)

describe("IAM", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("shows the secret of a key once, and lets the key call", function()
    local _, application = call("POST", ROOT .. "/applications", { name = "a" })
    local _, key = call("POST", ROOT .. "/api-keys", { application_id = application.id })
    assert.matches("^SCW[A-Z0-9]+$", key.access_key)
    local _, read = call("GET", ROOT .. "/api-keys/" .. key.access_key)
    assert.are_not.equal(key.secret_key, read.secret_key)
    assert.is_truthy(emulator.credentials:by_secret_key(key.secret_key))
    local _, above = call("GET", ROOT .. "/applications/" .. application.id)
    assert.are.equal(1, above.nb_api_keys)
  end)

  it("takes the keys of an application along", function()
    local _, application = call("POST", ROOT .. "/applications", { name = "a" })
    local _, key = call("POST", ROOT .. "/api-keys", { application_id = application.id })
    assert.are.equal(204, (call("DELETE", ROOT .. "/applications/" .. application.id)))
    assert.are.equal(404, (call("GET", ROOT .. "/api-keys/" .. key.access_key)))
    assert.are.same({}, emulator:stats().objects)
  end)

  it("counts the rules of a policy only when it is read again, and overwrites them whole", function()
    local _, made = call("POST", ROOT .. "/policies", { name = "p", no_principal = true, rules = {
      { permission_set_names = { "ContainersReadOnly" }, project_ids = { emulator.project_id } } } })
    assert.are.equal(0, made.nb_rules)
    local _, read = call("GET", ROOT .. "/policies/" .. made.id)
    assert.are.equal(1, read.nb_rules)
    call("PUT", ROOT .. "/rules", { policy_id = made.id, rules = {
      { permission_set_names = { "IAMReadOnly" }, organization_id = emulator.organization_id } } })
    local _, rules = call("GET", ROOT .. "/rules?policy_id=" .. made.id)
    assert.are.same({ 1, "organization" }, { rules.total_count, rules.rules[1].permission_sets_scope_type })
  end)

  it("refuses a rule that mixes scopes, and a policy of two principals", function()
    local status = call("POST", ROOT .. "/policies", { name = "p", no_principal = true, rules = {
      { permission_set_names = { "IAMManager", "ContainersReadOnly" }, organization_id = emulator.organization_id } } })
    assert.are.equal(400, status)
    assert.are.equal(400, (call("POST", ROOT .. "/policies", { name = "p", no_principal = true, user_id = "x", rules = {} })))
  end)
end)
