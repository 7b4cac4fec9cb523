local api_client = require "scw.api.client"
local emulator = require "scw.emulator"
local object_storage = require "scw.api.object_storage"

describe("the program's own client", function()
  local handle, storage, other
  local function start(data)
    handle = assert(emulator.start { data = data })
    local api = api_client.new {
      credentials = { access_key = handle.access_key, secret_key = handle.secret_key, region = "nl-ams", s3_endpoint = handle.s3_url },
      time_scale = 0.001,
    }
    storage = object_storage.new(api)
    other = object_storage.new(api, { project = "99999999-9999-4999-8999-999999999999" })
  end
  before_each(function() start() end)
  after_each(function() handle:close() end)

  it("writes under conditions, one of many at a time", function()
    assert.is_true(storage:create_bucket("box"))
    local first = assert(storage:put("box", "state", "one", { if_none_match = true }))
    local refused, err = storage:put("box", "state", "two", { if_none_match = true })
    assert.is_nil(refused)
    assert.are.equal("condition", err.kind)
    local second = assert(storage:put("box", "state", "two", { if_match = first }))
    assert.are.equal("condition", select(2, storage:put("box", "state", "three", { if_match = first })).kind)
    local content, facts = storage:get("box", "state")
    assert.are.same({ "two", second, 3 }, { content, facts.etag, facts.size })
    assert.are.equal("unchanged", select(2, storage:get("box", "state", { if_none_match = second })).kind)
    assert.are.equal("not_found", select(2, storage:get("box", "nothing")).kind)
  end)

  it("lists, empties and removes a bucket whatever its keys and versions", function()
    assert.is_true(storage:create_bucket("box", { object_lock = true }))
    for _, key in ipairs { "a b", "dir/ü+&=", "dir/<2>", "ends in slash/" } do
      assert(storage:put("box", key, key))
      assert(storage:put("box", key, "again"))
    end
    assert(storage:delete("box", "a b"))
    local objects = assert(storage:list("box"))
    local keys = {}
    for i, object in ipairs(objects) do keys[i] = object.key end
    assert.are.same({ "dir/<2>", "dir/ü+&=", "ends in slash/" }, keys)
    local _, prefixes = storage:list("box", { delimiter = "/" })
    assert.are.same({ "dir/", "ends in slash/" }, prefixes)
    assert.are.equal("exists", select(2, other:create_bucket("box")).kind)
    assert.are.equal("denied", select(2, other:head_bucket("box")).kind)
    assert.are.equal("nl-ams", storage:head_bucket("box").region)
    assert.is_nil((storage:delete_bucket("box")))
    assert.are.equal(9, storage:empty("box"))
    assert.is_true(storage:delete_bucket("box"))
    assert.are.same({}, storage:buckets())
  end)

  it("keeps sub-resources", function()
    assert.is_true(storage:create_bucket("box"))
    assert.are.equal("not_found", select(2, storage:get_part("box", "lifecycle")).kind)
    assert(storage:put_part("box", "tagging", { name = "Tagging", { name = "TagSet",
      { name = "Tag", { name = "Key", text = "a" }, { name = "Value", text = "ü & <b>" } } } }))
    assert.are.equal("ü & <b>", storage:get_part("box", "tagging")[1][1][2].text)
    assert(storage:delete_part("box", "tagging"))
    assert.are.equal("not_found", select(2, storage:get_part("box", "tagging")).kind)
  end)

  it("finds its objects again in the emulator's file", function()
    handle:close()
    local path = os.tmpname()
    os.remove(path)
    start(path)
    local bytes = ("\0\255 bytes"):rep(1000)
    assert.is_true(storage:create_bucket("box"))
    local etag = assert(storage:put("box", "key", bytes))
    assert(storage:put("box", "gone", "x"))
    assert(storage:delete("box", "gone"))
    handle:close()
    start(path)
    local content, facts = storage:get("box", "key")
    assert.is_true(content == bytes)
    assert.are.equal(etag, facts.etag)
    assert.are.equal(1, #storage:list("box"))
    handle.emulator:reset()
    assert.are.same({}, storage:buckets())
    handle:close()
    start(path)
    assert.are.same({}, storage:buckets())
    os.remove(path)
  end)
end)
