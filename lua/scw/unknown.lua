--- The value of something that is known only after apply. A unique table: compare with `==`.
--- Contagious: whatever is made from it is unknown too. Encodes as {"$unknown":true}.
local unknown = setmetatable({ ["$unknown"] = true }, {
  __name = "scw.unknown",
  __newindex = function() error("the unknown value cannot be changed", 2) end,
  __tostring = function() return "(known after apply)" end,
})

return unknown
