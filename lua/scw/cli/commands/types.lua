local core = require "core"
local errors = require "scw.errors"

return {
  name = "types",
  group = "Try and learn", order = 3,
  summary = "List the resource types, or describe one.",
  arguments = { { name = "NAME", optional = true, doc = "A type, such as container." } },
  examples = { { "scwlua types", "all types" }, { "scwlua types rdb_instance", "its fields, outputs and rules" } },
  run = function(context)
    local catalogue = require "scw.schema.catalogue"
    local console, wanted = context.console, context.options.name
    if not wanted then
      local rows, list = {}, {}
      for i, name in ipairs(catalogue.names()) do
        local kind = catalogue.get(name)
        rows[i] = { name, kind.summary }
        list[i] = { name = name, summary = kind.summary, product = kind.product }
      end
      if console.json then
        console:data(list, { indent = 2 })
      else
        console:print(require("scw.ui.table").definitions(rows, { columns = console.style.columns }))
      end
      return 0
    end
    local kind = catalogue.get(wanted)
    if not kind then
      return nil, errors.new({
        code = "INFRA_004", kind = "not_found", message = ("there is no type '%s'"):format(wanted),
        hint = require("scw.suggest").hint(wanted, catalogue.names()) or ("`%s types` lists them"):format(core.program),
      })
    end
    local docs = require "scw.schema.docs"
    if console.json then
      console:data(docs.public(kind), { indent = 2 })
    else
      console:print(docs.lines(kind, console.style.columns))
    end
    return 0
  end,
}
