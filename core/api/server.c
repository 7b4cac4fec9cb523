/* A server, its requests and their answers. */
#include "../server.h"
#include "../engine.h"
#include "../task.h"
#include "api.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_METATABLE "core.server"
#define REQUEST_METATABLE "core.request"
#define HANDLE_METATABLE "core.request.handle"

enum { MAX_BODY = 256 * 1024 * 1024, NAME_LENGTH = 256, HEADERS = 64 };

struct listener {
  struct server *server; /* owned; NULL when closed */
  struct task_waiter *waiters;
};

struct accept_operation {
  struct task_waiter waiter;
  struct listener *listener; /* borrowed: on the waiting task's stack */
  bool cancelled;
};

struct handle {
  struct server_request *request; /* owned; NULL when answered */
};

static void on_request(void *context) {
  struct listener *listener = context;
  if (!listener->waiters) return; /* they all run: one of them will look again */
  struct task_waiter *waiter = listener->waiters;
  task_waiter_remove(waiter);
  task_wake(waiter->task);
}

/* server
 * -------------------------------------------------------------------------------------------------------- */

/* listen{host=, port=, max_body=} -> server | nil, err */
static int api_listen(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *host = api_option_text(L, 1, "host", NULL);
  lua_Integer port = api_option_integer(L, 1, "port", 0);
  lua_Integer max_body = api_option_integer(L, 1, "max_body", MAX_BODY);
  luaL_argcheck(L, port >= 0 && port <= UINT16_MAX, 1, "port must be between 0 and 65535");
  luaL_argcheck(L, max_body >= 0, 1, "max_body must not be negative");

  struct listener *listener = lua_newuserdatauv(L, sizeof *listener, 0);
  *listener = (struct listener){0};
  luaL_setmetatable(L, SERVER_METATABLE);
  struct error err;
  struct server_options options = {.host = host ? host : "127.0.0.1",
                                   .port = (uint16_t)port,
                                   .max_body = (size_t)max_body,
                                   .on_request = on_request,
                                   .context = listener};
  listener->server = server_open(engine_loop(engine_from(L)), &options, &err);
  if (!listener->server) return api_fail_error(L, &err);
  return 1;
}

/* server:port() -> integer */
static int api_port(lua_State *L) {
  const struct listener *listener = luaL_checkudata(L, 1, SERVER_METATABLE);
  luaL_argcheck(L, listener->server, 1, "the server is closed");
  lua_pushinteger(L, server_port(listener->server));
  return 1;
}

/* server:close(): pending requests are dropped, waiting tasks get an error. Also __gc and __close. */
static int api_server_close(lua_State *L) {
  struct listener *listener = luaL_checkudata(L, 1, SERVER_METATABLE);
  struct server *server = listener->server;
  listener->server = NULL;
  server_close(server);
  task_waiters_wake(&listener->waiters);
  return 0;
}

/* Adds one header to the table on top of the stack; a name that repeats joins its values with a comma. */
static void push_header(void *context, const char *name, const char *value, size_t length) {
  lua_State *L = context;
  char lower[NAME_LENGTH];
  size_t size = 0;
  while (size < sizeof lower && name[size]) {
    lower[size] = (char)tolower((unsigned char)name[size]);
    size++;
  }
  lua_pushlstring(L, lower, size);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TSTRING) {
    lua_pushliteral(L, ", ");
    lua_pushlstring(L, value, length);
    lua_concat(L, 3);
  } else {
    lua_pop(L, 1);
    lua_pushlstring(L, value, length);
  }
  lua_rawset(L, -3);
}

/* The handle comes first, so that the request is released whatever fails afterwards. */
static int push_request(lua_State *L, struct server *server) {
  lua_createtable(L, 0, 7);
  struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->request = NULL;
  luaL_setmetatable(L, HANDLE_METATABLE);
  lua_setfield(L, -2, "handle");
  luaL_setmetatable(L, REQUEST_METATABLE);
  const struct server_request *request = handle->request = server_take(server);

  const char *target = request_target(request);
  const char *mark = strchr(target, '?');
  size_t length = 0;
  lua_pushstring(L, request_method(request));
  lua_setfield(L, -2, "method");
  lua_pushstring(L, target);
  lua_setfield(L, -2, "target");
  lua_pushlstring(L, target, mark ? (size_t)(mark - target) : strlen(target));
  lua_setfield(L, -2, "path");
  lua_pushstring(L, mark ? mark + 1 : "");
  lua_setfield(L, -2, "query");
  const char *body = request_body(request, &length);
  lua_pushlstring(L, body, length);
  lua_setfield(L, -2, "body");
  lua_createtable(L, 0, 8);
  request_headers(request, push_header, L);
  lua_setfield(L, -2, "headers");
  return 1;
}

static void accept_cancel(void *operation) {
  struct accept_operation *accept = operation;
  task_waiter_remove(&accept->waiter);
  accept->cancelled = true;
}

