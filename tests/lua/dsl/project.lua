--- Projects made of texts, for specs of the language.
local core = require "core"
local dsl = require "scw.dsl"

local project = {}

local count = 0

local function remove(path)
  for _, name in ipairs(core.file_list(path) or {}) do
    local inner = path .. "/" .. name
    if core.file_stat(inner).kind == "directory" then remove(inner) else os.remove(inner) end
  end
  os.remove(path)
end

--- Writes files, calls `fn(folder)`, removes them.
---@param files table<string, string>
---@param fn fun(folder: string)
function project.with(files, fn)
  count = count + 1
  local folder = ("/tmp/scwlua_%s_%d"):format(core.hex(core.random(6)), count)
  assert(core.directory_create(folder .. "/modules"))
  assert(core.directory_create(folder .. "/stacks"))
  for name, text in pairs(files) do
    local parent = (folder .. "/" .. name):match("^(.*)/")
    assert(core.directory_create(parent))
    local file <close> = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
  end
  local ok, reason = pcall(fn, folder)
  remove(folder)
  if not ok then error(reason, 0) end
end

--- Evaluates stacks/test.lua of a project. Sources lose the folder.
---@param files table<string, string>
---@param options? table
---@return table? stack, table? err
function project.load(files, options)
  local made, err
  project.with(files, function(folder)
    local all = { environment = {}, config = {} }
    for name, value in pairs(options or {}) do all[name] = value end
    if all.config_file then all.config_file = folder .. "/" .. all.config_file end
    made, err = dsl.load(folder .. "/stacks/test.lua", all)
    local function clean(one)
      if one.source then one.source = one.source:gsub(folder .. "/", "", 1) end
      for i, line in ipairs(one.details) do one.details[i] = line:gsub(folder .. "/", "") end
    end
    if err then
      clean(err)
      err.message = err.message:gsub(folder .. "/", "")
      for _, problem in ipairs(err.problems or {}) do clean(problem) end
    end
    for _, declaration in ipairs(made and made.declarations or {}) do
      declaration.source = declaration.source:gsub(folder .. "/", "", 1)
      for i, use in ipairs(declaration.uses) do declaration.uses[i] = use:gsub(folder .. "/", "", 1) end
    end
  end)
  return made, err
end

--- A stack whose build has these lines, the first of which is line 3 of stacks/test.lua.
---@param lines string
---@param options? table of dsl.load
---@param more? table<string, string> further files
---@return table? stack, table? err
function project.build(lines, options, more)
  local files = { ["stacks/test.lua"] = ([[
local scw = require "scw"
return scw.stack { name = "test", region = "fr-par", zone = "fr-par-2", state = scw.file { path = "x" }, build = function(stack)
%s
end }
]]):format(lines) }
  for name, text in pairs(more or {}) do files[name] = text end
  return project.load(files, options)
end

--- What went wrong: every problem as "line: message".
---@param err table?
---@return string[]
function project.problems(err)
  assert(err, "the stack should have been refused")
  local lines = {}
  for _, problem in ipairs(err.problems or { err }) do
    lines[#lines + 1] = ((problem.source or "?"):gsub("^stacks/test%.lua:", "")) .. ": " .. problem.message
  end
  return lines
end

return project
