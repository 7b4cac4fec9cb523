#include "engine.h"

#include "api/api.h"
#include "ceiling.h"
#include "embed.h"
#include "farewell.h"
#include "interrupt.h"
#include "task.h"
#include "terminal.h"

#include <lauxlib.h>
#include <lua-cjson.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  PARTS = 8,
  LAST_ROUNDS = 10000, /* cancellations at the end before a task that always goes on is made to stop */
};

struct part {
  const void *key;
  void *part;
  engine_close_fn close;
};

struct engine {
  uv_loop_t loop;
  lua_State *L;
  struct allowance *allowance;  /* owned; the Lua state's allocator */
  struct engine_entry *entries; /* unfinished tasks */
  struct engine_entry *head;    /* ready queue */
  struct engine_entry **tail;
  struct task_waiter *on_signal;
  struct interrupts *interrupts; /* owned */
  int signal;
  bool signal_told; /* a waiter was woken for it and did not run yet */
  bool starved;     /* a task died for lack of memory */
  bool loop_open;
  bool polling;     /* inside uv_run */
  uv_mutex_t guard; /* of the parts: the end of the process may come from another thread */
  bool guarded;
  struct part parts[PARTS];
  int part_count;
};

static const char engine_key; /* its address is the registry key */

uv_loop_t *engine_loop(struct engine *engine) { return &engine->loop; }
lua_State *engine_lua(struct engine *engine) { return engine->L; }
struct allowance *engine_allowance(struct engine *engine) {
  return engine->allowance;
}
int engine_take_signal(struct engine *engine) {
  engine->signal_told = false;
  return engine->signal;
}

struct engine *engine_from(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &engine_key);
  struct engine *engine = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return engine;
}

void engine_add(struct engine *engine, struct engine_entry *entry, struct task *task) {
  *entry = (struct engine_entry){.task = task, .next = engine->entries, .link = &engine->entries};
  if (entry->next) entry->next->link = &entry->next;
  engine->entries = entry;
}

void engine_remove(struct engine *engine, struct engine_entry *entry) {
  (void)engine;
  *entry->link = entry->next;
  if (entry->next) entry->next->link = entry->link;
  entry->link = NULL;
}

void engine_queue(struct engine *engine, struct engine_entry *entry) {
  if (entry->queued) return;
  entry->queued = true;
  entry->queue = NULL;
  *engine->tail = entry;
  engine->tail = &entry->queue;
  if (engine->polling) uv_stop(&engine->loop); /* woken before the loop sleeps: it must not */
}

void engine_starve(struct engine *engine) { engine->starved = true; }

bool engine_queued(const struct engine_entry *entry) { return entry->queued; }

void *engine_part(struct engine *engine, const void *key) {
  void *found = NULL;
  uv_mutex_lock(&engine->guard);
  for (int i = 0; i < engine->part_count && !found; i++) {
    if (engine->parts[i].key == key) found = engine->parts[i].part;
  }
  uv_mutex_unlock(&engine->guard);
  return found;
}

bool engine_part_add(struct engine *engine, const void *key, void *part, engine_close_fn close) {
  uv_mutex_lock(&engine->guard);
  bool fits = engine->part_count < PARTS;
  if (fits) engine->parts[engine->part_count++] = (struct part){key, part, close};
  uv_mutex_unlock(&engine->guard);
  return fits;
}

static void cancel_all(struct engine *engine) {
  for (struct engine_entry *entry = engine->entries; entry; entry = entry->next) task_cancel(entry->task);
}

static void stop_all(struct engine *engine) {
  for (struct engine_entry *entry = engine->entries; entry; entry = entry->next) task_stop(entry->task);
}

static void on_signal(void *data, int number) {
  struct engine *engine = data;
  if (engine->signal_told) return; /* sent to the process and to its group: one interrupt all the same */
  engine->signal = number;
  if (engine->on_signal) {
    engine->signal_told = true;
    task_waiters_wake(&engine->on_signal);
  } else {
    cancel_all(engine);
  }
}

