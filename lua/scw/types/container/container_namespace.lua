local schema = require "scw.schema"

return schema.type {
  name = "container_namespace",
  summary = "A group of serverless containers that share environment variables and a host name prefix.",
  scope = "project",
  api = {
    path = "/containers/v1/regions/{region}/namespaces",
    list = { field = "namespaces" },
  },

  fields = {
    name = schema.str { required = true, replace = true, min = 1, doc = "Part of the host name of its containers." },
    description = schema.str { default = "", doc = "What it is for." },
    tags = schema.set { of = "string", default = {}, doc = "Free labels." },
    environment_variables = schema.map {
      of = "string", default = {}, key_max = 100, value_max = 1000, secret_twin = "secret_environment_variables",
      doc = "Environment of all its containers. A change deploys them again.",
    },
    secret_environment_variables = schema.map {
      of = "string", secret = true, keep = true, key_max = 100, value_max = 65536,
      doc = "Secret environment of all its containers: stored hashed, never readable.",
    },
  },

  outputs = { status = schema.str { doc = "ready, error, locked, or a passing state." } },

  ready = {
    field = "status", ok = { "ready" }, failed = { "error", "locked" }, reason = "error_message",
    timeout = "5m", poll = "5s", expected = "2s",
  },
  gone = { timeout = "5m", poll = "5s" },
  identity = { "name" },
  permissions = { refresh = { "ContainersReadOnly" }, apply = { "ContainersFullAccess" } },
}
