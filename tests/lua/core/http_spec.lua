local core = require "core"

--- A raw peer in Lua needs a server; here only what needs none. The transfers themselves: tests/core/test_http.c.
describe("http", function()
  it("says that nothing was sent when nobody listens", function()
    local answer, err = core.http { url = "http://127.0.0.1:1/?secret=hunter2" }
    assert.is_nil(answer)
    assert.are.equal("connect", err.kind)
    assert.is_false(err.sent)
    assert.is_nil(err.message:find("hunter2", 1, true))
  end)

  it("refuses URLs that are not http, without a connection", function()
    for _, url in ipairs { "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "nonsense", "" } do
      local answer, err = core.http { url = url }
      assert.is_nil(answer)
      assert.are.equal("invalid", err.kind)
      assert.is_false(err.sent)
    end
  end)

  it("raises for misuse", function()
    assert.has_error(function() core.http {} end)
    assert.has_error(function() core.http { url = 1 } end)
    assert.has_error(function() core.http { url = "http://127.0.0.1:1/", headers = { 1 } } end)
    assert.has_error(function() core.http { url = "http://127.0.0.1:1/", timeout_ms = -1 } end)
  end)
end)

describe("http over TLS", function()
  local directory, process, port

  --- A server with a certificate of its own, as a child of this shell pipeline: it ends when its input does.
  setup(function()
    directory = os.tmpname()
    os.remove(directory)
    assert(os.execute(("mkdir %s && cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
      .. "-keyout key.pem -out cert.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null")
      :format(directory, directory)))
    process = assert(io.popen(("cd %s && echo $$ >pid && exec openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -www "
      .. "-alpn h2,http/1.1 -min_protocol TLSv1 -cipher DEFAULT@SECLEVEL=0 >server.log 2>&1"):format(directory), "w"))
    local text
    for _ = 1, 3000 do
      text = core.file_read(directory .. "/server.log") or ""
      port = tonumber(text:match("ACCEPT 127%.0%.0%.1:(%d+)\n"))
      if port or text:find("error", 1, true) then break end
      core.sleep(20)
    end
    assert(port, "no TLS server: " .. text)
  end)

  teardown(function()
    os.execute(("kill $(cat %s/pid)"):format(directory))
    process:close()
    os.execute("rm -r " .. directory)
  end)

  local function get(options)
    options.url = ("https://localhost:%d/"):format(port)
    options.timeout_ms = 30000
    return core.http(options)
  end

  it("refuses a certificate that nobody vouches for", function()
    local answer, err = get {}
    assert.is_nil(answer)
    assert.are.equal("tls", err.kind)
    assert.is_false(err.sent)
  end)

  it("accepts it when told to trust it", function()
    local answer = assert(get { ca_file = directory .. "/cert.pem" })
    assert.are.equal(200, answer.status)
    assert.matches("TLSv1%.[23]", answer.body)
  end)

  it("speaks HTTP/1.1 with a server that prefers HTTP/2", function()
    assert.are.equal(200, assert(get { insecure = true }).status) -- this one says so, but has nothing else to offer
  end)

  it("accepts it when told not to look", function()
    assert.are.equal(200, assert(get { insecure = true }).status)
  end)

  it("refuses a certificate of another name", function()
    local answer, err = core.http { url = ("https://127.0.0.1:%d/"):format(port), ca_file = directory .. "/cert.pem" }
    assert.is_nil(answer)
    assert.are.equal("tls", err.kind)
    assert.is_false(err.sent)
  end)
end)

describe("retry", function()
  it("stops at refusals and after the last attempt", function()
    assert.is_nil(core.retry { attempt = 1, status = 404 })
    assert.is_nil(core.retry { attempt = 6, status = 503 })
    assert.is_nil(core.retry { attempt = 1, kind = "tls" })
    assert.is_nil(core.retry { attempt = 1, kind = "cancelled" })
  end)

  it("waits a random part of a growing time", function()
    assert.are.equal(250, core.retry { attempt = 1, status = 503, random = 0.5 })
    assert.are.equal(1000, core.retry { attempt = 3, kind = "connect", random = 0.5 })
    assert.are.equal(7, core.retry { attempt = 4, status = 429, random = 0.7, base_ms = 10, max_ms = 10 })
  end)

  it("obeys Retry-After in both forms", function()
    assert.are.equal(3000, core.retry { attempt = 1, status = 429, retry_after = "3", random = 0 })
    assert.are.equal(3000, core.retry { attempt = 1, status = 429, retry_after = 3, random = 0 })
    assert.are.equal(7000, core.retry {
      attempt = 1, status = 503, retry_after = "Sun, 06 Nov 1994 08:49:37 GMT", now = 784111770, random = 0,
    })
    assert.are.equal(0, core.retry { attempt = 1, status = 503, retry_after = "whenever", random = 0 })
  end)
end)
