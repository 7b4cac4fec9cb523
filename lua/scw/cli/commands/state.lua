local core = require "core"
local errors = require "scw.errors"
local options = require "scw.cli.options"
local text = require "scw.text"

local at = { name = "--at", value = "DEPLOYMENT", doc = "As that deployment left it: its id, or the beginning of it." }
local address = { name = "ADDRESS", doc = "The resource, such as db/rdb_instance.main." }

--- Opens the stack that the command line names and hands its session to `act`. Its resources are not needed: looking back, and putting
--- the state right, work while they cannot be evaluated.
---@param act fun(context: scw.Context, session: scw.Session, workspace: scw.Workspace): integer|nil, scw.Error|nil
---@return fun(context: scw.Context): integer|nil, scw.Error|nil
local function with_session(act)
  return function(context)
    local workspace <close>, err = require("scw.cli.workspace").open(context)
    if not workspace then return nil, err end
    local session
    session, err = workspace:session(true)
    if not session then return nil, err end
    return act(context, session, workspace)
  end
end

--- The same with the state: the present one, or that of `--at`.
---@param show fun(context: scw.Context, state: scw.state.Document, name: string): integer|nil, scw.Error|nil
local function with_state(show)
  return with_session(function(context, session)
    local state, name = require("scw.engine.past").document(session, context.options.at)
    if not state then return nil, name end
    return show(context, state, name)
  end)
end

--- The result for programs, or the sentence for people.
local function tell(context, public, sentence)
  if context.options.json then context.console:data(public, { indent = 2 }) else context.console:print(sentence) end
  return 0
end

local function list(context, state)
  require("scw.ui.state").list(state, context.console)
  return 0
end

local function show(context, state)
  local record, err = require("scw.engine.amend").find(state, context.options.address)
  if not record then return nil, err end
  require("scw.ui.state").show(record, context.console)
  return 0
end

local function status(context, session)
  local seen, err = session:status()
  if not seen then return nil, err end
  local view, console = require "scw.ui.status", context.console
  if console.json then
    console:data(view.public(seen, session.stack, context.options), { indent = 2 })
  else
    console:print(view.lines(seen, session.stack, console.style))
  end
  return (seen.lock == "damaged" or require("scw.state.status").is_damaged(seen)) and 1 or 0
end

local function history(context, session)
  local view, records, err = require "scw.ui.history", require("scw.engine.past").records(session)
  if not records then return nil, err end
  local console = context.console
  if console.json then
    console:data(view.public(records), { indent = 2 })
  else
    console:print(view.lines(records, console.style))
  end
  return 0
end

--- Shows what differs between two versions of the state.
---@param ends { name: string, serial: integer, document: scw.state.Document }[]
local function compare(context, session, ends)
  local view = require "scw.ui.history"
  local comparison = {
    stack = session.stack.name, from = ends[1], to = ends[2],
    difference = require("scw.state.difference").of(ends[1].document, ends[2].document),
  }
  local console = context.console
  if console.json then
    console:data(view.public_difference(comparison), { indent = 2 })
  else
    console:print(view.difference(comparison, console.style))
  end
  return 0
end

local function diff(context, session)
  local past = require "scw.engine.past"
  local ends = {}
  for index, word in ipairs({ context.options.from, context.options.to or past.NOW }) do
    local document, name = past.document(session, word)
    if not document then return nil, name end
    ends[index] = { name = name, serial = document.serial, document = document }
  end
  return compare(context, session, ends)
end

--- Shows what differs between the state and its replica.
local function compare_sides(context, session)
  local versions, err = session.store:versions()
  if not versions then return nil, err end
  local ends = {}
  for index, version in ipairs(versions) do
    ends[index] = { name = version.role, serial = version.document.serial, document = version.document }
  end
  context.console:note(text.state.relation(versions[1].relation))
  return compare(context, session, ends)
end

