local catalogue = require "scw.schema.catalogue"
local core = require "core"
local crud = require "scw.engine.crud"
local errors = require "scw.errors"
local schema = require "scw.schema"

local PLACE = { region = "fr-par", project = "33333333-3333-4333-8333-333333333333", organization = "44444444-4444-4444-8444-444444444444" }

--- A client whose answers are scripted: `routes["POST /path"]` is a list of answers, the last one stays.
--- An answer is a table, or a number (a status with a type: {404}, {409, "transient_state"}).
local function scripted(routes)
  local client = { calls = {}, slept = 0, time_scale = 1 }
  local function answer_to(method, path, body)
    client.calls[#client.calls + 1] = { method = method, path = path, body = body }
    local queue = assert(routes[method .. " " .. path], "unexpected call: " .. method .. " " .. path)
    local answer = #queue > 1 and table.remove(queue, 1) or queue[1]
    if type(answer) == "function" then answer = answer(body) end
    if type(answer[1]) == "number" then
      if answer[1] < 300 then return {}, { status = answer[1] } end
      return nil, errors.new { code = "INFRA_005", message = answer[3] or "refused", status = answer[1], type = answer[2],
        precondition = answer[3] }
    end
    return answer, { status = 200 }
  end
  function client.call(_, request) return answer_to(request.method, request.path, request.body) end
  function client.pages(_, request)
    local answer, err = answer_to("GET", request.path)
    return answer and answer[request.field], err
  end
  function client.sleep(_, milliseconds) client.slept = client.slept + milliseconds return true end
  function client.log()
    local lines = {}
    for index, call in ipairs(client.calls) do lines[index] = call.method .. " " .. call.path:match("([^/]+)$") end
    return table.concat(lines, ", ")
  end
  return client
end

local function copy(base, changes)
  local result = {}
  for name, value in pairs(base) do result[name] = value end
  for name, value in pairs(changes) do result[name] = value end
  return result
end

describe("crud", function()
  local namespace = catalogue.get "container_namespace"
  local base = "/containers/v1/regions/fr-par/namespaces"
  local raw = { id = "n1", name = "a", status = "creating", project_id = PLACE.project, region = "fr-par", tags = {}, description = "",
    environment_variables = {}, secret_environment_variables = { TOKEN = "$argon2id$…" } }
  local values = schema.defaults(namespace, { name = "a", secret_environment_variables = { TOKEN = "hunter2" } })

  it("creates, says so before it waits, and waits until ready", function()
    local client = scripted { ["POST " .. base] = { raw }, ["GET " .. base .. "/n1"] = { raw, copy(raw, { status = "ready" }) } }
    local seen
    local result = assert(crud.create(client, namespace, values, PLACE, function(id) seen = id .. " after " .. #client.calls end))
    assert.are.equal("n1 after 1", seen)
    assert.are.equal("POST namespaces, GET n1, GET n1", client.log())
    assert.are.equal("hunter2", client.calls[1].body.secret_environment_variables.TOKEN)
    assert.are.equal("ready", result.outputs.status)
    assert.are.same({ ["$secret"] = "" }, result.fields.secret_environment_variables.TOKEN)
    assert.is_true(client.slept >= 2000 and client.slept < 5000)
  end)

  it("reports what the service says when it fails", function()
    local client = scripted { ["POST " .. base] = { raw },
      ["GET " .. base .. "/n1"] = { copy(raw, { status = "error", error_message = "no room" }) } }
    local created
    local result, err = crud.create(client, namespace, values, PLACE, function(id) created = id end, { address = "x.y" })
    assert.is_nil(result)
    assert.are.equal("n1", created)
    assert.are.equal("INFRA_005", err.code)
    assert.are.equal("container_namespace has the status error: no room", err.message)
    assert.are.equal("x.y", err.address)
  end)

  it("gives up after the timeout, with the state it saw last", function()
    local client = scripted { ["POST " .. base] = { raw }, ["GET " .. base .. "/n1"] = { raw } }
    local _, err = crud.create(client, namespace, values, PLACE, nil, { timeouts = { create = "30s" } })
    assert.are.equal("INFRA_006", err.code)
    assert.are.equal("container_namespace still has the status creating after 30s", err.message)
    assert.is_true(client.slept >= 30000 and client.slept < 31000)
    assert.is_true(#client.calls < 15)
  end)

  it("updates with what changed, keeps secrets that stay, and tells gone from unknown", function()
    local client = scripted { ["PATCH " .. base .. "/n1"] = { copy(raw, { status = "updating" }) },
      ["GET " .. base .. "/n1"] = { copy(raw, { status = "ready", description = "new" }), { 404, "not_found" },
        { 403, "permissions_denied" } } }
    local record = { id = "n1", place = PLACE, inputs = values }
    local desired = copy(values, { description = "new", secret_environment_variables = { TOKEN = "hunter2", OTHER = "x" } })
    local changes = { { path = "description", field = "description" },
      { path = "secret_environment_variables.OTHER", field = "secret_environment_variables" } }
    local result = assert(crud.update(client, namespace, record, desired, changes))
    assert.are.same({ description = "new", secret_environment_variables = { TOKEN = "", OTHER = "x" } }, client.calls[1].body)
    assert.are.equal("new", result.fields.description)
    local read, err = crud.read(client, namespace, record)
    assert.is_nil(read)
    assert.is_nil(err)
    assert.are.equal(403, select(2, crud.read(client, namespace, record)).status)
  end)

  it("deletes, waits out passing states, and takes a missing resource as success", function()
    local client = scripted {
      ["DELETE " .. base .. "/n1"] = { { 409, "transient_state" }, copy(raw, { status = "deleting" }), { 404, "not_found" } },
      ["GET " .. base .. "/n1"] = { copy(raw, { status = "deleting" }), { 404, "not_found" } },
    }
    local record = { id = "n1", place = PLACE, inputs = values }
    assert.is_true(crud.delete(client, namespace, record))
    assert.are.equal("DELETE n1, DELETE n1, GET n1, GET n1", client.log())
    assert.is_true(crud.delete(client, namespace, record))
  end)

  it("retries the deletion of a network while something detaches, but not a protected secret", function()
    local network, secret = catalogue.get "private_network", catalogue.get "secret"
    local client = scripted {
      ["DELETE /vpc/v2/regions/fr-par/private-networks/p1"] = { { 412, "precondition_failed", "resource_still_in_use" }, { 500 }, { 204 } },
      ["DELETE /secret-manager/v1beta1/regions/fr-par/secrets/s1"] = { { 412, "precondition_failed", "protected_resource" } },
    }
    assert.is_true(crud.delete(client, network, { id = "p1", place = PLACE, inputs = {} }))
    assert.are.equal(3, #client.calls)
    local ok, err = crud.delete(client, secret, { id = "s1", place = PLACE, inputs = {} })
    assert.is_nil(ok)
    assert.are.equal(412, err.status)
    assert.are.equal(4, #client.calls)
  end)

  it("tells that what is there does not work, and why", function()
    local broken = copy(raw, { status = "error", error_message = "no room" })
    local client = scripted {
      ["GET " .. base .. "/n1"] = { broken, copy(raw, { status = "ready" }) }, ["GET " .. base] = { { namespaces = { broken } } },
    }
    local record = { id = "n1", place = PLACE, inputs = values }
    assert.are.equal("container_namespace has the status error: no room", crud.read(client, namespace, record).failure)
    assert.is_nil(crud.read(client, namespace, record).failure)
    assert.are.equal("container_namespace has the status error: no room", crud.list(client, namespace, PLACE)[1].failure)
  end)

  it("tells that what is still there is being deleted", function()
    local leaving = copy(raw, { status = "deleting" })
    local client = scripted { ["GET " .. base .. "/n1"] = { leaving, raw }, ["GET " .. base] = { { namespaces = { leaving } } } }
    local record = { id = "n1", place = PLACE, inputs = values }
    assert.is_true(crud.read(client, namespace, record).leaving)
    assert.is_nil(crud.read(client, namespace, record).leaving)
    assert.is_true(crud.list(client, namespace, PLACE)[1].leaving)
  end)

  it("finds exactly what the values name", function()
    local client = scripted { ["GET " .. base] = { { namespaces = { copy(raw, { id = "n0", name = "ab" }), raw } } } }
    assert.are.equal("n1", crud.find(client, namespace, values, PLACE))
    assert.is_nil(crud.find(client, namespace, copy(values, { name = "b" }), PLACE))
  end)

  it("finds what these very values can have made: nothing that would have to be replaced, the nearest of several", function()
    local network = catalogue.get "private_network"
    local path = "/vpc/v2/regions/fr-par/private-networks"
    local function raw_network(id, subnet, tags)
      return { id = id, name = "n", vpc_id = "v1", tags = tags, subnets = { { subnet = subnet }, { subnet = "fd00::/64" } },
        created_at = "2026-01-01T00:00:00Z", project_id = PLACE.project, region = "fr-par", default_route_propagation_enabled = false }
    end
    local client = scripted { ["GET " .. path] = { { private_networks = {
      raw_network("p1", "10.1.0.0/22", { "mine" }), raw_network("p2", "10.2.0.0/22", {}), raw_network("p3", "10.2.0.0/22", { "mine" }),
    } } } }
    local wanted = schema.defaults(network, { name = "n", vpc = "v1", subnets = { "10.2.0.0/22" }, tags = { "mine" } })
    assert.are.equal("p3", crud.find(client, network, wanted, PLACE))
    assert.are.equal("p2", crud.find(client, network, wanted, PLACE, { except = { p3 = true } }))
    assert.is_nil(crud.find(client, network, wanted, PLACE, { except = { p2 = true, p3 = true } }))
    assert.is_nil(crud.find(client, network, wanted, PLACE, { since = 1800000000 }))
  end)

  it("shows no secret that a service quotes", function()
    local function quoting(status)
      return scripted {
        ["POST " .. base] = { { status, "invalid_arguments", "not valid: hunter2, " .. core.base64("hunter2") } },
        ["PATCH " .. base .. "/n1"] = { { status, "invalid_arguments", "not valid: hunter2" } },
      }
    end
    local _, err = crud.create(quoting(400), namespace, values, PLACE)
    assert.are.equal("not valid: ***, ***", err.message)
    local changes = { { path = "secret_environment_variables.TOKEN", field = "secret_environment_variables" } }
    _, err = crud.update(quoting(400), namespace, { id = "n1", place = PLACE, inputs = values }, values, changes)
    assert.are.equal("not valid: ***", err.message)
  end)

  it("lists once for all resources of a place", function()
    local client = scripted { ["GET " .. base] = { { namespaces = { raw, copy(raw, { id = "n2" }) } } } }
    local scope = crud.list_scope(namespace, { id = "n1", place = PLACE, inputs = values })
    assert.are.equal(scope.key, crud.list_scope(namespace, { id = "n2", place = PLACE, inputs = values }).key)
    assert.are.equal("n2", crud.list(client, namespace, scope.place, scope.parent)[2].id)
  end)
end)

describe("crud on a database server", function()
  local instance = catalogue.get "rdb_instance"
  local base = "/rdb/v1/regions/fr-par/instances"
  local function raw(changes)
    return copy({ id = "i1", name = "db", engine = "PostgreSQL-17", node_type = "db-dev-s", status = "ready", is_ha_cluster = false,
      volume = { type = "sbs_5k", size = 10000000000 }, endpoints = { { id = "e1", ip = "1.2.3.4", port = 5432, load_balancer = {} } },
      backup_schedule = { disabled = false, frequency = 24, retention = 7 }, settings = {}, init_settings = {}, tags = {},
      encryption = { enabled = false } }, changes or {})
  end
  local values = schema.defaults(instance, { name = "db", engine = "PostgreSQL-17", node_type = "DB-DEV-S", user_name = "root",
    password = "Correct-horse-1", volume_type = "sbs_5k", volume_size = "10GB", backup_retention = 30 })

  it("sends what creation does not take once it is ready", function()
    local client = scripted { ["POST " .. base] = { raw { status = "provisioning" } }, ["GET " .. base .. "/i1"] = { raw(),
      raw { backup_schedule = { disabled = false, frequency = 24, retention = 30 } } },
      ["PATCH " .. base .. "/i1"] = { raw() } }
    local result = assert(crud.create(client, instance, values, PLACE))
    assert.is_nil(client.calls[1].body.backup_schedule_retention)
    assert.are.same({ backup_schedule_retention = 30 }, client.calls[3].body)
    assert.are.equal("1.2.3.4", result.outputs.ip)
    assert.are.equal(5432, result.outputs.public_port)
  end)

  it("upgrades one thing per call and waits in between", function()
    local client = scripted { ["POST " .. base .. "/i1/upgrade"] = { raw { status = "initializing" } },
      ["GET " .. base .. "/i1"] = { raw { status = "initializing" }, raw() } }
    local changes = schema.diff(instance, copy(values, { node_type = "db-dev-m", volume_size = 20000000000 }), values, values)
    local desired = copy(values, { node_type = "db-dev-m", volume_size = 20000000000 })
    assert(crud.update(client, instance, { id = "i1", place = PLACE, inputs = values }, desired, changes))
    assert.are.same({ node_type = "db-dev-m" }, client.calls[1].body)
    assert.are.equal("POST upgrade, GET i1, GET i1, POST upgrade, GET i1, GET i1", client.log())
    assert.are.same({ volume_size = 20000000000 }, client.calls[4].body)
  end)

  it("exchanges endpoints: the old one goes first", function()
    local private = { id = "e2", ip = "10.0.0.2", port = 5432,
      private_network = { private_network_id = "p1", service_ip = "10.0.0.2/22" } }
    local client = scripted { ["GET " .. base .. "/i1"] = { raw() }, ["DELETE /rdb/v1/regions/fr-par/endpoints/e1"] = { { 204 } },
      ["POST " .. base .. "/i1/endpoints"] = { private } }
    local desired = copy(values, { endpoints = { { private_network = { network = "p1" } } } })
    local record = { id = "i1", place = PLACE, inputs = values }
    assert(crud.update(client, instance, record, desired, { { path = "endpoints", field = "endpoints" } }))
    assert.are.equal("GET i1, DELETE e1, GET i1, POST endpoints, GET i1, GET i1", client.log())
    assert.are.same({ endpoint_spec = { private_network = { private_network_id = "p1", ipam_config = {} } } }, client.calls[4].body)
  end)

  it("runs calls on one server one after the other, others side by side", function()
    local database = catalogue.get "rdb_database"
    local client = { time_scale = 1, active = 0, most = 0, by_instance = {} }
    function client.call(_, request)
      local server = request.path:match("instances/([^/]+)")
      client.active = client.active + 1
      client.by_instance[server] = (client.by_instance[server] or 0) + 1
      client.most = math.max(client.most, client.active)
      assert(client.by_instance[server] == 1, "two calls at once on " .. server)
      core.sleep(2)
      client.active, client.by_instance[server] = client.active - 1, client.by_instance[server] - 1
      return { name = request.body.name }, { status = 200 }
    end
    function client.pages() return { { name = "d1" }, { name = "d2" }, { name = "d3" } } end
    local tasks = {}
    for _, server in ipairs { "a", "b" } do
      for _, name in ipairs { "d1", "d2", "d3" } do
        tasks[#tasks + 1] = core.spawn(function()
          return assert(crud.create(client, database, { instance = server, name = name }, PLACE)).id
        end)
      end
    end
    local ids = {}
    for index, task in ipairs(tasks) do ids[index] = select(2, task:join()) end
    assert.are.same({ "a/d1", "a/d2", "a/d3", "b/d1", "b/d2", "b/d3" }, ids)
    assert.are.equal(2, client.most)
  end)

  it("replaces the whole set of rules and waits for the server", function()
    local acl = catalogue.get "rdb_acl"
    local rules = { { ip = "1.2.3.4/32", description = "office", port = 5432 } }
    local client = scripted { ["PUT " .. base .. "/i1/acls"] = { { rules = rules } },
      ["GET " .. base .. "/i1/acls"] = { { rules = rules } },
      ["GET " .. base .. "/i1"] = { raw { status = "configuring" }, raw() }, ["DELETE " .. base .. "/i1/acls"] = { { rules = rules } } }
    local wanted = schema.defaults(acl, { instance = "i1", rules = { { ip = "1.2.3.4", description = "office" } } })
    local result = assert(crud.create(client, acl, wanted, PLACE))
    assert.are.equal("i1", result.id)
    assert.are.same({}, schema.diff(acl, wanted, wanted, result.fields))
    assert.is_true(crud.delete(client, acl, { id = "i1", place = PLACE, inputs = wanted }))
    assert.are.same({ acl_rule_ips = { "1.2.3.4/32" } }, client.calls[#client.calls - 1].body)
  end)
end)

describe("crud on other shapes", function()
  it("keeps what is shown only once apart from the rest", function()
    local key = catalogue.get "iam_api_key"
    local raw = { access_key = "SCW1", secret_key = "hunter2", description = "", application_id = "a1" }
    local client = scripted { ["POST /iam/v1alpha1/api-keys"] = { raw } }
    local first
    local result = assert(crud.create(client, key, schema.defaults(key, { application = "a1" }), PLACE, function(_, r) first = r end))
    assert.are.equal("SCW1", result.id)
    assert.are.same({ secret_key = "hunter2" }, result.secrets)
    assert.are.same({ secret_key = "hunter2" }, first.secrets)
    assert.is_nil(result.outputs.secret_key)
  end)

  it("makes a secret value, sends it, and reads it back only when asked", function()
    local version = catalogue.get "secret_version"
    local base = "/secret-manager/v1beta1/regions/fr-par/secrets/s1/versions"
    local client = scripted { ["POST " .. base] = { { revision = 1.0, secret_id = "s1", status = "enabled", description = "" } },
      ["GET " .. base .. "/1/access"] = { { data = core.base64 "opened" } } }
    local values = schema.defaults(version, { secret = "s1", generate = { length = 40, special = "!#" } })
    local result = assert(crud.create(client, version, values, PLACE))
    assert.are.equal("s1/1", result.id)
    local made = result.secrets.value
    assert.are.equal(40, #made)
    assert.matches("%d", made) assert.matches("%u", made) assert.matches("%l", made) assert.matches("[!#]", made)
    assert.are.equal(core.base64(made), client.calls[1].body.data)
    assert.is_nil(client.calls[1].body.generate)
    assert.are.equal("opened", crud.fetch(client, version, { id = "s1/1", place = PLACE, inputs = values }, "value"))
  end)

  it("reads the rules of a policy beside it and replaces them whole", function()
    local policy = catalogue.get "iam_policy"
    local raw = { id = "p1", name = "x", description = "", tags = {}, application_id = "a1" }
    local rules = { { id = "r1", permission_set_names = { "B", "A" }, condition = "", project_ids = { PLACE.project } } }
    local client = scripted { ["GET /iam/v1alpha1/policies/p1"] = { raw }, ["GET /iam/v1alpha1/rules"] = { { rules = rules } },
      ["PUT /iam/v1alpha1/rules"] = { { rules = rules } } }
    local values = schema.defaults(policy, { name = "x", application = "a1", rules = { { permission_sets = { "A", "B" },
      projects = { PLACE.project } } } })
    local record = { id = "p1", place = PLACE, inputs = values }
    local read = assert(crud.read(client, policy, record))
    assert.are.same({}, schema.diff(policy, values, values, read.fields))
    assert(crud.update(client, policy, record, values, { { path = "rules", field = "rules" } }))
    local put = client.calls[3]
    assert.are.equal("PUT", put.method)
    assert.are.equal("p1", put.body.policy_id)
    assert.are.equal("A", put.body.rules[1].permission_set_names[1])
  end)

  it("turns the alert manager on and off, and knows a contact point by its address", function()
    local manager, contact = catalogue.get "cockpit_alert_manager", catalogue.get "cockpit_contact_point"
    local base = "/cockpit/v1/regions/fr-par/alert-manager"
    local on, off = { alert_manager_enabled = true, alert_manager_url = "https://x" }, { alert_manager_enabled = false }
    local point = { email = { to = "ops@example.com" }, send_resolved_notifications = true }
    local client = scripted { ["POST " .. base .. "/enable"] = { on }, ["GET " .. base] = { off },
      ["POST " .. base .. "/contact-points"] = { point }, ["GET " .. base .. "/contact-points"] = { { contact_points = { point } } },
      ["PATCH " .. base .. "/contact-points"] = { point }, ["POST " .. base .. "/contact-points/delete"] = { { 204 } } }
    local made = assert(crud.create(client, manager, {}, PLACE))
    assert.are.equal(PLACE.project, made.id)
    assert.are.equal("https://x", made.outputs.url)
    local values = schema.defaults(contact, { email = "Ops@example.com" })
    local result = assert(crud.create(client, contact, values, PLACE))
    assert.are.equal(PLACE.project .. "/ops@example.com", result.id)
    local record = { id = result.id, place = PLACE, inputs = values }
    values.send_resolved = false
    assert(crud.update(client, contact, record, values, { { path = "send_resolved", field = "send_resolved" } }))
    for _, call in ipairs(client.calls) do
      if call.method == "PATCH" then
        assert.are.same({ project_id = PLACE.project, email = { to = "ops@example.com" },
          send_resolved_notifications = false }, call.body)
      end
    end
    assert.is_true(crud.delete(client, contact, record))
    assert.are.same({ project_id = PLACE.project, email = { to = "ops@example.com" } }, client.calls[#client.calls].body)
    assert.is_nil(crud.read(client, manager, { id = made.id, place = PLACE, inputs = {} }))
  end)

  it("stops the runs of a job before it deletes the job", function()
    local job = catalogue.get "job_definition"
    local base = "/serverless-jobs/v1alpha2/regions/fr-par"
    local client = scripted {
      ["DELETE " .. base .. "/job-definitions/j1"] = { { 403, nil, "one or more job runs are still running" }, { 204 } },
      ["GET " .. base .. "/job-runs"] = {
        { job_runs = { { id = "r1", state = "running" }, { id = "r2", state = "succeeded" } } }, { job_runs = {} },
      },
      ["POST " .. base .. "/job-runs/r1/stop"] = { { id = "r1" } },
    }
    assert.is_true(crud.delete(client, job, { id = "j1", place = PLACE, inputs = {} }))
    assert.are.equal("DELETE j1, GET job-runs, POST stop, GET job-runs, DELETE j1", client.log())
  end)

  it("gives a new job its secrets", function()
    local job = catalogue.get "job_definition"
    local base = "/serverless-jobs/v1alpha2/regions/fr-par"
    local raw = { id = "j1", name = "j", memory_limit = 2048.0, cpu_limit = 1120.0, local_storage_capacity = 1000.0, image_uri = "i",
      environment_variables = {}, job_timeout = "86400s", description = "" }
    local secret = { secret_id = "x1", secret_manager_id = "s1", secret_manager_version = "latest", env_var = { name = "TOKEN" } }
    local client = scripted { ["POST " .. base .. "/job-definitions"] = { raw }, ["GET " .. base .. "/job-definitions/j1"] = { raw },
      ["GET " .. base .. "/secrets"] = { { secrets = {} }, { secrets = {} }, { secrets = { secret } } },
      ["POST " .. base .. "/secrets"] = { {} } }
    local values = schema.defaults(job, { name = "j", image = "i", secrets = { { secret = "s1", env = "TOKEN" } } })
    local result = assert(crud.create(client, job, values, PLACE))
    local sent
    for _, call in ipairs(client.calls) do
      if call.method == "POST" and call.path == base .. "/secrets" then sent = call.body end
    end
    assert.are.same({ job_definition_id = "j1", secrets = { { secret_manager_id = "s1", secret_manager_version = "latest",
      env_var_name = "TOKEN" } } }, sent)
    assert.are.same({}, schema.diff(job, values, values, result.fields))
  end)

  it("keeps values without a service in the state alone", function()
    local value = catalogue.get "value"
    local result = assert(crud.create({}, value, { input = { a = 1 } }, {}))
    assert.are.same({ a = 1 }, result.outputs.output)
    local record = { id = result.id, inputs = { input = { a = 1 } }, outputs = result.outputs }
    assert.are.same({ a = 1 }, crud.read({}, value, record).fields.input)
    assert.are.equal(2, crud.update({}, value, record, { input = 2 }, {}).outputs.output)
    assert.is_true(crud.delete({}, value, record))
  end)
end)
