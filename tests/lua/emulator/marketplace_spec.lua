local caller = require "tests.lua.emulator.caller"

local IMAGES = "/marketplace/v2/local-images"

describe("marketplace images", function()
  it("are local to a zone, an architecture and a kind of root volume, with lasting ids", function()
    local query = IMAGES .. "?image_label=debian_trixie&zone=nl-ams-1&type=instance_sbs&order_by=type_asc"
    local _, found = select(2, caller.new())("GET", query)
    local _, again = select(2, caller.new())("GET", query)
    assert.are.same(found, again)
    assert.are.equal(2, found.total_count)
    assert.are_not.equal(found.local_images[1].arch, found.local_images[2].arch)
  end)

  it("name the types they start on", function()
    local call = select(2, caller.new())
    local _, found = call("GET", IMAGES .. "?image_label=debian_trixie&zone=fr-par-1&type=instance_local&arch=x86_64")
    local types = table.concat(found.local_images[1].compatible_commercial_types, " ")
    assert.matches("DEV1%-S", types)
    assert.is_nil(types:find("PLAY2", 1, true))
  end)

  it("are found by id, or not", function()
    local call = select(2, caller.new())
    local _, images = call("GET", "/marketplace/v2/images?page_size=1")
    assert.are.equal(1, #images.images)
    local _, locals = call("GET", IMAGES .. "?page_size=1&image_id=" .. images.images[1].id)
    assert.are.equal(200, (call("GET", IMAGES .. "/" .. locals.local_images[1].id)))
    assert.are.equal(404, (call("GET", IMAGES .. "/none")))
    local _, none = call("GET", IMAGES .. "?image_label=none")
    assert.are.equal(0, none.total_count)
  end)
end)
