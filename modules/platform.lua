local scw = require "scw"
local access = require "modules.access"
local job = require "modules.job"
local monitoring = require "modules.monitoring"
local network = require "modules.network"
local postgres = require "modules.postgres"
local registry = require "modules.registry"
local secrets = require "modules.secrets"
local service = require "modules.service"
local storage = require "modules.storage"

--- What the three services are, whatever the environment.
local SERVICES = {
  documentation = { port = 8080, health_path = "/" },
  runners = { port = 8000, health_path = "/health", database_user = "runners", private = true },
  streamlit = { port = 8501, health_path = "/_stcore/health", database_user = "streamlit" },
}

--- What each of them, and each job, may do in the database.
local USERS = { migrations = "all", backup = "readonly", runners = "readwrite", streamlit = "readonly" }

--- A copy of the inputs with more of them.
local function with(inputs, more)
  local result = {}
  for name, value in pairs(inputs or {}) do result[name] = value end
  for name, value in pairs(more) do result[name] = value end
  return result
end

return scw.module {
  summary = "The EvalAP platform: services, database, secrets, monitoring, network, registry, backups, access.",
  inputs = {
    release = scw.str { required = true, doc = "Tag of the images that run." },
    registry = scw.str { required = true, doc = "Name of the image registry: unique in the region among all customers." },
    subnet = scw.str { required = true, format = "cidr", doc = "Of the private network." },
    database = scw.any { required = true, doc = "Further inputs of modules.postgres." },
    services = scw.any { required = true, doc = "By service, further inputs of modules.service." },
    monitoring = scw.any { required = true, doc = "Inputs of modules.monitoring." },
    secrets = scw.any { required = true, doc = "Inputs of modules.secrets; runners and streamlit get the values." },
    backups = scw.object { required = true, doc = "Dumps beside the database's own daily backups.", fields = {
      bucket = scw.str { required = true, doc = "Unique in the world." },
      schedules = scw.map {
        of = scw.str { format = "cron" }, required = true, doc = "When to dump, by folder: { weekly = \"0 3 * * 0\" }.",
      },
      keep_days = scw.map { of = "int", required = true, doc = "How long to keep, by folder." },
      lock_days = scw.int { min = 1 },
      force_destroy = scw.bool { default = false },
    } },
    domain = scw.str { format = "hostname", doc = "The services get names in it, once those are CNAMEs of their hosts." },
  },
  outputs = {
    urls = "By service: where it answers.",
    registry = "Where images are pushed.",
    migration = "The job that migrates the database.",
    alerts = "Address of the alert manager.",
  },
  build = function(scope, input)
    local images = scope:use("registry", registry, { name = input.registry })
    local function image(name) return images.endpoint .. "/" .. name .. ":" .. input.release end
    local project = images.namespace.project

    local private = scope:use("network", network, { subnet = input.subnet }).network
    local cockpit = scope:use("monitoring", monitoring, input.monitoring)
    local application = scope:use("secrets", secrets, input.secrets)
    local database = scope:use("database", postgres, with(input.database, {
      network = private, database = "evalap", users = USERS,
    }))

    -- The database's schema, moved forward by Alembic.
    local migration = scope:use("migration", job, {
      purpose = "Brings the database schema to the release",
      image = image "runners",
      command = { "alembic" }, args = { "upgrade", "head" },
      secrets = { DATABASE_URL = database.url_secrets.migrations },
    }, { depends_on = database.ready.migrations })

    -- The services.
    local space = scope:container_namespace("services", { name = scope.stack, description = "Services of " .. scope.stack })
    local urls = {}
    for name, facts in pairs(SERVICES) do
      local user = facts.database_user
      local app = scope:use(name, service, with(input.services[name], {
        namespace = space,
        image = image(name),
        port = facts.port,
        health_path = facts.health_path,
        private = facts.private,
        network = private,
        telemetry = cockpit.telemetry,
        secrets = user and with(application.values, { DATABASE_URL = database.urls[user] }) or nil,
        hostname = input.domain and name .. "." .. input.domain or nil,
      }), { depends_on = user and database.ready[user] or nil })
      urls[name] = app.url
    end

    -- Dumps of the database, written by a program that may do nothing else.
    local dumps = scope:use("backups", storage, {
      name = input.backups.bucket,
      keep_days = input.backups.keep_days,
      lock_days = input.backups.lock_days,
      force_destroy = input.backups.force_destroy,
    })
    local writer = scope:use("backup-writer", access, {
      purpose = "Writes database dumps to the backup bucket",
      permissions = { "ObjectStorageObjectsWrite" },
      project = project,
    })
    for folder, schedule in pairs(input.backups.schedules) do
      scope:use("backup-" .. folder, job, {
        purpose = "Dumps the database, " .. folder,
        image = image "backup",
        args = { folder },
        schedule = schedule,
        environment = { BUCKET = dumps.name, S3_ENDPOINT = dumps.endpoint, AWS_ACCESS_KEY_ID = writer.access_key },
        secrets = { DATABASE_URL = database.url_secrets.backup, AWS_SECRET_ACCESS_KEY = writer.secret },
      }, { depends_on = { database.ready.backup, writer } })
    end

    -- What the delivery pipeline may do: push images, roll out containers, start the migration.
    scope:use("deployer", access, {
      purpose = "Pushes images and deploys releases",
      permissions = { "ContainerRegistryFullAccess", "ContainersFullAccess", "ServerlessJobsFullAccess" },
      project = project,
    })

    return { urls = urls, registry = images.endpoint, migration = migration.definition.id, alerts = cockpit.alerts }
  end,
}
