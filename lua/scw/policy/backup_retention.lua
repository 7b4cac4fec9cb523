local DAYS = 30

return {
  name = "backup-retention",
  summary = "Databases are backed up daily, and backups are kept for 30 days.",
  environments = { "production" },
  check = function(view, report)
    for _, instance in ipairs(view:of "rdb_instance") do
      local fields = view:fields(instance)
      if fields.backup_disabled ~= false then
        report(instance, "is not backed up", "leave backup_disabled out")
      elseif type(fields.backup_retention) ~= "number" or fields.backup_retention < DAYS then
        report(instance, ("keeps backups for %s days, at least %d are needed"):format(tostring(fields.backup_retention), DAYS),
          ("set backup_retention = %d or more"):format(DAYS))
      elseif type(fields.backup_frequency) ~= "number" or fields.backup_frequency > 24 then
        report(instance, "is backed up less than once a day", "set backup_frequency = 24 or less")
      end
    end
  end,
}
