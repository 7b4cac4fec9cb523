--- The words resource types are written in. A type file returns `schema.type { … }`; everything else (validation, diff,
--- wire format, waits, docs, editor types, the emulator) reads the type object described here.
local words = require "scw.schema.words"
local shape = require "scw.schema.shape"
local check = require "scw.schema.check"
local complete = require "scw.schema.complete"
local difference = require "scw.schema.difference"

---@class scw.schema.Field
---@field name string
---@field kind "str"|"int"|"float"|"bool"|"list"|"set"|"map"|"object"|"ref"|"any"|"duration"|"size"
---@field doc? string
---@field required? boolean
---@field default? any what the service fills in when nothing is sent
---@field computed? boolean the service decides when nothing is asked for: never a difference then
---@field file? boolean it names a file that is read while applying
---@field replace? true|"presence"|"decrease"|"off" which changes force a replacement: all; set or unset; smaller; true to false
---@field secret? boolean never readable, printed or stored: compared by fingerprint (maps: by key and fingerprint)
---@field secret_twin? string in a field that is not secret: the field to use for secrets instead
---@field wire { create: string[]|false, update: string[]|false, read: string[]|false } path of names in each body
---@field update? string name of the action that changes it, instead of the ordinary update call
---@field after_create? boolean not accepted by the create call: sent by an update once the resource is ready
---@field create_only? boolean an argument of the create call: never read, never compared
---@field local_only? boolean never sent; compared with what was asked for last time
---@field of? scw.schema.Field elements of list, set, map
---@field fields? table<string, scw.schema.Field> of an object
---@field order? string[] names of `fields`, sorted
---@field one_of? string[] of an object: exactly one of these is set
---@field fill? { wire: string, value: table, unless: string } of an object: constant part of the body
---@field to? string of a ref: the type it points to
---@field attribute? string of a ref: which attribute of the handle it takes ("id")
---@field pairs? { [1]: string, [2]: string } of a map: travels as a list of objects with these two names
---@field keep? boolean of a secret map: an update sends "" for values that stay
---@field additional? boolean of a set or map: the service adds elements of its own
---@field pick? string[] of a list or set: answers hold objects, the element is the value at this path
---@field clear? any what an update sends when the field is no longer set
---@field otherwise? string[] of an output: second place to look
---@field follows? string[] of an output: fields whose change may change it; otherwise an update leaves it alone
---@field once? boolean of an output: only in the answer to the creation
---@field fetch? string of a secret output: path that gives it, read only while applying
---@field placement? boolean region, zone, project, organization: part of the record's place

---@class scw.schema.Call
---@field method string
---@field path string template: {region} {zone} {project} {organization} {id} {any field}
---@field carry? string[] fields sent with every such call
---@field body? table constant body
---@field retry? { status: integer, message?: string }[] answers that settle by themselves

---@class scw.schema.Action
---@field name string what the `update` of fields names
---@field method string
---@field path string
---@field body? table constant part
---@field each? boolean one call per field, each followed by a wait until ready
---@field order? string[] of the fields, with `each`
---@field on? string a switch: path to call when the field became true …
---@field off? string … and when it became false
---@field add? scw.schema.Call members: one call per new element ("{member}" in its body) …
---@field remove? scw.schema.Call … and one per element that goes ("{member}" in its path)
---@field member_id? string name of the identifier in a member's answer

---@class scw.schema.Api
---@field path string collection
---@field item string one resource
---@field id string name in the answer, or a template of fields ("{instance}/{name}")
---@field list { path: string, field: string, query: table<string,string>, partial?: boolean }
---@field create scw.schema.Call
---@field update scw.schema.Call|false
---@field read scw.schema.Call|"list"|"whole" whole: the list itself is the resource (a set of rules)
---@field delete scw.schema.Call|false
---@field parts { path: string, query: table, field: string, paged?: false }[] further lists that belong to the answer, under `field`

---@class scw.schema.Type
---@field name string
---@field summary string
---@field product string folder and name in permission and serialisation keys
---@field locality "region"|"zone"|"global"
---@field scope "project"|"organization"|"parent" what the create call names as the owner
---@field api? scw.schema.Api none for a driver
---@field fields table<string, scw.schema.Field> including placement fields
---@field order string[] names of `fields`, sorted
---@field outputs table<string, scw.schema.Field>
---@field output_order string[]
---@field actions scw.schema.Action[] special update calls, in the order they are made
---@field ready? { field: string, ok: string[], failed: string[], reason?: string, timeout: string, poll: string, expected: string }
---@field gone { field?: string, values?: any[], timeout: string, poll: string, linger?: string } tombstone: field in values, or
---set at all; `linger`: how long a deletion still waits for the real end
---@field serial? string calls with the same value of this field run one at a time ("id": of the resource itself)
---@field settle? string ref field whose resource has to be ready again after each call
---@field stop? table what to end before a delete: { list, states, action }
---@field identity string[] fields that name it among its siblings, for adoption
---@field managed? "ordinary" what its answers call managed is not the service's own: it can be adopted
---@field ambiguous? boolean siblings may be alike: one is only found by its identity and the time it was made
---@field holds_data? boolean replacement and deletion lose data
---@field create_first? boolean a replacement is made before the old one goes
---@field rules { [1]: string, [2]: fun(fields: table): boolean }[]
---@field one_of string[][] fields of which exactly one is set
---@field permissions { refresh: string[], apply: string[] }
---@field import_id string template
---@field driver? "object_storage"|"local"
---@field eventual? integer seconds during which a new resource may still answer 404

local schema = {}

for kind in next, words.particular do schema[kind] = words.constructor(kind) end

--- Makes a type object; wrong words raise.
---@param declaration table
---@return scw.schema.Type
function schema.type(declaration)
  return shape.type(declaration)
end

--- What is wrong with the fields of a declaration. References and unknown values may stand anywhere.
---@param type scw.schema.Type
---@param fields table
---@param place? table region, zone, project, organization
---@return { path: string, message: string, hint?: string }[] problems
---@return { path: string, message: string, hint?: string }[] warnings
function schema.check(type, fields, place)
  return check.fields(type, fields, place)
end

--- The fields with defaults filled in and every value in its one spelling.
---@param type scw.schema.Type
---@param fields table
---@return table
function schema.defaults(type, fields)
  return complete.fields(type, fields)
end

---@class scw.schema.Change
---@field path string "name", "environment_variables.LOG_LEVEL", "liveness_probe.http.path"
---@field field string first part of the path
---@field old any
---@field new any may contain scw.unknown; secrets are fingerprints
---@field secret? boolean print neither value
---@field replace? boolean
---@field action? string

--- What has to change. All values are completed ones (`schema.defaults`); secrets are fingerprints.
---@param type scw.schema.Type
---@param desired table
---@param prior table|nil what was asked for at the last apply
---@param actual table|nil what `crud.read` found; nil: believe `prior`
---@return scw.schema.Change[]
function schema.diff(type, desired, prior, actual)
  return difference.changes(type, desired, prior, actual)
end

return schema
