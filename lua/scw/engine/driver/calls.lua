--- Calls with the patience they need: which refusals settle by themselves, which mean "gone".
local core = require "core"
local errors = require "scw.errors"
local normal = require "scw.schema.normal"
local wait = require "scw.engine.wait"
local wire = require "scw.schema.wire"

local calls = {}

local FIRST_MS, LONGEST_MS = 1000, 10000

--- Whether an error says that the resource is not there. A 403 never does.
---@return boolean
function calls.is_absent(err)
  return err ~= nil and (err.status == 404 or err.status == 410)
end

--- Whether the service's time of a creation is not before `since`, in epoch seconds.
---@param created string
---@param since number
---@return boolean
function calls.made_since(created, since)
  return created ~= "" and normal.timestamp(created) >= os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(since))
end

--- nil for "gone", nil and the error otherwise.
function calls.absent(err)
  if calls.is_absent(err) then return nil end
  return nil, err
end

local function text_of(err)
  local parts = { tostring(err.message or ""), tostring(err.hint or "") }
  for _, line in ipairs(err.details or {}) do parts[#parts + 1] = tostring(line) end
  return table.concat(parts, "\n")
end

--- Whether an error is the one a type describes: a status, a piece of its text, or both.
---@param err table
---@param wanted { status?: integer, message?: string }
---@return boolean
function calls.says(err, wanted)
  if wanted.status and err.status ~= wanted.status then return false end
  return not wanted.message or text_of(err):find(wanted.message, 1, true) ~= nil
end

--- Whether a refusal settles when one waits.
local function settles(type, call, err, waited)
  if not err.status then return false end
  -- what was made a moment ago may not be known everywhere yet
  if err.status == 404 and type.eventual and (call.method == "POST" or call.method == "GET") then
    return waited < type.eventual * 1000
  end
  if err.status == 409 then
    if err.type == "transient_state" then return true end
    return type.serial ~= nil and err.type ~= "already_exists"
  end
  if err.precondition == "protected_resource" then return false end
  if err.status == 412 and call.method == "DELETE" and err.precondition == "resource_still_in_use" then return true end
  for _, wanted in ipairs(call.retry or {}) do
    if calls.says(err, wanted) then return true end
  end
  return false
end

local function send(client, call, scope, body, options)
  local query = call.query and wire.fill(call.query, scope) or nil
  if body == nil and call.method == "POST" then body = {} end
  return client:call {
    method = call.method, path = wire.path(call.path, scope), query = query, body = body,
    idempotent = call.method ~= "POST", address = options.address,
    secrets = options.secrets,
  }
end

--- One call, as it comes.
function calls.once(client, call, scope, body, options)
  return send(client, call, scope, body, options)
end

--- A call repeated while the service says that something still has to settle.
---@return table|nil answer
---@return table response or error
function calls.settled(client, type, call, scope, body, timeout, options)
  local limit = wait.milliseconds(timeout or (type.ready and type.ready.timeout) or type.gone.timeout)
  local waited, delay = 0, FIRST_MS
  while true do
    local answer, response = send(client, call, scope, body, options)
    if answer ~= nil or not errors.is(response) then return answer or {}, response end
    if waited >= limit or not settles(type, call, response, waited) then return nil, response end
    local pause = math.floor(delay * (0.75 + core.random(1):byte() / 510))
    if options.on_wait then options.on_wait(tostring(response.message)) end
    local ok, err = client:sleep(pause)
    if not ok then return nil, errors.wrap(err, "interrupted while waiting") end
    waited, delay = waited + pause, math.min(delay * 2, LONGEST_MS)
  end
end

--- All elements of a list.
---@return table[]|nil
---@return table? err
function calls.pages(client, list, scope, options)
  if list.paged == false then
    local answer, err = calls.once(client, { method = "GET", path = list.path, query = list.query }, scope, nil, options)
    if not answer then return nil, err end
    local elements = answer[list.field]
    return type(elements) == "table" and elements or {}
  end
  return client:pages {
    path = wire.path(list.path, scope), query = wire.fill(list.query or {}, scope), field = list.field,
    address = options.address,
  }
end

--- Ends what keeps a resource busy, and waits until it has ended.
---@return true|nil
---@return table? err
function calls.stop(client, type, scope, timeout, options)
  local stop = type.stop
  local function busy()
    local members, err = calls.pages(client, stop.list, scope, options)
    if not members then return nil, err end
    local found = {}
    for _, member in ipairs(members) do
      for _, word in ipairs(stop.busy.values) do
        if member[stop.busy.field] == word then found[#found + 1] = member.id end
      end
    end
    return found
  end
  local found, err = busy()
  if not found then return nil, err end
  for _, id in ipairs(found) do
    local inner = { member = id }
    for name, value in next, scope do inner[name] = value end
    local ok, problem = calls.once(client, stop.call, inner, nil, options)
    if not ok and not calls.is_absent(problem) then return nil, problem end
  end
  return wait.until_found(client, { timeout = timeout, poll = "5s" }, function()
    local left, problem = busy()
    if not left then return nil, problem end
    return #left == 0
  end, function()
    return errors.new { code = "INFRA_006", kind = "timeout", address = options.address,
      message = ("%s is still busy after %s"):format(type.name, timeout) }
  end)
end

return calls
