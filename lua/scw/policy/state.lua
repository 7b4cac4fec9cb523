return {
  name = "state",
  summary = "The state is sealed, and kept where everybody finds its lock.",
  environments = { "production" },
  check = function(view, report)
    local state = view.stack.state
    if not state or state.kind ~= "s3" then
      report(nil, "the state is a file: others neither see it nor its lock", "state = scw.s3 { bucket = …, key = … }")
    end
    if state and not state.sealed then report(nil, "the state is not sealed", "leave `sealed` out") end
  end,
}
