local schema = require "scw.schema"

return schema.type {
  name = "object",
  summary = "An object in a bucket.",
  doc = "Compared by the hash of its content: what others changed is seen and put right.",
  scope = "project",
  driver = "object_storage",

  fields = {
    bucket = schema.ref { to = "bucket", attribute = "name", required = true, replace = true },
    key = schema.str { required = true, replace = true, min = 1, max = 1024 },
    content = schema.str { doc = "The bytes themselves …" },
    source = schema.str { file = true, doc = "… or the file that holds them, read while applying." },
    content_type = schema.str { default = "application/octet-stream" },
    metadata = schema.map { of = "string", default = {}, doc = "Names are lower case." },
    storage_class = schema.str { default = "STANDARD", enum = { "STANDARD", "GLACIER", "ONEZONE_IA" } },
  },
  one_of = { { "content", "source" } },

  outputs = {
    etag = schema.str { doc = "Hash of the content." },
    size = schema.int { doc = "Bytes." },
    version = schema.str { doc = "Version, in a bucket with versioning." },
  },

  identity = { "bucket", "key" },
  holds_data = true,
  permissions = { refresh = { "ObjectStorageObjectsRead" }, apply = { "ObjectStorageObjectsWrite", "ObjectStorageObjectsDelete" } },
}
