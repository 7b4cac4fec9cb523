local core = require "core"

describe("a store", function()
  local store
  before_each(function()
    store = assert(core.store(":memory:"))
    assert(store:run("CREATE TABLE things (name TEXT PRIMARY KEY, value)"))
  end)
  after_each(function() store:close() end)

  it("gives back what was put in, exactly", function()
    local values = { 7, math.mininteger, 0.1, "text", "caf\u{e9}", "\0\255 bytes", "", true }
    for i, value in ipairs(values) do assert(store:run("INSERT INTO things VALUES (?, ?)", "n" .. i, value)) end
    assert(store:run("INSERT INTO things VALUES (?, ?)", "none", nil))
    for i, value in ipairs(values) do
      local rows = assert(store:run("SELECT value FROM things WHERE name = ?", "n" .. i))
      assert.are.same({ { value = value == true and 1 or value } }, rows)
      if value ~= true then assert.are.equal(math.type(value), math.type(rows[1].value)) end
    end
    assert.are.same({ {} }, store:run("SELECT value FROM things WHERE name = 'none'"))
  end)

  it("says what is wrong without raising", function()
    local rows, err = store:run("SELECT nothing FROM nowhere")
    assert.is_nil(rows)
    assert.are.equal("invalid", err.kind)
    store:run("INSERT INTO things VALUES ('a', 1)")
    rows, err = store:run("INSERT INTO things VALUES ('a', 1)")
    assert.is_nil(rows)
    assert.are.equal("exists", err.kind)
  end)

  it("raises for misuse", function()
    assert.has_error(function() store:run("SELECT ?", 1, 2) end)
    assert.has_error(function() store:run("SELECT ?", {}) end)
    store:close()
    assert.has_error(function() store:run("SELECT 1") end)
  end)
end)
