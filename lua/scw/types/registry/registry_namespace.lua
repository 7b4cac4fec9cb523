local schema = require "scw.schema"

return schema.type {
  name = "registry_namespace",
  summary = "A namespace of the container registry: images are pushed to its endpoint.",
  scope = "project",
  api = {
    path = "/registry/v1/regions/{region}/namespaces",
    list = { field = "namespaces" },
  },

  fields = {
    name = schema.str { required = true, replace = true, min = 1, doc = "Unique in the region among all customers." },
    description = schema.str { default = "", doc = "What it holds." },
    is_public = schema.bool { default = false, doc = "Whether anybody may pull its images." },
  },

  outputs = {
    endpoint = schema.str { doc = "Where images are pushed and pulled: `rg.<region>.scw.cloud/<name>`." },
    status = schema.str { doc = "ready, deleting, error or locked." },
    image_count = schema.int { doc = "Images in it." },
    size = schema.size { doc = "Bytes of all images." },
  },

  ready = { field = "status", ok = { "ready" }, failed = { "error", "locked" }, reason = "status_message" },
  gone = { field = "status", values = { "deleting" }, linger = "60s" },
  identity = { "name" },
  holds_data = true,
  permissions = { refresh = { "ContainerRegistryReadOnly" }, apply = { "ContainerRegistryFullAccess" } },
}
