local core = require "core"
local errors = require "scw.errors"

--- The generated documents: file name and text.
---@return { name: string, text: string }[]
local function documents()
  local docs = require "scw.schema.docs"
  local all = {
    { name = "commands.md", text = require("scw.cli.help").markdown() },
    { name = "modules.md", text = require("scw.dsl.module_docs").markdown() },
  }
  for _, page in ipairs(docs.pages()) do all[#all + 1] = page end
  return all
end

return {
  name = "docs",
  group = "Try and learn", order = 4,
  summary = "Write the reference: types and commands as Markdown, types for editors.",
  options = { { name = "--out", value = "DIRECTORY", doc = "Write files there; without, the names of the documents are listed." } },
  examples = { { "scwlua docs --out docs", "write the reference again after a change" } },
  run = function(context)
    local out, console = context.options.out, context.console
    local names = {}
    for i, document in ipairs(documents()) do
      names[i] = document.name
      if out then
        local path = out .. "/" .. document.name
        local ok, failure = core.directory_create(path:match("^(.*)/[^/]*$"))
        if ok then ok, failure = core.file_write(path, document.text, { mode = 420 }) end
        if not ok then return nil, errors.wrap(failure, "cannot write " .. path) end
      end
    end
    table.sort(names)
    if console.json then
      console:data(names, { indent = 2 })
    elseif out then
      console:print(("Wrote %d documents to %s."):format(#names, out))
    else
      console:print(names)
    end
    return 0
  end,
}
