--- The same work on many items at once, with a bound on how many.
local core = require "core"

local parallel = {}

--- Calls `fn(item, index)` for every item, at most `limit` at a time, and waits. The first failure stops what has not begun;
--- an error that `fn` raises is raised here. When the waiting task is cancelled, so is the work.
---@param items any[]
---@param limit integer
---@param fn fun(item: any, index: integer): any, any returns a value, or nil and an error; nil alone is a value
---@return table|nil results by index
---@return any err
function parallel.map(items, limit, fn)
  local results, next_index, failure = {}, 1, nil
  local function work()
    while next_index <= #items and failure == nil do
      local index = next_index
      next_index = index + 1
      local value, err = fn(items[index], index)
      if value == nil and err ~= nil then
        if failure == nil then failure = err end
        return
      end
      results[index] = value
    end
  end
  if #items == 1 then
    work()
  else
    local workers = {}
    for i = 1, math.min(limit, #items) do workers[i] = core.spawn(work) end
    for _, worker in ipairs(workers) do
      local ok, err = worker:join()
      if not ok then
        if failure == nil or err.kind == "bug" then failure = err end
        for _, other in ipairs(workers) do other:cancel() end
      end
    end
    if type(failure) == "table" and failure.kind == "bug" then error(failure.traceback or failure.message, 0) end
  end
  if failure ~= nil then return nil, failure end
  return results
end

return parallel
