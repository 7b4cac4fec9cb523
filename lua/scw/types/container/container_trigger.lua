local schema = require "scw.schema"

return schema.type {
  name = "container_trigger",
  summary = "Calls a container on a schedule, or for each message of a queue.",
  api = {
    path = "/containers/v1/regions/{region}/triggers",
    list = { field = "triggers", query = { project_id = "{project}" } },
  },

  fields = {
    container = schema.ref { to = "container", wire = "container_id", required = true, replace = true },
    name = schema.str { required = true, min = 1 },
    description = schema.str { default = "" },
    tags = schema.set { of = "string", default = {} },
    destination = schema.object { wire = "destination_config", default = { http_path = "/", http_method = "post" },
      doc = "The request it makes.",
      fields = {
        http_path = schema.str { default = "/", format = "path" },
        http_method = schema.str { default = "post", enum = { "get", "post", "put", "patch", "delete" } },
      } },
    cron = schema.object { wire = "cron_config", replace = "presence", doc = "On a schedule.",
      fields = {
        schedule = schema.str { required = true, format = "cron" },
        timezone = schema.str { default = "UTC", doc = "Such as Europe/Paris." },
        body = schema.str { default = "", doc = "Body of the request." },
        headers = schema.map { of = "string", default = {} },
      } },
    sqs = schema.object { wire = "sqs_config", replace = "presence", doc = "For each message of an SQS queue.",
      fields = {
        region = schema.str {}, endpoint = schema.str { required = true }, queue_url = schema.str { required = true },
        access_key_id = schema.str { required = true },
        secret_access_key = schema.str { required = true, secret = true },
      } },
    nats = schema.object { wire = "nats_config", replace = "presence", doc = "For each message of a NATS subject.",
      fields = {
        server_urls = schema.list { of = "string", required = true, min = 1, max = 5 },
        subject = schema.str { required = true },
        credentials_file_content = schema.str { required = true, secret = true },
      } },
  },
  one_of = { { "cron", "sqs", "nats" } },

  outputs = { status = schema.str { doc = "ready, error, locked, or a passing state." } },

  ready = {
    field = "status", ok = { "ready" }, failed = { "error", "locked" }, reason = "error_message",
    timeout = "5m", poll = "5s", expected = "2s",
  },
  gone = { timeout = "5m", poll = "5s" },
  identity = { "container", "name" },
  permissions = { refresh = { "ContainersReadOnly" }, apply = { "ContainersFullAccess" } },
}
