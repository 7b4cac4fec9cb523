--- What should exist: the declarations of a stack as nodes, each with its type.
local errors = require "scw.errors"
local reference = require "scw.dsl.reference"
local suggest = require "scw.suggest"

local desired = {}

---@class scw.Node
---@field address string
---@field name string
---@field module string
---@field type scw.schema.Type
---@field declaration scw.dsl.Declaration
---@field fields table as declared
---@field options table
---@field needs string[] addresses, sorted
---@field source? string
---@field lookup boolean
---@field deferred boolean fields, place or options hold references
---@field origins? table<string, table>|false what the record says about them; computed when it is written, unless known before
---@field dependencies? string[] for the record, when they are more than what is needed now

---@class scw.Desired
---@field nodes scw.Node[] in the order they were declared
---@field by_address table<string, scw.Node>

local function needs_of(declaration)
  if declaration.needs then return declaration.needs end
  local needs, seen = {}, { [declaration.address] = true }
  local function add(address)
    if not seen[address] then
      seen[address] = true
      needs[#needs + 1] = address
    end
  end
  reference.each(declaration.fields, add)
  reference.each(declaration.project, add)
  reference.each(declaration.organization, add)
  reference.each(declaration.options and declaration.options.replace_on, add)
  for _, address in ipairs(declaration.options and declaration.options.depends_on or {}) do add(address) end
  table.sort(needs)
  return needs
end

local function add_problem(problems, node, message, hint)
  problems[#problems + 1] = errors.new({
    code = "INFRA_001", message = ("%s: %s"):format(node.address, message), hint = hint, address = node.address, source = node.source,
  })
end

local function check_needs(set, node, problems)
  for _, address in ipairs(node.needs) do
    if not set.by_address[address] then
      local known = {}
      for _, other in ipairs(set.nodes) do known[#known + 1] = other.address end
      add_problem(problems, node, ("it needs %s, which is not declared"):format(address), suggest.hint(address, known))
    end
  end
end

local function check_aliases(set, node, owners, problems)
  for _, alias in ipairs(node.options.aliases or {}) do
    if set.by_address[alias] then
      add_problem(problems, node, ("its alias %s is declared as well"):format(alias), "an alias names an address that is no longer used")
    elseif owners[alias] then
      add_problem(problems, node, ("%s has the alias %s too"):format(owners[alias], alias), "only one resource can take over an address")
    else
      owners[alias] = node.address
    end
  end
end

--- Makes nodes of a stack's declarations.
---@param stack { declarations: scw.dsl.Declaration[] }
---@param catalogue? { get: fun(name: string): scw.schema.Type|nil } the built-in types by default
---@return scw.Desired|nil, scw.Error|nil
function desired.build(stack, catalogue)
  catalogue = catalogue or require "scw.schema.catalogue"
  local set, problems, owners = { nodes = {}, by_address = {} }, {}, {}
  for index, declaration in ipairs(stack.declarations) do
    local node = {
      address = declaration.address, name = declaration.name, module = declaration.module or "", type = catalogue.get(declaration.type),
      declaration = declaration, fields = declaration.fields, options = declaration.options or {}, needs = needs_of(declaration),
      source = declaration.source, lookup = declaration.lookup or false, origins = declaration.origins,
      dependencies = declaration.dependencies,
      deferred = reference.contains({
        declaration.fields, declaration.project or false, declaration.organization or false,
        declaration.options and declaration.options.replace_on or false,
      }),
    }
    set.nodes[index], set.by_address[node.address] = node, node
    if not node.type then add_problem(problems, node, ("there is no type '%s'"):format(tostring(declaration.type))) end
  end
  for _, node in ipairs(set.nodes) do
    check_needs(set, node, problems)
    check_aliases(set, node, owners, problems)
  end
  if #problems > 0 then return nil, errors.several(problems) end
  return set
end

return desired
