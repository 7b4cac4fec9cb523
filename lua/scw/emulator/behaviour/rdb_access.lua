--- Users, databases and privileges of managed databases. Passwords are checked and forgotten.
local answer = require "scw.emulator.answer"
local rdb_state = require "scw.emulator.behaviour.rdb_state"

local rdb_access = {}

local INSTANCE = "/rdb/v1/regions/{region}/instances/{instance}"
local OWNER, DATABASE_BYTES = "_rdb_superadmin", 7763635
local DEFAULT_DATABASE = "rdb"
local MOST_NAME_BYTES = { MySQL = 32, PostgreSQL = 63 }

local RESERVED = {}
for _, name in ipairs { "information_schema", "mysql", "performance_schema", "postgres", "rdb", "sys", "template0", "template1" } do
  RESERVED[name] = true
end

-- Names and passwords -----------------------------------------------------------------------------------------------------

local function wrong(argument, reason, help)
  answer.refuse(answer.invalid_argument(argument, reason, help))
end

local function check_name(argument, name, most)
  if type(name) ~= "string" or name == "" then wrong(argument, "required", "is required") end
  if #name > most then wrong(argument, "constraint", ("must not exceed %d characters"):format(most)) end
  if not name:find("^%a[%w_$-]*$") then
    wrong(argument, "format", "must begin with a letter, then letters, digits, underscores, dollars or hyphens")
  end
end

--- Refuses the name of a user that the engine does not allow.
---@param engine string
---@param name any
---@param argument string
function rdb_access.check_user_name(engine, name, argument)
  check_name(argument, name, MOST_NAME_BYTES[engine:match("^%a+")])
  if name:find("^_rdb") or engine:find("^PostgreSQL") and name:find("^pg_") then wrong(argument, "constraint", "is reserved") end
end

--- Refuses a password that is too short, too long, or lacks a kind of character.
---@param password any
function rdb_access.check_password(password)
  if type(password) ~= "string" or password == "" then wrong("password", "required", "is required") end
  local complete = password:find("%d") and password:find("%u") and password:find("%l") and password:find("[^%w]")
  if #password < 8 or #password > 128 or not complete then
    wrong("password", "constraint",
      "must have 8 to 128 characters, with a digit, an upper case letter, a lower case letter and a special one")
  end
end

-- What an instance holds --------------------------------------------------------------------------------------------------

local function of(emulator, kind, instance_id)
  return emulator.resources[kind]:by("instance_id", instance_id)
end

local function find(emulator, kind, instance_id, name)
  for _, record in ipairs(of(emulator, kind, instance_id)) do
    if record.body.name == name then return record end
  end
  return nil
end

--- The user or database of that name, or the call ends with 404.
local function need(emulator, kind, instance_id, name)
  local resource = emulator.resources[kind]
  local record = find(emulator, kind, instance_id, name)
  if not record then answer.refuse(resource:absent(tostring(name))) end
  return record
end

local function insert(emulator, kind, instance, body, builtin)
  body.instance_id = instance.id
  emulator.resources[kind]:insert(body, { place = { region = instance.body.region }, project_id = instance.project_id, builtin = builtin })
end

local function database_body(name)
  return { name = name, managed = true, owner = OWNER, size = DATABASE_BYTES }
end

--- What a new instance has: its default database, its first user.
---@param emulator scw.emulator.Emulator
---@param instance scw.emulator.Record
function rdb_access.begin(emulator, instance)
  insert(emulator, "rdb_database", instance, database_body(DEFAULT_DATABASE), true)
  if not instance.first_user then return end
  insert(emulator, "rdb_user", instance, { name = instance.first_user, is_admin = true }, true)
  insert(emulator, "rdb_privilege", instance,
    { database_name = DEFAULT_DATABASE, user_name = instance.first_user, permission = "all" }, true)
end

local KINDS = { "rdb_database", "rdb_user", "rdb_privilege" }

--- The users, databases and privileges of an instance, to be given to another one.
---@param emulator scw.emulator.Emulator
---@param instance_id string
---@return table<string, table[]>
function rdb_access.save(emulator, instance_id)
  local saved = {}
  for _, kind in ipairs(KINDS) do
    saved[kind] = {}
    for index, record in ipairs(of(emulator, kind, instance_id)) do
      saved[kind][index] = {}
      for name, value in next, record.body do saved[kind][index][name] = name ~= "id" and value or nil end
    end
  end
  return saved
end

--- Gives an instance what was saved from another one.
function rdb_access.restore(emulator, instance, saved)
  for _, kind in ipairs(KINDS) do
    for _, body in ipairs(saved[kind] or {}) do
      local own = {}
      for name, value in next, body do own[name] = value end
      insert(emulator, kind, instance, own, true)
    end
  end
end

--- The database of a backup, made when the instance lacks it.
function rdb_access.ensure_database(emulator, instance, name)
  if not find(emulator, "rdb_database", instance.id, name) then insert(emulator, "rdb_database", instance, database_body(name)) end
end

