--- A new seal for a state and its history, for the keys that are named now. Afterwards a former key opens none of it.
---
--- The history comes first and the state last, each object by a conditional write of its own: whoever has the old and the new keys can
--- read all of it at any moment, and another run finishes what one left.
local beside = require "scw.state.beside"
local core = require "core"
local errors = require "scw.errors"
local history = require "scw.state.history"

local rekey = {}

local function refuse(code, message, hint)
  return nil, errors.new({ code = code, kind = "invalid", message = message, hint = hint })
end

---@class scw.Rekeyed
---@field deployment string id
---@field serial integer
---@field resealed integer objects beside the state: history, versions that lost a race
---@field recipients string[] for people
---@field damaged string[] objects beside the state that no key opens: they stay as they are

--- Seals everything that lies beside the state.
---@param store scw.state.Store
---@return integer|nil count, scw.Error|string[]|nil damaged
local function reseal(store)
  local past, damaged = history.reseal(store)
  if not past then return nil, damaged end
  local rescued, more = beside.reseal_all(store)
  if not rescued then return nil, more end
  return past + rescued, table.move(more, 1, #more, #damaged + 1, damaged)
end

--- A side of a state with a replica that does not answer keeps what a former key opens.
---@param store scw.state.Store
local function check_sides(store)
  local silent = store.backend.sides and store.backend:outage()
  if not silent then return true end
  return refuse("INFRA_010", ("the %s of the state does not answer: a former key still opens it"):format(silent.role),
    "run this again when both answer")
end

---@param begun scw.Deployment
---@return scw.Rekeyed|nil, scw.Error|nil
local function carry_out(begun)
  local store = begun.store
  local ring = store.codec.key
  store:make_way() -- what the history lacks is copied under the former seal: before that is changed
  local ok, err = ring:renew()
  if not ok then return nil, err end
  local record, left
  local count, damaged = reseal(store)
  if not count then return nil, damaged end
  record, err = begun:finish({ result = "done", counts = { resealed = count } })
  if not record then return nil, err end
  left, err = store:stale_segments()
  if not left then return nil, err end
  if left > 0 then
    return refuse("INFRA_011", ("old segments of the log could not be removed (%d): a former key opens them"):format(left),
      "run this again")
  end
  ok, err = check_sides(store)
  if not ok then return nil, err end
  return { deployment = record.id, serial = record.serial, resealed = count, recipients = ring:recipients(), damaged = damaged }
end

--- Waits for the turn to write, as every command that does.
---@param session scw.Session
---@return scw.Rekeyed|nil, scw.Error|nil
function rekey.run(session)
  local document, err = session:state()
  if not document then return nil, err end
  local store = session:place()
  if not store.codec.key then
    return refuse("INFRA_001", "the stack says that its state is not sealed", "remove `sealed = false` and give it a key")
  end
  if store.fresh then
    return refuse("INFRA_004", "there is no state yet", "the first apply seals it for the keys that are named then")
  end
  local both
  both, err = check_sides(store)
  if not both then return nil, err end
  local done
  done, err = session:rewrite(carry_out)
  if done or err.kind ~= "cancelled" then return done, err end
  return refuse("INFRA_005", "interrupted: some of it may be under the new seal already, and some under the old one",
    ("run `%s state rekey STACK` again, with the same keys"):format(core.program))
end

return rekey
