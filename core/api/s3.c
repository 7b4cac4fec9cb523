/* Signed requests to S3 services. */
#include "../s3.h"
#include "../task.h"
#include "api.h"
#include "exchange.h"
#include "fields.h"

#include <lauxlib.h>
#include <time.h>

#define PREPARED_METATABLE "core.s3_prepared"

static int collect(lua_State *L) {
  s3_free(lua_touserdata(L, 1));
  return 0;
}

static const char *required(lua_State *L, int index, const char *name) {
  const char *text = api_option_text(L, index, name, NULL);
  if (!text) luaL_error(L, "option '%s' is missing", name);
  return text;
}

void api_s3_options(lua_State *L, int index, struct s3_request *request, struct http_request *http) {
  request->method = api_option_text(L, index, "method", NULL);
  if (!request->method) request->method = "GET";
  request->endpoint = required(L, index, "endpoint");
  request->region = required(L, index, "region");
  request->access_key = required(L, index, "access_key");
  request->secret_key = required(L, index, "secret_key");
  request->bucket = api_option_text(L, index, "bucket", NULL);
  request->key = api_option_text(L, index, "key", &request->key_length);
  request->path_style = api_option_boolean(L, index, "path_style", 0);
  request->query = api_fields_list(L, index, "query", &request->query_count);
  request->headers = api_fields_map(L, index, "headers", &request->header_count);
  api_exchange_options(L, index, http);
  request->body = http->body;
  request->body_length = http->body_length;
  request->time = (int64_t)time(NULL);
}

/* s3{endpoint=, region=, bucket=, key=, method=, query={{name, value}, ...}, headers={name = value}, body=,
 * access_key=, secret_key=, path_style=, and the times and ceilings of http} -> as http */
static int api_s3(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  (void)task_from(L); /* raises outside a task */
  struct s3_request request = {0};
  struct http_request http = {0};
  struct error err;
  api_s3_options(L, 1, &request, &http);

  struct s3_prepared *prepared = lua_newuserdatauv(L, sizeof *prepared, 0);
  *prepared = (struct s3_prepared){0};
  luaL_setmetatable(L, PREPARED_METATABLE);
  struct exchange *exchange = api_exchange(L);
  if (!s3_prepare(&request, prepared, &err)) {
    int results = api_fail_error(L, &err);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "sent");
    return results;
  }
  http.method = request.method;
  http.url = prepared->url.data;
  http.headers = prepared->headers;
  http.header_count = prepared->header_count;
  return api_exchange_run(L, exchange, &http);
}

void api_open_s3(lua_State *L) {
  static const struct luaL_Reg methods[] = {{NULL, NULL}};
  static const struct luaL_Reg metamethods[] = {{"__gc", collect}, {NULL, NULL}};
  api_class(L, PREPARED_METATABLE, methods, metamethods);
  lua_pushcfunction(L, api_s3);
  lua_setfield(L, -2, "s3");
}
