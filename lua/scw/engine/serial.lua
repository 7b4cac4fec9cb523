--- Runs calls that the service cannot take side by side one after the other: first come, first served.
local core = require "core"

local serial = {}

-- One set of queues per client; gone with it.
local queues = setmetatable({}, { __mode = "k" })

---@param client table
---@param key string
---@param run fun(): ...
---@return any ... what `run` returns
function serial.run(client, key, run)
  local of_client = queues[client]
  if not of_client then
    of_client = {}
    queues[client] = of_client
  end
  local queue = of_client[key]
  if not queue then
    queue = { waiting = {} }
    of_client[key] = queue
  end
  if queue.busy then
    local turn = core.event()
    queue.waiting[#queue.waiting + 1] = turn
    while queue.turn ~= turn do
      local ok, err = turn:wait()
      if not ok and queue.turn ~= turn then
        for index, other in ipairs(queue.waiting) do
          if other == turn then table.remove(queue.waiting, index) break end
        end
        return nil, err
      end
    end
  end
  queue.busy = true
  local release <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    local following = table.remove(queue.waiting, 1)
    queue.turn = following
    if following then following:set() else
      queue.busy = false
      of_client[key] = nil
    end
  end })
  return run()
end

return serial
