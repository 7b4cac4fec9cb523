local schema = require "scw.schema"

local PATH = "/secret-manager/v1beta1/regions/{region}/secrets/{secret}/versions"

return schema.type {
  name = "secret_version",
  summary = "A value of a secret. It never changes: another value is another version.",
  api = {
    path = PATH,
    item = PATH .. "/{revision}",
    id = "{secret}/{revision}",
    list = { field = "versions" },
  },

  fields = {
    secret = schema.ref { to = "secret", wire = { create = false, update = false, read = "secret_id" }, required = true, replace = true },
    data = schema.str { secret = true, replace = true, encoding = "base64", generate = "generate", max = 65536,
      doc = "The value, at most 64 KiB." },
    generate = schema.object { local_only = true, replace = true, doc = "Make the value while applying instead.", fields = {
      length = schema.int { default = 32, min = 8, max = 4096 },
      lower = schema.bool { default = true }, upper = schema.bool { default = true }, digits = schema.bool { default = true },
      special = schema.str { default = "", doc = "Special characters it may have, such as `!#%-_`." },
    } },
    description = schema.str { default = "" },
    disable_previous = schema.bool { create_only = true, doc = "Disable the version before." },
  },
  one_of = { { "data", "generate" } },

  outputs = {
    revision = schema.int { doc = "Its number, from 1." },
    status = schema.str { doc = "enabled, disabled, scheduled_for_deletion or deleted." },
    latest = schema.bool { doc = "Whether it is the newest." },
    value = schema.str { secret = true, wire = "data", encoding = "base64", fetch = PATH .. "/{revision}/access",
      doc = "The value, read only while applying." },
  },

  gone = { field = "status", values = { "scheduled_for_deletion", "deleted" }, timeout = "1m" },
  eventual = 30,
  identity = { "secret", "description" },
  ambiguous = true,
  create_first = true,
  permissions = { refresh = { "SecretManagerReadOnly" },
    apply = { "SecretManagerSecretWrite", "SecretManagerSecretDelete", "SecretManagerSecretAccess" } },
}
