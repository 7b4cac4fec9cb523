--- Rows in aligned columns.
local style = require "scw.ui.style"

local columns = {}

--- Lays rows of plain cells out in columns; the last column is cut to what is left of the width.
---@param rows string[][]
---@param options? { columns?: integer, indent?: integer, gap?: integer }
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
    local cells, used = {}, #indent
    for i, cell in ipairs(row) do
      if i == #row then
        cells[i] = options.columns and style.cut(cell, math.max(options.columns - used, 10)) or cell
      else
        cells[i] = style.pad(cell, widths[i])
        used = used + widths[i] + #gap
      end
    end
    lines[#lines + 1] = (indent .. table.concat(cells, gap)):gsub("%s+$", "")
  end
  return lines
end

return columns
