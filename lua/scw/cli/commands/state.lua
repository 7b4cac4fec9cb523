local errors = require "scw.errors"
local options = require "scw.cli.options"

--- Opens the state of the stack that the command line names and hands it to `show`.
local function with_state(context, show)
  local workspace <close>, err = require("scw.cli.workspace").open(context)
  if not workspace then return nil, err end
  local session, state
  session, err = workspace:session()
  if not session then return nil, err end
  state, err = session:state()
  if not state then return nil, err end
  return show(context, state)
end

local function list(context, state)
  require("scw.ui.state").list(state, context.console)
  return 0
end

local function show(context, state)
  local view = require "scw.ui.state"
  local wanted = context.options.address
  local record = (state.resources or {})[wanted]
  if not record then
    return nil, errors.new({
      code = "INFRA_004", kind = "not_found", message = ("the state has no resource '%s'"):format(wanted),
      hint = require("scw.suggest").hint(wanted, view.addresses(state)) or "'scwlua state list' shows them",
    })
  end
  view.show(record, context.console)
  return 0
end

return {
  name = "state",
  group = "Look", order = 2,
  summary = "Look into the recorded state.",
  commands = {
    list = {
      name = "state list",
      summary = "List the recorded resources: address, type, id, status.",
      arguments = { options.stack_argument },
      options = options.stack,
      examples = { { "scwlua state list stacks/staging.lua", "everything the stack made" } },
      run = function(context) return with_state(context, list) end,
    },
    show = {
      name = "state show",
      summary = "Show all that is recorded about one resource; secrets are not in the state.",
      arguments = { options.stack_argument, { name = "ADDRESS", doc = "The resource, such as db/rdb_instance.main." } },
      options = options.stack,
      examples = { { "scwlua state show stacks/staging.lua db/rdb_instance.main", "its id, inputs and outputs" } },
      run = function(context) return with_state(context, show) end,
    },
  },
}
