local caller = require "tests.lua.emulator.caller"

local REGION = "/vpc/v2/regions/fr-par"
local VPCS, NETWORKS, ROUTES = REGION .. "/vpcs", REGION .. "/private-networks", REGION .. "/routes"

describe("VPCs", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("are always routed, and there is a default one", function()
    local _, made = call("POST", VPCS, { name = "v", enable_routing = false, enable_transitivity = true })
    assert.is_true(made.routing_enabled)
    assert.is_true(made.transitivity_enabled)
    assert.are.equal(0, made.private_network_count)
    local _, body = call("GET", VPCS .. "?is_default=true")
    assert.are.equal(1, body.total_count)
    assert.are.equal("default", body.vpcs[1].name)
    assert.are.equal(412, (call("DELETE", VPCS .. "/" .. body.vpcs[1].id)))
    assert.are.same({ vpc = 1 }, emulator:stats().objects)
  end)

  it("stay while they have networks", function()
    local _, made = call("POST", VPCS, { name = "v" })
    local _, network = call("POST", NETWORKS, { name = "n", vpc_id = made.id })
    local status, body = call("DELETE", VPCS .. "/" .. made.id)
    assert.are.equal(412, status)
    assert.are.equal("resource_still_in_use", body.precondition)
    assert.are.equal(204, (call("DELETE", NETWORKS .. "/" .. network.id)))
    assert.are.equal(204, (call("DELETE", VPCS .. "/" .. made.id)))
  end)

  it("read rules back with a prefix, one set a family of addresses", function()
    local _, made = call("POST", VPCS, { name = "v" })
    local path = VPCS .. "/" .. made.id .. "/acl-rules"
    call("PUT", path, { rules = { { protocol = "TCP", description = "web", dst_port_low = 80, dst_port_high = 80 } },
      default_policy = "drop", is_ipv6 = false })
    local _, body = call("GET", path .. "?is_ipv6=false")
    assert.are.equal("drop", body.default_policy)
    assert.are.equal("(Rule scope: client) web", body.rules[1].description)
    _, body = call("GET", path .. "?is_ipv6=true")
    assert.are.same({ default_policy = "accept", rules = {} }, body)
  end)
end)

