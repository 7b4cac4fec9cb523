local args = require "scw.cli.args"
local commands = require "scw.cli.commands"

local function failure(...)
  local command, err = args.parse({ ... })
  assert.is_nil(command)
  assert.are.equal("INFRA_001", err.code)
  return err.message .. "; " .. err.hint
end

describe("the command line", function()
  it("gives the command and its values", function()
    local command, values = args.parse({
      "apply", "stacks/a.lua", "--yes",
      "--target", "db", "--target=web/container.app", "--set", "size=3", "--set", "url=a=b", "--parallel", "4", "--lock-wait", "1h30m",
    })
    assert.are.equal("apply", command.name)
    assert.are.equal("stacks/a.lua", values.stack)
    assert.is_true(values.yes)
    assert.are.same({ "db", "web/container.app" }, values.target)
    assert.are.same({ { name = "size", value = "3" }, { name = "url", value = "a=b" } }, values.set)
    assert.are.equal(4, values.parallel)
    assert.are.equal(5400, values.lock_wait)
    assert.is_falsy(values.no_refresh)
  end)

  it("takes options before and behind arguments, and a flag twice", function()
    local _, values = args.parse({ "plan", "--json", "--no-refresh", "s.lua", "--exit-code", "--json" })
    assert.is_true(values.json)
    assert.is_true(values.no_refresh)
    assert.is_true(values.exit_code)
  end)

  it("reads commands of two words", function()
    local command, values = args.parse({ "state", "show", "s.lua", "db/rdb_instance.main" })
    assert.are.equal("state show", command.name)
    assert.are.equal("db/rdb_instance.main", values.address)
  end)

  it("shows help without any words, and where --help stands", function()
    assert.are.equal("help", args.parse({}).name)
    local command, values = args.parse({ "state", "list", "--help" })
    assert.are.equal("help", command.name)
    assert.are.same({ topic = "state", subtopic = "list" }, values)
    assert.are.equal("help", args.parse({ "apply", "-h", "--nonsense" }).name)
    assert.are.equal("version", args.parse({ "--version" }).name)
  end)

  it("names the nearest command, subcommand and option", function()
    assert.are.equal("there is no command 'paln'; did you mean 'plan'?; see 'scwlua help'", failure("paln"))
    assert.are.equal("there is no command 'state lst'; did you mean 'list'?; see 'scwlua help state'", failure("state", "lst"))
    assert.are.equal("plan has no option '--tarcet'; did you mean '--target'?; see 'scwlua help plan'",
      failure("plan", "s.lua", "--tarcet=db"))
    assert.are.equal("there is no command 'frobnicate'; see 'scwlua help'", failure("frobnicate"))
  end)

  it("explains every other wrong usage in one sentence", function()
    assert.are.equal("plan needs STACK; see 'scwlua help plan'", failure("plan"))
    assert.are.equal("plan: STACK is empty; see 'scwlua help plan'", failure("plan", ""))
    assert.are.equal("plan: --out is empty; see 'scwlua help plan'", failure("plan", "--out", "", "a.lua"))
    assert.are.equal("plan: --target is empty; see 'scwlua help plan'", failure("plan", "--target", "a", "--target=", "a.lua"))
    assert.are.equal("plan got too many arguments; see 'scwlua help plan'", failure("plan", "a.lua", "b.lua"))
    assert.matches("^plan: option '%-%-target' requires an argument; ", failure("plan", "a.lua", "--target"))
    assert.matches("^plan: option '%-%-json' does not take arguments; ", failure("plan", "a.lua", "--json=3"))
    assert.matches("^plan: %-%-set needs name=value, got 'x'; ", failure("plan", "a.lua", "--set", "x"))
    assert.matches("^apply: %-%-lock%-wait needs a duration such as 90s or 10m, got '5'; ", failure("apply", "a.lua", "--lock-wait", "5"))
    assert.matches("^apply: %-%-parallel needs a whole number of at least 1, got '0'; ", failure("apply", "a.lua", "--parallel", "0"))
    assert.matches("^emulator: %-%-speed needs a number above 0, got '%-1'; ", failure("emulator", "--speed=-1"))
    assert.matches("^options come behind the command, got '%-%-json' first; ", failure("--json", "plan"))
    assert.matches("^state needs a second word; state diff, state history, state list, state mv, state pull, .*; see ", failure("state"))
  end)

  it("takes no percent sign for a format", function()
    assert.are.equal("plan has no option '--%s%d'; see 'scwlua help plan'", failure("plan", "--%s%d"))
    assert.matches("100%%s", failure("plan", "a.lua", "--set", "100%s"))
  end)
end)

describe("every command", function()
  local function each(visit)
    local function walk(command)
      visit(command)
      for _, below in ipairs(commands.below(command)) do walk(below) end
    end
    for _, name in ipairs(commands.names()) do walk(commands.get(name)) end
  end

  it("has a summary, help words for all it takes, and something to do", function()
    each(function(command)
      assert.is_string(command.name)
      assert.matches("%.$", command.summary)
      assert.is_true(command.run ~= nil or command.commands ~= nil, command.name)
      for _, argument in ipairs(command.arguments or {}) do assert.matches("%.$", argument.doc) end
      for _, option in ipairs(args.options(command)) do
        assert.matches("^%-%-[a-z][a-z0-9-]+$", option.name)
        assert.matches("[.)]$", option.doc)
      end
    end)
  end)

  it("has examples that parse", function()
    each(function(command)
      for _, example in ipairs(command.examples or {}) do
        local line, words = example[1]:match("scwlua (.*)$"):gsub("[()]", ""), {}
        for word in line:gmatch("%S+") do words[#words + 1] = word end
        local found, err = args.parse(words)
        assert.is_truthy(found, ("%s: %s"):format(example[1], tostring(err)))
        assert.are.equal(command.name, found.name)
      end
    end)
  end)
end)
