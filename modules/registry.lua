local scw = require "scw"

return scw.module {
  summary = "A private namespace for container images.",
  inputs = {
    name = scw.str { required = true, doc = "Unique in the region among all customers." },
  },
  outputs = {
    namespace = "The registry namespace.",
    endpoint = "Where images are pushed and pulled: rg.<region>.scw.cloud/<name>.",
  },
  build = function(scope, input)
    local namespace = scope:registry_namespace("main", {
      name = input.name, description = "Images of " .. scope.stack, is_public = false,
    })
    return { namespace = namespace, endpoint = namespace.endpoint }
  end,
}
