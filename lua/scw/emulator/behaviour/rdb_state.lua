--- What instances of managed databases and their replicas have in common: passing states, and whom endpoints belong to.
local rdb_state = {}

rdb_state.BUSY = {
  "provisioning", "initializing", "configuring", "deleting", "autohealing", "backuping", "snapshotting", "restarting", "promoting",
}

---@class scw.emulator.RdbOwner whom an endpoint belongs to
---@field id string of the instance or of the replica
---@field instance_id string
---@field name string
---@field engine string
---@field region string
---@field zone string
---@field project_id string

--- An instance as the owner of endpoints.
---@param record scw.emulator.Record
---@return scw.emulator.RdbOwner
function rdb_state.owner(record)
  local body = record.body
  return {
    id = record.id, instance_id = record.id, name = body.name, engine = body.engine, region = body.region,
    zone = body.region .. "-1", project_id = record.project_id,
  }
end

--- Passes through a state that takes a while; refused with 409 when another one lasts.
---@param resource scw.emulator.Resource
---@param record scw.emulator.Record
---@param word string the state meanwhile
---@param seconds number
---@param step? table what happens at the end, besides being ready
function rdb_state.pass(resource, record, word, seconds, step)
  resource:refuse_passing(record)
  step = step or {}
  step.after, step.set = seconds, step.set or {}
  step.set.status = "ready"
  record.body.status = word
  resource:plan(record, { step })
end

--- Is made: provisioned, initialised, ready.
---@param resource scw.emulator.Resource
---@param record scw.emulator.Record
---@param step? table what happens at the end, besides being ready
function rdb_state.make(resource, record, step)
  step = step or {}
  step.after, step.set = 60, step.set or {}
  step.set.status = "ready"
  record.body.status = "provisioning"
  resource:plan(record, { { after = 30, set = { status = "initializing" } }, step })
end

return rdb_state
