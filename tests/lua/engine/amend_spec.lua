local amend = require "scw.engine.amend"
local cloud = require "tests.lua.engine.cloud"
local core = require "core"
local deployment = require "scw.engine.deployment"
local json = require "scw.json"
local model = require "scw.state.model"
local past = require "scw.engine.past"

local function stack(names)
  names = names or {}
  return cloud.stack(function(declare, output)
    local net = declare("net", names.net or "main", { name = "n" })
    local server = declare("server", names.server or "app/web", {
      name = "s", network = net, image = names.image or "a", password = "secret one", secrets = { ONE = "secret two" },
    })
    declare("server", "other", { name = "o", secrets = { THEIRS = "with " .. server.password } })
    output("cidr", net.cidr)
  end)
end

local function applied()
  local world = cloud.world()
  assert.equal("", cloud.failures((world:apply(stack()))))
  return world
end

local function records(world) return assert(past.records(world:session(stack()))) end

--- Did none of this touch anything but the state?
local function untouched(world, calls) assert.equal(calls, #world.cloud.calls) end

describe("the history of deployments", function()
  it("has one entry for each run that wrote, with who, what and what came of it", function()
    local world = applied()
    world:apply(stack()) -- nothing to do, yet asked for
    world.cloud.fail = function(verb) return verb == "update" and { kind = "failed", message = "no" } or nil end
    world:apply(stack({ image = "b" }))
    world.cloud.fail = function() end
    world.cloud.objects["net-1"].outputs.cidr = "10.77"
    assert(world:session(stack()):refresh())
    assert(world:session(stack()):refresh()) -- found nothing: leaves nothing
    world:destroy(stack())
    local kept = records(world)
    local results, serials = {}, {}
    for index, record in ipairs(kept) do
      results[index], serials[index] = record.result, record.serial - record.previous
      assert.equal("me", record.who)
      assert.equal("here", record.host)
      assert.match("apply$", record.command)
      assert.is_true(record.ended >= record.started)
    end
    assert.same({ "done", "done", "failed", "done", "done" }, results)
    assert.same({ 1, 1, 1, 1, 2 }, serials) -- the first run made the state as well
    assert.same({ delete = 3 }, kept[1].planned)
    assert.same({ changed = 1 }, kept[2].counts)
    assert.same({ done = 0, failed = 1, skipped = 0 }, kept[3].counts)
    assert.equal(0, kept[5].previous)
    local document, id = past.document(world:session(stack()), kept[5].id:sub(1, 8))
    assert.equal(kept[5].id, id)
    assert.equal("a", document.resources["app/server.web"].inputs.image)
    assert.equal(kept[5].id, document.deployments[1].id)
    assert.same({}, assert(past.document(world:session(stack()))).resources)
  end)

  it("keeps as many as the stack says", function()
    local world = cloud.world()
    local wanted = stack()
    wanted.state.history = 2
    for _ = 1, 4 do world:apply(wanted) end
    assert.equal(2, #records(world))
    assert.equal(4, #world:state().deployments)
    wanted.state.history = 0
    world:apply(wanted)
    assert.same({}, records(world))
  end)

  it("is not worth failing for, and says so", function()
    local world = cloud.world()
    world.backend.on_put = function(key) return key:find(".history/", 1, true) and { kind = "io", message = "disk full" } or nil end
    local opened, said = world:session(stack()), {}
    opened.on_message = function(line) said[#said + 1] = line end
    local result = assert(opened:apply(assert(opened:plan())))
    assert.equal("", cloud.failures(result))
    assert.same({
      "the state that this deployment left is missing in the history until the next one begins: cannot copy the state: disk full",
      "this deployment is missing in the history: cannot keep the history of the state: disk full",
    }, said)
    assert.is_truthy(world:state().resources["net.main"])
  end)

  it("is completed by the next run when an interrupt cut it off", function()
    local world = cloud.world()
    world:apply(stack())
    local function apply()
      local opened, said = world:session(stack()), {}
      opened.on_message = function(line) said[#said + 1] = line end
      world.cloud.objects = {}
      assert.equal("", cloud.failures(assert(opened:apply(assert(opened:plan())))))
      return said
    end
    local cancelled = { kind = "cancelled", message = "interrupted" }
    world.backend.on_put = function(key) return key:find(".history/", 1, true) and cancelled or nil end
    local preserved = "Interrupted while the history was written: the deployment before this one may be missing in it."
    local completed = "Interrupted while the history was written: the next run completes it."
    assert.same({ completed }, apply())
    assert.equal(1, #records(world))
    assert.same({ preserved, completed }, apply())
    local cut = false
    world.backend.on_put = function(key)
      if cut or not key:find(".history/", 1, true) then return nil end
      cut = true
      return cancelled
    end
    assert.same({}, apply()) -- the second attempt went well
    assert.is_true(cut)
    assert.equal(3, #records(world))
  end)

  it("names the commit of the work tree that the stack is in, and whether it was clean", function()
    local directory = ("%s/scwlua-git-%s"):format(core.environment().TMPDIR or "/tmp", core.uuid())
    assert(core.directory_create(directory .. "/stacks"))
    local path = directory .. "/stacks/shop.lua"
    local _ <close> = setmetatable({}, { __close = function() core.exec { argv = { "rm", "-rf", directory } } end })
    assert(core.file_write(path, "one"))
    local function git(...)
      local result = core.exec { argv = { "git", "-C", directory, "-c", "user.name=t", "-c", "user.email=t@localhost", ... } }
      return result and result.status == 0 and result.stdout or nil
    end
    assert.is_nil(deployment.commit(nil))
    assert.is_nil(deployment.commit(directory .. "/missing/shop.lua"))
    assert.is_nil(deployment.commit(path)) -- not a work tree, or no git at all
    if not git("init", "-q") then return pending("needs git") end
    assert.is_nil(deployment.commit(path)) -- nothing committed yet
    assert(git("add", "."))
    assert(git("commit", "-q", "-m", "one"))
    local commit, dirty = deployment.commit(path)
    assert.equal(git("rev-parse", "HEAD"):match("%x+"), commit)
    assert.is_nil(dirty)
    assert(core.file_write(path, "two"))
    commit, dirty = deployment.commit(path)
    assert.equal(40, #commit)
    assert.is_true(dirty)
  end)
end)

describe("moving a record", function()
  it("changes its address only: nothing is planned for the renamed declaration, its secrets included", function()
    local world = applied()
    local calls = #world.cloud.calls
    local record = assert(amend.move(world:session(stack()), "app/server.web", "shop/server.front"))
    assert.same({ moved = 1 }, record.counts)
    untouched(world, calls)
    local renamed = stack({ server = "shop/front" })
    assert.same({}, cloud.actions(world:plan(renamed)))
    -- Twice is the same as once, and what changed meanwhile is seen.
    assert(amend.move(world:session(stack()), "shop/server.front", "server.back"))
    assert.same({}, cloud.actions(world:plan(stack({ server = "back" }))))
    local changed = stack({ server = "back", image = "b" })
    assert.same({ "update server.back" }, cloud.actions(world:plan(changed)))
    assert.equal("", cloud.failures((world:apply(changed))))
    assert.is_nil(world:state().resources["server.back"].marked_as)
    assert(amend.move(world:session(stack()), "server.back", "server.again"))
    assert.same({}, cloud.actions(world:plan(stack({ server = "again", image = "b" }))))
  end)

  it("takes along those that need it", function()
    local world = applied()
    assert(amend.move(world:session(stack()), "net.main", "net.core"))
    assert.same({ "net.core" }, { table.unpack(world:state().resources["app/server.web"].dependencies) })
    assert.same({}, cloud.actions(world:plan(stack({ net = "core" }))))
    world:destroy(stack({ net = "core" }))
    assert.equal(0, world.cloud:size())
  end)

  it("is refused where it makes no sense", function()
    local world = applied()
    local before = #records(world)
    local function fails(from, to)
      local record, err = amend.move(world:session(stack()), from, to)
      assert.is_nil(record)
      return err
    end
    assert.match("app/server.web", fails("app/server.wbe", "server.x").hint)
    assert.match("cannot become a net", fails("app/server.web", "app/net.web").message)
    assert.match("has a resource at server.other already", fails("app/server.web", "server.other").message)
    assert.match("is its address already", fails("app/server.web", "app/server.web").message)
    for _, word in ipairs({ "web", "server.", "server.a/b", "server.a b", "/server.a", "" }) do
      assert.match("is not an address", fails("app/server.web", word).message, 1, word)
    end
    assert.equal(before, #records(world))
  end)
end)

describe("forgetting a record", function()
  it("leaves the resource where it is", function()
    local world = applied()
    local calls = #world.cloud.calls
    assert.same({ forgotten = 1 }, assert(amend.remove(world:session(stack()), "server.other")).counts)
    untouched(world, calls)
    assert.equal(3, world.cloud:size())
    assert.is_nil(world:state().resources["server.other"])
    local _, err = amend.remove(world:session(stack()), "server.other")
    assert.equal("INFRA_004", err.code)
  end)

  it("forgets its predecessors as well, which would come back otherwise", function()
    local world = applied()
    world:session(stack())
    local opened = world:session(stack())
    assert(opened:state())
    assert(opened:rewrite(function(begun)
      local web = opened.store.document.resources["app/server.web"]
      begun.store:write({ op = "patch", address = "app/server.web", fields = { deposed = { web } } })
      return begun:finish({ result = "done", counts = {} })
    end))
    assert.same({ forgotten = 2 }, assert(amend.remove(world:session(stack()), "app/server.web")).counts)
    assert.is_nil(world:state().resources["app/server.web"])
  end)

  it("is not done to another resource than the one that was meant", function()
    local world = applied()
    local record, err = amend.remove(world:session(stack()), "server.other", "server-99")
    assert.is_nil(record)
    assert.match("^server.other is another resource by now: server%-%d+, not server%-99$", err.message)
    assert.is_truthy(world:state().resources["server.other"])
  end)
end)

describe("a change to what is recorded", function()
  --- Writes to the state the moment before a run takes its lock, as whoever was before it in line.
  local function after(world, act)
    local put = world.backend.put
    function world.backend.put(self, key, ...)
      if key:find("%.lock$") then
        world.backend.put = put
        act()
      end
      return put(self, key, ...)
    end
  end

  it("goes on from what those left who were before it in line", function()
    local world = applied()
    after(world, function() assert(amend.move(world:session(stack()), "app/server.web", "server.front")) end)
    assert.equal(4, assert(amend.remove(world:session(stack()), "server.other")).serial)
    after(world, function() assert(amend.move(world:session(stack()), "net.main", "net.core")) end)
    assert(amend.move(world:session(stack()), "server.front", "server.back"))
    local document = world:state()
    local back = document.resources["server.back"]
    assert.same({ "net.core" }, back.dependencies)
    assert.is_nil(document.resources["server.other"])
    assert.equal(document.serial - 1, records(world)[1].previous)
  end)

  it("is refused when they left nothing to change", function()
    local world = applied()
    after(world, function() assert(amend.remove(world:session(stack()), "server.other")) end)
    local record, err = amend.remove(world:session(stack()), "server.other")
    assert.is_nil(record)
    assert.equal("INFRA_004", err.code)
    local document = model.unpack(json.decode(assert(json.encode(model.pack(world:state())))))
    after(world, function() assert(amend.move(world:session(stack()), "app/server.web", "server.front")) end)
    record, err = amend.push(world:session(stack()), document)
    assert.is_nil(record)
    assert.match("older than the present one: serial 3, not 4", err.message)
    assert.is_truthy(world:state().resources["server.front"])
    assert.equal(3, #records(world))
  end)

  it("does not bring back a state that is gone meanwhile, nor is a push put below its history", function()
    local world = applied()
    after(world, function()
      for key in next, world.backend.objects do
        if not key:find("%.lock$") then world.backend.objects[key] = nil end
      end
    end)
    local record, err = amend.remove(world:session(stack()), "server.other")
    assert.is_nil(record)
    assert.match("test.state was there, and is gone", err.message)
    assert.is_nil(world.backend.objects["test.state"])
    world = applied()
    local document = model.unpack(json.decode(assert(json.encode(model.pack(world:state())))))
    after(world, function()
      for _, image in ipairs({ "b", "c", "d" }) do world:apply(stack({ image = image })) end
      world.backend.objects["test.state"] = nil
    end)
    assert(amend.push(world:session(stack(), { salvage = true }), document, true))
    assert(world:session(stack()):plan())
  end)

  it("finds what is there when it is its turn", function()
    local world = applied()
    world.cloud.objects["net-1"].outputs.cidr = "10.77"
    after(world, function() assert(amend.move(world:session(stack()), "app/server.web", "server.front")) end)
    assert(world:session(stack()):refresh())
    local document = world:state()
    assert.equal("10.77", document.resources["net.main"].outputs.cidr)
    assert.is_truthy(document.resources["server.front"])
    after(world, function()
      world.cloud.objects["net-1"].outputs.cidr = "10.78"
      assert(world:session(stack()):refresh())
    end)
    world.cloud.objects["net-1"].outputs.cidr = "10.79"
    assert(world:session(stack()):refresh())
    assert.equal("10.78", world:state().resources["net.main"].outputs.cidr)
    after(world, function()
      world.cloud.objects["net-1"].outputs.cidr = "10.80"
      assert(world:session(stack()):refresh())
      local lock = json.decode(world.backend.objects["test.state.lock"].bytes) -- and somebody died with the lock
      lock.abandoned = true
      world.backend:put("test.state.lock", assert(json.encode(lock)))
    end)
    world.cloud.objects["net-1"].outputs.cidr = "10.81"
    assert(world:session(stack()):refresh())
    assert.same({}, world.backend:list("test.state.log/"))
  end)
end)

describe("pushing a state", function()
  --- What `state pull` writes and `state push` reads.
  local function copy(document) return assert(model.unpack(json.decode(assert(json.encode(model.pack(document)))))) end

  it("brings an earlier one back, when forced, under a new serial", function()
    local world = applied()
    local old = copy(world:state())
    assert(amend.remove(world:session(stack()), "server.other"))
    local record, err = amend.push(world:session(stack()), copy(old))
    assert.is_nil(record)
    assert.match("older than the present one: serial 2, not 3", err.message)
    record = assert(amend.push(world:session(stack()), copy(old), true))
    assert.equal(4, record.serial)
    assert.equal(3, record.previous)
    assert.equal(4, world:state().serial)
    assert.same({}, cloud.actions(world:plan(stack())))
    assert.equal(record.id, records(world)[1].id)
    assert.equal(4, assert(past.document(world:session(stack()), record.id)).serial)
    world:apply(stack({ image = "b" })) -- and work goes on
    assert.equal("b", world:state().resources["app/server.web"].inputs.image)
  end)

  it("takes back what was pulled and put right", function()
    local world = applied()
    local document = copy(world:state())
    document.resources["server.other"] = nil
    assert(amend.push(world:session(stack()), document))
    assert.is_nil(world:state().resources["server.other"])
  end)

  it("refuses another lineage unless forced, and another stack always", function()
    local world, elsewhere = applied(), applied()
    local foreign = copy(elsewhere:state())
    local record, err = amend.push(world:session(stack()), copy(foreign))
    assert.is_nil(record)
    assert.match("its lineage is another", err.message)
    assert.equal(2, world:state().serial)
    assert(amend.push(world:session(stack()), copy(foreign), true))
    assert.equal(foreign.lineage, world:state().lineage)
    assert.same({}, cloud.actions(world:plan(stack())))
    world:apply(stack({ image = "b" }))
    world:apply(stack({ image = "c" }))
    assert.equal("c", world:state().resources["app/server.web"].inputs.image)
    assert.equal(4, #records(world)) -- those of the lineage before as well
    foreign.stack = "bazaar"
    record, err = amend.push(world:session(stack()), foreign, true)
    assert.is_nil(record)
    assert.match("of the stack 'bazaar', not of 'test'", err.message)
  end)

  it("fills a place that has no state yet", function()
    local world, empty = applied(), cloud.world()
    empty.cloud = world.cloud
    assert(amend.push(empty:session(stack()), copy(world:state())))
    assert.equal(world:state().lineage, empty:state().lineage)
    assert.same({}, cloud.actions(empty:plan(stack())))
  end)

  --- A run that dies after it made something.
  ---@param fold? boolean its log had become long
  local function die(world, fold)
    local opened = world:session(stack())
    assert(opened:state())
    local ok, err = pcall(function()
      return opened:rewrite(function(begun)
        local record = copy(begun.store.document).resources["server.other"]
        record.address, record.id = "server.made", "server-77"
        for _, entry in ipairs({ { op = "intent", record = record }, { op = "created", address = "server.made", id = "server-77" } }) do
          assert(begun.store:commit(begun.store:write(entry)))
        end
        if fold then assert(begun.store:fold()) end
        error("died")
      end)
    end)
    assert(not ok and tostring(err):find("died", 1, true), tostring(err))
    local lock = json.decode(world.backend.objects["test.state.lock"].bytes)
    lock.abandoned = true
    world.backend:put("test.state.lock", assert(json.encode(lock)))
  end

  it("drops nothing in silence that a run wrote which died", function()
    local world = applied()
    local before = copy(world:state())
    die(world)
    local record, err = amend.push(world:session(stack()), copy(before))
    assert.is_nil(record)
    assert.equal("the present state went on from this one: what was written since is not in it", err.message)
    assert.match("state pull %-%-out FILE STACK", err.hint)
    assert.is_truthy(world:state().resources["server.made"])
    local said = {}
    local opened = world:session(stack())
    function opened.on_message(line) said[#said + 1] = line end
    local account = select(3, assert(amend.push(opened, copy(before), true)))
    assert.equal("Not in it, and managed by nothing from now on: server.made (server-77).", said[1])
    local kept = world.backend:list("test.state.unsaved-")
    assert.same({ dropped = { "server.made (server-77)" }, kept = "memory:" .. kept[1] }, account)
    assert.equal(1, #kept)
    assert.equal("server-77", json.decode(world.backend.objects[kept[1]].bytes).resources["server.made"].id)
    world = applied()
    die(world)
    local after_it = copy(world:state()) -- pulled then, it has all of that
    assert(amend.push(world:session(stack()), after_it))
    assert.is_truthy(world:state().resources["server.made"])
  end)

  it("takes nothing in twice: what was pulled while the log was there has it", function()
    local world = applied()
    die(world)
    local backup = copy(world:state())
    world.backend:put("test.state", "garbage")
    assert(amend.push(world:session(stack(), { salvage = true }), backup, true))
    local record = world:state().resources["server.made"]
    assert.same({ "server-77", nil }, { record.id, record.deposed })
  end)

  it("keeps what it replaces where the history does not have it", function()
    local world = applied()
    local before = copy(world:state())
    die(world, true) -- after a checkpoint: nothing is left of its log
    assert.same({}, world.backend:list("test.state.log/"))
    assert(amend.push(world:session(stack()), copy(before), true))
    local kept = world.backend:list("test.state.unsaved-")
    assert.equal("server-77", json.decode(world.backend.objects[kept[1]].bytes).resources["server.made"].id)
    local function quiet()
      local made = stack()
      made.state.history = 0
      return made
    end
    world = cloud.world()
    world:apply(quiet())
    before = copy(world:state())
    world:apply(quiet(), { replace = { "server.other" } })
    local id, said = world:state().resources["server.other"].id, {}
    local opened = world:session(quiet())
    function opened.on_message(line) said[#said + 1] = line end
    assert(amend.push(opened, copy(before), true))
    assert.equal(("Not in it, and managed by nothing from now on: server.other (%s)."):format(id), said[1]) -- that has another id there
    kept = world.backend:list("test.state.unsaved-")
    assert.equal(id, json.decode(world.backend.objects[kept[1]].bytes).resources["server.other"].id)
  end)

  it("takes what a run wrote that died into what takes the place of a damaged state, or tells what it made", function()
    for _, case in ipairs({
      { damage = "snapshot", id = "server-77" }, { damage = 2, intent = true, left = 1 },
      { damage = 1, left = 2, lost = true }, { damage = "snapshot", earlier = true, left = 2, lost = true },
    }) do
      local world = applied()
      local earlier = past.document(world:session(stack()), records(world)[1].id)
      assert(amend.move(world:session(stack()), "app/server.web", "server.front"))
      local latest = past.document(world:session(stack()), records(world)[1].id)
      die(world)
      world.backend:put(case.damage == "snapshot" and "test.state" or world.backend:list("test.state.log/")[case.damage], "garbage")
      local said = {}
      local opened = world:session(stack(), { salvage = true })
      function opened.on_message(line) said[#said + 1] = line end
      assert(amend.push(opened, copy(case.earlier and earlier or latest), true))
      local document, words = world:state(), table.concat(said, "\n")
      assert.equal(case.id, document.resources["server.made"] and document.resources["server.made"].id)
      assert.equal(case.intent or false, document.intents["server.made"] ~= nil)
      assert.equal(case.left or 0, tonumber(words:match("(%d+) segments? of the log cannot be read, or do")) or 0, words)
      assert.equal(case.lost or false, words:find("unknown to the state: server.made (server-77)", 1, true) ~= nil, words)
      assert.is_true(#world.backend:list("test.state.damaged-") > 0)
    end
  end)

  it("does not take the place of another stack's state", function()
    local key, world = core.key({ raw = ("k"):rep(32) }), cloud.world()
    world.key = key
    world:apply(stack())
    local document = copy(world:state())
    local function other(options)
      local theirs = stack()
      theirs.name = "bazaar"
      return world:session(theirs, options)
    end
    local made, err = other():plan()
    assert.is_nil(made)
    assert.match("^if another stack keeps its state at this place, give this one a place of its own; otherwise bring back", err.hint)
    document.stack = "bazaar"
    local record
    record, err = amend.push(other({ salvage = true }), document, true)
    assert.is_nil(record)
    assert.equal("nothing at memory:test.state is of the stack 'bazaar': another one may keep its state there", err.message)
    assert(world:session(stack()):plan())
  end)

  it("refuses records that do not fit their types, always, and types that nobody knows, unless forced", function()
    local world = applied()
    local document = copy(world:state())
    document.resources["server.other"].inputs.image = 7
    for _, force in ipairs({ false, true }) do
      local record, err = amend.push(world:session(stack()), copy(document), force)
      assert.is_nil(record)
      assert.same({ "INFRA_001", "server.other" }, { err.code, err.address })
      assert.equal("this state cannot be used: the server server.other has no valid 'inputs.image'", err.message)
    end
    document = copy(world:state())
    document.resources["server.other"].type = "ship"
    local record, err = amend.push(world:session(stack()), copy(document))
    assert.is_nil(record)
    assert.equal("this program knows no type 'ship'", err.message)
    assert.equal(1, #records(world))
    assert(amend.push(world:session(stack()), copy(document), true))
  end)

  it("never overwrites what somebody else wrote meanwhile", function()
    local world = applied()
    local document = copy(world:state())
    local theirs = world.backend:twin().objects["test.state"].bytes
    world.backend.on_put = function(key)
      if key ~= "test.state" then return nil end
      world.backend.on_put = function() end
      world.backend.objects["test.state"] = { bytes = theirs, etag = "theirs" }
    end
    local record, err = amend.push(world:session(stack()), document)
    assert.is_nil(record)
    assert.equal("INFRA_011", err.code)
    assert.match("nothing was overwritten", err.hint)
    assert.equal("theirs", world.backend.objects["test.state"].etag)
    assert.equal(1, #records(world))
  end)
end)

describe("a state that cannot be read", function()
  --- Three deployments, and what the second one left.
  local function damaged(damage)
    local world, wanted = cloud.world(), stack()
    for _ = 1, 3 do world:apply(wanted) end
    local kept = assert(past.records(world:session(wanted)))
    damage(world.backend)
    return world, wanted, function(back) -- what the latest deployment left, or one before it
      return model.unpack(model.pack(assert(past.document(world:session(wanted), kept[1 + (back or 0)].id))))
    end
  end

  local DAMAGES = {
    cut = function(backend) backend:put("test.state", backend:get("test.state"):sub(1, 100)) end,
    empty = function(backend) backend:put("test.state", "") end,
    missing = function(backend) backend:delete("test.state") end,
  }
  for _, how in ipairs({ "cut", "empty", "missing" }) do
    it(("can be replaced from its history: %s"):format(how), function()
      local world, wanted, left = damaged(DAMAGES[how])
      local made, err = world:session(wanted):plan()
      assert.is_nil(made)
      assert.equal("INFRA_011", err.code)
      assert.match("state push %-%-force", err.hint)
      local pushed
      pushed, err = amend.push(world:session(wanted), left(1))
      assert.is_nil(pushed)
      assert.equal("INFRA_011", err.code)
      local latest = left()
      assert.equal(4, latest.serial)
      local record = assert(amend.push(world:session(wanted, { salvage = true }), latest, true))
      assert.equal(5, record.serial) -- above all that the history knows
      assert.same({}, cloud.actions(world:plan(wanted)))
      assert.equal(how == "missing" and 0 or 1, #world.backend:list("test.state.damaged-"))
      assert.equal("", cloud.failures(world:apply(wanted)))
      assert.equal(how == "missing" and 0 or 1, #world.backend:list("test.state.damaged-"))
    end)
  end

  it("is never written by anything else", function()
    local world, wanted = damaged(DAMAGES.missing)
    local before = #world.backend:list("test.state")
    for _, act in ipairs({ "plan", "destroy_plan", "refresh" }) do
      local opened = world:session(wanted, { salvage = false })
      assert.is_nil((opened[act](opened)))
    end
    assert.equal(before, #world.backend:list("test.state"))
  end)
end)
