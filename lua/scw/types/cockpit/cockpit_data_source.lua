local schema = require "scw.schema"

return schema.type {
  name = "cockpit_data_source",
  summary = "A store for metrics, logs or traces.",
  scope = "project",
  api = {
    path = "/cockpit/v1/regions/{region}/data-sources",
    list = { field = "data_sources" },
  },

  fields = {
    name = schema.str { required = true, min = 1 },
    type = schema.str { required = true, replace = true, enum = { "metrics", "logs", "traces" } },
    retention_days = schema.int { computed = true, min = 1, soft_max = 1825,
      doc = "31 for metrics, 7 for logs and traces when not given. Less erases what is older." },
  },

  outputs = {
    url = schema.str { doc = "Base of its push and query paths." },
    origin = schema.str { doc = "custom: made by you." },
  },

  identity = { "name", "type" },
  holds_data = true,
  permissions = { refresh = { "ObservabilityReadOnly" }, apply = { "ObservabilityFullAccess" } },
}
