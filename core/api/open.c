#include "api.h"

#include "../buffer.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <string.h>

#define BUFFER_METATABLE "core.buffer"

static int collect_buffer(lua_State *L) {
  buffer_wipe(lua_touserdata(L, 1));
  return 0;
}

struct buffer *api_buffer(lua_State *L) {
  struct buffer *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
  *buffer = (struct buffer){0};
  if (luaL_newmetatable(L, BUFFER_METATABLE)) {
    lua_pushcfunction(L, collect_buffer);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, "protected");
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
  return buffer;
}

int api_open(lua_State *L) {
  lua_createtable(L, 0, 64);
#define OPEN(noun) api_open_##noun(L);
  API_PARTS(OPEN)
  return 1;
}

static int push_failure(lua_State *L, const struct error *err) {
  lua_pushnil(L);
  lua_createtable(L, 0, 2);
  lua_pushstring(L, error_word(err->kind));
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, err->message);
  lua_setfield(L, -2, "message");
  return 2;
}

int api_fail_error(lua_State *L, const struct error *err) { return push_failure(L, err); }

int api_fail(lua_State *L, enum error_kind kind, const char *format, ...) {
  struct error err;
  va_list arguments;
  va_start(arguments, format);
  error_set_list(&err, kind, format, arguments);
  va_end(arguments);
  return push_failure(L, &err);
}

void api_class(lua_State *L, const char *name, const struct luaL_Reg *methods,
               const struct luaL_Reg *metamethods) {
  luaL_newmetatable(L, name);
  if (metamethods) luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "protected");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

/* Pushes the field and returns its type; LUA_TNIL when the table itself is absent. */
static int push_option(lua_State *L, int index, const char *field) {
  if (lua_isnoneornil(L, index)) {
    lua_pushnil(L);
    return LUA_TNIL;
  }
  luaL_checktype(L, index, LUA_TTABLE);
  return lua_getfield(L, index, field);
}

static int wrong_option(lua_State *L, const char *field, const char *wanted) {
  return luaL_error(L, "option '%s' must be %s, not %s", field, wanted, luaL_typename(L, -1));
}

lua_Integer api_option_integer(lua_State *L, int index, const char *field, lua_Integer otherwise) {
  lua_Integer value = otherwise;
  if (push_option(L, index, field) != LUA_TNIL) {
    int ok = 0;
    value = lua_tointegerx(L, -1, &ok);
    if (!ok) wrong_option(L, field, "an integer");
  }
  lua_pop(L, 1);
  return value;
}

int api_option_boolean(lua_State *L, int index, const char *field, int otherwise) {
  int value = otherwise;
  int type = push_option(L, index, field);
  if (type == LUA_TBOOLEAN) {
    value = lua_toboolean(L, -1);
  } else if (type != LUA_TNIL) {
    wrong_option(L, field, "a boolean");
  }
  lua_pop(L, 1);
  return value;
}

const char *api_option_text(lua_State *L, int index, const char *field, size_t *length) {
  const char *text = NULL;
  int type = push_option(L, index, field);
  if (type == LUA_TSTRING) {
    text = lua_tolstring(L, -1, length);
  } else if (type != LUA_TNIL) {
    wrong_option(L, field, "a string");
  }
  lua_pop(L, 1);
  return text;
}
