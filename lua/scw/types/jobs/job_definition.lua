local schema = require "scw.schema"

return schema.type {
  name = "job_definition",
  summary = "A job that runs a container image to its end, by hand or on a schedule.",
  scope = "project",
  api = {
    path = "/serverless-jobs/v1alpha2/regions/{region}/job-definitions",
    list = { field = "job_definitions", partial = true },
    parts = { { path = "/serverless-jobs/v1alpha2/regions/{region}/secrets", query = { job_definition_id = "{id}" }, field = "secrets",
      paged = false } },
  },

  fields = {
    name = schema.str { required = true, min = 1 },
    description = schema.str { default = "" },
    image = schema.str { wire = "image_uri", required = true, min = 1 },
    cpu_limit = schema.int { default = 1120, min = 1, soft_max = 6000, doc = "Thousandths of a virtual CPU." },
    memory_limit = schema.size { unit = "MiB", default = "2048MiB", min = "1MiB", doc = "Memory." },
    local_storage = schema.size { wire = "local_storage_capacity", unit = "MiB", default = "1000MiB", doc = "Disk." },
    command = schema.list { of = "string", wire = "startup_command", default = {}, doc = "Instead of the image's entrypoint." },
    args = schema.list { of = "string", default = {} },
    environment_variables = schema.map { of = "string", default = {}, value_max = 1000, secret_twin = "secrets" },
    timeout = schema.duration { wire = "job_timeout", default = "86400s", min = "1s", soft_max = "24h", doc = "Longest time of one run." },
    max_retries = schema.int { wire = "retry_policy.max_retries", computed = true, min = 0 },
    cron = schema.object { wire = "cron_schedule", clear = { schedule = "", timezone = "" }, fields = {
      schedule = schema.str { required = true, format = "cron" },
      timezone = schema.str { default = "UTC", doc = "Such as Europe/Paris." },
    } },
    secrets = schema.set { wire = { create = false, update = false, read = "secrets" }, after_create = true, update = "secrets",
      default = {}, doc = "Secrets of Secret Manager given to each run.",
      of = schema.object { one_of = { "env", "path" }, fields = {
        secret = schema.ref { to = "secret", wire = "secret_manager_id", required = true },
        version = schema.str { wire = "secret_manager_version", default = "latest", doc = "A number, or latest." },
        env = schema.str { wire = { "env_var_name", read = "env_var.name" }, doc = "As this environment variable …" },
        path = schema.str { wire = { read = "file.path" }, format = "path", doc = "… or as this file." },
      } } },
  },
  actions = {
    { name = "secrets", member_id = "secret_id",
      add = { path = "/serverless-jobs/v1alpha2/regions/{region}/secrets",
        body = { job_definition_id = "{id}", secrets = { "{member}" } } },
      remove = { path = "/serverless-jobs/v1alpha2/regions/{region}/secrets/{member}" } },
  },

  stop = { -- a definition with runs cannot be deleted
    list = { path = "/serverless-jobs/v1alpha2/regions/{region}/job-runs", query = { job_definition_id = "{id}" }, field = "job_runs" },
    busy = { field = "state", values = { "initialized", "validated", "queued", "running", "retrying", "interrupting" } },
    call = { method = "POST", path = "/serverless-jobs/v1alpha2/regions/{region}/job-runs/{member}/stop" },
    refusal = { status = 403, message = "still running" },
  },
  identity = { "name" },
  permissions = { refresh = { "ServerlessJobsReadOnly" }, apply = { "ServerlessJobsFullAccess", "SecretManagerReadOnly" } },
}
