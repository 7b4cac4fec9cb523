local core = require "core"

local function shell(line, options)
  local request = { argv = { "sh", "-c", line } }
  for name, value in pairs(options or {}) do request[name] = value end
  return core.exec(request)
end

describe("exec", function()
  it("gives status and output", function()
    assert.are.same({ status = 3, stdout = "out\n", stderr = "err\n" }, shell "echo out; echo err >&2; exit 3")
    assert.are.equal(9, shell("kill -9 $$").signal)
  end)

  it("passes arguments as they are, input and environment", function()
    assert.are.equal("$HOME *\n", core.exec({ argv = { "echo", "$HOME *" } }).stdout)
    assert.are.equal("a\0b", core.exec({ argv = { "cat" }, input = "a\0b" }).stdout)
    assert.are.equal("1-\n", shell("echo $A-$B", { env = { A = "1", PATH = os.getenv("PATH") } }).stdout)
    assert.are.equal("/\n", shell("pwd", { directory = "/" }).stdout)
  end)

  it("ends what takes too long, and keeps its output", function()
    local start, marker = core.clock(), os.tmpname()
    os.remove(marker)
    local task = core.spawn(shell, ("echo begun; : >%s; sleep 60"):format(marker), { timeout_ms = 200 })
    core.sleep(0)
    while not core.file_stat(marker) do os.execute("sleep 0.01") end -- the loop stands still: nothing times out before
    os.remove(marker)
    local _, result, err = task:join()
    assert.is_nil(result)
    assert.are.equal("timeout", err.kind)
    assert.are.equal("begun\n", err.stdout)
    assert.is_true(core.clock() - start < 30000)
  end)

  it("limits output", function()
    assert.are.equal("limit", select(2, shell("yes", { output_limit = 100 })).kind)
  end)

  it("ends with its task", function()
    local marker = os.tmpname()
    local task = core.spawn(function() return shell(("echo $$ > %s; exec sleep 60"):format(marker)) end)
    repeat core.sleep(5) until core.file_stat(marker).size > 0
    task:cancel()
    local _, result, err = task:join()
    assert.is_nil(result)
    assert.are.equal("cancelled", err.kind)
    local pid = core.file_read(marker):match("%d+")
    for _ = 1, 3000 do
      if not core.file_stat("/proc/" .. pid) then break end
      core.sleep(10)
    end
    assert.is_nil((core.file_stat("/proc/" .. pid)))
    os.remove(marker)
  end)

  it("runs side by side", function()
    local directory = os.tmpname()
    os.remove(directory)
    assert(core.directory_create(directory))
    local all = { "1", "2", "3" } -- each ends when it has seen all of them
    local tasks = {}
    for i, name in ipairs(all) do
      tasks[i] = core.spawn(shell, (": >%s; until test -e 1 -a -e 2 -a -e 3; do sleep 0.01; done"):format(name),
        { directory = directory, timeout_ms = 30000 })
    end
    for _, task in ipairs(tasks) do
      local _, result = task:join()
      assert.are.equal(0, result and result.status)
    end
    for _, name in ipairs(all) do core.file_remove(directory .. "/" .. name) end
    core.directory_remove(directory)
  end)

  it("says what cannot run", function()
    assert.are.equal("not_found", select(2, core.exec { argv = { "/does/not/exist" } }).kind)
    assert.are.equal("denied", select(2, core.exec { argv = { "/etc/passwd" } }).kind)
    assert.has_error(function() core.exec {} end)
    assert.has_error(function() core.exec { argv = {} } end)
    assert.has_error(function() core.exec { argv = { "a\0b" } } end)
    assert.has_error(function() core.exec { argv = { "true" }, env = { ["A=B"] = "c" } } end)
  end)
end)
