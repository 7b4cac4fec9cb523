--- Policies: what an environment demands of every stack in it. Checked whenever a stack is evaluated, before anything is applied.
--- A policy is one file in this folder that returns `{ name, summary, environments, check = function(view, report) }`.
local core = require "core"

local policy = {}

local PREFIX = "scw.policy."

local loaded

--- Every policy, sorted by name.
---@return table[]
function policy.all()
  if loaded then return loaded end
  loaded = {}
  for _, module in ipairs(core.modules(PREFIX)) do
    if module ~= PREFIX .. "view" then loaded[#loaded + 1] = require(module) end
  end
  table.sort(loaded, function(a, b) return a.name < b.name end)
  return loaded
end

local function applies(rule, stack)
  for _, environment in ipairs(rule.environments) do
    if environment == stack.environment then return true end
  end
  return false
end

--- What the stack breaks.
---@param stack scw.dsl.Stack
---@param invalid? table<string, boolean> addresses of declarations with problems of their own: policies do not look at them
---@return { message: string, address?: string, source: string, hint?: string, policy: string }[] problems
function policy.check(stack, invalid)
  invalid = invalid or {}
  local problems, view = {}, nil
  for _, rule in ipairs(policy.all()) do
    if applies(rule, stack) then
      view = view or require("scw.policy.view").new(stack, invalid)
      rule.check(view, function(declaration, message, hint)
        if not declaration and next(invalid) then return end -- what is missing may be what is invalid
        local address = declaration and declaration.address
        problems[#problems + 1] = {
          address = address, source = declaration and declaration.source or stack.source, hint = hint or rule.summary, policy = rule.name,
          message = ("policy %s: %s%s"):format(rule.name, address and address .. " " or "", message),
        }
      end)
    end
  end
  return problems
end

return policy