static int accept_done(lua_State *L, int status, lua_KContext context) {
  struct accept_operation *accept = (struct accept_operation *)context;
  struct listener *listener = accept->listener;
  bool cancelled = accept->cancelled;
  (void)status;
  if (!cancelled && listener->server && !server_has_request(listener->server)) {
    task_waiter_add(&listener->waiters, &accept->waiter); /* another task was faster */
    return task_wait(accept->waiter.task, accept, accept_cancel, accept_done);
  }
  free(accept);
  if (cancelled) return api_fail(L, ERROR_CANCELLED, "interrupted while waiting for a request");
  if (!listener->server) return api_fail(L, ERROR_CANCELLED, "the server was closed");
  return push_request(L, listener->server);
}

/* server:accept() -> request | nil, err: waits for the next one. */
static int api_accept(lua_State *L) {
  struct listener *listener = luaL_checkudata(L, 1, SERVER_METATABLE);
  if (!listener->server) return api_fail(L, ERROR_CANCELLED, "the server was closed");
  if (server_has_request(listener->server)) return push_request(L, listener->server);
  struct task *task = task_from(L);

  struct accept_operation *accept = calloc(1, sizeof *accept);
  if (!accept) return api_fail(L, ERROR_MEMORY, "out of memory");
  accept->listener = listener;
  accept->waiter.task = task;
  task_waiter_add(&listener->waiters, &accept->waiter);
  return task_wait(task, accept, accept_cancel, accept_done);
}

/* requests
 * -------------------------------------------------------------------------------------------------------- */

static struct handle *handle_from(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "handle");
  struct handle *handle = luaL_checkudata(L, -1, HANDLE_METATABLE);
  luaL_argcheck(L, handle->request, 1, "the request was answered before");
  return handle;
}

/* Reads the table at `index` into `headers`; a value may be a list of values. The texts stay on the stack. */
static size_t read_headers(lua_State *L, int index, struct server_header *headers) {
  size_t count = 0;
  if (lua_isnoneornil(L, index)) return 0;
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_checkstack(L, HEADERS + 8, "too many headers");
  lua_pushnil(L);
  while (lua_next(L, index)) {
    luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING, index, "header names must be strings");
    const char *name = lua_tostring(L, -2); /* alive as a key of the table */
    lua_Integer values = lua_istable(L, -1) ? luaL_len(L, -1) : 1;
    luaL_argcheck(L, count + (size_t)values <= HEADERS, index, "too many headers");
    if (lua_istable(L, -1)) {
      int list = lua_gettop(L);
      for (lua_Integer i = 1; i <= values; i++) {
        luaL_argcheck(L, lua_geti(L, list, i) == LUA_TSTRING, index, "listed header values must be strings");
        headers[count++] = (struct server_header){name, lua_tostring(L, -1)};
        lua_pop(L, 1); /* alive as an element of the list */
      }
      lua_pop(L, 1);
    } else {
      headers[count++] = (struct server_header){name, luaL_checkstring(L, -1)};
      lua_insert(L, -2); /* a converted number lives only on the stack: keep it below the key */
    }
  }
  return count;
}

/* request:respond(status, headers, body) -> boolean: false when nobody is there to hear it. */
static int api_respond(lua_State *L) {
  struct server_header headers[HEADERS];
  lua_Integer status = luaL_checkinteger(L, 2);
  size_t length = 0;
  const char *body = luaL_optlstring(L, 4, "", &length);
  lua_settop(L, 4);
  luaL_argcheck(L, status >= 200 && status <= 999, 2, "must be a final HTTP status");
  struct handle *handle = handle_from(L);
  size_t count = read_headers(L, 3, headers);

  struct server_request *request = handle->request;
  handle->request = NULL;
  lua_pushboolean(L, request_respond(request, (unsigned)status, headers, count, body, length));
  return 1;
}

/* request:drop(): closes the connection without an answer. */
static int api_drop(lua_State *L) {
  struct handle *handle = handle_from(L);
  struct server_request *request = handle->request;
  handle->request = NULL;
  request_drop(request);
  return 0;
}

static int handle_collect(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, HANDLE_METATABLE);
  request_drop(handle->request);
  handle->request = NULL;
  return 0;
}

void api_open_server(lua_State *L) {
  static const struct luaL_Reg functions[] = {{"listen", api_listen}, {NULL, NULL}};
  static const struct luaL_Reg server_methods[] = {
      {"port", api_port}, {"accept", api_accept}, {"close", api_server_close}, {NULL, NULL}};
  static const struct luaL_Reg server_metamethods[] = {
      {"__gc", api_server_close}, {"__close", api_server_close}, {NULL, NULL}};
  static const struct luaL_Reg request_methods[] = {
      {"respond", api_respond}, {"drop", api_drop}, {NULL, NULL}};
  static const struct luaL_Reg none[] = {{NULL, NULL}};
  static const struct luaL_Reg handle_metamethods[] = {{"__gc", handle_collect}, {NULL, NULL}};
  api_class(L, SERVER_METATABLE, server_methods, server_metamethods);
  api_class(L, REQUEST_METATABLE, request_methods, NULL);
  api_class(L, HANDLE_METATABLE, none, handle_metamethods);
  luaL_setfuncs(L, functions, 0);
}
