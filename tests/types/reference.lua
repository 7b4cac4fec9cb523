--- The service's contract, when it lies beside the repository: operations, bodies, messages and enums by product.
local core = require "core"
local json = require "scw.json"

local reference = {}

local root = os.getenv("SCWLUA_REFERENCE") or (os.getenv("SCWLUA_SOURCE") or ".") .. "/../shared"

--- Where the reference data lie, if they do.
reference.root = root

local function anonymous(path)
  return (path:gsub("{[^}]+}", "{}"))
end

--- Every contract file, decoded; nil when there is none.
---@return table[]|nil
function reference.load()
  local names = core.file_list(root .. "/contract")
  if not names then return nil end
  local contracts = {}
  for _, name in ipairs(names) do
    if name:find("%.v%w+%.json$") then
      local contract = assert(json.decode(assert(core.file_read(root .. "/contract/" .. name))))
      local operations = {}
      for _, operation in ipairs(contract.operations) do
        operations[operation.method .. " " .. anonymous(operation.path)] = operation
      end
      contract.by_call = operations
      contracts[#contracts + 1] = contract
    end
  end
  return contracts
end

--- The operation of a call and the contract it stands in.
---@return table|nil operation, table|nil contract
function reference.operation(contracts, method, path)
  local key = method .. " " .. anonymous(path)
  for _, contract in ipairs(contracts) do
    local operation = contract.by_call[key]
    if operation then return operation, contract end
  end
  return nil
end

--- What the contract says of a path of names inside a set of fields.
---@return table|nil field
function reference.field(contract, fields, path)
  local field
  for index, name in ipairs(path) do
    if not fields then return nil end
    field = fields[name]
    if not field then return nil end
    local inner = contract.messages[(field.type:gsub("^%[%]", ""))]
    fields = index < #path and inner or nil
  end
  return field
end

return reference
