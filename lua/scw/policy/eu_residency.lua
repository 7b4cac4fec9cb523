local REGIONS = { ["fr-par"] = true, ["nl-ams"] = true, ["pl-waw"] = true, ["it-mil"] = true }

local function is_european(place)
  return type(place) == "string" and REGIONS[place:match("^%l+%-%l+")] == true
end

return {
  name = "eu-residency",
  summary = "Data stays in the European Union.",
  environments = { "production" },
  check = function(view, report)
    for _, declaration in ipairs(view.declarations) do
      local locality = view:type(declaration).locality
      local place = locality == "zone" and declaration.zone or locality == "region" and declaration.region
      if locality ~= "global" and not is_european(place) then
        report(declaration, place and ("is in %s"):format(place) or ("says no %s"):format(locality),
          "regions of the European Union are fr-par, it-mil, nl-ams, pl-waw")
      end
    end
    local state = view.stack.state
    if state and state.kind == "s3" and not state.endpoint and not is_european(state.region or view.stack.region) then
      report(nil, ("the state is kept in %s"):format(tostring(state.region or view.stack.region)))
    end
    local replica = state and state.replica
    if replica and not replica.endpoint and not is_european(replica.region) then
      report(nil, ("the replica of the state is kept in %s"):format(replica.region))
    end
  end,
}
