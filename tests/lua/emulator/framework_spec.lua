local caller = require "tests.lua.emulator.caller"
local clock = require "scw.emulator.clock"
local core = require "core"
local faults = require "scw.emulator.faults"
local json = require "scw.json"
local listing = require "scw.emulator.listing"
local router = require "scw.emulator.router"
local store = require "scw.emulator.store"

local PROJECTS = "/account/v3/projects"

describe("the router", function()
  it("prefers texts to parameters, and goes back when that leads nowhere", function()
    local routes = router.new()
    routes:add("GET", "/a/{id}/c", "parameter")
    routes:add("GET", "/a/b", "text")
    assert.are.equal("text", routes:find("GET", "/a/b").handler)
    local route, parameters = routes:find("GET", "/a/b/c")
    assert.are.equal("parameter", route.handler)
    assert.are.same({ id = "b" }, parameters)
    assert.is_nil(routes:find("POST", "/a/b"))
    assert.is_nil(routes:find("GET", "/a"))
  end)

  it("decodes parameters and queries", function()
    local routes = router.new()
    routes:add("GET", "/x/{name}", "x")
    local _, parameters = routes:find("GET", "/x/a%2Fb%20c")
    assert.are.same({ name = "a/b c" }, parameters)
    assert.are.same({ a = "1 2", tags = { "x", "y", "z" }, c = "" }, router.query("a=1+2&tags=x&tags=y&tags=z&c&a=3"))
  end)
end)

describe("the clock", function()
  it("runs as fast as it is told", function()
    local fast = clock.new(1000)
    local before = fast:now()
    core.sleep(50) -- ten times what is asked for: timers are not exact
    assert.is_true(fast:now() - before >= 5)
    local instant = clock.new("instant")
    assert.is_true(instant:after(3600) - instant:now() < 1)
  end)

  it("never shows a time before what was stored", function()
    local late = clock.new(1)
    late:not_before(core.now() + 1000)
    assert.is_true(late:now() >= core.now() + 999)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ$", late:timestamp())
  end)
end)

