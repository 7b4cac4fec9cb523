local core = require "core"
local errors = require "scw.errors"
local status_view = require "scw.ui.status"
local style = require "scw.ui.style"

local plain = style.new({ colour = false, columns = 80, given = { stack = "stack.lua" } })
local STACK = { name = "shop", environment = "staging" }
local BEGAN = "2026-01-02T03:04:05Z"
local NOW = 1767323045 + 240

local function record(status) return { status = status or "ready" } end

local function document(facts)
  local made = {
    serial = 7, lineage = "l", resources = { ["value.a"] = record() }, intents = {},
    deployments = {
      { id = "d", result = "done", who = "ann", host = "desk", started = BEGAN, command = "scwlua apply", planned = { create = 1 } },
    },
  }
  for name, value in pairs(facts or {}) do made[name] = value end
  return made
end

---@param facts? table what is different
---@param ... string what is not known
local function seen(facts, ...)
  local made = {
    place = "s3://b/k", lock_place = "s3://b/k.lock", now = NOW, exists = true, sealed = true, recipients = { "a key file" },
    segments = 0, lock = "free", waiting = {},
    document = document(),
  }
  for name, value in pairs(facts or {}) do made[name] = value end
  for _, name in ipairs({ ... }) do made[name] = nil end
  return made
end

local function claim(facts)
  local made = { id = "11-22", who = "bob", host = "far", pid = 9, created = BEGAN, command = "scwlua destroy", expires = NOW + 480 }
  for name, value in pairs(facts or {}) do made[name] = value end
  return made
end

local function lines(...) return status_view.lines(seen(...), STACK, plain) end

local function shown_of(...) return table.concat(lines(...), "\n") end

describe("the status of a state as people read it", function()
  it("is short when all is well", function()
    assert.are.same({
      "shop (staging)",
      "  state      s3://b/k, sealed for a key file",
      "  serial     7 of lineage l",
      "  resources  1",
      "  last       done: ann@desk, 2026-01-02T03:04:05Z, 4 minutes ago, `scwlua apply` (+1)",
      "  lock       free",
      "Nothing to do.",
    }, lines())
    assert.are.same({
      "shop (staging)", "  state  s3://b/k, nothing there yet", "  lock   free", "Nothing was deployed yet: apply makes it.",
    }, lines({ exists = false, document = document({ deployments = {} }) }, "sealed"))
  end)

  it("names what was cut off", function()
    local resources, intents = {}, {}
    for _, name in ipairs({ "a", "b", "c", "d", "e", "f", "g" }) do
      resources["value." .. name] = record("creating")
      intents["value.i" .. name] = record()
    end
    local shown = shown_of({ segments = 2, document = document({ resources = resources, intents = intents }) })
    assert.matches("resources  7, 7 of them not ready: value.a %(creating%), .*value.e %(creating%) and 2 more\n", shown)
    assert.matches("intents    7 creations were interrupted: value.ia, .*value.ie and 2 more; the next apply looks for", shown)
    assert.matches("log        2 segments are not in the snapshot yet: a deployment was cut off\n", shown)
    assert.matches("\nApply: .*goes on where the last deployment stopped%.$", shown)
  end)

  it("names the holder, those who wait, and the command that frees the state", function()
    local shown = shown_of({
      lock = "held", segments = 1, holder = claim(), waiting = { claim({ who = "cid" }), claim({ who = "eve" }) },
    })
    assert.matches("lock       held by bob on far %(process 9%) since 2026%-01%-02T03:04:05Z, 4 minutes ago, running `scwlua destroy`; "
      .. "its lease ends in 8 minutes unless it is renewed; lock 11%-22\n", shown)
    assert.matches("queue      1%. cid on far .*\n             2%. eve on far", shown)
    assert.matches("1 segment is not in the snapshot yet: a deployment is running\n", shown)
    assert.matches("\nWait until it ends; .*: `scwlua%S* unlock stack.lua 11%-22`.$", shown)
    shown = shown_of({ lock = "held", holder = claim({ expired = true, expires = NOW - 60 }) })
    assert.matches("its lease ended 1 minute ago; lock", shown)
    assert.matches("takes over at once", shown)
    assert.matches("its process died on this machine; lock", shown_of({ lock = "held", holder = claim({ died = true }) }))
    local eternal = claim()
    eternal.expires = nil
    assert.matches("it has no lease", shown_of({ lock = "held", holder = eternal }))
    assert.matches("\nWait: others are next", shown_of({ waiting = { claim() } }))
  end)

  it("says what is wrong, and how to put it right", function()
    local shown = shown_of({ lock = "damaged" })
    assert.matches("lock       damaged: s3://b/k.lock is no lock", shown)
    assert.matches("\nMake sure that nobody deploys, then remove s3://b/k.lock;", shown)
    local no_key = errors.new({ code = "INFRA_001", message = "there is no key", hint = "make one" })
    shown = shown_of({ problem = no_key }, "document")
    assert.matches("content  cannot be read: there is no key\n", shown)
    assert.matches("\nGive the key that it was sealed with", shown)
    assert.matches("\nBefore the first apply: make one$", shown_of({ problem = no_key, exists = false }, "document", "sealed"))
    local newer = errors.new({ code = "INFRA_011", message = "format 9", hint = "a newer one" })
    assert.matches("\nTo read it: a newer one$", shown_of({ problem = newer }, "document"))
  end)

  it("cannot steer the terminal", function()
    local shown = shown_of({ lock = "held", holder = claim({ who = "bob\27[2J", id = "\27[2J" }) })
    assert.is_nil(shown:find("\27", 1, true))
  end)
end)

describe("the status of a state as programs read it", function()
  it("has the same in fields", function()
    local holder = claim({ died = false, expired = false })
    local public = status_view.public(seen({ lock = "held", holder = holder, waiting = { claim() } }), STACK)
    assert.are.same({ "wait", 7, 1, 0, "held", 240, 480, "11-22" }, {
      public.advice, public.serial, public.resources, public.unready, public.lock.state, public.lock.seconds, public.lock.lease_seconds,
      public.waiting[1].id,
    })
    assert.are.same(core.array({}), public.intents)
    assert.equal("done", public.last.result)
    assert.is_nil(public.problem)
    local no_key = errors.new({ code = "INFRA_001", message = "no key", hint = "h" })
    public = status_view.public(seen({ problem = no_key }, "document"), STACK)
    assert.are.same({ code = "INFRA_001", message = "no key", hint = "h" }, public.problem)
    assert.is_nil(public.serial)
  end)
end)
