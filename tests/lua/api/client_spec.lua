local core = require "core"
local client = require "scw.api.client"
local errors = require "scw.errors"
local service = require "tests.lua.api.service"

local SECRET = "11111111-2222-3333-4444-555555555555"
local JSON = { ["content-type"] = "application/json" }

local running

local function start(handler, options)
  running = service.start(handler)
  local all = { credentials = { api_url = running.url, secret_key = SECRET, region = "fr-par" }, time_scale = 0.001 }
  for name, value in pairs(options or {}) do all[name] = value end
  return client.new(all)
end

after_each(function()
  if running then running.close() end
  running = nil
end)

local function shown(err)
  return table.concat({ err.message, err.hint or "", table.concat(err.details, "\n") }, "\n")
end

describe("the API client", function()
  it("sends a token, a user agent, a sorted query and JSON", function()
    local api = start(function() return 200, JSON, '{"id":"x","size":3}' end)
    local answer, response = api:call {
      method = "POST", path = "/rdb/v1/regions/fr-par/instances", body = { b = 1, a = {} },
      query = { tags = { "x", "y&z" }, page = 1, flag = true },
    }
    assert.are.equal("x", answer.id)
    assert.are.equal(200, response.status)
    local request = running.requests[1]
    assert.are.equal("POST", request.method)
    assert.are.equal("/rdb/v1/regions/fr-par/instances", request.path)
    assert.are.equal("flag=true&page=1&tags=x&tags=y%26z", request.query)
    assert.are.equal('{"a":{},"b":1}', request.body)
    assert.are.equal(SECRET, request.headers["x-auth-token"])
    assert.are.equal("application/json", request.headers["content-type"])
    assert.matches("^scwlua/%d+%.%d+%.%d+ %(%l+; [%w_]+%)$", request.headers["user-agent"])
  end)

  it("sends an empty object with an action, nothing with a read", function()
    local api = start(function() return 204 end)
    assert.are.same({}, api:call { method = "POST", path = "/x/v1/y/restart" })
    api:call { method = "GET", path = "/x/v1/y" }
    assert.are.equal("{}", running.requests[1].body)
    assert.are.equal("", running.requests[2].body or "")
    assert.is_nil(running.requests[2].headers["content-type"])
  end)

  it("repeats reads after 5xx, 429 and dropped connections", function()
    local retries = {}
    local api = start(service.sequence("drop", { 503 }, { 429 }, { 500, JSON, '{"message":"x"}' }, { 200, JSON, '{"ok":true}' }),
      { on_retry = function(event) retries[#retries + 1] = event.attempt end })
    assert.is_true(api:call({ method = "GET", path = "/x/v1/y" }).ok)
    assert.are.equal(5, #running.requests)
    assert.are.same({ 1, 2, 3, 4 }, retries)
  end)

  it("gives up after five retries", function()
    local api = start(service.sequence({ 503, JSON, '{"message":"down"}' }))
    local answer, err = api:call { method = "GET", path = "/x/v1/y" }
    assert.is_nil(answer)
    assert.are.equal(6, #running.requests)
    assert.are.equal(503, err.status)
    assert.are.equal("INFRA_010", err.code)
    assert.are.equal(6, err.attempts)
  end)

  it("never repeats a creation that may have happened", function()
    for _, outcome in ipairs { "drop", { 500 }, { 502 }, { 504 } } do
      local api = start(service.sequence(outcome, { 200, JSON, "{}" }))
      local answer, err = api:call { method = "POST", path = "/x/v1/y", body = {} }
      assert.is_nil(answer)
      assert.are.equal(1, #running.requests)
      assert.is_true(err.uncertain)
      assert.is_true(err.sent)
      running.close()
    end
  end)

  it("repeats a creation that was refused for lack of room", function()
    local api = start(service.sequence({ 429 }, { 200, JSON, '{"id":"1"}' }))
    assert.are.equal("1", api:call({ method = "POST", path = "/x/v1/y", body = {} }).id)
  end)

  it("repeats a creation that the caller calls harmless, and one that was not sent", function()
    local api = start(service.sequence({ 500 }, { 200, JSON, '{"id":"1"}' }))
    assert.are.equal("1", api:call({ method = "POST", path = "/x/v1/y", body = {}, idempotent = true }).id)

    local retries = 0
    api = client.new {
      credentials = { api_url = "http://127.0.0.1:1", secret_key = SECRET }, time_scale = 0.0001,
      on_retry = function() retries = retries + 1 end,
    }
    local _, err = api:call { method = "POST", path = "/x/v1/y", body = {} }
    assert.are.equal(5, retries)
    assert.are.equal("connect", err.kind)
    assert.is_false(err.sent)
    assert.is_nil(err.uncertain)
  end)

  it("does not repeat refusals", function()
    for _, status in ipairs { 400, 401, 403, 404, 409, 410, 412, 501 } do
      local api = start(service.sequence({ status }))
      local _, err = api:call { method = "GET", path = "/x/v1/y" }
      assert.are.equal(1, #running.requests)
      assert.are.equal(status, err.status)
      assert.is_true(errors.is(err))
      running.close()
    end
  end)

  it("obeys Retry-After", function()
    local delay
    local api = start(service.sequence({ 429, { ["Retry-After"] = "7" } }, { 200, JSON, "{}" }),
      { on_retry = function(event) delay = event.delay_ms end })
    assert(api:call { method = "GET", path = "/x/v1/y" })
    assert.is_true(delay >= 7000 and delay < 7500)
  end)

  it("ends its waiting when the task is cancelled", function()
    local waits = core.event()
    local api = start(service.sequence({ 503 }), { time_scale = 1000, on_retry = function() waits:set() end })
    local task = core.spawn(function() return api:call { method = "GET", path = "/x/v1/y" } end)
    waits:wait()
    task:cancel()
    local _, answer, err = task:join()
    assert.is_nil(answer)
    assert.are.equal("cancelled", err.kind)
    assert.are.equal("INFRA_009", err.code)
  end)

  it("does not follow an answer that is not JSON", function()
    local api = start(function() return 200, JSON, '{"a":' end)
    local answer, err = api:call { method = "GET", path = "/x/v1/y" }
    assert.is_nil(answer)
    assert.matches("not JSON", err.message)
    running.close()
    api = start(function() return 502, { ["content-type"] = "text/html", ["x-request-id"] = "r-1" }, "<html>" end)
    answer, err = api:call { method = "POST", path = "/x/v1/y" }
    assert.is_nil(answer)
    assert.are.equal("r-1", err.request_id)
    assert.matches("502 bad gateway", err.message)
  end)
end)

describe("errors of the API", function()
  local function failing(status, body, call)
    local api = start(function() return status, { ["content-type"] = "application/json", ["X-Request-Id"] = "req-7" }, body end)
    local all = { method = "POST", path = "/rdb/v1/regions/fr-par/instances", address = "db/rdb_instance.main", attempts = 1 }
    for name, value in pairs(call or {}) do all[name] = value end
    local answer, err = api:call(all)
    assert.is_nil(answer)
    assert.are.equal("req-7", err.request_id)
    assert.are.equal("db/rdb_instance.main", err.address)
    return err
  end

  it("name the wrong arguments", function()
    local err = failing(400, [[{"type":"invalid_arguments","message":"invalid argument(s)","details":[
      {"argument_name":"volume.size","reason":"constraint","help_message":"too small"},{"argument_name":"name","reason":"required"}]}]])
    assert.are.equal("INFRA_001", err.code)
    assert.are.same({ "name: required", "volume.size: constraint, too small" }, err.details)
    assert.are.same({ name = "volume.size", reason = "constraint", help = "too small" }, err.arguments[1])
  end)

  it("quote both numbers of a quota", function()
    local err = failing(403, [[{"type":"quotas_exceeded","message":"quota(s) exceeded","details":[
      {"resource":"RdbInstances","quota":10,"current":10}]}]])
    assert.are.equal("INFRA_002", err.code)
    assert.are.equal("limit", err.kind)
    assert.are.same({ "quota of RdbInstances: 10, in use: 10" }, err.details)
    assert.matches("quota", err.hint)
  end)

  it("name the missing right and a permission set that has it", function()
    local body = [[{"type":"permissions_denied","message":"insufficient permissions","details":[{"resource":"instance","action":"write"}]}]]
    local err = failing(403, body)
    assert.are.equal("INFRA_003", err.code)
    assert.are.same({ "not allowed: write instance" }, err.details)
    assert.matches("RelationalDatabasesFullAccess", err.hint)
    running.close()
    assert.matches("RelationalDatabasesReadOnly", failing(403, body, { method = "GET" }).hint)
  end)

  it("tell an absent resource, a state to wait for, a name that is taken and a precondition apart", function()
    local err = failing(404, '{"type":"not_found","message":"resource is not found","resource":"instance","resource_id":"i-1"}')
    assert.are.equal("INFRA_004", err.code)
    assert.are.equal("not_found", err.kind)
    assert.are.same({ "instance i-1" }, err.details)
    running.close()
    err = failing(409, '{"type":"transient_state","message":"x","resource":"instance","resource_id":"i-1","current_state":"upgrading"}')
    assert.are.equal("busy", err.kind)
    assert.are.same({ "instance i-1 is upgrading" }, err.details)
    assert.are.equal("upgrading", err.current_state)
    running.close()
    err = failing(409, '{"type":"already_exists","message":"x","resource":"namespace","resource_id":"n-1","help_message":"taken"}')
    assert.are.equal("exists", err.kind)
    assert.are.equal("n-1", err.resource_id)
    running.close()
    err = failing(412, '{"type":"precondition_failed","message":"x","precondition":"resource_still_in_use","help_message":"detach it"}')
    assert.are.equal("condition", err.kind)
    assert.are.same({ "precondition: resource_still_in_use", "detach it" }, err.details)
    assert.matches("still uses it", err.hint)
  end)

  it("show the legacy form too", function()
    local err = failing(400, '{"type":"invalid_request_error","message":"Validation Error","fields":{"name":["required key"]}}')
    assert.are.same({ "name: required key" }, err.details)
  end)

  it("say what is wrong with the key", function()
    assert.matches("expired", failing(401, '{"type":"denied_authentication","method":"api_key","reason":"expired"}').hint)
  end)

  it("never show a secret, even when the service repeats it", function()
    local err = failing(400, ([[{"type":"invalid_arguments","message":"bad %s","details":[
      {"argument_name":"password","reason":"format","help_message":"hunter2 is weak, hunter2!"}]}]]):format(SECRET),
      { secrets = { "hunter2" } })
    assert.is_nil(shown(err):find("hunter2", 1, true))
    assert.is_nil(shown(err):find(SECRET, 1, true))
    assert.matches("%*%*%* is weak", shown(err))
  end)
end)

describe("lists", function()
  local function paged(total, count, extra)
    return function(request)
      local page = tonumber(request.query:match("page=(%d+)"))
      local size = tonumber(request.query:match("page_size=(%d+)"))
      local items = {}
      for i = (page - 1) * size + 1, math.min(page * size, count) do items[#items + 1] = ('{"id":"%d"}'):format(i) end
      return 200, JSON, ('{"things":[%s]%s%s}'):format(table.concat(items, ","), total and ',"total_count":' .. total or "", extra or "")
    end
  end

  it("are read to the end", function()
    for _, count in ipairs { 0, 1, 99, 100, 101, 250 } do
      local api = start(paged(count, count))
      local items = assert(api:pages { path = "/x/v1/things", field = "things", query = { name = "n" } })
      assert.are.equal(count, #items)
      assert.are.equal(math.max(1, math.ceil(count / 100)), #running.requests)
      assert.matches("^name=n&page=1&page_size=100$", running.requests[1].query)
      running.close()
    end
  end)

  it("end at an empty page although the total says more, and without a total at a short one", function()
    local api = start(paged(1000, 150))
    assert.are.equal(150, #api:pages { path = "/x/v1/things", field = "things" })
    assert.are.equal(3, #running.requests)
    running.close()
    api = start(paged(nil, 150))
    assert.are.equal(150, #api:pages { path = "/x/v1/things", field = "things" })
    assert.are.equal(2, #running.requests)
  end)

  it("go by tokens where there are some", function()
    local api = start(function(request, number)
      if number == 1 then return 200, JSON, '{"events":[{"id":"1"}],"next_page_token":"t 2"}' end
      assert(request.query:find("page_token=t%202", 1, true))
      return 200, JSON, '{"events":[{"id":"2"}],"next_page_token":""}'
    end)
    assert.are.equal(2, #api:pages { path = "/x/v1/events", field = "events" })
  end)

  it("fail as a whole when a page fails", function()
    local api = start(service.sequence({ 200, JSON, '{"things":[{}],"total_count":2}' }, { 403, JSON, '{"message":"no"}' }))
    local items, err = api:pages { path = "/x/v1/things", field = "things" }
    assert.is_nil(items)
    assert.are.equal(403, err.status)
  end)
end)

describe("calls side by side", function()
  it("are bounded for each product", function()
    local most_of_all = core.event()
    local api = start(function()
      if running.most < 4 then most_of_all:wait(30000) end
      most_of_all:set()
      core.sleep(20) -- time for one too many
      return 200, JSON, "{}"
    end, { concurrency = 4 })
    local tasks = {}
    for i = 1, 12 do tasks[i] = core.spawn(function() return api:call { method = "GET", path = "/x/v1/y" } end) end
    for _, task in ipairs(tasks) do assert.is_true(task:join()) end
    assert.are.equal(12, #running.requests)
    assert.are.equal(4, running.most)
  end)

  it("become fewer after 429 and all succeed in the end", function()
    local api = start(function(_, number)
      if number <= 10 then return 429 end
      return 200, JSON, "{}"
    end)
    local tasks = {}
    for i = 1, 30 do tasks[i] = core.spawn(function() return api:call { method = "GET", path = "/x/v1/y" } end) end
    for _, task in ipairs(tasks) do
      local _, answer = task:join()
      assert.is_table(answer)
    end
    assert.are.equal(10, running.most)
  end)
end)
