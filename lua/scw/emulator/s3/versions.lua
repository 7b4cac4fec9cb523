--- The versions under a key: which one counts, what a write or a deletion does to them.
local versions = {}

---@param bucket scw.emulator.s3.Bucket
---@param key string
---@return scw.emulator.s3.Version? newest it may be a delete marker
function versions.newest(bucket, key)
  local stack = bucket.objects[key]
  return stack and stack[1]
end

--- The object a plain read sees: nil when the newest version is a delete marker.
---@return scw.emulator.s3.Version?
function versions.current(bucket, key)
  local newest = versions.newest(bucket, key)
  if newest and not newest.marker then return newest end
end

---@return scw.emulator.s3.Version?
function versions.find(bucket, key, id)
  for _, version in ipairs(bucket.objects[key] or {}) do
    if version.id == id then return version end
  end
end

--- Puts a version on top: beside the others with versioning enabled, else in place of the `null` one.
---@param service table
---@param bucket scw.emulator.s3.Bucket
---@param version scw.emulator.s3.Version without `id`, `order` and `modified`
---@param body? string nil for a delete marker
---@return scw.emulator.s3.Version
function versions.push(service, bucket, version, body)
  version.modified = service.now()
  version.order = service.storage:next_order(version.modified)
  if bucket.versioning == "Enabled" then
    version.id = tostring(version.order)
  else
    version.id = "null"
    local replaced = versions.find(bucket, version.key, "null")
    if replaced then service.storage:remove_version(bucket, replaced) end
  end
  service.storage:add_version(bucket, version, body)
  return version
end

--- The header that names a version; nothing in a bucket that never had versioning.
---@param bucket scw.emulator.s3.Bucket
---@param version scw.emulator.s3.Version
---@return string?
function versions.header(bucket, version)
  return bucket.versioning and version.id or nil
end

return versions
