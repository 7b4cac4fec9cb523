local schema = require "scw.schema"

return schema.type {
  name = "vpc",
  summary = "A virtual private cloud: private networks that are routed to each other.",
  scope = "project",
  api = {
    path = "/vpc/v2/regions/{region}/vpcs",
    list = { field = "vpcs" },
  },

  fields = {
    name = schema.str { required = true, min = 1 },
    tags = schema.set { of = "string", default = {} },
    custom_routes_propagation = schema.bool { wire = { create = false, update = false, read = "custom_routes_propagation_enabled" },
      computed = true, after_create = true, update = "propagate", replace = "off", doc = "Cannot be turned off again." },
    transitivity = schema.bool { wire = { "enable_transitivity", update = false, read = "transitivity_enabled" },
      default = false, replace = true, doc = "Whether peers of its peers are reachable." },
  },
  actions = {
    { name = "propagate", on = "{item}/enable-custom-routes-propagation" },
  },

  outputs = {
    is_default = schema.bool { doc = "Whether it is the project's default one in the region." },
    routing_enabled = schema.bool { doc = "Always on." },
  },

  gone = { timeout = "5m", poll = "5s" },
  identity = { "name" },
  permissions = { refresh = { "VPCReadOnly" }, apply = { "VPCFullAccess" } },
}
