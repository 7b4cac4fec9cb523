--- What managed databases can be made of: node types, engines and their versions, settings.
local answer = require "scw.emulator.answer"
local core = require "core"
local json = require "scw.json"
local listing = require "scw.emulator.listing"
local settings = require "scw.emulator.rdb_settings"

local rdb_catalogue = {}

local REGION = "/rdb/v1/regions/{region}"
local GB, TB = 1000000000, 1000000000000
local KINDS = { i = "INT", f = "FLOAT", b = "BOOLEAN", s = "STRING" }

-- Node types --------------------------------------------------------------------------------------------------------------

-- name, virtual processors, memory in GB, generation, size of the local disk in GB (first generation only)
local NODES = {
  { "db-dev-s", 2, 2, 1, 5 }, { "db-dev-m", 3, 4, 1, 25 }, { "db-dev-l", 4, 8, 1, 50 }, { "db-dev-xl", 4, 12, 1, 80 },
  { "db-gp-xs", 4, 16, 1, 150 }, { "db-gp-s", 8, 32, 1, 300 }, { "db-gp-m", 16, 64, 1, 600 },
  { "db-gp-l", 32, 128, 1, 600 }, { "db-gp-xl", 48, 256, 1, 600 },
  { "db-play2-pico", 1, 2, 2 }, { "db-play2-nano", 2, 4, 2 }, { "db-play2-micro", 4, 8, 2 },
  { "db-pro2-xxs", 2, 8, 2 }, { "db-pro2-xs", 4, 16, 2 }, { "db-pro2-s", 8, 32, 2 }, { "db-pro2-m", 16, 64, 2 },
  { "db-pro2-l", 32, 128, 2 },
  { "db-pop2-2c-8g", 2, 8, 2 }, { "db-pop2-4c-16g", 4, 16, 2 }, { "db-pop2-8c-32g", 8, 32, 2 },
  { "db-pop2-16c-64g", 16, 64, 2 }, { "db-pop2-32c-128g", 32, 128, 2 }, { "db-pop2-64c-256g", 64, 256, 2 },
  { "db-pop2-hm-2c-16g", 2, 16, 2 }, { "db-pop2-hm-4c-32g", 4, 32, 2 }, { "db-pop2-hm-8c-64g", 8, 64, 2 },
  { "db-pop2-hm-16c-128g", 16, 128, 2 }, { "db-pop2-hm-32c-256g", 32, 256, 2 }, { "db-pop2-hm-64c-512g", 64, 512, 2 },
  { "db-pop2-hc-2c-4g", 2, 4, 2 }, { "db-pop2-hc-4c-8g", 4, 8, 2 }, { "db-pop2-hc-8c-16g", 8, 16, 2 },
  { "db-pop2-hc-16c-32g", 16, 32, 2 }, { "db-pop2-hc-32c-64g", 32, 64, 2 }, { "db-pop2-hc-64c-128g", 64, 128, 2 },
}

local function block(kind)
  return { type = kind, class = "sbs", description = "Block storage", min_size = 5 * GB, max_size = 10 * TB, chunk_size = 5 * GB }
end

local NODE_TYPES = {}
for index, row in ipairs(NODES) do
  local name, processors, memory, generation, disk = table.unpack(row)
  local volumes = { block "sbs_5k", block "sbs_15k" }
  if disk then
    table.insert(volumes, 1, { type = "lssd", class = "lssd", description = "Local storage",
      min_size = 5 * GB, max_size = disk * GB, chunk_size = 5 * GB })
  end
  NODE_TYPES[index] = {
    name = name, vcpus = processors, memory = memory * GB, disabled = false, beta = false, is_ha_required = false,
    description = ("%d vCPU, %d GB of memory"):format(processors, memory), stock_status = "available",
    generation = "generation_v" .. generation, instance_range = name:match("^db%-(%a+)"),
    is_bssd_compatible = false, available_volume_types = json.array(volumes),
    volume_constraint = { min_size = 5 * GB, max_size = disk and disk * GB or 10 * TB },
  }
end

--- The node type of that name, whatever its case; a 400 when there is none.
---@param name string
---@return table
function rdb_catalogue.node(name)
  for _, node in ipairs(NODE_TYPES) do
    if node.name == name:lower() then return node end
  end
  answer.refuse(answer.invalid_argument("node_type", "constraint", "is not a node type"))
end

