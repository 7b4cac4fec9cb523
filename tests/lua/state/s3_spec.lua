local client = require "scw.api.client"
local core = require "core"
local emulator = require "scw.emulator"
local object_storage = require "scw.api.object_storage"
local s3 = require "scw.state.s3"

describe("state objects in a bucket", function()
  local handle, storage, messages
  local slept = 0

  --- Pauses between two attempts, which nothing here waits for.
  local function sleep(ms)
    slept = slept + ms
    return core.sleep(0)
  end

  --- Objects in that bucket of the emulator, or of another storage.
  local function backend(bucket, other)
    return s3.new({ storage = other or storage, bucket = bucket or "states", sleep = sleep,
      on_message = function(line) messages[#messages + 1] = line end })
  end

  setup(function()
    handle = assert(emulator.start { speed = "instant" })
    storage = object_storage.new(client.new { credentials = {
      access_key = handle.access_key, secret_key = handle.secret_key, region = "fr-par", s3_endpoint = handle.s3_url, path_style = true,
      api_url = handle.api_url, project = handle.project_id,
    } }, { region = "fr-par" })
  end)
  teardown(function() handle:close() end)
  before_each(function() messages, slept = {}, 0 end)
  after_each(function()
    storage.client.trace = nil
    handle.emulator.faults:set(nil)
  end)

  it("have their bucket made, private, once, and said so", function()
    local made = backend("made-here")
    assert.same({}, made:list("x"))
    assert.equal("not_found", select(2, made:get("x")).kind)
    assert(made:prepare("x"))
    assert.same({ "made the private bucket made-here in fr-par for the state" }, messages)
    assert(made:prepare("x"))
    assert.equal(1, #messages)
    assert.same({}, made:list("")) -- nothing of the probe is left
  end)

  it("are deleted with one request where their name may be used again", function()
    local sent = 0
    assert(backend():prepare("x"))
    handle.emulator.faults:set({ rules = { { service = "s3", method = "DELETE", path = "numbered", drop = "before", count = 2 } } })
    storage.client.trace = function(call) sent = sent + (call.method == "DELETE" and 1 or 0) end
    local ok, err = backend():delete("numbered", true)
    assert.is_nil(ok)
    assert.is_true(err.uncertain)
    assert.equal(1, sent)
    assert(backend():delete("numbered"))
    assert.equal(3, sent)
  end)

  it("follow conditions", function()
    local made = backend()
    assert(made:prepare("x"))
    local etag = assert(made:put("a/1", "one", { if_none_match = true }))
    assert.equal("condition", select(2, made:put("a/1", "two", { if_none_match = true })).kind)
    assert.equal("condition", select(2, made:put("a/1", "two", { if_match = ("0"):rep(32) })).kind)
    assert.equal("condition", select(2, made:put("a/gone", "two", { if_match = etag })).kind) -- 404 here, 412 elsewhere
    assert.equal("not_found", select(2, backend("no-such-bucket"):put("a/1", "two", { if_match = etag })).kind)
    local bytes, same = made:get("a/1")
    assert.equal("one", bytes)
    assert.equal(etag, same)
    local second = assert(made:put("a/1", "two", { if_match = etag }))
    assert.is_false(second == etag)
    assert(made:put("a/2", "x"))
    assert.same({ "a/1", "a/2" }, made:list("a/"))
    assert(made:delete("a/1"))
    assert(made:delete("a/1"))
    assert.same({ "a/2" }, made:list("a/"))
  end)

  it("are copied while they are what was read, over what is there", function()
    local made = backend()
    assert(made:prepare("x"))
    local etag = assert(made:put("from & here", "one"))
    assert.is_true(made:copy("from & here", "to/é", etag))
    assert.is_true(made:copy("from & here", "to/é", etag))
    assert.equal("one", made:get("to/é"))
    local second = assert(made:put("from & here", "two"))
    assert.equal("condition", select(2, made:copy("from & here", "to/é", etag)).kind)
    assert.equal("one", made:get("to/é"))
    assert.is_true(made:copy("from & here", "to/é", second))
    assert.equal("two", made:get("to/é"))
    assert.equal("condition", select(2, made:copy("gone", "to/é", etag)).kind)
    assert.equal("not_found", select(2, backend("no-such-bucket"):copy("gone", "to", etag)).kind)
  end)

  it("let one of many writers win", function()
    local made = backend()
    assert(made:prepare("x"))
    local wins, tasks = 0, {}
    for i = 1, 10 do
      tasks[i] = core.spawn(function()
        local etag, err = made:put("race", "writer " .. i, { if_none_match = true })
        if etag then wins = wins + 1 else assert.equal("condition", err.kind) end
      end)
    end
    for _, task in ipairs(tasks) do assert(task:join()) end
    assert.equal(1, wins)
  end)

  --- A storage that loses answers, or refuses, as told; beneath it the real one.
  local function faulty(answer)
    local calls = 0
    return setmetatable({ put = function(_, ...)
      calls = calls + 1
      return answer(calls, function(...) return storage:put(...) end, ...)
    end }, { __index = function(_, name)
      return function(_, ...) return storage[name](storage, ...) end
    end })
  end

  it("settle an unknown outcome by reading back", function()
    assert(backend():prepare("x"))
    local lost = { kind = "timeout", message = "no answer", uncertain = true }
    for name, landed in pairs({ landed = true, vanished = false }) do
      local made = backend("states", faulty(function(calls, put, ...)
        if calls > 1 then return put(...) end
        if landed then put(...) end
        return nil, lost
      end))
      local etag = assert(made:put("lost/" .. name, "bytes", { if_none_match = true }))
      local bytes, same = made:get("lost/" .. name)
      assert.equal("bytes", bytes)
      assert.equal(etag, same)
      assert.equal(landed, slept == 0)
      slept = 0
    end
    -- somebody else was faster than the write whose answer was lost
    local made = backend("states", faulty(function(_, put, bucket, key)
      put(bucket, key, "theirs")
      return nil, lost
    end))
    assert.equal("condition", select(2, made:put("lost/beaten", "ours", { if_none_match = true })).kind)
    assert.equal("theirs", made:get("lost/beaten"))
  end)

  it("are given up at once when the run is interrupted", function()
    assert(backend():prepare("x"))
    local asked = 0
    local made = backend("states", setmetatable({
      put = function() return nil, { kind = "cancelled", message = "interrupted", uncertain = true } end,
    }, { __index = function() return function() asked = asked + 1 end end }))
    assert.equal("cancelled", select(2, made:put("cut", "bytes", { if_none_match = true })).kind)
    assert.equal(0, asked)
  end)

  it("are asked for several times, and only the quiet question says nothing of it", function()
    local service = require "tests.lua.api.service"
    local busy, told = service.start(service.sequence({ 503 })), {}
    local made = backend("states", object_storage.new(client.new {
      credentials = {
        access_key = handle.access_key, secret_key = handle.secret_key, region = "fr-par", s3_endpoint = busy.url, path_style = true,
        api_url = handle.api_url, project = handle.project_id,
      },
      time_scale = 0.001, on_retry = function(event) told[#told + 1] = event.path end,
    }, { region = "fr-par" }))
    assert.is_nil((made:get("quiet", true)))
    assert.same({}, told)
    assert.is_true(#busy.requests > 1)
    assert.is_nil((made:get("loud")))
    assert.equal("/states/loud", told[1])
    busy.close()
  end)

  it("are tried in spite of lost answers, and the trial leaves nothing", function()
    assert(backend():prepare("x"))
    for losing = 1, 4 do
      local made = backend("states", faulty(function(calls, put, ...)
        local etag, err = put(...)
        if calls == losing then return nil, { kind = "timeout", message = "no answer", uncertain = true } end
        return etag, err
      end))
      assert(made:prepare("trial"))
      assert.same({}, made:list("trial"))
    end
  end)

  it("are swept of the trials of runs that died, which disturbs no other trial", function()
    assert(backend():prepare("x"))
    local made = backend()
    assert(made:put("swept.probe-left", "one"))
    assert(made:put("swept.state", "another"))
    made:sweep("swept")
    assert.same({ "swept.state" }, made:list("swept"))
    for disturbed = 1, 4 do
      local trial = backend("states", faulty(function(calls, put, ...)
        if calls == disturbed then made:sweep("swept") end
        return put(...)
      end))
      assert(trial:prepare("swept"))
    end
  end)

  it("are refused by a service that ignores conditions", function()
    assert(backend():prepare("x"))
    local made = backend("states", faulty(function(_, put, bucket, key, bytes) return put(bucket, key, bytes) end))
    local ok, err = made:prepare("x")
    assert.is_nil(ok)
    assert.match("does not honour conditional writes", err.message)
    made = backend("states", faulty(function() return nil, { status = 501, kind = "failed", message = "no" } end))
    ok, err = made:prepare("x")
    assert.is_nil(ok)
    assert.same({ "it answers 501" }, err.details)
  end)

  describe("kept by other servers", function()
    local server, kept

    --- A server that keeps objects, and treats conditional writes in its own way.
    ---@param refuse fun(request: table): integer|nil, string|nil status and code instead of the work
    local function serve(refuse)
      server = assert(core.listen { host = "127.0.0.1", port = 0 })
      kept = {}
      local function answer(request)
        local status, code = refuse(request)
        if status then return request:respond(status, {}, ("<Error><Code>%s</Code></Error>"):format(code)) end
        if request.query:find("list-type", 1, true) then
          return request:respond(200, {}, "<List><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></List>")
        end
        if request.method == "PUT" then kept[request.path] = request.body end
        if request.method == "DELETE" then kept[request.path] = nil end
        local body = kept[request.path]
        if request.method == "GET" and not body then return request:respond(404, {}, "<Error><Code>NoSuchKey</Code></Error>") end
        request:respond(200, { etag = body and '"' .. core.hex(core.digest("md5", body)) .. '"' }, request.method == "GET" and body or "")
      end
      core.spawn(function()
        for request in function() return server:accept() end do answer(request) end
      end)
      local url = ("http://127.0.0.1:%d"):format(server:port())
      local made = backend("states", object_storage.new(client.new { credentials = {
        access_key = handle.access_key, secret_key = handle.secret_key, region = "fr-par", s3_endpoint = url, path_style = true,
        api_url = handle.api_url, project = handle.project_id,
      } }, { region = "fr-par" }))
      return made
    end
    after_each(function() server:close() end)

    local function condition(request) return request.headers["if-match"] or request.headers["if-none-match"] end
    local function kept_there(request) return kept[request.path] ~= nil end

    for what, refuse in pairs({
      ["If-None-Match is ignored"] = function() end,
      ["If-Match is ignored"] = function(request)
        if request.headers["if-none-match"] and kept_there(request) then return 412, "PreconditionFailed" end
      end,
      ["it answers 501"] = function(request)
        if request.method == "PUT" and condition(request) then return 501, "NotImplemented" end
      end,
      ["If-Match refuses the ETag it gave"] = function(request)
        if request.headers["if-match"] or request.headers["if-none-match"] and kept_there(request) then return 412, "PreconditionFailed" end
      end,
    }) do
      it("are refused when " .. what, function()
        local made = serve(refuse)
        local ok, err = made:prepare("shop.state")
        assert.is_nil(ok)
        assert.equal("INFRA_011", err.code)
        assert.match("the bucket states does not honour conditional writes: two deployments could overwrite each other", err.message)
        assert.same({ what }, err.details)
        assert.match("without versioning", err.hint)
        assert.is_nil(next(kept)) -- nothing is left of the trial
      end)
    end

    it("are not copied, without being tried for long or taken for an outage", function()
      for status, kind in pairs({ [501] = "refused", [403] = "denied", [405] = "refused", [400] = "invalid" }) do
        local asked = 0
        local made = serve(function()
          asked = asked + 1
          return status, "No"
        end)
        local ok, err = made:copy("a", "b", "etag")
        assert.is_nil(ok)
        assert.same({ kind, 1 }, { err.kind, asked })
        server:close()
      end
    end)

    it("are looked at again when the condition of a copy may have been ignored", function()
      local looks = 0
      local made = serve(function(request)
        if request.method == "HEAD" then looks = looks + 1 end
      end)
      made.storage.copy = function() return "another" end
      local etag = assert(made:put("a", "bytes"))
      assert.is_true(made:copy("a", "b", etag)) -- a service that makes an ETag of each write
      assert(made:put("a", "others"))
      assert.equal("condition", select(2, made:copy("a", "b", etag)).kind)
      assert.equal(2, looks)
    end)

    it("are not listed in part", function()
      local made = serve(function() end)
      local keys, err = made:list("a")
      assert.is_nil(keys)
      assert.match("list is incomplete", err.message)
    end)
  end)
end)
