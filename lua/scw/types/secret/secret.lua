local schema = require "scw.schema"

return schema.type {
  name = "secret",
  summary = "A named secret of Secret Manager; its values are versions.",
  doc = "A deleted secret can be restored for 7 days.",
  scope = "project",
  api = {
    path = "/secret-manager/v1beta1/regions/{region}/secrets",
    list = { field = "secrets" },
  },

  fields = {
    name = schema.str { required = true, min = 1 },
    path = schema.str { default = "/", format = "path", normalise = "path", doc = "Folder." },
    type = schema.str { default = "opaque", replace = true, doc = "Shape of its values.",
      enum = { "opaque", "certificate", "key_value", "basic_credentials", "database_credentials", "ssh_key" } },
    description = schema.str { default = "" },
    tags = schema.set { of = "string", default = {} },
    protected = schema.bool { default = false, wire = { update = false }, update = "protect",
      doc = "Refuses deletion until it is turned off." },
    ephemeral_policy = schema.object { doc = "When versions made from now on end by themselves.", fields = {
      time_to_live = schema.duration { min = "1s", max = "366d" },
      expires_once_accessed = schema.bool {},
      action = schema.str { required = true, enum = { "delete", "disable" } },
    } },
    key_id = schema.str { format = "uuid", replace = true, doc = "Key Manager key that wraps its values." },
  },
  actions = {
    { name = "protect", on = "{item}/protect", off = "{item}/unprotect" },
  },

  outputs = {
    version_count = schema.int { doc = "Versions it has." },
    status = schema.str { doc = "ready or locked." },
  },

  gone = { field = "deletion_requested_at", timeout = "1m" },
  eventual = 30,
  identity = { "path", "name" },
  holds_data = true,
  permissions = { refresh = { "SecretManagerReadOnly" },
    apply = { "SecretManagerSecretCreate", "SecretManagerSecretWrite", "SecretManagerSecretDelete" } },
}
