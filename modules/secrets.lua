local scw = require "scw"

return scw.module {
  summary = "Secrets of an application, generated or given from outside. Their values live in Secret Manager only.",
  inputs = {
    generated = scw.map {
      of = scw.object { fields = { length = scw.int { default = 48, min = 16 } } }, default = {},
      doc = "Made while applying, by name: { SESSION_KEY = { length = 64 } }.",
    },
    given = scw.map {
      of = "string", secret = true, default = {}, doc = "Values of scw.secret_env or of a secret config, by name.",
    },
    protect = scw.bool { default = false, doc = "Refuse to delete them." },
  },
  outputs = {
    values = "The values by name, for `secrets` of services. Secret.",
  },
  build = function(scope, input)
    local folder, values = "/" .. scope.stack, {}
    for name, options in pairs(input.generated) do
      values[name] = scope:generated_secret(name, {
        name = name, path = folder, length = options.length, protected = input.protect,
      }).value
    end
    for name, value in pairs(input.given) do
      local secret = scope:secret(name, { name = name, path = folder, protected = input.protect })
      scope:secret_version(name, { secret = secret, data = value })
      values[name] = value
    end
    return { values = values }
  end,
}
