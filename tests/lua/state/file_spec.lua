local core = require "core"
local file = require "scw.state.file"

describe("state files", function()
  local root, backend

  before_each(function()
    root = os.tmpname()
    os.remove(root)
    backend = file.new(root)
    assert(backend:prepare())
  end)
  after_each(function() os.execute("rm -rf '" .. root .. "'") end)

  it("that are refused name the user and the directory", function()
    local genuine = { file_read = core.file_read, file_create = core.file_create, file_list = core.file_list }
    for name in pairs(genuine) do core[name] = function() return nil, { kind = "denied", message = "no" } end end
    local failures = {}
    failures[1], failures[2], failures[3] = select(2, backend:get("a")), select(2, backend:put("a", "b", { if_none_match = true })),
      select(2, backend:list("a"))
    for name, call in pairs(genuine) do core[name] = call end
    assert.equal(3, #failures)
    for _, failure in ipairs(failures) do
      assert.equal(("the user %s has to be able to read and write in %s"):format(core.host().user, root), failure.hint)
    end
  end)

  it("keep bytes, private, under directories that are made as needed", function()
    local etag = assert(backend:put("a.log/0001", "bytes \0 of any kind"))
    local bytes, same = backend:get("a.log/0001")
    assert.equal("bytes \0 of any kind", bytes)
    assert.equal(etag, same)
    assert.equal(384, core.file_stat(root .. "/a.log/0001").mode) -- 0600
    assert.equal("not_found", select(2, backend:get("b")).kind)
    assert(backend:delete("a.log/0001"))
    assert(backend:delete("a.log/0001"))
    assert.equal("not_found", select(2, backend:get("a.log/0001")).kind)
  end)

  it("are listed by prefix", function()
    for _, key in ipairs({ "x.log/2", "x.log/1", "x", "y.log/1" }) do assert(backend:put(key, key)) end
    assert.same({ "x.log/1", "x.log/2" }, backend:list("x.log/"))
    assert.same({}, backend:list("none.log/"))
    assert.same({ "x", "x.log" }, backend:list("x"))
  end)

  it("are created once and replaced only when they are what was read", function()
    local etag = assert(backend:put("a", "1", { if_none_match = true }))
    assert.equal("condition", select(2, backend:put("a", "2", { if_none_match = true })).kind)
    assert.equal("condition", select(2, backend:put("a", "2", { if_match = "else" })).kind)
    assert.equal("condition", select(2, backend:put("b", "2", { if_match = etag })).kind)
    local second = assert(backend:put("a", "2", { if_match = etag }))
    assert.equal("condition", select(2, backend:put("a", "3", { if_match = etag })).kind)
    assert.equal("2", backend:get("a"))
    assert(backend:put("a", "3", { if_match = second }))
  end)

  it("are copied while they are what was read, each a file of its own", function()
    local etag = assert(backend:put("a.state", "one"))
    assert.is_true(backend:copy("a.state", "a.state.history/1", etag))
    assert.equal("one", backend:get("a.state.history/1"))
    assert.equal(384, core.file_stat(root .. "/a.state.history/1").mode)
    local inside = assert(io.open(root .. "/a.state", "r+")) -- as an editor does, or a disk that goes bad
    inside:write("X")
    inside:close()
    assert.equal("Xne", backend:get("a.state"))
    assert.equal("one", backend:get("a.state.history/1"))
    assert.equal("condition", select(2, backend:copy("a.state", "a.state.history/1", etag)).kind)
    assert.equal("condition", select(2, backend:copy("b.state", "a.state.history/1", etag)).kind)
    assert.equal("one", backend:get("a.state.history/1"))
    assert.is_true(backend:copy("a.state", "a.state.history/1", backend:etag_of("Xne")))
    assert.equal("Xne", backend:get("a.state.history/1"))
  end)

  it("let one of many writers win", function()
    local etag = assert(backend:put("a", "0"))
    local wins, tasks = 0, {}
    for i = 1, 20 do
      tasks[i] = core.spawn(function()
        if backend:put("a", "writer " .. i, { if_match = etag }) then wins = wins + 1 end
      end)
    end
    for _, task in ipairs(tasks) do assert(task:join()) end
    assert.equal(1, wins)
  end)

  it("are found by a path", function()
    local at, name = file.at("some/where/x.state")
    assert.equal("some/where", at.directory)
    assert.equal("x.state", name)
    at, name = file.at("x.state")
    assert.equal(".", at.directory)
    assert.equal("x.state", name)
    assert.equal("x.state", at:describe(name))
  end)

  it("say why when nothing can be written", function()
    assert(core.file_write(root .. "/plain", "a file"))
    local etag, failure = backend:put("plain/below", "x")
    assert.is_nil(etag)
    assert.is_string(failure.message)
  end)
end)
