local core = require "core"

describe("the environment", function()
  it("has every variable", function()
    assert.are.equal(os.getenv("PATH"), core.environment().PATH)
  end)

  it("is that of a process on a machine", function()
    local host = core.host()
    assert.is_true(#host.name > 0 and #host.user > 0)
    assert.are.equal(host.pid, tonumber(core.file_read("/proc/self/stat"):match("^%d+")))
  end)
end)
