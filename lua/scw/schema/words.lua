--- The words fields are written in, and what each word accepts. `schema` exports one function per kind.
local words = {}

--- Options every kind of field accepts.
words.common = {
  doc = true, required = true, default = true, replace = true, secret = true, secret_twin = true, wire = true, update = true,
  computed = true, after_create = true, local_only = true, create_only = true, normalise = true, once = true, fetch = true,
  clear = true, otherwise = true, follows = true,
}

--- Options particular to a kind.
words.particular = {
  str = { enum = true, pattern = true, format = true, min = true, max = true, encoding = true, generate = true,
    forbidden = true, soft_max = true, file = true },
  int = { min = true, max = true, soft_min = true, soft_max = true, multiple = true },
  float = { min = true, max = true },
  bool = {},
  list = { of = true, min = true, max = true, pick = true },
  set = { of = true, min = true, max = true, pick = true, additional = true },
  map = { of = true, pairs = true, keep = true, key_max = true, value_max = true, max = true, reserved = true,
    additional = true },
  object = { fields = true, one_of = true, fill = true },
  ref = { to = true, attribute = true, format = true },
  any = {},
  duration = { min = true, max = true, soft_max = true },
  size = { min = true, max = true, soft_max = true, unit = true, multiple = true },
}

--- What a value of the kind is called in messages.
words.names = {
  str = "text", int = "a whole number", float = "a number", bool = "true or false", list = "a list", set = "a list",
  map = "a table of names and values", object = "a table", ref = "a resource or its id", any = "a value",
  duration = "a duration such as '5m' or '300s'", size = "a size such as '2GB', or bytes",
}

--- Short names of element kinds: `of = "string"`.
words.short = { string = "str", integer = "int", boolean = "bool", number = "float" }

---@param kind string
---@return fun(options?: table): table
function words.constructor(kind)
  return function(options)
    local field = { kind = kind }
    for name, value in next, options or {} do
      if not (words.common[name] or words.particular[kind][name]) then
        error(("a field of kind %s has no option '%s'"):format(kind, tostring(name)), 2)
      end
      field[name] = value
    end
    return field
  end
end

return words
