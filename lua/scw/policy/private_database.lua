return {
  name = "private-database",
  summary = "Databases are reached over private networks only.",
  environments = { "production" },
  check = function(view, report)
    for _, instance in ipairs(view:of "rdb_instance") do
      local endpoints = view:fields(instance).endpoints
      if type(endpoints) ~= "table" or #endpoints == 0 then
        report(instance, "gets a public address, since it names no endpoints", "set endpoints = { { private_network = { network = … } } }")
      else
        for _, endpoint in ipairs(endpoints) do
          if not endpoint.private_network then report(instance, "has a public address", "leave load_balancer out of endpoints") end
        end
      end
    end
  end,
}
