local core = require "core"
local client = require "tests.lua.emulator.s3.client"

local ENABLED = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
local SUSPENDED = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"

describe("versions", function()
  local user
  local function put(body, headers) return user:must("PUT", "/box/key", { body = body, headers = headers })["x-amz-version-id"] end
  local function at(id, options)
    local all = { query = { { "versionId", id } } }
    for name, value in pairs(options or {}) do all[name] = value end
    return all
  end
  before_each(function()
    user = client.new()
    user:must("PUT", "/box")
  end)

  it("are off, then on, then suspended, never off again", function()
    local query = { query = { { "versioning", "" } } }
    assert.matches("<VersioningConfiguration><Status></Status></VersioningConfiguration>$", (select(2, user:must("GET", "/box", query))))
    user:configure("/box", "versioning", ENABLED)
    assert.matches("<Status>Enabled</Status>", (select(2, user:must("GET", "/box", query))))
    user:configure("/box", "versioning", SUSPENDED)
    assert.matches("<Status>Suspended</Status>", (select(2, user:must("GET", "/box", query))))
    user:refused(400, "MalformedXML", "PUT", "/box", { query = query.query,
      body = "<VersioningConfiguration><Status>Off</Status></VersioningConfiguration>" })
  end)

  it("pile up and stay readable", function()
    user:configure("/box", "versioning", ENABLED)
    local first, second = put("one"), put("two")
    assert.matches("^%d+$", first)
    assert.is_true(math.tointeger(first) < math.tointeger(second))
    assert.are.equal("two", select(2, user:must("GET", "/box/key")))
    local headers, body = user:must("GET", "/box/key", at(first))
    assert.are.same({ "one", first }, { body, headers["x-amz-version-id"] })
    user:refused(404, "NoSuchVersion", "GET", "/box/key", at("12345"))
  end)

  it("hide under delete markers and come back when the marker goes", function()
    user:configure("/box", "versioning", ENABLED)
    local first = put("one")
    local _, headers = user:send("DELETE", "/box/key")
    local marker = headers["x-amz-version-id"]
    assert.are.equal("true", headers["x-amz-delete-marker"])
    local _, gone = user:refused(404, "NoSuchKey", "GET", "/box/key")
    assert.are.same({ "true", marker }, { gone["x-amz-delete-marker"], gone["x-amz-version-id"] })
    user:refused(405, "MethodNotAllowed", "GET", "/box/key", at(marker))
    assert.are.equal("one", select(2, user:must("GET", "/box/key", at(first))))
    _, headers = user:send("DELETE", "/box/key", at(marker))
    assert.are.same({ marker, "true" }, { headers["x-amz-version-id"], headers["x-amz-delete-marker"] })
    assert.are.equal("one", select(2, user:must("GET", "/box/key")))
    user:must("DELETE", "/box/key", at(first))
    user:refused(404, "NoSuchKey", "GET", "/box/key")
    user:must("DELETE", "/box")
  end)

  it("count as absent for If-None-Match when a marker is on top", function()
    user:configure("/box", "versioning", ENABLED)
    put("one", { ["if-none-match"] = "*" })
    user:refused(412, "PreconditionFailed", "PUT", "/box/key", { headers = { ["if-none-match"] = "*" } })
    user:must("DELETE", "/box/key")
    user:refused(404, "NoSuchKey", "PUT", "/box/key", { headers = { ["if-match"] = "x" } })
    put("two", { ["if-none-match"] = "*" })
  end)

  it("called null are replaced while suspended, the others stay", function()
    put("before")
    user:configure("/box", "versioning", ENABLED)
    local kept = put("kept")
    assert.are.equal("before", select(2, user:must("GET", "/box/key", at("null"))))
    user:configure("/box", "versioning", SUSPENDED)
    assert.are.equal("null", put("after"))
    assert.are.equal("after", select(2, user:must("GET", "/box/key", at("null"))))
    assert.are.equal("kept", select(2, user:must("GET", "/box/key", at(kept))))
    local _, headers = user:send("DELETE", "/box/key")
    assert.are.same({ "null", "true" }, { headers["x-amz-version-id"], headers["x-amz-delete-marker"] })
    user:refused(405, "MethodNotAllowed", "GET", "/box/key", at("null"))
    user:refused(409, "BucketNotEmpty", "DELETE", "/box")
  end)

  it("are listed newest first, key by key, and page by page", function()
    user:configure("/box", "versioning", ENABLED)
    local first, second = put("one"), put("two")
    user:must("PUT", "/box/a/b")
    user:must("PUT", "/box/zebra")
    local marker = select(2, user:send("DELETE", "/box/key"))["x-amz-version-id"]
    local function page(query)
      table.insert(query, 1, { "versions", "" })
      local _, body = user:must("GET", "/box", { query = query })
      local found = {}
      for latest, key, id in body:gmatch("<IsLatest>(%a+)</IsLatest><Key>(.-)</Key>.-<VersionId>(%d+)</VersionId>") do
        found[#found + 1] = key == "key" and ("%s %s"):format(id, latest) or key
      end
      return found, body
    end
    local all, body = page {}
    assert.are.same({ "a/b", marker .. " true", second .. " false", first .. " false", "zebra" }, all)
    assert.matches("<DeleteMarker><IsLatest>true", body)
    assert.matches("<ListVersionsResult[^>]*><Name>box</Name>", body)
    local collected, key, id = {}, "", ""
    for _ = 1, 10 do
      local query = { { "max-keys", "1" } }
      if key ~= "" then query[2], query[3] = { "key-marker", key }, { "version-id-marker", id } end
      local found, text = page(query)
      table.move(found, 1, #found, #collected + 1, collected)
      if not text:find("<IsTruncated>true", 1, true) then break end
      key, id = text:match("<NextKeyMarker>(.-)<"), text:match("<NextVersionIdMarker>(.-)<")
    end
    assert.are.same(all, collected)
    local found, text = page { { "delimiter", "/" } }
    assert.are.equal(4, #found)
    assert.matches("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>", text)
    assert.are.same({ "zebra" }, (page { { "prefix", "z" } }))
  end)

  it("are removed by id in bulk, and made markers of without one", function()
    user:configure("/box", "versioning", ENABLED)
    local first = put("one")
    local body = "<Delete><Object><Key>key</Key><VersionId>" .. first .. "</VersionId></Object><Object><Key>other</Key></Object></Delete>"
    local _, answer = user:must("POST", "/box", { query = { { "delete", "" } }, body = body,
      headers = { ["content-md5"] = core.base64(core.digest("md5", body)) } })
    assert.matches("<Deleted><Key>key</Key><VersionId>" .. first .. "</VersionId></Deleted>", answer)
    assert.matches("<Key>other</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>%d+<", answer)
  end)

  it("are the source of copies", function()
    user:configure("/box", "versioning", ENABLED)
    local first = put("one")
    put("two")
    local headers = user:must("PUT", "/box/copy", { headers = { ["x-amz-copy-source"] = "box/key?versionId=" .. first } })
    assert.are.equal(first, headers["x-amz-copy-source-version-id"])
    assert.are.equal("one", select(2, user:must("GET", "/box/copy")))
  end)
end)

describe("object lock", function()
  local user
  local function hour(offset) return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(user.time) + offset * 3600) end
  local function retention(mode, offset)
    return ("<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>"):format(mode, hour(offset))
  end
  local function put(headers) return user:must("PUT", "/vault/key", { body = "x", headers = headers })["x-amz-version-id"] end
  local function at(id, headers) return { query = { { "versionId", id } }, headers = headers } end
  local BYPASS = { ["x-amz-bypass-governance-retention"] = "true" }
  before_each(function()
    user = client.new()
    user:must("PUT", "/vault", { headers = { ["x-amz-bucket-object-lock-enabled"] = "true" } })
  end)

  it("turns versioning on and keeps it on", function()
    assert.matches("<Status>Enabled", (select(2, user:must("GET", "/vault", { query = { { "versioning", "" } } }))))
    user:refused(409, "InvalidBucketState", "PUT", "/vault", { query = { { "versioning", "" } }, body = SUSPENDED })
  end)

  it("is configured only where the bucket was made with it", function()
    local query = { query = { { "object-lock", "" } } }
    assert.matches("<ObjectLockConfiguration[^>]*><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>$",
      (select(2, user:must("GET", "/vault", query))))
    local rule = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode>"
      .. "<Days>2</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
    user:configure("/vault", "object-lock", rule)
    assert.matches("<DefaultRetention><Days>2</Days><Mode>GOVERNANCE</Mode></DefaultRetention>",
      (select(2, user:must("GET", "/vault", query))))
    local headers = user:must("HEAD", "/vault/key", at(put()))
    assert.are.equal("GOVERNANCE", headers["x-amz-object-lock-mode"])
    user:refused(400, "MalformedXML", "PUT", "/vault", { query = query.query, body = rule:gsub("<Days>2</Days>", "") })
    user:must("PUT", "/box")
    user:refused(404, "ObjectLockConfigurationNotFoundError", "GET", "/box", query)
    user:refused(409, "InvalidBucketState", "PUT", "/box", { query = query.query, body = rule })
    user:refused(400, "InvalidRequest", "PUT", "/box/key", { headers = { ["x-amz-object-lock-legal-hold"] = "ON" } })
  end)

  it("keeps governed versions until a bypass or the end, compliant ones until the end", function()
    local id = put { ["x-amz-object-lock-mode"] = "GOVERNANCE", ["x-amz-object-lock-retain-until-date"] = hour(1) }
    user:refused(403, "AccessDenied", "DELETE", "/vault/key", at(id))
    user:must("DELETE", "/vault/key", at(id, BYPASS))
    id = put { ["x-amz-object-lock-mode"] = "COMPLIANCE", ["x-amz-object-lock-retain-until-date"] = hour(1) }
    user:refused(403, "AccessDenied", "DELETE", "/vault/key", at(id, BYPASS))
    user:must("DELETE", "/vault/key")
    user.time = user.time + 3601
    user:must("DELETE", "/vault/key", at(id))
  end)

  it("keeps what is held until the hold is lifted", function()
    local id = put()
    local query = { { "legal-hold", "" }, { "versionId", id } }
    user:refused(404, "NoSuchObjectLockConfiguration", "GET", "/vault/key", { query = query })
    user:must("PUT", "/vault/key", { query = query, body = "<LegalHold><Status>ON</Status></LegalHold>" })
    assert.matches("<Status>ON</Status>", (select(2, user:must("GET", "/vault/key", { query = query }))))
    user:refused(403, "AccessDenied", "DELETE", "/vault/key", at(id, BYPASS))
    user:must("PUT", "/vault/key", { query = query, body = "<LegalHold><Status>OFF</Status></LegalHold>" })
    user:must("DELETE", "/vault/key", at(id))
  end)

  it("lets retention grow, and shrink only by a bypass of governance", function()
    put()
    local query = { { "retention", "" } }
    local function set(mode, offset, headers) return { query = query, body = retention(mode, offset), headers = headers } end
    user:refused(404, "NoSuchObjectLockConfiguration", "GET", "/vault/key", { query = query })
    user:must("PUT", "/vault/key", set("GOVERNANCE", 2))
    user:must("PUT", "/vault/key", set("GOVERNANCE", 3))
    user:refused(403, "AccessDenied", "PUT", "/vault/key", set("GOVERNANCE", 1))
    user:must("PUT", "/vault/key", set("GOVERNANCE", 1, BYPASS))
    user:must("PUT", "/vault/key", set("COMPLIANCE", 2))
    user:refused(403, "AccessDenied", "PUT", "/vault/key", set("COMPLIANCE", 1, BYPASS))
    user:refused(403, "AccessDenied", "PUT", "/vault/key", set("GOVERNANCE", 3, BYPASS))
    user:must("PUT", "/vault/key", set("COMPLIANCE", 4))
    user:refused(400, "InvalidArgument", "PUT", "/vault/key", set("COMPLIANCE", -1))
    user:refused(400, "MalformedXML", "PUT", "/vault/key", { query = query, body = "<Retention><Mode>SOFT</Mode></Retention>" })
    assert.matches("<Mode>COMPLIANCE</Mode><RetainUntilDate>", (select(2, user:must("GET", "/vault/key", { query = query }))))
  end)
end)
