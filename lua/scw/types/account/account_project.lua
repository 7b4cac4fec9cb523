local schema = require "scw.schema"

return schema.type {
  name = "account_project",
  summary = "A project: what resources, quotas and permissions belong to.",
  locality = "global",
  scope = "organization",
  api = {
    path = "/account/v3/projects",
    list = { field = "projects" },
    delete = { retry = { { status = 412 } } }, -- until the deletions inside it have settled
  },

  fields = {
    name = schema.str { required = true, min = 1, doc = "Unique in the organisation." },
    description = schema.str { default = "" },
  },

  gone = { field = "status", values = { "deleting" }, timeout = "10m" },
  identity = { "name" },
  holds_data = true,
  permissions = { refresh = { "ProjectReadOnly" }, apply = { "ProjectManager" } },
}
