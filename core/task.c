#include "task.h"

#include "engine.h"
#include "error.h"

#include <lauxlib.h>
#include <string.h>

struct task {
  struct engine *engine;       /* borrowed; outlives every task */
  lua_State *thread;           /* borrowed: user value 1 keeps it alive */
  void *operation;             /* owned by the waiting call; NULL when not waiting */
  task_cancel_fn cancel;       /* of the present operation */
  struct task_waiter *waiters; /* woken at the end */
  struct engine_entry entry;   /* the engine's lists */
  bool waiting;                /* parked and not yet woken */
  bool cancel_pending;         /* the next wait ends at once */
  bool started;
  bool finished;
  int results; /* values on top of the thread's stack, or -1 for an error value there */
};

static struct task **task_slot(lua_State *L) { return (struct task **)lua_getextraspace(L); }

struct task *task_current(lua_State *L) {
  return *task_slot(L);
}

struct task *task_from(lua_State *L) {
  struct task *task = *task_slot(L);
  if (!task)
    luaL_error(
        L, "this call waits, and waiting is only possible inside a task (not in a coroutine of your own)");
  if (!lua_isyieldable(L))
    luaL_error(L, "this call waits, which is impossible here (inside require, a sort or a gsub callback)");
  return task;
}

struct engine *task_engine(const struct task *task) {
  return task->engine;
}
uv_loop_t *task_loop(const struct task *task) { return engine_loop(task->engine); }
bool task_finished(const struct task *task) { return task->finished; }

struct task *task_spawn(lua_State *L, struct engine *engine, int arguments) {
  int function = lua_gettop(L) - arguments;
  struct task *task = lua_newuserdatauv(L, sizeof *task, 1);
  *task = (struct task){.engine = engine};
  luaL_setmetatable(L, TASK_METATABLE);
  task->thread = lua_newthread(L);
  *task_slot(task->thread) = task;
  lua_setiuservalue(L, -2, 1);
  lua_insert(L, function); /* below the function and its arguments */
  if (!lua_checkstack(task->thread, arguments + 1)) luaL_error(L, "too many arguments");
  lua_xmove(L, task->thread, arguments + 1);
  task->results = arguments;

  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, task); /* alive until finished */
  engine_add(engine, &task->entry, task);
  engine_queue(engine, &task->entry);
  return task;
}

int task_wait(struct task *task, void *operation, task_cancel_fn cancel, lua_KFunction done) {
  task->operation = operation;
  task->cancel = cancel;
  task->waiting = true;
  if (task->cancel_pending) task_cancel(task);
  return lua_yieldk(task->thread, 0, (lua_KContext)operation, done);
}

void task_wake(struct task *task) {
  if (!task->waiting) return;
  task->waiting = false;
  engine_queue(task->engine, &task->entry);
}

void task_cancel(struct task *task) {
  if (task->finished) return;
  if (!task->waiting) {
    task->cancel_pending = true;
    return;
  }
  task->cancel_pending = false;
  task->cancel(task->operation);
  task_wake(task);
}

static void on_instruction(lua_State *L, lua_Debug *activation) {
  (void)activation;
  luaL_error(L, "the program ends");
}

void task_stop(struct task *task) { lua_sethook(task->thread, on_instruction, LUA_MASKCOUNT, 1); }

/* An error value that is not a table becomes one, with a traceback: it is a bug, and bugs want to be found.
 */
static int make_description(lua_State *L) {
  lua_State *failed = lua_touserdata(L, 1);
  lua_pushvalue(failed, -1); /* there is a slot: see below */
  lua_xmove(failed, L, 1);
  const char *text = lua_tostring(L, 2);
  luaL_traceback(L, failed, text ? text : "(error value is not a string)", 0);
  lua_createtable(L, 0, 3);
  lua_pushliteral(L, "bug");
  lua_setfield(L, -2, "kind");
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "message");
  lua_pushvalue(L, 3);
  lua_setfield(L, -2, "traceback");
  return 1;
}

static int say_yielded(lua_State *L) {
  lua_pushliteral(L, "a task yielded outside a waiting call");
  return 1;
}

/* Pushes what `make` says onto the task's stack. On the main thread, which can make protected calls while the
 * task's own cannot any more. False without memory. */
static bool describe(const struct task *task, lua_CFunction make) {
  lua_State *L = engine_lua(task->engine);
  if (!lua_checkstack(task->thread, 1) || !lua_checkstack(L, 2)) return false;
  lua_pushcfunction(L, make);
  lua_pushlightuserdata(L, task->thread);
  bool ok = lua_pcall(L, 1, 1, 0) == LUA_OK;
  if (ok) {
    lua_xmove(L, task->thread, 1);
  } else {
    lua_pop(L, 1);
  }
  return ok;
}

/* Ends a task that did not return: runs its pending __close and leaves the error on its stack. */
static void fail(struct task *task, int status) {
  lua_State *L = task->thread;
  if (status == LUA_ERRMEM) engine_starve(task->engine);
  if (status != LUA_YIELD && status != LUA_ERRMEM && lua_type(L, -1) != LUA_TTABLE)
    (void)describe(task, make_description);
  lua_resetthread(L); /* keeps an error on top */
  if (status == LUA_YIELD && !describe(task, say_yielded)) lua_pushnil(L);
  task->results = -1;
}

void task_resume(struct task *task) {
  int arguments = task->started ? 0 : task->results;
  int results = 0;
  task->started = true;
  task->operation = NULL;
  int status = lua_resume(task->thread, NULL, arguments, &results);
  if (status == LUA_YIELD && task->waiting) return;
  if (status == LUA_YIELD && engine_queued(&task->entry)) return; /* cancelled on arrival: already woken */

  task->finished = true;
  if (status == LUA_OK) {
    task->results = results;
  } else {
    fail(task, status);
  }
  engine_remove(task->engine, &task->entry);
  task_waiters_wake(&task->waiters);
  lua_pushnil(engine_lua(task->engine));
  lua_rawsetp(engine_lua(task->engine), LUA_REGISTRYINDEX, task);
}

int task_push_results(const struct task *task, lua_State *L) {
  lua_State *from = task->thread;
  int count = task->results < 0 ? 1 : task->results;
  luaL_checkstack(L, count + 1, "too many results");
  if (!lua_checkstack(from, count)) return luaL_error(L, "too many results");
  if (task->results < 0) {
    lua_pushnil(L);
  } else {
    lua_pushboolean(L, true);
  }
  for (int i = 0; i < count; i++) lua_pushvalue(from, lua_gettop(from) - count + 1);
  lua_xmove(from, L, count);
  return count + 1;
}

void task_waiter_add(struct task_waiter **list, struct task_waiter *waiter) {
  struct task_waiter **link = list;
  while (*link) link = &(*link)->next; /* first come, first woken; lists are short */
  waiter->next = NULL;
  waiter->link = link;
  *link = waiter;
}

void task_waiter_remove(struct task_waiter *waiter) {
  if (!waiter->link) return;
  *waiter->link = waiter->next;
  if (waiter->next) waiter->next->link = waiter->link;
  waiter->link = NULL;
  waiter->next = NULL;
}

void task_waiters_wake(struct task_waiter **list) {
  while (*list) {
    struct task_waiter *waiter = *list;
    task_waiter_remove(waiter);
    task_wake(waiter->task);
  }
}

void task_on_finish(struct task *task, struct task_waiter *waiter) {
  task_waiter_add(&task->waiters, waiter);
}
