local schema = require "scw.schema"

return schema.type {
  name = "iam_api_key",
  summary = "An API key of an application or a user.",
  locality = "global",
  api = {
    path = "/iam/v1alpha1/api-keys",
    id = "access_key",
    list = { field = "api_keys", query = { organization_id = "{organization}" } },
  },

  fields = {
    application = schema.ref { to = "iam_application", wire = "application_id", replace = true },
    user = schema.str { format = "uuid", wire = "user_id", replace = true },
    description = schema.str { default = "", max = 200 },
    default_project = schema.ref { to = "account_project", wire = "default_project_id", computed = true,
      doc = "Project its object storage calls act in; the organisation's default one when not given." },
    expires_at = schema.str { format = "timestamp", normalise = "timestamp", doc = "Never when not given." },
  },
  one_of = { { "application", "user" } },

  outputs = {
    access_key = schema.str { doc = "Its name in requests to Object Storage." },
    secret_key = schema.str { secret = true, once = true, doc = "Only in the answer to the creation." },
  },

  identity = { "application", "user", "description" },
  ambiguous = true,
  create_first = true,
  permissions = { refresh = { "IAMApplicationReadOnly" }, apply = { "IAMApplicationManager" } },
}
