/* One HTTP exchange. */
#include "../http.h"
#include "../task.h"
#include "api.h"
#include "exchange.h"
#include "fields.h"

#include <lauxlib.h>

/* http{method=, url=, headers=, body=, timeout_ms=, connect_timeout_ms=, insecure=, ca_file=, max_body=}
 * -> {status=, headers=, body=, ms=, version=} | nil, err (with `sent`) */
static int api_http(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  (void)task_from(L); /* raises outside a task */
  struct http_request request = {0};
  request.method = api_option_text(L, 1, "method", NULL);
  request.url = api_option_text(L, 1, "url", NULL);
  if (!request.method) request.method = "GET";
  if (!request.url) luaL_error(L, "option 'url' is missing");
  request.headers = api_fields_map(L, 1, "headers", &request.header_count);
  api_exchange_options(L, 1, &request);
  struct exchange *exchange = api_exchange(L);
  return api_exchange_run(L, exchange, &request);
}

void api_open_http(lua_State *L) {
  lua_pushcfunction(L, api_http);
  lua_setfield(L, -2, "http");
}
