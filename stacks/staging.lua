-- Staging: everything production has, as small as it goes.
--   scwlua apply --emulator stacks/staging.lua
local scw = require "scw"
local platform = require "modules.platform"

return scw.stack {
  name = "evalap-staging",
  environment = "staging",
  region = "fr-par",
  zone = "fr-par-2",
  project = scw.env("EVALAP_STAGING_PROJECT_ID", nil), -- the credentials' default project when not set
  state = scw.s3 { bucket = "evalap-staging-state", key = "staging/scwlua.state", region = "fr-par" },
  tags = { "app=evalap", "environment=staging" },

  build = function(stack)
    local evalap = stack:use("evalap", platform, {
      release = stack:config("release", { default = "main", doc = "Tag of the images to run." }),
      domain = stack:config("domain", { required = false, format = "hostname", doc = "Domain of the services' own names." }),
      registry = "evalap-staging",
      subnet = "10.42.0.0/22",
      database = { node_type = "DB-DEV-S", backup_retention = 7 },
      services = {
        documentation = { max_instances = 1, memory = "512MB", cpu = 280 },
        runners = { max_instances = 2, schedules = { nightly = { cron = "0 2 * * *", path = "/schedules/nightly" } } },
        streamlit = { max_instances = 1 },
      },
      monitoring = {
        metrics_days = 31, logs_days = 7, traces_days = 7,
        alert_emails = stack:config("alert_emails", { type = "list", default = { "evalap-staging@example.org" } }),
      },
      secrets = {
        generated = { SESSION_KEY = { length = 64 } },
        given = { MODEL_API_KEY = stack:config("model_api_key", { secret = true, required = false, doc = "Key of the models' API." }) },
      },
      backups = {
        bucket = "evalap-staging-backups",
        schedules = { weekly = "0 3 * * 0" }, keep_days = { weekly = 14 }, force_destroy = true,
      },
    })

    for name, url in pairs(evalap.urls) do stack:output(name .. "_url", url) end
    stack:output("registry", evalap.registry)
    stack:output("migration_job", evalap.migration)
  end,
}
