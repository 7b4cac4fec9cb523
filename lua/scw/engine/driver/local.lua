--- Resources without a service: they live in the state alone.
local core = require "core"

local driver = {}

local function result_of(id, values)
  return { id = id, fields = values, outputs = { output = values.input } }
end

function driver.create(_, _, values, _, on_created)
  local result = result_of(core.uuid(), values)
  on_created(result.id, result)
  return result
end

function driver.read(_, _, record)
  return { id = record.id, fields = record.inputs or {}, outputs = record.outputs or {} }
end

function driver.list() return {} end

function driver.update(_, _, record, values) return result_of(record.id, values) end

function driver.delete() return true end

function driver.find() return nil end

function driver.fetch() return nil end

function driver.wait_ready(_, _, record) return driver.read(nil, nil, record) end

return driver
