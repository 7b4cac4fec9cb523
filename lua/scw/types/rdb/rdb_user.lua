local schema = require "scw.schema"

return schema.type {
  name = "rdb_user",
  summary = "A user of a managed server.",
  api = {
    path = "/rdb/v1/regions/{region}/instances/{instance}/users",
    item = "/rdb/v1/regions/{region}/instances/{instance}/users/{name}",
    id = "{instance}/{name}",
    list = { field = "users" },
    read = "list",
  },

  fields = {
    instance = schema.ref { to = "rdb_instance", wire = false, required = true, replace = true },
    name = schema.str { required = true, replace = true, max = 63, pattern = "^%a[%w_$-]*$" },
    password = schema.str { required = true, secret = true, format = "password" },
    is_admin = schema.bool { default = false },
  },

  serial = "instance",
  identity = { "instance", "name" },
  rules = {
    { "name must not start with pg_ or _rdb: such names are reserved", function(u) return not u.name:find("^pg_") end },
  },
  permissions = { refresh = { "RelationalDatabasesReadOnly" }, apply = { "RelationalDatabasesFullAccess" } },
}
