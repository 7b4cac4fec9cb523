--- Buckets and objects: the same functions as the control plane's driver, over S3.
local object_storage = require "scw.api.object_storage"

local driver = {}

local BY_TYPE = { bucket = "scw.engine.driver.bucket", object = "scw.engine.driver.object" }

--- The storage of a place. The project is only named to Scaleway: other services know no such thing.
local function storage_of(client, place)
  local project = not client.credentials.s3_endpoint and place.project or nil
  return object_storage.new(client, { region = place.region, project = project })
end

local function kind_of(type)
  return require(BY_TYPE[type.name])
end

function driver.create(client, type, values, place, on_created, options)
  return kind_of(type).create(storage_of(client, place), type, values, on_created, options)
end

function driver.read(client, type, record)
  return kind_of(type).read(storage_of(client, record.place or {}), type, record)
end

function driver.list() return {} end

function driver.update(client, type, record, values, changes, options)
  return kind_of(type).update(storage_of(client, record.place or {}), type, record, values, changes, options)
end

function driver.delete(client, type, record, options)
  return kind_of(type).delete(storage_of(client, record.place or {}), type, record, options)
end

function driver.find(client, type, values, place, options)
  return kind_of(type).find(storage_of(client, place), values, options)
end

function driver.fetch() return nil end

function driver.wait_ready(client, type, record) return driver.read(client, type, record) end

return driver