describe("the store", function()
  it("finds records by value, in the order they were made, and forgets what was removed", function()
    local things = store.open():collection("things")
    for i = 1, 200 do things:put { id = "t" .. i, body = { parent = i % 2 == 0 and "even" or "odd" } } end
    local ids = {}
    for _, record in ipairs(things:by("parent", "even")) do ids[#ids + 1] = record.id end
    assert.are.equal(100, #ids)
    assert.are.equal("t2", ids[1])
    for i = 1, 190 do things:remove("t" .. i) end
    local moved = things:get("t191")
    moved.body.parent = "even"
    things:put(moved)
    assert.are.equal(6, #things:by("parent", "even"))
    local seen = {}
    for record in things:each() do seen[#seen + 1] = record.id end
    assert.are.equal(10, #seen)
    assert.are.equal("t191", seen[1])
  end)

  it("keeps everything in a file, and nothing that was reset", function()
    local path = os.tmpname()
    local first = assert(store.open(path))
    local things = first:collection("things")
    things:put { id = "a", body = { list = json.array {}, none = json.null, map = {}, number = 9007199254740993 } }
    things:put { id = "b", body = {} }
    things:remove("b")
    first:close()
    local second = assert(store.open(path))
    local record = second:collection("things"):get("a")
    assert.are.equal('{"list":[],"map":{},"none":null,"number":9007199254740993}', json.encode(record.body))
    assert.is_nil(second:collection("things"):get("b"))
    second:reset()
    second:close()
    local third = assert(store.open(path))
    assert.is_nil(third:collection("things"):get("a"))
    third:close()
    os.remove(path)
  end)
end)

describe("faults", function()
  it("hit what fits, after what is skipped, as often as told", function()
    local some = assert(faults.new { { method = "POST", path = "/rdb/", status = 503, skip = 1, count = 2 } })
    assert.is_nil(some:hit("api", "GET", "/rdb/v1"))
    local hits = {}
    for i = 1, 5 do hits[i] = some:hit("api", "POST", "/rdb/v1") ~= nil end
    assert.are.same({ false, true, true, false, false }, hits)
  end)

  it("repeat a run for the same seed", function()
    local function run(seed)
      local some = assert(faults.new { seed = seed, rules = { { probability = 0.5 } } })
      local hits = {}
      for i = 1, 64 do hits[i] = some:hit("api", "GET", "/") and "x" or "." end
      return table.concat(hits)
    end
    assert.are.equal(run(7), run(7))
    assert.are_not.equal(run(7), run(8))
    local _, count = run(7):gsub("x", "")
    assert.is_true(count > 16 and count < 48)
  end)

  it("refuse rules that say nothing sensible", function()
    for _, rules in ipairs { { { stat = 1 } }, { { status = "x" } }, { { path = "[" } }, { { drop = "now" } }, { a = 1 },
      json.null, "x", { rules = json.null }, { { status = 503.5 } }, { { retry_after = 1.5 } }, { { delay_ms = -5 } },
      { { delay_ms = 1000000000000 } } } do
      local some, problem = faults.new(rules)
      assert.is_nil(some)
      assert.is_string(problem)
    end
  end)

  it("take every pattern that works, and none that fails on some path", function()
    for _, good in ipairs { "", "/containers$", "^/rdb/", "[]]", "[^]a]", "[%]]", "%[x", "%f[%w]a", "%b()", "(a)(b)", "a-b*c?", "%%",
      "[a-z]+" } do
      assert.is_truthy(faults.new { { path = good } }, good)
    end
    for _, bad in ipairs { "a[", "a[]", "a[^", "a[%", "a[%]", "a%", "a%b", "a%bx", "a%f", "a%fx", "(a", "a)", "a(b))", "a%1" } do
      assert.is_nil((faults.new { { path = bad } }), bad)
    end
    math.randomseed(7)
    local marks = { "[", "]", "^", "%", "a", "b", "f", "(", ")", "-", "1", "*" }
    for _ = 1, 20000 do
      local text = {}
      for i = 1, math.random(6) do text[i] = marks[math.random(#marks)] end
      local some = faults.new { { path = table.concat(text) } }
      if some then
        for _, path in ipairs { "ab", "a[b]%f(1)^-", "]]]a" } do some:hit("api", "GET", path) end -- raises when it is none
      end
    end
  end)
end)

describe("the emulator", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("wants a known secret key", function()
    local status, body = call("GET", PROJECTS, nil, {})
    assert.are.equal(401, status)
    assert.are.equal("denied_authentication", body.type)
    status, body = call("GET", PROJECTS, nil, { ["x-auth-token"] = core.uuid() })
    assert.are.equal(401, status)
    assert.are.equal("not_found", body.reason)
  end)

  it("says what it does not have", function()
    local status, body = call("GET", "/no/such/thing")
    assert.are.equal(501, status)
    assert.matches("GET /no/such/thing", body.message)
  end)

  it("refuses bodies that are wrong, naming the argument", function()
    local status, body = call("POST", PROJECTS, { description = 7 })
    assert.are.equal(400, status)
    assert.are.equal("invalid_arguments", body.type)
    assert.are.same({ { argument_name = "description", reason = "format", help_message = "has the wrong type" },
      { argument_name = "name", reason = "required", help_message = "is required" } }, body.details)
  end)

  it("lists in pages, filtered and sorted", function()
    for i = 1, 25 do call("POST", PROJECTS, { name = ("p%02d"):format(i) }) end
    local _, first = call("GET", PROJECTS .. "?name=p")
    assert.are.equal(25, first.total_count)
    assert.are.equal(20, #first.projects)
    local _, second = call("GET", PROJECTS .. "?name=p&page=2&page_size=20")
    assert.are.equal(5, #second.projects)
    local _, last = call("GET", PROJECTS .. "?name=p&order_by=name_desc&page_size=1")
    assert.are.equal("p25", last.projects[1].name)
    assert.are.equal(400, (call("GET", PROJECTS .. "?page=x")))
  end)

  it("counts calls and the objects that users made", function()
    local _, made = call("POST", PROJECTS, { name = "one" })
    call("GET", PROJECTS .. "/" .. made.id)
    local stats = emulator:stats()
    assert.are.equal(1, stats.requests["GET /account/v3/projects/{id}"])
    assert.are.same({ account_project = 1 }, stats.objects)
    call("DELETE", PROJECTS .. "/" .. made.id)
    assert.are.same({}, emulator:stats().objects)
  end)

  it("refuses what is no text instead of failing to tell it", function()
    assert.are.equal(400, (call("GET", PROJECTS .. "/%FF")))
    assert.are.equal(400, (call("GET", PROJECTS .. "?name=%C3")))
    assert.are.equal(400, (call("\255", PROJECTS)))
    assert.are.equal(200, (call("GET", PROJECTS .. "?name=%C3%A9")))
    assert.are.equal(1, emulator:stats().requests["GET " .. PROJECTS])
  end)

  it("forgets everything at a reset but its keys", function()
    call("POST", PROJECTS, { name = "one" })
    emulator:reset()
    emulator.s3:handle { method = "GET", path = "/", query = "", headers = {}, body = "" }
    assert.are.same({ ["GET /"] = 1 }, emulator:stats().requests)
    emulator:reset()
    assert.are.same({ requests = {}, objects = {} }, emulator:stats())
    assert.are.equal(200, (call("GET", PROJECTS)))
  end)

  it("keeps objects and keys in a file", function()
    local path = os.tmpname()
    local first, first_call = caller.new { data = path, speed = 10 }
    local _, made = first_call("POST", PROJECTS, { name = "kept" })
    first:close()
    local second, second_call = caller.new { data = path }
    assert.are.equal(first.credentials.own.secret_key, second.credentials.own.secret_key)
    local status, body = second_call("GET", PROJECTS .. "/" .. made.id)
    assert.are.equal(200, status)
    assert.are.equal("kept", body.name)
    assert.is_true(second.clock:timestamp() >= body.created_at)
    second:close()
    os.remove(path)
  end)

  it("refuses a file of another version instead of misreading it", function()
    local path = os.tmpname()
    caller.new({ data = path }):close()
    local database = assert(core.store(path))
    assert(database:run("PRAGMA user_version = 99"))
    database:close()
    local made, err = require("scw.emulator").new { data = path }
    assert.is_nil(made)
    assert.matches("another version", err.message)
    os.remove(path)
  end)
end)

describe("lists", function()
  it("show what changed between two pages", function()
    local _, call = caller.new()
    local ids = {}
    for i = 1, 4 do
      local _, made = call("POST", PROJECTS, { name = "p" .. i })
      ids[i] = made.id
    end
    local function names(query)
      local _, body = call("GET", PROJECTS .. "?name=p&order_by=name_asc" .. query)
      local found = {}
      for index, project in ipairs(body.projects) do found[index] = project.name end
      return table.concat(found, " ")
    end
    assert.are.equal("p1 p2", names "&page_size=2")
    assert.are.equal("p3 p4", names "&page_size=2&page=2")
    call("PATCH", PROJECTS .. "/" .. ids[4], { name = "p0" })
    assert.are.equal("p2 p3", names "&page_size=2&page=2")
    call("DELETE", PROJECTS .. "/" .. ids[1])
    assert.are.equal("p0 p2 p3", names "")
    assert.are.equal("", names "&page=3&page_size=2")
  end)

  it("take names that are given twice", function()
    local _, call = caller.new()
    call("POST", PROJECTS, { name = "pa" })
    local status, body = call("GET", PROJECTS .. "?name=pa&name=b&order_by=name_asc&order_by=x")
    assert.are.equal(200, status)
    assert.are.equal(1, body.total_count)
  end)

  it("have an order also where only some records have the value", function()
    local records = {}
    for i = 1, 60 do
      local value = i % 7
      records[i] = { sequence = i, body = { title = value > 4 and "t" .. value or value > 2 and value or value == 1 and {} or nil } }
    end
    for _, order in ipairs { "title_asc", "title_desc" } do
      local at = 0
      local found = listing.select(function()
        at = at + 1
        return records[at]
      end, { order_by = order })
      local shown = {}
      for i, record in ipairs(found) do
        local title = record.body.title
        shown[i] = type(title) == "number" and "0" .. title or type(title) == "string" and title or "1"
      end
      local sorted = { table.unpack(shown) }
      table.sort(sorted, function(a, b)
        if order == "title_asc" then return a < b end
        return a > b
      end)
      assert.are.same(sorted, shown)
    end
  end)
end)
