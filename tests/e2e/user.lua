--- Somebody who works with a stack: a directory, an emulator, and commands run there, of which none may ever show a secret.
local core = require "core"
local json = require "scw.json"
local assert = require "luassert"
local program = require "tests.e2e.program"

local user = {}

---@class e2e.User
---@field directory string where the commands run
---@field emulator e2e.Emulator
---@field environment table<string, string> of the commands; may be changed
---@field secrets string[]
local methods = {}
local metatable = { __index = methods }

---@class e2e.UserFacts
---@field directory? string made by program.directory; a new one by default
---@field files? table<string, string> contents by name
---@field emulator? string[] arguments
---@field environment? table<string, string> goes before what points at the emulator
---@field secrets? string[] no command may show one of them, as it is, in base64 or in hexadecimal digits

---@param facts e2e.UserFacts
---@return e2e.User
function user.new(facts)
  local self = setmetatable({
    directory = facts.directory or program.directory(), emulator = program.emulator(facts.emulator), environment = {},
    secrets = facts.secrets or {},
  }, metatable)
  for name, value in pairs(self.emulator.environment) do self.environment[name] = value end
  for name, value in pairs(facts.environment or {}) do self.environment[name] = value end
  for name, text in pairs(facts.files or {}) do self:write(name, text) end
  return self
end

--- The end: nothing is left of it.
function methods:leave()
  self.emulator:stop()
  program.remove(self.directory)
end

---@param name string of a file
---@param text string
function methods:write(name, text) assert(core.file_write(self.directory .. "/" .. name, text)) end

--- Runs a command to its end.
---@param ... string
---@return {status: integer, stdout: string, stderr: string}
function methods:run(...)
  local result = program.run({ ... }, { directory = self.directory, environment = self.environment })
  for _, secret in ipairs(self.secrets) do
    for _, form in ipairs({ secret, core.base64(secret), core.hex(secret) }) do
      assert.is_nil((result.stdout .. result.stderr):find(form, 1, true))
    end
  end
  return result
end

--- The same, which has to go well.
---@param ... string
---@return {status: integer, stdout: string, stderr: string}
function methods:done(...)
  local result = self:run(...)
  assert.are.equal(0, result.status, result.stdout .. result.stderr)
  return result
end

--- What a command says that speaks JSON.
---@param ... string
---@return any
function methods:answer(...) return assert(json.decode(self:done(...).stdout)) end

--- Why a command does not do it, in one line.
---@param ... string
---@return string
function methods:refused(...)
  local result = self:run(...)
  assert.are.equal(1, result.status, result.stdout)
  assert.is_nil(result.stderr:find("traceback", 1, true))
  return (result.stderr:gsub("%s+", " "))
end

--- Everything that the commands made is gone: the state, and what is at the service.
---@param state string path of the state
function methods:start_over(state)
  self.emulator:reset()
  core.exec({ argv = { "sh", "-c", 'rm -rf "$0" "$0".*', state }, directory = self.directory })
end

--- The history of a stack, the latest deployment first.
---@param stack string path
---@return table[]
function methods:deployments(stack) return self:answer("state", "history", "--json", stack).deployments end

return user
