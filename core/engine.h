/* engine.h: owns the loop, the Lua state and every task; runs tasks until the first one ends.
 *
 * One engine a process, passed down: there is no global. Subsystems that need one instance an engine (such as
 * the pool of connections) hang on it as an `engine_part`. */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "error.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct engine;
struct task;
struct task_waiter;
struct allowance;

/* Where a task hangs in the engine's lists. Embedded in struct task; only engine.c looks inside. */
struct engine_entry {
  struct task *task;          /* borrowed */
  struct engine_entry *next;  /* all tasks */
  struct engine_entry **link; /* the pointer that points here */
  struct engine_entry *queue; /* next in the ready queue */
  bool queued;
};

/* A loop, a Lua state with the standard libraries, the loader of built-in modules and `core` preloaded.
 * NULL with `err` set when that fails. */
struct engine *engine_new(struct error *err);

/* Runs `require(module).run(arguments)` as the first task. Returns the exit code that it returns; 1 with
 * `err` set when it fails, 130 when a signal ended it. Every other task is cancelled and finished before this
 * returns; one that waits again and again in spite of that is stopped with an error in the end. */
int engine_run(struct engine *engine, const char *module, int count, char *const *arguments,
               struct error *err);

/* Accepts NULL. Closes the Lua state first (finalizers may close handles), carries out the farewells that are
 * left (farewell.h), then drains and closes the loop. */
void engine_free(struct engine *engine);

uv_loop_t *engine_loop(struct engine *engine);
/* The main Lua thread: for registry access, never for running code. */
lua_State *engine_lua(struct engine *engine);
/* The engine of a Lua state, from any of its threads. */
struct engine *engine_from(lua_State *L);
struct allowance *engine_allowance(struct engine *engine);

void engine_add(struct engine *engine, struct engine_entry *entry, struct task *task);
void engine_remove(struct engine *engine, struct engine_entry *entry);
void engine_queue(struct engine *engine, struct engine_entry *entry);
bool engine_queued(const struct engine_entry *entry);

/* A task died for lack of memory. Whoever waits for it may never hear of that: the program ends, as if
 * interrupted. */
void engine_starve(struct engine *engine);

/* Wakes `waiter` at the next SIGINT, SIGTERM or SIGHUP; without any waiter a signal cancels every task.
 * Signals that come before the woken task ran count as that one. While code runs that does not return to the
 * loop, the second signal ends the process (interrupt.h), with its farewells, one line on stderr and exit
 * code 130 (SIGINT; 143, 129). */
void engine_on_signal(struct engine *engine, struct task_waiter *waiter);
/* For the woken task: the signal. */
int engine_take_signal(struct engine *engine);

/* A subsystem of which an engine has one, made on first use: `key` names it (the address of a static object),
 * `close` is called once by engine_free, before the loop is drained. */
typedef void (*engine_close_fn)(void *part);
void *engine_part(struct engine *engine, const void *key);
bool engine_part_add(struct engine *engine, const void *key, void *part, engine_close_fn close);

#endif
