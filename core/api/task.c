/* Tasks, sleeping, events, interrupts, clocks. */
#include "../task.h"
#include "../engine.h"
#include "api.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#define EVENT_METATABLE "core.event"

static void on_closed(uv_handle_t *handle) { free(handle); }

/* sleep
 * -------------------------------------------------------------------------------------------------------- */

struct sleep_operation {
  uv_timer_t timer;  /* first member: on_closed frees the whole struct */
  struct task *task; /* borrowed; outlives every operation it waits on */
  bool cancelled;
};

static void on_due(uv_timer_t *timer) { task_wake(((struct sleep_operation *)timer)->task); }

static void sleep_cancel(void *operation) {
  struct sleep_operation *sleep = operation;
  uv_timer_stop(&sleep->timer);
  sleep->cancelled = true;
}

static int sleep_done(lua_State *L, int status, lua_KContext context) {
  struct sleep_operation *sleep = (struct sleep_operation *)context;
  bool cancelled = sleep->cancelled;
  (void)status;
  uv_close((uv_handle_t *)&sleep->timer, on_closed);
  if (cancelled) return api_fail(L, ERROR_CANCELLED, "interrupted while sleeping");
  lua_pushboolean(L, true);
  return 1;
}

/* sleep(ms) -> true | nil, err */
static int api_sleep(lua_State *L) {
  lua_Number ms = luaL_checknumber(L, 1);
  luaL_argcheck(L, ms >= 0 && ms < 1e12, 1, "must be a number of milliseconds, not negative");
  struct task *task = task_from(L);

  struct sleep_operation *sleep = calloc(1, sizeof *sleep);
  if (!sleep) return api_fail(L, ERROR_MEMORY, "out of memory");
  sleep->task = task;
  uv_timer_init(task_loop(task), &sleep->timer);
  uv_update_time(task_loop(task)); /* the loop's idea of now is as old as this round */
  uv_timer_start(&sleep->timer, on_due, (uint64_t)ms, 0);
  return task_wait(task, sleep, sleep_cancel, sleep_done);
}

/* tasks
 * -------------------------------------------------------------------------------------------------------- */

struct join_operation {
  struct task_waiter waiter;
  struct task *joined; /* borrowed: on the joining task's stack */
  bool cancelled;
};

static void join_cancel(void *operation) {
  struct join_operation *join = operation;
  task_waiter_remove(&join->waiter);
  join->cancelled = true;
}

static int join_done(lua_State *L, int status, lua_KContext context) {
  struct join_operation *join = (struct join_operation *)context;
  bool cancelled = join->cancelled;
  struct task *joined = join->joined;
  (void)status;
  free(join);
  if (cancelled) return api_fail(L, ERROR_CANCELLED, "interrupted while waiting for a task");
  return task_push_results(joined, L);
}

/* task:join() -> true, results... | nil, err */
static int api_join(lua_State *L) {
  struct task *joined = luaL_checkudata(L, 1, TASK_METATABLE);
  if (task_finished(joined)) return task_push_results(joined, L);
  struct task *task = task_from(L);
  luaL_argcheck(L, task != joined, 1, "a task cannot wait for itself");

  struct join_operation *join = calloc(1, sizeof *join);
  if (!join) return api_fail(L, ERROR_MEMORY, "out of memory");
  join->waiter.task = task;
  join->joined = joined;
  task_on_finish(joined, &join->waiter);
  return task_wait(task, join, join_cancel, join_done);
}

/* spawn(fn, ...) -> task */
static int api_spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  task_spawn(L, engine_from(L), lua_gettop(L) - 1);
  return 1;
}

/* task:cancel(): ends the task's present wait, or its next one, with an error of kind "cancelled". */
static int api_cancel(lua_State *L) {
  task_cancel(luaL_checkudata(L, 1, TASK_METATABLE));
  return 0;
}

/* task:done() -> boolean */
static int api_done(lua_State *L) {
  lua_pushboolean(L, task_finished(luaL_checkudata(L, 1, TASK_METATABLE)));
  return 1;
}

/* events
 * ------------------------------------------------------------------------------------------------------- */

struct event {
  struct task_waiter *waiters;
};

struct event_operation {
  uv_timer_t timer; /* first member; used only with a timeout */
  struct task_waiter waiter;
  bool timed;
  bool timed_out;
  bool cancelled;
};

static void on_timeout(uv_timer_t *timer) {
  struct event_operation *wait = (struct event_operation *)timer;
  task_waiter_remove(&wait->waiter);
  wait->timed_out = true;
  task_wake(wait->waiter.task);
}

static void event_cancel(void *operation) {
  struct event_operation *wait = operation;
  task_waiter_remove(&wait->waiter);
  if (wait->timed) uv_timer_stop(&wait->timer);
  wait->cancelled = true;
}