--- The storage a node may have: type, class and bounds; a 400 when it may not have it.
---@param node table
---@param kind string
---@return table
function rdb_catalogue.storage(node, kind)
  for _, volume in ipairs(node.available_volume_types) do
    if volume.type == kind then return volume end
  end
  answer.refuse(answer.invalid_argument("volume_type", "constraint", "is not available with this node type"))
end

-- Engines -----------------------------------------------------------------------------------------------------------------

-- family, newest first: { version, minor version, end of life, release, disabled }
local ENGINES = {
  { "MySQL", "mysql", { { "8", "8.0.43", "2026-04-01", "2018-04-08" } } },
  { "PostgreSQL", "postgresql", {
    { "17", "17.10", "2029-11-08", "2024-09-26" },
    { "16", "16.14", "2028-11-09", "2023-09-14" },
    { "15", "15.18", "2027-11-11", "2022-10-13" },
    { "14", "14.23", "2026-11-12", "2021-09-30" },
    { "13", "13.23", "2025-11-13", "2020-09-24", true },
    { "12", "12.22", "2024-11-14", "2019-10-03", true },
    { "11", "11.22", "2023-11-09", "2018-10-18", true },
    { "10", "10.23", "2022-11-10", "2017-10-05", true },
    { "9.6", "9.6.24", "2021-11-11", "2016-09-29", true },
  } },
}

local INIT_SETTINGS = { MySQL = { lower_case_table_names = { "i", "0", 0, 1, restart = true } }, PostgreSQL = {} }

local function has(row, version)
  return not row.since or tonumber(row.since) <= tonumber(version)
end

local function shown_setting(name, row)
  local kind = row[1]
  local words = name:gsub("[._]", " ")
  local result = {
    name = name, default_value = row[2], description = words:sub(1, 1):upper() .. words:sub(2), property_type = KINDS[kind],
    hot_configurable = not row.restart, unit = row.unit or json.null, string_constraint = row.allowed or json.null,
    int_min = json.null, int_max = json.null, float_min = json.null, float_max = json.null,
  }
  if kind == "i" then result.int_min, result.int_max = row[3], row[4] end
  if kind == "f" then result.float_min, result.float_max = row[3], row[4] end
  return result
end

