local schema = require "scw.schema"

local function probe(computed, doc)
  return schema.object {
    doc = doc, computed = computed or nil, one_of = { "tcp", "http" },
    fields = {
      tcp = schema.object { doc = "A connection to the port is enough: `{}`." },
      http = schema.object { fields = { path = schema.str { required = true, doc = "Path that has to answer." } } },
      interval = schema.duration { default = "10s", min = "1s", doc = "Time between two checks." },
      timeout = schema.duration { default = "1s", doc = "Time a check may take." },
      failure_threshold = schema.int { default = 30, min = 1, doc = "Failed checks in a row before it counts." },
    },
  }
end

return schema.type {
  name = "container",
  summary = "A container that Scaleway runs, scales and serves over HTTPS.",
  api = {
    path = "/containers/v1/regions/{region}/containers",
    list = { field = "containers", query = { project_id = "{project}" } },
  },

  fields = {
    namespace = schema.ref { to = "container_namespace", wire = "namespace_id", required = true, replace = true },
    name = schema.str { required = true, replace = true, max = 34, pattern = "^[A-Za-z0-9][A-Za-z0-9-]*$",
      doc = "Part of its host name." },
    image = schema.str { required = true, min = 1, doc = "Image reference, tag or digest included." },
    description = schema.str { default = "" },
    tags = schema.set { of = "string", default = {} },
    privacy = schema.str { enum = { "public", "private" }, default = "public", doc = "Private ones want an API key." },
    protocol = schema.str { enum = { "http1", "h2c" }, default = "http1", doc = "h2c for gRPC." },
    port = schema.int { min = 1, max = 65535, default = 8080, doc = "Port the program listens on." },
    min_scale = schema.int { min = 0, default = 0, soft_max = 50, doc = "Instances kept running." },
    max_scale = schema.int { min = 1, default = 5, soft_max = 50, doc = "Most instances." },
    memory_limit = schema.size { wire = "memory_limit_bytes", default = 2048000000, min = 1, doc = "Memory of one instance." },
    cpu_limit = schema.int { wire = "mvcpu_limit", default = 1000, min = 1, soft_min = 70, soft_max = 6000,
      doc = "Thousandths of a virtual CPU of one instance." },
    local_storage_limit = schema.size { wire = "local_storage_limit_bytes", default = 1000000000, doc = "Disk of one instance." },
    timeout = schema.duration { default = "300s", min = "1s", soft_max = "1h", doc = "Longest time of one request." },
    https_only = schema.bool { default = false, doc = "Redirect HTTP to HTTPS.",
      wire = { "https_connections_only", update = "https_connection_only" } }, -- the service spells it two ways
    sandbox = schema.str { enum = { "v1", "v2" }, default = "v2", doc = "v2 starts faster, v1 has every system call." },
    scaling = schema.object { wire = "scaling_option", default = { concurrent_requests_threshold = 50 },
      one_of = { "concurrent_requests_threshold", "cpu_usage_threshold", "memory_usage_threshold" },
      doc = "What makes it grow.",
      fields = {
        concurrent_requests_threshold = schema.int { min = 1, soft_max = 80, doc = "Requests at once on one instance." },
        cpu_usage_threshold = schema.int { min = 1, max = 100, doc = "Percent of CPU." },
        memory_usage_threshold = schema.int { min = 1, max = 100, doc = "Percent of memory." },
      } },
    liveness_probe = probe(true, "Restarts an instance that fails it."),
    startup_probe = probe(false, "An instance gets requests once it passed."),
    environment_variables = schema.map { of = "string", default = {}, key_max = 100, value_max = 1000,
      reserved = { "^PORT$", "^SCW_" }, secret_twin = "secret_environment_variables" },
    secret_environment_variables = schema.map { of = "string", secret = true, keep = true, key_max = 100, value_max = 65536,
      reserved = { "^PORT$", "^SCW_" }, doc = "Stored hashed, never readable." },
    private_network = schema.ref { to = "private_network", wire = "private_network_id", doc = "Network it can reach privately." },
    command = schema.list { of = "string", default = {}, doc = "Instead of the image's entrypoint." },
    args = schema.list { of = "string", default = {}, doc = "Arguments of the command." },
  },

  outputs = {
    url = schema.str { wire = "public_endpoint", doc = "Where it answers." },
    status = schema.str { doc = "ready, error, locked, or a passing state." },
  },

  ready = {
    field = "status", ok = { "ready" }, failed = { "error", "locked" }, reason = "error_message",
    timeout = "15m", poll = "5s", expected = "4s",
  },
  gone = { timeout = "10m", poll = "5s" },
  identity = { "namespace", "name" },
  rules = { { "min_scale must not exceed max_scale", function(c) return c.min_scale <= c.max_scale end } },
  permissions = { refresh = { "ContainersReadOnly" }, apply = { "ContainersFullAccess", "PrivateNetworksReadOnly" } },
}
