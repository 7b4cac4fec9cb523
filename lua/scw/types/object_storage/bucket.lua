local schema = require "scw.schema"

return schema.type {
  name = "bucket",
  summary = "A bucket of Object Storage.",
  doc = "The name is unique in the world. A bucket with objects is only deleted with force_destroy.",
  scope = "project",
  driver = "object_storage",

  fields = {
    name = schema.str { required = true, replace = true, min = 1, max = 63, pattern = "^[a-z0-9][a-z0-9.-]*$" },
    versioning = schema.bool { default = false, doc = "Keep old versions. Can be suspended, not undone." },
    object_lock = schema.object { replace = "presence", doc = "Objects cannot be deleted before their time: `{}`, or with a default.",
      fields = {
        mode = schema.str { enum = { "GOVERNANCE", "COMPLIANCE" } },
        days = schema.int { min = 1 }, years = schema.int { min = 1 },
      } },
    acl = schema.str { default = "private", enum = { "private", "public-read", "public-read-write", "authenticated-read" } },
    tags = schema.map { of = "string", default = {}, max = 50 },
    cors = schema.list { default = {}, doc = "Which pages of other sites may use it.", of = schema.object { fields = {
      allowed_methods = schema.set { required = true, min = 1,
        of = schema.str { enum = { "GET", "PUT", "POST", "DELETE", "HEAD" } } },
      allowed_origins = schema.set { of = "string", required = true, min = 1 },
      allowed_headers = schema.set { of = "string" }, expose_headers = schema.set { of = "string" },
      max_age = schema.int { min = 0, doc = "Seconds." },
    } } },
    lifecycle = schema.list { default = {}, doc = "What happens to objects with time.", of = schema.object { fields = {
      id = schema.str { computed = true }, enabled = schema.bool { default = true },
      prefix = schema.str {}, tags = schema.map { of = "string" },
      expiration_days = schema.int { min = 1 }, expiration_date = schema.str { format = "timestamp", normalise = "timestamp" },
      expired_delete_marker = schema.bool {},
      noncurrent_days = schema.int { min = 1, doc = "Old versions end after so many days." },
      noncurrent_versions_kept = schema.int { min = 1, max = 100 },
      abort_multipart_days = schema.int { min = 1, doc = "Unfinished uploads end after so many days." },
      transitions = schema.set { of = schema.object { one_of = { "days", "date" }, fields = {
        days = schema.int { min = 0 }, date = schema.str { format = "timestamp", normalise = "timestamp" },
        storage_class = schema.str { required = true, enum = { "STANDARD", "GLACIER", "ONEZONE_IA" } },
      } } },
    } } },
    policy = schema.any { normalise = "policy", doc = "Who may do what; without its author, the author is locked out." },
    force_destroy = schema.bool { local_only = true, default = false, doc = "Delete it with all objects and versions." },
  },

  outputs = {
    endpoint = schema.str { doc = "https://<bucket>.s3.<region>.scw.cloud" },
    api_endpoint = schema.str { doc = "https://s3.<region>.scw.cloud" },
  },

  gone = { timeout = "10m" },
  identity = { "name" },
  holds_data = true,
  rules = {
    { "object_lock needs versioning = true", path = "versioning", function(b) return not b.object_lock or b.versioning end },
    { "object_lock: mode needs exactly one of days and years", path = "object_lock", function(b)
      local lock = b.object_lock or {}
      return (lock.mode ~= nil) == ((lock.days ~= nil) ~= (lock.years ~= nil)) and not (lock.days and lock.years)
    end },
  },
  permissions = { refresh = { "ObjectStorageBucketsRead" },
    apply = { "ObjectStorageBucketsWrite", "ObjectStorageBucketsDelete", "ObjectStorageBucketPolicyFullAccess" } },
}
