local schema = require "scw.schema"

local PATH = "/cockpit/v1/regions/{region}/alert-manager/contact-points"

return schema.type {
  name = "cockpit_contact_point",
  summary = "Who gets the alerts of a project in a region.",
  scope = "project",
  api = {
    path = PATH,
    item = PATH,
    id = "{project}/{email}",
    list = { field = "contact_points" },
    read = "list",
    update = { carry = { "project", "email" } },
    delete = { method = "POST", path = PATH .. "/delete", carry = { "project", "email" } },
  },

  fields = {
    alert_manager = schema.ref { to = "cockpit_alert_manager", local_only = true, doc = "The one it belongs to: made before it." },
    email = schema.str { wire = "email.to", required = true, replace = true, format = "email", normalise = "lower" },
    send_resolved = schema.bool { wire = "send_resolved_notifications", default = true,
      doc = "Whether the end of an alert is announced too." },
  },

  identity = { "email" },
  permissions = { refresh = { "ObservabilityReadOnly" }, apply = { "ObservabilityFullAccess" } },
}
