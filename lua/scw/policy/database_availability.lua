return {
  name = "database-availability",
  summary = "Every database has a standby.",
  environments = { "production" },
  check = function(view, report)
    for _, instance in ipairs(view:of "rdb_instance") do
      if view:fields(instance).high_availability ~= true then
        report(instance, "has no standby", "set high_availability = true")
      end
    end
  end,
}
