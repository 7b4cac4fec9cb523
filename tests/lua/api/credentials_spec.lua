local core = require "core"
local credentials = require "scw.api.credentials"
local errors = require "scw.errors"

local ACCESS, SECRET = "SCWAAAAAAAAAAAAAAAAA", "11111111-1111-1111-1111-111111111111"
local OTHER_ACCESS, OTHER_SECRET = "SCWBBBBBBBBBBBBBBBBB", "22222222-2222-2222-2222-222222222222"
local PROJECT = "33333333-3333-3333-3333-333333333333"

local home

before_each(function()
  home = os.tmpname()
  os.remove(home)
  assert(core.directory_create(home .. "/.config/scw"))
end)

after_each(function() os.execute("rm -r " .. home) end)

local function write(text, name, mode)
  assert(core.file_write(home .. "/.config/scw/" .. (name or "config.yaml"), text, { mode = mode or 384 }))
end

local function load(environment, options)
  local all = { environment = { HOME = home } }
  for name, value in pairs(environment or {}) do all.environment[name] = value end
  for name, value in pairs(options or {}) do all[name] = value end
  local loaded, err = credentials.load(all)
  if err then
    assert.is_true(errors.is(err))
    local shown = table.concat({ err.message, err.hint or "", table.concat(err.details, " ") }, " ")
    for _, secret in ipairs { SECRET, OTHER_SECRET, ACCESS, OTHER_ACCESS } do assert.is_nil(shown:find(secret, 1, true)) end
  else
    local shown = table.concat(loaded.warnings, "\n")
    for _, secret in ipairs { SECRET, OTHER_SECRET } do assert.is_nil(shown:find(secret, 1, true)) end
  end
  return loaded, err
end

local FILE = ([[
access_key: %s
secret_key: %s
default_region: nl-ams
default_project_id: %s
profiles:
  staging:
    access_key: %s
    secret_key: %s
    default_zone: pl-waw-2
]]):format(ACCESS, SECRET, PROJECT, OTHER_ACCESS, OTHER_SECRET)

describe("credentials from the environment", function()
  it("come with defaults for the rest", function()
    local loaded = assert(load { SCW_ACCESS_KEY = ACCESS, SCW_SECRET_KEY = SECRET })
    assert.are.equal(ACCESS, loaded.access_key)
    assert.are.equal(SECRET, loaded.secret_key)
    assert.are.equal("fr-par", loaded.region)
    assert.are.equal("fr-par-1", loaded.zone)
    assert.are.equal("https://api.scaleway.com", loaded.api_url)
    assert.is_nil(loaded.s3_endpoint)
    assert.is_false(loaded.insecure)
    assert.are.same({}, loaded.warnings)
  end)

  it("take the region from the zone, and the zone from the region", function()
    local keys = { SCW_ACCESS_KEY = ACCESS, SCW_SECRET_KEY = SECRET }
    keys.SCW_DEFAULT_ZONE = "pl-waw-3"
    assert.are.equal("pl-waw", load(keys).region)
    keys.SCW_DEFAULT_ZONE, keys.SCW_DEFAULT_REGION = nil, "nl-ams"
    assert.are.equal("nl-ams-1", load(keys).zone)
    keys.SCW_DEFAULT_REGION = "par1"
    assert.are.equal("fr-par", load(keys).region)
  end)

  it("warn about a zone outside the region and about unknown places", function()
    local keys = { SCW_ACCESS_KEY = ACCESS, SCW_SECRET_KEY = SECRET, SCW_DEFAULT_ZONE = "fr-par-1", SCW_DEFAULT_REGION = "nl-ams" }
    assert.matches("not in the region", load(keys).warnings[1])
    keys.SCW_DEFAULT_ZONE, keys.SCW_DEFAULT_REGION = "es-mad-1", "es-mad"
    assert.matches("unknown region es%-mad", load(keys).warnings[1])
  end)

  it("may use the old names, with a warning", function()
    local loaded = assert(load { SCALEWAY_ACCESS_KEY = ACCESS, SCW_TOKEN = SECRET, SCW_REGION = "nl-ams", SCW_TLSVERIFY = "false" })
    assert.are.equal(ACCESS, loaded.access_key)
    assert.are.equal(SECRET, loaded.secret_key)
    assert.are.equal("nl-ams", loaded.region)
    assert.is_true(loaded.insecure)
    assert.matches("SCALEWAY_ACCESS_KEY is deprecated", table.concat(loaded.warnings, "\n"))
    assert.matches("SCW_TLSVERIFY is deprecated", table.concat(loaded.warnings, "\n"))
    assert.are.equal(SECRET, assert(load { SCW_ACCESS_KEY = ACCESS, SCALEWAY_ACCESS_KEY = SECRET }).secret_key)
  end)

  it("are refused when malformed or empty, without showing them", function()
    for name, value in pairs {
      SCW_SECRET_KEY = "hunter2", SCW_ACCESS_KEY = "hunter2", SCW_DEFAULT_PROJECT_ID = "x", SCW_DEFAULT_REGION = "Paris",
      SCW_DEFAULT_ZONE = "fr-par", SCW_API_URL = "api.scaleway.com", SCW_USER_AGENT = "a\nb",
    } do
      for _, wrong in ipairs { value, "" } do
        local keys = { SCW_ACCESS_KEY = ACCESS, SCW_SECRET_KEY = SECRET }
        keys[name] = wrong
        local loaded, err = load(keys)
        assert.is_nil(loaded)
        assert.are.equal("INFRA_001", err.code)
        assert.is_truthy(err.message:find(name, 1, true))
        assert.is_nil(err.message:find("hunter2", 1, true))
      end
    end
  end)

  it("take a boolean that is none as false, with a warning", function()
    local loaded = assert(load { SCW_ACCESS_KEY = ACCESS, SCW_SECRET_KEY = SECRET, SCW_INSECURE = "maybe" })
    assert.is_false(loaded.insecure)
    assert.matches("SCW_INSECURE", loaded.warnings[1])
  end)

  it("honour other names of the object storage endpoint, in order", function()
    local keys = { SCW_ACCESS_KEY = ACCESS, SCW_SECRET_KEY = SECRET, AWS_ENDPOINT_URL = "http://127.0.0.1:1/" }
    assert.are.equal("http://127.0.0.1:1", load(keys).s3_endpoint)
    keys.SCW_S3_ENDPOINT, keys.SCW_S3_USE_PATH_STYLE = "http://127.0.0.1:2", "1"
    assert.are.equal("http://127.0.0.1:2", load(keys).s3_endpoint)
    assert.is_true(load(keys).path_style)
  end)

  it("warn when the secret would travel in clear", function()
    local keys = { SCW_ACCESS_KEY = ACCESS, SCW_SECRET_KEY = SECRET, SCW_API_URL = "http://127.0.0.1:8080" }
    assert.are.same({}, load(keys).warnings)
    keys.SCW_API_URL = "http://api.example.org"
    assert.matches("unencrypted", load(keys).warnings[1])
  end)

  it("that are missing end in an error that says where it looked and what to do", function()
    local loaded, err = load {}
    assert.is_nil(loaded)
    assert.are.equal("INFRA_003", err.code)
    assert.matches("no access key and no secret key", err.message)
    assert.matches("SCW_ACCESS_KEY, SCW_SECRET_KEY", err.details[1])
    assert.is_truthy(err.details[2]:find(home .. "/.config/scw/config.yaml", 1, true))
    assert.matches("SCW_SECRET_KEY", err.hint)
    assert.is_nil(assert(load({}, { optional = true })).secret_key)
  end)
end)

