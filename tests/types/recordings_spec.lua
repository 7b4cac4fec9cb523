--- What the service really answered has to make sense in the words of the types.
local catalogue = require "scw.schema.catalogue"
local core = require "core"
local encoding = require "scw.schema.encoding"
local json = require "scw.json"
local reference = require "tests.types.reference"
local schema = require "scw.schema"
local wait = require "scw.engine.wait"
local wire = require "scw.schema.wire"

local FOLDERS = {
  account = "account", registry = "registry", vpc = "vpc", rdb = "rdb", secret = "secret", container = "container",
  cockpit = "cockpit", iam = "iam", jobs = "jobs", key_manager = "keymanager",
}

--- A template as a pattern, and the names of its parts in order.
local function pattern_of(template)
  local names = {}
  local pattern = template:gsub("[%-%.]", "%%%0"):gsub("{([%w_]+)}", function(name)
    names[#names + 1] = name
    return "([^/]+)"
  end)
  return "^" .. pattern .. "$", names
end

local function scope_of(pattern, names, path)
  local found = { path:match(pattern) }
  if #found == 0 then return nil end
  local scope = {}
  for index, name in ipairs(names) do scope[name] = core.uri_decode(found[index]) end
  return scope
end

--- Every successful answer of one call, with the values of its path.
local function each(exchanges, method, template, visit)
  local pattern, names = pattern_of(template)
  for _, exchange in ipairs(exchanges) do
    local path = exchange.method == method and exchange.status == 200 and exchange.url:match("^https?://[^/]+([^?]*)")
    local scope = path and scope_of(pattern, names, path)
    if scope and type(exchange.response_body) == "table" then visit(exchange.response_body, scope, exchange) end
  end
end

local loaded = {}

local function exchanges_of(folder)
  if loaded[folder] then return loaded[folder] end
  local root = reference.root .. "/recordings/" .. folder
  local all = {}
  for _, name in ipairs(assert(core.file_list(root))) do
    local recording = assert(json.answer(assert(core.file_read(root .. "/" .. name))))
    for _, exchange in ipairs(recording.interactions) do all[#all + 1] = exchange end
  end
  loaded[folder] = all
  return all
end

local function problems_of(object, answer, scope)
  local result = wire.read(object, answer, scope)
  local problems = {}
  for _, problem in ipairs((schema.check(object, result.fields, scope))) do
    local field = object.fields[problem.path:match("^[%w_]+")]
    local unseen = field and field.wire.read == false or problem.message:find("exactly one of", 1, true)
    if not (unseen or problem.message:find("is required", 1, true) or problem.message:find("reserved", 1, true)) then
      problems[#problems + 1] = problem.message
    end
  end
  return problems, result
end

--- The fields a body of the creation stands for. What says nothing (null, unknown_*) is left out.
local function fields_of_body(object, body)
  local fields = {}
  for name, field in pairs(object.fields) do
    local value = wire.get(body, field.wire.create or { "" })
    local says_nothing = type(value) == "string" and (value:find("^unknown") or value == "") or value == 0
    if value ~= nil and not says_nothing then
      if field.pick then fields[name] = value else fields[name] = encoding.decode(field, value) end
    end
  end
  return fields
end

--- Calls of its own turn it on and off: a body says nothing of it, or not in these words.
local function is_switch(object, field)
  for _, action in ipairs(object.actions) do
    if action.name == field.update and action.on and not field.wire.create then return true end
  end
  return false
end

local function in_passing(object, answer)
  return object.ready ~= nil and wait.readiness(object.ready, answer) == "passing"
end

for _, name in ipairs(catalogue.names()) do
  local object = catalogue.get(name)
  local folder = FOLDERS[object.product]
  if object.api and folder then
    describe(name, function()
      it("reads what the service answered", function()
        if not core.file_stat(reference.root .. "/recordings") then return pending("no recordings beside the repository") end
        local seen = 0
        local function look(answer, scope)
          local problems = problems_of(object, answer, scope)
          assert.are.same({}, problems)
          seen = seen + 1
        end
        local exchanges = exchanges_of(folder)
        if type(object.api.read) == "table" then
          each(exchanges, "GET", object.api.read.path, function(answer, scope)
            scope.id = scope.id or answer.id
            look(answer, scope)
          end)
        elseif object.api.read == "whole" then
          each(exchanges, "GET", object.api.list.path, look)
        end
        if object.api.list and object.api.read ~= "whole" then
          each(exchanges, "GET", object.api.list.path, function(answer, scope)
            for _, element in ipairs(answer[object.api.list.field] or {}) do look(element, scope) end
          end)
        end
        assert(seen > 0, "nothing recorded")
      end)

      it("knows the defaults the service fills in", function()
        if not core.file_stat(reference.root .. "/recordings") then return pending("no recordings beside the repository") end
        if type(object.api.read) ~= "table" or #object.api.parts > 0 then return end
        local exchanges = exchanges_of(folder)
        local created, read = pattern_of(object.api.create.path), pattern_of(object.api.read.path)
        local desired = {}
        for _, exchange in ipairs(exchanges) do
          local path = exchange.url:match("^https?://[^/]+([^?]*)")
          if exchange.status == 200 and exchange.method == object.api.create.method and path:match(created) then
            local id = wire.id(object, exchange.response_body, {})
            if id then desired[id] = schema.defaults(object, fields_of_body(object, exchange.request_body)) end
          elseif exchange.method ~= "GET" then
            for id in path:gmatch("[^/]+") do desired[id] = nil end
          elseif path:match(read) and exchange.status == 200 then
            local id = path:match("([^/]+)$")
            if desired[id] and not in_passing(object, exchange.response_body) then
              local actual = wire.read(object, exchange.response_body, {}).fields
              for _, change in ipairs(schema.diff(object, desired[id], desired[id], actual)) do
                local seen = ("%s: %s -> %s"):format(change.path, tostring(change.old), tostring(change.new))
                assert(is_switch(object, object.fields[change.field]), seen)
              end
            end
          end
        end
      end)

      it("sends names the service was really sent", function()
        if not core.file_stat(reference.root .. "/recordings") then return pending("no recordings beside the repository") end
        local sent, known = {}, {}
        each(exchanges_of(folder), object.api.create.method, object.api.create.path, function(_, _, exchange)
          for key in pairs(exchange.request_body or {}) do sent[key] = true end
        end)
        for _, field in pairs(object.fields) do
          if field.wire.create then known[field.wire.create[1]] = true end
        end
        local common = 0
        for key in pairs(known) do if sent[key] then common = common + 1 end end
        assert(common > 0, "not one name of the creation was ever sent")
      end)
    end)
  end
end
