#include "fields.h"

#include <lauxlib.h>

/* Pushes the option; false when absent. */
static int push_option(lua_State *L, int index, const char *name) {
  if (lua_getfield(L, index, name) == LUA_TNIL) return 0;
  if (!lua_istable(L, -1)) luaL_error(L, "option '%s' must be a table, not %s", name, luaL_typename(L, -1));
  return 1;
}

static const char *check_text(lua_State *L, int index, const char *name, size_t *length) {
  if (lua_type(L, index) != LUA_TSTRING) /* a number would be converted in place, and the text collected */
    luaL_error(L, "names and values in option '%s' must be strings, not %s", name, luaL_typename(L, index));
  return lua_tolstring(L, index, length);
}

const struct field *api_fields_map(lua_State *L, int index, const char *name, size_t *count) {
  *count = 0;
  if (!push_option(L, index, name)) return NULL;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) (*count)++;
  struct field *fields = lua_newuserdatauv(L, (*count + 1) * sizeof *fields, 0);
  lua_insert(L, -2);
  size_t i = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), i++) {
    fields[i].name = check_text(L, -2, name, &fields[i].name_length);
    fields[i].value = check_text(L, -1, name, &fields[i].value_length);
  }
  lua_pop(L, 1);
  return fields;
}

const struct field *api_fields_list(lua_State *L, int index, const char *name, size_t *count) {
  *count = 0;
  if (!push_option(L, index, name)) return NULL;
  *count = lua_rawlen(L, -1);
  struct field *fields = lua_newuserdatauv(L, (*count + 1) * sizeof *fields, 0);
  lua_insert(L, -2);
  for (size_t i = 0; i < *count; i++) {
    if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TTABLE)
      luaL_error(L, "option '%s' must be an array of {name, value}", name);
    lua_rawgeti(L, -1, 1);
    fields[i].name = check_text(L, -1, name, &fields[i].name_length);
    lua_rawgeti(L, -2, 2);
    fields[i].value = check_text(L, -1, name, &fields[i].value_length);
    lua_pop(L, 3);
  }
  lua_pop(L, 1);
  return fields;
}
