/* What the engine does last unless it is withdrawn. */
#include "../farewell.h"
#include "../engine.h"
#include "api.h"
#include "exchange.h"

#include <lauxlib.h>

#define FAREWELL_METATABLE "core.farewell"

struct farewell_handle {
  struct farewell *farewell; /* the engine's; NULL once withdrawn */
};

static struct farewell_handle *push_handle(lua_State *L) {
  struct farewell_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->farewell = NULL;
  luaL_setmetatable(L, FAREWELL_METATABLE);
  return handle;
}

/* farewell_s3{as s3, without query and times; leftover=path} -> farewell | nil, err. A handle that is
 * forgotten withdraws nothing. */
static int api_farewell_s3(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct s3_request request = {0};
  struct http_request http = {0};
  struct error err;
  api_s3_options(L, 1, &request, &http);
  luaL_argcheck(L, request.query_count == 0, 1, "a farewell has no query");
  const char *leftover = api_option_text(L, 1, "leftover", NULL);
  struct farewell_handle *handle = push_handle(L);
  handle->farewell = farewell_request(engine_from(L), &request, &http, leftover, &err);
  return handle->farewell ? 1 : api_fail_error(L, &err);
}

static const char *required(lua_State *L, const char *name, size_t *length) {
  const char *text = api_option_text(L, 1, name, length);
  if (!text) luaL_error(L, "option '%s' is missing", name);
  return text;
}

/* farewell_file{path=, guard=, present=sha256 in hexadecimal digits, bytes=, leftover=path} -> farewell |
 * nil, err */
static int api_farewell_file(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct farewell_file file = {
      .path = required(L, "path", NULL),
      .guard = required(L, "guard", NULL),
      .present = required(L, "present", NULL),
  };
  struct error err;
  file.bytes = required(L, "bytes", &file.length);
  const char *leftover = api_option_text(L, 1, "leftover", NULL);
  struct farewell_handle *handle = push_handle(L);
  handle->farewell = farewell_file(engine_from(L), &file, leftover, &err);
  return handle->farewell ? 1 : api_fail_error(L, &err);
}

/* farewell:withdraw(): twice is fine */
static int api_withdraw(lua_State *L) {
  struct farewell_handle *handle = luaL_checkudata(L, 1, FAREWELL_METATABLE);
  if (handle->farewell) farewell_withdraw(engine_from(L), handle->farewell);
  handle->farewell = NULL;
  return 0;
}

void api_open_farewell(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"farewell_s3", api_farewell_s3}, {"farewell_file", api_farewell_file}, {NULL, NULL}};
  static const struct luaL_Reg methods[] = {{"withdraw", api_withdraw}, {NULL, NULL}};
  api_class(L, FAREWELL_METATABLE, methods, NULL);
  luaL_setfuncs(L, functions, 0);
}