describe("private networks", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("choose ranges that are free", function()
    local _, a = call("POST", NETWORKS, { name = "a" })
    local _, b = call("POST", NETWORKS, { name = "b" })
    assert.are.equal("172.16.0.0/22", a.subnets[1].subnet)
    assert.are.equal("172.16.4.0/22", b.subnets[1].subnet)
    assert.matches("^fd%x%x:%x+:%x+:%x+::/64$", a.subnets[2].subnet)
    assert.are.equal(a.vpc_id, b.vpc_id)
  end)

  it("take the ranges asked for when nothing overlaps", function()
    local _, made = call("POST", NETWORKS, { name = "a", subnets = { "10.42.0.0/22" } })
    assert.are.equal("10.42.0.0/22", made.subnets[1].subnet)
    assert.are.equal(2, #made.subnets)
    assert.are.equal(400, (call("POST", NETWORKS, { name = "b", subnets = { "10.42.2.0/24" } })))
    assert.are.equal(400, (call("POST", NETWORKS, { name = "b", subnets = { "10.43.0.1/22" } })))
    assert.are.equal(400, (call("POST", NETWORKS, { name = "b", subnets = { "office" } })))
  end)

  it("stay while a container or a booked address is in them", function()
    local _, network = call("POST", NETWORKS, { name = "n" })
    local spaces = "/containers/v1/regions/fr-par/namespaces"
    local _, space = call("POST", spaces, { name = "s" })
    call("GET", spaces .. "/" .. space.id)
    local containers = "/containers/v1/regions/fr-par/containers"
    local _, web = call("POST", containers, { namespace_id = space.id, name = "web", image = "x", private_network_id = network.id })
    assert.are.equal(412, (call("DELETE", NETWORKS .. "/" .. network.id)))
    call("GET", containers .. "/" .. web.id)
    call("PATCH", containers .. "/" .. web.id, { private_network_id = "" })
    local _, now = call("GET", containers .. "/" .. web.id)
    assert.is_nil(now.private_network_id)
    local ips = "/ipam/v1/regions/fr-par/ips"
    local _, ip = call("POST", ips, { source = { private_network_id = network.id } })
    assert.are.equal("172.16.0.2/22", ip.address)
    assert.are.equal(412, (call("DELETE", NETWORKS .. "/" .. network.id)))
    local _, listed = call("GET", ips .. "?private_network_id=" .. network.id .. "&attached=false")
    assert.are.equal(1, listed.total_count)
    assert.are.equal(204, (call("DELETE", ips .. "/" .. ip.id)))
    assert.are.equal(204, (call("DELETE", NETWORKS .. "/" .. network.id)))
    local status, body = call("GET", NETWORKS .. "/" .. network.id)
    assert.are.equal(404, status)
    assert.are.equal("private_network", body.resource)
    assert.is_nil(emulator:stats().objects.private_network)
  end)

  it("are reached by managed routes beside the user's own", function()
    local _, network = call("POST", NETWORKS, { name = "n" })
    local status, route = call("POST", ROUTES, { vpc_id = network.vpc_id, destination = "10.1.0.0/24",
      nexthop_private_network_id = network.id, tags = { "x" } })
    assert.are.equal(200, status)
    local _, body = call("GET", REGION .. "/routes-with-nexthop?vpc_id=" .. network.vpc_id)
    assert.are.equal(3, body.total_count)
    assert.is_true(body.routes[1].route.is_read_only)
    assert.are.equal(route.id, body.routes[3].route.id)
    assert.are.equal(400, (call("POST", ROUTES, { vpc_id = network.vpc_id, destination = "10.1.0.0/24" })))
    call("DELETE", ROUTES .. "/" .. route.id)
    local gone, missing = call("GET", ROUTES .. "/" .. route.id)
    assert.are.equal(404, gone)
    assert.are.equal("unknown", missing.resource)
  end)
end)

describe("public gateways", function()
  local emulator, call
  before_each(function() emulator, call = caller.new() end)

  it("hold the networks they are attached to, and an address in each", function()
    local zone = "/vpc-gw/v2/zones/fr-par-2"
    local _, network = call("POST", NETWORKS, { name = "n" })
    local _, gateway = call("POST", zone .. "/gateways", { name = "g", type = "VPC-GW-S" })
    assert.are.equal("allocating", gateway.status)
    assert.matches("^51%.", gateway.ipv4.address)
    call("GET", zone .. "/gateways/" .. gateway.id)
    local _, attached = call("POST", zone .. "/gateway-networks", { gateway_id = gateway.id, private_network_id = network.id,
      enable_masquerade = true, push_default_route = true })
    assert.are.equal("created", attached.status)
    assert.is_nil(attached.mac_address)
    local _, now = call("GET", zone .. "/gateways/" .. gateway.id)
    assert.are.equal("running", now.status)
    assert.matches("^02:00:00:", now.gateway_networks[1].mac_address)
    assert.are.equal(412, (call("DELETE", NETWORKS .. "/" .. network.id)))
    local _, ips = call("GET", "/ipam/v1/regions/fr-par/ips?resource_type=vpc_gateway_network&resource_id=" .. attached.id)
    assert.are.equal(attached.ipam_ip_id, ips.ips[1].id)
    local _, gone = call("DELETE", zone .. "/gateway-networks/" .. attached.id)
    assert.are.equal("detaching", gone.status)
    call("DELETE", zone .. "/gateways/" .. gateway.id)
    call("GET", zone .. "/gateways/" .. gateway.id)
    assert.are.equal(204, (call("DELETE", NETWORKS .. "/" .. network.id)))
    assert.are.same({}, emulator:stats().objects)
  end)

  it("take no second network while they are being configured", function()
    local slow, slow_call = caller.new { speed = 0.001 }
    local zone = "/vpc-gw/v2/zones/fr-par-1"
    local _, network = slow_call("POST", NETWORKS, { name = "n" })
    local _, gateway = slow_call("POST", zone .. "/gateways", { name = "g", type = "VPC-GW-S" })
    local status, body = slow_call("POST", zone .. "/gateway-networks", { gateway_id = gateway.id, private_network_id = network.id })
    assert.are.equal(409, status)
    assert.are.equal("allocating", body.current_state)
    slow:close()
  end)
end)
