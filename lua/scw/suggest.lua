--- Finds the right word beside a wrong one, for "did you mean".
local suggest = {}

--- Edits (insert, delete, change, swap of neighbours) that turn `from` into `to`.
---@param from string
---@param to string
---@return integer
function suggest.distance(from, to)
  local before, row = nil, {}
  for j = 0, #to do row[j] = j end
  for i = 1, #from do
    local following = { [0] = i }
    for j = 1, #to do
      local same = from:byte(i) == to:byte(j)
      local best = math.min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (same and 0 or 1))
      if before and j > 1 and from:byte(i) == to:byte(j - 1) and from:byte(i - 1) == to:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      following[j] = best
    end
    before, row = row, following
  end
  return row[#to]
end

--- The candidate closest to `word`, nil when none is close enough to be meant. A unique candidate that starts with the
--- word, or ends with it, counts as close. Ties go to the first in alphabetical order.
---@param word string
---@param candidates string[]
---@return string|nil
function suggest.word(word, candidates)
  local sorted, wanted = { table.unpack(candidates) }, word:lower()
  table.sort(sorted)
  local best, least = nil, math.max(1, math.min(3, #word // 3)) + 1
  local longer, count = nil, 0
  for _, candidate in ipairs(sorted) do
    local lower = candidate:lower()
    if #wanted >= 2 and (lower:sub(1, #wanted) == wanted or lower:sub(-#wanted) == wanted) then
      longer, count = candidate, count + 1
    end
    if math.abs(#candidate - #wanted) < least then
      local edits = suggest.distance(wanted, lower)
      if edits < least then best, least = candidate, edits end
    end
  end
  return best or (count == 1 and longer or nil)
end

--- "did you mean 'plan'?", or nil when nothing is close.
---@param word string
---@param candidates string[]
---@return string|nil
function suggest.hint(word, candidates)
  local found = suggest.word(word, candidates)
  return found and ("did you mean '%s'?"):format(found) or nil
end

return suggest
