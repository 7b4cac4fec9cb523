--- Reference pages out of the types: Markdown, the same for the same types.
local catalogue = require "scw.schema.catalogue"
local json = require "scw.json"
local luacats = require "scw.schema.luacats"

local docs = {}

local KINDS = {
  str = "text", int = "integer", float = "number", bool = "boolean", any = "any", duration = "duration", size = "size",
}

--- The kind of a field as one phrase: "list of text", "id of a `vpc`".
---@param field scw.schema.Field
---@return string
function docs.kind(field)
  if field.kind == "list" or field.kind == "set" then
    return (field.kind == "set" and "set of " or "list of ") .. docs.kind(field.of)
  elseif field.kind == "map" then
    return "map of " .. docs.kind(field.of)
  elseif field.kind == "ref" then
    return ("`%s`"):format(type(field.to) == "table" and table.concat(field.to, "` or `") or field.to)
  elseif field.kind == "object" then
    return "object"
  end
  return KINDS[field.kind]
end

--- A value as a stack would write it.
local function literal(value)
  if type(value) == "string" then return ('"%s"'):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts, names = {}, {}
  for name in next, value do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    parts[#parts + 1] = type(name) == "string" and ("%s = %s"):format(name, literal(value[name])) or literal(value[name])
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

local COUNTED = { str = " characters", list = " elements", set = " elements", map = " entries" }

local function bounds(field)
  local parts = {}
  if field.enum then parts[#parts + 1] = "one of `" .. table.concat(field.enum, "`, `") .. "`" end
  if field.of and field.of.enum then parts[#parts + 1] = "of `" .. table.concat(field.of.enum, "`, `") .. "`" end
  local low, high = field.min or field.soft_min, field.max or field.soft_max
  if field.kind == "str" and low and low <= 1 then low = nil end
  local unit = COUNTED[field.kind] or ""
  if high then high = high .. unit elseif low then low = low .. unit end
  if low and high then parts[#parts + 1] = ("%s to %s"):format(low, high)
  elseif low then parts[#parts + 1] = ("at least %s"):format(low)
  elseif high then parts[#parts + 1] = ("at most %s"):format(high) end
  if field.multiple then parts[#parts + 1] = ("a multiple of %s"):format(field.multiple) end
  if field.format then parts[#parts + 1] = "format " .. field.format end
  if field.one_of then parts[#parts + 1] = "exactly one of `" .. table.concat(field.one_of, "`, `") .. "`" end
  return parts
end

local REPLACE = {
  presence = "setting or removing it replaces the resource",
  decrease = "a smaller value replaces the resource", off = "turning it off replaces the resource",
}

local function notes(field)
  local parts = bounds(field)
  if field.default ~= nil then parts[#parts + 1] = "default `" .. literal(field.default) .. "`" end
  if field.computed and field.default == nil then parts[#parts + 1] = "decided by the service when not given" end
  if field.replace == true then parts[#parts + 1] = "**a change replaces the resource**" end
  if REPLACE[field.replace] then parts[#parts + 1] = "**" .. REPLACE[field.replace] .. "**" end
  if field.secret then parts[#parts + 1] = "secret" end
  if field.once then parts[#parts + 1] = "known only right after the creation" end
  if field.local_only then parts[#parts + 1] = "never sent" end
  return table.concat(parts, "; ")
end

local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function add_rows(lines, fields, order, prefix)
  for _, name in ipairs(order) do
    local field = fields[name]
    local about = {}
    if field.required then about[#about + 1] = "**Required.**" end
    if field.doc then about[#about + 1] = field.doc end
    local more = notes(field)
    if more ~= "" then about[#about + 1] = more:gsub("^(%**)(%l)", function(stars, letter) return stars .. letter:upper() end) .. "." end
    lines[#lines + 1] = ("| `%s%s` | %s | %s |"):format(prefix, name, cell(docs.kind(field)), cell(table.concat(about, " ")))
    local inner = field.kind == "object" and field or field.of and field.of.kind == "object" and field.of
    if inner then
      add_rows(lines, inner.fields, inner.order, ("%s%s%s."):format(prefix, name, inner == field and "" or "[]"))
    end
  end
end

local function add_waits(lines, type)
  if type.ready then
    lines[#lines + 1] = ("A creation or change is waited for until `%s` is %s, at most %s; %s end it as a failure."):format(
      type.ready.field, table.concat(type.ready.ok, " or "), type.ready.timeout, table.concat(type.ready.failed or {}, ", "))
    lines[#lines + 1] = ""
  end
  if type.holds_data then
    lines[#lines + 1] = "Holds data: replacing or deleting it loses them."
    lines[#lines + 1] = ""
  end
  if type.serial then
    lines[#lines + 1] = "Calls on one server run one at a time."
    lines[#lines + 1] = ""
  end
end

--- The page of one type.
---@param type scw.schema.Type
---@return string markdown
function docs.page(type)
  local lines = { "# " .. type.name, "", type.summary }
  if type.doc then lines[#lines + 1] = type.doc end
  lines[#lines + 1] = ""
  lines[#lines + 1] = ("Lives in a %s. Import id: `%s`."):format(
    type.locality == "global" and "place of its own: it is global" or type.locality, type.import_id)
  lines[#lines + 1] = ""
  add_waits(lines, type)
  lines[#lines + 1] = "## Fields"
  lines[#lines + 1] = ""
  for _, group in ipairs(type.one_of) do
    lines[#lines + 1] = "Exactly one of `" .. table.concat(group, "`, `") .. "` is needed."
    lines[#lines + 1] = ""
  end
  lines[#lines + 1] = "| field | kind | |"
  lines[#lines + 1] = "| --- | --- | --- |"
  add_rows(lines, type.fields, type.order, "")
  for _, rule in ipairs(type.rules) do
    lines[#lines + 1] = ""
    lines[#lines + 1] = "Rule: " .. rule[1] .. "."
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "## Attributes"
  lines[#lines + 1] = ""
  lines[#lines + 1] = "Every field, and:"
  lines[#lines + 1] = ""
  lines[#lines + 1] = "| attribute | kind | |"
  lines[#lines + 1] = "| --- | --- | --- |"
  lines[#lines + 1] = "| `id` | text | Identifier. |"
  add_rows(lines, type.outputs, type.output_order, "")
  if #type.permissions.apply > 0 then
    lines[#lines + 1] = ""
    lines[#lines + 1] = "## Permission sets"
    lines[#lines + 1] = ""
    lines[#lines + 1] = "To plan: `" .. table.concat(type.permissions.refresh, "`, `") .. "`. To apply: `"
      .. table.concat(type.permissions.apply, "`, `") .. "`."
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The list of all types, by product.
---@return string markdown
function docs.index()
  local lines = { "# Types", "", "What a stack can declare. Generated from `lua/scw/types/` by `scwlua docs`.", "",
    "| product | type | |", "| --- | --- | --- |" }
  local rows = {}
  for _, name in ipairs(catalogue.names()) do
    local type = catalogue.get(name)
    rows[#rows + 1] = ("| %s | [`%s`](%s.md) | %s |"):format((type.product:gsub("_", " ")), name, name, cell(type.summary))
  end
  table.sort(rows)
  table.move(rows, 1, #rows, #lines + 1, lines)
  return table.concat(lines, "\n") .. "\n"
end

--- Words folded to a width, every line indented.
local function fold(text, width, indent, lines)
  local line = indent
  for word in text:gmatch("%S+") do
    if #line > #indent and #line + 1 + #word > width then
      lines[#lines + 1] = line
      line = indent
    end
    line = line .. (#line > #indent and " " or "") .. word
  end
  if #line > #indent then lines[#lines + 1] = line end
end

local function plain(text)
  return (text:gsub("[*`]", ""))
end

local function add_entries(lines, fields, order, width, depth)
  local indent = ("  "):rep(depth)
  for _, name in ipairs(order) do
    local field = fields[name]
    lines[#lines + 1] = ("%s%s  (%s%s)"):format(indent, name, plain(docs.kind(field)), field.required and ", required" or "")
    if field.doc then fold(field.doc, width, indent .. "    ", lines) end
    local more = notes(field)
    if more ~= "" then fold(plain(more), width, indent .. "    ", lines) end
    local inner = field.kind == "object" and field or field.of and field.of.kind == "object" and field.of
    if inner then add_entries(lines, inner.fields, inner.order, width, depth + 2) end
  end
end

--- A type for a terminal.
---@param type scw.schema.Type
---@param columns integer
---@return string[] lines
function docs.lines(type, columns)
  local lines, width = {}, math.max(40, math.min(columns or 80, 100))
  fold(("%s: %s %s"):format(type.name, type.summary, type.doc or ""), width, "", lines)
  lines[#lines + 1] = ""
  lines[#lines + 1] = "fields"
  add_entries(lines, type.fields, type.order, width, 1)
  lines[#lines + 1] = ""
  lines[#lines + 1] = "attributes: every field, and"
  lines[#lines + 1] = "  id  (text)"
  add_entries(lines, type.outputs, type.output_order, width, 1)
  for index, group in ipairs(type.one_of) do
    if index == 1 then lines[#lines + 1] = "" end
    fold("exactly one of " .. table.concat(group, ", ") .. " is needed", width, "", lines)
  end
  for index, rule in ipairs(type.rules) do
    if index == 1 then lines[#lines + 1] = "" end
    fold(rule[1], width, "", lines)
  end
  lines[#lines + 1] = ""
  fold("import id: " .. type.import_id, width, "", lines)
  if #type.permissions.apply > 0 then fold("permission sets: " .. table.concat(type.permissions.apply, ", "), width, "", lines) end
  return lines
end

local PUBLIC = {
  "kind", "doc", "required", "default", "enum", "format", "pattern", "min", "max", "replace", "secret", "computed", "once", "to", "one_of",
  "local_only",
}

local function public_field(field)
  local result = {}
  for _, name in ipairs(PUBLIC) do result[name] = field[name] end
  if field.of then result.of = public_field(field.of) end
  if field.fields then
    result.fields = {}
    for name, inner in next, field.fields do result.fields[name] = public_field(inner) end
  end
  return result
end

local function public_fields(fields)
  local result = {}
  for name, field in next, fields do result[name] = public_field(field) end
  return result
end

--- A type for programs.
---@param type scw.schema.Type
---@return table
function docs.public(type)
  local rules = {}
  for index, rule in ipairs(type.rules) do rules[index] = rule[1] end
  return {
    name = type.name, summary = type.summary, product = type.product, locality = type.locality, import_id = type.import_id,
    holds_data = type.holds_data or false, fields = public_fields(type.fields), outputs = public_fields(type.outputs),
    one_of = json.array(type.one_of), rules = json.array(rules), permissions = {
      refresh = json.array(type.permissions.refresh), apply = json.array(type.permissions.apply) },
  }
end

--- Every generated document, by its name under docs/.
---@return { name: string, text: string }[]
function docs.pages()
  local pages = { { name = "types/README.md", text = docs.index() } }
  for _, name in ipairs(catalogue.names()) do
    pages[#pages + 1] = { name = ("types/%s.md"):format(name), text = docs.page(catalogue.get(name)) }
  end
  pages[#pages + 1] = { name = "editor/scw.lua", text = luacats.generate() }
  return pages
end

return docs
