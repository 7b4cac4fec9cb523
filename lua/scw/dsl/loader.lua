--- Finds and runs the files of a stack: the stack itself and the modules it requires. Reads nothing else.
local core = require "core"
local errors = require "scw.errors"
local guard = require "scw.dsl.guard"
local sandbox = require "scw.dsl.sandbox"
local source = require "scw.dsl.source"

local loader = {}

local HIGHEST = 30 -- folders to look through upwards

-- Plain blocking reads: user code runs while they happen, and that cannot wait.
---@param path string
---@return string? text
---@return string? reason
function loader.read(path)
  local file <close>, reason = io.open(path, "rb")
  if not file then return nil, reason end
  local text, failure = file:read("a")
  return text, failure
end

local function is_directory(path)
  local file <close> = io.open(path .. "/.", "rb")
  return file ~= nil
end

--- The nearest folder upwards of a file that has a `modules` folder.
---@param path string
---@return string? root with a slash at the end, "" for the current folder
function loader.root(path)
  local folder = path:match("^(.*/)[^/]*$") or ""
  for _ = 1, HIGHEST do
    if is_directory(folder .. "modules") then return folder end
    if folder == "/" then return nil end
    local parent, last = folder:match("^(.-)([^/]+)/+$")
    if not parent or last == ".." then
      folder = folder .. "../"
    elseif last == "." then
      folder = parent .. "../"
    else
      folder = parent
    end
  end
  return nil
end

local RESERVED = " and break do else elseif end false for function goto if in local nil not or repeat return then true until while "

--- What the compiler says, without the piece of the file that it quotes unless that is a sign or a word of Lua: the file may be anything, a
--- key too.
local function without_content(message)
  return (message:gsub(" near '(.*)'$", function(piece)
    local harmless = piece:match("^%p+$") or piece:match("^%l+$") and RESERVED:find(" " .. piece .. " ", 1, true)
    return not harmless and "" or nil
  end))
end

local function compile(text, name, mode, environment)
  if mode == "t" and text:byte(1) == 35 then text = "--" .. text end -- 35: "#", a first line for the shell
  local chunk, reason = load(text, "@" .. name, mode, environment)
  if chunk then return chunk end
  local at, message = source.split(reason)
  local where = at or name .. ":" .. (reason:match(":(%d+): ") or 1)
  error(errors.new { code = "INFRA_001", message = without_content(message), source = where }, 0)
end

local function module_chunk(session, name, environment, at)
  if session.root then
    local base = session.root .. name:gsub("%.", "/")
    for _, path in ipairs { base .. ".lua", base .. "/init.lua" } do
      local text = loader.read(path)
      if text then
        session.basis["module " .. name] = text
        return compile(text, path, "t", environment), path
      end
    end
  end
  local chunk = core.module_chunk(name)
  if chunk then return compile(chunk, name:gsub("%.", "/") .. ".lua", "bt", environment), "built-in " .. name end
  local near = {}
  for _, known in ipairs(core.modules("modules.")) do near[#near + 1] = known end
  error(errors.new {
    code = "INFRA_001", message = ("there is no module '%s'"):format(name), source = at,
    details = { session.root and ("looked for %s%s.lua and for a built-in module"):format(session.root, (name:gsub("%.", "/")))
      or "looked for a built-in module; no folder above the stack has a folder `modules`" },
    hint = require("scw.suggest").hint(name, near),
  }, 0)
end

--- What a module's file returns. Where only the declaration of the stack matters, a module that fails stands for nothing.
local function load_module(session, name, environment, at)
  if not session.bare then return module_chunk(session, name, environment, at)() end
  local ok, result = xpcall(function() return module_chunk(session, name, environment, at)() end, guard.describe)
  if ok then return result end
  if guard.is_bug(result) then error(result, 0) end
  return session:report(result)
end

--- The `require` of user code.
local function requirer(session, words)
  local loaded, loading, environment = { scw = words }, {}, nil
  local function require_module(name)
    local here = source.here(2)
    if type(name) ~= "string" then
      error(errors.new { code = "INFRA_001", message = "require takes the name of a module", source = here }, 0)
    end
    if loaded[name] ~= nil then return loaded[name] end
    if not name:find("^modules%.[%w_.-]+$") or name:find("..", 1, true) then
      error(errors.new {
        code = "INFRA_001", message = ("a stack cannot require '%s'"):format(name), source = here,
        hint = 'it can require "scw" and the project\'s own "modules.name"',
      }, 0)
    end
    for i, other in ipairs(loading) do
      if other == name then
        local chain = table.concat(loading, " requires ", i) .. " requires " .. name
        error(errors.new { code = "INFRA_001", message = "modules require each other: " .. chain, source = here }, 0)
      end
    end
    loading[#loading + 1] = name
    local result = load_module(session, name, environment, here)
    loading[#loading] = nil
    if result == nil then
      error(errors.new {
        code = "INFRA_001", message = ("the module '%s' returns nothing"):format(name), source = here,
        hint = "its file has to end with: return scw.module { … }",
      }, 0)
    end
    loaded[name] = result
    return result
  end
  return require_module, function(made) environment = made end
end

--- The chunk of a stack file that does not compile, up to `build`: that is where stacks are long.
---@return function? chunk
local function head_of(text, name, environment)
  local places = {}
  for at in string.gmatch(text, "()%f[%w_]build%s*=%s*function") do table.insert(places, 1, at) end
  for _, at in ipairs(places) do
    for _, closing in ipairs { "}", "})" } do
      local ok, chunk = pcall(compile, string.sub(text, 1, at - 1) .. closing, name, "t", environment)
      if ok then return chunk end
    end
  end
end

--- Runs the stack file; gives what it returns.
---@param session scw.dsl.Session
---@param text string the file
---@param words table what `require "scw"` gives
---@return any
function loader.run(session, text, words)
  local require_module, set_environment = requirer(session, words)
  local environment = sandbox.environment(session, guard, require_module)
  set_environment(environment)
  if not session.bare then return compile(text, session.path, "t", environment)() end
  local ok, chunk = pcall(compile, text, session.path, "t", environment)
  if not ok then
    local head = head_of(text, session.path, environment) or error(chunk, 0)
    session:report(chunk)
    chunk = head
  end
  return chunk()
end

return loader
