/* YAML texts as Lua values. */
#include "../yaml.h"
#include "api.h"

#include <lauxlib.h>

/* yaml_decode(text) -> value | nil, err. Sequences are marked as arrays, null is core.null. */
static int api_yaml_decode(lua_State *L) {
  size_t length = 0;
  const char *text = luaL_checklstring(L, 1, &length);
  struct error err = {0};
  luaL_checkstack(L, 8, "out of stack");
  json_t *value = yaml_parse(text, length, &err);
  if (!value) {
    error_wrap(&err, "cannot decode YAML");
    return api_fail_error(L, &err);
  }
  return api_push_json(L, value);
}

void api_open_yaml(lua_State *L) {
  static const struct luaL_Reg functions[] = {{"yaml_decode", api_yaml_decode}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