--- The call ends with 404 unless the instance has this database.
function rdb_access.need_database(emulator, instance_id, name)
  return need(emulator, "rdb_database", instance_id, name)
end

local function refuse_twin(emulator, kind, values)
  if find(emulator, kind, values.instance_id, values.name) then
    answer.refuse(answer.exists(emulator.resources[kind].noun, values.name, "the name is already used"))
  end
end

--- The instance of a call, ready to be changed.
local function instance_of(call)
  local instances = call.emulator.resources.rdb_instance
  local instance = instances:need(call.parameters.instance)
  rdb_state.refuse(instances, instance)
  return instance
end

local function forget_privileges(emulator, field, record)
  local privileges = emulator.resources.rdb_privilege
  for _, other in ipairs(privileges:by("instance_id", record.body.instance_id)) do
    if other.body[field] == record.body.name then privileges:remove(other) end
  end
end

local function remove(kind, field)
  return function(call)
    local instance = instance_of(call)
    local record = need(call.emulator, kind, instance.id, call.parameters.name)
    forget_privileges(call.emulator, field, record)
    call.emulator.resources[kind]:remove(record)
    return answer.reply(204)
  end
end

local function plain(_, _, body) body.id = nil end

local PARENT = { kind = "rdb_instance", parameter = "instance", field = "instance_id", ready = true }
local HIDDEN = { kind = "str", hidden = true, create = false, update = false }

local function declare(declaration)
  declaration.owner, declaration.placeless, declaration.untimed = "none", true, true
  declaration.read, declaration.update, declaration.delete = false, false, false
  declaration.parent = PARENT
  declaration.fields = declaration.fields or {}
  declaration.fields.instance_id = HIDDEN
  declaration.hooks = declaration.hooks or {}
  declaration.hooks.view = plain
  return declaration
end

-- Users -------------------------------------------------------------------------------------------------------------------

local function change_user(call)
  local instance = instance_of(call)
  local users = call.emulator.resources.rdb_user
  local record = need(call.emulator, "rdb_user", instance.id, call.parameters.name)
  if type(call.body.password) == "string" then rdb_access.check_password(call.body.password) end
  if type(call.body.is_admin) == "boolean" then record.body.is_admin = call.body.is_admin end
  users.collection:put(record)
  return answer.reply(200, users:show(call, record))
end

local users = declare {
  kind = "rdb_user",
  noun = "user",
  fields = { password = false },
  hooks = {
    prepare = function(call, values)
      local instance = instance_of(call)
      rdb_access.check_user_name(instance.body.engine, values.name, "name")
      rdb_access.check_password(call.body.password)
      refuse_twin(call.emulator, "rdb_user", values)
    end,
  },
  routes = {
    ["PATCH " .. INSTANCE .. "/users/{name}"] = change_user,
    ["DELETE " .. INSTANCE .. "/users/{name}"] = remove("rdb_user", "user_name"),
  },
}

-- Databases ---------------------------------------------------------------------------------------------------------------

local databases = declare {
  kind = "rdb_database",
  noun = "database",
  filters = { skip_size_retrieval = false },
  hooks = {
    prepare = function(call, values)
      instance_of(call)
      check_name("name", values.name, 63)
      if RESERVED[values.name] then wrong("name", "constraint", "is reserved") end
      refuse_twin(call.emulator, "rdb_database", values)
      for name, value in next, database_body(values.name) do values[name] = value end
    end,
    created = function(_, record) -- the owner and the size are known a moment later
      return answer.reply(200, { name = record.body.name, managed = true, owner = "", size = 0 })
    end,
  },
  routes = { ["DELETE " .. INSTANCE .. "/databases/{name}"] = remove("rdb_database", "database_name") },
}

-- Privileges --------------------------------------------------------------------------------------------------------------

local PERMISSIONS = { readonly = true, readwrite = true, all = true, custom = true, none = true }

local function set_privilege(call)
  local emulator, body = call.emulator, call.body
  local instance = instance_of(call)
  if not PERMISSIONS[body.permission] then
    wrong("permission", "constraint", "must be one of readonly, readwrite, all, custom, none")
  end
  local database = need(emulator, "rdb_database", instance.id, body.database_name).body.name
  local user = need(emulator, "rdb_user", instance.id, body.user_name).body.name
  local privileges = emulator.resources.rdb_privilege
  local present
  for _, record in ipairs(of(emulator, "rdb_privilege", instance.id)) do
    if record.body.database_name == database and record.body.user_name == user then present = record end
  end
  if present then
    present.body.permission = body.permission
    privileges.collection:put(present)
  else
    insert(emulator, "rdb_privilege", instance, { database_name = database, user_name = user, permission = body.permission })
  end
  return answer.reply(200, { database_name = database, user_name = user, permission = body.permission })
end

local privileges = declare {
  kind = "rdb_privilege",
  noun = "privilege",
  create = false,
  routes = { ["PUT " .. INSTANCE .. "/privileges"] = set_privilege },
}

rdb_access.resources = { users, databases, privileges }

return rdb_access