local function resolve(context, session)
  local amend, keep = require "scw.engine.amend", context.options.keep
  local opened, ok, agreed, record, err
  opened, err = session:place()
  if not opened then return nil, err end
  if not opened.backend.sides then
    return nil, errors.new({
      code = "INFRA_001", kind = "usage", message = text.state.no_replica, source = session.stack.state.source,
    })
  end
  if not keep then return compare_sides(context, session) end
  ok, err = amend.check_resolve(session)
  if not ok then return nil, err end
  agreed, err = require("scw.cli.confirm")(context, text.state.resolve_question(keep), text.state.resolve_needs_yes)
  if err then return nil, err end
  if not agreed then
    context.console:print(text.apply.refused)
    return 1
  end
  record, err = amend.resolve(session)
  if not record then return nil, err end
  return tell(context, { deployment = record.id, serial = record.serial, kept = keep }, text.state.resolved(keep, record.serial))
end

local function count_of(map)
  local count = 0
  for _ in pairs(map) do count = count + 1 end
  return count
end

local function pull(context, state)
  local console, out = context.console, context.options.out
  local packed = require("scw.state.model").pack(state)
  if not out then
    console:note(text.state.unsealed)
    console:data(packed, { indent = 2 })
    return 0
  end
  local ok, failure = core.file_write(out, assert(require("scw.json").encode(packed, { indent = 2 })) .. "\n")
  if not ok then return nil, errors.wrap(failure, "cannot write " .. out) end
  console:note(text.state.unsealed)
  local count = count_of(state.resources)
  return tell(context, { file = out, lineage = state.lineage, serial = state.serial, resources = count },
    text.state.pulled(out, state.serial, count))
end

--- The document in a file, as `state pull` wrote it.
---@param path string
---@return scw.state.Document|nil, scw.Error|nil
local function read_document(path)
  local bytes, failure = core.file_read(path)
  if not bytes then return nil, errors.new({ code = "INFRA_001", kind = failure.kind, message = failure.message }) end
  local packed
  packed, failure = require("scw.json").decode(bytes)
  if type(packed) ~= "table" then
    return nil, errors.new({
      code = "INFRA_001", kind = "invalid", message = ("%s is not JSON: %s"):format(path, failure and failure.message or "no document"),
      hint = ("push what `%s state pull STACK` wrote"):format(core.program),
    })
  end
  packed.kind, packed.nonce = nil, nil -- of a state that was stored without a seal
  local document, err = require("scw.state.model").unpack(packed)
  if not document then
    return nil, errors.new({ code = "INFRA_001", kind = "invalid", message = ("%s: %s"):format(path, err.message), hint = err.hint })
  end
  return document
end

local function push(context, session)
  local document, err = read_document(context.options.file)
  if not document then return nil, err end
  local record, account
  record, err, account = require("scw.engine.amend").push(session, document, context.options.force)
  if not record then return nil, err end
  local count = count_of(document.resources)
  return tell(context, {
    deployment = record.id, lineage = document.lineage, serial = record.serial, resources = count,
    dropped = core.array(account.dropped), kept = account.kept,
  }, text.state.pushed(record.serial, count))
end

local function rekey(context, session)
  session:place() -- finds the keys, and what is to be said of them first
  for _, warning in ipairs(session.warnings) do context.console:note(text.warning(warning.message)) end
  local done, err = require("scw.engine.rekey").run(session)
  if not done then return nil, err end
  for _, place in ipairs(done.damaged) do context.console:note(text.warning(text.state.not_resealed(place))) end
  local public = {
    deployment = done.deployment, serial = done.serial, resealed = done.resealed, recipients = core.array(done.recipients),
    damaged = core.array(done.damaged),
  }
  return tell(context, public, text.state.rekeyed(done.resealed, done.recipients))
end

--- Does the stack declare a resource? nil when its resources cannot be evaluated: putting the state right does not depend on that.
---@return boolean|nil
local function is_declared(workspace, wanted)
  local stack = workspace:evaluated()
  if not stack then return nil end
  for _, declaration in ipairs(stack.declarations) do
    if declaration.address == wanted then return true end
  end
  return false
end

