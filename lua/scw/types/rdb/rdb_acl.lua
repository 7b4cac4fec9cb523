local schema = require "scw.schema"

local PATH = "/rdb/v1/regions/{region}/instances/{instance}/acls"

return schema.type {
  name = "rdb_acl",
  summary = "Who may reach the public address of a managed server: the whole set of rules.",
  doc = "A new server is open to 0.0.0.0/0. Without any rule nobody reaches it. Private networks are not concerned.",
  api = {
    path = PATH,
    item = PATH,
    id = "{instance}",
    list = { field = "rules" },
    read = "whole",
    create = "PUT",
    update = "PUT",
    delete = { method = "DELETE", body = { acl_rule_ips = "{rules.ip}" } },
  },

  fields = {
    instance = schema.ref { to = "rdb_instance", wire = false, required = true, replace = true },
    rules = schema.set { required = true, min = 1, max = 50, of = schema.object { fields = {
      ip = schema.str { required = true, format = "ipv4_cidr", normalise = "cidr" },
      description = schema.str { default = "IP allowed" },
    } } },
  },

  serial = "instance",
  settle = "instance",
  identity = { "instance" },
  permissions = { refresh = { "RelationalDatabasesReadOnly" }, apply = { "RelationalDatabasesFullAccess" } },
}