static int event_done(lua_State *L, int status, lua_KContext context) {
  struct event_operation *wait = (struct event_operation *)context;
  bool cancelled = wait->cancelled;
  bool timed_out = wait->timed_out;
  (void)status;
  if (wait->timed) {
    uv_close((uv_handle_t *)&wait->timer, on_closed);
  } else {
    free(wait);
  }
  if (cancelled) return api_fail(L, ERROR_CANCELLED, "interrupted while waiting");
  if (timed_out) return api_fail(L, ERROR_TIMEOUT, "waited too long");
  lua_pushboolean(L, true);
  return 1;
}

/* event:wait([timeout_ms]) -> true | nil, err */
static int api_event_wait(lua_State *L) {
  struct event *event = luaL_checkudata(L, 1, EVENT_METATABLE);
  lua_Number timeout = luaL_optnumber(L, 2, -1);
  luaL_argcheck(L, timeout < 1e12, 2, "must be a number of milliseconds");
  struct task *task = task_from(L);

  struct event_operation *wait = calloc(1, sizeof *wait);
  if (!wait) return api_fail(L, ERROR_MEMORY, "out of memory");
  wait->waiter.task = task;
  wait->timed = timeout >= 0;
  if (wait->timed) {
    uv_timer_init(task_loop(task), &wait->timer);
    uv_update_time(task_loop(task));
    uv_timer_start(&wait->timer, on_timeout, (uint64_t)timeout, 0);
  }
  task_waiter_add(&event->waiters, &wait->waiter);
  return task_wait(task, wait, event_cancel, event_done);
}

/* event:set(): wakes the tasks that wait now. It remembers nothing: wait in a loop on your condition. */
static int api_event_set(lua_State *L) {
  struct event *event = luaL_checkudata(L, 1, EVENT_METATABLE);
  task_waiters_wake(&event->waiters);
  return 0;
}

/* event() -> event */
static int api_event(lua_State *L) {
  struct event *event = lua_newuserdatauv(L, sizeof *event, 0);
  *event = (struct event){0};
  luaL_setmetatable(L, EVENT_METATABLE);
  return 1;
}

/* interrupts
 * --------------------------------------------------------------------------------------------------- */

struct interrupt_operation {
  struct task_waiter waiter;
  bool cancelled;
};

static void interrupt_cancel(void *operation) {
  struct interrupt_operation *wait = operation;
  task_waiter_remove(&wait->waiter);
  wait->cancelled = true;
}

static int interrupt_done(lua_State *L, int status, lua_KContext context) {
  struct interrupt_operation *wait = (struct interrupt_operation *)context;
  bool cancelled = wait->cancelled;
  (void)status;
  free(wait);
  if (cancelled) return api_fail(L, ERROR_CANCELLED, "no longer waiting for an interrupt");
  int number = engine_take_signal(engine_from(L));
  lua_pushstring(L, number == SIGTERM ? "SIGTERM" : number == SIGHUP ? "SIGHUP" : "SIGINT");
  return 1;
}

/* interrupt() -> "SIGINT" | "SIGTERM" | "SIGHUP": waits for the next one. Without a waiter a signal cancels
 * every task.
 */
static int api_interrupt(lua_State *L) {
  struct task *task = task_from(L);
  struct interrupt_operation *wait = calloc(1, sizeof *wait);
  if (!wait) return api_fail(L, ERROR_MEMORY, "out of memory");
  wait->waiter.task = task;
  engine_on_signal(task_engine(task), &wait->waiter);
  return task_wait(task, wait, interrupt_cancel, interrupt_done);
}

/* clocks
 * ------------------------------------------------------------------------------------------------------- */

/* now() -> seconds since 1970, a float with microseconds */
static int api_now(lua_State *L) {
  struct timeval now;
  if (gettimeofday(&now, NULL) != 0) now = (struct timeval){0};
  lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_usec / 1e6);
  return 1;
}

/* clock() -> milliseconds from some fixed moment, a float; never goes back */
static int api_clock(lua_State *L) {
  lua_pushnumber(L, (lua_Number)uv_hrtime() / 1e6);
  return 1;
}

void api_open_task(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"spawn", api_spawn}, {"sleep", api_sleep}, {"event", api_event}, {"interrupt", api_interrupt},
      {"now", api_now},     {"clock", api_clock}, {NULL, NULL},
  };
  static const struct luaL_Reg task_methods[] = {
      {"join", api_join}, {"cancel", api_cancel}, {"done", api_done}, {NULL, NULL}};
  static const struct luaL_Reg event_methods[] = {
      {"wait", api_event_wait}, {"set", api_event_set}, {NULL, NULL}};
  api_class(L, TASK_METATABLE, task_methods, NULL);
  api_class(L, EVENT_METATABLE, event_methods, NULL);
  luaL_setfuncs(L, functions, 0);
}
