local schema = require "scw.schema"

return schema.type {
  name = "iam_application",
  summary = "A program that acts on its own behalf: API keys and policies belong to it.",
  locality = "global",
  scope = "organization",
  api = {
    path = "/iam/v1alpha1/applications",
    list = { field = "applications" },
  },

  fields = {
    name = schema.str { required = true, min = 1, max = 64 },
    description = schema.str { default = "", max = 200 },
    tags = schema.set { of = "string", default = {}, max = 10 },
  },

  identity = { "name" },
  permissions = { refresh = { "IAMApplicationReadOnly" }, apply = { "IAMApplicationManager" } },
}
