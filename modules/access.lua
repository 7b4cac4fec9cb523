local scw = require "scw"

return scw.module {
  summary = "A program's identity: an IAM application that may do only what it needs, and a key kept in Secret Manager.",
  inputs = {
    purpose = scw.str { required = true, max = 200, doc = "What the program does; shown in the console." },
    permissions = scw.set { of = "string", required = true, min = 1, doc = "Permission sets, such as ObjectStorageObjectsWrite." },
    project = scw.ref { to = "account_project", required = true, doc = "The only project the permissions hold in." },
    expires_at = scw.str { format = "timestamp", doc = "When the key ends. A new time moves the end of the same key." },
    rotation = scw.int { default = 1, min = 1, doc = "Another number replaces the key and the secret's version, new before old." },
  },
  outputs = {
    application = "The application.",
    access_key = "The name of its key, for Object Storage.",
    secret_key = "The key itself. Secret.",
    secret = "The secret that holds the key, for what reads Secret Manager itself.",
  },
  build = function(scope, input)
    local name = scope.stack .. "-" .. scope.name
    local application = scope:iam_application("main", { name = name, description = input.purpose })
    local policy = scope:iam_policy("main", {
      name = name, description = input.purpose, application = application,
      rules = { { permission_sets = input.permissions, projects = { input.project } } },
    })
    local key = scope:iam_api_key("main", {
      application = application, description = name, default_project = input.project, expires_at = input.expires_at,
    }, { depends_on = policy, replace_on = { input.rotation } })

    local secret = scope:secret("key", {
      name = scope.name .. "-api-key", path = "/" .. scope.stack, description = "API key of " .. name,
    })
    local version = scope:secret_version("key", { secret = secret, data = key.secret_key })

    return { application = application, access_key = key.access_key, secret_key = version.value, secret = secret }
  end,
}