void engine_on_signal(struct engine *engine, struct task_waiter *waiter) {
  task_waiter_add(&engine->on_signal, waiter);
}

/* Without Lua, but not without farewells. */
static _Noreturn void end_at_once(struct engine *engine, const char *text, int code) {
  farewell_all(engine);
  terminal_restore();
  terminal_offer(STDERR_FILENO, text, strlen(text));
  terminal_offer(STDERR_FILENO, "\n", 1);
  _exit(code);
}

/* An error outside every protected call. The state cannot be trusted any more: the process ends without it,
 * but not without its farewells. */
static int on_panic(lua_State *L) {
  struct engine *engine = engine_from(L);
  interrupts_silence(engine->interrupts);
  cancel_all(engine);
  end_at_once(engine, lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "the program cannot go on", 1);
}

/* The main thread runs code that does not return, and nobody wants to wait for it any longer. */
static void on_deaf(void *data, int number) {
  end_at_once(data, "interrupted again, but the code that runs does not return: the program ends without it",
              128 + number);
}

static int open_lua(lua_State *L) {
  lua_rawsetp(L, LUA_REGISTRYINDEX, &engine_key);
  luaL_openlibs(L);
  embed_open(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, api_open);
  lua_setfield(L, -2, "core");
  lua_pushcfunction(L, luaopen_cjson);
  lua_setfield(L, -2, "cjson");
  lua_pop(L, 1);
  return 0;
}

struct engine *engine_new(struct error *err) {
  struct engine *engine = calloc(1, sizeof *engine);
  if (!engine) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  engine->tail = &engine->head;
  int status = uv_mutex_init(&engine->guard);
  engine->guarded = status == 0;
  if (status == 0) status = uv_loop_init(&engine->loop);
  if (status != 0) {
    error_set(err, ERROR_IO, "cannot make an event loop: %s", uv_strerror(status));
    goto fail;
  }
  engine->loop_open = true;
  const struct interrupt_listener listener = {.on_signal = on_signal, .on_deaf = on_deaf, .data = engine};
  engine->interrupts = interrupts_open(&engine->loop, &listener, err);
  if (!engine->interrupts) goto fail;

  engine->allowance = allowance_new();
  if (engine->allowance) engine->L = lua_newstate(allowance_allocate, engine->allowance);
  if (!engine->L) {
    error_set(err, ERROR_MEMORY, "out of memory");
    goto fail;
  }
  *(struct task **)lua_getextraspace(engine->L) = NULL; /* new threads copy it */
  lua_pushcfunction(engine->L, open_lua);
  lua_pushlightuserdata(engine->L, engine);
  if (lua_pcall(engine->L, 1, 0, 0) != LUA_OK) {
    const char *text = lua_tostring(engine->L, -1);
    error_set(err, ERROR_INVALID, "cannot start: %s", text ? text : "unknown error");
    goto fail;
  }
  (void)lua_atpanic(engine->L, on_panic);
  return engine;

fail:
  engine_free(engine);
  return NULL;
}

/* Resumes what was ready when it began, so that the loop gets its turn between rounds. */
static void run_ready(struct engine *engine) {
  struct engine_entry *entry = engine->head;
  engine->head = NULL;
  engine->tail = &engine->head;
  while (entry) {
    struct engine_entry *next = entry->queue;
    entry->queued = false;
    task_resume(entry->task);
    interrupts_pass(engine->interrupts);
    entry = next;
  }
}

/* Runs until `task` ended. False when it cannot: nothing can happen any more, or there is no memory. */
static bool run_until(struct engine *engine, const struct task *task) {
  while (!task_finished(task)) {
    run_ready(engine);
    if (task_finished(task)) break;
    if (engine->starved) return false;
    engine->polling = true;
    int alive = uv_run(&engine->loop, engine->head ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    engine->polling = false;
    if (!alive && !engine->head) return false;
  }
  return true;
}

static const char first_task[] = "local name, arguments = ...\nreturn require(name).run(arguments)";

static int start_first(lua_State *L) {
  const char *module = lua_touserdata(L, 1);
  int count = (int)lua_tointeger(L, 2);
  char *const *arguments = lua_touserdata(L, 3);
  if (luaL_loadbufferx(L, first_task, sizeof first_task - 1, "=(start)", "t") != LUA_OK) return lua_error(L);
  lua_pushstring(L, module);
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    lua_pushstring(L, arguments[i]);
    lua_rawseti(L, -2, i + 1);
  }
  task_spawn(L, engine_from(L), 2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, start_first); /* the first task outlives the end of its run */
  return 1;
}

