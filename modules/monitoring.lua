local scw = require "scw"

return scw.module {
  summary = "Stores for metrics, logs and traces, a token to fill them, and who is told when something is wrong.",
  inputs = {
    metrics_days = scw.int { default = 31, min = 1, doc = "Days metrics are kept." },
    logs_days = scw.int { default = 7, min = 1, doc = "Days logs are kept." },
    traces_days = scw.int { default = 7, min = 1, doc = "Days traces are kept." },
    alert_emails = scw.list { of = "string", required = true, min = 1, doc = "Who gets the alerts." },
  },
  outputs = {
    telemetry = "Where services send metrics, logs and traces, and the token for it: give it to each service.",
    alerts = "Address of the alert manager.",
  },
  build = function(scope, input)
    local function store(kind, days)
      return scope:cockpit_data_source(kind, { name = scope.stack .. "-" .. kind, type = kind, retention_days = days })
    end
    local metrics = store("metrics", input.metrics_days)
    local logs = store("logs", input.logs_days)
    local traces = store("traces", input.traces_days)

    local token = scope:cockpit_token("push", {
      name = scope.stack .. "-push", scopes = { "write_only_metrics", "write_only_logs", "write_only_traces" },
    })
    local secret = scope:secret("token", {
      name = "cockpit-push-token", path = "/" .. scope.stack, description = "Token to send metrics, logs and traces",
    })
    local version = scope:secret_version("token", { secret = secret, data = token.secret_key })

    local alerts = scope:cockpit_alert_manager("main")
    for index, email in ipairs(input.alert_emails) do
      scope:cockpit_contact_point("contact-" .. index, { alert_manager = alerts, email = email })
    end

    return {
      telemetry = {
        environment = {
          METRICS_PUSH_URL = metrics.url .. "/api/v1/push",
          LOGS_PUSH_URL = logs.url .. "/loki/api/v1/push",
          TRACES_PUSH_URL = traces.url .. "/otlp/v1/traces",
        },
        secrets = { COCKPIT_TOKEN = version.value }, -- the token itself is told only once, its secret whenever it is needed
      },
      alerts = alerts.url,
    }
  end,
}