local function move(context, session, workspace)
  local from, to = context.options.from, context.options.to
  local record, err = require("scw.engine.amend").move(session, from, to)
  if not record then return nil, err end
  if is_declared(workspace, to) == false then context.console:note(text.warning(text.state.move_undeclared(to))) end
  return tell(context, { deployment = record.id, serial = record.serial, from = from, to = to }, text.state.moved(from, to))
end

local function remove(context, session, workspace)
  local amend, wanted = require "scw.engine.amend", context.options.address
  local state, found, agreed, record, err
  state, err = session:state()
  if not state then return nil, err end
  found, err = amend.find(state, wanted)
  if not found then return nil, err end
  local id = found.id or "without an id"
  agreed, err = require("scw.cli.confirm")(context, text.state.question(wanted, id), text.state.needs_yes_hint)
  if err then return nil, err end
  if not agreed then
    context.console:print(text.state.kept)
    return 1
  end
  record, err = amend.remove(session, wanted, found.id)
  if not record then return nil, err end
  if is_declared(workspace, wanted) then context.console:note(text.warning(text.state.still_declared(wanted))) end
  return tell(context, { deployment = record.id, serial = record.serial, address = wanted, id = found.id },
    text.state.forgotten(wanted, id))
end

return {
  name = "state",
  group = "Look", order = 2,
  summary = "Look into the recorded state and its history, or put it right by hand.",
  commands = {
    list = {
      name = "state list",
      summary = "List the recorded resources: address, type, id, status.",
      arguments = { options.stack_argument },
      options = options.join({ at }, options.stack),
      examples = {
        { "scwlua state list stacks/staging.lua", "everything the stack made" },
        { "scwlua state list --at 3f2a9c1d stacks/staging.lua", "what there was after that deployment" },
      },
      run = with_state(list),
    },
    show = {
      name = "state show",
      summary = "Show all that is recorded about one resource; secrets are not in the state.",
      arguments = { options.stack_argument, address },
      options = options.join({ at }, options.stack),
      examples = {
        { "scwlua state show stacks/staging.lua db/rdb_instance.main", "its id, inputs and outputs" },
        { "scwlua state show --at 3f2a9c1d stacks/staging.lua db/rdb_instance.main", "the same after that deployment" },
      },
      run = with_state(show),
    },
    status = {
      name = "state status",
      summary = "Show how the state is doing: who holds it and for how long, who waits, what was interrupted, what to do.",
      description = "Takes no lock, writes nothing, and shows what can be seen without the key when there is none. Ends with 1 when the "
        .. "state or its lock is damaged, or its two sides do not agree.",
      arguments = { options.stack_argument },
      options = options.stack,
      examples = { { "scwlua state status stacks/staging.lua", "is somebody deploying, and since when?" } },
      run = with_session(status),
    },
    history = {
      name = "state history",
      summary = "List the deployments that are kept: when, who, from which commit, what came of it.",
      description = "Every command that writes the state leaves the state it ended with, sealed, beside the present one. The stack's state "
        .. "says how many are kept: `history = 50`. A + behind a commit means that the work tree had changes which were not committed.",
      arguments = { options.stack_argument },
      options = options.stack,
      examples = { { "scwlua state history stacks/staging.lua", "the latest deployment first" } },
      run = with_session(history),
    },
    diff = {
      name = "state diff",
      summary = "Show what differs between the states that two deployments left, field by field.",
      description = "Secrets are shown as (secret), or (secret, changed) when their fingerprints differ. `now` is the present state.",
      arguments = {
        options.stack_argument, { name = "FROM", doc = "The earlier deployment: its id, or the beginning of it." },
        { name = "TO", optional = true, doc = "The later one; the present state when left out." },
      },
      options = options.stack,
      examples = {
        { "scwlua state diff stacks/staging.lua 3f2a9c1d", "what changed since that deployment" },
        { "scwlua state diff stacks/staging.lua 3f2a9c1d 77b0e6a2", "what changed from one to the other" },
      },
      run = with_session(diff),
    },
    pull = {
      name = "state pull",
      summary = "Write the state as JSON, not sealed.",
      description = "The document holds no secret, only fingerprints of secrets and the key they are made with: enough to try guesses of a "
        .. "weak one, so keep it private.",
      arguments = { options.stack_argument },
      options = options.join({
        { name = "--out", value = "FILE", doc = "Write to this file, for its owner only, instead of standard output." }, at,
      }, options.stack),
      examples = {
        { "scwlua state pull --out staging.json stacks/staging.lua", "a copy to look into, or to put right and push" },
        { "scwlua state pull --at 3f2a9c1d stacks/staging.lua", "the state after that deployment" },
      },
      run = with_state(pull),
    },
    push = {
      name = "state push",
      summary = "Put a document that was pulled in the place of the state.",
      description = "Refuses a document of another lineage or with an older serial. The write is conditional: nothing that somebody else "
        .. "wrote meanwhile is overwritten. The history keeps the state of each former deployment.",
      arguments = { options.stack_argument, { name = "FILE", doc = "What `state pull` wrote." } },
      options = options.join({ { name = "--force", doc = "Also an older document, or one of another lineage." } },
        options.writing, options.stack),
      examples = { { "scwlua state push stacks/staging.lua staging.json", "after it was put right by hand" } },
      run = with_session(push),
    },
    resolve = {
      name = "state resolve",
      summary = "Decide which version counts when the state and its replica went separate ways.",
      description = "Without --keep it shows what differs between the two and changes nothing. With it, the version that is kept is "
        .. "written to both; the other one stays beside the state as KEY.unsaved-….",
      arguments = { options.stack_argument },
      options = options.join({
        { name = "--keep", value = "SIDE", choices = { "primary", "replica" }, doc = "The version that counts: primary or replica." },
        options.yes,
      }, options.writing, options.stack),
      examples = {
        { "scwlua state resolve stacks/production.lua", "what differs" },
        { "scwlua state resolve --keep replica stacks/production.lua", "what the replica says counts from now on" },
      },
      run = with_session(resolve),
    },
    mv = {
      name = "state mv",
      summary = "Give a recorded resource another address, without touching it.",
      description = "For a declaration that was renamed or moved to another module, when the stack cannot say so itself with `aliases`.",
      arguments = {
        options.stack_argument, { name = "FROM", doc = "The address in the state." }, { name = "TO", doc = "The address in the stack." },
      },
      options = options.join(options.writing, options.stack),
      examples = {
        { "scwlua state mv stacks/staging.lua rdb_instance.main db/rdb_instance.main", "after it went into the module db" },
      },
      run = with_session(move),
    },
    rm = {
      name = "state rm",
      summary = "Forget a resource without deleting it.",
      description = "Afterwards nothing manages it. What the stack still declares is created again by the next apply.",
      arguments = { options.stack_argument, address },
      options = options.join({ options.yes }, options.writing, options.stack),
      examples = { { "scwlua state rm stacks/staging.lua db/rdb_instance.main", "asks, and leaves the database where it is" } },
      run = with_session(remove),
    },
    rekey = {
      name = "state rekey",
      summary = "Seal the state and its history anew, for the keys that are named now.",
      description = "Afterwards a former key opens none of it. To add a key, name it and run this; to replace one, name the new one and "
        .. "give the old one here, or in SCWLUA_STATE_OLD_KEY_FILE or SCWLUA_STATE_OLD_PASSPHRASE. When it is interrupted, run it again.",
      arguments = { options.stack_argument },
      options = options.join({
        { name = "--old-key-file", value = "FILE", doc = "A former key file, only to open what it sealed." },
        { name = "--old-key-manager", value = "KEY", doc = "A former Key Manager key, REGION/ID, only to open what it sealed." },
        { name = "--unsealed", doc = "Also when the state is not sealed so far." },
      }, options.writing, options.stack),
      examples = {
        { "scwlua state rekey stacks/staging.lua", "after a key was added to the stack's state, or taken out" },
        { "scwlua state rekey --old-key-file old.key stacks/staging.lua", "after a key file was replaced" },
      },
      run = with_session(rekey),
    },
  },
}
