/* interrupt.h: SIGINT, SIGTERM and SIGHUP, told to a loop; and a way out when nobody comes back to the loop
 * to hear them.
 *
 * Code that runs without end (a loop in Lua, a call into C) hears no signal. When a second one comes and the
 * first has not been heard yet, nor is within half a second, `on_deaf` ends the process, in a thread of its
 * own. The main thread goes on meanwhile, for it cannot be stopped safely, but not beyond interrupts_pass: it
 * never gets back to the loop.
 *
 * There is one of these a process at a time. */
#ifndef CORE_INTERRUPT_H
#define CORE_INTERRUPT_H

#include "error.h"

#include <uv.h>

struct interrupts;

struct interrupt_listener {
  void (*on_signal)(void *data, int number); /* from the loop; signals that it hears together are one */
  void (*on_deaf)(void *data, int number);   /* must not return; from another thread than the loop's */
  void *data;                                /* borrowed */
};

/* NULL with `err` set when signals cannot be watched. SIGHUP is left alone where it was ignored (nohup).
 * Keeps no loop alive. */
struct interrupts *interrupts_open(uv_loop_t *loop, const struct interrupt_listener *listener,
                                   struct error *err);

/* For the loop's thread, whenever it comes from code that may take any time: does not return while `on_deaf`
 * ends the process. */
void interrupts_pass(const struct interrupts *interrupts);

/* From now on signals have no effect at all: the process is about to end by itself. Does not return, like
 * interrupts_pass, when it is being ended already. Accepts NULL. */
void interrupts_silence(struct interrupts *interrupts);

/* Signals do again what they did before. Accepts NULL; the loop has to run once more. */
void interrupts_close(struct interrupts *interrupts);

#endif
