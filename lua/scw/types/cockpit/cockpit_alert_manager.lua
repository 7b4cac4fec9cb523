local schema = require "scw.schema"

local PATH = "/cockpit/v1/regions/{region}/alert-manager"

return schema.type {
  name = "cockpit_alert_manager",
  summary = "The alert manager of a project in a region: there is one, this turns it on.",
  doc = "Turning it off deletes its contact points.",
  scope = "project",
  api = {
    path = PATH,
    item = PATH,
    id = "{project}",
    list = false,
    create = { path = PATH .. "/enable" },
    read = { query = { project_id = "{project}" } },
    update = false,
    delete = { method = "POST", path = PATH .. "/disable", carry = { "project" } },
  },

  outputs = { url = schema.str { wire = "alert_manager_url", doc = "Where alerts are sent and seen." } },

  gone = { field = "alert_manager_enabled", values = { false }, timeout = "5m" },
  identity = { "project" },
  permissions = { refresh = { "ObservabilityReadOnly" }, apply = { "ObservabilityFullAccess" } },
}
