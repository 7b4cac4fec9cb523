--- Who holds one of these can give itself everything.
local MASTERS = {
  IAMManager = true, IAMPolicyManager = true, IAMApplicationManager = true, IAMGroupManager = true, IAMUserManager = true,
  OrganizationManager = true, ProjectManager = true, AllProductsFullAccess = true, BillingManager = true,
}

--- Sets of the organisation itself start like this; only there can they be granted. All others belong in projects.
local OF_ORGANIZATIONS = { "^IAM", "^Organization", "^Project", "^Billing", "^AuditTrail" }

local function belongs_to_organization(set)
  for _, beginning in ipairs(OF_ORGANIZATIONS) do
    if set:find(beginning) then return true end
  end
  return false
end

return {
  name = "least-privilege",
  summary = "Programs may do what they need, in their own project, and nothing is public.",
  environments = { "production" },
  check = function(view, report)
    for _, policy in ipairs(view:of "iam_policy") do
      local rules = policy.fields.rules
      for index, rule in ipairs(type(rules) == "table" and rules or {}) do
        for _, set in ipairs(type(rule.permission_sets) == "table" and rule.permission_sets or {}) do
          if type(set) ~= "string" then
            report(policy, ("rules[%d]: permission sets have to be known now"):format(index))
          elseif MASTERS[set] then
            report(policy, ("rules[%d] grants %s"):format(index, set), "name the permission sets of the products it works with")
          elseif rule.organization and not belongs_to_organization(set) then
            report(policy, ("rules[%d] grants %s in the whole organisation"):format(index, set),
              "grant it in one project: projects = { … }")
          end
        end
      end
      if policy.fields.user then
        report(policy, "belongs to a person", "policies of a stack belong to applications")
      end
    end
    for _, bucket in ipairs(view:of "bucket") do
      if view:fields(bucket).acl ~= "private" then report(bucket, "is public", "leave acl out") end
    end
    for _, namespace in ipairs(view:of "registry_namespace") do
      if view:fields(namespace).is_public ~= false then report(namespace, "is public", "leave is_public out") end
    end
  end,
}
