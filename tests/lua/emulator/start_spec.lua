local core = require "core"
local emulator = require "scw.emulator"
local json = require "scw.json"

describe("a started emulator", function()
  local handle
  local function call(method, path, body, token)
    return core.http {
      method = method, url = handle.api_url .. path, body = body and json.encode(body) or nil,
      headers = { ["X-Auth-Token"] = token or handle.secret_key, ["Content-Type"] = "application/json" },
    }
  end

  before_each(function() handle = assert(emulator.start { speed = "instant" }) end)
  after_each(function() handle:close() end)

  it("says where it is and with which keys, in one line", function()
    local facts = assert(json.decode(handle:ready_line()))
    assert.matches("^http://127%.0%.0%.1:%d+$", facts.api_url)
    assert.matches("^http://127%.0%.0%.1:%d+$", facts.s3_url)
    assert.are_not.equal(facts.api_url, facts.s3_url)
    assert.matches("^SCW[A-Z0-9]+$", facts.access_key)
    assert.are.equal(20, #facts.access_key)
    assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+$", facts.secret_key)
    assert.are.equal(handle.project_id, facts.project_id)
    assert.are.equal(handle.organization_id, facts.organization_id)
    assert.is_nil(handle:ready_line():find("\n"))
  end)

  it("says which port there is not", function()
    local other, err = emulator.start { speed = "instant", port = 0, s3_port = 65536 }
    assert.is_nil(other)
    assert.are.same({ "invalid", "there is no port 65536" }, { err.kind, err.message })
  end)

  it("answers as the gateway does", function()
    local reply = assert(call("GET", "/account/v3/projects"))
    assert.are.equal(200, reply.status)
    assert.are.equal("application/json", reply.headers["content-type"])
    assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+$", reply.headers["x-request-id"])
    reply = assert(call("GET", "/account/v3/projects", nil, core.uuid()))
    assert.are.equal(401, reply.status)
    reply = assert(call("POST", "/account/v3/projects", { name = "x" }))
    assert.are.equal(200, reply.status)
    local id = json.decode(reply.body).id
    reply = assert(call("DELETE", "/account/v3/projects/" .. id))
    assert.are.equal(204, reply.status)
    assert.are.equal("", reply.body)
  end)

  it("refuses a body that is no JSON object", function()
    local reply = assert(core.http { method = "POST", url = handle.api_url .. "/account/v3/projects", body = "{",
      headers = { ["X-Auth-Token"] = handle.secret_key } })
    assert.are.equal(400, reply.status)
  end)

  it("injects faults: status, retry-after, delay", function()
    assert.are.equal(200, assert(call("POST", "/_emulator/faults", json.array {
      { path = "/account/", status = 503, retry_after = 2, count = 1 },
      { path = "/account/", status = 429, count = 1 },
      { path = "/account/", delay_ms = 30, count = 1 },
    })).status)
    local reply = assert(call("GET", "/account/v3/projects"))
    assert.are.equal(503, reply.status)
    assert.are.equal("2", reply.headers["retry-after"])
    reply = assert(call("GET", "/account/v3/projects"))
    assert.are.equal(429, reply.status)
    assert.are.equal("", reply.body)
    assert.are.equal("true", reply.headers["x-envoy-ratelimited"])
    reply = assert(call("GET", "/account/v3/projects"))
    assert.are.equal(200, reply.status)
    assert.is_true(reply.ms >= 25)
    assert.are.equal(400, assert(call("POST", "/_emulator/faults", json.array { { nonsense = 1 } })).status)
  end)

  it("loses a request before the work, or its reply after it", function()
    call("POST", "/_emulator/faults", json.array { { method = "POST", drop = "before", count = 1 },
      { method = "POST", drop = "after", count = 1 } })
    local function projects()
      return json.decode(assert(call("GET", "/account/v3/projects?name=lost")).body).total_count
    end
    local reply, err = call("POST", "/account/v3/projects", { name = "lost" })
    assert.is_nil(reply)
    assert.is_true(err.sent)
    assert.are.equal(0, projects())
    reply, err = call("POST", "/account/v3/projects", { name = "lost" })
    assert.is_nil(reply)
    assert.is_true(err.sent)
    assert.are.equal(1, projects())
  end)

  it("keeps exchanges, and answers what no line of them can hold", function()
    local path = os.tmpname()
    local other = assert(emulator.start { speed = "instant", exchanges = path })
    local function send(body)
      return assert(core.http { method = "POST", url = other.api_url .. "/account/v3/projects", body = body,
        headers = { ["X-Auth-Token"] = other.secret_key } }).status
    end
    assert.are.equal(400, send("\255"))
    assert.are.equal(200, send('{"name":"x"}'))
    other:close()
    local lines = assert(core.file_read(path))
    os.remove(path)
    assert.are.equal(1, select(2, lines:gsub("\n", "")))
    assert.are.equal('{"name":"x"}', json.decode(lines).request_body)
  end)

  it("counts and resets", function()
    call("POST", "/account/v3/projects", { name = "x" })
    local stats = json.decode(assert(call("GET", "/_emulator/stats")).body)
    assert.are.same({ requests = { ["POST /account/v3/projects"] = 1 }, objects = { account_project = 1 } }, stats)
    core.s3 { endpoint = handle.s3_url, region = "fr-par", bucket = "counted", method = "PUT", path_style = true,
      access_key = handle.access_key, secret_key = handle.secret_key }
    stats = json.decode(assert(call("GET", "/_emulator/stats")).body)
    assert.are.same({ ["POST /account/v3/projects"] = 1, ["PUT /{bucket}"] = 1 }, stats.requests)
    assert.are.same({ account_project = 1, bucket = 1 }, stats.objects)
    assert.are.equal(200, assert(call("POST", "/_emulator/reset")).status)
    assert.are.equal('{"objects":{},"requests":{}}', assert(call("GET", "/_emulator/stats")).body)
  end)

  it("keeps everything in its file, also what was just written", function()
    local path = os.tmpname()
    local first = assert(emulator.start { speed = "instant", data = path })
    core.http { method = "POST", url = first.api_url .. "/account/v3/projects", body = '{"name":"kept"}',
      headers = { ["X-Auth-Token"] = first.secret_key } }
    local second, err = emulator.start { data = path }
    assert.is_nil(second)
    assert.are.equal("locked", err.kind)
    first:close()
    second = assert(emulator.start { data = path })
    assert.are.equal(first.access_key, second.access_key)
    local reply = core.http { method = "GET", url = second.api_url .. "/account/v3/projects?name=kept",
      headers = { ["X-Auth-Token"] = second.secret_key } }
    assert.are.equal(1, json.decode(reply.body).total_count)
    second:close()
    os.remove(path)
  end)
end)
