local dsl = require "scw.dsl"
local reference = require "scw.dsl.reference"

local function load(name, options)
  local made, err = dsl.load(("stacks/%s.lua"):format(name), options or { environment = {} })
  local lines = {}
  for _, problem in ipairs(err and (err.problems or { err }) or {}) do
    lines[#lines + 1] = tostring(problem.source) .. ": " .. problem.message
  end
  assert(made, table.concat(lines, "\n"))
  return made
end

local function by_type(made)
  local found = {}
  for _, declaration in ipairs(made.declarations) do
    found[declaration.type] = found[declaration.type] or {}
    table.insert(found[declaration.type], declaration)
  end
  return found
end

for _, name in ipairs { "staging", "production" } do
  describe(name, function()
    it("is valid without credentials, network or warnings", function()
      assert.are.same({}, load(name).warnings)
    end)

    it("describes the whole platform", function()
      local found = by_type(load(name))
      for type_name, least in pairs {
        container_namespace = 1, container = 3, container_trigger = 1, rdb_instance = 1, rdb_database = 1, rdb_user = 4, rdb_privilege = 4,
        secret = 5, secret_version = 5, cockpit_data_source = 3, cockpit_token = 1, cockpit_alert_manager = 1, cockpit_contact_point = 1,
        iam_application = 2, iam_policy = 2, iam_api_key = 2, vpc = 1, private_network = 1, registry_namespace = 1, bucket = 1,
        job_definition = 2,
      } do
        assert.is_true(#(found[type_name] or {}) >= least, type_name)
      end
      local domains = by_type(load(name, { environment = {}, config = { domain = "evalap.example.org" } })).container_domain
      assert.are.equal(3, #domains)
    end)

    it("gives every secret by reference, and the database's address as one", function()
      for _, container in ipairs(by_type(load(name)).container) do
        for variable, value in pairs(container.fields.secret_environment_variables) do
          assert.is_true(reference.secret(value), variable)
        end
        assert.are.equal(container.module:match("documentation") == nil,
          container.fields.secret_environment_variables.DATABASE_URL ~= nil)
      end
    end)

    it("shares no name with another environment", function()
      local other = load(name == "staging" and "production" or "staging")
      local own = load(name)
      assert.are_not.equal(own.name, other.name)
      assert.are_not.equal(own.state.bucket, other.state.bucket)
      for _, type_name in ipairs { "bucket", "registry_namespace", "container_namespace", "rdb_instance", "vpc" } do
        assert.are_not.equal(by_type(own)[type_name][1].fields.name, by_type(other)[type_name][1].fields.name)
      end
    end)

    it("has the same parts as the other environment", function()
      local function parts(made)
        local set = {}
        for _, declaration in ipairs(made.declarations) do
          if not declaration.address:find("backup%-%a+/job_definition") then set[declaration.address] = true end
        end
        return set
      end
      assert.are.same(parts(load("production")), parts(load("staging")))
    end)

    it("evaluates twice the same", function()
      local function texts(made)
        local lines = {}
        for _, declaration in ipairs(made.declarations) do
          lines[#lines + 1] = declaration.address .. " " .. table.concat(declaration.needs, " ")
        end
        return lines
      end
      assert.are.same(texts(load(name)), texts(load(name)))
    end)
  end)
end

describe("a program installed without its source tree", function()
  it("brings the modules along", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(require("core").directory_create(folder))
    local from <close> = assert(io.open "stacks/staging.lua")
    local to <close> = assert(io.open(folder .. "/copy.lua", "w"))
    to:write(from:read "a")
    to:close()
    local made = assert(dsl.load(folder .. "/copy.lua", { environment = {} }))
    os.remove(folder .. "/copy.lua")
    os.remove(folder)
    assert.are.equal(#load("staging").declarations, #made.declarations)
  end)
end)
