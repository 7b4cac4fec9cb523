local schema = require "scw.schema"

return schema.type {
  name = "value",
  summary = "A value kept in the state: no service behind it.",
  locality = "global",
  driver = "local",

  fields = {
    input = schema.any { local_only = true, doc = "Any value; references are fine." },
    triggers = schema.any { local_only = true, replace = true, doc = "A change of this value replaces the resource." },
  },

  outputs = { output = schema.any { follows = { "input" }, doc = "What `input` was at the last apply." } },
}
