local client = require "tests.lua.emulator.s3.client"
local index = require "scw.emulator.s3.index"

describe("listings", function()
  local user
  local function list(query) return (select(2, user:must("GET", "/box", { query = query }))) end
  local function keys_of(body)
    local found = {}
    for group, key in body:gmatch("<(%a+)><%a+>(.-)</") do
      if group == "Contents" then found[#found + 1] = key elseif group == "CommonPrefixes" then found[#found + 1] = key .. " …" end
    end
    return found
  end
  before_each(function()
    user = client.new()
    user:must("PUT", "/box")
    for _, key in ipairs { "b", "a", "dir/2", "dir/1", "dir/sub/x", "dis", "z%C3%A9" } do
      user:must("PUT", "/box/" .. key, { body = key })
    end
  end)

  it("are in byte order and describe each object", function()
    local body = list()
    assert.are.same({ "a", "b", "dir/1", "dir/2", "dir/sub/x", "dis", "zé" }, keys_of(body))
    assert.matches("<ListBucketResult xmlns=[^>]*><Name>box</Name><Prefix></Prefix><Marker></Marker><MaxKeys>1000</MaxKeys>"
      .. "<IsTruncated>false</IsTruncated><Contents><Key>a</Key><LastModified>[^<]+</LastModified><ETag>&#34;%x+&#34;</ETag><Size>1</Size>"
      .. "<Owner><DisplayName>[^<]+</DisplayName><ID>[^<]+</ID></Owner><StorageClass>STANDARD</StorageClass>"
      .. "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType></Contents>", body)
  end)

  it("are cut by prefix and delimiter", function()
    assert.are.same({ "dir/1", "dir/2", "dir/sub/x" }, keys_of(list { { "prefix", "dir/" } }))
    assert.are.same({ "dir/1", "dir/2", "dir/sub/ …" }, keys_of(list { { "prefix", "dir/" }, { "delimiter", "/" } }))
    assert.are.same({ "a", "b", "dis", "zé", "dir/ …" }, keys_of(list { { "delimiter", "/" } }))
    assert.are.same({}, keys_of(list { { "prefix", "nothing" } }))
  end)

  it("come in pages, by marker and by token, with and without groups", function()
    for _, delimiter in ipairs { "", "/" } do
      local whole = keys_of(list { { "delimiter", delimiter } })
      table.sort(whole)
      for size = 1, 4 do
        for _, form in ipairs { "1", "2" } do
          local found, after, pages = {}, nil, 0
          repeat
            pages = pages + 1
            assert.is_true(pages <= 10, "the pages do not end")
            local query = { { "delimiter", delimiter }, { "max-keys", tostring(size) } }
            if form == "2" then query[#query + 1] = { "list-type", "2" } end
            if after then query[#query + 1] = { form == "2" and "continuation-token" or "marker", after } end
            local body = list(query)
            local page = keys_of(body)
            assert.is_true(#page <= size)
            table.move(page, 1, #page, #found + 1, found)
            after = nil
            if body:find("<IsTruncated>true", 1, true) then
              after = form == "2" and body:match("<NextContinuationToken>(.-)<") or body:match("<NextMarker>(.-)<") or page[#page]
            end
          until not after
          table.sort(found)
          assert.are.same(whole, found)
        end
      end
    end
  end)

  it("of the second form count, start where told, and name owners when asked", function()
    local body = list { { "list-type", "2" }, { "start-after", "dir/2" }, { "fetch-owner", "true" } }
    assert.are.same({ "dir/sub/x", "dis", "zé" }, keys_of(body))
    assert.matches("<KeyCount>3</KeyCount>", body)
    assert.matches("<StartAfter>dir/2</StartAfter>", body)
    assert.matches("<Owner>", body)
    assert.is_nil(list({ { "list-type", "2" } }):find("<Owner>", 1, true))
    user:refused(400, "InvalidArgument", "GET", "/box", { query = { { "list-type", "2" }, { "continuation-token", "?" } } })
  end)

  it("encode keys when asked", function()
    assert.matches("<Key>z%%C3%%A9</Key>", list { { "encoding-type", "url" }, { "prefix", "z" } })
    assert.matches("<Key>dir/1</Key>", list { { "encoding-type", "url" } })
    user:refused(400, "InvalidArgument", "GET", "/box", { query = { { "encoding-type", "hex" } } })
    user:refused(400, "InvalidArgument", "GET", "/box", { query = { { "max-keys", "-1" } } })
  end)

  it("of nothing at all are not cut short", function()
    local body = list { { "max-keys", "0" } }
    assert.matches("<MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>", body)
  end)

  it("follow deletions and new keys", function()
    list()
    user:must("DELETE", "/box/b")
    user:must("PUT", "/box/c")
    user:must("DELETE", "/box/dir/1")
    user:must("PUT", "/box/dir/1")
    assert.are.same({ "a", "c", "dir/1", "dir/2", "dir/sub/x", "dis", "zé" }, keys_of(list()))
  end)
end)

describe("the index of keys", function()
  it("is the sorted set whatever happens to it", function()
    math.randomseed(7)
    local set, model = index.new(), {}
    for step = 1, 4000 do
      local key = "k" .. math.random(1, 200)
      if math.random() < 0.5 then
        set:add(key)
        model[key] = true
      else
        set:remove(key)
        model[key] = nil
      end
      if step % 37 == 0 then
        local expected = {}
        for name in pairs(model) do expected[#expected + 1] = name end
        table.sort(expected)
        assert.are.same(expected, set:sorted())
        assert.are.equal(#expected, set.count)
      end
    end
  end)

  it("finds where a key would stand and what follows a prefix", function()
    local keys = { "a", "c", "e" }
    assert.are.same({ 1, 1, 2, 4 }, { index.lower_bound(keys, ""), index.lower_bound(keys, "a"), index.lower_bound(keys, "b"),
      index.lower_bound(keys, "f") })
    assert.are.equal("dir0", index.after_prefix("dir/"))
    assert.are.equal("b", index.after_prefix("a\xff\xff"))
    assert.is_nil(index.after_prefix("\xff"))
  end)
end)
