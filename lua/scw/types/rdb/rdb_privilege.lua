local schema = require "scw.schema"

local PATH = "/rdb/v1/regions/{region}/instances/{instance}/privileges"

return schema.type {
  name = "rdb_privilege",
  summary = "What a user may do in a database.",
  api = {
    path = PATH,
    item = PATH,
    id = "{instance}/{database}/{user}",
    list = { field = "privileges" },
    read = "list",
    create = "PUT",
    update = { method = "PUT", carry = { "database", "user" } },
    delete = { method = "PUT", carry = { "database", "user" }, body = { permission = "none" } },
  },

  fields = {
    instance = schema.ref { to = "rdb_instance", wire = false, required = true, replace = true },
    database = schema.ref { to = "rdb_database", attribute = "name", wire = "database_name", required = true, replace = true,
      doc = "A database, or its name." },
    user = schema.ref { to = "rdb_user", attribute = "name", wire = "user_name", required = true, replace = true,
      doc = "A user, or its name." },
    permission = schema.str { required = true, enum = { "readonly", "readwrite", "all", "custom", "none" } },
  },

  gone = { field = "permission", values = { "none" } },
  serial = "instance",
  identity = { "instance", "database", "user" },
  permissions = { refresh = { "RelationalDatabasesReadOnly" }, apply = { "RelationalDatabasesFullAccess" } },
}
