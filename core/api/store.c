/* SQLite for Lua: rows as tables. */
#include "../store.h"
#include "api.h"

#include <lauxlib.h>
#include <stdbool.h>

#define STORE_METATABLE "core.store"
#define QUERY_METATABLE "core.store.query"

struct handle {
  struct store *store; /* owned; NULL when closed */
};

struct query_handle {
  struct store_query *query; /* owned; NULL when finished */
};

/* store(path) -> store | nil, err */
static int api_store(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->store = NULL;
  luaL_setmetatable(L, STORE_METATABLE);
  struct error err;
  handle->store = store_open(path, &err);
  if (!handle->store) return api_fail_error(L, &err);
  return 1;
}

static void bind(lua_State *L, struct store_query *query, int position, int index) {
  size_t length = 0;
  const char *bytes = NULL;
  switch (lua_type(L, index)) {
  case LUA_TNIL:
    break;
  case LUA_TBOOLEAN:
    store_bind_integer(query, position, lua_toboolean(L, index));
    break;
  case LUA_TNUMBER:
    if (lua_isinteger(L, index)) {
      store_bind_integer(query, position, lua_tointeger(L, index));
    } else {
      store_bind_float(query, position, lua_tonumber(L, index));
    }
    break;
  case LUA_TSTRING:
    bytes = lua_tolstring(L, index, &length);
    store_bind_bytes(query, position, bytes, length);
    break;
  default:
    luaL_argerror(L, index, "must be nil, a boolean, a number or a string");
  }
}

static void push_row(lua_State *L, const struct store_query *query) {
  int columns = store_columns(query);
  lua_createtable(L, 0, columns);
  for (int i = 0; i < columns; i++) {
    struct store_value value = store_column(query, i);
    switch (value.kind) {
    case STORE_INTEGER:
      lua_pushinteger(L, value.integer);
      break;
    case STORE_FLOAT:
      lua_pushnumber(L, value.number);
      break;
    case STORE_BYTES:
      lua_pushlstring(L, value.bytes, value.length);
      break;
    default:
      continue;
    }
    lua_setfield(L, -2, store_column_name(query, i));
  }
}

/* store:run(sql, ...) -> rows | nil, err: an array of {column = value}; NULL is an absent key. */
static int api_run(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, STORE_METATABLE);
  size_t length = 0;
  const char *sql = luaL_checklstring(L, 2, &length);
  int given = lua_gettop(L) - 2;
  luaL_argcheck(L, handle->store, 1, "the store is closed");

  struct query_handle *holder = lua_newuserdatauv(L, sizeof *holder, 0);
  holder->query = NULL;
  luaL_setmetatable(L, QUERY_METATABLE);
  lua_toclose(L, -1);
  struct error err;
  struct store_query *query = holder->query = store_prepare(handle->store, sql, length, &err);
  if (!query) return api_fail_error(L, &err);
  if (store_parameters(query) != given)
    return luaL_error(L, "the statement has %d parameters, %d values were given", store_parameters(query),
                      given);
  for (int i = 1; i <= given; i++) bind(L, query, i, i + 2);

  lua_newtable(L);
  lua_Integer count = 0;
  enum store_step step = STORE_DONE;
  while ((step = store_step(query, &err)) == STORE_ROW) {
    push_row(L, query);
    lua_rawseti(L, -2, ++count);
  }
  if (step == STORE_FAILED) return api_fail_error(L, &err);
  return 1;
}

/* store:close(). Also __gc and __close. */
static int api_store_close(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, STORE_METATABLE);
  store_close(handle->store);
  handle->store = NULL;
  return 0;
}

static int query_close(lua_State *L) {
  struct query_handle *holder = luaL_checkudata(L, 1, QUERY_METATABLE);
  store_finish(holder->query);
  holder->query = NULL;
  return 0;
}

void api_open_store(lua_State *L) {
  static const struct luaL_Reg functions[] = {{"store", api_store}, {NULL, NULL}};
  static const struct luaL_Reg methods[] = {{"run", api_run}, {"close", api_store_close}, {NULL, NULL}};
  static const struct luaL_Reg metamethods[] = {
      {"__gc", api_store_close}, {"__close", api_store_close}, {NULL, NULL}};
  static const struct luaL_Reg none[] = {{NULL, NULL}};
  static const struct luaL_Reg query_metamethods[] = {{"__close", query_close}, {NULL, NULL}};
  api_class(L, STORE_METATABLE, methods, metamethods);
  api_class(L, QUERY_METATABLE, none, query_metamethods);
  luaL_setfuncs(L, functions, 0);
}
