#include "exchange.h"

#include "../task.h"
#include "api.h"

#include <lauxlib.h>
#include <limits.h>
#include <string.h>

#define EXCHANGE_METATABLE "core.exchange"

enum { TIMEOUT_MS = 60000, CONNECT_TIMEOUT_MS = 10000, LARGEST_BODY = 256 * 1024 * 1024 };

struct exchange {
  struct http_transfer *transfer; /* owned */
};

static int collect(lua_State *L) {
  struct exchange *exchange = lua_touserdata(L, 1);
  http_free(exchange->transfer);
  exchange->transfer = NULL;
  return 0;
}

struct exchange *api_exchange(lua_State *L) {
  struct exchange *exchange = lua_newuserdatauv(L, sizeof *exchange, 0);
  *exchange = (struct exchange){0};
  if (luaL_newmetatable(L, EXCHANGE_METATABLE)) {
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, "protected");
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
  return exchange;
}

static void on_done(void *task) { task_wake(task); }

static void cancel(void *operation) { http_cancel(((struct exchange *)operation)->transfer); }

/* A name that comes again adds to the value, as RFC 9110 says. */
static void push_headers(lua_State *L, const struct buffer *headers) {
  lua_newtable(L);
  const char *at = headers->data;
  const char *end = headers->data + headers->length;
  while (headers->length && at < end) {
    const char *value = at + strlen(at) + 1;
    if (lua_getfield(L, -1, at) == LUA_TSTRING) {
      lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
    } else {
      lua_pushstring(L, value);
    }
    lua_setfield(L, -3, at);
    lua_pop(L, 1);
    at = value + strlen(value) + 1;
  }
}

static int finish(lua_State *L, int status, lua_KContext context) {
  struct exchange *exchange = (struct exchange *)context;
  struct error err;
  (void)status;
  const struct http_response *response = http_result(exchange->transfer, &err);
  if (!response) {
    bool sent = http_sent(exchange->transfer);
    http_free(exchange->transfer);
    exchange->transfer = NULL;
    int results = api_fail_error(L, &err);
    lua_pushboolean(L, sent);
    lua_setfield(L, -2, "sent");
    return results;
  }
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, response->status);
  lua_setfield(L, -2, "status");
  lua_pushnumber(L, response->ms);
  lua_setfield(L, -2, "ms");
  lua_pushstring(L, response->version == 10 ? "1.0" : "1.1");
  lua_setfield(L, -2, "version");
  push_headers(L, &response->headers);
  lua_setfield(L, -2, "headers");
  lua_pushlstring(L, response->body.data ? response->body.data : "", response->body.length);
  lua_setfield(L, -2, "body");
  http_free(exchange->transfer);
  exchange->transfer = NULL;
  return 1;
}

int api_exchange_run(lua_State *L, struct exchange *exchange, const struct http_request *request) {
  struct error err;
  struct task *task = task_from(L);
  exchange->transfer = http_start(task_engine(task), request, on_done, task, &err);
  if (exchange->transfer) return task_wait(task, exchange, cancel, finish);
  int results = api_fail_error(L, &err);
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "sent");
  return results;
}

static long milliseconds(lua_State *L, int index, const char *name, lua_Integer otherwise) {
  lua_Integer ms = api_option_integer(L, index, name, otherwise);
  if (ms < 0 || ms > INT_MAX) luaL_error(L, "option '%s' must be a number of milliseconds", name);
  return (long)ms;
}

void api_exchange_options(lua_State *L, int index, struct http_request *request) {
  lua_Integer max_body = api_option_integer(L, index, "max_body", LARGEST_BODY);
  if (max_body < 0) luaL_error(L, "option 'max_body' must not be negative");
  request->max_body = (size_t)max_body;
  request->timeout_ms = milliseconds(L, index, "timeout_ms", TIMEOUT_MS);
  request->connect_timeout_ms = milliseconds(L, index, "connect_timeout_ms", CONNECT_TIMEOUT_MS);
  request->insecure = api_option_boolean(L, index, "insecure", 0);
  request->ca_file = api_option_text(L, index, "ca_file", NULL);
  request->body = api_option_text(L, index, "body", &request->body_length);
  lua_getfield(L, index, "body"); /* on the stack it outlives whatever happens to the options */
}
