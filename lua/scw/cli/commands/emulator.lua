local core = require "core"
local errors = require "scw.errors"
local options = require "scw.cli.options"

local DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080

---@param name string
local function endpoint(name)
  return function(word)
    local host, port = word:match("^%[?([^%]]*)%]?:(%d+)$")
    port = math.tointeger(tonumber(port))
    if not port or port > 65535 then return nil, ("%s needs HOST:PORT, got '%s'"):format(name, word) end
    return { host = host == "" and DEFAULT_HOST or host, port = port }
  end
end

return {
  name = "emulator",
  group = "Try and learn", order = 2,
  summary = "Serve a local Scaleway: API and Object Storage.",
  description = "The first line on standard output says, as JSON, where it listens and which credentials it takes. It runs until it is "
    .. "interrupted. Any client of Scaleway can use it. Object Storage listens on the next port unless said otherwise; port 0 picks a "
    .. "free one.",
  options = {
    { name = "--listen", value = "HOST:PORT", convert = endpoint("--listen"), doc = "Where the API listens (127.0.0.1:8080)." },
    { name = "--s3-listen", value = "HOST:PORT", convert = endpoint("--s3-listen"), doc = "Where Object Storage listens." },
    { name = "--data", value = "FILE", doc = "Keep everything in this file; in memory without." },
    { name = "--speed", value = "FACTOR", convert = options.positive("--speed"), doc = "Let time run faster for what takes long (1)." },
    { name = "--faults", value = "JSON", doc = "Faults to inject, in the format of POST /_emulator/faults." },
  },
  examples = {
    { "scwlua emulator --listen 127.0.0.1:8080 --speed 100", "API on 8080, Object Storage on 8081, a hundred times faster" },
    { "scwlua emulator --data emulator.db", "what is made survives a restart" },
  },
  run = function(context)
    local values = context.options
    local listen = values.listen or { host = DEFAULT_HOST, port = DEFAULT_PORT }
    local s3_listen = values.s3_listen or { host = listen.host, port = listen.port == 0 and 0 or listen.port + 1 }
    local faults
    if values.faults then
      local decoded, failure = require("scw.json").decode(values.faults)
      if not decoded then return nil, errors.wrap(failure, "cannot read --faults") end
      faults = decoded
    end
    local handle, err = require("scw.emulator").start({
      host = listen.host, port = listen.port, s3_host = s3_listen.host, s3_port = s3_listen.port,
      data = values.data, speed = values.speed or 1, faults = faults,
    })
    if not handle then return nil, errors.wrap(err, "cannot start the emulator") end
    context.console:data({
      api_url = handle.api_url, s3_url = handle.s3_url, access_key = handle.access_key, secret_key = handle.secret_key,
      project_id = handle.project_id, organization_id = handle.organization_id,
    })
    core.interrupt()
    handle:close()
    return 0
  end,
}
