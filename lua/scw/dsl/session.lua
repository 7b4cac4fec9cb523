--- One evaluation of one stack: where its files are, what was given from outside, and everything it says.
local errors = require "scw.errors"
local reference = require "scw.dsl.reference"
local source = require "scw.dsl.source"

local session = {}

---@class scw.dsl.Session
---@field path string the stack file as given
---@field root? string the project's folder, "" for the current one; nil without one
---@field environment table<string, string>
---@field catalogue table
---@field place table region, zone, project, organization
---@field declarations table[]
---@field by_address table<string, table>
---@field outputs table[]
---@field checks table[]
---@field messages { text: string, source?: string }[]
---@field problems scw.Error[]
---@field configs table[]
---@field uses string[] lines of the `use` that are being evaluated, outermost first
---@field basis table<string, string|false> what the result rests on: texts of files and values from outside, by what they are:
---       "file PATH", "module NAME", "config NAME", "variable NAME", "place KIND"; false: none
---@field closed boolean the evaluation is over
---@field bare? boolean only what the stack says about itself matters: `build` is not run, and modules may fail
local methods = {}
local metatable = { __index = methods, __name = "scw.dsl.Session" }

---@param facts table
---@return scw.dsl.Session
function session.new(facts)
  local made = {
    declarations = {}, by_address = {}, outputs = {}, output_sources = {}, checks = {}, messages = {}, problems = {}, configs = {},
    modules = {}, uses = {}, types = {}, basis = {}, closed = false,
  }
  for name, fact in pairs(facts) do made[name] = fact end
  return setmetatable(made, metatable)
end

--- The resource type of that name, nil when there is none.
---@param name any
---@return scw.schema.Type?
function methods:type(name)
  local found = self.types[name]
  if found == nil and type(name) == "string" then
    found = self.catalogue.get(name) or false
    self.types[name] = found
  end
  return found or nil
end

--- An environment variable; noted, as the result rests on it.
---@param name string
---@return string?
function methods:variable(name)
  local found = self.environment[name]
  self.basis["variable " .. name] = found or false
  return found
end

--- Notes a problem and goes on: all of them are reported together.
---@param problem { message: string, source?: string, address?: string, hint?: string, code?: string, details?: string[] }
---@return table void what may be used in place of the value that is wrong
function methods:report(problem)
  problem.code = problem.code or "INFRA_001"
  problem.source = problem.source or source.here(2)
  if not problem.details and #self.uses > 0 and problem.source ~= self.uses[#self.uses] then problem.details = self:chain() end
  self.problems[#self.problems + 1] = errors.new(problem)
  return reference.void()
end

--- Lines that say from where the module being evaluated is used, innermost first.
---@return string[]
function methods:chain()
  local lines = {}
  for i = #self.uses, 1, -1 do lines[#lines + 1] = "used at " .. self.uses[i] end
  return lines
end

--- Everything that was wrong as one error, nil when nothing was.
---@return scw.Error?
function methods:failure()
  if #self.problems == 0 then return nil end
  return errors.several(self.problems, ("%d problems in %s"):format(#self.problems, self.path))
end

return session
