local core = require "core"

local program = os.getenv("SCWLUA_PROGRAM")

--- Runs Lua code as the program itself, with something on its standard input. Its $MARK is a file that is not there yet.
local function run(code, before, after)
  local tree = os.tmpname()
  os.remove(tree)
  assert(core.directory_create(tree .. "/lua/scw"))
  core.file_write(tree .. "/lua/scw/main.lua", "local core = require 'core' return { run = function() " .. code .. " return 0 end }")
  local line = ("export MARK=%s/mark; %s SCWLUA_SOURCE=%s %s %s"):format(tree, before or "", tree, program, after or "")
  local result = assert(core.exec { argv = { "sh", "-c", line }, timeout_ms = 60000 })
  for _, path in ipairs { "/lua/scw/main.lua", "/mark" } do core.file_remove(tree .. path) end
  for _, path in ipairs { "/lua/scw", "/lua", "" } do core.directory_remove(tree .. path) end
  return result
end

--- What stands on the standard input from the moment on that the program has made its mark.
local UNTIL_MARKED = '(until test -e "$MARK"; do sleep 0.01; done; printf two) |'

local ASK = [[
  local ticker = core.spawn(function()
    for _ = 1, 5 do if not core.sleep(1) then return end end
    core.file_write(os.getenv("MARK"), "")
  end)
  for _ = 1, 3 do
    local line, err = core.read_line("? ", { hidden = true })
    core.write("stdout", line and "<" .. line .. ">" or err.kind)
  end
  ticker:cancel()
]]

describe("read_line", function()
  if not program then
    pending("needs SCWLUA_PROGRAM, the built program")
    return
  end

  it("reads a pipe while other tasks go on", function()
    local result = run(ASK, (UNTIL_MARKED:gsub("^%(", "(echo one; ")))
    assert.are.equal("<one><two>not_found", result.stdout)
    assert.are.equal("? ? ? ", result.stderr)
  end)

  it("reads a file", function()
    local path = os.tmpname()
    core.file_write(path, "one\ntwo\nthree\n")
    assert.are.equal("<one><two><three>", run(ASK, nil, "< " .. path).stdout)
    os.remove(path)
  end)

  it("can be cancelled", function()
    local code = [[
      local task = core.spawn(core.read_line, "?")
      core.sleep(20)
      task:cancel()
      local _, line, err = task:join()
      core.write("stdout", tostring(line) .. " " .. err.kind)
      core.file_write(os.getenv("MARK"), "")
    ]]
    assert.are.equal("nil cancelled", run(code, UNTIL_MARKED).stdout)
  end)

  it("serves one task at a time", function()
    local code = [[
      local first = core.spawn(core.read_line)
      core.sleep(20)
      local line, err = core.read_line()
      core.file_write(os.getenv("MARK"), "")
      core.write("stdout", tostring(line) .. " " .. err.kind .. " " .. select(2, first:join()))
    ]]
    assert.are.equal("nil locked two", run(code, UNTIL_MARKED).stdout)
  end)
end)

describe("the terminal", function()
  it("has facts", function()
    local facts = core.terminal()
    assert.is_boolean(facts.input)
    assert.is_true(facts.columns > 0)
  end)

  it("is written to by name", function()
    assert.has_error(function() core.write("nowhere", "x") end)
    assert.is_true(core.write("stdout", ""))
  end)
end)
