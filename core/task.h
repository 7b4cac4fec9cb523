/* task.h: one Lua coroutine that can wait for the loop.
 *
 * A waiting call has four parts: start, event, cancel, done (see api/task.c for the smallest one). Only start
 * and done touch Lua. One wait gets exactly one wake: from its event, or from task_cancel after the cancel
 * function ran. */
#ifndef CORE_TASK_H
#define CORE_TASK_H

#include <lua.h>
#include <stdbool.h>
#include <uv.h>

struct engine;
struct task;

/* Undoes what start began, so that no event of it comes any more (or only a harmless one). Must not call Lua.
 */
typedef void (*task_cancel_fn)(void *operation);

/* Makes a task of the function and its `arguments` on top of the stack of `L` (they are popped), ready to
 * run, and leaves the task's userdata there instead. Raises Lua errors. The engine keeps the task alive until
 * it finished. */
struct task *task_spawn(lua_State *L, struct engine *engine, int arguments);

/* The task that runs `L`. Raises a Lua error outside a task, and where a yield is impossible (inside
 * `require`, `string.gsub`, `table.sort` callbacks). Call it before starting an operation. */
struct task *task_from(lua_State *L);
/* The same, or NULL instead of an error. */
struct task *task_current(lua_State *L);

struct engine *task_engine(const struct task *task);
uv_loop_t *task_loop(const struct task *task);

/* Parks the running task. `done` continues it with `operation` as context: it frees the operation and returns
 * the results. From the allocation of the operation to this call nothing may raise. Use as `return
 * task_wait(...)`. */
int task_wait(struct task *task, void *operation, task_cancel_fn cancel, lua_KFunction done);

/* Queues the task that waits. Callbacks of the loop call this and nothing of Lua. */
void task_wake(struct task *task);

/* Ends the present wait (or, if the task is not waiting, its next one) with a cancellation. Finished: no
 * effect. */
void task_cancel(struct task *task);

/* From now on every instruction of the task's code fails: for code that goes on whatever is cancelled. */
void task_stop(struct task *task);

bool task_finished(const struct task *task);

/* For engine.c: resumes a queued task until it waits again or ends. */
void task_resume(struct task *task);

/* One waiter in the list of a finished-task or event notification. Lives in the waiting operation. */
struct task_waiter {
  struct task *task;         /* borrowed: the task that waits */
  struct task_waiter *next;  /* borrowed */
  struct task_waiter **link; /* the pointer that points here; NULL when in no list */
};
void task_waiter_add(struct task_waiter **list, struct task_waiter *waiter);
void task_waiter_remove(struct task_waiter *waiter);
/* Wakes and empties a list. */
void task_waiters_wake(struct task_waiter **list);

/* Adds `waiter` to those woken when `task` ends. */
void task_on_finish(struct task *task, struct task_waiter *waiter);

/* Pushes what the task ended with onto `L`: true and its results, or nil and an error. The task must be
 * finished. */
int task_push_results(const struct task *task, lua_State *L);

/* Name of the userdata's metatable. */
#define TASK_METATABLE "core.task"

#endif
