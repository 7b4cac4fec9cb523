local schema = require "scw.schema"

return schema.type {
  name = "container_domain",
  summary = "A host name of your own for a container, with a certificate.",
  doc = "The name has to be a CNAME of the container's host before; the creation is repeated while it is not.",
  api = {
    path = "/containers/v1/regions/{region}/domains",
    list = { field = "domains", query = { project_id = "{project}" } },
    create = { retry = { { message = "could not validate domain" } } },
  },

  fields = {
    container = schema.ref { to = "container", wire = "container_id", required = true, replace = true },
    hostname = schema.str { required = true, replace = true, format = "hostname", normalise = "lower" },
    tags = schema.set { of = "string", default = {} },
  },

  outputs = { status = schema.str { doc = "ready, error, locked, or a passing state." } },

  ready = {
    field = "status", ok = { "ready" }, failed = { "error", "locked" }, reason = "error_message",
    timeout = "10m", poll = "5s", expected = "4s",
  },
  gone = { timeout = "10m", poll = "5s" },
  identity = { "container", "hostname" },
  permissions = { refresh = { "ContainersReadOnly" }, apply = { "ContainersFullAccess" } },
}
