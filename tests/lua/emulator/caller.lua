--- Calls an emulator without sockets, as its owner, and gives status and body back.
local emulator = require "scw.emulator"
local json = require "scw.json"

local caller = {}

---@param options? table of emulator.new
---@return table emulator
---@return fun(method: string, target: string, body?: table, headers?: table): integer, table|nil call
---@return table[] exchanges what was asked and answered, as the contract checker wants it
function caller.new(options)
  local made = assert(emulator.new(options or { speed = "instant" }))
  made.on_defect = function(text) error(text, 0) end
  local exchanges = {}
  return made, function(method, target, body, headers)
    local path, query = target:match("^([^?]*)%??(.*)$")
    local reply = made:handle {
      method = method, path = path, query = query, body = body and assert(json.encode(body)) or "",
      headers = headers or { ["x-auth-token"] = made.credentials.own.secret_key },
    }
    exchanges[#exchanges + 1] = {
      method = method, path = target, request_body = body, status = reply.status, response_body = reply.body,
    }
    return reply.status, reply.body
  end, exchanges
end

return caller
