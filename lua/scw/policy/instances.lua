local LEAST = 2

return {
  name = "instances",
  summary = "Every service keeps at least 2 instances running.",
  environments = { "production" },
  check = function(view, report)
    for _, container in ipairs(view:of "container") do
      local instances = view:fields(container).min_scale
      if type(instances) ~= "number" or instances < LEAST then
        local count = type(instances) == "number" and tostring(instances) or "an unknown number of"
        report(container, ("keeps %s instances, at least %d are needed"):format(count, LEAST), ("set min_scale = %d or more"):format(LEAST))
      end
    end
  end,
}
