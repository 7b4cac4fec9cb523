local scw = require "scw"

return scw.module {
  summary = "A private network of its own, so that databases need no public address.",
  inputs = {
    subnet = scw.str { required = true, format = "cidr", doc = "IPv4 range, such as 10.42.0.0/22." },
  },
  outputs = {
    network = "The private network: give it to databases and services.",
  },
  build = function(scope, input)
    local name = scope.stack .. "-" .. scope.name
    local vpc = scope:vpc("main", { name = name })
    local network = scope:private_network("main", { name = name, vpc = vpc, subnets = { input.subnet } })
    return { network = network }
  end,
}
