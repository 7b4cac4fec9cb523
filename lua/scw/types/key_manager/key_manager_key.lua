local schema = require "scw.schema"

return schema.type {
  name = "key_manager_key",
  summary = "A key that Key Manager keeps and never gives away: it encrypts, signs, or wraps other keys.",
  doc = "A deleted key can be restored for a while; then all that it encrypted is lost.",
  scope = "project",
  api = {
    path = "/key-manager/v1alpha1/regions/{region}/keys",
    list = { field = "keys", query = { project_id = "{project}", scheduled_for_deletion = "false" } },
  },

  fields = {
    name = schema.str { required = true, min = 1 },
    description = schema.str { default = "" },
    tags = schema.set { of = "string", default = {} },
    usage = schema.object { required = true, replace = true, doc = "What it is for, and the algorithm.",
      one_of = { "symmetric_encryption", "asymmetric_encryption", "asymmetric_signing" },
      fields = {
        symmetric_encryption = schema.str { enum = { "aes_256_gcm" }, doc = "Encrypts, and wraps data keys." },
        asymmetric_encryption = schema.str {
          enum = { "rsa_oaep_2048_sha256", "rsa_oaep_3072_sha256", "rsa_oaep_4096_sha256" },
        },
        asymmetric_signing = schema.str { enum = { "ec_p256_sha256", "ec_p384_sha384", "rsa_pss_2048_sha256", "rsa_pss_3072_sha256",
          "rsa_pss_4096_sha256", "rsa_pkcs1_2048_sha256", "rsa_pkcs1_3072_sha256", "rsa_pkcs1_4096_sha256", "ml_dsa_44", "ml_dsa_65",
          "ml_dsa_87" } },
      } },
    origin = schema.str { default = "scaleway_kms", replace = true, enum = { "scaleway_kms", "external" },
      doc = "external: it waits until its key material is imported." },
    rotation_policy = schema.object { doc = "When it gets new key material by itself.", fields = {
      rotation_period = schema.duration { required = true, doc = "At least a day." },
      next_rotation_at = schema.str { format = "timestamp", normalise = "timestamp", computed = true },
    } },
    protected = schema.bool { default = true, after_create = true, wire = { "protected", create = false, update = false },
      update = "protect", doc = "Refuses deletion until it is turned off." },
  },
  actions = {
    { name = "protect", on = "{item}/protect", off = "{item}/unprotect" },
  },

  outputs = {
    state = schema.str { doc = "enabled, disabled, pending_key_material or scheduled_for_deletion." },
    rotation_count = schema.int { doc = "How many times it got key material." },
    rotated_at = schema.str { doc = "When it got its present key material." },
    locked = schema.bool { doc = "Scaleway blocked it." },
  },

  gone = { field = "deletion_requested_at", timeout = "1m" },
  eventual = 30,
  identity = { "name" },
  ambiguous = true,
  holds_data = true,
  permissions = { refresh = { "KeyManagerReadOnly" },
    apply = { "KeyManagerKeyCreate", "KeyManagerKeyWrite", "KeyManagerKeyDelete" } },
}
