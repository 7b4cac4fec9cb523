local caller = require "tests.lua.emulator.caller"
local core = require "core"
local json = require "scw.json"

local ZONE = "/instance/v1/zones/fr-par-1"
local SERVERS = ZONE .. "/servers"
local INTERFACES = "/instance/v2alpha1/zones/fr-par-1/private-network-interfaces"
local VOLUMES = "/block/v1/zones/fr-par-1/volumes"
local NETWORKS = "/vpc/v2/regions/fr-par/private-networks"

local function image(call, kind)
  local status, body = call("GET", "/marketplace/v2/local-images?image_label=ubuntu_noble&arch=x86_64&zone=fr-par-1&type=" .. kind)
  assert.are.equal(200, status)
  assert.are.equal(1, body.total_count)
  return body.local_images[1].id
end

local function make(call, fields)
  local body = { name = "s", commercial_type = "PLAY2-MICRO", image = image(call, "instance_sbs") }
  for name, value in next, fields or {} do body[name] = value end
  local status, made = call("POST", SERVERS, body)
  assert.are.equal(201, status, json.encode(made))
  return made.server, SERVERS .. "/" .. made.server.id
end

local function act(call, path, action)
  return (call("POST", path .. "/action", { action = action }))
end

describe("servers", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("start, stop and end through their actions", function()
    local server, path = make(call)
    assert.are.equal("stopped", server.state)
    assert.are.same({ "poweron", "backup" }, server.allowed_actions)
    assert.are.equal(json.null, server.location)
    assert.are.equal(412, act(call, path, "poweroff"))
    for _, step in ipairs { { "poweron", "running" }, { "stop_in_place", "stopped in place" }, { "poweron", "running" },
      { "reboot", "running" }, { "poweroff", "stopped" }, { "poweron", "running" } } do
      local status, body = call("POST", path .. "/action", { action = step[1] })
      assert.are.equal(202, status)
      assert.are.equal("pending", body.task.status)
      local _, read = call("GET", path)
      assert.are.equal(step[2], read.server.state)
      assert.are.equal(step[2] == "stopped", read.server.location == json.null)
    end
    assert.are.equal(412, (call("DELETE", path)))
    assert.are.equal(202, act(call, path, "terminate"))
    local status, gone = call("GET", path)
    assert.are.equal(404, status)
    assert.are.equal("instance_server", gone.resource)
  end)

  it("refuse what cannot be done while they pass, and say how far they are", function()
    local slow, ask = caller.new { speed = 1 }
    local _, path = make(ask)
    assert.are.equal(202, act(ask, path, "poweron"))
    local status, body = ask("POST", path .. "/action", { action = "poweroff" })
    assert.are.equal(409, status)
    assert.are.equal("starting", body.current_state)
    slow.clock.base = slow.clock.base + 6
    local _, read = ask("GET", path)
    assert.are.equal("running", read.server.state)
    assert.are.equal("booting kernel", read.server.state_detail)
    slow.clock.base = slow.clock.base + 31
    _, read = ask("GET", path)
    assert.are.equal("booted", read.server.state_detail)
  end)

  it("hold a block volume that outlives them", function()
    local server, path = make(call)
    local volume = server.volumes["0"]
    assert.are.equal("sbs_volume", volume.volume_type)
    assert.are.equal(404, (call("GET", ZONE .. "/volumes/" .. volume.id)))
    local _, held = call("GET", VOLUMES .. "/" .. volume.id)
    assert.are.equal("in_use", held.status)
    assert.are.equal(server.id, held.references[1].product_resource_id)
    assert.are.equal(412, (call("DELETE", VOLUMES .. "/" .. volume.id)))
    act(call, path, "poweron")
    act(call, path, "terminate")
    _, held = call("GET", VOLUMES .. "/" .. volume.id)
    assert.are.equal("available", held.status)
    assert.are.same({}, held.references)
    assert.are.equal(204, (call("DELETE", VOLUMES .. "/" .. volume.id)))
    assert.are.same({}, emulator:stats().objects)
  end)

  it("take their local volumes with them only when they are terminated", function()
    local fields = { commercial_type = "DEV1-S", image = image(call, "instance_local") }
    local server, path = make(call, fields)
    local volume = server.volumes["0"]
    assert.are.equal("l_ssd", volume.volume_type)
    assert.are.equal(20000000000, volume.size)
    assert.are.equal(server.id, volume.server.id)
    local at = ZONE .. "/volumes/" .. volume.id
    assert.are.equal(412, (call("DELETE", at)))
    assert.are.equal(204, (call("DELETE", path)))
    local _, kept = call("GET", at)
    assert.are.equal(json.null, kept.volume.server)
    assert.are.equal(204, (call("DELETE", at)))

    server, path = make(call, fields)
    act(call, path, "poweron")
    act(call, path, "terminate")
    assert.are.equal(404, (call("GET", ZONE .. "/volumes/" .. server.volumes["0"].id)))
  end)

  it("refuse types, images and volumes that do not fit", function()
    local function refused(status, fields, argument)
      local body = { name = "s", commercial_type = "DEV1-S", image = image(call, "instance_local") }
      for name, value in next, fields do body[name] = value end
      local got, answer = call("POST", SERVERS, body)
      assert.are.equal(status, got)
      if argument then assert.are.equal(argument, answer.details[1].argument_name) end
    end
    refused(400, { commercial_type = "NONE-S" }, "commercial_type")
    refused(400, { commercial_type = "BASIC2-A2C-4G" }, "image")
    refused(400, { volumes = { ["0"] = { size = 30000000000, volume_type = "l_ssd" } } }, "volumes")
    refused(400, { volumes = { ["1"] = {} } }, "volumes.1.size")
    refused(404, { image = core.uuid() })
    refused(404, { security_group = core.uuid() })
    refused(404, { public_ips = { core.uuid() } })
    assert.are.same({}, emulator:stats().objects)
  end)

  it("change their type only while they are stopped", function()
    local _, path = make(call)
    act(call, path, "poweron")
    assert.are.equal(412, (call("PATCH", path, { commercial_type = "PLAY2-NANO" })))
    act(call, path, "poweroff")
    local status, body = call("PATCH", path, { commercial_type = "PLAY2-NANO", name = "t" })
    assert.are.equal(200, status)
    assert.are.equal("PLAY2-NANO", body.server.commercial_type)
    assert.are.equal("t", body.server.name)
  end)

  it("stay when they are protected", function()
    local _, path = make(call, { protected = true })
    assert.are.equal(412, (call("DELETE", path)))
    act(call, path, "poweron")
    assert.are.equal(412, act(call, path, "terminate"))
    call("PATCH", path, { protected = false })
    assert.are.equal(202, act(call, path, "terminate"))
  end)

  it("are listed a page at a time, with the total in a header", function()
    for index = 1, 3 do make(call, { name = "s" .. index, tags = index == 2 and { "a", "b" } or nil }) end
    local reply = emulator:handle { method = "GET", path = SERVERS, query = "per_page=2&page=2", body = "",
      headers = { ["x-auth-token"] = emulator.credentials.own.secret_key } }
    assert.are.equal("3", reply.headers["x-total-count"])
    assert.are.equal(1, #reply.body.servers)
    assert.are.equal("s3", reply.body.servers[1].name)
    local _, body = call("GET", SERVERS .. "?tags=a,b&project=" .. emulator.project_id)
    assert.are.equal(1, #body.servers)
    _, body = call("GET", "/instance/v1/zones/fr-par-2/servers")
    assert.are.same({ servers = {} }, body)
  end)

  it("keep their project from being deleted", function()
    local _, project = call("POST", "/account/v3/projects", { name = "p", organization_id = emulator.organization_id })
    local _, path = make(call, { project = project.id })
    assert.are.equal(412, (call("DELETE", "/account/v3/projects/" .. project.id)))
    local _, read = call("GET", path)
    assert.are.equal(204, (call("DELETE", path)))
    call("DELETE", VOLUMES .. "/" .. read.server.volumes["0"].id)
    assert.are.equal(204, (call("DELETE", "/account/v3/projects/" .. project.id)))
  end)

  it("keep user data as it was given", function()
    local _, path = make(call)
    local function ask(method, key, text)
      return emulator:handle { method = method, path = path .. "/user_data/" .. key, query = "", body = text or "",
        headers = { ["x-auth-token"] = emulator.credentials.own.secret_key, ["content-type"] = "text/plain" } }
    end
    local _, body = call("GET", path .. "/user_data")
    assert.are.same({}, body.user_data)
    assert.are.equal(404, ask("GET", "cloud-init").status)
    assert.are.equal(204, ask("PATCH", "cloud-init", "#cloud-config\n{").status)
    assert.are.equal("#cloud-config\n{", ask("GET", "cloud-init").body)
    assert.are.equal(400, ask("PATCH", "cloud-init", ("x"):rep(127999)).status)
    _, body = call("GET", path .. "/user_data")
    assert.are.same({ "cloud-init" }, body.user_data)
    assert.are.equal(204, ask("DELETE", "cloud-init").status)
    assert.are.equal(404, ask("GET", "cloud-init").status)
    act(call, path, "poweron")
    assert.matches("SHA256:", ask("GET", "ssh-host-fingerprints").body)
  end)
end)

describe("interfaces to private networks", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("keep a network until they are gone, and book an address of each family", function()
    local server, path = make(call)
    local _, network = call("POST", NETWORKS, { name = "n" })
    local status, made = call("POST", INTERFACES, { private_network_id = network.id, server_id = server.id })
    assert.are.equal(200, status)
    assert.are.equal("attaching", made.status)
    assert.are.equal(2, #made.ip_ids)
    local _, ips = call("GET", "/ipam/v1/regions/fr-par/ips?resource_type=instance_private_nic&resource_id=" .. made.id)
    assert.are.equal(2, ips.total_count)
    assert.are.equal(made.mac_address:upper(), ips.ips[1].resource.mac_address)
    assert.are_not.equal(ips.ips[1].is_ipv6, ips.ips[2].is_ipv6)
    local _, read = call("GET", path)
    assert.are.equal("available", read.server.private_nics[1].state)
    assert.are.equal(409, (call("POST", INTERFACES, { private_network_id = network.id, server_id = server.id })))

    status = call("DELETE", NETWORKS .. "/" .. network.id)
    assert.are.equal(412, status)
    assert.are.equal(204, (call("DELETE", INTERFACES .. "/" .. made.id)))
    local gone, body = call("GET", INTERFACES .. "/" .. made.id)
    assert.are.equal(404, gone)
    assert.are.equal("instance_private_nic", body.resource)
    assert.are.equal(204, (call("DELETE", NETWORKS .. "/" .. network.id)))
  end)

  it("go with their server", function()
    local server, path = make(call)
    local _, network = call("POST", NETWORKS, { name = "n" })
    call("POST", INTERFACES, { private_network_id = network.id, server_id = server.id })
    act(call, path, "poweron")
    act(call, path, "terminate")
    assert.are.equal(204, (call("DELETE", NETWORKS .. "/" .. network.id)))
    assert.are.same({ block_volume = 1, vpc = nil }, emulator:stats().objects)
  end)

  it("take addresses that were booked, and leave them booked", function()
    local server = make(call)
    local _, network = call("POST", NETWORKS, { name = "n" })
    local _, ip = call("POST", "/ipam/v1/regions/fr-par/ips", { source = { private_network_id = network.id } })
    local at = "/ipam/v1/regions/fr-par/ips/" .. ip.id
    local _, made = call("POST", INTERFACES, { private_network_id = network.id, server_id = server.id, ip_ids = { ip.id } })
    assert.are.same({ ip.id }, made.ip_ids)
    assert.are.equal(412, (call("DELETE", at)))
    call("DELETE", INTERFACES .. "/" .. made.id)
    local _, read = call("GET", at)
    assert.are.equal(json.null, read.resource)
    assert.are.equal(204, (call("DELETE", at)))
  end)

  it("are the same ones in the first version", function()
    local server, path = make(call)
    local _, network = call("POST", NETWORKS, { name = "n" })
    local status, made = call("POST", path .. "/private_nics", { private_network_id = network.id, tags = { "a" } })
    assert.are.equal(201, status)
    local id = made.private_nic.id
    assert.are.equal(server.id, made.private_nic.server_id)
    local _, read = call("GET", INTERFACES .. "/" .. id)
    assert.are.same({ "a" }, read.tags)
    local _, listed = call("GET", path .. "/private_nics")
    assert.are.equal(1, #listed.private_nics)
    local _, other = make(call, { name = "other" })
    assert.are.equal(404, (call("GET", other .. "/private_nics/" .. id)))
    local _, changed = call("PATCH", path .. "/private_nics/" .. id, { tags = { "b" } })
    assert.are.same({ "b" }, changed.tags)
    assert.are.equal(204, (call("DELETE", path .. "/private_nics/" .. id)))
    assert.are.equal(404, (call("GET", path .. "/private_nics/" .. id)))
  end)

  it("refuse networks of another region and servers that are not there", function()
    local server = make(call)
    local _, far = call("POST", "/vpc/v2/regions/nl-ams/private-networks", { name = "n" })
    assert.are.equal(404, (call("POST", INTERFACES, { private_network_id = far.id, server_id = server.id })))
    local _, near = call("POST", NETWORKS, { name = "n" })
    assert.are.equal(404, (call("POST", INTERFACES, { private_network_id = near.id, server_id = core.uuid() })))
  end)
end)

describe("public addresses", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("are attached and outlive their server", function()
    local status, made = call("POST", ZONE .. "/ips", { project = emulator.project_id })
    assert.are.equal(201, status)
    assert.are.equal("routed_ipv4", made.ip.type)
    assert.are.equal("detached", made.ip.state)
    local at = ZONE .. "/ips/" .. made.ip.id
    local server, path = make(call, { public_ips = { made.ip.id } })
    assert.are.equal(made.ip.address, server.public_ip.address)
    assert.is_false(server.public_ip.dynamic)
    local _, read = call("GET", at)
    assert.are.equal("attached", read.ip.state)
    assert.are.equal(server.id, read.ip.server.id)
    local other = make(call, { name = "other" })
    assert.are.equal(412, (call("PATCH", at, { server = other.id })))
    call("DELETE", path)
    _, read = call("GET", at)
    assert.are.equal(json.null, read.ip.server)
    _, read = call("PATCH", at, { server = other.id, tags = { "x" } })
    assert.are.equal(other.id, read.ip.server.id)
    _, read = call("PATCH", at, { server = json.null })
    assert.are.equal("detached", read.ip.state)
    assert.are.equal(204, (call("DELETE", at)))
    assert.are.equal(404, (call("GET", at)))
  end)

  it("are lent to running servers that ask", function()
    local _, path = make(call, { dynamic_ip_required = true })
    act(call, path, "poweron")
    local _, read = call("GET", path)
    assert.is_true(read.server.public_ip.dynamic)
    act(call, path, "poweroff")
    _, read = call("GET", path)
    assert.are.equal(json.null, read.server.public_ip)
    local _, listed = call("GET", ZONE .. "/ips")
    assert.are.same({ ips = {} }, listed)
  end)
end)

describe("the catalogue of servers", function()
  it("has pages of types by their names", function()
    local emulator, call = caller.new()
    local _, first = call("GET", ZONE .. "/products/servers?per_page=100")
    local _, second = call("GET", ZONE .. "/products/servers?per_page=100&page=2")
    assert.are.equal(4, first.servers["PLAY2-MICRO"].ncpus)
    assert.are.equal(8589934592, first.servers["PLAY2-MICRO"].ram)
    assert.are.equal("L4", first.servers["L4-2-24G"].gpu_info.gpu_name)
    assert.is_nil(second.servers["PLAY2-MICRO"])
    assert.is_true(second.servers["VC1S"].end_of_service)
    assert.is_not_nil(emulator)
  end)
end)
