--- What a stack's state was: the deployments that are kept, and the document that one of them left.
local history = require "scw.state.history"

local past = {}

--- The word for the state as it is now, where a deployment may stand.
past.NOW = "now"

--- The deployments that are kept, the latest first.
---@param session scw.Session
---@return scw.state.Deployment[]|nil, scw.Error|nil
function past.records(session)
  local store, err = session:place()
  if not store then return nil, err end
  return history.records(store)
end

--- The state that a deployment left; without one, or for "now", the present one.
---@param session scw.Session
---@param word? string the id of a deployment, or its beginning
---@return scw.state.Document|nil document
---@return string|scw.Error id of the deployment, or "now"
function past.document(session, word)
  if word == nil or word == past.NOW then
    local document, err = session:state()
    return document, err or past.NOW
  end
  local store, err = session:place()
  if not store then return nil, err end
  local place
  place, err = history.find(store, word)
  if not place then return nil, err end
  local document
  document, err = history.document(store, place)
  return document, err or place.id
end

return past
