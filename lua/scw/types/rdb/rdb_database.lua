local schema = require "scw.schema"

return schema.type {
  name = "rdb_database",
  summary = "A logical database on a managed server.",
  api = {
    path = "/rdb/v1/regions/{region}/instances/{instance}/databases",
    item = "/rdb/v1/regions/{region}/instances/{instance}/databases/{name}",
    id = "{instance}/{name}",
    list = { field = "databases" },
    read = "list",
    update = false,
  },

  fields = {
    instance = schema.ref { to = "rdb_instance", wire = false, required = true, replace = true },
    name = schema.str { required = true, replace = true, max = 63, pattern = "^%a[%w_$-]*$",
      forbidden = { "information_schema", "mysql", "performance_schema", "postgres", "rdb", "sys", "template0", "template1" } },
  },

  outputs = {
    owner = schema.str { doc = "User that owns it." },
    size = schema.size { doc = "Bytes; 0 while unknown." },
  },

  managed = "ordinary", -- made through the API rather than in SQL
  serial = "instance",
  identity = { "instance", "name" },
  holds_data = true,
  permissions = { refresh = { "RelationalDatabasesReadOnly" }, apply = { "RelationalDatabasesFullAccess" } },
}
