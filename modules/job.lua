local scw = require "scw"

return scw.module {
  summary = "A job: an image that runs to its end, by hand or on a schedule, with secrets from Secret Manager.",
  inputs = {
    purpose = scw.str { required = true, doc = "What it does." },
    image = scw.str { required = true, doc = "Image reference, tag or digest included." },
    command = scw.list { of = "string", default = {}, doc = "Instead of the image's entrypoint." },
    args = scw.list { of = "string", default = {} },
    environment = scw.map { of = "string", default = {} },
    secrets = scw.map { of = scw.ref { to = "secret" }, default = {}, doc = "Secrets, by the environment variable that gets each." },
    schedule = scw.str { format = "cron", doc = "Only by hand when not given." },
    timeout = scw.duration { default = "30m", doc = "Longest time of one run." },
    memory = scw.size { default = "1024MiB" },
    cpu = scw.int { default = 560, min = 70, doc = "Thousandths of a virtual CPU." },
  },
  outputs = {
    definition = "The job definition: starting it runs the job.",
  },
  build = function(scope, input)
    local secrets = {}
    for variable, secret in pairs(input.secrets) do
      secrets[#secrets + 1] = { secret = secret, env = variable }
    end
    local definition = scope:job_definition("main", {
      name = scope.stack .. "-" .. scope.name,
      description = input.purpose,
      image = input.image,
      command = input.command,
      args = input.args,
      environment_variables = input.environment,
      secrets = secrets,
      cron = input.schedule and { schedule = input.schedule, timezone = "Europe/Paris" } or nil,
      timeout = input.timeout,
      memory_limit = input.memory,
      cpu_limit = input.cpu,
    })
    return { definition = definition }
  end,
}
