/* Other programs. */
#include "../process.h"
#include "../task.h"
#include "api.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_LIMIT = 16 << 20 };

struct exec_operation {
  struct process *process; /* owned */
  struct task *task;       /* borrowed */
  bool cancelled;
};

static void on_end(void *data) { task_wake(((struct exec_operation *)data)->task); }

static void exec_cancel(void *operation) {
  struct exec_operation *exec = operation;
  process_release(exec->process);
  exec->process = NULL;
  exec->cancelled = true;
}

/* Adds what was captured to the table on top. Runs below lua_pcall, see exec_done. */
static int push_result(lua_State *L) {
  const struct process_result *result = lua_touserdata(L, 1);
  struct error err = {0};
  switch (result->ending) {
  case PROCESS_TIMED_OUT:
    error_set(&err, ERROR_TIMEOUT, "the program took too long and was ended");
    break;
  case PROCESS_TOO_MUCH_OUTPUT:
    error_set(&err, ERROR_LIMIT, "the program wrote too much and was ended");
    break;
  case PROCESS_OUT_OF_MEMORY:
    error_set(&err, ERROR_MEMORY, "out of memory");
    break;
  default:
    break;
  }
  int count = 1;
  if (result->ending == PROCESS_EXITED) {
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, result->status);
    lua_setfield(L, -2, "status");
    if (result->signal) {
      lua_pushinteger(L, result->signal);
      lua_setfield(L, -2, "signal");
    }
  } else {
    count = api_fail_error(L, &err);
  }
  lua_pushlstring(L, result->output.data ? result->output.data : "", result->output.length);
  lua_setfield(L, -2, "stdout");
  lua_pushlstring(L, result->errors.data ? result->errors.data : "", result->errors.length);
  lua_setfield(L, -2, "stderr");
  return count;
}

static int exec_done(lua_State *L, int status, lua_KContext context) {
  struct exec_operation *exec = (struct exec_operation *)context;
  struct process *process = exec->process;
  bool cancelled = exec->cancelled;
  (void)status;
  free(exec);
  if (cancelled) return api_fail(L, ERROR_CANCELLED, "interrupted while a program ran");
  int top = lua_gettop(L);
  lua_pushcfunction(L, push_result);
  lua_pushlightuserdata(L, (void *)process_result(process));
  int pushed = lua_pcall(L, 1, LUA_MULTRET, 0); /* the results may not fit into memory */
  process_release(process);
  if (pushed != LUA_OK) return lua_error(L);
  return lua_gettop(L) - top;
}

/* Checks that every element of the array on top is a text without NUL; returns how many. */
static size_t check_texts(lua_State *L, const char *what) {
  size_t count = lua_rawlen(L, -1);
  for (size_t i = 1; i <= count; i++) {
    size_t length = 0;
    lua_rawgeti(L, -1, (lua_Integer)i);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : NULL;
    if (!text || strlen(text) != length) luaL_error(L, "option '%s' must hold texts without NUL", what);
    lua_pop(L, 1);
  }
  return count;
}

/* Pushes a block (for the collector) of pointers to the texts of the array on top, which must stay alive. */
static char **texts(lua_State *L, const char *what) {
  size_t count = check_texts(L, what);
  char **list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1);
    list[i] = (char *)lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  list[count] = NULL;
  return list;
}

/* Replaces the table {NAME=value} on top by an array of NAME=value. */
static void join_environment(lua_State *L) {
  int table = lua_gettop(L);
  lua_newtable(L);
  lua_Integer count = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING || strchr(lua_tostring(L, -2), '='))
      luaL_error(L, "option 'env' must map names to texts");
    lua_pushfstring(L, "%s=", lua_tostring(L, -2));
    lua_insert(L, -2);
    lua_concat(L, 2);
    lua_rawseti(L, table + 1, ++count);
  }
  lua_replace(L, table);
}

/* exec{argv=, env=, directory=, input=, timeout_ms=, output_limit=} -> {status=, signal=, stdout=, stderr=} |
 * nil, err (timeout, limit and cancelled; with stdout and stderr so far). `env` is the whole environment;
 * without it the program gets this one's. On timeout and cancellation everything the program started is ended
 * too. */
static int api_exec(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct process_request request = {0};
  lua_Integer timeout = api_option_integer(L, 1, "timeout_ms", 0);
  lua_Integer limit = api_option_integer(L, 1, "output_limit", OUTPUT_LIMIT);
  luaL_argcheck(L, timeout >= 0 && limit >= 0, 1, "numbers must not be negative");
  request.timeout_ms = (uint64_t)timeout;
  request.output_limit = (size_t)limit;
  request.directory = api_option_text(L, 1, "directory", NULL);
  request.input = api_option_text(L, 1, "input", &request.input_length);
  luaL_argcheck(L, request.input_length < (1U << 30), 1, "input is too large");
  luaL_argcheck(L, lua_getfield(L, 1, "argv") == LUA_TTABLE && lua_rawlen(L, -1) > 0, 1, "needs argv");
  request.argv = texts(L, "argv");
  if (lua_getfield(L, 1, "env") != LUA_TNIL) {
    luaL_checktype(L, -1, LUA_TTABLE);
    join_environment(L);
    request.env = texts(L, "env");
  }
  struct task *task = task_from(L);

  struct exec_operation *exec = calloc(1, sizeof *exec);
  if (!exec) return api_fail(L, ERROR_MEMORY, "out of memory");
  struct error err = {0};
  exec->task = task;
  exec->process = process_start(task_loop(task), &request, on_end, exec, &err);
  if (!exec->process) {
    free(exec);
    return api_fail_error(L, &err);
  }
  return task_wait(task, exec, exec_cancel, exec_done);
}

void api_open_process(lua_State *L) {
  static const struct luaL_Reg functions[] = {{"exec", api_exec}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
