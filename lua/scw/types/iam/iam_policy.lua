local schema = require "scw.schema"

return schema.type {
  name = "iam_policy",
  summary = "What an application, a user or a group may do.",
  doc = "A new grant takes up to two minutes to be known everywhere.",
  locality = "global",
  scope = "organization",
  api = {
    path = "/iam/v1alpha1/policies",
    list = { field = "policies", partial = true },
    parts = { { path = "/iam/v1alpha1/rules", query = { policy_id = "{id}" }, field = "rules" } },
  },

  fields = {
    name = schema.str { required = true, min = 1, max = 64 },
    description = schema.str { default = "", max = 200 },
    tags = schema.set { of = "string", default = {}, max = 10 },
    application = schema.ref { to = "iam_application", wire = "application_id" },
    user = schema.str { format = "uuid", wire = "user_id" },
    group = schema.str { format = "uuid", wire = "group_id" },
    no_principal = schema.bool { doc = "Nobody yet." },
    rules = schema.set { required = true, update = "rules", of = schema.object { one_of = { "projects", "organization" }, fields = {
      permission_sets = schema.set { of = "string", required = true, min = 1, wire = "permission_set_names" },
      projects = schema.set { of = schema.ref { to = "account_project" }, wire = "project_ids" },
      organization = schema.str { format = "uuid", wire = "organization_id", doc = "All projects, present and future." },
      condition = schema.str { default = "", doc = "CEL text." },
    } } },
  },
  one_of = { { "application", "user", "group", "no_principal" } },
  actions = {
    { name = "rules", method = "PUT", path = "/iam/v1alpha1/rules", body = { policy_id = "{id}" } },
  },

  identity = { "name" },
  permissions = { refresh = { "IAMPolicyReadOnly" }, apply = { "IAMPolicyManager" } },
}
