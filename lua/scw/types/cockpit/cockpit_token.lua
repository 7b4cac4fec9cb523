local schema = require "scw.schema"

return schema.type {
  name = "cockpit_token",
  summary = "A token that may push to or query the data sources of a region.",
  scope = "project",
  api = {
    path = "/cockpit/v1/regions/{region}/tokens",
    list = { field = "tokens" },
    update = false,
  },

  fields = {
    name = schema.str { required = true, replace = true, min = 1 },
    scopes = schema.set { wire = { "token_scopes", read = "scopes" }, required = true, replace = true, min = 1,
      of = schema.str { enum = {
        "read_only_metrics", "write_only_metrics", "full_access_metrics_rules", "read_only_logs", "write_only_logs",
        "full_access_logs_rules", "full_access_alert_manager", "read_only_traces", "write_only_traces",
      } } },
  },

  outputs = { secret_key = schema.str { secret = true, once = true, doc = "Only in the answer to the creation." } },

  identity = { "name" },
  create_first = true,
  permissions = { refresh = { "ObservabilityReadOnly" }, apply = { "ObservabilityFullAccess" } },
}
