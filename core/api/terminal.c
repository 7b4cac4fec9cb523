/* The terminal, or what stands in its place. */
#include "../terminal.h"
#include "../buffer.h"
#include "../engine.h"
#include "../task.h"
#include "api.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <unistd.h>

/* terminal() -> {input=, output=, error=: is it a terminal?, columns=, rows=} */
static int api_terminal(lua_State *L) {
  struct terminal_facts facts = terminal_facts();
  lua_createtable(L, 0, 5);
  lua_pushboolean(L, facts.input);
  lua_setfield(L, -2, "input");
  lua_pushboolean(L, facts.output);
  lua_setfield(L, -2, "output");
  lua_pushboolean(L, facts.error);
  lua_setfield(L, -2, "error");
  lua_pushinteger(L, facts.columns);
  lua_setfield(L, -2, "columns");
  lua_pushinteger(L, facts.rows);
  lua_setfield(L, -2, "rows");
  return 1;
}

/* write("stdout"|"stderr", text) -> true | nil, err */
static int api_write(lua_State *L) {
  static const char *const names[] = {"stdout", "stderr", NULL};
  static const int streams[] = {STDOUT_FILENO, STDERR_FILENO};
  size_t length = 0;
  int stream = streams[luaL_checkoption(L, 1, NULL, names)];
  const char *text = luaL_checklstring(L, 2, &length);
  struct error err = {0};
  if (!terminal_write(stream, text, length, &err)) return api_fail_error(L, &err);
  lua_pushboolean(L, true);
  return 1;
}

struct line_operation {
  struct terminal_reader *reader; /* borrowed */
  struct task *task;              /* borrowed */
  bool hidden;
  bool cancelled;
};

static void close_reader(void *reader) { terminal_reader_close(reader); }

static struct terminal_reader *reader_of(struct engine *engine, struct error *err) {
  static const char key;
  struct terminal_reader *reader = engine_part(engine, &key);
  if (reader) return reader;
  reader = terminal_reader_new(engine_loop(engine), err);
  if (reader && !engine_part_add(engine, &key, reader, close_reader)) {
    terminal_reader_close(reader);
    error_set(err, ERROR_LIMIT, "too many parts");
    return NULL;
  }
  return reader;
}

static void on_input(void *data) { task_wake(((struct line_operation *)data)->task); }

static void line_cancel(void *operation) {
  struct line_operation *wait = operation;
  terminal_stop(wait->reader);
  wait->cancelled = true;
}

static void end_operation(struct line_operation *wait) {
  if (wait->hidden) {
    terminal_show();
    (void)terminal_write(STDERR_FILENO, "\n", 1, NULL); /* the one that was typed did not show */
  }
  free(wait);
}

/* Returns results, or waits and comes back here. */
static int line_done(lua_State *L, int status, lua_KContext context) {
  struct line_operation *wait = (struct line_operation *)context;
  struct error err = {0};
  struct buffer *line = lua_touserdata(L, 3);
  (void)status;
  enum terminal_state state = TERMINAL_FAILED;
  if (wait->cancelled) {
    error_set(&err, ERROR_CANCELLED, "interrupted while waiting for input");
  } else {
    state = terminal_take(wait->reader, line, &err);
  }
  if (state == TERMINAL_WAIT) {
    if (terminal_wait(wait->reader, on_input, wait, &err))
      return task_wait(wait->task, wait, line_cancel, line_done);
    state = TERMINAL_FAILED;
  }
  end_operation(wait);
  if (state == TERMINAL_END) return api_fail(L, ERROR_NOT_FOUND, "there is no more input");
  if (state == TERMINAL_FAILED) return api_fail_error(L, &err);
  lua_pushlstring(L, line->data ? line->data : "", line->length);
  buffer_wipe(line);
  return 1;
}

/* read_line([prompt [, {hidden=false}]]) -> line | nil, err (not_found at the end of input). The prompt goes
 * to stderr. Waits for a terminal, a pipe or a file on standard input. */
static int api_read_line(lua_State *L) {
  size_t length = 0;
  const char *prompt = luaL_optlstring(L, 1, "", &length);
  bool hide = api_option_boolean(L, 2, "hidden", false);
  struct task *task = task_from(L);
  struct error err = {0};
  lua_settop(L, 2);
  (void)api_buffer(L); /* at 3: the line, wiped by the collector at the latest */
  struct terminal_reader *reader = reader_of(task_engine(task), &err);
  if (!reader) return api_fail_error(L, &err);

  struct line_operation *wait = calloc(1, sizeof *wait);
  if (!wait) return api_fail(L, ERROR_MEMORY, "out of memory");
  *wait = (struct line_operation){.reader = reader, .task = task};
  if (hide && terminal_facts().input) {
    if (!terminal_hide(&err)) {
      free(wait);
      return api_fail_error(L, &err);
    }
    wait->hidden = true;
  }
  if (length > 0)
    (void)terminal_write(STDERR_FILENO, prompt, length, NULL); /* without it one can answer too */
  /* cppcheck-suppress memleak ; line_done frees it */
  return line_done(L, LUA_OK, (lua_KContext)wait);
}

void api_open_terminal(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"terminal", api_terminal}, {"write", api_write}, {"read_line", api_read_line}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
