local project = dofile "tests/lua/dsl/project.lua"

local function stack(head, lines, options)
  return project.load({ ["stacks/test.lua"] = ([[
local scw = require "scw"
return scw.stack { name = "test", %s state = scw.file { path = "x" }, build = function(stack)
%s
end }
]]):format(head, lines) }, options)
end

describe("places", function()
  it("that nobody knows warn once, and suggest what was meant", function()
    local made = assert(stack('region = "fr-parr", zone = "fr-parr-1",', [[
stack:vpc("a", { name = "a" })
stack:vpc("b", { name = "b" })
stack:vpc("c", { name = "c", region = "xx-far" })]]))
    assert.same(2, #made.warnings)
    assert.equal("unknown region fr-parr", made.warnings[1].message)
    assert.equal("did you mean 'fr-par'?", made.warnings[1].hint)
    assert.matches("stacks/test.lua:2$", made.warnings[1].source)
    assert.equal("unknown region xx-far", made.warnings[2].message)
    assert.equal("vpc.c", made.warnings[2].address)
    assert.matches("known are fr-par, ", made.warnings[2].hint, 1, true)
    made = assert(stack('zone = "fr-par-7",', ""))
    assert.equal("unknown zone fr-par-7", made.warnings[1].message)
    assert.same({}, assert(stack('region = "fr-par", zone = "fr-par-2",', "")).warnings)
  end)

  it("that are malformed are errors, from outside as well", function()
    assert.same({ "2: region must be a region such as fr-par" }, project.problems(select(2, stack('region = "paris",', ""))))
    local _, err = stack("", "", { environment = { SCW_DEFAULT_REGION = "Paris" } })
    assert.same({ "2: the default region 'Paris' is not a region such as fr-par" }, project.problems(err))
    assert(stack('region = "fr-par",', "", { environment = { SCW_DEFAULT_REGION = "Paris" } }))
  end)

  it("are the same on both ends of a reference", function()
    local _, err = stack('region = "fr-par",', [[
local vpc = stack:vpc("main", { name = "main" })
local net = stack:private_network("main", { name = "main", vpc = vpc, region = "nl-ams" })
stack:rdb_instance("main", { name = "main", engine = "PostgreSQL-16", node_type = "DB-DEV-S", backup_retention = 7,
  user_name = "admin", password = scw.secret_env "PASSWORD", endpoints = { { private_network = { network = net } } } })]],
      { environment = { PASSWORD = "Very-s3cret!" } })
    local lines = project.problems(err)
    assert.equal("4: private_network.main: vpc points to vpc.main in fr-par, but this resource is in nl-ams", lines[1])
    assert.equal("5: rdb_instance.main: endpoints[1].private_network.network points to private_network.main in nl-ams, "
      .. "but this resource is in fr-par", lines[2])
    assert.equal(2, #lines, table.concat(lines, "\n"))
  end)

  it("do not matter to texts, and not to what is everywhere", function()
    assert(stack('region = "fr-par",', [[
local vpc = stack:vpc("main", { name = "main", region = "nl-ams" })
local application = stack:iam_application("main", { name = vpc.id .. "x" })
stack:vpc("other", { name = "x" .. vpc.id })
stack:iam_api_key("main", { application = application })]]))
  end)
end)
