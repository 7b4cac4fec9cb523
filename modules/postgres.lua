local scw = require "scw"

-- Passwords need a special character; these mean nothing in an address, so no URL has to be encoded.
local SPECIAL = "-_.~"

return scw.module {
  summary = "A managed PostgreSQL server on a private network, with a database, its users and their addresses.",
  inputs = {
    network = scw.ref { to = "private_network", required = true, doc = "Where it is reached from. It has no public address." },
    database = scw.str { required = true, doc = "Name of the database." },
    users = scw.map {
      of = scw.enum { "readonly", "readwrite", "all" }, required = true,
      doc = "What each user may do in the database: { app = \"all\", reader = \"readonly\" }.",
    },
    engine = scw.str { default = "PostgreSQL-16" },
    node_type = scw.str { default = "DB-DEV-S" },
    high_availability = scw.bool { default = false, doc = "A standby that takes over. Cannot be turned off again." },
    volume_type = scw.enum { "sbs_5k", "sbs_15k", default = "sbs_5k", doc = "Operations a second of its block storage." },
    volume_size = scw.size { default = "10GB", doc = "Only grows." },
    backup_retention = scw.int { default = 7, min = 1, max = 365, doc = "Days the daily backups are kept." },
    encryption = scw.bool { default = true, doc = "At rest. Cannot be turned off again." },
    settings = scw.map { of = "string", doc = "Engine settings, such as max_connections." },
    protect = scw.bool { default = false, doc = "Refuse to delete or replace the server and its database." },
  },
  outputs = {
    instance = "The server.",
    host = "Its private address.",
    port = "Its port.",
    urls = "By user: postgresql://user:password@host:port/database. Secret.",
    url_secrets = "By user: the secret that holds this address, for what reads Secret Manager itself.",
    ready = "By user: what has to exist before a program can connect as that user.",
  },
  build = function(scope, input)
    local folder = "/" .. scope.stack

    local function password_of(user)
      return scope:generated_secret(user .. "-password", {
        path = folder, description = "Password of the database user " .. user, special = SPECIAL,
      }).value
    end

    local instance = scope:rdb_instance("main", {
      name = scope.stack .. "-" .. scope.name,
      engine = input.engine,
      node_type = input.node_type,
      high_availability = input.high_availability,
      volume_type = input.volume_type,
      volume_size = input.volume_size,
      encryption = input.encryption,
      user_name = "owner",
      password = password_of "owner",
      endpoints = { { private_network = { network = input.network } } },
      backup_retention = input.backup_retention,
      settings = input.settings,
    }, { protect = input.protect })
    local database = scope:rdb_database("main", { instance = instance, name = input.database }, { protect = input.protect })

    local urls, url_secrets, ready = {}, {}, {}
    for name, permission in pairs(input.users) do
      local password = password_of(name)
      local user = scope:rdb_user(name, { instance = instance, name = name, password = password })
      local privilege = scope:rdb_privilege(name, {
        instance = instance, database = database, user = user, permission = permission,
      })

      urls[name] = "postgresql://" .. user.name .. ":" .. password .. "@" .. instance.ip .. ":" .. instance.port .. "/" .. database.name
      url_secrets[name] = scope:secret(name .. "-url", {
        name = name .. "-database-url", path = folder, description = "Address of the database for " .. name,
      })
      local address = scope:secret_version(name .. "-url", { secret = url_secrets[name], data = urls[name] })
      ready[name] = { privilege, address }
    end

    return {
      instance = instance, host = instance.ip, port = instance.port, urls = urls, url_secrets = url_secrets, ready = ready,
    }
  end,
}
