--- Rows in aligned columns.
local style = require "scw.ui.style"

local columns = {}

--- Lays rows of plain cells out in columns. Nothing is cut, however narrow the terminal: who copies an id needs all of it.
---@param rows string[][]
---@param options? { indent?: integer, gap?: integer }
---@return string[] lines
function columns.lines(rows, options)
  options = options or {}
  local indent, gap = (" "):rep(options.indent or 0), (" "):rep(options.gap or 2)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, style.width(cell)) end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = i == #row and cell or style.pad(cell, widths[i]) end
    lines[#lines + 1] = (indent .. table.concat(cells, gap)):gsub("%s+$", "")
  end
  return lines
end

--- Words and what they mean: two columns, the second one wrapped below itself.
---@param rows { [1]: string, [2]: string }[]
---@param options? { columns?: integer, indent?: integer, widest?: integer } widest: of the first column, to align several lists
---@return string[] lines
function columns.definitions(rows, options)
  options = options or {}
  local indent, widest = (" "):rep(options.indent or 0), options.widest or columns.widest(rows)
  local lines = {}
  for _, row in ipairs(rows) do
    local room = math.max((options.columns or 80) - widest - #indent - 2, 30)
    for i, part in ipairs(style.wrap(row[2], room)) do
      lines[#lines + 1] = indent .. style.pad(i == 1 and row[1] or "", widest) .. "  " .. part
    end
  end
  return lines
end

--- Width of the first column.
---@param rows string[][]
---@return integer
function columns.widest(rows)
  local widest = 0
  for _, row in ipairs(rows) do widest = math.max(widest, style.width(row[1])) end
  return widest
end

return columns
