std = "lua54"
max_line_length = 140
self = false
files["tests/**/*_spec.lua"] = { std = "lua54+busted" }
files["stacks/*.lua"] = { std = "lua54" }
exclude_files = { "build" }
