--- Calls an emulator without sockets, as its owner, and gives status and body back.
local emulator = require "scw.emulator"
local json = require "scw.json"

local caller = {}

---@param options? table of emulator.new
---@return table emulator
---@return fun(method: string, target: string, body?: table, headers?: table): integer, table|nil call
function caller.new(options)
  local made = assert(emulator.new(options or { speed = "instant" }))
  made.on_defect = function(text) error(text, 0) end
  return made, function(method, target, body, headers)
    local path, query = target:match("^([^?]*)%??(.*)$")
    local reply = made:handle {
      method = method, path = path, query = query, body = body and assert(json.encode(body)) or "",
      headers = headers or { ["x-auth-token"] = made.credentials.own.secret_key },
    }
    return reply.status, reply.body
  end
end

return caller
