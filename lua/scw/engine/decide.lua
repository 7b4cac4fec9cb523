--- What has to happen to one resource. Pure.
local deferred = require "scw.schema.deferred"
local equal = require "scw.schema.equal"
local errors = require "scw.errors"
local fingerprint = require "scw.engine.fingerprint"
local json = require "scw.json"
local known = require "scw.engine.known"
local normal = require "scw.schema.normal"
local record = require "scw.engine.record"
local reference = require "scw.dsl.reference"
local schema = require "scw.schema"
local typing = require "scw.engine.typing"
local unknown = require "scw.unknown"

local decide = {}

--- What planning works with.
---@class scw.PlanContext
---@field set scw.Desired
---@field document scw.state.Document
---@field observed table<string, table> by address: `{id=, fields=, outputs=}`, `{gone=true}`, `{unreadable=err}`
---@field fingerprints scw.Fingerprints
---@field entries table<string, scw.Entry>
---@field replace table<string, boolean> addresses of `--replace`
---@field adopted table<string, string> where it comes from what is taken on, by address
---@field once table<string, string> reasons by address: values that only a new creation gives are needed
---@field place table what the stack and the credentials say where a declaration says nothing
---@field claimed table<string, boolean> old addresses that aliases took over
---@field wanted scw.Entry[] lookups that can be read now
---@field problems scw.Error[]
---@field warnings table[]
---@field review? function of `scw.PlanFacts`

local function add_problem(context, entry, message, hint, kind)
  context.problems[#context.problems + 1] = errors.new({
    code = kind == "not_found" and "INFRA_004" or "INFRA_001", kind = kind,
    message = ("%s: %s"):format(entry.address, message), hint = hint, address = entry.address,
    source = entry.node and entry.node.source or entry.record and entry.record.source,
  })
end
decide.add_problem = add_problem

--- Functions that resolve references of one node with what is known.
---@param context { entries: table<string, scw.Entry>, fingerprints: scw.Fingerprints }
---@return fun(value: any): any, scw.Error?
function decide.resolver(context)
  local function lookup(address, path) return known.attribute(context.entries[address], path, context.fingerprints) end
  local function seal(value) return context.fingerprints:outside(value) end
  return function(value) return reference.symbolic(value, lookup, seal) end
end

local PLACES = { "region", "zone", "project", "organization" }

local function resolve_place(context, node, resolve)
  local place = {}
  for _, kind in ipairs(PLACES) do
    local value = node.declaration[kind]
    if value == nil then value = context.place[kind] end
    if type(value) == "table" then
      local resolved, err = resolve(value)
      if err then return nil, err end
      value = resolved
    end
    place[kind] = value
  end
  return record.place(node.type, place)
end

--- Fields, place and options of a node with everything that is known put in; secrets as marks.
---@param context table entries, fingerprints, place
---@param node scw.Node
---@param entry scw.Entry filled: place, inputs, symbolic, options
---@return boolean|nil, scw.Error|nil
function decide.resolve(context, node, entry)
  local resolve = decide.resolver(context)
  local fields, replace_on, err = node.fields, node.options.replace_on, nil
  if node.deferred then
    fields, err = resolve(fields)
    if not err then err = typing.problem(node, fields, false) end
    if not err and replace_on ~= nil then replace_on, err = resolve(replace_on) end
  end
  if not err then entry.place, err = resolve_place(context, node, resolve) end
  if err then return nil, err end
  local inputs = node.lookup and fields or schema.defaults(node.type, fields)
  entry.symbolic = {}
  for _, name in ipairs(fingerprint.secret_fields(node.type)) do entry.symbolic[name] = inputs[name] end
  entry.declared = fields
  entry.inputs = context.fingerprints:cover(node.type, entry.address, inputs)
  entry.options = record.options(node.options, replace_on)
  return true
end

-- Moves -----------------------------------------------------------------------------------------------------------------

local function pair_marks(old, new, pairs_found)
  if type(old) ~= "table" or type(new) ~= "table" or old == unknown or new == unknown then return end
  local mark = deferred.fingerprint(old)
  if mark then
    pairs_found[mark] = new
    return
  end
  for name, part in next, old do pair_marks(part, new[name], pairs_found) end
end

local function translate(value, pairs_found)
  if type(value) ~= "table" or value == unknown then return value end
  local mark = deferred.fingerprint(value)
  if mark then return pairs_found[mark] or value end
  local copy = json.like(value)
  for name, part in next, value do copy[name] = translate(part, pairs_found) end
  return copy
