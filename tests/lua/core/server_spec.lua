local core = require "core"

describe("a server", function()
  local server, url
  local function answer(handler)
    core.spawn(function()
      while true do
        local request = server:accept()
        if not request then return end
        handler(request)
      end
    end)
  end

  before_each(function()
    server = assert(core.listen { host = "127.0.0.1", port = 0, max_body = 100000 })
    url = ("http://127.0.0.1:%d"):format(server:port())
  end)
  after_each(function() server:close() end)

  it("hands over what was sent, the target as it was", function()
    local seen
    answer(function(request)
      seen = request
      request:respond(201, { ["x-one"] = "1", ["x-many"] = { "a", "b" } }, "made")
    end)
    local reply = assert(core.http { method = "PUT", url = url .. "/a%2Fb/%7E?x=%20&y", headers = { ["X-Thing"] = "Y" }, body = "\0\1\2" })
    assert.are.equal(201, reply.status)
    assert.are.equal("made", reply.body)
    assert.are.equal("1", reply.headers["x-one"])
    assert.are.equal("PUT", seen.method)
    assert.are.equal("/a%2Fb/%7E?x=%20&y", seen.target)
    assert.are.equal("/a%2Fb/%7E", seen.path)
    assert.are.equal("x=%20&y", seen.query)
    assert.are.equal("Y", seen.headers["x-thing"])
    assert.are.equal("\0\1\2", seen.body)
  end)

  it("answers many at once, each its own", function()
    answer(function(request)
      core.spawn(function()
        core.sleep(tonumber(request.query))
        request:respond(200, {}, request.query)
      end)
    end)
    local tasks = {}
    for i = 1, 30 do tasks[i] = core.spawn(core.http, { method = "GET", url = url .. "/?" .. (31 - i) }) end
    for i = 1, 30 do
      local _, reply = tasks[i]:join()
      assert.are.equal(tostring(31 - i), reply.body)
    end
  end)

  it("shares requests among the tasks that accept", function()
    local counts = { 0, 0 }
    for i = 1, 2 do
      core.spawn(function()
        while true do
          local request = server:accept()
          if not request then return end
          counts[i] = counts[i] + 1
          core.sleep(2)
          request:respond(200, {}, "")
        end
      end)
    end
    local tasks = {}
    for i = 1, 10 do tasks[i] = core.spawn(core.http, { method = "GET", url = url .. "/" .. i }) end
    for _, task in ipairs(tasks) do assert.are.equal(200, select(2, task:join()).status) end
    assert.are.equal(10, counts[1] + counts[2])
    assert.is_true(counts[1] > 0 and counts[2] > 0)
  end)

  it("carries large bodies both ways", function()
    answer(function(request) request:respond(200, {}, request.body:rep(20)) end)
    local body = core.random(99999)
    local reply = assert(core.http { method = "POST", url = url, body = body })
    assert.are.equal(99999 * 20, #reply.body)
    assert.are.equal(core.digest("sha256", body:rep(20)), core.digest("sha256", reply.body))
    assert.are.equal(413, assert(core.http { method = "POST", url = url, body = body .. "xx" }).status)
  end)

  it("tells the length of a body that HEAD does not send", function()
    answer(function(request) request:respond(200, { ["content-length"] = "123456" }, "") end)
    local reply = assert(core.http { method = "HEAD", url = url })
    assert.are.equal("123456", reply.headers["content-length"])
  end)

  it("can close a connection without an answer", function()
    answer(function(request) request:drop() end)
    local reply, err = core.http { method = "GET", url = url }
    assert.is_nil(reply)
    assert.is_true(err.sent)
  end)

  it("drops a request that nobody answers any more", function()
    local arrived = core.event()
    answer(function() arrived:set() end)
    local task = core.spawn(core.http, { method = "GET", url = url })
    arrived:wait()
    core.sleep(0)
    collectgarbage()
    collectgarbage()
    local _, reply, err = task:join()
    assert.is_nil(reply)
    assert.is_table(err)
  end)

  it("answers a request once", function()
    local again
    answer(function(request)
      request:respond(200, {}, "")
      again = { pcall(request.respond, request, 200, {}, "") }
    end)
    core.http { method = "GET", url = url }
    assert.is_false(again[1])
    assert.matches("answered before", again[2])
  end)

  it("ends accepting tasks and pending requests when it closes", function()
    local kept
    local arrived = core.event()
    local accepting = core.spawn(function()
      kept = server:accept()
      arrived:set()
      return server:accept()
    end)
    local client = core.spawn(core.http, { method = "GET", url = url })
    arrived:wait()
    core.sleep(0)
    server:close()
    local _, request, err = accepting:join()
    assert.is_nil(request)
    assert.are.equal("cancelled", err.kind)
    assert.is_nil(select(2, client:join()))
    assert.is_false(kept:respond(200, {}, "late"))
    assert.is_nil(server:accept())
  end)

  it("says when the port is taken", function()
    local other, err = core.listen { host = "127.0.0.1", port = server:port() }
    assert.is_nil(other)
    assert.are.equal("exists", err.kind)
    other, err = core.listen { host = "nowhere" }
    assert.is_nil(other)
    assert.are.equal("invalid", err.kind)
  end)

  it("lets a cancelled task stop waiting for requests", function()
    local task = core.spawn(function() return server:accept() end)
    core.sleep(1)
    task:cancel()
    local _, request, err = task:join()
    assert.is_nil(request)
    assert.are.equal("cancelled", err.kind)
  end)
end)
