-- Production: two instances of everything, a standby database, long retention. The policies of lua/scw/policy hold here.
--   scwlua plan stacks/production.lua
local scw = require "scw"
local platform = require "modules.platform"

return scw.stack {
  name = "evalap-production",
  environment = "production",
  region = "fr-par",
  zone = "fr-par-1",
  project = scw.env("EVALAP_PRODUCTION_PROJECT_ID", nil), -- the credentials' default project when not set
  state = scw.s3 {
    bucket = "evalap-production-state", key = "production/scwlua.state", region = "fr-par",
    replica = { bucket = "evalap-production-state-nl", region = "nl-ams" },
  },
  tags = { "app=evalap", "environment=production" },

  build = function(stack)
    local evalap = stack:use("evalap", platform, {
      release = stack:config("release", { default = "stable", doc = "Tag of the images to run." }),
      domain = stack:config("domain", { required = false, format = "hostname", doc = "Domain of the services' own names." }),
      registry = "evalap-production",
      subnet = "10.40.0.0/22",
      database = {
        node_type = "DB-PRO2-XXS", high_availability = true, volume_type = "sbs_15k", volume_size = "50GB",
        backup_retention = 30, protect = true,
      },
      services = {
        documentation = { min_instances = 2, max_instances = 4 },
        runners = {
          min_instances = 2, max_instances = 20, memory = "4GB", cpu = 2000, timeout = "15m",
          schedules = { nightly = { cron = "0 2 * * *", path = "/schedules/nightly" } },
        },
        streamlit = { min_instances = 2, max_instances = 10, memory = "2GB", cpu = 1000 },
      },
      monitoring = {
        metrics_days = 365, logs_days = 90, traces_days = 31,
        alert_emails = stack:config("alert_emails", { type = "list", default = { "evalap-production@example.org" } }),
      },
      secrets = {
        generated = { SESSION_KEY = { length = 64 } },
        given = { MODEL_API_KEY = stack:config("model_api_key", { secret = true, required = false, doc = "Key of the models' API." }) },
        protect = true,
      },
      backups = {
        bucket = "evalap-production-backups",
        schedules = { weekly = "0 3 * * 0", monthly = "0 4 1 * *" },
        keep_days = { weekly = 90, monthly = 365 }, lock_days = 90,
      },
    })

    for name, url in pairs(evalap.urls) do stack:output(name .. "_url", url) end
    stack:output("registry", evalap.registry)
    stack:output("migration_job", evalap.migration)
    stack:output("alerts", evalap.alerts)
  end,
}
