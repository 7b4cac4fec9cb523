--- Where the program's words go: standard output for results, standard error for problems. Nothing else prints.
local command = require "scw.ui.command"
local core = require "core"
local style = require "scw.ui.style"

local console = {}

---@class scw.Console
---@field style scw.Style
---@field error_style scw.Style
---@field json boolean
---@field terminal { input: boolean, output: boolean, error: boolean, columns: integer, rows: integer }
---@field secrets string[] texts that must never be shown
---@field sink? fun(line: string) takes remarks while progress is drawn
---@field lost? table why standard output did not take everything: the first `err`
local methods = {}
local metatable = { __index = methods }

local NARROWEST, WITHOUT_TERMINAL = 40, 80

local function width(terminal)
  local columns = terminal.output and terminal.columns or WITHOUT_TERMINAL
  return math.max(columns > 0 and columns or WITHOUT_TERMINAL, NARROWEST)
end

---@param options { json?: boolean, colour?: boolean, terminal?: table, secrets?: string[] } colour: false switches colours off
---@return scw.Console
function console.new(options)
  local terminal = options.terminal or core.terminal()
  local colour = options.colour ~= false
  local columns = width(terminal)
  return setmetatable({
    json = options.json or false, terminal = terminal, secrets = options.secrets or {},
    style = style.new({ colour = colour and terminal.output, columns = columns }),
    error_style = style.new({ colour = colour and terminal.error, columns = columns, wraps = terminal.error }),
  }, metatable)
end

--- Takes note of what the command line said: it goes into commands that people are told.
---@param given scw.Given
function methods:take(given) self.style.given, self.error_style.given = given, given end

--- Writes to standard output. What cannot be written is no reason to stop halfway through a deployment: it is remembered.
---@param self scw.Console
---@param raw string
local function put(self, raw)
  if self.lost and self.lost.kind == "not_found" then return end -- nobody reads any more
  local ok, failure = core.write("stdout", raw)
  if not ok then self.lost = self.lost or failure end
end

--- Writes lines to standard output.
---@param lines string[]|string
function methods:print(lines)
  if type(lines) == "string" then lines = { lines } end
  if #lines > 0 then put(self, table.concat(lines, "\n") .. "\n") end
end

--- Writes text as it is, without a line end (what redraws itself).
---@param raw string
function methods:draw(raw)
  put(self, raw)
end

--- Makes a remark for people. It goes to standard error, as standard output is for results, or to the `sink` of whoever draws
--- on the terminal just now.
---@param lines string[]|string
function methods:note(lines)
  for _, line in ipairs(type(lines) == "string" and { lines } or lines) do
    local told = command.complete(line, self.error_style.given)
    if self.sink then self.sink(told) else core.write("stderr", table.concat(self.error_style:fold(told), "\n") .. "\n") end
  end
end

--- Writes problems to standard error.
---@param lines string[]|string
function methods:complain(lines)
  if type(lines) == "string" then lines = { lines } end
  core.write("stderr", require("scw.ui.error").mask(table.concat(lines, "\n"), self.secrets) .. "\n")
end

--- Writes one JSON document to standard output: indented for a document, one line for an event.
---@param value table
---@param options? { indent?: integer }
function methods:data(value, options)
  put(self, assert(require("scw.json").encode(value, options)) .. "\n")
end

--- The present width of the terminal: it may have been resized.
---@return integer
function methods:columns()
  if self.terminal.output then
    local now = core.terminal()
    self.terminal.columns, self.terminal.rows = now.columns, now.rows
  end
  self.style.columns = width(self.terminal)
  return self.style.columns
end

return console
