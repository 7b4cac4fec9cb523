--- Container Registry: namespaces. Images and tags come from pushes, which the emulator does not take.
local answer = require "scw.emulator.answer"
local json = require "scw.json"

local registry = {}

local REGION = "/registry/v1/regions/{region}"

local function missing(what)
  return function() return answer.message(404, what .. " was not found") end
end

registry.resources = {
  {
    kind = "registry_namespace",
    path = REGION .. "/namespaces",
    list = "namespaces",
    fields = {
      name = { kind = "str", required = true, update = false },
      description = { kind = "str", default = "" },
      is_public = { kind = "bool", default = false },
    },
    missing = missing "Namespace",
    unique = { "name" },
    within = "region",
    body = function(call, values)
      return {
        endpoint = ("rg.%s.scw.cloud/%s"):format(call.parameters.region, values.name),
        status = "ready", status_message = "", image_count = 0, size = 0,
      }
    end,
    status = { deleting = { "deleting", 0.5 } },
  },
  {
    kind = "registry_image",
    path = REGION .. "/images",
    list = "images",
    create = false,
    delete = "object",
    fields = { visibility = { kind = "str", enum = { "inherit", "public", "private" }, create = false } },
    missing = missing "Image",
    parent = { kind = "registry_namespace", field = "namespace_id" },
    routes = {
      ["GET " .. REGION .. "/images/{image}/tags"] = function(call)
        call.emulator.resources.registry_image:need(call.parameters.image)
        return answer.reply(200, { tags = json.array {}, total_count = 0 })
      end,
      ["GET " .. REGION .. "/tags/{tag}"] = missing "Tag",
    },
  },
}

return registry
