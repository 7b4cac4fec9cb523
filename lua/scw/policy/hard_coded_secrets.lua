local reference = require "scw.dsl.reference"

--- Names that say that the value is a secret.
local SUSPICIOUS = { "PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY", "CREDENTIAL" }

local function is_suspicious(name)
  local upper = name:upper():gsub("[^%w]", "_")
  for _, word in ipairs(SUSPICIOUS) do
    if upper:find(word, 1, true) then return true end
  end
  return false
end

local check

--- A secret field wants a reference: a text stands in the stack for everybody to read.
local function check_secret(value, path, found)
  if reference.is(value) then return end
  if type(value) == "string" and value ~= "" then found(path, "is written in the stack") end
  if type(value) == "table" then
    for name, element in next, value do check_secret(element, path .. "." .. tostring(name), found) end
  end
end

function check(field, value, path, found)
  if value == nil or reference.is(value) then return end
  if field and field.secret then return check_secret(value, path, found) end
  if type(value) == "string" then
    if value:find("^[%w+]+://[^/:@%s]+:[^/@%s]+@") then found(path, "holds an address with a password") end
    if value:find("%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY") then found(path, "holds a private key") end
  elseif type(value) == "table" then
    for name, element in next, value do
      local inner = field and ((field.fields and field.fields[name]) or field.of)
      local inner_path = path .. (math.type(name) and "[" .. name .. "]" or "." .. name)
      if field and field.kind == "map" and type(name) == "string" and type(element) == "string" and element ~= ""
        and is_suspicious(name) then
        found(inner_path, "looks like a secret that is written in the stack")
      else
        check(inner, element, inner_path, found)
      end
    end
  end
end

return {
  name = "hard-coded-secrets",
  summary = "No secret is written in a stack: it is generated, or given by scw.secret_env or a secret config.",
  environments = { "production" },
  check = function(view, report)
    for _, declaration in ipairs(view.declarations) do
      local findings = {}
      for name, field in next, view:type(declaration).fields do
        check(field, declaration.fields[name], name, function(path, message)
          findings[#findings + 1] = { path, message }
        end)
      end
      table.sort(findings, function(a, b) return a[1] < b[1] end)
      for _, finding in ipairs(findings) do report(declaration, ("%s %s"):format(finding[1], finding[2])) end
    end
  end,
}
