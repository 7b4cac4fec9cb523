local core = require "core"

describe("s3", function()
  local function request(changes)
    local options = { endpoint = "http://127.0.0.1:1", region = "fr-par", bucket = "box", access_key = "A", secret_key = "hunter2" }
    for name, value in pairs(changes) do options[name] = value end
    return core.s3(options)
  end

  it("says that nothing was sent when nobody listens, and no secret", function()
    local answer, err = request { path_style = true }
    assert.is_nil(answer)
    assert.are.equal("connect", err.kind)
    assert.is_false(err.sent)
    assert.is_nil(err.message:find("hunter2", 1, true))
  end)

  it("refuses endpoints and buckets that cannot be", function()
    for _, changes in ipairs { { endpoint = "127.0.0.1" }, { bucket = "a/b" }, { bucket = "" } } do
      local answer, err = request(changes)
      assert.is_nil(answer)
      assert.are.equal("invalid", err.kind)
      assert.is_false(err.sent)
    end
  end)
end)
