/* Foreign state never ends in a Lua error: documents and entries of the log, as text and as damaged real
 * ones. */
#include "engine.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

/* try(bytes): the first byte chooses. Text is read as it is; edits are groups of three bytes that put a
 * strange value into a place of a real document, or of an entry. */
static const char *const PROGRAM =
    "local json, model, form = require 'scw.json', require 'scw.state.model', require 'scw.state.form'\n"
    "local RECORD = "
    "[[{\"type\":\"net\",\"id\":\"n\",\"place\":{\"region\":\"fr-par\"},\"inputs\":{\"name\":\"n\","
    "\"key\":{\"$secret\":\"ab\"}},\"outputs\":{\"ip\":\"1\"},\"dependencies\":[\"net.b\"],\"options\":{"
    "\"protect\":true},"
    "\"status\":\"ready\",\"schema\":1,\"address\":\"net.a\"}]]\n"
    "local DOCUMENT = "
    "'{\"version\":1,\"lineage\":\"l\",\"serial\":3,\"stack\":\"s\",\"fingerprint_key\":\"abcd\",\"folded\":"
    "2,"
    "\"fence\":1,\"resources\":{\"net.a\":' .. RECORD .. '},\"intents\":{\"net.c\":' .. RECORD .. "
    "'},\"deployments\":[{\"id\":\"d\"}],"
    "\"outputs\":{\"ip\":{\"value\":1,\"secret\":false}}}'\n"
    "local ENTRIES = '[{\"op\":\"set\",\"record\":' .. RECORD .. '},{\"op\":\"intent\",\"record\":' .. "
    "RECORD .. '},"
    "{\"op\":\"created\",\"address\":\"net.c\",\"id\":\"m\",\"outputs\":{}},{\"op\":\"undepose\",\"address\":"
    "\"net.a\",\"id\":\"n\"},"
    "{\"op\":\"patch\",\"address\":\"net.a\",\"fields\":{\"status\":\"tainted\",\"reason\":null}},{\"op\":"
    "\"remove\",\"address\":\"net.a\"},"
    "{\"op\":\"move\",\"from\":\"net.c\",\"address\":\"net.d\"},{\"op\":\"outputs\",\"outputs\":{}},{\"op\":"
    "\"fence\"},"
    "{\"op\":\"abandon\",\"address\":\"net.a\"},{\"op\":\"deployment\",\"deployment\":{\"id\":\"e\"}}]'\n"
    "local STRANGE = { 'null', 'true', '0', '-1', '9223372036854775807', '1e308', '0.5', '\"\"', "
    "'\"net.a\"', '[]', '{}', '[1]',\n"
    "  '{\"a\":{}}', '\"\\\\u0000\"', '{\"$secret\":1}', '\"set\"' }\n"
    "local function places(value, list)\n"
    "  local names = {}\n"
    "  for name in next, value do names[#names + 1] = name end\n"
    "  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)\n"
    "  for _, name in ipairs(names) do\n"
    "    list[#list + 1] = { value, name }\n"
    "    if type(value[name]) == 'table' then places(value[name], list) end\n"
    "  end\n"
    "  return list\n"
    "end\n"
    "local function edit(value, bytes)\n"
    "  local all = places(value, {})\n"
    "  for at = 2, #bytes - 2, 3 do\n"
    "    local place = all[(bytes:byte(at) * 256 + bytes:byte(at + 1)) % #all + 1]\n"
    "    place[1][place[2]] = json.decode(STRANGE[bytes:byte(at + 2) % #STRANGE + 1])\n"
    "  end\n"
    "  return value\n"
    "end\n"
    "local function refused(err) assert(type(err.code) == 'string' and type(err.message) == 'string') end\n"
    "return function(bytes)\n"
    "  local kind, text = (bytes:byte(1) or 0) % 4, bytes:sub(2)\n"
    "  local document, err = json.decode(DOCUMENT)\n"
    "  if kind == 0 then document = json.decode(text) end\n"
    "  if kind == 1 then edit(document, bytes) end\n"
    "  document, err = model.unpack(document)\n"
    "  if not document then return refused(err) end\n"
    "  local entries = json.decode(kind == 2 and text or ENTRIES)\n"
    "  if kind == 3 then edit(entries, bytes) end\n"
    "  if type(entries) ~= 'table' then return end\n"
    "  for _, entry in ipairs(entries) do\n"
    "    local ok, failure = model.apply(document, entry)\n"
    "    if not ok then refused(failure) end\n"
    "    assert(not form.document(model.pack(document)), 'an entry made a document of another form')\n"
    "  end\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct engine *engine;
  struct error err = {0};
  if (!engine) {
    engine = engine_new(&err);
    if (!engine || luaL_dostring(engine_lua(engine), PROGRAM) != LUA_OK) abort();
  }
  lua_State *L = engine_lua(engine);
  lua_pushvalue(L, -1); /* the function stays on the stack */
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    (void)fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    abort();
  }
  return 0;
}
