--- How text looks: colours on a terminal, widths, cuts. Knows nothing about what it shows.
local style = {}

---@class scw.Style
---@field columns integer width to write for
---@field colour boolean
---@field wraps boolean on a terminal: sentences are broken between words; files keep them in one line, for grep
---@field given? scw.Given what the command line said, once it is read: commands that people are told are completed with it
local methods = {}
local metatable = { __index = methods }

local codes = {
  bold = "1", dim = "2", red = "31", green = "32", yellow = "33", blue = "34", magenta = "35", cyan = "36",
}

--- The look of each plan action, the same everywhere: symbol, colour, words before, during and after.
style.actions = {
  create  = { symbol = "+",   colour = "green",   todo = "to create",  doing = "creating",   done = "created" },
  update  = { symbol = "~",   colour = "yellow",  todo = "to update",  doing = "updating",   done = "updated" },
  replace = { symbol = "-/+", colour = "magenta", todo = "to replace", doing = "replacing",  done = "replaced" },
  delete  = { symbol = "-",   colour = "red",     todo = "to delete",  doing = "deleting",   done = "deleted" },
  read    = { symbol = "?",   colour = "cyan",    todo = "to read",    doing = "reading",    done = "read" },
  adopt   = { symbol = ">",   colour = "cyan",    todo = "to adopt",   doing = "adopting",   done = "adopted" },
  import  = { symbol = ">",   colour = "cyan",    todo = "to import",  doing = "importing",  done = "imported" },
  move    = { symbol = ">",   colour = "blue",    todo = "to move",    doing = "moving",     done = "moved" },
  forget  = { symbol = "x",   colour = "blue",    todo = "to forget",  doing = "forgetting", done = "forgotten" },
  none    = { symbol = " ",   colour = "dim",     todo = "unchanged",  doing = "checking",   done = "unchanged" },
}

--- The order in which actions are counted and listed.
style.action_order = { "create", "update", "replace", "delete", "read", "adopt", "import", "move", "forget" }

---@param options? { colour?: boolean, columns?: integer, wraps?: boolean, given?: scw.Given }
---@return scw.Style
function style.new(options)
  options = options or {}
  return setmetatable({
    colour = options.colour or false, columns = options.columns or 80, wraps = options.wraps or false, given = options.given,
  }, metatable)
end

--- Wraps text in a colour when colours are on.
---@param name string a colour, or "bold"/"dim"
---@param text string
---@return string
function methods:paint(name, text)
  if not self.colour or text == "" then return text end
  return "\27[" .. codes[name] .. "m" .. text .. "\27[0m"
end

--- What the action looks like; unknown actions look like none.
---@param action string
---@return { symbol: string, colour: string, todo: string, doing: string, done: string }
function style.action(action)
  return style.actions[action] or style.actions.none
end

--- Number of columns that text takes: colours take none.
---@param text string
---@return integer
function style.width(text)
  local plain = text:gsub("\27%[[%d;?]*%a", "")
  return utf8.len(plain) or #plain
end

local function prefix(text, length)
  local stop = utf8.len(text) and utf8.offset(text, length + 1) or length + 1
  return text:sub(1, (stop or #text + 1) - 1)
end

--- Shortens plain text (no colours) to `width` columns, with an ellipsis at the end.
---@param text string
---@param width integer
---@return string
function style.cut(text, width)
  if style.width(text) <= width then return text end
  return width <= 1 and prefix(text, math.max(width, 0)) or prefix(text, width - 1) .. "…"
end

--- Fills with spaces on the right, up to `width` columns.
---@param text string
---@param width integer
---@return string
function style.pad(text, width)
  return text .. (" "):rep(width - style.width(text))
end

--- Replaces control characters (of names and messages from outside) so that they cannot steer a terminal.
---@param text string
---@return string
function style.clean(text)
  local cleaned = text:gsub("[%z\1-\8\11-\31\127]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
  return cleaned
end

--- The words of a paragraph. What stands in backquotes is one: a command that is copied has to be whole.
---@param paragraph string
---@return fun(): string|nil
local function words_of(paragraph)
  local position = 1
  return function()
    local start, stop = paragraph:find("%S+", position)
    if not start then return nil end
    local whole = stop
    while select(2, paragraph:sub(start, whole):gsub("`", "")) % 2 == 1 do
      whole = select(2, paragraph:find("^%s+%S+", whole + 1))
      if not whole then break end -- a lone backquote
    end
    position = (whole or stop) + 1
    return paragraph:sub(start, whole or stop)
  end
end

--- Breaks plain text into lines of at most `width` columns, at spaces where possible.
---@param text string
---@param width integer
---@return string[]
function style.wrap(text, width)
  local lines = {}
  for paragraph in (text .. "\n"):gmatch("(.-)\n") do
    local line = ""
    for word in words_of(paragraph) do
      if line == "" then
        line = word
      elseif style.width(line) + 1 + style.width(word) <= width then
        line = line .. " " .. word
      else
        lines[#lines + 1], line = line, word
      end
    end
    lines[#lines + 1] = line
  end
  return lines
end

--- A sentence as the lines it takes, those behind the first indented.
---@param text string
---@param indent? integer of the first line; the others have two more
---@return string[]
function methods:fold(text, indent)
  local lead = (" "):rep(indent or 0)
  if not self.wraps or style.width(lead .. text) <= self.columns then return { lead .. text } end
  local lines = style.wrap(text, math.max(self.columns - #lead - 2, 20))
  for i, line in ipairs(lines) do lines[i] = lead .. (i == 1 and "" or "  ") .. line end
  return lines
end

--- A time span for people: `0.4s`, `12.3s`, `3m05s`, `1h02m`.
---@param ms number
---@return string
function style.duration(ms)
  local seconds = ms / 1000
  if seconds < 59.95 then return ("%.1fs"):format(seconds) end
  local whole = math.floor(seconds + 0.5)
  if whole < 3600 then return ("%dm%02ds"):format(whole // 60, whole % 60) end
  return ("%dh%02dm"):format(whole // 3600, whole % 3600 // 60)
end

--- `1 resource`, `2 resources`.
---@param count integer
---@param noun string
---@param plural? string
---@return string
function style.count(count, noun, plural)
  return ("%d %s"):format(count, count == 1 and noun or plural or noun .. "s")
end

local SHORT = 8 -- characters of an id or a commit that people need

--- An id as people need it.
---@param id string
---@return string
function style.short(id) return #id > SHORT and id:sub(1, SHORT) or id end

--- The commit of a deployment: with a + when the work tree had changes beside it.
---@param record scw.state.Deployment
---@return string|nil
function style.commit(record) return record.commit and style.short(record.commit) .. (record.dirty and "+" or "") or nil end

return style
