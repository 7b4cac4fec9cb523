local client = require "scw.api.client"
local catalogue = require "scw.schema.catalogue"
local core = require "core"
local crud = require "scw.engine.crud"
local emulator = require "scw.emulator"
local object_storage = require "scw.api.object_storage"

describe("a bucket", function()
  local handle, api, place
  local bucket = catalogue.get "bucket"

  setup(function()
    handle = assert(emulator.start { speed = "instant" })
    api = client.new { time_scale = 0.01, credentials = {
      access_key = handle.access_key, secret_key = handle.secret_key, region = "fr-par", s3_endpoint = handle.s3_url, path_style = true,
      api_url = handle.api_url, project = handle.project_id,
    } }
    place = { region = "fr-par", project = handle.project_id }
  end)
  teardown(function() handle:close() end)

  local function values(name) return { name = name, force_destroy = true, tags = {} } end

  it("that is there already is never taken over by a creation", function()
    assert(object_storage.new(api, { region = "fr-par" }):create_bucket("precious"))
    local result, err = crud.create(api, bucket, values("precious"), place, function() error("it is not ours") end)
    assert.is_nil(result)
    assert.equal("exists", err.kind)
    assert.equal(409, err.status) -- certain: nothing is searched for afterwards
    assert.is_nil(err.uncertain)
    assert.match("import it", err.hint)
  end)

  it("is found again only when it was made since", function()
    local before = core.now() - 60
    assert(crud.create(api, bucket, values("mine"), place))
    assert.equal("mine", crud.find(api, bucket, values("mine"), place, { since = before }))
    assert.is_nil((crud.find(api, bucket, values("mine"), place, { since = core.now() + 4000 })))
    assert.is_nil((crud.find(api, bucket, values("nobodys"), place, { since = before })))
  end)
end)
