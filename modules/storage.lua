local scw = require "scw"

return scw.module {
  summary = "A private bucket whose objects end by themselves and, when locked, cannot be deleted before.",
  inputs = {
    name = scw.str { required = true, doc = "Unique in the world." },
    keep_days = scw.map { of = "int", default = {}, doc = "Days objects are kept, by folder: { weekly = 90 }." },
    lock_days = scw.int { min = 1, doc = "Days during which nobody deletes or changes an object by mistake." },
    old_version_days = scw.int { default = 30, min = 1, doc = "Days an overwritten or deleted object can be brought back." },
    force_destroy = scw.bool { default = false, doc = "Delete the bucket even when it holds objects." },
  },
  outputs = {
    bucket = "The bucket.",
    name = "Its name.",
    endpoint = "Address of Object Storage in its region.",
  },
  build = function(scope, input)
    local rules = { { id = "old-versions", noncurrent_days = input.old_version_days, abort_multipart_days = 7 } }
    for folder, days in pairs(input.keep_days) do
      rules[#rules + 1] = { id = "keep-" .. folder, prefix = folder .. "/", expiration_days = days }
    end
    local bucket = scope:bucket("main", {
      name = input.name,
      versioning = true,
      object_lock = input.lock_days and { mode = "GOVERNANCE", days = input.lock_days } or nil,
      lifecycle = rules,
      force_destroy = input.force_destroy,
    })
    return { bucket = bucket, name = bucket.name, endpoint = bucket.api_endpoint }
  end,
}
