return {
  name = "monitoring",
  summary = "Every component is monitored, and somebody is told when it fails.",
  environments = { "production" },
  check = function(view, report)
    local kinds = {}
    for _, store in ipairs(view:of "cockpit_data_source") do kinds[view:fields(store).type] = true end
    for _, kind in ipairs { "metrics", "logs" } do
      if not kinds[kind] then report(nil, ("the stack has no store for %s"):format(kind), "declare a cockpit_data_source") end
    end
    if #view:of "cockpit_alert_manager" == 0 then
      report(nil, "the stack has no alert manager", "declare a cockpit_alert_manager")
    elseif #view:of "cockpit_contact_point" == 0 then
      report(nil, "nobody is told about alerts", "declare a cockpit_contact_point")
    end
    for _, container in ipairs(view:of "container") do
      if not view:refers_to(container.fields.environment_variables, "cockpit_data_source") then
        report(container, "sends its metrics and logs nowhere", "give it the address of a cockpit_data_source in environment_variables")
      end
    end
  end,
}
