--- A service on a loopback port that answers as the spec says, and remembers what it was asked.
local core = require "core"

local service = {}

--- `handler(request, number)` returns status, headers, body; "drop" ends the connection unanswered.
---@param handler fun(request: table, number: integer): integer|"drop", table|nil, string|nil
---@return { url: string, requests: table[], most: integer, close: fun() }
function service.start(handler)
  local server = assert(core.listen { host = "127.0.0.1", port = 0 })
  local running = { url = ("http://127.0.0.1:%d"):format(server:port()), requests = {}, most = 0 }
  local now = 0
  core.spawn(function()
    while true do
      local request = server:accept()
      if not request then return end
      running.requests[#running.requests + 1] = request
      local number = #running.requests
      now = now + 1
      running.most = math.max(running.most, now)
      core.spawn(function()
        local status, headers, body = handler(request, number)
        now = now - 1
        if status == "drop" then return request:drop() end
        request:respond(status, headers or {}, body or "")
      end)
    end
  end)
  function running.close() server:close() end
  return running
end

--- Answers of a fixed sequence, the last one again and again.
---@param ... table { status, headers, body } or "drop"
function service.sequence(...)
  local answers = { ... }
  return function(_, number)
    local answer = answers[math.min(number, #answers)]
    if answer == "drop" then return "drop" end
    return table.unpack(answer, 1, 3)
  end
end

return service
