local scw = require "scw"

--- All entries of the tables; later ones win.
local function merge(...)
  local result = {}
  for _, entries in ipairs { ... } do
    for name, value in pairs(entries) do result[name] = value end
  end
  return result
end

return scw.module {
  summary = "A web service: a container that is scaled, probed, monitored, and reached over HTTPS.",
  inputs = {
    namespace = scw.ref { to = "container_namespace", required = true },
    image = scw.str { required = true, doc = "Image reference, tag or digest included." },
    port = scw.int { default = 8080, min = 1, max = 65535 },
    min_instances = scw.int { default = 0, min = 0, doc = "0 lets it sleep while nobody asks." },
    max_instances = scw.int { default = 2, min = 1 },
    memory = scw.size { default = "1GB", doc = "Of one instance." },
    cpu = scw.int { default = 500, min = 70, max = 6000, doc = "Thousandths of a virtual CPU of one instance." },
    timeout = scw.duration { default = "300s", doc = "Longest time of one request." },
    health_path = scw.str { default = "/", format = "path", doc = "Answers once the service is up." },
    private = scw.bool { default = false, doc = "Only callers with an API key are let in." },
    environment = scw.map { of = "string", default = {} },
    secrets = scw.map { of = "string", secret = true, default = {}, doc = "Secret environment." },
    telemetry = scw.object {
      doc = "What the monitoring module gives.",
      fields = {
        environment = scw.map { of = "string", default = {} },
        secrets = scw.map { of = "string", secret = true, default = {} },
      },
      default = { environment = {}, secrets = {} },
    },
    network = scw.ref { to = "private_network", doc = "Network it reaches privately: the database's." },
    hostname = scw.str { format = "hostname", doc = "A name of your own; it has to be a CNAME of the service's host." },
    schedules = scw.map {
      of = scw.object { fields = {
        cron = scw.str { required = true, format = "cron" },
        path = scw.str { required = true, format = "path" },
      } },
      default = {}, doc = "Requests made to it on a schedule, by name.",
    },
  },
  outputs = {
    container = "The container.",
    url = "Where it answers.",
  },
  build = function(scope, input)
    local probe = { http = { path = input.health_path }, interval = "10s", timeout = "5s" }

    local container = scope:container("main", {
      namespace = input.namespace,
      name = scope.name,
      image = input.image,
      port = input.port,
      min_scale = input.min_instances,
      max_scale = input.max_instances,
      memory_limit = input.memory,
      cpu_limit = input.cpu,
      timeout = input.timeout,
      privacy = input.private and "private" or "public",
      https_only = true,
      startup_probe = probe,
      liveness_probe = probe,
      private_network = input.network,
      environment_variables = merge(input.telemetry.environment, input.environment, {
        ENVIRONMENT = scope.environment, SERVICE_NAME = scope.name,
      }),
      secret_environment_variables = merge(input.telemetry.secrets, input.secrets),
    })

    for name, schedule in pairs(input.schedules) do
      scope:container_trigger(name, {
        container = container, name = name, cron = { schedule = schedule.cron, timezone = "Europe/Paris" },
        destination = { http_path = schedule.path, http_method = "post" },
      })
    end

    local url = container.url
    if input.hostname then
      local domain = scope:container_domain("main", { container = container, hostname = input.hostname })
      url = "https://" .. domain.hostname
    end
    return { container = container, url = url }
  end,
}