local function shown_settings(rows, version)
  local names, result = {}, {}
  for name, row in next, rows do
    if has(row, version) then names[#names + 1] = name end
  end
  table.sort(names)
  for index, name in ipairs(names) do result[index] = shown_setting(name, rows[name]) end
  return json.array(result)
end

--- Family and version of "PostgreSQL-17"; nil when there is no such engine.
local function find(engine)
  for _, family in ipairs(ENGINES) do
    for index, version in ipairs(family[3]) do
      if family[1] .. "-" .. version[1] == engine then return family, version, index end
    end
  end
  return nil
end

--- A 400 unless new instances can have this engine.
---@param engine string
function rdb_catalogue.check_engine(engine)
  local family, version = find(engine)
  if not family or version[5] then
    answer.refuse(answer.invalid_argument("engine", "constraint", "is not an available engine"))
  end
end

--- The port of an engine in private networks.
---@param engine string
---@return integer
function rdb_catalogue.port(engine)
  return engine:find("^MySQL") and 3306 or 5432
end

local function version_id(name)
  local digits = core.hex(core.digest("md5", "engine version " .. name))
  return ("%s-%s-4%s-a%s-%s"):format(digits:sub(1, 8), digits:sub(9, 12), digits:sub(14, 16), digits:sub(18, 20), digits:sub(21, 32))
end

--- The versions an engine can be upgraded to, oldest first.
---@param engine string
---@return table[]
function rdb_catalogue.upgradable(engine)
  local result = {}
  local family, _, at = find(engine)
  for index = family and at - 1 or 0, 1, -1 do
    local version = family[3][index]
    local name = family[1] .. "-" .. version[1]
    result[#result + 1] = { id = version_id(name), name = name, version = version[1], minor_version = version[2] }
  end
  return json.array(result)
end

-- Values of settings ------------------------------------------------------------------------------------------------------

local function problem_of(row, value)
  local kind = row[1]
  if kind == "b" then
    local word = value:lower()
    return not (word == "on" or word == "off" or word == "true" or word == "false") and "must be on or off" or nil
  end
  if kind == "s" then
    local words = row.allowed and row.allowed:match("^%^%(([%w_|-]+)%)%$$")
    if words and not ("|" .. words .. "|"):find("|" .. value .. "|", 1, true) then return "must be one of " .. words:gsub("|", ", ") end
    return nil
  end
  local number = tonumber(value)
  if kind == "i" then number = math.tointeger(number) end
  if not number then return "must be a number" end
  if number < row[3] or number > row[4] then return ("must be between %s and %s"):format(row[3], row[4]) end
  return nil
end

local function read_settings(rows, version, given, argument)
  local result = {}
  for _, pair in ipairs(type(given) == "table" and given or {}) do
    local name, value = pair.name, pair.value
    if type(name) ~= "string" or type(value) ~= "string" then
      answer.refuse(answer.invalid_argument(argument, "format", "name and value must be texts"))
    end
    local row = rows[name]
    local problem = not (row and has(row, version)) and "is not a setting of this engine" or problem_of(row, value)
    if problem then answer.refuse(answer.invalid_argument(argument .. "." .. name, "constraint", problem)) end
    result[#result + 1] = { name = name, value = value }
  end
  return json.array(result)
end

--- The pairs of name and value that were given; a 400 when the engine does not take one.
---@param engine string
---@param given table[]|nil
---@return table[]
function rdb_catalogue.settings(engine, given)
  local family, version = find(engine)
  return read_settings(settings[family[1]], version[1], given, "settings")
end

--- The same for settings of the first start.
function rdb_catalogue.init_settings(engine, given)
  local family, version = find(engine)
  return read_settings(INIT_SETTINGS[family[1]], version[1], given, "init_settings")
end

--- What a new instance has set: PostgreSQL by its memory.
---@param engine string
---@param node_type string
---@return table[]
function rdb_catalogue.default_settings(engine, node_type)
  if engine:find("^MySQL") then return json.array { { name = "max_connections", value = "100" } } end
  local node = rdb_catalogue.node(node_type)
  local gigabytes, processors = node.memory // GB, node.vcpus
  local values = {
    { "effective_cache_size", gigabytes <= 2 and 1300 or gigabytes <= 4 and 2700 or gigabytes * 700 },
    { "maintenance_work_mem", gigabytes <= 2 and 150 or math.min(gigabytes * 75, 2000) },
    { "max_connections", gigabytes <= 2 and 100 or gigabytes <= 4 and 150 or math.min(gigabytes * 50, 1000) },
    { "max_parallel_workers", processors // 3 }, { "max_parallel_workers_per_gather", processors // 4 },
    { "work_mem", gigabytes <= 2 and 4 or 8 },
  }
  local result = {}
  for index, pair in ipairs(values) do result[index] = { name = pair[1], value = ("%d"):format(pair[2]) } end
  return json.array(result)
end

-- Calls -------------------------------------------------------------------------------------------------------------------

local function list_engines(call)
  local query, engines = call.query, {}
  for _, family in ipairs(ENGINES) do
    local versions = {}
    for _, version in ipairs(family[3]) do
      if not query.version or query.version == version[1] then
        versions[#versions + 1] = {
          name = family[1] .. "-" .. version[1], version = version[1], beta = false, disabled = version[5] or false,
          end_of_life = version[3] .. "T00:00:00Z", release_date = version[4] .. "T00:00:00Z",
          available_settings = shown_settings(settings[family[1]], version[1]),
          available_init_settings = shown_settings(INIT_SETTINGS[family[1]], version[1]),
        }
      end
    end
    if #versions > 0 and (not query.name or query.name:lower() == family[1]:lower()) then
      engines[#engines + 1] = {
        name = family[1], region = call.parameters.region, versions = json.array(versions),
        logo_url = ("https://s3.nl-ams.scw.cloud/scw-rdb-logos/%s.svg"):format(family[2]),
      }
    end
  end
  return answer.reply(200, { engines = json.array(engines), total_count = #engines })
end

local function list_node_types(call)
  local at = 0
  local page, total = listing.page(function()
    at = at + 1
    return NODE_TYPES[at] and { sequence = at, body = NODE_TYPES[at] }
  end, call.query, { include_disabled_types = false })
  local shown = {}
  for index, record in ipairs(page) do
    shown[index] = { region = call.parameters.region }
    for name, value in next, record.body do shown[index][name] = value end
  end
  return answer.reply(200, { node_types = json.array(shown), total_count = total })
end

rdb_catalogue.routes = {
  ["GET " .. REGION .. "/database-engines"] = list_engines,
  ["GET " .. REGION .. "/node-types"] = list_node_types,
}

return rdb_catalogue