struct outcome {
  const struct task *task;
  int code;
  struct error *err;
};

static int read_outcome(lua_State *L) {
  struct outcome *outcome = lua_touserdata(L, 1);
  lua_settop(L, 0);
  task_push_results(outcome->task, L);
  if (lua_toboolean(L, 1)) {
    outcome->code = lua_isinteger(L, 2) ? (int)lua_tointeger(L, 2) : 0;
  } else if (engine_from(L)->signal) {
    outcome->code = 128 + engine_from(L)->signal;
  } else {
    if (lua_istable(L, 2) && lua_getfield(L, 2, "traceback") != LUA_TSTRING) lua_getfield(L, 2, "message");
    const char *text = lua_tostring(L, -1);
    error_set(outcome->err, ERROR_INVALID, "%s", text ? text : "the program failed without saying why");
  }
  return 0;
}

static int exit_code(struct engine *engine, const struct task *task, struct error *err) {
  struct outcome outcome = {.task = task, .code = 1, .err = err};
  lua_pushcfunction(engine->L, read_outcome);
  lua_pushlightuserdata(engine->L, &outcome);
  if (lua_pcall(engine->L, 1, 0, 0) != LUA_OK) error_set(err, ERROR_MEMORY, "out of memory");
  lua_settop(engine->L, 0);
  return outcome.code;
}

int engine_run(struct engine *engine, const char *module, int count, char *const *arguments,
               struct error *err) {
  lua_State *L = engine->L;
  lua_pushcfunction(L, start_first);
  lua_pushlightuserdata(L, (void *)module);
  lua_pushinteger(L, count);
  lua_pushlightuserdata(L, (void *)arguments);
  if (lua_pcall(L, 3, 1, 0) != LUA_OK) {
    const char *text = lua_tostring(L, -1);
    error_set(err, ERROR_INVALID, "cannot start: %s", text ? text : "unknown error");
    return 1;
  }
  const struct task *task = lua_touserdata(L, -1);
  lua_pop(L, 1);

  bool alive = run_until(engine, task);
  int code = 1;
  if (alive) {
    code = exit_code(engine, task, err);
  } else if (engine->starved) {
    error_set(err, ERROR_MEMORY, "not enough memory");
  } else {
    error_set(err, ERROR_INVALID, "every task waits for something that cannot happen");
  }
  for (int round = 0; engine->entries; round++) { /* a task may go on after a cancellation, to clean up */
    if (round >= LAST_ROUNDS) stop_all(engine);
    cancel_all(engine);
    run_ready(engine);
    if (!uv_run(&engine->loop, UV_RUN_NOWAIT) && !engine->head && engine->entries) cancel_all(engine);
  }
  return code;
}

void engine_free(struct engine *engine) {
  if (!engine) return;
  if (engine->L) lua_close(engine->L);
  interrupts_silence(engine->interrupts);
  if (engine->guarded) farewell_all(engine);
  for (int i = engine->part_count; i-- > 0;) engine->parts[i].close(engine->parts[i].part);
  if (engine->loop_open) {
    interrupts_close(engine->interrupts);
    uv_run(&engine->loop, UV_RUN_DEFAULT);                 /* close callbacks free their operations */
    if (uv_loop_close(&engine->loop) == UV_EBUSY) abort(); /* a handle was forgotten: a bug, seen in tests */
  }
  if (engine->guarded) uv_mutex_destroy(&engine->guard);
  allowance_free(engine->allowance);
  free(engine);
}
