--- Marketplace v2: the images servers start from. One image has a local image for each zone, architecture and kind of root
--- volume; their ids never change.
local answer = require "scw.emulator.answer"
local core = require "core"
local instance_types = require "scw.emulator.instance_types"
local json = require "scw.json"
local listing = require "scw.emulator.listing"

local marketplace = {}

local PUBLISHED = "2026-05-12T15:19:54.934113Z"
local BOTH, X86 = { "x86_64", "arm64" }, { "x86_64" }

-- label, name, architectures
local IMAGES = {
  { "almalinux_9", "AlmaLinux 9", BOTH }, { "almalinux_10", "AlmaLinux 10", BOTH },
  { "centos_stream_9", "CentOS Stream 9", BOTH }, { "debian_bullseye", "Debian Bullseye", BOTH },
  { "debian_bookworm", "Debian Bookworm", BOTH }, { "debian_trixie", "Debian Trixie", BOTH },
  { "docker", "Docker", BOTH }, { "fedora_41", "Fedora 41", BOTH }, { "fedora_42", "Fedora 42", BOTH },
  { "gitlab", "GitLab", X86 }, { "nextcloud", "Nextcloud", X86 }, { "openvpn", "openvpn", X86 },
  { "rockylinux_9", "Rocky Linux 9", BOTH }, { "rockylinux_10", "Rocky Linux 10", BOTH },
  { "ubuntu_focal", "Ubuntu 20.04 Focal Fossa", BOTH }, { "ubuntu_jammy", "Ubuntu 22.04 Jammy Jellyfish", BOTH },
  { "ubuntu_noble", "Ubuntu 24.04 Noble Numbat", BOTH }, { "wordpress", "WordPress", X86 },
}

local ZONES = {
  "fr-par-1", "fr-par-2", "fr-par-3", "it-mil-1", "nl-ams-1", "nl-ams-2", "nl-ams-3", "pl-waw-1", "pl-waw-2", "pl-waw-3",
}

--- An id that follows from what it names.
---@param ... string
---@return string
function marketplace.identify(...)
  local digits = core.hex(core.digest("md5", table.concat({ ... }, " ")))
  return ("%s-%s-4%s-a%s-%s"):format(digits:sub(1, 8), digits:sub(9, 12), digits:sub(14, 16), digits:sub(18, 20), digits:sub(21, 32))
end

local images, local_images, by_id = {}, {}, {}

local function add_local(image, zone, arch, kind)
  local id = marketplace.identify("local image", zone, image.label, arch, kind)
  local body = {
    id = id, arch = arch, zone = zone, label = image.label, type = kind,
    compatible_commercial_types = instance_types.compatible(arch, kind == "instance_local"),
  }
  local record = { id = id, sequence = #local_images, body = body, image_id = image.id, name = image.name }
  local_images[#local_images + 1], by_id[id] = record, record
end

for index, row in ipairs(IMAGES) do
  local label, name, architectures = table.unpack(row)
  local image = {
    id = marketplace.identify("image", label), label = label, name = name, description = name, logo = "",
    categories = json.array { "distribution" }, created_at = PUBLISHED, updated_at = PUBLISHED, valid_until = json.null,
  }
  images[index] = { id = image.id, sequence = index, body = image }
  for _, zone in ipairs(ZONES) do
    for _, arch in ipairs(architectures) do
      add_local(image, zone, arch, "instance_local")
      add_local(image, zone, arch, "instance_sbs")
    end
  end
end

--- A local image of a zone as servers show it, and its kind; nil when there is none.
---@param zone string
---@param id string
---@return table|nil image
---@return string|nil kind "instance_local" | "instance_sbs"
function marketplace.image(zone, id)
  local record = by_id[id]
  if not record or record.body.zone ~= zone then return nil end
  local is_local = record.body.type == "instance_local"
  local owner, published = marketplace.identify "owner of images", PUBLISHED:gsub("Z$", "+00:00")
  return {
    id = id, name = record.name, arch = record.body.arch, zone = zone, state = "available", public = true, from_server = "",
    organization = owner, project = owner, creation_date = published, modification_date = published,
    default_bootscript = json.null, extra_volumes = {}, tags = json.array {},
    root_volume = {
      id = marketplace.identify("root volume", id), name = is_local and record.name or "",
      size = is_local and 10000000000 or 0, volume_type = is_local and "l_ssd" or "sbs_snapshot",
    },
  }, record.body.type
end

local function iterate(list)
  local at = 0
  return function()
    at = at + 1
    return list[at]
  end
end

local function list_of(name, list, filters)
  return function(call)
    local query = call.query
    local page, total = listing.page(iterate(list), query, filters)
    local shown = {}
    for index, record in ipairs(page) do shown[index] = record.body end
    return answer.reply(200, { [name] = json.array(shown), total_count = total })
  end
end

local function one_of(noun, list)
  return function(call)
    for record in iterate(list) do
      if record.id == call.parameters.id then return answer.reply(200, record.body) end
    end
    return answer.not_found(noun, call.parameters.id)
  end
end

marketplace.routes = {
  ["GET /marketplace/v2/images"] = list_of("images", images, {
    arch = false, category = false, include_eol = false,
  }),
  ["GET /marketplace/v2/images/{id}"] = one_of("image", images),
  ["GET /marketplace/v2/local-images"] = list_of("local_images", local_images, {
    image_label = function(record, value) return record.body.label == value end, version_id = false,
  }),
  ["GET /marketplace/v2/local-images/{id}"] = one_of("local_image", local_images),
}

return marketplace