local describe_file = core.yaml_decode and describe or pending

describe_file("credentials from the configuration file", function()
  it("come from its root", function()
    write(FILE)
    local loaded = assert(load())
    assert.are.equal(SECRET, loaded.secret_key)
    assert.are.equal("nl-ams", loaded.region)
    assert.are.equal("default", loaded.profile)
    assert.are.same({}, loaded.warnings)
  end)

  it("come from a profile on top of the root, by flag, variable or the file's choice", function()
    write(FILE)
    for _, loaded in ipairs { load({}, { profile = "staging" }), load { SCW_PROFILE = "staging" } } do
      assert.are.equal(OTHER_SECRET, loaded.secret_key)
      assert.are.equal(PROJECT, loaded.project)
      assert.are.equal("pl-waw-2", loaded.zone)
      assert.are.equal("staging", loaded.profile)
    end
    write("active_profile: staging\n" .. FILE)
    assert.are.equal(OTHER_SECRET, load().secret_key)
    assert.are.equal(SECRET, load({ SCW_PROFILE = "default" }).secret_key)
  end)

  it("give way to the environment, and flags to nothing; differences warn", function()
    write(FILE)
    local loaded = assert(load({ SCW_SECRET_KEY = OTHER_SECRET }, { flags = { region = "it-mil" } }))
    assert.are.equal(OTHER_SECRET, loaded.secret_key)
    assert.are.equal("it-mil", loaded.region)
    local warnings = table.concat(loaded.warnings, "\n")
    assert.matches("the secret key differs between SCW_SECRET_KEY, which is used, and ", warnings)
    assert.matches("the region differs", warnings)
    assert.are.equal(2, #loaded.warnings)
  end)

  it("are not looked at when told so", function()
    write("not: [yaml")
    assert(load({ SCW_ACCESS_KEY = ACCESS, SCW_SECRET_KEY = SECRET }, { config_file = false }))
  end)

  it("may stand in config.yml, in XDG_CONFIG_HOME, or where SCW_CONFIG_PATH says", function()
    write(FILE, "config.yml")
    assert.are.equal(SECRET, load().secret_key)
    local found = assert(load({ HOME = "/nonexistent", XDG_CONFIG_HOME = home .. "/.config" }))
    assert.are.equal(SECRET, found.secret_key)
    found = assert(load({ HOME = "/nonexistent", SCW_CONFIG_PATH = home .. "/.config/scw/config.yml" }))
    assert.are.equal(SECRET, found.secret_key)
    local _, err = load { SCW_CONFIG_PATH = home .. "/nothing" }
    assert.are.equal("INFRA_001", err.code)
  end)

  it("warn when others can read it", function()
    write(FILE, nil, 420)
    assert.matches("chmod 600", load().warnings[1])
  end)

  it("name the profiles there are when one is unknown", function()
    write(FILE)
    local _, err = load({}, { profile = "stagin" })
    assert.are.equal("INFRA_001", err.code)
    assert.matches("default, staging", err.details[2])
    os.remove(home .. "/.config/scw/config.yaml")
    _, err = load({}, { profile = "staging" })
    assert.matches("no configuration file", err.message)
  end)

  it("are refused when the file is not YAML", function()
    write("a: [1")
    local _, err = load()
    assert.are.equal("INFRA_001", err.code)
  end)
end)
