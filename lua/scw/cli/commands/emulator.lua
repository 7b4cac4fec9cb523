local core = require "core"
local errors = require "scw.errors"
local options = require "scw.cli.options"

local DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080

---@param word string
local function endpoint(word)
  local host, port = word:match("^%[?([^%]]*)%]?:(%d+)$")
  port = math.tointeger(tonumber(port))
  if not port or port > 65535 then return nil, ("--listen needs HOST:PORT, got '%s'"):format(word) end
  return { host = host == "" and DEFAULT_HOST or host, port = port }
end

---@param word string
local function speed(word)
  if word == "instant" then return word end
  return options.positive("--speed")(word)
end

return {
  name = "emulator",
  group = "Try and learn", order = 2,
  summary = "Serve a local Scaleway: API and Object Storage.",
  description = "The first line on standard output says, as JSON, where it listens and which credentials it takes. It runs until it is "
    .. "interrupted. Any client of Scaleway can use it. Object Storage listens on the next port; port 0 picks free ones.",
  options = {
    { name = "--listen", value = "HOST:PORT", convert = endpoint, doc = "Where the API listens (127.0.0.1:8080)." },
    { name = "--s3-port", value = "PORT", convert = options.whole("--s3-port", 0), doc = "Port of Object Storage: the next one." },
    { name = "--data", value = "FILE", doc = "Keep everything in this file; in memory without." },
    { name = "--speed", value = "FACTOR", convert = speed, doc = "How much faster time runs (1), or instant." },
    {
      name = "--exchanges", value = "FILE",
      doc = "Append every call of the API and its answer, as JSON lines with secrets; calls of Object Storage are not recorded.",
    },
    { name = "--faults", value = "JSON", doc = "Faults to inject, in the format of POST /_emulator/faults." },
  },
  examples = {
    { "scwlua emulator --listen 127.0.0.1:8080 --speed 100", "API on 8080, Object Storage on 8081, a hundred times faster" },
    { "scwlua emulator --data emulator.db", "what is made survives a restart" },
  },
  run = function(context)
    local values = context.options
    local listen = values.listen or { host = DEFAULT_HOST, port = DEFAULT_PORT }
    local faults
    if values.faults then
      local decoded, failure = require("scw.json").decode(values.faults)
      if not decoded then return nil, errors.wrap(failure, "cannot read --faults") end
      faults = decoded
    end
    local handle, err = require("scw.emulator").start({
      host = listen.host, port = listen.port, s3_port = values.s3_port, data = values.data, speed = values.speed or 1,
      faults = faults, exchanges = values.exchanges,
    })
    if not handle then return nil, errors.wrap(err, "cannot start the emulator") end
    context.console:print(handle:ready_line())
    core.interrupt()
    handle:close()
    return 0
  end,
}
