local catalogue = require "scw.schema.catalogue"
local json = require "scw.json"
local reference = require "tests.types.reference"
local sample = require "tests.types.sample"
local schema = require "scw.schema"
local wire = require "scw.schema.wire"

local contracts = reference.load()

--- Secrets as the state holds them.
local function fingerprinted(field, value)
  if value == nil then return nil end
  if field.kind == "object" and not field.secret then
    local result = {}
    for name, part in pairs(value) do result[name] = field.fields[name] and fingerprinted(field.fields[name], part) or part end
    return result
  end
  if not field.secret then return value end
  if field.kind ~= "map" then return { ["$secret"] = "of " .. tostring(value) } end
  local result = {}
  for name, part in pairs(value) do result[name] = { ["$secret"] = "of " .. part } end
  return result
end

local function as_state(type, fields)
  local result = {}
  for name, value in pairs(fields) do result[name] = fingerprinted(type.fields[name], value) end
  return result
end

local function through_json(value)
  return json.answer(assert(json.encode(value)))
end

--- What a service would answer after the create call and, for the rest, an update.
local function answer_of(type, values)
  local stored = wire.store(type, "create", through_json(wire.create(type, values, sample.place)), {})
  local changes = {}
  for _, name in ipairs(type.order) do
    local field = type.fields[name]
    if field.after_create and values[name] ~= nil then changes[#changes + 1] = { path = name, field = name } end
  end
  local update = wire.update(type, values, changes)
  if update.body then wire.store(type, "update", through_json(update.body), stored) end
  for _, call in ipairs(update.actions) do wire.store(type, "update", through_json(call.body), stored) end
  stored.id = "55555555-5555-4555-8555-555555555555"
  return stored
end

--- Fields whose value an answer made from bodies alone can show.
local function shown(type, name)
  local field = type.fields[name]
  return field.wire.read and (field.wire.create or field.after_create and field.wire.update)
end

local function readable(type, values)
  local result = {}
  for name, value in pairs(values) do
    if shown(type, name) then result[name] = value end
  end
  return result
end

local function without(type, changes)
  local paths = {}
  for _, change in ipairs(changes) do
    if shown(type, change.field) then paths[#paths + 1] = change.path end
  end
  return paths
end

for _, name in ipairs(catalogue.names()) do
  local type = catalogue.get(name)

  describe(name, function()
    local values = schema.defaults(type, sample.fields(type))
    local prior = as_state(type, values)

    it("has a schema that accepts its own values", function()
      local problems = schema.check(type, sample.fields(type), sample.place)
      assert.are.same({}, problems)
      assert.is_true(#type.summary > 10)
      assert.matches("%.$", type.summary)
    end)

    it("refuses an empty declaration when a field is required", function()
      local required
      for _, field in pairs(type.fields) do required = required or field.required end
      assert.are.equal(required ~= nil or #type.one_of > 0, #schema.check(type, {}, sample.place) > 0)
    end)

    it("compares a value with itself as equal", function()
      assert.are.same({}, schema.diff(type, prior, prior, nil))
    end)

    it("changes, replaces or sets aside every field", function()
      for _, field_name in ipairs(type.order) do
        local field = type.fields[field_name]
        local way = field.replace == true or field.placement or field.local_only or field.create_only or field.update
          or field.wire.update
        assert(way, ("%s.%s can neither be updated nor forces a replacement"):format(name, field_name))
      end
    end)

    it("sees a change of every field, and says how it is made", function()
      for _, field_name in ipairs(type.order) do
        local field = type.fields[field_name]
        local desired = {}
        for key, value in pairs(prior) do desired[key] = value end
        if not field.placement and not field.create_only and values[field_name] ~= nil then
          local other = schema.defaults(type, { [field_name] = sample.value(field, 2) })
          desired[field_name] = as_state(type, other)[field_name]
          local changes = schema.diff(type, desired, prior, nil)
          assert(#changes > 0, ("a change of %s.%s goes unseen"):format(name, field_name))
          for _, change in ipairs(changes) do
            assert.are.equal(field_name, change.field)
            if field.replace == true then assert.is_true(change.replace) end
            if field.secret then assert.is_true(change.secret) end
          end
        end
      end
    end)

    if type.api then
      it("reads back what it created", function()
        local answer = through_json(answer_of(type, values))
        local scope = wire.scope(type, sample.place, values)
        local result = wire.read(type, answer, scope)
        assert.are.same({}, without(type, schema.diff(type, prior, prior, result.fields)))
        for field_name in pairs(readable(type, values)) do assert.is_not_nil(result.fields[field_name], field_name) end
      end)

      it("never shows a secret it read", function()
        local result = wire.read(type, through_json(answer_of(type, values)), wire.scope(type, sample.place, values))
        local printed = assert(json.encode(result.fields))
        for field_name, field in pairs(type.fields) do
          if field.secret and values[field_name] then
            local secret = field.kind == "map" and select(2, next(values[field_name])) or values[field_name]
            if #secret > 3 then assert.is_nil(printed:find(secret, 1, true)) end
          end
        end
      end)

      it("updates with nothing but what changed", function()
        for _, field_name in ipairs(type.order) do
          local field = type.fields[field_name]
          if field.wire.update and not field.update and not field.placement and field.replace ~= true and not field.local_only then
            local update = wire.update(type, { [field_name] = schema.defaults(type, {
              [field_name] = sample.value(field, 2) })[field_name] }, { { path = field_name, field = field_name } })
            local body = update.body
            assert.is_table(body, field_name)
            assert.is_nil(next(body, (next(body))), field_name)
            assert.is_not_nil(wire.get(body, field.wire.update), field_name)
            assert.are.same({}, update.actions)
          end
        end
      end)

      it("calls the paths of the contract with its names", function()
        if not contracts then return pending("no contract beside the repository") end
        local api = type.api
        local operation, contract = reference.operation(contracts, api.create.method, api.create.path)
        assert(operation, "no operation " .. api.create.method .. " " .. api.create.path)
        for _, field_name in ipairs(type.order) do
          local field = type.fields[field_name]
          if field.wire.create then
            local known = reference.field(contract, operation.body, field.wire.create)
            assert(known, ("%s: the create call has no %s"):format(name, table.concat(field.wire.create, ".")))
            local enum = contract.enums[known.type]
            for _, word in ipairs(enum and field.enum or {}) do
              assert(table.concat(enum.values, " "):find(word, 1, true), ("%s.%s: no value %s"):format(name, field_name, word))
            end
          end
        end
        for _, call in ipairs { api.update, api.delete } do
          if call then
            local found = reference.operation(contracts, call.method, call.path)
            assert(found, "no operation " .. call.method .. " " .. call.path)
            for _, field_name in ipairs(call.carry or {}) do
              assert(reference.field(contract, found.body, type.fields[field_name].wire.create), field_name)
            end
          end
        end
        if api.update then
          local found = reference.operation(contracts, api.update.method, api.update.path)
          for _, field_name in ipairs(type.order) do
            local field = type.fields[field_name]
            if field.wire.update and not field.update and field.replace ~= true and not field.placement then
              assert(reference.field(contract, found.body, field.wire.update),
                ("%s: the update call has no %s"):format(name, table.concat(field.wire.update, ".")))
            end
          end
        end
        if api.read ~= "list" and api.read ~= "whole" then
          local found = reference.operation(contracts, api.read.method, api.read.path)
          assert(found, "no operation " .. api.read.method .. " " .. api.read.path)
          local answer = contract.messages[found.response]
          for _, group in ipairs { type.fields, type.outputs } do
            for field_name, field in pairs(group) do
              local first = field.wire.read and field.wire.read[1]:match("^[^%[]+")
              local from_part = false
              for _, part in ipairs(api.parts) do from_part = from_part or part.field == first end
              if first and not from_part and not field.fetch and not field.placement then
                assert(answer[first], ("%s: the answer has no %s (%s)"):format(name, first, field_name))
              end
            end
          end
        end
        if api.list then
          local found = reference.operation(contracts, "GET", api.list.path)
          assert(found and found.list_field == api.list.field, ("%s: the list at %s is called %s"):format(name, api.list.path,
            found and tostring(found.list_field) or "nothing"))
          for parameter in pairs { page = true, page_size = true } do
            local known = false
            for _, query in ipairs(found.query) do known = known or query.name == parameter end
            assert(known, ("%s: the list has no %s"):format(name, parameter))
          end
          for parameter in pairs(api.list.query) do
            local known = false
            for _, query in ipairs(found.query) do known = known or query.name == parameter end
            assert(known, ("%s: the list has no filter %s"):format(name, parameter))
          end
        end
      end)

      it("makes its special calls on paths of the contract", function()
        if not contracts then return pending("no contract beside the repository") end
        for _, action in ipairs(type.actions) do
          local paths = { { action.method, action.path }, { action.method, action.on }, { action.method, action.off } }
          for _, call in ipairs { action.add or false, action.remove or false } do
            if call then paths[#paths + 1] = { call.method, call.path } end
          end
          for _, call in pairs(paths) do
            if call[2] then assert(reference.operation(contracts, call[1], call[2]), call[1] .. " " .. call[2]) end
          end
          for field_name, field in pairs(type.fields) do
            if field.update == action.name and action.path and field.wire.update then
              local operation, contract = reference.operation(contracts, action.method, action.path)
              assert(reference.field(contract, operation.body, field.wire.update), field_name)
            end
          end
        end
        for _, part in ipairs(type.api.parts) do
          local operation = assert(reference.operation(contracts, "GET", part.path), part.path)
          local paged = false
          for _, query in ipairs(operation.query) do paged = paged or query.name == "page" end
          assert.are.equal(paged, part.paged ~= false, part.path)
        end
        for output_name, output in pairs(type.outputs) do
          if output.fetch then assert(reference.operation(contracts, "GET", output.fetch), output_name) end
        end
      end)
    end
  end)
end
