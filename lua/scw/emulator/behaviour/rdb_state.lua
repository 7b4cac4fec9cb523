--- What instances of managed databases and their replicas have in common: passing states, and whom endpoints belong to.
---
--- An instance made with the tag "disk_full" or "error" ends so instead of ready. A full disk takes a bigger volume or
--- another node type and is ready again; an error takes nothing.
local answer = require "scw.emulator.answer"

local rdb_state = {}

local STUCK = { disk_full = true, error = true }

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

--- Ends the call with 409 unless the record is ready to be changed. `grows`: by a change that makes room on the disk.
---@param resource scw.emulator.Resource
---@param record scw.emulator.Record
---@param grows? boolean
function rdb_state.refuse(resource, record, grows)
  resource:refuse_passing(record)
  local present = record.body.status
  if STUCK[present] and not (present == "disk_full" and grows) then
    answer.refuse(answer.transient(resource.noun, record.id, present))
  end
end

--- Passes through a state that takes a while; refused with 409 when another one lasts.
---@param resource scw.emulator.Resource
---@param record scw.emulator.Record
---@param word string the state meanwhile
---@param seconds number
---@param step? table what happens at the end, besides being ready; `grows`: makes room on the disk
function rdb_state.pass(resource, record, word, seconds, step)
  step = step or {}
  rdb_state.refuse(resource, record, step.grows)
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
  for _, tag in ipairs(record.body.tags or {}) do
    if STUCK[tag] then step.set.status = tag end
  end
  record.body.status = "provisioning"
  resource:plan(record, { { after = 30, set = { status = "initializing" } }, step })
end

return rdb_state
