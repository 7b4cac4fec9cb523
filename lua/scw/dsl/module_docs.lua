--- Reference of modules, from their own tables.
local core = require "core"
local guard = require "scw.dsl.guard"
local loader = require "scw.dsl.loader"
local module = require "scw.dsl.module"
local reference = require "scw.dsl.reference"
local session = require "scw.dsl.session"
local value = require "scw.dsl.value"

local module_docs = {}

local PREFIX = "modules."

--- The built-in modules by name.
---@return table<string, table> facts see `module.facts`
local function built_in()
  local lines = {}
  for _, name in ipairs(core.modules(PREFIX)) do lines[#lines + 1] = ("[%q] = require %q,"):format(name, name) end
  local evaluation = session.new { path = "modules", environment = {}, config = {}, place = {}, catalogue = require "scw.schema.catalogue" }
  local words = require("scw").words(evaluation)
  local text = "return {" .. table.concat(lines, "\n") .. "}"
  local ok, loaded = guard.call(function() return loader.run(evaluation, text, words) end, guard.stack_limits, "modules")
  if not ok then error(loaded, 0) end
  local found = {}
  for name, made in next, loaded do found[name] = module.facts(made) end
  return found
end

local NAMES = { str = "text", int = "whole number", float = "number", bool = "true or false", any = "anything", duration = "duration",
  size = "size" }

local function kind_of(field)
  if field.kind == "str" and field.enum then return "`" .. table.concat(field.enum, "` `") .. "`" end
  if field.kind == "ref" then return ("`%s`"):format(type(field.to) == "table" and table.concat(field.to, "` or `") or field.to) end
  if field.kind == "list" or field.kind == "set" then return "list of " .. kind_of(field.of) end
  if field.kind == "map" then return "map of " .. kind_of(field.of) end
  if field.kind == "object" then return "table" end
  return NAMES[field.kind] or field.kind
end

local function literal(given)
  if type(given) ~= "table" then return type(given) == "string" and ("%q"):format(given) or tostring(given) end
  local parts = {}
  for _, key in ipairs((value.sorted_keys(given))) do
    parts[#parts + 1] = math.type(key) and literal(given[key]) or ("%s = %s"):format(key, literal(given[key]))
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

local function presence(field)
  if field.required then return "required" end
  if field.default ~= nil and not reference.is(field.default) then return ("`%s`"):format(literal(field.default)) end
  return ""
end

local function add_rows(lines, fields, order, prefix)
  for _, name in ipairs(order) do
    local field = fields[name]
    lines[#lines + 1] = ("| `%s%s` | %s%s | %s | %s |"):format(prefix, name, kind_of(field), field.secret and ", secret" or "",
      presence(field), field.doc or "")
    local inner = field.kind == "object" and field or field.of and field.of.kind == "object" and field.of
    if inner then add_rows(lines, inner.fields, inner.order, ("%s%s%s."):format(prefix, name, inner == field and "" or "[…]")) end
  end
end

--- The reference of the built-in modules as Markdown.
---@return string
function module_docs.markdown()
  local found = built_in()
  local lines = {
    "# Modules", "",
    "Generated from the modules' own tables by `scwlua docs --out docs`; do not edit by hand.", "",
    "A stack uses one with `stack:use(\"name\", require \"modules.service\", { … })`. A file of the same name in the project's own",
    "`modules/` comes first. How to write one: [language.md](language.md#modules).",
  }
  for _, name in ipairs((value.sorted_keys(found))) do
    local facts = found[name]
    for _, line in ipairs { "", "## " .. name, "", facts.summary } do lines[#lines + 1] = line end
    if #facts.type.order > 0 then
      for _, line in ipairs { "", "| input | type | default | meaning |", "| --- | --- | --- | --- |" } do lines[#lines + 1] = line end
      add_rows(lines, facts.type.fields, facts.type.order, "")
    end
    if facts.outputs then
      for _, line in ipairs { "", "| output | meaning |", "| --- | --- |" } do lines[#lines + 1] = line end
      for _, output in ipairs((value.sorted_keys(facts.outputs))) do
        lines[#lines + 1] = ("| `%s` | %s |"):format(output, facts.outputs[output])
      end
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return module_docs
