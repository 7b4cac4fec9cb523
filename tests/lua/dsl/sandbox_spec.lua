local project = dofile "tests/lua/dsl/project.lua"

local function refused(lines, pattern, options)
  local made, err = project.build(lines, options)
  assert(not made, lines .. " was accepted")
  assert.matches(pattern, table.concat(project.problems(err), "\n"))
  return err
end

local function input_of(lines)
  local made, err = project.build(lines)
  assert(made, err and table.concat(project.problems(err), "\n"))
  return made.declarations[1].fields.input
end

describe("the sandbox", function()
  it("has no way out, and says what to use instead", function()
    local names = "os io debug package load loadstring dofile loadfile collectgarbage rawset rawget _G"
    for name in names:gmatch("%S+") do
      local err = refused("local x = " .. name, "a stack has no `" .. name .. "`")
      assert.are.equal("stacks/test.lua:3", err.source)
      assert.is_string(err.hint)
    end
    assert.matches("scw.env", refused("local t = os.time()", "no `os`").hint, 1, true)
    refused("local x = require 'core'", "cannot require 'core'")
    refused("local x = require 'modules../../etc'", "cannot require")
    assert.matches("generated_secret", refused("local x = math.random()", "a stack has no `math.random`").hint, 1, true)
    refused("math.randomseed(1)", "a stack has no `math.randomseed`")
    refused("local x = ('').dump(print)", "attempt to call a nil value")
    refused("string.dump(print)", "a stack has no `string.dump`")
    for code, message in pairs {
      ["string.upper(ref)"] = "bad argument #1 to 'upper'", ["for i = 1, ref do print(i) end"] = "'for' limit",
      ["math.floor(ref)"] = "'floor'",
    } do
      local err = refused('local ref = stack:value("v", {}).output ' .. code, message)
      assert.matches("ref:map", err.hint, 1, true)
      assert.are.equal("stacks/test.lua:3", err.source)
    end
  end)

  it("keeps the engine's tables out of reach", function()
    local made = assert(project.build [[
local ref = stack:value("v", {}).output
local function reach(value) return getmetatable(value) ~= nil end
stack:value("x", { input = { reach(""), reach(stack), reach(ref), reach(scw), reach(_ENV), reach(string),
  (pcall(setmetatable, ref, {})), (pcall(setmetatable, stack, {})), (pcall(setmetatable, "", {})),
  (pcall(function() string.rep = print end)), (pcall(function() stack.use = print end)), (pcall(function() scw.env = print end)) } })]])
    for i, reached in ipairs(made.declarations[2].fields.input) do assert.is_false(reached, "case " .. i) end
  end)

  it("lets code have metatables, coroutines, errors of its own", function()
    assert.are.same({ 3, 1, 2, false, "stacks/test.lua" }, input_of [[
local point = setmetatable({ x = 1 }, { __add = function(a, b) return a.x + b end })
local numbers = {}
for n in coroutine.wrap(function() coroutine.yield(1) coroutine.yield(2) end) do numbers[#numbers + 1] = n end
local ok, reason = pcall(function() error("x") end)
stack:value("v", { input = { point + 2, numbers[1], numbers[2], ok, reason:match("stacks/test.lua") } })]])
    refused("coroutine.yield()", "outside of a coroutine")
    refused("setmetatable({}, { __gc = function() end })", "no __gc")
  end)

  it("orders what Lua leaves unordered", function()
    assert.are.same({ 1, 2, "a", "b", "c" }, input_of [[
local keys = {}
for key in pairs { "x", "y", c = 1, a = 2, b = 3 } do keys[#keys + 1] = tostring(key) end
stack:value("v", { input = { 1, 2, keys[3], keys[4], keys[5] } })]])
    assert.are.same({ "b1", "a1", "c1", "a2", "b2" }, input_of [[
local list = { "b1", "a2", "a1", "b2", "c1" }
table.sort(list, function(x, y) return x:sub(2) < y:sub(2) end)
stack:value("v", { input = list })]])
    refused("for key in pairs { [{}] = 1 } do print(key) end", "no order")
    refused('for key in pairs { [stack:value("v", {})] = 1 } do print(key) end', "a reference is a key")
  end)

  it("gives texts without addresses", function()
    assert.are.same({ "table", "function", "table function" }, input_of [[
stack:value("v", { input = { tostring({}), tostring(print), ("%s %s"):format({}, print) } })]])
    refused("local x = ('%p'):format({})", "addresses differ")
  end)

  it("names unknown and undeclared names with their line", function()
    local err = refused("local x = pirnt", "'pirnt' is not defined")
    assert.matches("print", err.hint, 1, true)
    refused("x = 1", "'x' is set without being declared")
    refused("print = 1", "belongs to the language")
  end)

  it("says what to use for references where Lua cannot", function()
    local err = refused([[local x = table.concat({ "a", stack:value("v", {}).output }, ",")]], "element 2 is a reference")
    assert.matches("scw.join", err.hint, 1, true)
    refused([[for i, v in ipairs(stack:value("v", {}).output) do print(i, v) end]], "cannot iterate")
    refused([[print(next(stack:value("v", {}).output))]], "cannot iterate")
    refused([[print(stack:value("v", {}).output)]], "cannot make a text")
    refused([[local x = string.rep(stack:value("v", {}).output, 2)]], "reference")
  end)

  describe("ends", function()
    local limited = function(lines, pattern)
      local err = refused(lines, pattern, { limits = { instructions = 20000000, memory = 16 * 1024 * 1024, seconds = 5 } })
      assert.are.equal("INFRA_002", err.code)
    end
    it("loops without end, with their line", function()
      limited("while true do end", "instruction ceiling reached")
      assert.are.equal("stacks/test.lua:3", (refused("while true do end", "instruction", { limits = { instructions = 100000 } })).source)
    end)
    it("loops that catch errors", function() limited("while true do pcall(error) end", "ceiling reached") end)
    it("loops in coroutines", function() limited("coroutine.wrap(function() while true do end end)()", "instruction") end)
    it("memory without end", function() limited('local s = "x" while true do s = s .. s end', "memory") end)
    it("tables without end", function() limited("local t = {} while true do t[#t + 1] = { t } end", "memory") end)
    it("patterns without end", function()
      limited('local x = ("a"):rep(5000):find((".-"):rep(10) .. "b")', "repetitions")
      limited('local x = string.rep("x", 1000000000)', "string.rep")
      limited('local x = ("").rep("", 1 << 60)', "string.rep")
    end)
    it("library calls without end", function()
      refused("table.move({}, 1, 1 << 50, 2)", "too many")
      refused("table.insert(setmetatable({}, { __len = function() return 1 << 50 end }), 1, 1)", "too long")
    end)
  end)

  it("is open again for the next stack after a ceiling was reached", function()
    project.build("while true do end", { limits = { instructions = 100000 } })
    assert.are.equal(1, input_of 'stack:value("v", { input = 1 })')
  end)
end)
