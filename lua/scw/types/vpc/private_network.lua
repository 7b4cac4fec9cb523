local schema = require "scw.schema"

return schema.type {
  name = "private_network",
  summary = "A private network that containers, databases and machines attach to.",
  scope = "project",
  api = {
    path = "/vpc/v2/regions/{region}/private-networks",
    list = { field = "private_networks" },
    delete = { retry = { { status = 412 }, { status = 500 } } }, -- both while something is still detaching
  },

  fields = {
    name = schema.str { required = true, min = 1 },
    tags = schema.set { of = "string", default = {} },
    vpc = schema.ref { to = "vpc", wire = "vpc_id", computed = true, replace = true,
      doc = "The project's default VPC of the region when not given." },
    subnets = schema.set { of = schema.str { format = "cidr" }, wire = { "subnets", update = false }, pick = "subnet",
      computed = true, additional = true, replace = true,
      doc = "Address ranges; the service picks an IPv4 one when not given, and adds an IPv6 one." },
    default_route_propagation = schema.bool { wire = "default_route_propagation_enabled", default = false,
      doc = "Whether a gateway's default route is announced in it." },
  },

  outputs = { dhcp_enabled = schema.bool { doc = "Always on." } },

  gone = { timeout = "10m", poll = "5s" },
  identity = { "name" },
  permissions = { refresh = { "PrivateNetworksReadOnly" }, apply = { "PrivateNetworksFullAccess" } },
}
