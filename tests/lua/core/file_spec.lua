local core = require "core"

describe("files", function()
  local root

  before_each(function()
    root = os.tmpname()
    os.remove(root)
    assert(core.directory_create(root))
  end)

  after_each(function()
    for _, name in ipairs(core.file_list(root)) do assert(core.file_remove(root .. "/" .. name)) end
    assert(core.directory_remove(root))
  end)

  it("keep every byte and are private", function()
    local bytes = "a\0\255\n"
    assert.is_true(core.file_write(root .. "/a", bytes))
    assert.are.equal(bytes, core.file_read(root .. "/a"))
    local facts = core.file_stat(root .. "/a")
    assert.are.equal(4, facts.size)
    assert.are.equal(tonumber("600", 8), facts.mode)
    assert.are.equal("file", facts.kind)
    assert.is_true(math.abs(facts.mtime - core.now()) < 60)
    assert.is_true(core.file_write(root .. "/a", "", { mode = tonumber("644", 8) }))
    assert.are.equal(tonumber("644", 8), core.file_stat(root .. "/a").mode)
  end)

  it("are created only where nothing is", function()
    assert.is_true(core.file_create(root .. "/a", "1"))
    assert.are.equal("exists", select(2, core.file_create(root .. "/a", "2")).kind)
    assert.are.equal("1", core.file_read(root .. "/a"))
  end)

  it("are copied", function()
    core.file_write(root .. "/a", "1")
    assert.is_true(core.file_copy(root .. "/a", root .. "/b"))
    core.file_write(root .. "/a", "2")
    assert.are.equal("1", core.file_read(root .. "/b"))
    assert.are.equal("not_found", select(2, core.file_copy(root .. "/none", root .. "/b")).kind)
    assert.has_error(function() core.file_copy(root .. "/a", "x\0y") end)
  end)

  it("are listed in order", function()
    for _, name in ipairs { "b", "a", "c" } do core.file_write(root .. "/" .. name, "") end
    assert.are.same({ "a", "b", "c" }, core.file_list(root))
    assert.are.equal("directory", core.file_stat(root).kind)
  end)

  it("that are missing are not_found for every call", function()
    local path = root .. "/none"
    for _, call in ipairs { "file_read", "file_remove", "file_stat", "file_list" } do
      local result, err = core[call](path)
      assert.is_nil(result)
      assert.are.equal("not_found", err.kind)
      assert.matches("none: No such file", err.message)
    end
  end)

  it("have possible names", function()
    assert.has_error(function() core.file_read("a\0b") end)
    assert.has_error(function() core.file_read("") end)
  end)

  it("can be locked once at a time, to the end of a scope", function()
    local path = root .. "/lock"
    do
      local lock <close> = assert(core.file_lock(path))
      assert.is_userdata(lock)
      assert.are.equal("locked", select(2, core.file_lock(path)).kind)
    end
    local lock = assert(core.file_lock(path))
    lock:release()
    lock:release()
    assert(core.file_lock(path)):release()
  end)

  it("lose their lock with the last name of it", function()
    local path = root .. "/lock"
    do assert(core.file_lock(path)) end
    collectgarbage()
    assert(core.file_lock(path)):release()
  end)
end)