end

--- Marks hang on the address: those of a moved record are made anew where the secret is the same.
local function moved_record(context, entry, former)
  local copy, pairs_found, covered = {}, {}, {}
  for name, value in next, former do copy[name] = value end
  for name, value in next, entry.symbolic do covered[name] = value end
  context.fingerprints:cover(entry.type, former.marked_as or former.address, covered)
  for name, value in next, covered do pair_marks(value, entry.inputs[name], pairs_found) end
  copy.inputs, copy.address, copy.marked_as = translate(former.inputs, pairs_found), entry.address, nil
  return copy
end

--- The record of a node: under its address, or under one of its aliases.
local function find_record(context, entry)
  local address, node = entry.address, entry.node
  local present = context.document.resources[address]
  if present then return present.marked_as and moved_record(context, entry, present) or present, context.observed[address] end
  for _, alias in ipairs(node.options.aliases or {}) do
    local former = context.document.resources[alias]
    if former and not context.set.by_address[alias] and not context.claimed[alias] then
      if former.type ~= node.type.name then
        add_problem(context, entry, ("its alias %s is a %s"):format(alias, former.type), "only resources of the same type can move")
        return nil
      end
      context.claimed[alias] = true
      return moved_record(context, entry, former), context.observed[alias], alias
    end
  end
  return nil
end

-- Changes ---------------------------------------------------------------------------------------------------------------

local function steps_of(path)
  local names = {}
  for name in path:gmatch("[^.%[%]]+") do names[#names + 1] = math.tointeger(tonumber(name)) or name end
  return names
end

local function put(container, names, value)
  local copy = json.like(container)
  for key, part in next, container do copy[key] = part end
  local place = copy
  for index = 1, #names - 1 do
    local inner = place[names[index]]
    if type(inner) ~= "table" then
      if value == nil then return copy end
      inner = {}
    end
    local inner_copy = json.like(inner)
    for key, part in next, inner do inner_copy[key] = part end
    place[names[index]] = inner_copy
    place = inner_copy
  end
  place[names[#names]] = value
  return copy
end

--- Ignored fields stay what they are: the inputs take over what is there. Nothing is recorded yet of what is imported.
local function keep_ignored(entry, recorded, actual)
  local ignored = entry.node.options.ignore_changes
  for _, path in ipairs(ignored) do
    if path == "*" then ignored = entry.type.order end
  end
  for _, path in ipairs(ignored) do
    local names = steps_of(path)
    local value
    if fingerprint.is_secret(entry.type, names) or not actual then
      value = reference.dig(recorded, names)
    else
      value = reference.dig(actual, names)
      if value == nil then value = reference.dig(recorded, names) end
    end
    entry.inputs = put(entry.inputs, names, value)
  end
end

local function place_changes(entry, present, changes)
  local own = { region = entry.type.locality ~= "global", zone = entry.type.locality == "zone",
    project = entry.type.scope == "project", organization = entry.type.scope == "organization" }
  for _, kind in ipairs(PLACES) do
    local old, new = present.place[kind], entry.place[kind]
    if own[kind] and old ~= nil and new ~= nil and old ~= new then
      local listed = false
      for _, change in ipairs(changes) do listed = listed or change.path == kind end
      if not listed then changes[#changes + 1] = { path = kind, field = kind, old = old, new = new, replace = true } end
    end
  end
end

--- What has to change at a resource that exists. The entry's inputs give way where changes are ignored.
---@param entry scw.Entry
---@param present { inputs?: table, place: table }
---@param observed? table
---@return scw.schema.Change[]
function decide.changes(entry, present, observed)
  local actual = observed and observed.fields or nil
  if entry.node.options.ignore_changes and (present.inputs or actual) then keep_ignored(entry, present.inputs or {}, actual) end
  local changes = schema.diff(entry.type, entry.inputs, present.inputs, actual)
  place_changes(entry, present, changes)
  return changes
end

local function option_changes(entry, present)
  local changes, before, now = {}, present.options or {}, entry.options
  for _, name in ipairs({ "protect", "replace_on", "retain_on_delete" }) do
    if not equal.plain(before[name], now[name]) then
      changes[#changes + 1] = { path = "(option) " .. name, old = before[name], new = now[name], option = true }
    end
  end
  return changes
end

local function replacing_paths(changes)
  local paths = {}
  for _, change in ipairs(changes) do
    if change.replace then paths[#paths + 1] = change.path end
  end
  return paths
end

--- Is it being deleted, alone or with what it is a part of?
local function leaves(context, entry, present)
  if entry.observed and entry.observed.leaving then return true end
  for _, name in ipairs(entry.type.identity or {}) do
    local whole, id = entry.type.fields[name] and entry.type.fields[name].to, present.inputs[name]
    for _, address in ipairs(whole and type(id) == "string" and entry.node.needs or {}) do
      local one = context.entries[address]
      if one.leaving and one.type.name == whole and normal.id(one.record.id) == normal.id(id) then return true end
    end
  end
  return false
end

local function replacement_reason(context, entry, present, changes)
  if entry.leaving then return "it is being deleted" end
  local paths = replacing_paths(changes)
  if #paths > 0 then return table.concat(paths, ", ") .. " cannot be changed in place" end
  if context.replace[entry.address] then return "asked for with --replace" end
  if context.once[entry.address] then return context.once[entry.address] end
  local before, now = present.options and present.options.replace_on, entry.options.replace_on
  if before ~= nil and now ~= nil and not equal.plain(before, now) then return "a value of its replace_on changed" end
  if present.status == "tainted" and #changes == 0 then
    return "its creation failed" .. (present.reason and ": " .. present.reason or "")
  end
  return nil
end

local function check_replacement(context, entry, present)
  local never_ready = present.status == "creating" or present.status == "tainted"
  if never_ready or entry.leaving then return end
  local reason = entry.step.reason
  if entry.node.options.protect then
    add_problem(context, entry, ("it is protected, but would have to be replaced: %s"):format(reason),
      "undo that change, or remove `protect` and apply first", "protected")
  elseif entry.type.holds_data and not context.replace[entry.address] and not context.review then
    add_problem(context, entry, ("it holds data that a replacement loses: %s"):format(reason),
      ("undo that change, or allow it with --replace %s"):format(entry.address), "protected")
  end
end

-- Steps -----------------------------------------------------------------------------------------------------------------

---@class scw.Step
---@field address string
---@field type string
---@field name string
---@field module string
---@field action "create"|"update"|"replace"|"delete"|"read"|"adopt"|"import"|"move"|"forget"|"none"
---@field order? "create_first"|"delete_first"
---@field changes scw.schema.Change[]
---@field reason? string
---@field from? string the old address
---@field source? string
---@field dependencies string[]

local function new_step(entry, action, changes, reason)
  local node = entry.node
  return {
    address = entry.address, type = entry.type.name, name = node.name, module = node.module, action = action, changes = changes or {},
    reason = reason, source = node.source, dependencies = node.needs,
  }
end

--- What a creation sends, as changes: the declared fields only.
local function creation_changes(entry)
  local changes = {}
  for _, name in ipairs(entry.type.order) do
    if entry.declared[name] ~= nil then
      local field = entry.type.fields[name]
      changes[#changes + 1] = { path = name, field = name, new = entry.inputs[name], secret = field.secret or nil }
    end
  end
  return changes
end

local function mark_fresh(entry)
  entry.id, entry.outputs, entry.fresh = unknown, {}, true
end

local function mark_stale(entry, changes)
  local changed = {}
  for _, change in ipairs(changes) do changed[change.field or change.path] = true end
  for _, name in ipairs(entry.type.output_order) do
    for _, field in ipairs(entry.type.outputs[name].follows or {}) do
      if changed[field] then entry.stale[name] = true end
    end
  end
end

local function decide_lookup(context, entry)
  local observed = context.observed[entry.address]
  if observed and not observed.gone then
    entry.id, entry.inputs, entry.outputs = observed.id, observed.fields or {}, observed.outputs or {}
    entry.step = new_step(entry, "none")
    return
  end
  local query = entry.inputs
  mark_fresh(entry)
  entry.query, entry.inputs = query, {}
  entry.step = new_step(entry, "read", nil, "it can only be read once what it depends on is there")
  local stable = record.is_known(query) and record.is_known(entry.place)
  for _, address in ipairs(entry.node.needs) do
    local action = context.entries[address].step.action
    stable = stable and (action == "none" or action == "move")
  end
  if stable then context.wanted[#context.wanted + 1] = entry end
end

local UUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"

--- What to do about an id to import that nothing has; when it cannot be one, how such ids look.
local function import_hint(type, id)
  local form = type.api and type.api.id
  if form and form:find("{", 1, true) then
    local _, parts = form:gsub("{", "")
    local _, given = id:gsub("[^/]+", "")
    if given < parts then return "ids of this type look like " .. form:gsub("[{}]", ""):upper() end
  elseif (form == "id" or form == "secret_id") and not normal.id(id):match(UUID) then
    return "ids of this type look like 6170692e-7363-616c-6577-61792e636f6d, with or without the region or zone: fr-par/6170692e-…"
  end
  return "look for its id in the console, and whether region, zone and project are right"
end

local function decide_import(context, entry, id)
  local observed = context.observed[entry.address]
  if not observed then -- not looked at: without a refresh, or while something else is missing
    mark_fresh(entry)
    entry.step = new_step(entry, "import", nil, "takes over " .. id)
    return
  end
  if observed.gone then
    add_problem(context, entry, ("there is no %s with the id %s to import"):format(entry.type.name, id),
      import_hint(entry.type, id), "not_found")
    mark_fresh(entry)
    entry.step = new_step(entry, "import")
    return
  end
  entry.observed = observed
  entry.id, entry.outputs = observed.id or id, record.outputs(entry.type, entry.inputs, observed)
  local changes = decide.changes(entry, { place = entry.place }, observed)
  local paths = replacing_paths(changes)
  if #paths > 0 then
    add_problem(context, entry, ("what %s is differs in %s, which cannot be changed in place"):format(id, table.concat(paths, ", ")),
      "declare it as it is, then change it")
  end
  mark_stale(entry, changes)
  entry.step = new_step(entry, "import", changes, "takes over " .. id)
end

local UNFINISHED = {
  creating = "its creation was interrupted: it goes on where it stopped", updating = "its last update did not end well",
  tainted = "its creation failed",
}

local function decide_present(context, entry, present, moved_from)
  entry.id, entry.outputs = present.id, present.outputs
  if entry.observed and entry.observed.outputs then entry.outputs = record.outputs(entry.type, entry.inputs, entry.observed) end
  local changes = decide.changes(entry, present, entry.observed)
  entry.leaving = leaves(context, entry, present)
  local reason = replacement_reason(context, entry, present, changes)
  if reason then
    mark_fresh(entry)
    entry.step = new_step(entry, "replace", changes, reason)
    local retained = entry.node.options.retain_on_delete and not entry.leaving
    local first = not entry.leaving and (entry.node.options.create_before_destroy or entry.type.create_first or retained)
    entry.step.order = first and "create_first" or "delete_first"
    if retained then entry.step.reason = reason .. "; retain_on_delete: the old one stays where it is" end
    check_replacement(context, entry, present)
  else
    mark_stale(entry, changes)
    for _, change in ipairs(option_changes(entry, present)) do changes[#changes + 1] = change end
    local unfinished = UNFINISHED[present.status] or entry.observed and entry.observed.failure
    if unfinished and present.status ~= "creating" and present.reason then unfinished = unfinished .. ": " .. present.reason end
    if context.adopted[entry.address] then
      entry.step = new_step(entry, "adopt", changes, context.adopted[entry.address])
    elseif #changes > 0 or unfinished then
      entry.step = new_step(entry, "update", changes, unfinished)
    else
      entry.step = new_step(entry, moved_from and "move" or "none")
    end
  end
  entry.step.from = moved_from
end

--- Decides about one node whose dependencies are decided. Notes problems in the context.
---@param context scw.PlanContext
---@param node scw.Node
---@return scw.Entry
function decide.node(context, node)
  local entry = { address = node.address, node = node, type = node.type, stale = {}, fresh = false, outputs = {} }
  local resolved, err = decide.resolve(context, node, entry)
  if not resolved then
    entry.place, entry.inputs, entry.symbolic, entry.declared, entry.options = {}, {}, {}, {}, {}
    add_problem(context, entry, err.message, err.hint)
    mark_fresh(entry)
    entry.step = new_step(entry, "none")
    return entry
  end
  if node.lookup then
    decide_lookup(context, entry)
    return entry
  end
  local present, observed, moved_from = find_record(context, entry)
  entry.record, entry.observed, entry.moved_from = present, observed, moved_from
  if present and observed and observed.unreadable then entry.observed = nil end
  if present and not (observed and observed.gone) then
    decide_present(context, entry, present, moved_from)
  elseif node.options.import and not present then
    decide_import(context, entry, node.options.import)
  else
    mark_fresh(entry)
    entry.step = new_step(entry, "create", creation_changes(entry), present and "it no longer exists" or nil)
    entry.step.from = moved_from
  end
  return entry
end

return decide
